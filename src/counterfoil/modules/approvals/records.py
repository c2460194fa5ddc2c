"""What the ledger keeps about proposals: what is proposed, who has approved, when it lapses, how many are open."""

from __future__ import annotations

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

ADDRESS_SIZE = 20
PROPOSAL_ID_SIZE = 32
PROPOSAL_DAYS_MAX = 90
"""Days of block time that a proposal may stay open: longer than any signing round, shorter than anybody forgets."""
PROPOSAL_MS_MAX = PROPOSAL_DAYS_MAX * 86_400_000
CONTENT_BYTES_MAX = 65_536
"""Bytes of what one proposal holds; it stays in the state until the proposal ends."""
NAMED_SIGNERS_MAX = 64
"""Four times as many as one transaction may name: a proposal is for those who are not together."""
PROPOSED_MESSAGES_MAX = 100
"""Messages of one proposal: they all run in the action of the last approval."""
OPEN_PROPOSALS_MAX = 1_000
"""Open proposals of one proposer: who floods must not fill the ledger."""


class Proposal(Record):
    """A transaction that waits for approvals, under its id (32 bytes).

    content: the encoded (signers, messages). signers: the named addresses (20 bytes each), in the content's order,
    repeated here so that an approval need not take the content apart. proposer: the named signer that entered it.
    expires_ms: block time from which it can no longer be approved.
    """

    content: bytes
    signers: tuple[bytes, ...]
    proposer: bytes
    expires_ms: int


class Approval(Record):
    """One named signer's approval, under the proposal's id (32 bytes) and the signer's address (20 bytes).

    rotations: how often its keys had been replaced. Once they are replaced again it counts no longer, since whoever
    approved need not hold the keys in force.
    """

    height: int
    time_ms: int
    rotations: int = 0


class Lapse(Record):
    """When a proposal lapses, under the moment (time_ms, 8 bytes) and the proposal's id (32 bytes)."""


class OpenProposals(Record):
    """How many proposals of a proposer (its address) are open; absent for none."""

    count: int


PROPOSALS = Table(number=16, name="proposals", record=Proposal, key_sizes=(PROPOSAL_ID_SIZE,))
APPROVALS = Table(
    number=17, name="proposal_approvals", record=Approval, key_sizes=(PROPOSAL_ID_SIZE, ADDRESS_SIZE)
)
LAPSES = Table(
    number=18, name="proposal_lapses", record=Lapse, key_sizes=(8, PROPOSAL_ID_SIZE), clear=8, resident=True
)
OPEN_PROPOSALS = Table(
    number=19, name="open_proposals", record=OpenProposals, key_sizes=(ADDRESS_SIZE,), resident=True
)


def lapse_key(expires_ms: int, proposal_id: bytes) -> bytes:
    return expires_ms.to_bytes(8, "big") + proposal_id
