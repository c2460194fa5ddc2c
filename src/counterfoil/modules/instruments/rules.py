"""The rules about instruments."""

from __future__ import annotations

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.checks import check_terms, is_class
from counterfoil.modules.instruments.facts import InstrumentAnnounced, RegistrarAppointed, TermsAmended
from counterfoil.modules.instruments.life import (
    ENDED,
    await_date,
    change_status,
    claim_equity_class,
    claim_identifiers,
    take_effect,
    terms_of,
    with_latest_version,
    with_registrar,
)
from counterfoil.modules.instruments.messages import (
    AmendTerms,
    AnnounceInstrument,
    AppointRegistrar,
    CancelInstrument,
    MatureInstrument,
    RedeemInstrument,
    ResumeInstrument,
    SuspendInstrument,
)
from counterfoil.modules.instruments.records import (
    PENDING_AMENDMENTS_MAX,
    SCALE_MAX,
    Instrument,
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    TermsVersion,
    equity_class_key,
    terms_key,
)
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.calendars import is_date
from counterfoil.primitives.currencies import is_currency, minor_unit
from counterfoil.primitives.outcome import Rejected

REGISTRARS = (Role.DEPOSITORY, Role.OPERATOR, Role.TRUSTEE, Role.CENTRAL_BANK)
"""Who keeps the reference data of securities."""
MONEY_REGISTRARS = (*REGISTRARS, Role.COMMERCIAL_BANK)
"""Who keeps the reference data of money tokens: whoever issues them may."""
MONEY_ISSUERS = (Role.TRUSTEE, Role.COMMERCIAL_BANK, Role.CENTRAL_BANK)


def announce(books: InstrumentsBooks, ask: AnnounceInstrument, context: ActionContext) -> None:
    """Put an instrument on record. Nothing can be issued of it before its registration takes effect."""
    is_money = ask.kind is InstrumentKind.MONEY_TOKEN
    books.parties.require_role(ask.registrar, *_registrars_of(ask.kind))
    books.parties.authorise(context, ask.registrar, AnnounceInstrument)
    books.parties.require_role(ask.issuer, *(MONEY_ISSUERS if is_money else (Role.ISSUER,)))
    books.markets.require(ask.market)
    if not is_currency(ask.currency):
        raise Rejected(InstrumentsReject.CURRENCY_IS_WRONG, currency=ask.currency[:20])
    if not 0 <= ask.scale <= SCALE_MAX:
        raise Rejected(InstrumentsReject.SCALE_IS_OUT_OF_RANGE, scale=ask.scale)
    if is_money and ask.scale < minor_unit(ask.currency):
        raise Rejected(InstrumentsReject.SCALE_IS_COARSER_THAN_THE_CURRENCY, scale=ask.scale)
    if is_money and ask.quantity_type is not QuantityType.UNITS:
        raise Rejected(InstrumentsReject.MONEY_COUNTS_UNITS)
    if not (is_class(ask.class_name) and is_class(ask.campaign)):
        raise Rejected(InstrumentsReject.CLASS_IS_MALFORMED)
    if len(ask.issuance_account) != 20:
        raise Rejected(InstrumentsReject.ISSUANCE_ACCOUNT_IS_MALFORMED)
    if ask.kind is InstrumentKind.EQUITY:
        taken = books.equity_classes.find(equity_class_key(ask.issuer, ask.class_name, ask.campaign))
        if taken is not None:
            raise Rejected(InstrumentsReject.EQUITY_CLASS_IS_TAKEN, instrument=taken.instrument_id)
    check_terms(books, ask.kind, ask.terms, b"")

    instrument_id = context.new_short_id()
    terms = ask.terms
    instrument = Instrument(
        kind=ask.kind,
        status=InstrumentStatus.ANNOUNCED,
        issuer=ask.issuer,
        registrar=ask.registrar,
        market=ask.market,
        class_name=ask.class_name,
        campaign=ask.campaign,
        currency=ask.currency,
        quantity_type=ask.quantity_type,
        scale=ask.scale,
        settlement_unit=terms.settlement_unit,
        minimum=terms.minimum,
        multiple=terms.multiple,
        rounding=terms.rounding,
        residue_account=terms.residue_account,
        maturity_date=terms.maturity_date,
        issuance_account=ask.issuance_account,
        handle=context.handle(instrument_id),
        terms_version=1,
        latest_version=1,
    )
    business_date = books.markets.business_date(ask.market)
    books.instruments.put(instrument_id, instrument)
    books.terms.put(terms_key(instrument_id, 1), TermsVersion(business_date, context.time_ms, terms))
    claim_identifiers(books, instrument_id, terms, now=True)
    claim_equity_class(books, instrument_id, instrument)
    fact = InstrumentAnnounced(
        instrument_id=instrument_id, issuer=ask.issuer, registrar=ask.registrar, terms=terms
    )
    context.tell(fact, PUBLIC)


