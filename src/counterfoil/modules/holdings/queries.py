"""Reads about accounts and registers, as of now or of the end of any past block (`height`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from counterfoil.modules.holdings.records import (
    ACCOUNTS,
    ACCOUNTS_OF_OWNER,
    EARMARKS,
    EARMARKS_OF_ACCOUNT,
    HOLDINGS,
    NO_TOTALS,
    PARTY_RELATIONSHIPS,
    REGISTER,
    RELATIONSHIPS,
    TOTALS,
    Account,
    Earmark,
    Holding,
    InstrumentTotals,
    relationships_of,
)
from counterfoil.modules.instruments.interface import INSTRUMENTS, Instrument
from counterfoil.state.books import Shelf
from counterfoil.state.rows import parse, value_of
from counterfoil.state.state import State


class Balance(NamedTuple):
    """What an account holds of one instrument. Quantities in units of the instrument's scale.

    Of the instrument's issuance account `available` is negative: what is outstanding.
    """

    account_id: bytes
    instrument_id: bytes
    available: int
    earmarked: int

    @property
    def total(self) -> int:
        return self.available + self.earmarked


class StatementLine(NamedTuple):
    """What one block changed in one holding, and what stood there after it."""

    height: int
    instrument_id: bytes
    available_change: int
    earmarked_change: int
    available: int
    earmarked: int


class Statement(NamedTuple):
    """opening (at the end of block `from_height`) + lines = closing (at the end of block `to_height`)."""

    account_id: bytes
    from_height: int
    to_height: int
    opening: tuple[Balance, ...]
    lines: tuple[StatementLine, ...]
    closing: tuple[Balance, ...]


class HeldAccount(NamedTuple):
    account_id: bytes
    account: Account


def every_record(state: State, shelf: Shelf[Any]) -> Iterator[tuple[bytes, Any]]:
    """Every committed record of a table, by key, without keeping it in memory; what full checks add up."""
    table = shelf.table
    for key in state.keys(table):
        row = state.row(table, key)
        value = value_of(row) if row is not None else b""
        if value:
            yield key, table.decoder.trusted(value)


def account(state: State, account_id: bytes, height: int | None = None) -> Account | None:
    if height is None:
        return state.find(ACCOUNTS, account_id)
    return state.find_at(ACCOUNTS, account_id, height)


def balance(state: State, account_id: bytes, instrument_id: bytes, height: int | None = None) -> Balance:
    """What the account holds of the instrument; zeros when it holds none."""
    key = account_id + instrument_id
    holding = state.find(HOLDINGS, key) if height is None else state.find_at(HOLDINGS, key, height)
    return _balance(state, account_id, instrument_id, holding)


def balances(state: State, account_id: bytes, height: int | None = None) -> tuple[Balance, ...]:
    """Everything that an account holds, in the order of instrument ids."""
    found = []
    for key in state.keys(HOLDINGS, account_id):
        holding = state.find(HOLDINGS, key) if height is None else state.find_at(HOLDINGS, key, height)
        if holding is not None:
            found.append(_balance(state, account_id, key[20:], holding))
    return tuple(found)


def register(
    state: State, instrument_id: bytes, height: int | None = None, after: bytes = b""
) -> Iterator[Balance]:
    """Every holding of an instrument, in the order of its list, which is secret; together they sum to zero.

    The issuance account stands among them with what is outstanding, as a negative quantity. after: an account's
    handle, to begin behind its place. What is not taken from the iterator is not read.
    """
    instrument = state.find(INSTRUMENTS, instrument_id)
    if instrument is None:
        return
    for full_key in state.members(REGISTER.number, instrument.handle, height, after):
        key = full_key[1:]
        holding = state.find(HOLDINGS, key) if height is None else state.find_at(HOLDINGS, key, height)
        if holding is not None:
            yield _of(instrument, key, holding)


def totals(state: State, instrument_id: bytes, height: int | None = None) -> InstrumentTotals:
    """Issued, redeemed and earmarked, over all holdings."""
    found = (
        state.find(TOTALS, instrument_id) if height is None else state.find_at(TOTALS, instrument_id, height)
    )
    return found or NO_TOTALS


def accounts_of_owner(state: State, party_id: bytes, height: int | None = None) -> list[HeldAccount]:
    """Every account that a party owns (held jointly or not), open and closed, in the order of ids."""
    listed = state.members(ACCOUNTS_OF_OWNER.number, state.handle(party_id), height)
    return _accounts(state, sorted(full_key[1:] for full_key in listed), height)


def accounts_of_servicer(state: State, party_id: bytes, height: int | None = None) -> list[HeldAccount]:
    """Every account that a party keeps for its clients and itself, in the order of ids."""
    related = (state.find(RELATIONSHIPS, key) for key in _relationships_ever(state, party_id))
    owners = dict.fromkeys(one.owner for one in related if one is not None and one.servicer == party_id)
    found = [held for owner in owners for held in accounts_of_owner(state, owner, height)]
    return sorted((held for held in found if held.account.servicer == party_id), key=lambda held: held[0])


def accounts(state: State, height: int | None = None) -> list[HeldAccount]:
    """Every account of the ledger, open and closed, in the order of ids."""
    return _accounts(state, state.keys(ACCOUNTS), height)


def relationships_of_servicer(state: State, party_id: bytes) -> list[bytes]:
    """Every relationship in which a party keeps somebody else's accounts, in the order of ids. Reads its own alone."""
    found = ((key, state.find(RELATIONSHIPS, key)) for key in _relationships_ever(state, party_id))
    return [key for key, one in found if one is not None and one.servicer == party_id != one.owner]


