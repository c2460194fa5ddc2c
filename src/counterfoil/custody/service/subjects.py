"""What the custodian is asked to sign, read from the bytes themselves; what it cannot read it does not sign."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from counterfoil.custody.service.protocol import Open
from counterfoil.machine.transactions import Reader, Transaction
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.approvals.messages import ProposeTransaction
from counterfoil.modules.custodians.interface import UseKind
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.primitives.codec import Decoder, Malformed, Message, encode
from counterfoil.primitives.digests import AUTHENTICATION, NAME_RECORD, OPENING_REQUEST
from counterfoil.sealing.derivation import NOTE, VIEW_KEY

CHALLENGE_BYTES, IDENTITY_BYTES = 32, 20
"""Of a reader's greeting: the node's challenge, then the party and the signer."""


_OPENED = {VIEW_KEY: 1, NOTE: 2}
"""What is sealed to a member's key, and how many parties its place names: never what is sealed to a node's."""
_OPEN = Decoder(Open)


class Subject(NamedTuple):
    """digest: 32 bytes, of a transaction its id. messages: those that would take effect, a proposal's included.

    words: for people, what it is where it is no transaction. When one expires is the ledger's business, by its clock.
    """

    kind: UseKind
    digest: bytes
    messages: tuple[Message, ...]
    words: str


def opening_request(ask: Open) -> bytes:
    """An opening as the bytes that are approved and put on the trail; nobody signs them."""
    return OPENING_REQUEST + encode(ask)


class SubjectReader:
    """Reads what is to be signed, or opened, for one ledger."""

    def __init__(self, chain_id: str) -> None:
        chain = chain_id.encode("ascii")
        self._chain = chain
        self._reader = Reader(chain_id, MESSAGES)
        self._greeting = AUTHENTICATION + bytes([len(chain)]) + chain

    def read(self, message: bytes) -> Subject | None:
        """None where it is nothing that is signed or opened here."""
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
        if message.startswith(OPENING_REQUEST):
            return self._opening(message, digest)
        return None

    def _opening(self, message: bytes, digest: bytes) -> Subject | None:
        try:
            ask: Open = _OPEN.exact(message[len(OPENING_REQUEST) :])
        except Malformed:
            return None
        chain, *places = ask.parts or (b"",)
        if (
            chain != self._chain
            or len(places) != _OPENED.get(ask.purpose)
            or {IDENTITY_BYTES} != set(map(len, places))
        ):
            return None
        parties = [to_text(AddressKind.PARTY, place) for place in places]
        what = "view keys of " if ask.purpose == VIEW_KEY else "a note from "
        return Subject(UseKind.OPENING, digest, (), f"Open {what}{' to '.join(parties)}")

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