def amend_terms(books: InstrumentsBooks, ask: AmendTerms, context: ActionContext) -> None:
    """Accept other terms as the next version; they take effect when the business date reaches theirs."""
    instrument = _require_living(books, ask.instrument_id)
    books.parties.authorise(context, instrument.registrar, AmendTerms)
    today = books.markets.business_date(instrument.market)
    if not is_date(ask.effective_from) or ask.effective_from < today:
        raise Rejected(
            InstrumentsReject.EFFECTIVE_DATE_IS_WRONG, date=ask.effective_from, business_date=today
        )
    latest = terms_of(books, ask.instrument_id, instrument.latest_version)
    if ask.effective_from < latest.effective_from:
        raise Rejected(
            InstrumentsReject.EFFECTIVE_DATE_IS_BEFORE_A_PENDING_ONE,
            date=ask.effective_from,
            pending=latest.effective_from,
        )
    if instrument.latest_version - instrument.terms_version >= PENDING_AMENDMENTS_MAX:
        raise Rejected(InstrumentsReject.TOO_MANY_PENDING_AMENDMENTS)
    check_terms(books, instrument.kind, ask.terms, ask.instrument_id)

    version = instrument.latest_version + 1
    accepted = TermsVersion(ask.effective_from, context.time_ms, ask.terms)
    books.terms.put(terms_key(ask.instrument_id, version), accepted)
    claim_identifiers(books, ask.instrument_id, ask.terms, now=False)
    instrument = with_latest_version(instrument, version)
    books.instruments.put(ask.instrument_id, instrument)
    fact = TermsAmended(
        instrument_id=ask.instrument_id,
        version=version,
        effective_from=ask.effective_from,
        terms=ask.terms,
    )
    context.tell(fact, PUBLIC)
    if ask.effective_from <= today and version == instrument.terms_version + 1:
        take_effect(books, context, ask.instrument_id, instrument, version)
    else:
        await_date(books, instrument.market, ask.effective_from, ask.instrument_id, version)


def suspend(books: InstrumentsBooks, ask: SuspendInstrument, context: ActionContext) -> None:
    """Stop all movement of an active instrument."""
    instrument = _require(books, ask.instrument_id)
    if ask.authority != instrument.registrar and not books.parties.has_role(ask.authority, Role.REGULATOR):
        raise Rejected(InstrumentsReject.AUTHORITY_MAY_NOT_SUSPEND, authority=ask.authority)
    books.parties.authorise(context, ask.authority, SuspendInstrument)
    if instrument.status is not InstrumentStatus.ACTIVE:
        raise Rejected(InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE, status=instrument.status.name)

    change_status(books, context, ask.instrument_id, instrument, InstrumentStatus.SUSPENDED, by=ask.authority)


def resume(books: InstrumentsBooks, ask: ResumeInstrument, context: ActionContext) -> None:
    """Let a suspended instrument move again."""
    instrument = _require(books, ask.instrument_id)
    if instrument.status is not InstrumentStatus.SUSPENDED:
        raise Rejected(InstrumentsReject.INSTRUMENT_IS_NOT_SUSPENDED, status=instrument.status.name)
    if ask.authority != instrument.suspended_by and not books.parties.has_role(ask.authority, Role.REGULATOR):
        raise Rejected(InstrumentsReject.AUTHORITY_MAY_NOT_RESUME, authority=ask.authority)
    books.parties.authorise(context, ask.authority, ResumeInstrument)

    change_status(books, context, ask.instrument_id, instrument, InstrumentStatus.ACTIVE, by=ask.authority)


