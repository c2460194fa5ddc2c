"""Where the custodian's keys are: sealed in its own journal, or in a hardware module that never gives them away."""

from __future__ import annotations

import os
from typing import Protocol

from counterfoil.custody.key_store import KeyStore
from counterfoil.custody.service.events import KeyPut
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import SECRET_BYTES, SigningKey
from counterfoil.sealing.derivation import OPENING, info
from counterfoil.sealing.opening_keys import Opener, OpeningKey


class Vault(Protocol):
    def make(self, name: str, owner: str) -> KeyPut:
        """A new random key."""
        ...

    def sign(self, key: KeyPut, message: bytes) -> bytes: ...

    def opening_key(self, key: KeyPut) -> Opener:
        """What opens that which is sealed to the key."""
        ...


class JournalVault:
    """Secrets lie in the journal, encrypted; in use they are in this process's memory."""

    def __init__(self) -> None:
        self._opened: dict[str, SigningKey] = {}

    def make(self, name: str, owner: str) -> KeyPut:
        secret = os.urandom(SECRET_BYTES)
        return KeyPut(name, SigningKey(secret).public_key, owner, secret)

    def sign(self, key: KeyPut, message: bytes) -> bytes:
        if key.name not in self._opened:
            self._opened[key.name] = SigningKey(key.secret)
        return self._opened[key.name].sign(message)

    def opening_key(self, key: KeyPut) -> OpeningKey:
        """The same that a key file with this secret would have."""
        return OpeningKey(SigningKey(key.secret).derived(info(OPENING)))


class ModuleVault:
    """Secrets lie in another key store; the journal knows the names and public keys alone."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def make(self, name: str, owner: str) -> KeyPut:
        return KeyPut(name, self._store.generate(name).public_key, owner, b"")

    def sign(self, key: KeyPut, message: bytes) -> bytes:
        return self._store.open(key.name).sign(message)

    def opening_key(self, key: KeyPut) -> Opener:
        return self._store.open(key.name).opening_key()


class ServiceKey:
    """The custodian's own key, with which it speaks to the ledger: a `Signer`, and no user's to use."""

    def __init__(self, vault: Vault, key: KeyPut) -> None:
        self._vault = vault
        self._key = key
        self.public_key = key.public_key
        self.address = address_of(key.public_key)

    def sign(self, message: bytes) -> bytes:
        return self._vault.sign(self._key, message)
