"""Reads about keys: a signer's keys with the state of their recovery, and a custodian's trail as the ledger has it."""

from __future__ import annotations

import msgspec

from counterfoil.modules.custodians import queries as custodians
from counterfoil.modules.parties import queries as parties
from counterfoil.modules.parties.records import RECOVERY_APPROVERS_MAX
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, AsOf, check_id, named, reading
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import PartyDetails, PendingProposal

FIRST_HEAD = bytes(32)


class SignerOf(AsOf, frozen=True, kw_only=True):
    """signer: address (20 bytes)."""

    signer: bytes


class TrailOf(AsOf, frozen=True, kw_only=True):
    """custodian: party id (20 bytes)."""

    custodian: bytes


class VoteLine(msgspec.Struct, frozen=True):
    """What one approver of a recovery wants; counts: whether it is in force at this moment."""

    approver: bytes
    threshold: int
    keys: tuple[bytes, ...]
    lapses_ms: int
    counts: bool


class SignerRecord(Answer, frozen=True, kw_only=True):
    """threshold, keys: in force. recovery: who may replace them, so many of them together. votes: those that stand."""

    signer: bytes
    threshold: int
    keys: tuple[bytes, ...]
    rotations: int
    recovery: tuple[bytes, ...]
    recovery_threshold: int
    votes: tuple[VoteLine, ...]


class TrailRecord(Answer, frozen=True, kw_only=True):
    """entries: on the ledger. head: of their chain (32 bytes, zeros before the first)."""

    entries: int
    head: bytes


def _to_its_approvers(address: bytes, approvers: tuple[bytes, ...]) -> PendingProposal:
    """A signer's keys are shown as a transaction that it signs with its approvers would be. As many addresses are
    looked at whether there are approvers, or a signer, or not."""
    return PendingProposal((address, *approvers, *(address,) * (RECOVERY_APPROVERS_MAX - len(approvers))))


@named("signer")
def signer_details(node: LedgerNode, viewer: Viewer, params: SignerOf) -> SignerRecord:
    """A registered signer: to whoever speaks by it, to whoever may approve its recovery, and to the regulator."""
    with reading(node, viewer, params) as view:
        address = check_id(params.signer)
        named = parties.signer(view.state, address, view.height)
        found = view.shown(named, _to_its_approvers(address, named.recovery if named is not None else ()))
        votes = parties.recovery_votes(view.state, address, view.height)
        return SignerRecord(
            moment=view.moment,
            signer=address,
            threshold=found.policy.threshold,
            keys=found.policy.keys,
            rotations=found.rotations,
            recovery=found.recovery,
            recovery_threshold=found.recovery_threshold,
            votes=tuple(
                VoteLine(
                    approver,
                    vote.policy.threshold,
                    vote.policy.keys,
                    vote.lapses_ms,
                    vote.lapses_ms > view.moment.time_ms
                    and vote.rotations == parties.rotations(view.state, approver, view.height),
                )
                for approver, vote in votes
            ),
        )


@named("custody_trail")
def custody_trail(node: LedgerNode, viewer: Viewer, params: TrailOf) -> TrailRecord:
    """How much of a custodian's trail the ledger has: to the custodian, and to those above it."""
    with reading(node, viewer, params) as view:
        custodian = check_id(params.custodian)
        view.require(PartyDetails(custodian))
        found = custodians.trail(view.state, custodian, view.height)
        return TrailRecord(
            moment=view.moment,
            entries=found.entries if found is not None else 0,
            head=found.head if found is not None else FIRST_HEAD,
        )
