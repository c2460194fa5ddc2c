"""Accounts and holdings that exist from the founding on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from counterfoil.modules.holdings.accounts import new_account, relate
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.records import (
    NO_TOTALS,
    AccountContents,
    AccountKind,
    Holding,
    PartyAccounts,
)
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import AMOUNT_MAX


class OpeningAccount(NamedTuple):
    """One account of the opening register: its own signer, and (instrument id, quantity) of what it holds."""

    account_id: bytes
    owner: bytes
    servicer: bytes
    signer: bytes
    holdings: tuple[tuple[bytes, int], ...]


def found_issuance_account(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, issuer: bytes
) -> None:
    """The account that stands against everything issued of one instrument."""
    account = new_account(
        issuer,
        issuer,
        AccountKind.ISSUANCE,
        context.handle(account_id),
        context.handle(issuer),
        context.height,
    )
    books.accounts.put(account_id, account)
    relate(books, account.relationship, issuer, issuer)
    _count(books, {issuer: 1})


def found_accounts(
    books: HoldingsBooks,
    context: ActionContext,
    accounts: Iterable[OpeningAccount],
    issuance_accounts: dict[bytes, bytes],
) -> None:
    """Put accounts with their opening holdings on the books, issued against each instrument's issuance account.

    issuance_accounts: instrument id → account id. What the accounts hold is added to what is issued already.
    """
    put_account, put_contents, put_holding = (
        books.accounts.put_first,
        books.contents.put_first,
        books.holdings.put_first,
    )
    handle, height = context.handle, context.height
    counts: dict[bytes, int] = {}
    related: dict[tuple[bytes, bytes, bytes], int] = {}
    issued: dict[bytes, int] = {}
    holders: dict[bytes, int] = {}
    owner_handles: dict[bytes, bytes] = {}
    for opening in accounts:
        account_id, owner, servicer = opening.account_id, opening.owner, opening.servicer
        owner_handle = owner_handles.get(owner)
        if owner_handle is None:
            owner_handle = owner_handles[owner] = handle(owner)
        account = new_account(
            owner,
            servicer,
            AccountKind.SEGREGATED,
            handle(account_id),
            owner_handle,
            height,
            (opening.signer,),
            1,
        )
        put_account(account_id, account)
        between = (account.relationship, servicer, owner)
        related[between] = related.get(between, 0) + 1
        put_contents(account_id, AccountContents(len(opening.holdings)))
        for party in (owner,) if owner == servicer else (owner, servicer):
            counts[party] = counts.get(party, 0) + 1
        for instrument_id, quantity in opening.holdings:
            put_holding(account_id + instrument_id, Holding(quantity, 0))
            issued[instrument_id] = issued.get(instrument_id, 0) + quantity
            holders[instrument_id] = holders.get(instrument_id, 0) + 1
    _count(books, counts)
    for between, opened in related.items():
        relate(books, *between, opened=opened)
    for instrument_id, quantity in issued.items():
        contra = issuance_accounts[instrument_id]
        _count_issued(books, contra, instrument_id, quantity, holders[instrument_id])


def _count(books: HoldingsBooks, counts: dict[bytes, int]) -> None:
    for party, opened in counts.items():
        found = books.party_accounts.find(party)
        books.party_accounts.put(party, PartyAccounts(opened + (found.open if found is not None else 0)))


def _count_issued(
    books: HoldingsBooks, issuance_account: bytes, instrument_id: bytes, quantity: int, holders: int
) -> None:
    totals = books.totals.find(instrument_id)
    before = totals or NO_TOTALS
    issued = before.issued + quantity
    if issued > AMOUNT_MAX:
        raise ValueError("the opening register issues more of one instrument than an amount can hold")
    books.totals.put(instrument_id, replace(before, issued=issued, holders=before.holders + holders))
    if totals is None:
        books.contents.put(issuance_account, AccountContents(1))
    books.holdings.put(issuance_account + instrument_id, Holding(issued, 0))
