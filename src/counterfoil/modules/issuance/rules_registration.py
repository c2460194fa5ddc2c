"""Registration: an issue begins, grows, shrinks and ends, when all those have signed whom the market names."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import Account, PostingReason
from counterfoil.modules.instruments.interface import InstrumentKind, InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.issuance.books import IssuanceBooks
from counterfoil.modules.issuance.facts import IssueRegistered
from counterfoil.modules.issuance.guards import (
    Act,
    check_list,
    check_registration,
    check_security,
    require_treasury,
)
from counterfoil.modules.issuance.messages import (
    RegisterExit,
    RegisterFurtherIssue,
    RegisterIssue,
    RegisterRedemption,
    RegisterReduction,
)
from counterfoil.modules.issuance.records import Issue, Registration, RegistrationAct
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected

_REGISTERED = (InstrumentStatus.ACTIVE, InstrumentStatus.SUSPENDED, InstrumentStatus.MATURED)
NO_ISSUE = Issue(registered=0, ended=0, acts=0, last=RegistrationAct.INITIAL)


def register_issue(books: IssuanceBooks, ask: RegisterIssue, context: ActionContext) -> None:
    """Issue the registered quantity into the issuer's treasury, and let the instrument live."""
    instrument = books.instruments.require(ask.instrument_id)
    if instrument.status is not InstrumentStatus.ANNOUNCED:
        raise Rejected(InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED, status=instrument.status.name)
    act = Act(ask.instrument_id, instrument, ask.approvers, ask.papers)
    check_registration(books, context, act, RegisterIssue, ask.quantity)
    if instrument.kind is InstrumentKind.MONEY_TOKEN:
        if ask.quantity or ask.treasury_account:
            raise Rejected(IssuanceReject.MONEY_IS_ONLY_MINTED)
    else:
        treasury = _require_receiving_treasury(books, act, ask.treasury_account, ask.quantity)
        _issue(books, context, act, ask.treasury_account, treasury, ask.quantity)

    books.instruments.registered(context, ask.instrument_id)
    _register(books, context, act, NO_ISSUE, RegistrationAct.INITIAL, ask.quantity)


def register_further_issue(books: IssuanceBooks, ask: RegisterFurtherIssue, context: ActionContext) -> None:
    """Issue more of an active instrument into the issuer's treasury."""
    instrument = books.instruments.require_active(ask.instrument_id)
    act = Act(ask.instrument_id, instrument, ask.approvers, ask.papers)
    check_registration(books, context, act, RegisterFurtherIssue, ask.quantity)
    check_security(instrument)
    treasury = _require_receiving_treasury(books, act, ask.treasury_account, ask.quantity)

    issue = issue_of(books, ask.instrument_id)
    _issue(books, context, act, ask.treasury_account, treasury, ask.quantity)
    _register(books, context, act, issue, RegistrationAct.FURTHER, ask.quantity)


def register_reduction(books: IssuanceBooks, ask: RegisterReduction, context: ActionContext) -> None:
    """End part of what the issuer's treasury holds."""
    instrument = books.instruments.require_active(ask.instrument_id)
    act = Act(ask.instrument_id, instrument, ask.approvers, ask.papers)
    check_registration(books, context, act, RegisterReduction, ask.quantity)
    check_security(instrument)
    books.instruments.check_quantity(instrument, ask.quantity)
    treasury = require_treasury(books, instrument, ask.treasury_account)
    books.holdings.check_debit(ask.treasury_account, treasury, ask.instrument_id, ask.quantity)

    issue = issue_of(books, ask.instrument_id)
    _redeem(books, context, act, ask.treasury_account, treasury, ask.quantity)
    _register(books, context, act, issue, RegistrationAct.REDUCTION, ask.quantity)


def register_redemption(books: IssuanceBooks, ask: RegisterRedemption, context: ActionContext) -> None:
    """End holdings of a matured instrument, wherever they are.

    What is earmarked, or in a frozen account, stays: whoever has a claim on it must let go first.
    """
    instrument = books.instruments.require(ask.instrument_id)
    if instrument.status is not InstrumentStatus.MATURED:
        raise Rejected(IssuanceReject.INSTRUMENT_HAS_NOT_MATURED, status=instrument.status.name)
    act = Act(ask.instrument_id, instrument, ask.approvers, ask.papers)
    check_registration(books, context, act, RegisterRedemption, ask.total)
    check_security(instrument)
    check_list(ask.lines, ask.total)
    holders = []
    for line in ask.lines:
        holder = books.holdings.require_account(line.account_id)
        books.holdings.check_debit(line.account_id, holder, ask.instrument_id, line.quantity)
        holders.append(holder)

    issue = issue_of(books, ask.instrument_id)
    for line, holder in zip(ask.lines, holders, strict=True):
        _redeem(books, context, act, line.account_id, holder, line.quantity)
    _register(books, context, act, issue, RegistrationAct.REDEMPTION, ask.total)


