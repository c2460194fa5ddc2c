"""What the state must commit to and be able to prove, the slow and obvious way, from nothing but hashlib.

Written from the description of the formats, not from `counterfoil.state`: whatever both say is what the description
says. Every block is recomputed from scratch; every past is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from itertools import pairwise

import msgspec

NOTHING = 2**64 - 1
FIRST, END = bytes(32), b"\xff" * 32

Places = Callable[[bytes, bytes], list[tuple[int, bytes, bytes]]]
"""(full key, value) → the lists that the record is on: (number, handle of the parent, handle of the member)."""


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def sized(key: bytes) -> bytes:
    return len(key).to_bytes(2, "big") + key


def prf(key: bytes, data: bytes, size: int) -> bytes:
    return blake2b(data, key=key, digest_size=size).digest()


def top(leaves: list[bytes]) -> bytes:
    """Pad to sixteens, hash sixteens, until one is left; a single leaf is hashed too."""
    if not leaves:
        return bytes(32)
    level = 0
    while level == 0 or len(leaves) > 1:
        level += 1
        leaves = leaves + [bytes(32)] * (-len(leaves) % 16)
        leaves = [
            sha256(b"\x03n" + bytes([level]) + b"".join(leaves[at : at + 16])).digest()
            for at in range(0, len(leaves), 16)
        ]
    return leaves[0]


def root(leaves: list[bytes], free_head: int = 0) -> bytes:
    return sha256(b"\x03r" + u64(len(leaves)) + u64(free_head) + top(leaves)).digest()


def place_of(number: int, parent: bytes, member: bytes) -> bytes:
    tag = sha256(b"\x03i" + bytes([number]) + parent).digest()[:16]
    return tag + sha256(b"\x03m" + tag + member).digest()[:16]


@dataclass
class Change:
    """One entry of a record's history; value None where it ended."""

    height: int
    previous: int
    value: bytes | None
    leaf: bytes


@dataclass
class Roots:
    state_root: bytes
    slot_count: int
    free_head: int
    changes_root: bytes
    change_count: int


@dataclass
class TreeModel:
    secret: bytes
    places: Places
    live: dict[bytes, bytes] = field(default_factory=dict)
    slot_of: dict[bytes, int] = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    changes: dict[bytes, list[Change]] = field(default_factory=dict)
    roots: dict[int, Roots] = field(default_factory=dict)

    def commit(self, height: int, wanted: Mapping[bytes, bytes | None]) -> Roots:
        """Make block `height`, after which each full key has the wanted value (None: no record)."""
        after = {**self.live, **{key: value for key, value in wanted.items() if value is not None}}
        for key, value in wanted.items():
            if value is None:
                after.pop(key, None)
        after = {key: value for key, value in after.items() if key[0] != 1}
        after |= self._links(after)
        block_key = prf(self.secret, b"salt" + u64(height), 32)
        alive: list[tuple[int, bytes]] = []
        ended: list[tuple[int, bytes]] = []
        born: list[tuple[bytes, bytes]] = []
        for key in sorted({*self.live, *after}):
            old, new = self.live.get(key), after.get(key)
            if old == new:
                continue
            salt = prf(block_key, key, 16)
            hidden = sha256(b"\x03v" + salt + sized(key) + (new or b"")).digest()
            previous = self.changes[key][-1].height if old is not None else 0
            leaf = sha256(b"\x03l" + u64(height) + u64(previous) + sized(key) + hidden).digest()
            self.changes.setdefault(key, []).append(Change(height, previous, new, leaf))
            if old is None:
                born.append((salt, key))
            elif new is None:
                ended.append((self.slot_of.pop(key), leaf))
            else:
                alive.append((self.slot_of[key], leaf))
        for slot, _ in sorted(ended):
            self.leaves[slot] = sha256(b"\x03f" + u64(self.free[-1] if self.free else NOTHING)).digest()
            self.free.append(slot)
        for _, key in sorted(born):
            if self.free:
                slot = self.free.pop()
            else:
                slot = len(self.leaves)
                self.leaves.append(b"")
            self.slot_of[key] = slot
            alive.append((slot, self.changes[key][-1].leaf))
        for slot, leaf in alive:
            self.leaves[slot] = leaf
        changed = [leaf for _, leaf in sorted(alive)] + [leaf for _, leaf in sorted(ended)]
        self.live = after
        head = self.free[-1] if self.free else NOTHING
        made = Roots(root(self.leaves, head), len(self.leaves), head, root(changed), len(changed))
        self.roots[height] = made
        return made

    def value_at(self, full_key: bytes, height: int) -> bytes | None:
        """The value at the end of block `height`."""
        value = None
        for change in self.changes.get(full_key, []):
            if change.height <= height:
                value = change.value
        return value

    def listed_at(self, number: int, parent: bytes, height: int) -> dict[bytes, bytes]:
        """Members of a list at the end of block `height`: full key → handle of the member."""
        found: dict[bytes, bytes] = {}
        for full_key in self.changes:
            value = self.value_at(full_key, height)
            if value is None or full_key[0] == 1:
                continue
            for of_list, of_parent, member in self.places(full_key, value):
                if (of_list, of_parent) == (number, parent):
                    found[full_key] = member
        return found

    def _links(self, records: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        member_at = {
            place_of(number, parent, member): full_key
            for full_key, value in records.items()
            for number, parent, member in self.places(full_key, value)
        }
        order = [FIRST, *sorted(member_at), END]
        links: dict[bytes, bytes] = {}
        for place, following in pairwise(order):
            commitment, masked = b"", b""
            if place != FIRST:
                full_key = member_at[place]
                blind = prf(prf(self.secret, b"member", 32), place + full_key, 16)
                commitment = sha256(b"\x03k" + blind + full_key).digest()
                stream = prf(prf(self.secret, b"mask", 32), commitment + bytes(4), 64)
                masked = bytes(a ^ b for a, b in zip(full_key, stream, strict=False))
            links[b"\x01" + place] = msgspec.msgpack.encode([following, commitment, masked])
        return links