def relationships_of_owner(state: State, party_id: bytes) -> list[bytes]:
    """Every relationship of which a party is the owner, in the order of ids."""
    told_to = {
        relationship: None
        for held in accounts_of_owner(state, party_id)
        for relationship in relationships_of(held.account_id, held.account)
    }
    return sorted(key for key in told_to if state.find(RELATIONSHIPS, key) is not None)


def accounts_held_jointly(state: State, party_id: bytes, height: int | None = None) -> list[HeldAccount]:
    """Every account of which a party is a holder beside the owner, in the order of ids."""
    related = (state.find(RELATIONSHIPS, key) for key in _relationships_ever(state, party_id))
    found = _accounts(
        state, sorted(one.account for one in related if one is not None and one.account), height
    )
    return [held for held in found if party_id in held.account.joint_holders]


def _relationships_ever(state: State, party_id: bytes) -> list[bytes]:
    """What a party services, and what it holds or held jointly, in the order of ids."""
    return [key[20:] for key in state.keys(PARTY_RELATIONSHIPS, party_id)]


def earmarks(
    state: State, account_id: bytes, instrument_id: bytes = b"", height: int | None = None
) -> list[tuple[bytes, Earmark]]:
    """(id, earmark) of what is set aside in an account, of one instrument or all, in the order of ids."""
    of = state.find(ACCOUNTS, account_id)
    if of is None:
        return []
    listed = state.members(EARMARKS_OF_ACCOUNT.number, of.handle, height)
    found = []
    for key in sorted(full_key[1:] for full_key in listed):
        earmark = state.find(EARMARKS, key) if height is None else state.find_at(EARMARKS, key, height)
        if earmark is not None and instrument_id in (b"", earmark.instrument_id):
            found.append((key, earmark))
    return found


def statement(state: State, account_id: bytes, from_height: int, to_height: int | None = None) -> Statement:
    """What changed in an account after block `from_height` up to block `to_height` (the last one).

    One line for each block and instrument, in that order; the single postings, with their reasons, are in the
    account's receipts of those blocks.
    """
    end = state.height if to_height is None else to_height
    lines = []
    for key in state.keys(HOLDINGS, account_id):
        lines += _lines(state, key, from_height, end)
    lines.sort(key=lambda line: (line.height, line.instrument_id))
    return Statement(
        account_id,
        from_height,
        end,
        balances(state, account_id, from_height),
        tuple(lines),
        balances(state, account_id, end),
    )


def _lines(state: State, key: bytes, from_height: int, to_height: int) -> list[StatementLine]:
    """One holding's changes in a span of blocks, newest first."""
    found: list[StatementLine] = []
    newer: tuple[int, Balance] | None = None
    for row in state.versions(HOLDINGS, key):
        parsed = parse(row)
        if parsed.height > to_height:
            continue
        holding = HOLDINGS.decoder.trusted(parsed.value) if parsed.alive else None
        now = _balance(state, key[:20], key[20:], holding)
        if newer is not None:
            found.append(_line(*newer, now))
        if parsed.height <= from_height:
            return found
        newer = (parsed.height, now)
    if newer is not None:
        found.append(_line(*newer, Balance(key[:20], key[20:], 0, 0)))
    return found


def _line(height: int, after: Balance, before: Balance) -> StatementLine:
    return StatementLine(
        height,
        after.instrument_id,
        after.available - before.available,
        after.earmarked - before.earmarked,
        after.available,
        after.earmarked,
    )


def _balance(state: State, account_id: bytes, instrument_id: bytes, holding: Holding | None) -> Balance:
    instrument = state.find(INSTRUMENTS, instrument_id)
    if holding is None or instrument is None:
        return Balance(account_id, instrument_id, 0, 0)
    return _of(instrument, account_id + instrument_id, holding)


def _of(instrument: Instrument, key: bytes, holding: Holding) -> Balance:
    account_id = key[:20]
    sign = -1 if account_id == instrument.issuance_account else 1
    return Balance(account_id, key[20:], sign * holding.available, holding.earmarked)


def _accounts(state: State, account_ids: list[bytes], height: int | None) -> list[HeldAccount]:
    found = ((account_id, account(state, account_id, height)) for account_id in account_ids)
    return [HeldAccount(account_id, record) for account_id, record in found if record is not None]
