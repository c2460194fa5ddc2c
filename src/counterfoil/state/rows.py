"""A row: one version of one record as it lies on disk.

It carries the slot, the heights of this change and of the one before, the salt, the encoded value, and a ladder of
pointers into the append-only history: rung k points to the last superseded version whose number is a multiple of
2^k, so that any past version is found in O(log versions) reads, and nothing but the newest row is ever rewritten.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_HEAD = Struct(">BQQQIB16s")
_RUNG = Struct(">QQ")
HEAD_SIZE = _HEAD.size
RUNG_SIZE = 16
SALT_SIZE = 16

pack_head = _HEAD.pack
unpack_head = _HEAD.unpack_from


class Row(NamedTuple):
    """alive: 0 for the entry that a deletion leaves (it has no slot and no value). height, previous: of this change
    and of the one before it in the same life (0 for none). number: the version's, from 1, over all lives."""

    alive: int
    slot: int
    height: int
    previous: int
    number: int
    salt: bytes
    ladder: tuple[tuple[int, int], ...]
    value: bytes


def parse(row: bytes) -> Row:
    alive, slot, height, previous, number, rungs, salt = unpack_head(row)
    ladder = tuple(
        (
            int.from_bytes(row[at : at + 8], "big"),
            int.from_bytes(row[at + 8 : at + 16], "big"),
        )
        for at in range(HEAD_SIZE, HEAD_SIZE + rungs * RUNG_SIZE, RUNG_SIZE)
    )
    return Row(alive, slot, height, previous, number, salt, ladder, row[HEAD_SIZE + rungs * RUNG_SIZE :])


def value_of(row: bytes) -> bytes:
    """The encoded value; empty when the row says that the record ended."""
    return row[HEAD_SIZE + row[HEAD_SIZE - 1 - SALT_SIZE] * RUNG_SIZE :]


def next_row(
    before: bytes | None, position: int, alive: int, slot: int, height: int, salt: bytes, value: bytes
) -> bytes:
    """The row that supersedes `before`, which goes to `position` of the history."""
    if before is None:
        return pack_head(alive, slot, height, 0, 1, 0, salt) + value
    was_alive, _, changed, _, number, rungs, _ = unpack_head(before)
    previous = changed if was_alive else 0
    step = 1 if number & 1 else (number & -number).bit_length()
    ladder: bytes = _RUNG.pack(changed, position) * step
    if rungs > step:
        ladder += before[HEAD_SIZE + RUNG_SIZE * step : HEAD_SIZE + RUNG_SIZE * rungs]
    else:
        rungs = step
    head: bytes = pack_head(alive, slot, height, previous, number + 1, rungs, salt)
    return head + ladder + value
