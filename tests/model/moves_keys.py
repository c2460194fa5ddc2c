"""Moves about roots, view keys and grants."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.grants.records import Purpose
from counterfoil.modules.parties.records import PartyStatus, Role
from counterfoil.modules.viewkeys import messages as viewkeys
from counterfoil.modules.viewkeys.records import Wrapping
from counterfoil.node.key_epochs import confirmation
from counterfoil.sealing.derivation import ROOT
from counterfoil.sealing.epochs import Epoch, wrapping_place
from counterfoil.sealing.opening_keys import OpeningKey
from tests.model.desk import SECRETS, Desk, seal_for_the_same_every_time
from tests.model.hand import Hand, Move
from tests.model.moves_consortium import MOVES
from tests.model.moves_members import move
from tests.model.opening import DAY_MS

__all__ = ["MOVES"]

NODE = SandboxKey("node", SECRETS.sealer)
OTHERS = tuple(SandboxKey(f"node {number}", bytes([number]) * 32) for number in range(1, 4))
NODES = (NODE, *OTHERS)


def opening_key(hand: Hand) -> bytes:
    good = OpeningKey(hand.chance.randbytes(32)).public_key
    return good if hand.often() else hand.one_of(b"", bytes(32), b"\xff" * 32, good[:31])


def next_epoch(desk: Desk, root: bytes, party: bytes) -> viewkeys.ProposeKeyEpoch:
    """A sound proposal for the desk's own node; what it holds for others opens nowhere."""
    sealed = desk.machine.sealed
    assert sealed is not None
    epoch = Epoch(sealed.epoch.number + 1, root)
    wrappings = []
    for address, holder in desk.machine.wired.viewkeys.holders():
        place = wrapping_place(desk.chain_id, epoch.number, address)
        plain = SECRETS.network + root
        wrappings.append(
            Wrapping(address, seal_for_the_same_every_time(holder.opening_key, ROOT, place, plain))
        )
    return viewkeys.ProposeKeyEpoch(
        party,
        epoch.number,
        epoch.commitment,
        epoch.bundle_key.public_key,
        epoch.archive(SECRETS.network, sealed.epoch),
        tuple(wrappings),
    )


@move(viewkeys.AdmitHolder)
def admit_holder(hand: Hand) -> Move:
    by = hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    node = hand.one_of(*OTHERS, NODE).address if hand.often() else hand.one_of(b"", bytes(21))
    wrapped = hand.chance.randbytes(113 if hand.often() else 112)
    return viewkeys.AdmitHolder(by, node, opening_key(hand), wrapped), hand.speakers(by)


@move(viewkeys.RemoveHolder)
def remove_holder(hand: Hand) -> Move:
    """Never the desk's own node while another could go on without it."""
    by = hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    alone = set(hand.model.tables[133]) == {NODE.address} and not hand.twin.pending
    node = hand.one_of(*OTHERS, *([NODE] if alone else [])).address if hand.often() else b"n" * 20
    return viewkeys.RemoveHolder(by, node), hand.speakers(by)


@move(viewkeys.ProposeKeyEpoch)
def propose_epoch(hand: Hand) -> Move:
    by = hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    sound = next_epoch(hand.twin, hand.chance.randbytes(32), by)
    if not hand.often(0.85):
        sound = replace(
            sound,
            **hand.one_of(
                {"number": sound.number + 1},
                {"number": -1},
                {"commitment": b""},
                {"bundle_key": bytes(32)},
                {"archived": b""},
                {"wrappings": sound.wrappings[1:]},
                {"wrappings": (*sound.wrappings, Wrapping(b"z" * 20, bytes(113)))},
            ),
        )
    return sound, hand.speakers(by)


@move(viewkeys.ConfirmKeyEpoch)
def confirm_epoch(hand: Hand) -> Move:
    """The desk's node says what is so; others anything."""
    waiting = next(iter(hand.model.tables[132].items()), None)
    said = confirmation(hand.twin.machine)
    if said is not None and hand.often(0.6):
        return said, (NODE.address,)
    if waiting is None or not hand.often():
        wrong = viewkeys.ConfirmKeyEpoch(
            hand.one_of(*NODES).address, hand.one_of(0, 2, -1, 2**64 - 1), bytes(32)
        )
        return wrong, (hand.one_of(*NODES).address,)
    number, proposed = int.from_bytes(waiting[0], "big"), waiting[1]
    node = hand.one_of(*OTHERS).address
    return viewkeys.ConfirmKeyEpoch(node, number, proposed.commitment), (node,)


def node_of_tree(hand: Hand, party: bytes) -> bytes:
    """A node that the party may have a say over."""
    model = hand.model
    mine = [key for key, one in model.tables[57].items() if party in (one.owner, one.servicer)]
    below = [key for key in model.tables[20] if key != party and model.is_above(party, key)]
    found = model.tables[20].get(party)
    own = [found.signer] if found is not None and found.signer else []
    own += [key[20:] for key in model.tables[22] if key[:20] == party]
    return (
        hand.chance.choice([party, *mine, *below, *own])
        if hand.often()
        else hand.one_of(b"", bytes(20), b"n" * 20)
    )


def anybody(hand: Hand) -> bytes:
    return hand.key_of(20, lambda one: one.status is PartyStatus.ACTIVE)


@move(viewkeys.RaiseViewKey)
def raise_view_key(hand: Hand) -> Move:
    by = anybody(hand)
    return viewkeys.RaiseViewKey(by, node_of_tree(hand, by)), hand.speakers(by)


@move(viewkeys.RecordOpeningKey)
def record_opening_key(hand: Hand) -> Move:
    by = anybody(hand)
    return viewkeys.RecordOpeningKey(by, opening_key(hand)), hand.speakers(by)


@move(viewkeys.GrantViewKey)
def grant_view_key(hand: Hand) -> Move:
    by = anybody(hand)
    until = hand.twin.next_time_ms() + hand.one_of(5_000, DAY_MS, 30 * DAY_MS, 0, 2_000 * DAY_MS)
    node, purpose = node_of_tree(hand, by), hand.one_of(*Purpose, Purpose.AUDIT)
    if purpose is Purpose.INVESTIGATION and hand.often():
        by = hand.party_with(Role.REGULATOR)
    auditor = purpose is Purpose.AUDIT and hand.often()
    grantee = hand.party_with(Role.AUDITOR) if auditor else anybody(hand)
    whose = hand.model.opened_by(by, node)[1] if by in hand.model.tables[20] else {}
    asked = [whose["holder"], *whose["joint"]] if whose and hand.often() else []
    grant = viewkeys.GrantViewKey(by, node, grantee, purpose, hand.text("An audit."), until, hand.often(0.3))
    return grant, hand.together(hand.speakers(by), *(hand.speakers(one) for one in asked))


@move(viewkeys.EndViewGrant)
def end_view_grant(hand: Hand) -> Move:
    granted = hand.key_of(136)
    found = hand.model.tables[136].get(granted)
    by = hand.one_of(found.by, granted[20:]) if found is not None and hand.often() else anybody(hand)
    return viewkeys.EndViewGrant(by, granted[:20], granted[20:]), hand.speakers(by)
