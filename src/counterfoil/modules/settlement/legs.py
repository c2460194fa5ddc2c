"""The arithmetic of net batches: packed legs checked and summed over whole arrays, exact for every input.

A sum of a million 63-bit quantities does not fit into 64 bits. Quantities are therefore split into a high part (signed)
and a low part (32 bits) that are summed apart, which cannot overflow, and put together again where they fit.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterfoil.modules.settlement.records import BatchChunk
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.digests import BATCH, CHUNK
from counterfoil.primitives.outcome import Rejected

LEGS_PER_CHUNK_MAX = 65_536
"""Legs in one part: about a megabyte, so that a part fits into a transaction and no node holds a block up over one."""
CHUNKS_MAX = 1_024
LEGS_MAX = 8_388_608
"""Legs of one batch: more would take longer than a block may."""


_ID = 20
_LOW = np.int64(0xFFFF_FFFF)
_HALF = np.int64(32)
_HIGH_MAX = 2**31 - 1
"""Of a net that fits: its high part is -2³¹ to 2³¹ - 1, and it is not -2⁶³ itself."""

Integers = NDArray[np.int64]


class Nets(NamedTuple):
    """What a batch comes to. accounts, instruments: identifiers, ascending.

    account, instrument: positions in those tables, ascending by account, then instrument. change: never 0. what, size:
    the same positions of instruments, and the changes without their signs, as arrays.
    """

    accounts: list[bytes]
    instruments: list[bytes]
    account: list[int]
    instrument: list[int]
    change: list[int]
    what: Integers
    size: Integers


class Denominations(NamedTuple):
    """Of one instrument, as in its terms."""

    settlement_unit: int
    minimum: int
    multiple: int


_ANY_QUANTITY = Denominations(1, 1, 1)


def check_chunk(chunk: BatchChunk) -> int:
    """How many legs a part has. Rejected CHUNK_IS_MALFORMED, CHUNK_IS_TOO_LARGE or LEG_QUANTITY_IS_INVALID."""
    legs, odd = divmod(len(chunk.quantity), 8)
    if odd or len(chunk.account_index) != 4 * legs or len(chunk.instrument_index) != 2 * legs:
        raise Rejected(SettlementReject.CHUNK_IS_MALFORMED)
    if not 0 < legs <= LEGS_PER_CHUNK_MAX:
        raise Rejected(SettlementReject.CHUNK_IS_TOO_LARGE, legs=legs)
    if not (_is_table(chunk.accounts) and _is_table(chunk.instruments)):
        raise Rejected(SettlementReject.CHUNK_IS_MALFORMED)
    account, instrument, quantity = _arrays(chunk)
    if int(account.max()) * _ID >= len(chunk.accounts) or int(instrument.max()) * _ID >= len(
        chunk.instruments
    ):
        raise Rejected(SettlementReject.CHUNK_IS_MALFORMED)
    if bool((quantity == 0).any()) or bool((quantity == np.iinfo(np.int64).min).any()):
        raise Rejected(SettlementReject.LEG_QUANTITY_IS_INVALID)
    return legs


def touched(chunk: BatchChunk) -> list[bytes]:
    """Account and instrument (40 bytes) of the legs of a part that is well formed, ascending, each once."""
    accounts, instruments = _rows(chunk.accounts), _rows(chunk.instruments)
    account, instrument, _ = _arrays(chunk)
    pairs = np.unique(account * len(instruments) + instrument)
    which, what = np.divmod(pairs, len(instruments))
    return [
        accounts[one] + instruments[other] for one, other in zip(which.tolist(), what.tolist(), strict=True)
    ]


def chunk_digest(chunk: BatchChunk) -> bytes:
    """32 bytes over a part, each array after its length."""
    hasher = sha256(CHUNK)
    for part in (
        chunk.accounts,
        chunk.instruments,
        chunk.account_index,
        chunk.instrument_index,
        chunk.quantity,
    ):
        hasher.update(len(part).to_bytes(4, "big"))
        hasher.update(part)
    return hasher.digest()


def batch_digest(chunks: list[BatchChunk]) -> bytes:
    """32 bytes over all parts in order: what is signed."""
    return sha256(BATCH + b"".join(chunk_digest(chunk) for chunk in chunks)).digest()


def net(chunks: list[BatchChunk]) -> Nets:
    """Sum a batch by account and instrument. Rejected BATCH_DOES_NOT_NET_TO_ZERO or NET_IS_TOO_LARGE."""
    accounts = _joined([chunk.accounts for chunk in chunks])
    instruments = _joined([chunk.instruments for chunk in chunks])
    account_at = {account: position for position, account in enumerate(accounts)}
    instrument_at = {instrument: position for position, instrument in enumerate(instruments)}
    cells, quantities, which = [], [], []
    for chunk in chunks:
        account, instrument, quantity = _arrays(chunk)
        account_map = _positions(chunk.accounts, account_at)
        instrument_map = _positions(chunk.instruments, instrument_at)
        instrument = instrument_map[instrument]
        cells.append(account_map[account] * len(instruments) + instrument)
        which.append(instrument)
        quantities.append(quantity)
    quantity = np.concatenate(quantities)
    _, high, low = _sums(np.concatenate(which), quantity)
    if bool(high.any()) or bool(low.any()):
        raise Rejected(SettlementReject.BATCH_DOES_NOT_NET_TO_ZERO)
    cell, high, low = _sums(np.concatenate(cells), quantity)
    lowest = (high == -_HIGH_MAX - 1) & (low == 0)
    if int(high.max()) > _HIGH_MAX or int(high.min()) < -_HIGH_MAX - 1 or bool(lowest.any()):
        raise Rejected(SettlementReject.NET_IS_TOO_LARGE)
    change = (high << _HALF) + low
    moved = change != 0
    cell, change = cell[moved], change[moved]
    what = cell % len(instruments)
    return Nets(
        accounts,
        instruments,
        (cell // len(instruments)).tolist(),
        what.tolist(),
        change.tolist(),
        what,
        np.abs(change),
    )


def first_undeliverable(nets: Nets, denominations: list[Denominations]) -> int | None:
    """The position of the first net change whose quantity cannot be delivered; None where all can.

    denominations: of each instrument of the batch, in their order.
    """
    if all(one == _ANY_QUANTITY for one in denominations):
        return None
    unit, minimum, multiple = np.array(denominations, dtype=np.int64).T[:, nets.what]
    size = nets.size
    fits = (size % unit == 0) & (size >= minimum) & ((size - minimum) % multiple == 0)
    return None if bool(fits.all()) else int(fits.argmin())


def _sums(group: Integers, quantity: Integers) -> tuple[Integers, Integers, Integers]:
    """(groups ascending, high parts, low parts) of the exact sum of each group: high · 2³² + low, 0 ≤ low < 2³².

    In which order those of one group come is left open (sorting is four times as fast then): their sum is the same.
    """
    order = np.argsort(group)
    group, quantity = group[order], quantity[order]
    starts = np.flatnonzero(np.concatenate((np.array([True]), group[1:] != group[:-1])))
    high = np.add.reduceat(quantity >> _HALF, starts)
    low = np.add.reduceat(quantity & _LOW, starts)
    return group[starts], high + (low >> _HALF), low & _LOW


def _arrays(chunk: BatchChunk) -> tuple[Integers, Integers, Integers]:
    """(account positions, instrument positions, quantities), all as 64-bit integers."""
    return (
        np.frombuffer(chunk.account_index, dtype="<u4").astype(np.int64),
        np.frombuffer(chunk.instrument_index, dtype="<u2").astype(np.int64),
        np.frombuffer(chunk.quantity, dtype="<i8").astype(np.int64),
    )


def _is_table(table: bytes) -> bool:
    """Whether it is identifiers of 20 bytes, at least one, ascending without repetition."""
    if not table or len(table) % _ID:
        return False
    return all(one < following for one, following in pairwise(_rows(table)))


def _rows(table: bytes) -> list[bytes]:
    return [table[at : at + _ID] for at in range(0, len(table), _ID)]


def _joined(tables: list[bytes]) -> list[bytes]:
    return sorted(dict.fromkeys(row for table in tables for row in _rows(table)))


def _positions(table: bytes, at: dict[bytes, int]) -> NDArray[Any]:
    return np.array([at[row] for row in _rows(table)], dtype=np.int64)
