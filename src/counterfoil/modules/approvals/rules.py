"""Proposals: entered, approved one by one, executed by the last approval, or withdrawn."""

from __future__ import annotations

from hashlib import sha256

from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.approvals.facts import (
    ProposalApproved,
    ProposalEntered,
    ProposalExecuted,
    ProposalLapsed,
    ProposalWithdrawn,
)
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction, WithdrawProposal
from counterfoil.modules.approvals.records import (
    ADDRESS_SIZE,
    CONTENT_BYTES_MAX,
    NAMED_SIGNERS_MAX,
    OPEN_PROPOSALS_MAX,
    PROPOSAL_MS_MAX,
    PROPOSED_MESSAGES_MAX,
    Approval,
    Lapse,
    OpenProposals,
    Proposal,
    lapse_key,
)
from counterfoil.modules.approvals.rejects import ApprovalsReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import Malformed, Message
from counterfoil.primitives.outcome import Rejected

OWN_MESSAGES = (ProposeTransaction, ApproveTransaction, WithdrawProposal)


def propose(books: ApprovalsBooks, ask: ProposeTransaction, context: ActionContext) -> None:
    """Enter a transaction for approval; who signs this has approved it."""
    if len(ask.content) > CONTENT_BYTES_MAX:
        raise Rejected(ApprovalsReject.CONTENT_IS_TOO_LARGE, size=len(ask.content), limit=CONTENT_BYTES_MAX)
    signers, messages = _taken_apart(books, ask.content)
    if not _are_named_well(signers):
        raise Rejected(ApprovalsReject.SIGNERS_ARE_NOT_IN_RANGE, limit=NAMED_SIGNERS_MAX)
    if not 0 < len(messages) <= PROPOSED_MESSAGES_MAX:
        raise Rejected(ApprovalsReject.MESSAGES_ARE_NOT_IN_RANGE, limit=PROPOSED_MESSAGES_MAX)
    for message in messages:
        if isinstance(message, OWN_MESSAGES):
            raise Rejected(ApprovalsReject.PROPOSAL_INSIDE_A_PROPOSAL, message=type(message).__name__)
    if ask.expires_ms <= context.time_ms:
        raise Rejected(ApprovalsReject.EXPIRY_IS_PAST, block_time_ms=context.time_ms)
    if ask.expires_ms > context.time_ms + PROPOSAL_MS_MAX:
        raise Rejected(ApprovalsReject.EXPIRY_IS_TOO_FAR, latest_ms=context.time_ms + PROPOSAL_MS_MAX)
    approving = tuple(signer for signer in context.signers if signer in signers)
    if not approving:
        raise Rejected(ApprovalsReject.PROPOSER_IS_NOT_NAMED)
    proposer = approving[0]
    already_open = books.open_proposals.find(proposer)
    count = already_open.count if already_open is not None else 0
    if count >= OPEN_PROPOSALS_MAX:
        raise Rejected(ApprovalsReject.TOO_MANY_OPEN_PROPOSALS, limit=OPEN_PROPOSALS_MAX)

    proposal_id = context.new_id()
    proposal = Proposal(ask.content, signers, proposer, ask.expires_ms)
    books.proposals.put(proposal_id, proposal)
    books.lapses.put(lapse_key(ask.expires_ms, proposal_id), Lapse())
    books.open_proposals.put(proposer, OpenProposals(count + 1))
    context.tell(
        ProposalEntered(
            proposal_id,
            sha256(ask.content).digest(),
            tuple(_tag(message) for message in messages),
            signers,
            proposer,
            ask.expires_ms,
            approving,
        ),
        *signers,
    )
    _approve(books, proposal_id, proposal, approving, context)


def approve(books: ApprovalsBooks, ask: ApproveTransaction, context: ActionContext) -> None:
    """Approve a proposal; the last approval executes it, or is itself rejected with what its messages met."""
    proposal_id = ask.proposal_id
    proposal = books.proposals.find(proposal_id)
    named = tuple(signer for signer in context.signers if proposal is not None and signer in proposal.signers)
    if proposal is None or not named:
        raise Rejected(ApprovalsReject.PROPOSAL_NOT_FOUND, proposal=proposal_id)
    if proposal.expires_ms <= context.time_ms:
        raise Rejected(ApprovalsReject.PROPOSAL_HAS_EXPIRED, expired_ms=proposal.expires_ms)
    approving = tuple(signer for signer in named if not _has_approved(books, proposal_id, signer))
    if not approving:
        raise Rejected(ApprovalsReject.SIGNER_HAS_APPROVED)

    context.tell(
        ProposalApproved(
            proposal_id,
            approving,
            tuple(s for s in missing_approvals(books, proposal_id, proposal) if s not in approving),
        ),
        *proposal.signers,
    )
    _approve(books, proposal_id, proposal, approving, context)