def register_exit(books: IssuanceBooks, ask: RegisterExit, context: ActionContext) -> None:
    """End what is outstanding, all of it in the issuer's treasury, and the instrument with it."""
    instrument = books.instruments.require(ask.instrument_id)
    if instrument.status not in _REGISTERED:
        raise Rejected(InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION, status=instrument.status.name)
    act = Act(ask.instrument_id, instrument, ask.approvers, ask.papers)
    issue = issue_of(books, ask.instrument_id)
    outstanding = books.holdings.outstanding(ask.instrument_id)
    check_registration(books, context, act, RegisterExit, outstanding)
    encumbered = books.holdings.encumbered(ask.instrument_id)
    if encumbered:
        raise Rejected(IssuanceReject.ISSUE_IS_ENCUMBERED, earmarked=encumbered)
    if outstanding:
        check_security(instrument)
        treasury = require_treasury(books, instrument, ask.treasury_account)
        available, _ = books.holdings.balance(ask.treasury_account, ask.instrument_id)
        if available != outstanding:
            raise Rejected(IssuanceReject.ISSUE_IS_HELD_OUTSIDE_THE_TREASURY, outside=outstanding - available)
        books.holdings.check_debit(ask.treasury_account, treasury, ask.instrument_id, outstanding)
        _redeem(books, context, act, ask.treasury_account, treasury, outstanding)

    books.instruments.exited(context, ask.instrument_id)
    _register(books, context, act, issue, RegistrationAct.EXIT, outstanding)


def issue_of(books: IssuanceBooks, instrument_id: bytes) -> Issue:
    """The issue as it stands; of an instrument with which the ledger was founded, what is outstanding counts as
    registered by its founding."""
    issue = books.issues.find(instrument_id)
    return issue or Issue(books.holdings.outstanding(instrument_id), 0, 0, RegistrationAct.INITIAL)


def _require_receiving_treasury(books: IssuanceBooks, act: Act, account_id: bytes, quantity: int) -> Account:
    books.instruments.check_quantity(act.instrument, quantity)
    treasury = require_treasury(books, act.instrument, account_id)
    books.holdings.check_credit(account_id, treasury, act.instrument_id, quantity)
    return treasury


def _issue(
    books: IssuanceBooks, context: ActionContext, act: Act, to_id: bytes, to: Account, quantity: int
) -> None:
    books.holdings.issue(
        context, act.instrument_id, act.instrument, to_id, to, quantity, PostingReason.ISSUED, act.papers
    )


def _redeem(
    books: IssuanceBooks, context: ActionContext, act: Act, from_id: bytes, from_: Account, quantity: int
) -> None:
    books.holdings.redeem(
        context,
        act.instrument_id,
        act.instrument,
        from_id,
        from_,
        quantity,
        PostingReason.REDEEMED,
        act.papers,
    )


def _register(
    books: IssuanceBooks,
    context: ActionContext,
    act: Act,
    issue: Issue,
    kind: RegistrationAct,
    quantity: int,
) -> None:
    """Count a registration that has taken effect, keep it for ever, and tell everybody who had to sign."""
    registered, ended, number = issue.registered, issue.ended, issue.acts + 1
    if kind is RegistrationAct.INITIAL or kind is RegistrationAct.FURTHER:
        registered += quantity
    else:
        ended += quantity
    if registered > AMOUNT_MAX:
        registered, ended = registered - ended, 0
    books.issues.put(act.instrument_id, Issue(registered, ended, number, kind))
    outstanding = books.holdings.outstanding(act.instrument_id)
    if not outstanding:
        for key, _ in list(books.placings.scan(act.instrument_id)):
            books.placings.delete(key)
    business_date = books.markets.business_date(act.instrument.market)
    books.registrations.put(
        act.instrument_id + act.papers,
        Registration(number, kind, quantity, business_date, context.height, act.approvers),
    )
    fact = IssueRegistered(
        act.instrument_id,
        kind,
        number,
        quantity,
        outstanding,
        business_date,
        act.approvers,
        act.papers,
    )
    told = list(act.approvers)
    for party in (act.instrument.issuer, act.instrument.registrar):
        if party not in told:
            told.append(party)
    context.tell(fact, *told)
