"""Instruments in dictionaries: announced, registered, amended, suspended, ended."""

from __future__ import annotations

import re
from typing import Any

from counterfoil.modules.instruments.records import (
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    due_key,
    equity_class_key,
    identifier_key,
    terms_key,
)
from counterfoil.modules.instruments.rejects import InstrumentsReject as Reject
from counterfoil.modules.parties.records import Role
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.currencies import is_currency, minor_unit
from counterfoil.primitives.identifiers import is_cfi, is_isin
from tests.model.core import EVERY, Action, Item, demand
from tests.model.markets_model import MarketsModel, day_of

REGISTRARS = (Role.DEPOSITORY, Role.OPERATOR, Role.TRUSTEE, Role.CENTRAL_BANK)
MONEY_ISSUERS = (Role.TRUSTEE, Role.COMMERCIAL_BANK, Role.CENTRAL_BANK)
MONEY = InstrumentKind.MONEY_TOKEN
STATUS = InstrumentStatus
ENDED = (STATUS.REDEEMED, STATUS.CANCELLED)
REGISTERED = (STATUS.ACTIVE, STATUS.SUSPENDED, STATUS.MATURED)
CFI = {
    InstrumentKind.EQUITY: "E",
    InstrumentKind.BOND: "D",
    InstrumentKind.FUND_UNIT: "C",
    InstrumentKind.RIGHT: "R",
}
IN_FORCE = ("settlement_unit", "minimum", "multiple", "rounding", "residue_account", "maturity_date")
"""Those terms that the instrument itself repeats."""


