"""What can be asked about the ledger's keys. Numbers 1300 to 1349.

Roots travel wrapped, made by a node that holds them; nobody who sends these messages sees a key.
"""

from __future__ import annotations

from counterfoil.modules.grants.interface import Purpose
from counterfoil.modules.viewkeys.records import Wrapping
from counterfoil.primitives.codec import Message


class AdmitHolder(Message, tag=1300, frozen=True):
    """Let a node execute: it is given the root in force, and may bring bundles of transactions in its own name.

    party: who runs the ledger. node: its address (20 bytes). opening_key: its public key (32). wrapped: root and
    network secret, sealed to that key.
    """

    party: bytes
    node: bytes
    opening_key: bytes
    wrapped: bytes


class RemoveHolder(Message, tag=1301, frozen=True):
    """Let a node hold no further root. It opens what came before the next epoch; begin one."""

    party: bytes
    node: bytes


class ProposeKeyEpoch(Message, tag=1302, frozen=True):
    """Propose a new root, wrapped for every holder; it replaces an earlier proposal. Fields as in `KeyEpoch`.

    number: one above the epoch in force. It comes into force when every holder has confirmed it.
    """

    party: bytes
    number: int
    commitment: bytes
    bundle_key: bytes
    archived: bytes
    wrappings: tuple[Wrapping, ...]


class ConfirmKeyEpoch(Message, tag=1303, frozen=True):
    """A holder has opened its wrapping: it fits the commitment, and its archive opens. Signed by the node's address."""

    node: bytes
    number: int
    commitment: bytes


class RaiseViewKey(Message, tag=1304, frozen=True):
    """Put another view key in force for a node of the tree and everything below.

    party: the node itself, one side of a relationship, or one above.
    """

    party: bytes
    node: bytes


class RecordOpeningKey(Message, tag=1305, frozen=True):
    """The public key (32 bytes) to which the party wants its view keys and notes sealed; replaces an earlier one."""

    party: bytes
    opening_key: bytes


class GrantViewKey(Message, tag=1306, frozen=True):
    """Let another party be handed the view key of a node: an auditor, a second custodian.

    By the terms of `GrantView`, a party's node being shown as a party, a relationship as an account: the purpose says
    who gives what to whom, and whose consent it takes (those who consent sign, too). reason: in words. until_ms: block
    time at which it ends, within 731 days. past: what was sealed before too; without it the key is raised, so that it
    opens nothing of the past.
    """

    party: bytes
    node: bytes
    grantee: bytes
    purpose: Purpose
    reason: str
    until_ms: int
    past: bool = False


class EndViewGrant(Message, tag=1307, frozen=True):
    """End a grant before its time: by whoever may revoke a view (`RevokeView`). The key is raised."""

    party: bytes
    node: bytes
    grantee: bytes
