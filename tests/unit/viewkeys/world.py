"""A sealed desk with some accounts, its node's own key, and other nodes that could hold the root."""

from __future__ import annotations

import os

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.viewkeys.interface import ViewKeys
from counterfoil.node.key_epochs import confirmation, draft_admission, draft_epoch
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import SigningKey
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.sealing.ring import KeyRing
from tests.model.desk import SECRETS, Desk, by, party
from tests.model.opening import Opening

NODE = SandboxKey("node", SECRETS.sealer)
"""The key with which the desk's node signs."""
REGULATOR, DEPOSITORY, TRUSTEE = party("regulator"), party("depository"), party("trustee")
BROKER_A, BROKER_B = party("broker-a"), party("broker-b")
INVESTOR_A, AUDITOR, NOTARY = party("investor-a"), party("auditor"), party("notary")
CLIENT = relationship_of(BROKER_A, INVESTOR_A)
AT_DEPOSITORY = relationship_of(DEPOSITORY, BROKER_A)
DAY_MS = 86_400_000


class OtherNode:
    """A node that is not the desk's: its keys, and a ring for what is wrapped to it."""

    def __init__(self, number: int) -> None:
        self.key = SandboxKey(f"node {number}", bytes([number]) * 32)
        self.opening = OpeningKey(bytes([number + 100]) * 32)

    @property
    def address(self) -> bytes:
        return self.key.address

    def ring(self, desk: Desk) -> KeyRing:
        return KeyRing(desk.chain_id, SECRETS.network, self.address, self.opening)


def some_address() -> bytes:
    return address_of(SigningKey(os.urandom(32)).public_key)


class World:
    """A desk after its markets and accounts are open."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.opening = Opening(self.desk)
        self.opening.markets()
        self.opening.all_accounts()

    @property
    def viewkeys(self) -> ViewKeys:
        return self.desk.machine.wired.viewkeys

    def admit(self, other: OtherNode) -> None:
        message = draft_admission(self.desk.machine, REGULATOR, other.address, other.opening.public_key)
        self.desk.do(message, *by("regulator"))

    def propose(self) -> None:
        self.desk.do(draft_epoch(self.desk.machine, REGULATOR), *by("regulator"))

    def confirm(self) -> None:
        message = confirmation(self.desk.machine)
        assert message is not None
        self.desk.do(message, NODE)

    def next_epoch(self) -> None:
        self.propose()
        self.confirm()
