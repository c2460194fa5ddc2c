"""Recovery of lost keys by the approvers that the signer named, who need not be together: one after the other."""

from __future__ import annotations

from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import check_policy
from counterfoil.modules.parties.facts import RecoveryApproved, RecoveryWithdrawn
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.parties.messages import ApproveRecovery, WithdrawRecovery
from counterfoil.modules.parties.records import ADDRESS_SIZE, RECOVERY_DAYS_MAX, RecoveryVote, Signer
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.parties.rules_signers import put_in_force
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import KeyPolicy

DAY_MS = 86_400_000


def approve_recovery(books: PartiesBooks, ask: ApproveRecovery, context: ActionContext) -> None:
    """Each approver has one vote, for one set of keys; a later one replaces it.

    The first vote for keys shows that they work: an approval of keys that nobody has would lock the address for ever.
    """
    signer = _signer(books, ask.address)
    approving = tuple(approver for approver in signer.recovery if approver in context.signers)
    if not approving:
        raise Rejected(PartiesReject.SIGNER_IS_NOT_AUTHORISED, signer=ask.address)
    check_policy(ask.policy)
    if ask.policy == signer.policy:
        raise Rejected(PartiesReject.KEYS_ARE_IN_FORCE)
    standing = _standing(books, ask.address, signer, ask.policy, context.time_ms)
    signed = sum(1 for key in ask.policy.keys if address_of(key) in context.signers)
    if not standing and signed < ask.policy.threshold:
        raise Rejected(PartiesReject.KEYS_HAVE_NOT_SIGNED, signed=signed, threshold=ask.policy.threshold)

    lapses_ms = context.time_ms + RECOVERY_DAYS_MAX * DAY_MS
    parties = Parties(books)
    for approver in approving:
        vote = RecoveryVote(ask.policy, parties.rotations(approver), lapses_ms)
        books.recovery_votes.put(ask.address + approver, vote)
    approvals = len(_standing(books, ask.address, signer, ask.policy, context.time_ms))
    context.tell(
        RecoveryApproved(
            ask.address,
            ask.policy.threshold,
            ask.policy.keys,
            approving,
            approvals,
            signer.recovery_threshold,
            lapses_ms,
        ),
        ask.address,
        *signer.recovery,
    )
    if approvals >= signer.recovery_threshold:
        put_in_force(books, ask.address, signer, ask.policy, context, recovered=True)


def withdraw_recovery(books: PartiesBooks, ask: WithdrawRecovery, context: ActionContext) -> None:
    """Whoever still has the keys ends what others begin; an approver takes back its own."""
    signer = _signer(books, ask.address)
    itself = ask.address in context.signers
    taken = tuple(
        approver
        for approver in signer.recovery
        if (itself or approver in context.signers)
        and books.recovery_votes.find(ask.address + approver) is not None
    )
    if not taken:
        raise Rejected(PartiesReject.RECOVERY_NOT_FOUND)
    for approver in taken:
        books.recovery_votes.delete(ask.address + approver)
    by = ask.address if itself else taken[0]
    context.tell(RecoveryWithdrawn(ask.address, taken, by), ask.address, *signer.recovery)


def _signer(books: PartiesBooks, address: bytes) -> Signer:
    signer = books.signers.find(address) if len(address) == ADDRESS_SIZE else None
    if signer is None:
        raise Rejected(PartiesReject.SIGNER_NOT_FOUND)
    return signer


def _standing(
    books: PartiesBooks, address: bytes, signer: Signer, policy: KeyPolicy, time_ms: int
) -> tuple[bytes, ...]:
    """The approvers whose vote for these keys counts now: not lapsed, and signed with keys still in force."""
    parties = Parties(books)
    found = []
    for approver in signer.recovery:
        vote = books.recovery_votes.find(address + approver)
        if (
            vote is not None
            and vote.policy == policy
            and vote.lapses_ms > time_ms
            and vote.rotations == parties.rotations(approver)
        ):
            found.append(approver)
    return tuple(found)
