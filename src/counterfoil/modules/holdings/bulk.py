"""Many net changes at once, on the balances that all of them together leave: net batches, linked settlements."""

from __future__ import annotations

from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.marks import count_holdings
from counterfoil.modules.holdings.records import (
    Account,
    AccountKind,
    AccountStatus,
    Direction,
    Holding,
    PostingReason,
    SubBalance,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected, ensure

_AVAILABLE = SubBalance.AVAILABLE
_DEBIT, _CREDIT = Direction.DEBIT, Direction.CREDIT

NetChange = tuple[bytes, bytes, int]
"""(account id, instrument id, change of what is available: above 0 a credit, below 0 a debit)."""


def apply_net(
    books: HoldingsBooks,
    context: ActionContext,
    changes: list[NetChange],
    reason: PostingReason,
    reference: bytes,
) -> None:
    """Make all changes or none; those of one instrument sum to zero, and no account and instrument comes twice.

    One posting is told for each change. In this order, Rejected: for each account, as it first comes and by whether
    it gives, receives or both: ACCOUNT_NOT_FOUND, ACCOUNT_IS_CLOSED, ISSUANCE_ACCOUNT_ONLY_ISSUES,
    ACCOUNT_IS_FROZEN_FOR_DEBITS, ACCOUNT_IS_FROZEN_FOR_CREDITS, parties' PARTY_IS_NOT_ACTIVE; for each change
    INSUFFICIENT_AVAILABLE_QUANTITY.
    """
    accounts = _check_accounts(books, changes)
    find = books.holdings.find
    sums: dict[bytes, int] = {}
    after: list[tuple[bytes, Holding | None, int]] = []
    for account_id, instrument_id, change in changes:
        key = account_id + instrument_id
        held = find(key)
        now = (held.available if held is not None else 0) + change
        if now < 0:
            raise Rejected(
                HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
                account=account_id,
                instrument=instrument_id,
                available=now - change,
                quantity=-change,
            )
        after.append((key, held, now))
        sums[instrument_id] = sums.get(instrument_id, 0) + change
    ensure(not any(sums.values()), "what leaves some accounts enters others")
    issuers: dict[bytes, bytes] = {}
    for instrument_id in sums:
        instrument = books.instruments.require(instrument_id)
        issuers[instrument_id] = instrument.issuer

    put, facts, credited = books.holdings.put, context.facts, context.credited
    seen_before = len(facts)
    for (account_id, instrument_id, change), (key, held, now) in zip(changes, after, strict=True):
        ensure(change != 0 and now <= AMOUNT_MAX, "a net change changes something, within what is issued")
        if held is None:
            put(key, Holding(now, 0))
            count_holdings(books, account_id, 1)
        elif now or held.earmarked:
            put(key, Holding(now, held.earmarked))
        else:
            books.holdings.delete(key)
            count_holdings(books, account_id, -1)
        if change > 0:
            credited.append(key)
            direction, quantity = _CREDIT, change
        else:
            direction, quantity = _DEBIT, -change
        posting = Posting(account_id, instrument_id, _AVAILABLE, direction, quantity, reason, reference, now)
        facts.append((posting, (accounts[account_id].relationship, issuers[instrument_id])))
    ensure(len(facts) - seen_before == len(changes), "every change is posted")


def _check_accounts(books: HoldingsBooks, changes: list[NetChange]) -> dict[bytes, Account]:
    """Whether each account may give and take what it does."""
    gives: dict[bytes, bool] = {}
    takes: dict[bytes, bool] = {}
    for account_id, _, change in changes:
        gives[account_id] = gives.get(account_id, False) or change < 0
        takes[account_id] = takes.get(account_id, False) or change > 0
    accounts: dict[bytes, Account] = {}
    for account_id, giving in gives.items():
        account = books.accounts.find(account_id)
        if account is None:
            raise Rejected(HoldingsReject.ACCOUNT_NOT_FOUND, account=account_id)
        if account.status is not AccountStatus.OPEN:
            raise Rejected(HoldingsReject.ACCOUNT_IS_CLOSED, account=account_id)
        if account.kind is AccountKind.ISSUANCE:
            raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=account_id)
        if giving and account.frozen_debits:
            raise Rejected(HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS, account=account_id)
        if takes[account_id] and account.frozen_credits:
            raise Rejected(HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS, account=account_id)
        books.parties.require_in_business(account.owner)
        accounts[account_id] = account
    return accounts
