"""What is always true of proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.approvals.records import (
    APPROVALS,
    OPEN_PROPOSALS,
    OPEN_PROPOSALS_MAX,
    PROPOSAL_ID_SIZE,
    PROPOSALS,
    OpenProposals,
    Proposal,
    lapse_key,
)
from counterfoil.modules.approvals.rules import missing_approvals
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: ApprovalsBooks, changed: Changes) -> None:
    """Each open proposal has its lapse, waits for somebody, and is counted; no approval outlives its proposal."""
    opened: dict[bytes, int] = {}
    for proposal_id, (old, new) in changed.get(PROPOSALS.number, {}).items():
        for proposal, difference in ((old, -1), (new, 1)):
            if proposal is not None:
                opened[proposal.proposer] = opened.get(proposal.proposer, 0) + difference
        if new is not None:
            _check_open(books, proposal_id, new)
        else:
            _check_ended(books, proposal_id, old)
    for key, (_, approval) in changed.get(APPROVALS.number, {}).items():
        if approval is not None:
            proposal = books.proposals.find(key[:PROPOSAL_ID_SIZE])
            ensure(
                proposal is not None and key[PROPOSAL_ID_SIZE:] in proposal.signers,
                "an approval is of an open proposal, by a signer that it names",
            )
    for proposer, (before, now) in changed.get(OPEN_PROPOSALS.number, {}).items():
        ensure(
            _count(now) - _count(before) == opened.pop(proposer, 0),
            "open proposals are counted as they come and go",
        )
        ensure(0 <= _count(now) <= OPEN_PROPOSALS_MAX, "nobody has more open proposals than the limit")
    ensure(not any(opened.values()), "open proposals are counted as they come and go")


def check_all(books: ApprovalsBooks) -> None:
    """The same of every open proposal, found by the moments at which they lapse."""
    counts: dict[bytes, int] = {}
    for key, _ in books.lapses.scan():
        proposal = books.proposals.find(key[8:])
        if proposal is None:
            ensure(False, "a lapse belongs to an open proposal")
            continue
        ensure(lapse_key(proposal.expires_ms, key[8:]) == key, "a proposal lapses when it expires")
        _check_open(books, key[8:], proposal)
        counts[proposal.proposer] = counts.get(proposal.proposer, 0) + 1
    counted = {proposer: record.count for proposer, record in books.open_proposals.scan()}
    ensure(counted == counts, "open proposals are counted")


def _check_open(books: ApprovalsBooks, proposal_id: bytes, proposal: Proposal) -> None:
    ensure(
        books.lapses.find(lapse_key(proposal.expires_ms, proposal_id)) is not None,
        "an open proposal has its lapse",
    )
    ensure(proposal.proposer in proposal.signers, "the proposer is one of the named signers")
    ensure(missing_approvals(books, proposal_id, proposal), "an open proposal waits for an approval")


def _check_ended(books: ApprovalsBooks, proposal_id: bytes, proposal: Proposal | None) -> None:
    if proposal is None:
        return
    ensure(
        books.lapses.find(lapse_key(proposal.expires_ms, proposal_id)) is None,
        "an ended proposal has no lapse",
    )
    ensure(
        all(books.approvals.find(proposal_id + signer) is None for signer in proposal.signers),
        "an ended proposal keeps no approvals",
    )


def _count(record: OpenProposals | None) -> int:
    return record.count if record is not None else 0
