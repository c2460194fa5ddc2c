"""A transaction that is being signed: it can travel as bytes from party to party before it is sent."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from counterfoil.custody.signers import Signer
from counterfoil.machine.transactions import (
    MESSAGES_MAX,
    NONCE_BYTES,
    SIGNERS_MAX,
    Body,
    Mode,
    Reader,
    Signature,
    Transaction,
    sign_prefix,
    transaction_id,
)
from counterfoil.machine.wiring import MESSAGES
from counterfoil.primitives.codec import Decoder, Malformed, Message, Record, encode
from counterfoil.primitives.signatures import verify

_READERS: dict[str, Reader] = {}


class _Travelling(Record):
    """A draft as bytes: the ledger that it is meant for, and the transaction as far as it is signed."""

    chain_id: str
    transaction: Transaction


_TRAVELLING = Decoder(_Travelling)


class Draft:
    """Messages with signers, expiry and the signatures collected so far. What is signed never changes."""

    def __init__(self, chain_id: str, body_bytes: bytes, signatures: Iterable[Signature] = ()) -> None:
        """ValueError where the bytes are no transaction of this ledger, or a signature does not fit."""
        self.chain_id = chain_id
        self._body_bytes = body_bytes
        self._signatures = list(signatures)
        self._prefix = sign_prefix(chain_id)
        self.id = transaction_id(self._prefix, body_bytes)
        prepared = _reader(chain_id).prepare(self.transaction)
        if prepared.reject is not None or prepared.body is None:
            raise ValueError(f"not a transaction that this ledger takes: {prepared.reject}")
        self.body: Body = prepared.body
        for key, message, signature in prepared.checks():
            if not verify(key, message, signature):
                raise ValueError("a signature of the draft does not fit what it carries")

    @classmethod
    def of(
        cls,
        chain_id: str,
        messages: Iterable[Message],
        signers: Iterable[bytes],
        expiry_ms: int,
        mode: Mode = Mode.ALL_OR_NOTHING,
    ) -> Draft:
        """A new draft with 16 fresh random bytes. signers: addresses, each once, that all must sign."""
        kept, named = tuple(messages), tuple(dict.fromkeys(signers))
        if not kept or len(kept) > MESSAGES_MAX:
            raise ValueError(f"a transaction carries 1 to {MESSAGES_MAX} messages, not {len(kept)}")
        if not named or len(named) > SIGNERS_MAX:
            raise ValueError(f"a transaction names 1 to {SIGNERS_MAX} signers, not {len(named)}")
        return cls(chain_id, encode(Body(expiry_ms, os.urandom(NONCE_BYTES), named, mode, kept)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Draft:
        """A draft that somebody sent. ValueError where the bytes are none, or a signature in it does not fit."""
        try:
            travelling: _Travelling = _TRAVELLING.exact(data)
        except Malformed as error:
            raise ValueError(f"not a draft: {error}") from None
        return cls(travelling.chain_id, travelling.transaction.body, travelling.transaction.signatures)

    def to_bytes(self) -> bytes:
        """To be sent to whoever signs next, or kept."""
        return encode(_Travelling(self.chain_id, Transaction(self._body_bytes, tuple(self._signatures))))

    @property
    def transaction(self) -> bytes:
        """What is submitted."""
        return encode(Transaction(self._body_bytes, tuple(self._signatures)))

    @property
    def messages(self) -> tuple[Any, ...]:
        """What is asked: look at it before you sign."""
        return self.body.messages

    @property
    def signers(self) -> tuple[bytes, ...]:
        return self.body.signers

    @property
    def expiry_ms(self) -> int:
        return self.body.expiry_ms

    @property
    def unsigned(self) -> tuple[bytes, ...]:
        """Named signers for whom no key has signed yet."""
        signed = {signature.signer for signature in self._signatures}
        return tuple(address for place, address in enumerate(self.signers) if place not in signed)

    def sign(self, *keys: Signer, signer: bytes | None = None) -> Draft:
        """Add the signatures of these keys and return the draft.

        Each signs for the signer whose address is its own; `signer` names another one, whose policy the keys belong
        to. ValueError where the draft does not name that signer; a key that has signed is not added twice.
        """
        for key in keys:
            address = key.address if signer is None else signer
            if address not in self.signers:
                raise ValueError(
                    f"the draft does not name the signer {address.hex()}: say which of its signers the key belongs to"
                )
            place = self.signers.index(address)
            if not any(one.signer == place and one.key == key.public_key for one in self._signatures):
                signature = key.sign(self._prefix + self._body_bytes)
                self._signatures.append(Signature(place, key.public_key, signature))
        return self

    def merge(self, other: Draft) -> Draft:
        """Add the signatures that another copy of the same draft has collected."""
        if other.id != self.id:
            raise ValueError("these are drafts of two different transactions")
        have = {(one.signer, one.key) for one in self._signatures}
        self._signatures += [one for one in other._signatures if (one.signer, one.key) not in have]
        return self

    def __repr__(self) -> str:
        kinds = ", ".join(type(message).__name__ for message in self.messages)
        return f"Draft({self.id.hex()[:16]}…: {kinds}; {len(self._signatures)} signatures)"


def _reader(chain_id: str) -> Reader:
    """One for each ledger that this process writes to."""
    found = _READERS.get(chain_id)
    if found is None:
        if len(_READERS) >= _READERS_MAX:
            _READERS.clear()
        found = _READERS[chain_id] = Reader(chain_id, MESSAGES)
    return found


_READERS_MAX = 64
