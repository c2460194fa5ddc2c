"""What the leaves and the nodes of the tree are made of: plain functions, all that whoever checks a proof needs.

Every value of variable size stands last or behind its length, so that no two lists of parts give the same bytes.
"""

from __future__ import annotations

from hashlib import sha256

from counterfoil.primitives.digests import FREE_SLOTS, LEAF, LIST, MEMBER, MEMBER_KEY, NODE, ROOT, VALUE

ARITY = 16
DIGEST = 32
GROUP = ARITY * DIGEST
LEVELS_MAX = 15
"""16^15 slots: a tree can never be asked to be higher."""

NO_SLOT = 2**64 - 1
"""Stands for "no free slot" in the root, and for the slot of an ended record."""
SALT_SIZE = 16
BLIND_SIZE = 16
TAG_SIZE = 16
"""Of a list's tag and of a member's on it; a place is the one followed by the other."""


def value_digest(salt: bytes, full_key: bytes, value: bytes) -> bytes:
    """Hides a value behind its salt of 16 bytes. An empty value stands for "ended here"."""
    return sha256(VALUE + salt + len(full_key).to_bytes(2, "big") + full_key + value).digest()


def leaf_digest(height: int, previous: int, full_key: bytes, hidden: bytes) -> bytes:
    """A leaf of the tree: when the record changed, when before that, which record, and its value digest."""
    return sha256(
        LEAF
        + height.to_bytes(8, "big")
        + previous.to_bytes(8, "big")
        + len(full_key).to_bytes(2, "big")
        + full_key
        + hidden
    ).digest()


def free_leaf(next_free: int) -> bytes:
    """The leaf of an unused slot: it names the next unused one, so that the free list lies in the tree itself."""
    return sha256(FREE_SLOTS + next_free.to_bytes(8, "big")).digest()


def list_tag(number: int, parent_handle: bytes) -> bytes:
    """Where a list lies among all lists: 16 bytes."""
    return sha256(LIST + bytes([number]) + parent_handle).digest()[:TAG_SIZE]


def member_tag(tag_of_list: bytes, member_handle: bytes) -> bytes:
    """Where a member lies on its list: 16 bytes."""
    return sha256(MEMBER + tag_of_list + member_handle).digest()[:TAG_SIZE]


def place_before_list(tag_of_list: bytes) -> bytes:
    """The last place that lies before every place of a list."""
    return (int.from_bytes(tag_of_list + bytes(TAG_SIZE), "big") - 1).to_bytes(2 * TAG_SIZE, "big")


def member_commitment(blind: bytes, full_key: bytes) -> bytes:
    """What a link says of its member without naming it: 32 bytes. `blind` is 16 bytes."""
    return sha256(MEMBER_KEY + blind + full_key).digest()


NODE_TAGS = tuple(NODE + bytes([level]) for level in range(LEVELS_MAX + 1))


def node_digest(level: int, children: bytes) -> bytes:
    """The digest of the node at `level` (1 = directly over leaves) from its 16 children, 512 bytes."""
    return sha256(NODE_TAGS[level] + children).digest()


def root_digest(count: int, free_head: int, top: bytes) -> bytes:
    """Binds the number of slots and the head of the free list to the top node."""
    return sha256(ROOT + count.to_bytes(8, "big") + free_head.to_bytes(8, "big") + top).digest()


def levels_over(count: int) -> int:
    """How many levels of nodes stand over `count` leaves (0 for none, at least 1 otherwise)."""
    levels = 0
    while count > 1 or (levels == 0 and count == 1):
        count = -(-count // ARITY)
        levels += 1
    return levels
