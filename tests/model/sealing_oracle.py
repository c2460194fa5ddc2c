"""What a block's sealed receipts must be, from the books and the derivations of the explanation page alone.

No cache, no code of the room `sealing`: written to be compared with, not to be fast.
"""

from __future__ import annotations

import hmac
from hashlib import blake2b, sha256
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PUBLIC = bytes(20)


def info(purpose: bytes, *parts: bytes) -> bytes:
    named = b"counterfoil sealing 1" + bytes([len(purpose)]) + purpose
    return named + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def derive(key: bytes, purpose: bytes, *parts: bytes, size: int = 32) -> bytes:
    made = block = b""
    while len(made) < size:
        number = bytes([len(made) // 32 + 1])
        block = hmac.digest(key, block + info(purpose, *parts) + number, "sha256")
        made += block
    return made[:size]


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def first_root(network: bytes, chain_id: str) -> bytes:
    return derive(network, b"first root", chain_id.encode())


def view_key(root: bytes, epoch: int, path: list[tuple[bytes, int]]) -> bytes:
    key = derive(root, b"view", u64(epoch))
    for node, counter in path:
        key = derive(key, b"child", node, u64(counter))
    return key


def path_to(books: dict[int, dict[bytes, Any]], stakeholder: bytes) -> list[tuple[bytes, int]]:
    """From the live records: 20 parties, 57 relationships, 135 counters."""
    path: list[tuple[bytes, int]] = []
    node = stakeholder
    while node:
        found = books[135].get(node)
        path.insert(0, (node, found.counter if found is not None else 0))
        if node in books[20]:
            node = books[20][node].parent
        elif node in books[57]:
            node = books[57][node].servicer
        else:
            node = b""
    return path


def sealed(
    root: bytes,
    epoch: int,
    height: int,
    books: dict[int, dict[bytes, Any]],
    receipts: list[tuple[bytes, bytes]],
) -> list[tuple[bytes, bytes]]:
    """[(sealed, salt)] of [(stakeholder, plaintext)] in the order of places; (b"", b"") for those for everybody."""
    made: list[tuple[bytes, bytes]] = []
    seen: dict[bytes, int] = {}
    for stakeholder, plaintext in receipts:
        if stakeholder == PUBLIC:
            made.append((b"", b""))
            continue
        key = view_key(root, epoch, path_to(books, stakeholder))
        both = derive(key, b"receipts", u64(height >> 16), size=64)
        aes, prf = both[:32], both[32:]
        number = seen.get(stakeholder, 0)
        seen[stakeholder] = number + 1
        run = blake2b(
            u64(height) + (number // 2).to_bytes(4, "big"), key=prf, person=b"receipt run", digest_size=48
        ).digest()
        half = run[24 * (number % 2) :][:24]
        tag, salt = half[:8], half[8:]
        hidden = sha256(b"\x04r" + salt + plaintext).digest()
        made.append((tag + AESGCM(aes).encrypt(hidden[:12], plaintext, None), salt))
    return made


def leaf(salt: bytes, plaintext: bytes, envelope: bytes) -> bytes:
    hidden = sha256(b"\x04r" + salt + plaintext).digest()
    digest = sha256(b"\x04s" + envelope).digest() if envelope else bytes(32)
    return sha256(b"\x04l" + hidden + digest).digest()
