"""Reads about the keys of a sealed ledger: epochs and holders, one's own view keys, messages that a node draws up."""

from __future__ import annotations

import msgspec

from counterfoil.machine.sealed_ledger import SealedLedger
from counterfoil.modules.viewkeys.messages import AdmitHolder, ProposeKeyEpoch
from counterfoil.node.key_epochs import draft_admission, draft_epoch
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, Params, check_id, named, reading
from counterfoil.node.reads_ledger import Nothing
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.view_keys import handed, nodes_of
from counterfoil.node.viewer import Viewer
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.subjects import NextKeyEpoch, SealedCopy
from counterfoil.sealing.envelopes import seal_view_keys
from counterfoil.sealing.opening_keys import is_opening_key


class Since(Params, frozen=True, kw_only=True):
    """since: height of the first block whose receipts the keys are to open; 0 for all."""

    since: int = 0


class OpeningKeyOf(Params, frozen=True, kw_only=True):
    """party: id (20 bytes)."""

    party: bytes


class HolderToBe(Params, frozen=True, kw_only=True):
    """node: address (20 bytes). opening_key: its public key (32 bytes)."""

    node: bytes
    opening_key: bytes


class EpochLine(msgspec.Struct, frozen=True):
    """from_height: the first block in which it is in force."""

    number: int
    commitment: bytes
    bundle_key: bytes
    from_height: int


class HolderLine(msgspec.Struct, frozen=True):
    node: bytes
    opening_key: bytes


class KeyEpochs(Answer, frozen=True, kw_only=True):
    """All epochs so far, and who holds their roots. waiting: the number of one that waits for holders, 0 for none;
    missing: their addresses. node, opening_key: of the node that answers."""

    epochs: tuple[EpochLine, ...]
    holders: tuple[HolderLine, ...]
    waiting: int
    missing: tuple[bytes, ...]
    node: bytes
    opening_key: bytes


class SealedViewKeys(Answer, frozen=True, kw_only=True):
    """sealed: for the party's recorded opening key; `sealing.handing.open_view_keys` opens it."""

    party: bytes
    sealed: bytes


class RecordedOpeningKey(Answer, frozen=True, kw_only=True):
    opening_key: bytes


class DraftedEpoch(Answer, frozen=True, kw_only=True):
    message: ProposeKeyEpoch


class DraftedAdmission(Answer, frozen=True, kw_only=True):
    message: AdmitHolder


@named("key_epochs", is_alike=True)
def key_epochs(node: LedgerNode, viewer: Viewer, params: Nothing) -> KeyEpochs:
    """The ledger's key epochs, who holds their roots, and whose word is missing. Public."""
    with reading(node, viewer) as view:
        sealed, viewkeys = _sealed(node), view.wired.viewkeys
        recorded = [(number, viewkeys.epoch(number)) for number in range(1, viewkeys.epoch_in_force + 1)]
        waiting = viewkeys.proposed()
        return KeyEpochs(
            moment=view.moment,
            epochs=tuple(
                EpochLine(number, one.commitment, one.bundle_key, one.from_height)
                for number, one in recorded
                if one is not None
            ),
            holders=tuple(HolderLine(address, one.opening_key) for address, one in viewkeys.holders()),
            waiting=waiting[0] if waiting is not None else 0,
            missing=tuple(
                one.holder for one in waiting[1].wrappings if one.holder not in waiting[1].confirmed
            )
            if waiting is not None
            else (),
            node=sealed.ring.node,
            opening_key=sealed.ring.opening_key,
        )


@named("view_keys")
def view_keys(node: LedgerNode, viewer: Viewer, params: Since) -> SealedViewKeys:
    """The view keys that the viewer may have, sealed to its recorded opening key. Refused NO_OPENING_KEY.

    Of itself, its signers, its relationships as an owner, and what it was granted; whoever sees everything gets the
    key that opens everything. What is below is derived from them.
    """
    with reading(node, viewer) as view:
        sealed = _sealed(node)
        view.require(SealedCopy())
        opening_key = view.wired.viewkeys.opening_key(viewer.party)
        if opening_key is None:
            raise Refused(NodeRefusal.NO_OPENING_KEY)
        keys = handed(view, sealed, nodes_of(view), params.since)
        return SealedViewKeys(
            moment=view.moment,
            party=viewer.party,
            sealed=seal_view_keys(opening_key, node.chain_id, viewer.party, keys),
        )


@named("opening_key", is_alike=True)
def opening_key(node: LedgerNode, viewer: Viewer, params: OpeningKeyOf) -> RecordedOpeningKey:
    """The public key that notes for a party are sealed to. Parties alone ask it, of whomever they know the id of."""
    with reading(node, viewer) as view:
        party = check_id(params.party)
        found = view.wired.viewkeys.opening_key(party)
        view.require(SealedCopy())
        if found is None:
            raise NotVisible
        return RecordedOpeningKey(moment=view.moment, opening_key=found)


@named("draft_key_epoch", is_alike=True)
def draft_key_epoch(node: LedgerNode, viewer: Viewer, params: Nothing) -> DraftedEpoch:
    """The next key epoch under a fresh root, for the viewer to sign and send. Only for who runs the ledger."""
    with reading(node, viewer) as view:
        view.require(NextKeyEpoch())
        _sealed(node)
        return DraftedEpoch(moment=view.moment, message=draft_epoch(node.machine, viewer.party))


@named("draft_admission", is_alike=True)
def draft_holder(node: LedgerNode, viewer: Viewer, params: HolderToBe) -> DraftedAdmission:
    """The root in force, wrapped for another node, for the viewer to sign and send. Only for who runs the ledger."""
    with reading(node, viewer) as view:
        view.require(NextKeyEpoch())
        _sealed(node)
        if len(params.node) != 20 or not is_opening_key(params.opening_key):
            raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="node or opening_key is not one")
        message = draft_admission(node.machine, viewer.party, params.node, params.opening_key)
        return DraftedAdmission(moment=view.moment, message=message)


def _sealed(node: LedgerNode) -> SealedLedger:
    if node.machine.sealed is None:
        raise Refused(NodeRefusal.LEDGER_IS_NOT_SEALED)
    return node.machine.sealed
