"""Issues and money in dictionaries: registrations and placings, bank entries, supplies and redemptions."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.cash.records import EntryKind, bank_entry_key, supply_key
from counterfoil.modules.cash.rejects import CashReject
from counterfoil.modules.holdings.records import AccountKind, EarmarkReason
from counterfoil.modules.instruments.records import InstrumentKind, InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.issuance.records import RegistrationAct
from counterfoil.modules.issuance.rejects import IssuanceReject as Reject
from counterfoil.modules.markets.records import RegistrationApprover as Approver
from counterfoil.modules.parties.records import Role
from counterfoil.primitives.codec import AMOUNT_MAX
from tests.model.core import Action, Item, demand
from tests.model.holdings_model import HoldingsModel
from tests.model.instruments_model import REGISTERED
from tests.model.markets_model import day_of

MONEY = InstrumentKind.MONEY_TOKEN
STATUS = InstrumentStatus
ACT = RegistrationAct
ROLES = {
    Approver.REGULATOR: Role.REGULATOR,
    Approver.NOTARY: Role.NOTARY,
    Approver.TRUSTEE: Role.TRUSTEE,
    Approver.OPERATOR: Role.OPERATOR,
}


def visible(text: str, most: int) -> bool:
    return 0 < len(text) <= most and all(33 <= ord(one) <= 126 for one in text)


class IssuesModel(HoldingsModel):
    """Tables 60 issues, 61 registrations, 62 placings, 70 bank entries, 71 supplies, 72 redemptions."""

    # Registration

    def check_registration(self, ask: Any, action: Action, quantity: int) -> Any:
        demand(len(ask.papers) == 32, Reject.PAPERS_HASH_IS_MALFORMED)
        instrument = self.tables[40][ask.instrument_id]
        policy = self.rulebook(instrument.market).registration_policy
        demand(len(ask.approvers) == len(policy), Reject.APPROVERS_DO_NOT_FIT_THE_POLICY)
        demand(len(set(ask.approvers)) == len(policy), Reject.APPROVER_REPEATS)
        for kind, party in zip(policy, ask.approvers, strict=True):
            fits = self.fits(instrument, kind, party)
            demand(fits, Reject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES)
        for party in ask.approvers:
            self.authorise(action, party, ask, b"", quantity)
        fresh = ask.instrument_id + ask.papers not in self.tables[61]
        demand(fresh, Reject.PAPERS_ARE_USED)
        return instrument

    def fits(self, instrument: Any, kind: Approver, party: bytes) -> bool:
        operator = self.market(instrument.market).operator
        if kind in (Approver.ISSUER, Approver.ADMINISTRATOR):
            return bool(party == (instrument.issuer if kind is Approver.ISSUER else operator))
        if not self.has_role(party, ROLES[kind]):
            return False
        if kind is not Approver.OPERATOR:
            return True
        parent = self.party(instrument.issuer).parent
        return party in (operator, parent) or not self.has_role(parent, Role.OPERATOR)

    def check_treasury(self, instrument: Any, identity: bytes) -> None:
        account = self.account(identity)
        fine = account.kind is AccountKind.TREASURY and account.owner == instrument.issuer
        demand(fine, Reject.ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY)

    def check_security(self, instrument: Any) -> None:
        demand(instrument.kind is not MONEY, Reject.MONEY_IS_ONLY_MINTED)

    def issue_before(self, identity: bytes) -> Any:
        found = self.tables[60].get(identity)
        return found or Item(registered=self.outstanding(identity), ended=0, acts=0, last=ACT.INITIAL)

    def register(self, ask: Any, issue: Any, act: RegistrationAct, quantity: int) -> None:
        begins = act in (ACT.INITIAL, ACT.FURTHER)
        registered, ended = issue.registered + quantity * begins, issue.ended + quantity * (not begins)
        if registered > AMOUNT_MAX:
            registered, ended = registered - ended, 0
        number = issue.acts + 1
        self.tables[60][ask.instrument_id] = Item(registered=registered, ended=ended, acts=number, last=act)
        if not self.outstanding(ask.instrument_id):
            for key in [key for key in self.tables[62] if key[:20] == ask.instrument_id]:
                del self.tables[62][key]
        market = self.tables[40][ask.instrument_id].market
        self.tables[61][ask.instrument_id + ask.papers] = Item(
            number=number,
            act=act,
            quantity=quantity,
            business_date=self.market(market).business_date,
            height=self.height,
            approvers=ask.approvers,
        )

    def RegisterIssue(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        announced = instrument.status is STATUS.ANNOUNCED
        demand(announced, InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED)
        self.check_registration(ask, action, ask.quantity)
        if instrument.kind is MONEY:
            demand(not ask.quantity and not ask.treasury_account, Reject.MONEY_IS_ONLY_MINTED)
        else:
            self.issue_into_treasury(ask, action, instrument)
        instrument.status = STATUS.ACTIVE
        nothing = Item(registered=0, ended=0, acts=0, last=ACT.INITIAL)
        self.register(ask, nothing, ACT.INITIAL, ask.quantity)

    def issue_into_treasury(self, ask: Any, action: Action, instrument: Any) -> None:
        self.check_quantity(instrument, ask.quantity)
        self.check_treasury(instrument, ask.treasury_account)
        self.check_use(ask.treasury_account, debit=False)
        self.issue(action, ask.instrument_id, ask.treasury_account, ask.quantity)

    def RegisterFurtherIssue(self, ask: Any, action: Action) -> None:
        instrument = self.active_instrument(ask.instrument_id)
        self.check_registration(ask, action, ask.quantity)
        self.check_security(instrument)
        issue = self.issue_before(ask.instrument_id)
        self.issue_into_treasury(ask, action, instrument)
        self.register(ask, issue, ACT.FURTHER, ask.quantity)

    def RegisterReduction(self, ask: Any, action: Action) -> None:
        instrument = self.active_instrument(ask.instrument_id)
        self.check_registration(ask, action, ask.quantity)
        self.check_security(instrument)
        self.check_quantity(instrument, ask.quantity)
        self.check_treasury(instrument, ask.treasury_account)
        self.check_debit(ask.treasury_account, ask.instrument_id, ask.quantity)
        issue = self.issue_before(ask.instrument_id)
        self.redeem(ask.instrument_id, ask.treasury_account, ask.quantity)
        self.register(ask, issue, ACT.REDUCTION, ask.quantity)

    def check_list(self, ask: Any) -> None:
        demand(0 < len(ask.lines) <= 1_000, Reject.LINES_ARE_NOT_IN_RANGE)
        demand(len({line.account_id for line in ask.lines}) == len(ask.lines), Reject.ACCOUNT_REPEATS)
        demand(sum(line.quantity for line in ask.lines) == ask.total, Reject.CONTROL_TOTAL_DIFFERS)

    def RegisterRedemption(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        demand(instrument.status is STATUS.MATURED, Reject.INSTRUMENT_HAS_NOT_MATURED)
        self.check_registration(ask, action, ask.total)
        self.check_security(instrument)
        self.check_list(ask)
        for line in ask.lines:
            self.account(line.account_id)
            self.check_debit(line.account_id, ask.instrument_id, line.quantity)
        issue = self.issue_before(ask.instrument_id)
        for line in ask.lines:
            self.redeem(ask.instrument_id, line.account_id, line.quantity)
        self.register(ask, issue, ACT.REDEMPTION, ask.total)

    def RegisterExit(self, ask: Any, action: Action) -> None:
        instrument = self.instrument(ask.instrument_id)
        registered = instrument.status in REGISTERED
        demand(registered, InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION)
        issue, outstanding = self.issue_before(ask.instrument_id), self.outstanding(ask.instrument_id)
        self.check_registration(ask, action, outstanding)
        demand(not self.encumbered(ask.instrument_id), Reject.ISSUE_IS_ENCUMBERED)
        if outstanding:
            self.check_security(instrument)
            self.check_treasury(instrument, ask.treasury_account)
            whole = self.balance(ask.treasury_account, ask.instrument_id)[0] == outstanding
            demand(whole, Reject.ISSUE_IS_HELD_OUTSIDE_THE_TREASURY)
            self.check_debit(ask.treasury_account, ask.instrument_id, outstanding)
            self.redeem(ask.instrument_id, ask.treasury_account, outstanding)
        matured = instrument.status is STATUS.MATURED
        self.end_instrument(ask.instrument_id, STATUS.REDEEMED if matured else STATUS.CANCELLED)
        self.register(ask, issue, ACT.EXIT, outstanding)

    def Allot(self, ask: Any, action: Action) -> None:
        instrument = self.active_instrument(ask.instrument_id)
        self.check_security(instrument)
        source = self.account_unless_hidden(action, ask.source_account)
        self.authorise_account(action, ask.source_account, ask, ask.total)
        demand(len(ask.papers) == 32, Reject.PAPERS_HASH_IS_MALFORMED)
        demand(visible(ask.reference, 35), Reject.REFERENCE_IS_MALFORMED)
        self.check_list(ask)
        placings, place = self.tables[62], ask.instrument_id + ask.source_account
        treasury = source.kind is AccountKind.TREASURY and source.owner == instrument.issuer
        if not treasury:
            demand(place in placings, Reject.SOURCE_MAY_NOT_ALLOT)
            demand(not ask.to_underwriters, Reject.ONLY_THE_TREASURY_ALLOTS_TO_UNDERWRITERS)
            left = placings[place].allotted - placings[place].placed
            demand(ask.total <= left, Reject.MORE_THAN_WAS_ALLOTTED)
        for line in ask.lines:
            self.check_quantity(instrument, line.quantity)
            target = self.account(line.account_id)
            self.check_use(line.account_id, debit=False)
            self.check_holders(line.account_id)
            underwriter = self.has_role(target.owner, Role.SECURITIES_COMPANY, Role.COMMERCIAL_BANK)
            demand(not ask.to_underwriters or underwriter, Reject.ACCOUNT_IS_NOT_AN_UNDERWRITERS)
        self.check_debit(ask.source_account, ask.instrument_id, ask.total)
        fresh = self.use_reference(b"allotment", ask.source_account, ask.reference.encode())
        demand(fresh, Reject.REFERENCE_IS_USED)
        action.new_id()
        for line in ask.lines:
            self.move(action, ask.instrument_id, ask.source_account, line.account_id, line.quantity)
            if ask.to_underwriters:
                placing = placings.setdefault(ask.instrument_id + line.account_id, Item(allotted=0, placed=0))
                placing.allotted += line.quantity
        if not treasury:
            placings[place].placed += ask.total
            if placings[place].placed == placings[place].allotted:
                del placings[place]

    # Money

    def token(self, identity: bytes) -> Any:
        found = self.active_instrument(identity)
        demand(found.kind is MONEY, CashReject.INSTRUMENT_IS_NOT_MONEY)
        return found

    def check_entry(self, ask: Any) -> None:
        demand(visible(ask.bank_entry, 70), CashReject.BANK_ENTRY_IS_MALFORMED)
        demand(day_of(ask.booking_date), CashReject.BOOKING_DATE_IS_NO_DATE)

    def supply(self, identity: bytes) -> Any:
        token = self.tables[40][identity]
        found = self.tables[71].get(supply_key(token.issuer, token.currency))
        return found or Item(
            token=identity, founded=self.outstanding(identity), deposited=0, paid=0, requested=0
        )

    def own_supply(self, identity: bytes) -> Any:
        found = self.supply(identity)
        if found.token == identity:
            return found
        exhausted = found.founded + found.deposited <= found.paid
        demand(exhausted, CashReject.ANOTHER_TOKEN_HAS_THE_CURRENCY)
        return Item(token=identity, founded=0, deposited=0, paid=0, requested=0)

    def keep_supply(self, identity: bytes, supply: Any) -> None:
        token = self.tables[40][identity]
        if max(supply.deposited, supply.paid) > AMOUNT_MAX:
            lower = min(supply.deposited, supply.paid)
            supply.deposited, supply.paid = supply.deposited - lower, supply.paid - lower
        self.tables[71][supply_key(token.issuer, token.currency)] = supply

    def Mint(self, ask: Any, action: Action) -> None:
        token = self.token(ask.instrument_id)
        self.authorise(action, token.issuer, ask, ask.account_id, ask.amount)
        self.check_entry(ask)
        self.check_quantity(token, ask.amount)
        self.account(ask.account_id)
        self.check_use(ask.account_id, debit=False)
        key = bank_entry_key(token.issuer, ask.bank_entry)
        demand(key not in self.tables[70], CashReject.BANK_ENTRY_IS_USED)
        supply = self.own_supply(ask.instrument_id)
        self.issue(action, ask.instrument_id, ask.account_id, ask.amount)
        self.tables[70][key] = self.entry(
            ask, EntryKind.DEPOSIT, ask.instrument_id, ask.account_id, ask.amount
        )
        supply.deposited += ask.amount
        self.keep_supply(ask.instrument_id, supply)

    def entry(
        self, ask: Any, kind: EntryKind, token: bytes, account: bytes, amount: int, cause: bytes = b""
    ) -> Item:
        return Item(
            kind=kind,
            token=token,
            account_id=account,
            amount=amount,
            booking_date=ask.booking_date,
            height=self.height,
            cause=cause,
        )

    def RequestRedemption(self, ask: Any, action: Action) -> None:
        token, account, amount = self.token(ask.instrument_id), ask.account_id, ask.amount
        self.account_unless_hidden(action, account)
        self.authorise_account(action, account, ask, amount)
        demand(visible(ask.reference, 35), CashReject.REFERENCE_IS_MALFORMED)
        demand(len(ask.payee_hash) in (0, 32), CashReject.PAYEE_HASH_IS_MALFORMED)
        self.check_quantity(token, amount)
        self.check_debit(account, ask.instrument_id, amount)
        supply = self.own_supply(ask.instrument_id)
        fresh = self.use_reference(b"redemption", account, ask.reference.encode())
        demand(fresh, CashReject.REFERENCE_IS_USED)
        identity = action.new_id()
        earmark = self.earmark(
            action, account, ask.instrument_id, amount, EarmarkReason.REDEMPTION, identity, identity
        )
        self.tables[72][identity] = Item(
            token=ask.instrument_id,
            account_id=account,
            amount=amount,
            earmark_id=earmark,
            reference=ask.reference,
            payee_hash=ask.payee_hash,
            requested_ms=self.time_ms,
            business_date=self.market(token.market).business_date,
        )
        supply.requested += amount
        self.keep_supply(ask.instrument_id, supply)

    def redemption(self, identity: bytes) -> Any:
        found = self.tables[72].get(identity)
        demand(found is not None, CashReject.REDEMPTION_NOT_FOUND)
        return found

    def lapse_redemptions(self) -> None:
        """What is not answered for as long as the token's market keeps it, the earliest first."""
        due = []
        for identity, one in self.tables[72].items():
            market = self.tables[40][one.token].market
            if self.market_is_open(market) and one.business_date < self.recycled_from(market):
                due.append((market.encode(), one.business_date, identity))
        for _, _, identity in sorted(due):
            self.act(lambda action, identity=identity: self.give_back(action, identity))

    def give_back(self, action: Action, identity: bytes) -> None:
        found = self.tables[72].pop(identity)
        self.release(action, found.earmark_id)
        supply = self.supply(found.token)
        supply.requested -= found.amount
        self.keep_supply(found.token, supply)

    def known_redemption(self, action: Action, identity: bytes) -> Any:
        found = self.redemption(identity)
        account, issuer = self.tables[51][found.account_id], self.tables[40][found.token].issuer
        known = self.is_known(action, account) or self.is_spoken_for(action, issuer)
        demand(known, CashReject.REDEMPTION_NOT_FOUND)
        return found

    def PayRedemption(self, ask: Any, action: Action) -> None:
        found = self.known_redemption(action, ask.redemption_id)
        token = self.token(found.token)
        self.authorise(action, token.issuer, ask, found.account_id, found.amount)
        self.check_entry(ask)
        self.account(found.account_id)
        self.check_use(found.account_id, debit=True)
        key = bank_entry_key(token.issuer, ask.bank_entry)
        demand(key not in self.tables[70], CashReject.BANK_ENTRY_IS_USED)
        self.release(action, found.earmark_id)
        self.redeem(found.token, found.account_id, found.amount)
        self.tables[70][key] = self.entry(
            ask, EntryKind.PAYMENT, found.token, found.account_id, found.amount, ask.redemption_id
        )
        del self.tables[72][ask.redemption_id]
        supply = self.supply(found.token)
        supply.paid += found.amount
        supply.requested -= found.amount
        self.keep_supply(found.token, supply)

    def RefuseRedemption(self, ask: Any, action: Action) -> None:
        found = self.known_redemption(action, ask.redemption_id)
        token = self.instrument(found.token)
        self.authorise(action, token.issuer, ask, found.account_id, found.amount)
        demand(0 < len(ask.reason) <= 200, CashReject.REASON_IS_MALFORMED)
        self.give_back(action, ask.redemption_id)
