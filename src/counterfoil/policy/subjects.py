"""What can be looked at. Each read names its subject; the policy decides by subject and viewer alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class PublicFact:
    """Terms of instruments, rulebooks, calendars, business dates, headers, the ledger's status; the consortium's
    members and rules, validators, and the values of feeds."""


@dataclass(frozen=True, slots=True)
class PartyName:
    """Name, LEI, roles and status of a party (20 bytes): what a list of members shows."""

    party: bytes


@dataclass(frozen=True, slots=True)
class PartyDetails:
    """Everything else about a party: signer, users, mandates, identity hash, who admitted it."""

    party: bytes


@dataclass(frozen=True, slots=True)
class PartyHistory:
    """What happened to a party."""

    party: bytes


@dataclass(frozen=True, slots=True)
class PersonLinks:
    """Which parties are one person. registrar: the identity registrar in office (20 bytes), b"" where there is none."""

    registrar: bytes


@dataclass(frozen=True, slots=True)
class CertificateOf:
    """In whose name a certificate speaks: party; authority: whoever runs its issuer; of_a_node: clients check it."""

    party: bytes
    authority: bytes
    of_a_node: bool


@dataclass(frozen=True, slots=True)
class AccountContents:
    """An account (20 bytes) as it stands or stood: its record, balances, earmarks."""

    account: bytes


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """What happened on an account: statement and history."""

    account: bytes


@dataclass(frozen=True, slots=True)
class Register:
    """Who holds an instrument (20 bytes), now or at any time, and what happened on its register."""

    instrument: bytes


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a piece of business: its party, and its account (b"" where the party traded for itself)."""

    party: bytes
    account: bytes = b""


@dataclass(frozen=True, slots=True)
class Business:
    """A trade or an instruction. market: its venue, or the market whose rules it settles under; "" for none."""

    sides: tuple[Side, ...]
    market: str = ""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many instructions wait in each queue of a market (its code); they name nobody."""

    market: str


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """How a node is: whether it works, its heights, sizes and times, its room on disk, its connections to other nodes.
    Nothing of it depends on whose business the node does."""


@dataclass(frozen=True, slots=True)
class BusinessCounts:
    """How many transactions a node has decided and with what outcome, how many wait, how many clients are connected.

    They name nobody; but whoever subtracts its own knows how much the others do.
    """


@dataclass(frozen=True, slots=True)
class PendingProposal:
    """A transaction that collects signatures on the ledger. signers: the named addresses (20 bytes each)."""

    signers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PendingMotion:
    """What is before the consortium: the messages of an open motion, and who approves them."""


@dataclass(frozen=True, slots=True)
class ReceiptFor:
    """One whole receipt. stakeholder: party, relationship, signer's address or `PUBLIC` (20 bytes).

    accounts: those that the receipt mentions: what ties a relationship to its two parties.
    """

    stakeholder: bytes
    accounts: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """Blocks and receipts as they are sealed, whoever they are for; of view keys, that one may ask for one's own."""


class Opens(IntEnum):
    """What a view key opens.

    EVERYTHING: the key at the top. OWN: the viewer's alone. BELOW: its own and that of whom it admitted and services.
    SERVICED: a relationship whose accounts it services. GRANTED: what it was granted.
    """

    EVERYTHING = 0
    OWN = 1
    BELOW = 2
    SERVICED = 3
    GRANTED = 4


@dataclass(frozen=True, slots=True)
class ViewKeyOf:
    """The view key of a node, to be handed to the viewer, by what it opens. by: who granted it, or b""."""

    node: bytes
    opens: Opens
    by: bytes = b""


@dataclass(frozen=True, slots=True)
class NextKeyEpoch:
    """The next root, or the one in force, wrapped for nodes: what whoever runs the ledger signs and sends."""


@dataclass(frozen=True, slots=True)
class ViewGrant:
    """A grant of a view. concerned: the parties whose business it shows, as far as its purpose tells them."""

    grantor: bytes
    grantee: bytes
    concerned: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadsOfNode:
    """This node's log of who read what under supervision, custody, an office or a grant."""


Subject = (
    PublicFact
    | SealedCopy
    | ViewKeyOf
    | NextKeyEpoch
    | PartyName
    | PartyDetails
    | PartyHistory
    | PersonLinks
    | CertificateOf
    | AccountContents
    | AccountHistory
    | Register
    | Business
    | QueueCounts
    | NodeHealth
    | BusinessCounts
    | PendingProposal
    | PendingMotion
    | ReceiptFor
    | ViewGrant
    | ReadsOfNode
)
