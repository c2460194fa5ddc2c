"""What is always true of quantities and accounts.

Each instrument sums to zero over all its holdings, the issuance account's counting negative. `check` proves it for a
block by the changes alone; `check_all` adds up everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import structs

from counterfoil.modules.holdings.accounts import parties_of
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.marks import expiry_key
from counterfoil.modules.holdings.records import (
    NO_TOTALS,
    Account,
    AccountStatus,
    Earmark,
    EarmarkReason,
    Relationship,
    relationships_of,
)
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import InvariantViolation, ensure
from counterfoil.state.books import Shelf

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]
ChangesOf = Callable[[Shelf[Any]], Iterable[tuple[bytes, tuple[Any, Any]]]]
"""(key, (record before, record now)) for what changed on a shelf."""
Sums = dict[bytes, int]


def check(books: HoldingsBooks, changed: Changes) -> None:
    """What the block touched, by differences."""
    _check(books, lambda shelf: changed.get(shelf.table.number, {}).items())


def check_all(books: HoldingsBooks) -> None:
    """Everything, by sums from nothing."""
    _check(books, lambda shelf: ((key, (None, record)) for key, record in books.everything(shelf)))


def _check(books: HoldingsBooks, changes: ChangesOf) -> None:
    _check_holdings(books, changes)
    _check_accounts(books, changes)


def _check_holdings(books: HoldingsBooks, changes: ChangesOf) -> None:
    balance: Sums = {}  # by instrument, the issuance account's counting negative
    outstanding: Sums = {}  # by instrument
    earmarked: Sums = {}  # by holding
    earmarked_of: Sums = {}  # by instrument
    holdings: Sums = {}  # by account
    holders: Sums = {}  # by instrument
    instruments: dict[bytes, Instrument] = {}
    for key, (before, now) in changes(books.holdings):
        account_id, instrument_id = key[:20], key[20:]
        instrument = instruments.get(instrument_id)
        if instrument is None:
            instrument = instruments[instrument_id] = _instrument(books, instrument_id)
        available_before, earmarked_before = (
            (before.available, before.earmarked) if before is not None else (0, 0)
        )
        available = aside = 0
        if now is not None:
            available, aside = now.available, now.earmarked
            if available < 0 or aside < 0:
                raise InvariantViolation("no quantity is negative")
            if not 0 < available + aside <= AMOUNT_MAX:
                raise InvariantViolation("a holding holds something, and no more than an amount can be")
        change = available - available_before
        if account_id == instrument.issuance_account:
            ensure(aside == 0, "nothing of an issuance account is earmarked")
            outstanding[instrument_id] = change
            balance[instrument_id] = balance.get(instrument_id, 0) - change
        else:
            difference = aside - earmarked_before
            balance[instrument_id] = balance.get(instrument_id, 0) + change + difference
            if difference:
                earmarked[key] = difference
                earmarked_of[instrument_id] = earmarked_of.get(instrument_id, 0) + difference
        if (before is None) != (now is None):
            more = 1 if before is None else -1
            holdings[account_id] = holdings.get(account_id, 0) + more
            if account_id != instrument.issuance_account:
                holders[instrument_id] = holders.get(instrument_id, 0) + more
    ensure(not any(balance.values()), "each instrument sums to zero")

    for earmark_id, (before, now) in changes(books.earmarks):
        if now is not None:
            _check_earmark(books, earmark_id, now)
        for earmark, sign in ((before, -1), (now, 1)):
            if earmark is not None:
                key = earmark.account_id + earmark.instrument_id
                earmarked[key] = earmarked.get(key, 0) - sign * earmark.quantity
    ensure(not any(earmarked.values()), "what is earmarked of a holding is the sum of its earmarks")
    for key, (before, now) in changes(books.expiries):
        found = books.earmarks.find(key[8:])
        if now is not None:
            ensure(
                found is not None and expiry_key(found.expiry_ms, key[8:]) == key,
                "what expires is a live earmark",
            )
        elif before is not None:
            ensure(found is None, "an earmark that ended does not expire")

    for instrument_id, (before, now) in changes(books.totals):
        old, new = before or NO_TOTALS, now or NO_TOTALS
        ensure(
            0 <= new.redeemed <= new.issued <= AMOUNT_MAX and 0 <= new.earmarked, "totals are within bounds"
        )
        ensure(
            new.issued - new.redeemed - old.issued + old.redeemed == outstanding.pop(instrument_id, 0),
            "the issuance account stands against what is issued and not redeemed",
        )
        ensure(
            new.earmarked - old.earmarked == earmarked_of.pop(instrument_id, 0),
            "what is earmarked of an instrument is counted",
        )
        ensure(new.holders - old.holders == holders.pop(instrument_id, 0), "the holders are counted")
    ensure(not any(holders.values()), "the holders are counted")
    ensure(not any(outstanding.values()), "what is issued and redeemed is counted")
    ensure(not any(earmarked_of.values()), "what is earmarked of an instrument is counted")
    _check_counts(changes(books.contents), holdings, "the holdings of an account are counted")


def _check_accounts(books: HoldingsBooks, changes: ChangesOf) -> None:
    opened: Sums = {}
    related: Sums = {}  # open accounts, by servicer and relationship
    for account_id, (before, now) in changes(books.accounts):
        ensure(now is not None, "an account's identity is kept for ever")
        if before is None or before.relationship != now.relationship:
            _check_relationship(books, account_id, before, now)
        if before is not None:
            ensure(_fixed(before) == _fixed(now), "owner, servicer and kind of an account do not change")
            ensure(before.status is AccountStatus.OPEN, "a closed account does not change")
        if now.status is AccountStatus.CLOSED:
            ensure(books.contents.find(account_id) is None, "a closed account is empty")
        ensure(
            now.frozen_debits == any(order.debits for order in now.freezes)
            and now.frozen_credits == any(order.credits for order in now.freezes),
            "an account is frozen by the orders that stand against it",
        )
        for account, sign in ((before, -1), (now, 1)):
            if account is not None and account.status is AccountStatus.OPEN:
                for party in parties_of(account):
                    opened[party] = opened.get(party, 0) + sign
                key = account.servicer + account.relationship
                related[key] = related.get(key, 0) + sign
        for holder in now.joint_holders:
            ensure(
                books.party_relationships.find(holder + now.relationship) is not None,
                "who holds an account jointly finds its relationship",
            )
    for _, (before, now) in changes(books.relationships):
        ensure(before is None and now is not None, "between whom a relationship is does not change")
    for key, (before, now) in changes(books.party_relationships):
        change = (now.open if now is not None else 0) - (before.open if before is not None else 0)
        ensure(change == related.pop(key, 0), "the open accounts of a relationship are counted")
        if now is None:
            ensure(not before.open, "who services accounts finds their relationship")
    ensure(not any(related.values()), "the open accounts of a relationship are counted")
    _check_counts(changes(books.party_accounts), opened, "the open accounts of a party are counted")
    for account_id, (_, contents) in changes(books.contents):
        if contents is not None:
            found = books.accounts.find(account_id)
            ensure(
                found is not None and found.status is AccountStatus.OPEN,
                "only an open account holds anything",
            )


def _check_relationship(
    books: HoldingsBooks, account_id: bytes, before: Account | None, now: Account
) -> None:
    """Of servicer and owner, or, from when an account is first held jointly, its own."""
    of_both, own = relationships_of(account_id, now)
    ensure(now.relationship == own or not now.joint_holders, "what is held jointly is told apart")
    ensure(now.relationship in (of_both, own), "an account has its relationship")
    ensure(before is None or before.relationship == of_both, "what is told apart stays apart")
    account = account_id if now.relationship == own else b""
    expected = Relationship(now.servicer, now.owner, account)
    ensure(books.relationships.find(now.relationship) == expected, "a relationship says between whom it is")


def _check_counts(changes: Iterable[tuple[bytes, tuple[Any, Any]]], differences: Sums, text: str) -> None:
    """Whether a table of counters moved by exactly these differences."""
    for key, (before, now) in changes:
        count_before = _count(before)
        count = _count(now)
        ensure(now is None or count > 0, text)
        ensure(count - count_before == differences.pop(key, 0), text)
    ensure(not any(differences.values()), text)


def _check_earmark(books: HoldingsBooks, earmark_id: bytes, earmark: Earmark) -> None:
    ensure(earmark.quantity > 0, "an earmark covers something")
    holding = books.holdings.find(earmark.account_id + earmark.instrument_id)
    ensure(
        holding is not None and holding.earmarked >= earmark.quantity,
        "an earmark lies on a live holding",
    )
    if earmark.expiry_ms:
        ensure(earmark.reason is not EarmarkReason.FREEZE, "a freeze never lapses")
        ensure(
            books.expiries.find(expiry_key(earmark.expiry_ms, earmark_id)) is not None,
            "an earmark with an expiry expires",
        )


def _instrument(books: HoldingsBooks, instrument_id: bytes) -> Instrument:
    found = books.instruments.find(instrument_id)
    if found is None:
        raise InvariantViolation("what is held is an instrument")
    return found


def _count(record: Any) -> int:
    """Of an `AccountContents` or a `PartyAccounts`: both have one field, a count."""
    if record is None:
        return 0
    (count,) = structs.astuple(record)
    return int(count)


def _fixed(account: Account) -> tuple[Any, ...]:
    return (
        account.owner,
        account.servicer,
        account.kind,
        account.handle,
        account.owner_handle,
        account.opened_height,
    )
