"""What the custodian is asked to sign, read from the bytes themselves; what it cannot read it does not sign."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from counterfoil.machine.transactions import Reader, Transaction
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.approvals.messages import ProposeTransaction
from counterfoil.modules.custodians.interface import UseKind
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.primitives.codec import Malformed, Message, encode
from counterfoil.primitives.digests import AUTHENTICATION, NAME_RECORD

CHALLENGE_BYTES, IDENTITY_BYTES = 32, 20
"""Of a reader's greeting: the node's challenge, then the party and the signer."""


class Subject(NamedTuple):
    """digest: 32 bytes, of a transaction its id. messages: those that would take effect, a proposal's included.

    words: for people, what it is where it is no transaction. When one expires is the ledger's business, by its clock.
    """

    kind: UseKind
    digest: bytes
    messages: tuple[Message, ...]
    words: str


class SubjectReader:
    """Reads what is to be signed for one ledger."""

    def __init__(self, chain_id: str) -> None:
        chain = chain_id.encode("ascii")
        self._reader = Reader(chain_id, MESSAGES)
        self._greeting = AUTHENTICATION + bytes([len(chain)]) + chain

    def read(self, message: bytes) -> Subject | None:
        """None where it is nothing that is signed here."""
        if message.startswith(self._reader.prefix):
            return self._transaction(message)
        digest = sha256(message).digest()
        if message.startswith(self._greeting):
            rest = message[len(self._greeting) :]
            if len(rest) != CHALLENGE_BYTES + 2 * IDENTITY_BYTES:
                return None
            party = to_text(AddressKind.PARTY, rest[CHALLENGE_BYTES:-IDENTITY_BYTES])
            return Subject(UseKind.READING, digest, (), f"Read the ledger as {party}")
        if message.startswith(NAME_RECORD):
            return Subject(UseKind.PUBLICATION, digest, (), "Publish a key under a name in DNS")
        return None

    def _transaction(self, message: bytes) -> Subject | None:
        body_bytes = message[len(self._reader.prefix) :]
        prepared = self._reader.prepare(encode(Transaction(body_bytes, ())))
        if prepared.reject is not None or prepared.body is None:
            return None
        messages: list[Message] = []
        for one in prepared.body.messages:
            messages.append(one)
            if isinstance(one, ProposeTransaction):
                try:
                    messages += self._reader.proposal(one.content)[1]
                except Malformed:
                    return None
        return Subject(UseKind.TRANSACTION, prepared.id, tuple(messages), "")