def mature(books: InstrumentsBooks, ask: MatureInstrument, context: ActionContext) -> None:
    """Record that an instrument has reached its maturity date."""
    instrument = _require(books, ask.instrument_id)
    books.parties.authorise(context, instrument.registrar, MatureInstrument)
    if instrument.status not in (InstrumentStatus.ACTIVE, InstrumentStatus.SUSPENDED):
        raise Rejected(InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION, status=instrument.status.name)
    today = books.markets.business_date(instrument.market)
    if not instrument.maturity_date or today < instrument.maturity_date:
        raise Rejected(
            InstrumentsReject.INSTRUMENT_HAS_NOT_MATURED,
            maturity_date=instrument.maturity_date,
            business_date=today,
        )

    change_status(
        books, context, ask.instrument_id, instrument, InstrumentStatus.MATURED, by=instrument.registrar
    )


def redeem(books: InstrumentsBooks, ask: RedeemInstrument, context: ActionContext) -> None:
    """Record the end of a matured instrument of which nothing is held any more."""
    instrument = _require(books, ask.instrument_id)
    books.parties.authorise(context, instrument.registrar, RedeemInstrument)
    if instrument.status is not InstrumentStatus.MATURED:
        raise Rejected(InstrumentsReject.INSTRUMENT_IS_NOT_MATURED, status=instrument.status.name)
    outstanding = books.outstanding(ask.instrument_id)
    if outstanding:
        raise Rejected(InstrumentsReject.INSTRUMENT_IS_OUTSTANDING, outstanding=outstanding)

    change_status(
        books, context, ask.instrument_id, instrument, InstrumentStatus.REDEEMED, by=instrument.registrar
    )


def cancel(books: InstrumentsBooks, ask: CancelInstrument, context: ActionContext) -> None:
    """Withdraw an announcement."""
    instrument = _require(books, ask.instrument_id)
    books.parties.authorise(context, instrument.registrar, CancelInstrument)
    if instrument.status is not InstrumentStatus.ANNOUNCED:
        raise Rejected(InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED, status=instrument.status.name)

    change_status(
        books, context, ask.instrument_id, instrument, InstrumentStatus.CANCELLED, by=instrument.registrar
    )


def appoint_registrar(books: InstrumentsBooks, ask: AppointRegistrar, context: ActionContext) -> None:
    """Whatever is the registrar's is asked of the new one from the next message on.

    A regulator takes an instrument from no registrar that is active: it has to stop that one first, before everybody.
    """
    instrument = _require_living(books, ask.instrument_id)
    parties, present = books.parties, instrument.registrar
    if ask.authority != present and (
        not parties.has_role(ask.authority, Role.REGULATOR) or parties.is_active(present)
    ):
        raise Rejected(
            InstrumentsReject.AUTHORITY_MAY_NOT_APPOINT, authority=ask.authority, registrar=present
        )
    parties.authorise(context, ask.authority, AppointRegistrar)
    if ask.registrar == present:
        raise Rejected(InstrumentsReject.REGISTRAR_KEEPS_THE_INSTRUMENT, registrar=present)
    parties.require_role(ask.registrar, *_registrars_of(instrument.kind))
    parties.authorise(context, ask.registrar, AppointRegistrar)

    books.instruments.put(ask.instrument_id, with_registrar(instrument, ask.registrar))
    fact = RegistrarAppointed(
        instrument_id=ask.instrument_id, before=present, registrar=ask.registrar, authority=ask.authority
    )
    context.tell(fact, PUBLIC)


def _registrars_of(kind: InstrumentKind) -> tuple[Role, ...]:
    return MONEY_REGISTRARS if kind is InstrumentKind.MONEY_TOKEN else REGISTRARS


def _require(books: InstrumentsBooks, instrument_id: bytes) -> Instrument:
    instrument = books.instruments.find(instrument_id)
    if instrument is None:
        raise Rejected(InstrumentsReject.INSTRUMENT_NOT_FOUND, instrument=instrument_id)
    return instrument


def _require_living(books: InstrumentsBooks, instrument_id: bytes) -> Instrument:
    instrument = _require(books, instrument_id)
    if instrument.status in ENDED:
        raise Rejected(InstrumentsReject.INSTRUMENT_HAS_ENDED, status=instrument.status.name)
    return instrument
