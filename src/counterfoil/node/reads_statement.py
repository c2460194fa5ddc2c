"""An account's statement: opening balance, every posting, closing balance."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from counterfoil.modules.holdings import queries as holdings
from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.interface import Account, Direction, SubBalance, relationships_of
from counterfoil.modules.markets import queries as markets
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_accounts import AccountLine, BalanceLine, Label, account_line, label
from counterfoil.node.reads_base import (
    Answer,
    Params,
    View,
    check_id,
    header_as_of,
    header_at,
    is_date_text,
    moment_of,
    named,
    only_market,
    reading,
    span_of,
    time_of,
)
from counterfoil.node.receipts_of import found_in, receipts_with
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.subjects import AccountHistory
from counterfoil.primitives.calendars import add_days, parse_date
from counterfoil.state.headers import Header

POSTINGS_MAX = 100_000


class StatementOf(Params, frozen=True, kw_only=True):
    """account: id (20 bytes). instrument: id, or b"" for all.

    since, until: moments as `at` of other reads takes them; "" for the account's opening, and for now. What happened
    after `since` and up to `until` is stated; a date in `since` stands for the close of the day before it, so that
    since = until = a date is that whole day. market: whose dates they are.
    """

    account: bytes
    since: str = ""
    until: str = ""
    market: str = ""
    instrument: bytes = b""


class PostingLine(msgspec.Struct, frozen=True):
    """change: what the posting did to the sub-balance (signed). balance_after: of that sub-balance. action: the id of
    the transaction (or the deadline's or retry's own)."""

    height: int
    time_ms: int
    action: bytes
    instrument_id: bytes
    sub_balance: str
    change: int
    reason: str
    reference: bytes
    balance_after: int


class Statement(Answer, frozen=True, kw_only=True):
    """opening + postings = closing, for each instrument and sub-balance; balanced: whether that was found to hold.

    opened_height: the block at whose end the opening balances stood, 0 for before there was an account. What an account
    was founded with, by the genesis file, is its first opening balance.
    """

    account: AccountLine
    opened_height: int
    opened_time_ms: int
    instruments: tuple[Label, ...]
    opening: tuple[BalanceLine, ...]
    postings: tuple[PostingLine, ...]
    closing: tuple[BalanceLine, ...]
    balanced: bool


@named("statement")
def statement(node: LedgerNode, viewer: Viewer, params: StatementOf) -> Statement:
    """An account's opening balances, every posting of a period, and its closing balances.

    Looks through the receipts of every block of the period (about a second for a gigabyte of them). Refused
    TOO_MUCH_AT_ONCE where the period has more than 100,000 postings.
    """
    account_id = check_id(params.account)
    with reading(node, viewer) as view:
        first_ms, first = _opening(node, params)
        last = header_as_of(node, params.until, params.market)
        account = _account(view, account_id, first, last)
        founded = node.machine.founding_height
        if first < founded and account.opened_height <= founded:
            first_ms, first = time_of(node, founded), founded
        if first > last.height:
            raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="the period ends before it begins")
        opening = _balances(view, account_id, first, params.instrument) if first else ()
        closing = _balances(view, account_id, last.height, params.instrument)
    start = max(first + 1, account.opened_height)
    told_to = relationships_of(account_id, account)
    postings = _postings(node, account_id, told_to, start, last.height, params.instrument)
    with reading(node, viewer) as view:
        mentioned = [one.instrument_id for one in (*opening, *closing)] + [
            one.instrument_id for one in postings
        ]
        labels = {one: label(view, one) for one in dict.fromkeys(mentioned)}
        moment = moment_of(node, last)
    return Statement(
        moment=moment,
        account=account_line(account_id, account),
        opened_height=first,
        opened_time_ms=first_ms,
        instruments=tuple(labels.values()),
        opening=_lines(opening, labels),
        postings=tuple(postings),
        closing=_lines(closing, labels),
        balanced=_balanced(opening, postings, closing),
    )


def _account(view: View, account_id: bytes, first: int, last: Header) -> Account:
    """The account, for whoever may see it from the beginning of the period to its end."""
    found = holdings.account(view.state, account_id)
    opened = found.opened_height if found is not None else view.node.machine.founding_height
    begins = span_of(view.node, header_at(view.node, first or opened))
    ends = span_of(view.node, last)
    subject = AccountHistory(account_id)
    visible = view.may_see(subject, begins) & view.may_see(subject, ends)
    if found is None or not visible:
        raise NotVisible
    return found


def _opening(node: LedgerNode, params: StatementOf) -> tuple[int, int]:
    """(block time, height) at whose end the period begins; zeros for before everything."""
    if not params.since:
        return 0, 0
    since = params.since.strip()
    if is_date_text(since):
        return _close_before(node, since, params.market or only_market(node))
    header = header_as_of(node, since, params.market)
    return header.time_ms, header.height


def _close_before(node: LedgerNode, since: str, code: str) -> tuple[int, int]:
    """(block time, height) of the close of the last business day before a date; zeros where there was none yet."""
    try:
        before = add_days(parse_date(since), -1)
    except ValueError as error:
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, since=since, detail=error) from None
    market = markets.market(node.state, code)
    if (
        market is None
        or before > market.business_date
        or (before == market.business_date and market.status.name == "OPEN")
    ):
        raise Refused(
            NodeRefusal.MOMENT_IS_NOT_ON_RECORD,
            since=since,
            market=code,
            detail="the day before was not closed",
        )
    close = markets.day_close(node.state, code, before)
    return (close.time_ms, close.height) if close is not None else (0, 0)


def _balances(view: View, account_id: bytes, height: int, instrument: bytes) -> tuple[holdings.Balance, ...]:
    found = holdings.balances(view.state, account_id, height)
    return tuple(one for one in found if instrument in (b"", one.instrument_id))


def _postings(
    node: LedgerNode,
    account_id: bytes,
    relationships: tuple[bytes, ...],
    first: int,
    last: int,
    instrument: bytes,
) -> list[PostingLine]:
    lines: list[PostingLine] = []
    for height, kept, indices in receipts_with(node, account_id, first, last):
        time_ms = time_of(node, height)
        for index in indices:
            if kept[index].stakeholder not in relationships:
                continue
            found = found_in(index, kept[index])
            lines += [
                _line_of(fact, height, time_ms, found.receipt.action)
                for fact in found.facts
                if isinstance(fact, Posting)
                and fact.account_id == account_id
                and instrument in (b"", fact.instrument_id)
            ]
        if len(lines) > POSTINGS_MAX:
            raise Refused(NodeRefusal.TOO_MUCH_AT_ONCE, postings_max=POSTINGS_MAX, reached_height=height)
    return lines


def _line_of(fact: Posting, height: int, time_ms: int, action: bytes) -> PostingLine:
    """As the balances are shown: of an issuance account, what is outstanding counts negative."""
    return PostingLine(
        height,
        time_ms,
        action,
        fact.instrument_id,
        fact.sub_balance.name,
        fact.quantity if fact.direction is Direction.CREDIT else -fact.quantity,
        fact.reason.name,
        fact.reference,
        -fact.balance_after if fact.sub_balance is SubBalance.ISSUED else fact.balance_after,
    )


def _lines(balances: Iterable[holdings.Balance], labels: dict[bytes, Label]) -> tuple[BalanceLine, ...]:
    return tuple(BalanceLine(labels[one.instrument_id], one.available, one.earmarked) for one in balances)


def _balanced(
    opening: Iterable[holdings.Balance], postings: Iterable[PostingLine], closing: Iterable[holdings.Balance]
) -> bool:
    sums: dict[tuple[bytes, bool], int] = {}
    for sign, balances in ((1, opening), (-1, closing)):
        for one in balances:
            for earmarked, quantity in ((False, one.available), (True, one.earmarked)):
                key = (one.instrument_id, earmarked)
                sums[key] = sums.get(key, 0) + sign * quantity
    for line in postings:
        key = (line.instrument_id, line.sub_balance == SubBalance.EARMARKED.name)
        sums[key] = sums.get(key, 0) + line.change
    return not any(sums.values())
