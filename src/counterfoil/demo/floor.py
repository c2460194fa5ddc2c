"""Whoever acts in the demonstration: clients of a sandbox ledger, each with its own keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from counterfoil.custody.signers import SandboxKey
from counterfoil.node.personas import party_key, persona_keys
from counterfoil.primitives.codec import Message
from counterfoil.sdk.client import Client
from counterfoil.sdk.connections import Connection
from counterfoil.sdk.errors import TransactionRejected

MESSAGES_PER_TRANSACTION = 500


class DemoFailed(Exception):
    """The demonstration cannot go on; the message says why and what to do."""


class Floor:
    """The personas of one sandbox ledger as clients. All keys are such that everybody can compute them.

    connect: makes a connection to the ledger, whose node may be in this process or anywhere.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self.connect = connect
        self.regulator = self.client("Regulator", *persona_keys("regulator"))
        self.depository = self.client("Depository", *persona_keys("depository"))
        self.notary = self.client("Notary", *persona_keys("notary"))
        self.trustee = self.client("Trustee Bank", *persona_keys("trustee"))

    def client(self, party: bytes | str, *keys: SandboxKey) -> Client:
        """A client that signs with these keys and, where it is not b"", reads as the party."""
        return Client(self.connect(), *keys, party=party)


def key_of(name: str) -> SandboxKey:
    """The key of a broker or an issuer of the demonstration."""
    return party_key(name)


def send(client: Client, messages: Sequence[Message], *cosigners: Client) -> list[tuple[bytes, ...]]:
    """Send messages in as few transactions as possible; what each of them created. DemoFailed at a reject."""
    created: list[tuple[bytes, ...]] = []
    for start in range(0, len(messages), MESSAGES_PER_TRANSACTION):
        try:
            result = client.send(*messages[start : start + MESSAGES_PER_TRANSACTION], cosigners=cosigners)
        except TransactionRejected as rejected:
            raise DemoFailed(f"The ledger refused a step of the demonstration. {rejected}") from rejected
        created += [message.objects for message in result.messages]
    return created
