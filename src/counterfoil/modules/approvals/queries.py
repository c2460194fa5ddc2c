"""Reads about proposals, as of now or of the end of any past block."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.approvals.records import APPROVALS, LAPSES, PROPOSALS, Approval, Proposal
from counterfoil.modules.parties.interface import SIGNERS
from counterfoil.state.state import State


class ProposalView(NamedTuple):
    """approved: (address, when) of those who have approved, and missing: of those who have not, as they are named."""

    proposal_id: bytes
    proposal: Proposal
    approved: tuple[tuple[bytes, Approval], ...]
    missing: tuple[bytes, ...]


def proposal(state: State, proposal_id: bytes, height: int | None = None) -> ProposalView | None:
    """A proposal that is open now (or was at the end of block `height`), or None."""
    found = (
        state.find(PROPOSALS, proposal_id)
        if height is None
        else state.find_at(PROPOSALS, proposal_id, height)
    )
    if found is None:
        return None
    approved, missing = [], []
    for signer in found.signers:
        key = proposal_id + signer
        if height is None:
            given, keys = state.find(APPROVALS, key), state.find(SIGNERS, signer)
        else:
            given, keys = state.find_at(APPROVALS, key, height), state.find_at(SIGNERS, signer, height)
        if given is None or given.rotations != (keys.rotations if keys is not None else 0):
            missing.append(signer)
        else:
            approved.append((signer, given))
    return ProposalView(proposal_id, found, tuple(approved), tuple(missing))


def open_proposals(state: State, signer: bytes | None = None) -> list[ProposalView]:
    """Proposals that are open now, the one that lapses first at the head; of `signer` those that name it."""
    views = (proposal(state, key[8:]) for key, _ in state.books.shelf(LAPSES).scan())
    return [
        view for view in views if view is not None and (signer is None or signer in view.proposal.signers)
    ]
