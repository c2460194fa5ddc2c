"""Transactions and bundles as they travel: bytes that are signed as they are, never encoded again to be checked."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from hashlib import sha256
from typing import Any

import msgspec

from counterfoil.machine.rejects import MachineReject
from counterfoil.primitives.codec import Decoder, Malformed, Message, Record, encode
from counterfoil.primitives.digests import BUNDLE, TRANSACTION
from counterfoil.primitives.outcome import Rejected

TRANSACTION_BYTES_MAX = 2 * 1024 * 1024
"""Room for one chunk of a settlement batch; an ordinary transaction has well under a kilobyte."""
MESSAGES_MAX = 1_000
SIGNERS_MAX = 16
SIGNATURES_MAX = 64
NONCE_BYTES = 16
BUNDLE_BYTES_MAX = 4 * 1024 * 1024


class Mode(IntEnum):
    """How the messages of one transaction belong together."""

    ALL_OR_NOTHING = 0
    EACH_ON_ITS_OWN = 1


class Body(Record):
    """What is signed. expiry_ms: block time at which it can no longer take effect. nonce: 16 random bytes.

    signers: addresses (20 bytes each) whose thresholds must all be met.
    """

    expiry_ms: int
    nonce: bytes
    signers: tuple[bytes, ...]
    mode: Mode
    messages: tuple[Any, ...]


class Signature(Record):
    """signer: position in the body's signers. key: tagged public key. signature: over the sign bytes."""

    signer: int
    key: bytes
    signature: bytes


class Transaction(Record):
    body: bytes
    signatures: tuple[Signature, ...]


class BundleContent(Record):
    """What one gatherer puts before the engine. key_epoch: the sealing epoch of what is inside (0: not sealed)."""

    gatherer: bytes
    expiry_ms: int
    key_epoch: int
    transactions: tuple[bytes, ...]


class Bundle(Record):
    content: bytes
    key: bytes
    signature: bytes


_TRANSACTION = Decoder(Transaction)
_BUNDLE = Decoder(Bundle)
_BUNDLE_CONTENT = Decoder(BundleContent)


def sign_prefix(chain_id: str) -> bytes:
    """What stands before a body when it is signed: the domain tag and the chain's id, with its length."""
    chain = chain_id.encode("ascii")
    return TRANSACTION + bytes([len(chain)]) + chain


def bundle_sign_prefix(chain_id: str) -> bytes:
    chain = chain_id.encode("ascii")
    return BUNDLE + bytes([len(chain)]) + chain


def transaction_id(prefix: bytes, body: bytes) -> bytes:
    """The digest of the unsigned body, bound to the chain: 32 bytes."""
    return sha256(prefix + body).digest()


class Prepared:
    """A transaction taken apart once: everything that can be known without the state.

    reject: why it can never be executed, or None. good: one byte for each signature, 1 where it fits; None until they
    are checked.
    """

    __slots__ = ("body", "good", "id", "raw", "reject", "sign_bytes", "signatures")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.id = b""
        self.body: Body | None = None
        self.signatures: tuple[Signature, ...] = ()
        self.sign_bytes = b""
        self.good: bytes | None = None
        self.reject: Rejected | None = None

    def checks(self) -> list[tuple[bytes, bytes, bytes]]:
        """(key, message, signature) for each of its signatures."""
        return [(item.key, self.sign_bytes, item.signature) for item in self.signatures]


class Reader:
    """Takes transactions apart for one chain and one set of messages."""

    def __init__(self, chain_id: str, messages: Iterable[type[Message]]) -> None:
        self.prefix = sign_prefix(chain_id)
        union: Any = None
        for kind in messages:
            union = kind if union is None else union | kind
        fields: list[Any] = [
            ("expiry_ms", int),
            ("nonce", bytes),
            ("signers", tuple[bytes, ...]),
            ("mode", Mode),
            ("messages", tuple[union, ...]),
        ]
        self._body = Decoder(
            msgspec.defstruct(
                "Body", fields, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
            )
        )
        self._proposal = Decoder(tuple[tuple[bytes, ...], tuple[union, ...]])
        self._motion = Decoder(tuple[union, ...])

    def prepare(self, raw: bytes) -> Prepared:
        """Never raises: what is wrong stands in `reject`."""
        prepared = Prepared(raw)
        try:
            self._take_apart(prepared)
        except Rejected as rejected:
            prepared.reject = rejected
        return prepared

    def proposal(self, content: bytes) -> tuple[tuple[bytes, ...], tuple[Any, ...]]:
        """Take a proposal's content apart into (signers, messages); raises `Malformed`."""
        found: tuple[tuple[bytes, ...], tuple[Any, ...]] = self._proposal.exact(content)
        return found

    def motion(self, content: bytes) -> tuple[Any, ...]:
        """Take a motion's content apart into messages; raises `Malformed`."""
        found: tuple[Any, ...] = self._motion.exact(content)
        return found

    def _take_apart(self, prepared: Prepared) -> None:
        raw = prepared.raw
        if len(raw) > TRANSACTION_BYTES_MAX:
            raise Rejected(MachineReject.TRANSACTION_IS_TOO_LARGE, size=len(raw), limit=TRANSACTION_BYTES_MAX)
        try:
            transaction = _TRANSACTION.exact(raw)
            sign_bytes = self.prefix + transaction.body
            prepared.id = sha256(sign_bytes).digest()
            body = self._body.exact(transaction.body)
        except Malformed as error:
            raise Rejected(MachineReject.TRANSACTION_IS_MALFORMED, detail=str(error)) from None
        signers, signatures = body.signers, transaction.signatures
        if len(body.nonce) != NONCE_BYTES or not 0 < body.expiry_ms < 2**62:
            raise Rejected(MachineReject.TRANSACTION_IS_MALFORMED, detail="nonce or expiry")
        if (
            not 0 < len(signers) <= SIGNERS_MAX
            or (len(signers) > 1 and len(frozenset(signers)) != len(signers))
            or len(signatures) > SIGNATURES_MAX
        ):
            raise Rejected(MachineReject.TOO_MANY_SIGNERS, limit=SIGNERS_MAX)
        for item in signatures:
            if not 0 <= item.signer < len(signers):
                raise Rejected(MachineReject.TRANSACTION_IS_MALFORMED, detail="a signature for no signer")
        if not 0 < len(body.messages) <= MESSAGES_MAX:
            raise Rejected(MachineReject.TOO_MANY_MESSAGES, limit=MESSAGES_MAX)
        prepared.body = body
        prepared.signatures = signatures
        prepared.sign_bytes = sign_bytes


def read_bundle(raw: bytes) -> tuple[Bundle, BundleContent]:
    """Take a bundle apart; raises `Rejected(BUNDLE_IS_MALFORMED)`. The gatherer's signature is not checked here."""
    try:
        bundle = _BUNDLE.exact(raw)
        content = _BUNDLE_CONTENT.exact(bundle.content)
    except Malformed as error:
        raise Rejected(MachineReject.BUNDLE_IS_MALFORMED, detail=str(error)) from None
    return bundle, content


def encode_bundle(content: bytes, key: bytes, signature: bytes) -> bytes:
    return encode(Bundle(content, key, signature))
