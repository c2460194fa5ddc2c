"""What happened to proposals. Each is told to the addresses of all the named signers."""

from __future__ import annotations

from counterfoil.primitives.codec import Fact


class ProposalEntered(Fact, tag=180):
    """A transaction waits for approvals. content_digest: SHA-256 of the content (32 bytes). message_tags: the kinds
    of its messages, in order; the content itself is read from the state. approved: those who have signed so far."""

    proposal_id: bytes
    content_digest: bytes
    message_tags: tuple[int, ...]
    signers: tuple[bytes, ...]
    proposer: bytes
    expires_ms: int
    approved: tuple[bytes, ...]


class ProposalApproved(Fact, tag=181):
    """Named signers have approved. approved: those of this action; missing: those that have not approved yet."""

    proposal_id: bytes
    approved: tuple[bytes, ...]
    missing: tuple[bytes, ...]


class ProposalExecuted(Fact, tag=182):
    """All have approved and the messages took effect; their own facts follow."""

    proposal_id: bytes


class ProposalWithdrawn(Fact, tag=183):
    """A named signer ended the proposal; it had no effect."""

    proposal_id: bytes
    by: bytes


class ProposalLapsed(Fact, tag=184):
    """The proposal was not approved by all in time; it had no effect. missing: those that had not approved."""

    proposal_id: bytes
    missing: tuple[bytes, ...]