def withdraw(books: ApprovalsBooks, ask: WithdrawProposal, context: ActionContext) -> None:
    """End a proposal without effect. It needs every named signer, so that any of them can end it."""
    proposal = books.proposals.find(ask.proposal_id)
    named = proposal.signers if proposal is not None else ()
    by = next((signer for signer in context.signers if signer in named), None)
    if proposal is None or by is None:
        raise Rejected(ApprovalsReject.PROPOSAL_NOT_FOUND, proposal=ask.proposal_id)

    _end(books, ask.proposal_id, proposal)
    context.tell(ProposalWithdrawn(ask.proposal_id, by), *proposal.signers)


def lapse(books: ApprovalsBooks, proposal_id: bytes, context: ActionContext) -> None:
    """End a proposal whose time is over."""
    proposal = books.proposals.find(proposal_id)
    if proposal is None:
        raise Rejected(ApprovalsReject.PROPOSAL_NOT_FOUND, proposal=proposal_id)
    missing = missing_approvals(books, proposal_id, proposal)
    _end(books, proposal_id, proposal)
    context.tell(ProposalLapsed(proposal_id, missing), *proposal.signers)


def missing_approvals(books: ApprovalsBooks, proposal_id: bytes, proposal: Proposal) -> tuple[bytes, ...]:
    """The named signers that have not approved yet, in the order in which they are named."""
    return tuple(signer for signer in proposal.signers if not _has_approved(books, proposal_id, signer))


def _has_approved(books: ApprovalsBooks, proposal_id: bytes, signer: bytes) -> bool:
    """Whether the signer approved with the keys that are in force now."""
    approval = books.approvals.find(proposal_id + signer)
    return approval is not None and approval.rotations == books.rotations(signer)


def _approve(
    books: ApprovalsBooks,
    proposal_id: bytes,
    proposal: Proposal,
    approving: tuple[bytes, ...],
    context: ActionContext,
) -> None:
    for signer in approving:
        approval = Approval(context.height, context.time_ms, books.rotations(signer))
        books.approvals.put(proposal_id + signer, approval)
    if missing_approvals(books, proposal_id, proposal):
        return
    _end(books, proposal_id, proposal)
    context.tell(ProposalExecuted(proposal_id), *proposal.signers)
    _execute(books, proposal_id, proposal, context)


def _execute(books: ApprovalsBooks, proposal_id: bytes, proposal: Proposal, context: ActionContext) -> None:
    """Run the messages as a transaction with the proposal's id, signed by all the named signers.

    A message that is rejected leaves through here, and takes the approval and the messages before it along.
    """
    _, messages = _taken_apart(books, proposal.content)
    for index, message in enumerate(messages):
        inner = ActionContext(context.block, proposal_id, index, proposal.signers)
        books.dispatch(message, inner)
        context.facts += inner.facts
        context.created += inner.created
        context.credited += inner.credited


def _end(books: ApprovalsBooks, proposal_id: bytes, proposal: Proposal) -> None:
    for signer in proposal.signers:
        if books.approvals.find(proposal_id + signer) is not None:
            books.approvals.delete(proposal_id + signer)
    books.proposals.delete(proposal_id)
    books.lapses.delete(lapse_key(proposal.expires_ms, proposal_id))
    still_open = books.open_proposals.find(proposal.proposer)
    if still_open is not None and still_open.count > 1:
        books.open_proposals.put(proposal.proposer, OpenProposals(still_open.count - 1))
    else:
        books.open_proposals.delete(proposal.proposer)


def _taken_apart(books: ApprovalsBooks, content: bytes) -> tuple[tuple[bytes, ...], tuple[Message, ...]]:
    try:
        return books.decode(content)
    except Malformed as error:
        raise Rejected(ApprovalsReject.CONTENT_IS_MALFORMED, detail=str(error)) from None


def _are_named_well(signers: tuple[bytes, ...]) -> bool:
    return (
        0 < len(signers) <= NAMED_SIGNERS_MAX
        and len(frozenset(signers)) == len(signers)
        and all(len(signer) == ADDRESS_SIZE for signer in signers)
    )


def _tag(message: Message) -> int:
    tag = type(message).__struct_config__.tag
    return tag if isinstance(tag, int) else 0
