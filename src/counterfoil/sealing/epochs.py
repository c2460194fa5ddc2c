"""Roots of epochs: what is derived from one, how it is wrapped for its holders, and how older ones are archived."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.primitives.outcome import ensure
from counterfoil.sealing.derivation import (
    ARCHIVE,
    BUNDLES,
    COMMITMENT,
    FIRST_ROOT,
    KEY_BYTES,
    ROOT,
    SALTS,
    SNAPSHOTS,
    VIEW,
    derive,
)
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.sealing.view_keys import ViewKey

FIRST_EPOCH = 1
_ONCE = bytes(12)
"""The nonce under an archive key, which seals one value and never another."""


class RootSecrets(NamedTuple):
    """What a holder is given, and what is archived. network: the ledger's network secret. root: of one epoch."""

    network: bytes
    root: bytes


class Epoch:
    """One epoch's keys in memory, all derived from its root (32 bytes) and its number, from 1."""

    __slots__ = ("bundle_key", "commitment", "number", "root", "salts", "snapshots", "view")

    def __init__(self, number: int, root: bytes) -> None:
        ensure(number >= FIRST_EPOCH, "epochs are numbered from 1")
        self.root = root
        self.number = number
        self.commitment: bytes = derive(root, COMMITMENT, _eight(number))
        self.bundle_key = OpeningKey(derive(root, BUNDLES, _eight(number)))
        self.view = ViewKey(b"", derive(root, VIEW, _eight(number)))
        self.salts: bytes = derive(root, SALTS, _eight(number))
        self.snapshots: bytes = derive(root, SNAPSHOTS, _eight(number))

    def archive(self, network: bytes, before: Epoch) -> bytes:
        """The root of the epoch before, and the network secret, sealed under this root. Deterministic."""
        ensure(before.number == self.number - 1, "an epoch archives the one before it")
        return self._archive_key().encrypt(_ONCE, network + before.root, None)

    def open_archive(self, archived: bytes) -> RootSecrets | None:
        """What `archive` sealed; None where it is something else."""
        try:
            plain = self._archive_key().decrypt(_ONCE, archived, None)
        except (InvalidTag, ValueError):
            return None
        return _secrets(plain)

    def _archive_key(self) -> AESGCM:
        return AESGCM(derive(self.root, ARCHIVE, _eight(self.number)))


def first_root(network: bytes, chain_id: str) -> bytes:
    """Of epoch 1: whoever founds a ledger, or is handed its network secret, has it."""
    return derive(network, FIRST_ROOT, chain_id.encode())


def unwrap(key: OpeningKey, chain_id: str, epoch: int, holder: bytes, wrapped: bytes) -> RootSecrets | None:
    """What was wrapped for this holder; None where it is something else."""
    plain = key.open(ROOT, wrapping_place(chain_id, epoch, holder), wrapped)
    return None if plain is None else _secrets(plain)


def wrapping_place(chain_id: str, epoch: int, holder: bytes) -> tuple[bytes, ...]:
    """Where a wrapping belongs. holder: a node's address (20 bytes)."""
    return chain_id.encode(), _eight(epoch), holder


def _secrets(plain: bytes) -> RootSecrets | None:
    if len(plain) != 2 * KEY_BYTES:
        return None
    return RootSecrets(plain[:KEY_BYTES], plain[KEY_BYTES:])


def _eight(number: int) -> bytes:
    return number.to_bytes(8, "big")
