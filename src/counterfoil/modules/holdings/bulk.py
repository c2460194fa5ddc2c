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
from counterfoil.primitives.codec import Fact
from counterfoil.primitives.outcome import Rejected

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
    keys = [account_id + instrument_id for account_id, instrument_id, _ in changes]
    issuers = {
        instrument_id: books.instruments.require(instrument_id).issuer
        for instrument_id in dict.fromkeys([instrument_id for _, instrument_id, _ in changes])
    }
    relationships = {account_id: account.relationship for account_id, account in accounts.items()}

    changed: list[bytes] = []
    before: list[Holding] = []
    after: list[Holding] = []
    begun: list[tuple[bytes, bytes, bytes, Holding]] = []
    ended: list[tuple[bytes, bytes, bytes]] = []
    facts: list[tuple[Fact, tuple[bytes, ...]]] = []
    found = books.holdings.find_many(keys)
    for (account_id, instrument_id, change), key, held in zip(changes, keys, found, strict=True):
        if held is None:
            now = change
            if now > 0:
                begun.append((account_id, instrument_id, key, Holding(now, 0)))
        else:
            now = held.available + change
            if now or held.earmarked:
                changed.append(key)
                before.append(held)
                after.append(Holding(now, held.earmarked))
            else:
                ended.append((account_id, instrument_id, key))
        if now < 0:
            raise Rejected(
                HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
                account=account_id,
                instrument=instrument_id,
                available=now - change,
                quantity=-change,
            )
        direction, quantity = (_CREDIT, change) if change > 0 else (_DEBIT, -change)
        posting = Posting(account_id, instrument_id, _AVAILABLE, direction, quantity, reason, reference, now)
        facts.append((posting, (relationships[account_id], issuers[instrument_id])))

    books.holdings.put_many(changed, before, after)
    for account_id, instrument_id, key, holding in begun:
        books.holdings.put(key, holding)
        count_holdings(books, account_id, instrument_id, 1)
    for account_id, instrument_id, key in ended:
        books.holdings.delete(key)
        count_holdings(books, account_id, instrument_id, -1)
    context.credited += [key for (_, _, change), key in zip(changes, keys, strict=True) if change > 0]
    context.facts += facts


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
