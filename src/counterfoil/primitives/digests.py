"""Domain-tagged digests: SHA-256 over a two-byte purpose tag and an injective encoding.

SHA-256 because it is in every processor, every hardware module and every browser (WebCrypto), so that a proof can
be checked anywhere. No two purposes share a tag, so that no digest can be passed off as another kind.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b, sha256

TRANSACTION = b"\x05t"
OBJECT = b"\x05o"
REFERENCE = b"\x05f"
GENESIS = b"\x05g"
HEADER = b"\x05h"
BUNDLE = b"\x05b"
BATCH = b"\x05n"
CHUNK = b"\x05c"
SEAL = b"\x05s"
HANDOVER = b"\x05v"
AUTHENTICATION = b"\x05a"
CHANNEL = b"\x05d"
EVIDENCE = b"\x05p"
PASSWORD_SALT = b"\x06p"
TRAIL_ENTRY = b"\x06e"
TRAIL_USER = b"\x06u"
NAME_RECORD = b"\x06n"
OPENING_SEED = b"\x06o"
OPENING_REQUEST = b"\x06r"
MATCHING_FIELDS = b"\x05m"
EQUITY_CLASS = b"\x05q"
FEED_ITEM = b"\x05e"
POSSESSION = b"\x05k"
READ_LOG = b"\x05l"
ADDRESS_INNER = b"\x02a"
ADDRESS_OUTER = b"\x02b"
RELATIONSHIP = b"\x02r"
VALUE = b"\x03v"
LEAF = b"\x03l"
NODE = b"\x03n"
ROOT = b"\x03r"
LIST = b"\x03i"
MEMBER = b"\x03m"
MEMBER_KEY = b"\x03k"
IDS = b"\x03d"
FREE_SLOTS = b"\x03f"
SNAPSHOT = b"\x03s"
RECEIPT = b"\x04r"
RECEIPT_LEAF = b"\x04l"
SEALED_RECEIPT = b"\x04s"
HISTORY_LEAF = b"\x00"
HISTORY_NODE = b"\x01"
"""The last two are RFC 6962 section 2.1's own tags, kept as they are so that its test vectors hold."""

EMPTY = bytes(32)


def digest(tag: bytes, *parts: bytes) -> bytes:
    """32 bytes. Each part is preceded by its length (four bytes), so that no two lists of parts collide."""
    return sha256(tag + b"".join([len(part).to_bytes(4, "big") + part for part in parts])).digest()


def begun(tag: bytes, *parts: bytes) -> bytes:
    """What `digest(tag, *parts, …)` hashes before further parts, for those who make many that begin alike."""
    return tag + b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def finished(beginning: bytes, part: bytes) -> bytes:
    """`digest` of what has `begun`, with its last part."""
    return sha256(beginning + len(part).to_bytes(4, "big") + part).digest()


def object_id(transaction_id: bytes, message_index: int, ordinal: int = 0) -> bytes:
    """The identity of the `ordinal`-th object that one message of a transaction creates: 32 bytes."""
    return sha256(
        OBJECT + transaction_id + message_index.to_bytes(4, "big") + ordinal.to_bytes(4, "big")
    ).digest()


def keyed(key: bytes, data: bytes, size: int = 16) -> bytes:
    """A pseudo-random function: keyed BLAKE2b (RFC 7693), `key` up to 64 bytes, result of `size` bytes."""
    return blake2b(data, key=key, digest_size=size).digest()


def keyed_function(key: bytes, size: int = 16) -> Callable[[bytes], bytes]:
    """`keyed` under one key, for many calls: a hasher that has taken the key in is copied, in half the time."""
    fresh = blake2b(key=key, digest_size=size).copy

    def compute(data: bytes) -> bytes:
        hasher = fresh()
        hasher.update(data)
        return hasher.digest()

    return compute
