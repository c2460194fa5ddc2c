"""Each message: the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from counterfoil.modules.approvals import facts
from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.approvals.deadlines import lapse_proposals
from counterfoil.modules.approvals.invariants import check, check_all
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction, WithdrawProposal
from counterfoil.modules.approvals.records import (
    APPROVALS,
    CONTENT_BYTES_MAX,
    NAMED_SIGNERS_MAX,
    OPEN_PROPOSALS,
    OPEN_PROPOSALS_MAX,
    PROPOSAL_MS_MAX,
    PROPOSALS,
    PROPOSED_MESSAGES_MAX,
    Approval,
    OpenProposals,
)
from counterfoil.modules.approvals.rejects import ApprovalsReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import Malformed, encode
from counterfoil.primitives.outcome import InvariantViolation, RejectCode, Rejected
from tests.unit.approvals.market import (
    DAY_MS,
    ISSUER,
    NOTARY,
    NOW_MS,
    REGULATOR,
    STRANGER,
    THREE,
    Ledger,
    Note,
    NoteReject,
    NoteWritten,
    Written,
    proposal,
)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


MANY = tuple(number.to_bytes(20, "big") for number in range(NAMED_SIGNERS_MAX))
NOTE = Note("a")

PROPOSE: list[tuple[RejectCode | None, ProposeTransaction, tuple[bytes, ...]]] = [
    (None, proposal("a"), (ISSUER,)),
    (None, proposal("a", signers=MANY), (MANY[0],)),
    (None, proposal(*"a" * PROPOSED_MESSAGES_MAX), (ISSUER,)),
    (None, proposal("a", expires_ms=NOW_MS + PROPOSAL_MS_MAX), (STRANGER, NOTARY)),
    (ApprovalsReject.CONTENT_IS_TOO_LARGE, proposal("a" * CONTENT_BYTES_MAX), (ISSUER,)),
    (ApprovalsReject.CONTENT_IS_MALFORMED, ProposeTransaction(b"\xc1", NOW_MS + 1), (ISSUER,)),
    (
        ApprovalsReject.CONTENT_IS_MALFORMED,
        ProposeTransaction(proposal("a").content + b"\0", NOW_MS + 1),
        (ISSUER,),
    ),
    (ApprovalsReject.SIGNERS_ARE_NOT_IN_RANGE, proposal("a", signers=()), (ISSUER,)),
    (ApprovalsReject.SIGNERS_ARE_NOT_IN_RANGE, proposal("a", signers=(ISSUER, ISSUER)), (ISSUER,)),
    (ApprovalsReject.SIGNERS_ARE_NOT_IN_RANGE, proposal("a", signers=(ISSUER, b"short")), (ISSUER,)),
    (ApprovalsReject.SIGNERS_ARE_NOT_IN_RANGE, proposal("a", signers=(*MANY, ISSUER)), (ISSUER,)),
    (ApprovalsReject.MESSAGES_ARE_NOT_IN_RANGE, proposal(), (ISSUER,)),
    (ApprovalsReject.MESSAGES_ARE_NOT_IN_RANGE, proposal(*"a" * (PROPOSED_MESSAGES_MAX + 1)), (ISSUER,)),
    (
        ApprovalsReject.PROPOSAL_INSIDE_A_PROPOSAL,
        ProposeTransaction(encode((THREE, (NOTE, proposal("a")))), NOW_MS + 1),
        (ISSUER,),
    ),
    (
        ApprovalsReject.PROPOSAL_INSIDE_A_PROPOSAL,
        ProposeTransaction(encode((THREE, (ApproveTransaction(bytes(32)),))), NOW_MS + 1),
        (ISSUER,),
    ),
    (
        ApprovalsReject.PROPOSAL_INSIDE_A_PROPOSAL,
        ProposeTransaction(encode((THREE, (WithdrawProposal(bytes(32)),))), NOW_MS + 1),
        (ISSUER,),
    ),
    (ApprovalsReject.EXPIRY_IS_PAST, proposal("a", expires_ms=NOW_MS), (ISSUER,)),
    (ApprovalsReject.EXPIRY_IS_PAST, proposal("a", expires_ms=-(2**63)), (ISSUER,)),
    (ApprovalsReject.EXPIRY_IS_TOO_FAR, proposal("a", expires_ms=NOW_MS + PROPOSAL_MS_MAX + 1), (ISSUER,)),
    (ApprovalsReject.EXPIRY_IS_TOO_FAR, proposal("a", expires_ms=2**64 - 1), (ISSUER,)),
    (ApprovalsReject.PROPOSER_IS_NOT_NAMED, proposal("a"), (STRANGER,)),
    (ApprovalsReject.PROPOSER_IS_NOT_NAMED, proposal("a"), ()),
]


@pytest.mark.parametrize(("expected", "ask", "signers"), PROPOSE)
def test_propose(
    ledger: Ledger, expected: RejectCode | None, ask: ProposeTransaction, signers: tuple[bytes, ...]
) -> None:
    assert ledger.refused(ask, *signers) is expected


def test_a_proposer_has_a_limit_of_open_proposals(ledger: Ledger) -> None:
    shelf = ledger.state.shelf(OPEN_PROPOSALS)
    shelf.put(ISSUER, OpenProposals(OPEN_PROPOSALS_MAX - 1))
    ledger.keep()
    assert ledger.refused(proposal("a"), ISSUER) is None
    shelf.put(ISSUER, OpenProposals(OPEN_PROPOSALS_MAX))
    ledger.keep()
    assert ledger.refused(proposal("a"), ISSUER) is ApprovalsReject.TOO_MANY_OPEN_PROPOSALS
    assert ledger.refused(proposal("a"), NOTARY) is None


def test_approve(ledger: Ledger) -> None:
    found = ledger.propose("a")
    assert ledger.refused(ApproveTransaction(found), NOTARY) is None
    assert ledger.refused(ApproveTransaction(bytes(32)), NOTARY) is ApprovalsReject.PROPOSAL_NOT_FOUND
    assert ledger.refused(ApproveTransaction(b""), NOTARY) is ApprovalsReject.PROPOSAL_NOT_FOUND
    ledger.time_ms = NOW_MS + DAY_MS
    assert ledger.refused(ApproveTransaction(found), NOTARY) is ApprovalsReject.PROPOSAL_HAS_EXPIRED
    ledger.time_ms -= 1
    assert ledger.refused(ApproveTransaction(found), STRANGER) is ApprovalsReject.PROPOSAL_NOT_FOUND
    assert ledger.refused(ApproveTransaction(found), ISSUER) is ApprovalsReject.SIGNER_HAS_APPROVED
    assert ledger.refused(ApproveTransaction(found), ISSUER, STRANGER, NOTARY) is None


def test_withdraw(ledger: Ledger) -> None:
    found = ledger.propose("a")
    for by in THREE:
        assert ledger.refused(WithdrawProposal(found), STRANGER, by) is None
    assert ledger.refused(WithdrawProposal(bytes(32)), ISSUER) is ApprovalsReject.PROPOSAL_NOT_FOUND
    told = ledger.refused(WithdrawProposal(found), STRANGER)
    assert told is ApprovalsReject.PROPOSAL_NOT_FOUND
    assert told is not ApprovalsReject.SIGNER_IS_NOT_NAMED, "which would say that there is one"


def test_an_approval_ends_with_the_keys_that_gave_it(ledger: Ledger) -> None:
    found = ledger.propose("a")
    ledger.act(ApproveTransaction(found), NOTARY)
    ledger.rotations[NOTARY] = 1
    ledger.next_block()
    ledger.act(ApproveTransaction(found), REGULATOR)
    assert not any(ledger.notes.live.values()), "the notary's keys are others now"
    ledger.next_block()
    ledger.act(ApproveTransaction(found), NOTARY)
    assert [note.text for note in ledger.notes.live.values() if note is not None] == ["a"]
    ledger.next_block()
    assert not any(ledger.state.shelves[APPROVALS.number].live.values())


def test_the_last_approval_executes_everything_as_signed_by_all(ledger: Ledger) -> None:
    found = ledger.propose("a", "b")
    ledger.next_block()
    told = ledger.act(ApproveTransaction(found), NOTARY).facts
    assert told == [(facts.ProposalApproved(found, (NOTARY,), (REGULATOR,)), THREE)]
    assert not any(ledger.notes.live.values())
    ledger.next_block()

    context = ledger.act(ApproveTransaction(found), STRANGER, REGULATOR)
    assert [fact for fact, _ in context.facts] == [
        facts.ProposalApproved(found, (REGULATOR,), ()),
        facts.ProposalExecuted(found),
        NoteWritten("a"),
        NoteWritten("b"),
    ]
    assert [to for _, to in context.facts] == [THREE, THREE, (ISSUER,), (ISSUER,)]
    assert len(context.created) == len(set(context.created)) == 2
    assert context.credited == [b"a" * 40] * 2
    assert [ledger.notes.find(key) for key in context.created] == [Written("a", THREE), Written("b", THREE)]
    ledger.next_block()
    for number in (PROPOSALS.number, APPROVALS.number, OPEN_PROPOSALS.number):
        assert not any(ledger.state.shelves[number].live.values())
    assert ledger.refused(ApproveTransaction(found), NOTARY) is ApprovalsReject.PROPOSAL_NOT_FOUND


def test_who_signs_together_need_not_wait(ledger: Ledger) -> None:
    context = ledger.act(proposal("a"), *THREE)
    kinds = [type(fact) for fact, _ in context.facts]
    assert kinds == [facts.ProposalEntered, facts.ProposalExecuted, NoteWritten]
    assert len(context.created) == 2
    ledger.next_block()
    found = ledger.propose("b", by=(NOTARY, ISSUER))
    assert ledger.books.open_proposals.find(NOTARY) == OpenProposals(1)
    ledger.act(ApproveTransaction(found), REGULATOR)
    assert len([note for note in ledger.notes.live.values() if note]) == 2
    ledger.next_block()


def test_what_is_entered_is_told_to_the_named_and_nobody_else(ledger: Ledger) -> None:
    ask = proposal("a", "b", signers=(NOTARY, REGULATOR))
    ((fact, stakeholders),) = ledger.act(ask, REGULATOR, STRANGER).facts
    assert stakeholders == (NOTARY, REGULATOR)
    assert isinstance(fact, facts.ProposalEntered)
    assert fact.message_tags == (9001, 9001)
    assert fact.approved == (REGULATOR,)
    assert fact.proposer == REGULATOR


def test_a_message_that_is_rejected_takes_the_last_approval_along(ledger: Ledger) -> None:
    ledger.act(Note("once"), STRANGER)
    found = ledger.propose("a", "once", by=(ISSUER, NOTARY))
    assert ledger.refused(ApproveTransaction(found), REGULATOR) is NoteReject.WRITTEN_BEFORE
    ledger.next_block()
    assert ledger.books.proposals.find(found) is not None
    assert ledger.books.approvals.find(found + REGULATOR) is None
    ledger.window.discard_block()
    ledger.act(ApproveTransaction(found), REGULATOR)
    assert sorted(note.text for note in ledger.notes.live.values() if note) == ["a", "once", "once"]

    with pytest.raises(Rejected) as refused:
        ledger.act(proposal("a", ""), *THREE)
    assert refused.value.code is NoteReject.TEXT_IS_EMPTY
    ledger.next_block()


def test_content_that_a_later_rule_version_no_longer_reads_is_refused(ledger: Ledger) -> None:
    found = ledger.propose("a", by=(ISSUER, NOTARY))
    ledger.books.decode = decode_nothing
    assert ledger.refused(ApproveTransaction(found), REGULATOR) is ApprovalsReject.CONTENT_IS_MALFORMED
    assert ledger.refused(WithdrawProposal(found), REGULATOR) is None


def decode_nothing(data: bytes) -> tuple[tuple[bytes, ...], tuple[Note, ...]]:
    raise Malformed("no such message")


def test_withdrawn_is_over(ledger: Ledger) -> None:
    found, other = ledger.propose("a"), ledger.propose("a")
    ledger.act(ApproveTransaction(found), NOTARY)
    told = ledger.act(WithdrawProposal(found), REGULATOR).facts
    assert told == [(facts.ProposalWithdrawn(found, REGULATOR), THREE)]
    ledger.next_block()
    assert ledger.refused(ApproveTransaction(found), NOTARY) is ApprovalsReject.PROPOSAL_NOT_FOUND
    assert ledger.books.open_proposals.find(ISSUER) == OpenProposals(1)
    ledger.act(WithdrawProposal(other), ISSUER)
    ledger.next_block()
    assert ledger.books.open_proposals.find(ISSUER) is None


def test_proposals_lapse_at_their_expiry_the_earliest_first(ledger: Ledger) -> None:
    late = ledger.act(proposal("late", expires_ms=NOW_MS + 3_000), ISSUER).created[0]
    first, second = sorted(
        ledger.act(proposal("early", expires_ms=NOW_MS + 2_000), ISSUER).created[0] for _ in range(2)
    )
    ledger.act(ApproveTransaction(first), NOTARY)
    assert ledger.next_block(1_999) == []
    (context,) = ledger.next_block(1, limit=1)
    assert context.facts == [(facts.ProposalLapsed(first, (REGULATOR,)), THREE)]
    assert ledger.refused(ApproveTransaction(second), NOTARY) is ApprovalsReject.PROPOSAL_HAS_EXPIRED
    assert ledger.refused(ApproveTransaction(late), NOTARY) is None
    contexts = ledger.next_block(1_000)
    assert [fact.proposal_id for context in contexts for fact, _ in context.facts] == [second, late]  # type: ignore[attr-defined]
    assert ledger.next_block() == []
    assert not any(ledger.books.proposals.live.values())
    assert ledger.refused(ApproveTransaction(late), NOTARY) is ApprovalsReject.PROPOSAL_NOT_FOUND


def test_a_proposal_withdrawn_before_its_deadline_in_the_same_block_lapses_no_more(ledger: Ledger) -> None:
    found = ledger.propose("a")
    ledger.time_ms += DAY_MS
    (act,) = lapse_proposals(ledger.books, ledger.block(), 10)
    ledger.act(WithdrawProposal(found), ISSUER)
    with pytest.raises(Rejected) as refused:
        act(ActionContext(ledger.block(), bytes(32), 0, ()))
    assert refused.value.code is ApprovalsReject.PROPOSAL_NOT_FOUND


def lose_the_lapse(books: ApprovalsBooks) -> None:
    for key, _ in list(books.lapses.scan()):
        books.lapses.delete(key)


def lose_the_proposal(books: ApprovalsBooks) -> None:
    for key in list(books.proposals.live):
        books.proposals.delete(key)


def count_too_many(books: ApprovalsBooks) -> None:
    books.open_proposals.put(ISSUER, OpenProposals(2))


def count_nobody(books: ApprovalsBooks) -> None:
    books.open_proposals.delete(ISSUER)


def approve_without_executing(books: ApprovalsBooks) -> None:
    for key in list(books.proposals.live):
        for signer in THREE:
            books.approvals.put(key + signer, Approval(1, NOW_MS))


BREAKAGES = (lose_the_lapse, lose_the_proposal, count_too_many, count_nobody, approve_without_executing)


@pytest.mark.parametrize("broken", BREAKAGES)
def test_invariants_see_what_breaks_them(ledger: Ledger, broken: Callable[[ApprovalsBooks], None]) -> None:
    ledger.propose("a")
    broken(ledger.books)
    ledger.keep()
    with pytest.raises(InvariantViolation):
        check(ledger.books, ledger.changed())


@pytest.mark.parametrize("broken", BREAKAGES)
def test_the_full_check_sees_what_breaks_it(ledger: Ledger, broken: Callable[[ApprovalsBooks], None]) -> None:
    ledger.propose("a")
    check_all(ledger.books)
    broken(ledger.books)
    with pytest.raises(InvariantViolation):
        check_all(ledger.books)


def test_an_approval_that_outlives_its_proposal_is_seen(ledger: Ledger) -> None:
    ledger.books.approvals.put(bytes(32) + ISSUER, Approval(1, NOW_MS))
    ledger.keep()
    with pytest.raises(InvariantViolation):
        check(ledger.books, ledger.changed())
