"""Whoever signs when: a proposal takes effect exactly once, with the last of the named signers, and never earlier."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.modules.approvals.messages import ApproveTransaction
from counterfoil.modules.approvals.rejects import ApprovalsReject
from counterfoil.primitives.outcome import RejectCode, Rejected
from tests.unit.approvals.market import Ledger, proposal

PEOPLE = tuple(bytes([number]) * 20 for number in range(1, 7))

rounds = st.lists(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True), max_size=12)


@given(
    named=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=5, unique=True),
    rounds=rounds,
    new_blocks=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_any_order_of_approvals(
    named: list[bytes], rounds: list[list[bytes]], new_blocks: list[bool]
) -> None:
    ledger = Ledger()
    context = ledger.act(proposal("done", signers=tuple(named)), named[-1])
    proposal_id = context.created[0]
    approved = {named[-1]}
    for signers, new_block in zip(rounds, new_blocks, strict=False):
        counting = {signer for signer in signers if signer in named}
        executed = approved == set(named)
        code = attempt(ledger, proposal_id, signers)
        if executed:
            assert code is ApprovalsReject.PROPOSAL_NOT_FOUND
        elif not counting:
            assert code is ApprovalsReject.PROPOSAL_NOT_FOUND
        elif counting <= approved:
            assert code is ApprovalsReject.SIGNER_HAS_APPROVED
        else:
            assert code is None
            approved |= counting
        written = [note for note in ledger.notes.live.values() if note is not None]
        assert len(written) == (approved == set(named))
        assert all(note.signers == tuple(named) for note in written)
        if new_block:
            ledger.next_block()
    ledger.check()


def attempt(ledger: Ledger, proposal_id: bytes, signers: list[bytes]) -> RejectCode | None:
    """Approve in the name of these; the code where that is rejected."""
    try:
        ledger.act(ApproveTransaction(proposal_id), *signers)
    except Rejected as rejected:
        return rejected.code
    return None
