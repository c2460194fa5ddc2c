"""What may be asked about proposals: enter one, approve it, withdraw it."""

from __future__ import annotations

from counterfoil.primitives.codec import Message


class ProposeTransaction(Message, tag=150):
    """Enter a transaction that is to take effect once all the signers whom it names have approved it.

    content: the canonical encoding of (signers, messages): the addresses (20 bytes each, 1 to 64, all different)
    and the messages (1 to 100, none of this module), at most 65,536 bytes. expires_ms: block time from which it can
    no longer be approved, after now and within 90 days. Must be signed by one of the named signers at least; every
    named signer that signs this message has thereby approved.
    """

    content: bytes
    expires_ms: int


class ApproveTransaction(Message, tag=151):
    """Approve a proposal in the name of every signer of this transaction that the proposal names.

    proposal_id: 32 bytes; it commits to the content, so that nobody approves anything else than was entered. The
    last approval executes the messages, all or nothing; where one of them is rejected, so is the approval.
    """

    proposal_id: bytes


class WithdrawProposal(Message, tag=152):
    """End a proposal without effect: its proposer takes it back, or another named signer refuses it."""

    proposal_id: bytes