class InstrumentsModel(MarketsModel):
    """Tables 40 instruments, 41 terms, 42 identifiers, 43 equity classes, 44 amendments due, 45 how many."""

    def instrument(self, identity: bytes) -> Any:
        found = self.tables[40].get(identity)
        demand(found is not None, Reject.INSTRUMENT_NOT_FOUND)
        return found

    def active_instrument(self, identity: bytes) -> Any:
        found = self.instrument(identity)
        demand(found.status is STATUS.ACTIVE, Reject.INSTRUMENT_IS_NOT_ACTIVE)
        return found

    def check_quantity(self, instrument: Any, quantity: int) -> None:
        demand(quantity > 0, Reject.QUANTITY_IS_NOT_POSITIVE)
        demand(quantity <= AMOUNT_MAX, Reject.QUANTITY_IS_TOO_LARGE)
        whole = quantity % instrument.settlement_unit == 0
        demand(whole, Reject.QUANTITY_IS_NOT_WHOLE_SETTLEMENT_UNITS)
        demand(quantity >= instrument.minimum, Reject.QUANTITY_IS_BELOW_THE_MINIMUM)
        steps = (quantity - instrument.minimum) % instrument.multiple == 0
        demand(steps, Reject.QUANTITY_IS_NOT_A_MULTIPLE)

    def check_terms(self, kind: InstrumentKind, terms: Any, identity: bytes) -> None:
        demand(0 < len(terms.name) <= 140 and clean(terms.name), Reject.NAME_IS_MALFORMED)
        fisn = r"[A-Z0-9][A-Z0-9 .&'%+-]{0,14}/[A-Z0-9 .,&'%+/-]{1,19}"
        demand(not terms.fisn or re.fullmatch(fisn, terms.fisn), Reject.FISN_IS_MALFORMED)
        demand(not terms.cfi or is_cfi(terms.cfi), Reject.CFI_IS_WRONG)
        demand(not terms.cfi or terms.cfi[0] == CFI.get(kind), Reject.CFI_DOES_NOT_FIT_THE_KIND)
        demand(len(terms.identifiers) <= 16, Reject.TOO_MANY_IDENTIFIERS)
        demand(terms.identifiers or kind is MONEY, Reject.IDENTIFIER_IS_MISSING)
        schemes: list[str] = []
        for one in terms.identifiers:
            fine = re.fullmatch("[A-Z0-9]{1,12}", one.scheme) and re.fullmatch("[!-~]{1,35}", one.value)
            demand(fine, Reject.IDENTIFIER_IS_MALFORMED)
            demand(one.scheme != "ISIN" or is_isin(one.value), Reject.ISIN_IS_WRONG)
            demand(one.scheme not in schemes, Reject.SCHEME_REPEATS)
            schemes.append(one.scheme)
            use = self.tables[42].get(identifier_key(one.scheme, one.value))
            demand(use is None or use.instrument_id == identity, Reject.IDENTIFIER_IS_TAKEN)
        fine = all(1 <= size <= AMOUNT_MAX for size in (terms.settlement_unit, terms.minimum, terms.multiple))
        demand(fine, Reject.DENOMINATION_IS_OUT_OF_RANGE)
        demand(len(terms.residue_account) in (0, 20), Reject.RESIDUE_ACCOUNT_IS_MALFORMED)
        demand(not terms.maturity_date or day_of(terms.maturity_date), Reject.MATURITY_IS_NO_DATE)
        fine = 0 <= terms.nominal <= AMOUNT_MAX and 0 <= terms.nominal_scale <= 12
        demand(fine, Reject.NOMINAL_IS_OUT_OF_RANGE)
        demand(len(terms.document_hash) in (0, 32), Reject.DOCUMENT_HASH_IS_MALFORMED)

    def AnnounceInstrument(self, ask: Any, action: Action) -> None:
        money = ask.kind is MONEY
        self.with_role(ask.registrar, *REGISTRARS, *([Role.COMMERCIAL_BANK] if money else []))
        self.authorise(action, ask.registrar, ask)
        self.with_role(ask.issuer, *(MONEY_ISSUERS if money else (Role.ISSUER,)))
        today = self.market(ask.market).business_date
        demand(is_currency(ask.currency), Reject.CURRENCY_IS_WRONG)
        demand(0 <= ask.scale <= 12, Reject.SCALE_IS_OUT_OF_RANGE)
        coarse = money and ask.scale < minor_unit(ask.currency)
        demand(not coarse, Reject.SCALE_IS_COARSER_THAN_THE_CURRENCY)
        demand(not money or ask.quantity_type is QuantityType.UNITS, Reject.MONEY_COUNTS_UNITS)
        fine = all(len(text) <= 64 and clean(text) for text in (ask.class_name, ask.campaign))
        demand(fine, Reject.CLASS_IS_MALFORMED)
        demand(len(ask.issuance_account) == 20, Reject.ISSUANCE_ACCOUNT_IS_MALFORMED)
        equity = ask.kind is InstrumentKind.EQUITY
        class_key = equity_class_key(ask.issuer, ask.class_name, ask.campaign)
        demand(not equity or class_key not in self.tables[43], Reject.EQUITY_CLASS_IS_TAKEN)
        self.check_terms(ask.kind, ask.terms, b"")
        identity = action.new_short_id()
        self.tables[40][identity] = Item(
            kind=ask.kind,
            status=STATUS.ANNOUNCED,
            issuer=ask.issuer,
            registrar=ask.registrar,
            market=ask.market,
            class_name=ask.class_name,
            campaign=ask.campaign,
            currency=ask.currency,
            quantity_type=ask.quantity_type,
            scale=ask.scale,
            issuance_account=ask.issuance_account,
            terms_version=1,
            latest_version=1,
            suspended_by=b"",
            **{name: getattr(ask.terms, name) for name in IN_FORCE},
        )
        self.tables[41][terms_key(identity, 1)] = Item(
            effective_from=today, accepted_time_ms=self.time_ms, terms=ask.terms
        )
        if equity:
            self.tables[43][class_key] = Item(instrument_id=identity)
        self.name_anew(identity)

    def name_anew(self, identity: bytes) -> None:
        """Identifiers of the terms in force are in force, those of pending ones reserved, others free."""
        for key in [key for key, use in self.tables[42].items() if use.instrument_id == identity]:
            del self.tables[42][key]
        instrument = self.tables[40][identity]
        if instrument.status in ENDED:
            return
        for version in range(instrument.latest_version, instrument.terms_version - 1, -1):
            for one in self.tables[41][terms_key(identity, version)].terms.identifiers:
                self.tables[42][identifier_key(one.scheme, one.value)] = Item(
                    instrument_id=identity, in_force=version == instrument.terms_version
                )

    def AmendTerms(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        demand(instrument.status not in ENDED, Reject.INSTRUMENT_HAS_ENDED)
        self.authorise(action, instrument.registrar, ask)
        today = self.market(instrument.market).business_date
        fine = day_of(ask.effective_from) and ask.effective_from >= today
        demand(fine, Reject.EFFECTIVE_DATE_IS_WRONG)
        latest = self.tables[41][terms_key(ask.instrument_id, instrument.latest_version)].effective_from
        demand(ask.effective_from >= latest, Reject.EFFECTIVE_DATE_IS_BEFORE_A_PENDING_ONE)
        pending = instrument.latest_version - instrument.terms_version
        demand(pending < 16, Reject.TOO_MANY_PENDING_AMENDMENTS)
        self.check_terms(instrument.kind, ask.terms, ask.instrument_id)
        instrument.latest_version += 1
        version = instrument.latest_version
        self.tables[41][terms_key(ask.instrument_id, version)] = Item(
            effective_from=ask.effective_from, accepted_time_ms=self.time_ms, terms=ask.terms
        )
        if ask.effective_from <= today and not pending:
            self.put_in_force(ask.instrument_id)
        else:
            key = due_key(instrument.market, ask.effective_from, ask.instrument_id, version)
            self.tables[44][key] = Item()
        self.name_anew(ask.instrument_id)

    def put_in_force(self, identity: bytes) -> None:
        instrument = self.tables[40][identity]
        instrument.terms_version += 1
        terms = self.tables[41][terms_key(identity, instrument.terms_version)].terms
        for name in IN_FORCE:
            setattr(instrument, name, getattr(terms, name))
        self.name_anew(identity)

    def put_terms_into_force(self) -> None:
        for key in sorted(self.tables[44]):
            today = self.market(key[:4].decode()).business_date
            if int.from_bytes(key[4:8], "big") <= today:
                del self.tables[44][key]
                self.put_in_force(key[8:28])

    def end_instrument(self, identity: bytes, status: InstrumentStatus) -> None:
        instrument = self.tables[40][identity]
        instrument.status, instrument.suspended_by = status, b""
        if status in ENDED:
            for key in [key for key in self.tables[44] if key[8:28] == identity]:
                del self.tables[44][key]
            for key in [key for key, one in self.tables[43].items() if one.instrument_id == identity]:
                del self.tables[43][key]
            self.name_anew(identity)

    def SuspendInstrument(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        may = ask.authority == instrument.registrar or self.has_role(ask.authority, Role.REGULATOR)
        demand(may, Reject.AUTHORITY_MAY_NOT_SUSPEND)
        self.authorise(action, ask.authority, ask)
        demand(instrument.status is STATUS.ACTIVE, Reject.INSTRUMENT_IS_NOT_ACTIVE)
        instrument.status, instrument.suspended_by = STATUS.SUSPENDED, ask.authority

    def ResumeInstrument(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        demand(instrument.status is STATUS.SUSPENDED, Reject.INSTRUMENT_IS_NOT_SUSPENDED)
        may = ask.authority == instrument.suspended_by or self.has_role(ask.authority, Role.REGULATOR)
        demand(may, Reject.AUTHORITY_MAY_NOT_RESUME)
        self.authorise(action, ask.authority, ask)
        instrument.status, instrument.suspended_by = STATUS.ACTIVE, b""
        action.credited.append(EVERY + ask.instrument_id)

    def MatureInstrument(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        self.authorise(action, instrument.registrar, ask)
        alive = instrument.status in (STATUS.ACTIVE, STATUS.SUSPENDED)
        demand(alive, Reject.INSTRUMENT_HAS_NO_REGISTRATION)
        today = self.market(instrument.market).business_date
        due = instrument.maturity_date and today >= instrument.maturity_date
        demand(due, Reject.INSTRUMENT_HAS_NOT_MATURED)
        self.end_instrument(ask.instrument_id, STATUS.MATURED)

    def RedeemInstrument(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        self.authorise(action, instrument.registrar, ask)
        demand(instrument.status is STATUS.MATURED, Reject.INSTRUMENT_IS_NOT_MATURED)
        demand(not self.outstanding(ask.instrument_id), Reject.INSTRUMENT_IS_OUTSTANDING)
        self.end_instrument(ask.instrument_id, STATUS.REDEEMED)

    def CancelInstrument(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        self.authorise(action, instrument.registrar, ask)
        demand(instrument.status is STATUS.ANNOUNCED, Reject.INSTRUMENT_IS_NOT_ANNOUNCED)
        self.end_instrument(ask.instrument_id, STATUS.CANCELLED)

    def AppointRegistrar(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        demand(instrument.status not in ENDED, Reject.INSTRUMENT_HAS_ENDED)
        if ask.authority != instrument.registrar:
            replaces = self.has_role(ask.authority, Role.REGULATOR) and not self.is_active(
                instrument.registrar
            )
            demand(replaces, Reject.AUTHORITY_MAY_NOT_APPOINT)
        self.authorise(action, ask.authority, ask)
        demand(ask.registrar != instrument.registrar, Reject.REGISTRAR_KEEPS_THE_INSTRUMENT)
        banks = [Role.COMMERCIAL_BANK] if instrument.kind is MONEY else []
        self.with_role(ask.registrar, *REGISTRARS, *banks)
        self.authorise(action, ask.registrar, ask)
        if instrument.suspended_by == instrument.registrar:
            instrument.suspended_by = ask.registrar
        instrument.registrar = ask.registrar


def clean(text: str) -> bool:
    return text == text.strip(" ") and not any(ord(one) < 32 or ord(one) == 127 for one in text)
