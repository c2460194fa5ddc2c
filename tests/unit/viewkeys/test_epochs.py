"""Roots on the ledger: the valid row first, then one row for each reject in order of precedence; then their stories."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.viewkeys.facts import HolderAdmitted, HolderRemoved, KeyEpochBegins, KeyEpochProposed
from counterfoil.modules.viewkeys.messages import AdmitHolder, ConfirmKeyEpoch, ProposeKeyEpoch, RemoveHolder
from counterfoil.modules.viewkeys.records import HOLDERS_MAX, Wrapping
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.node.key_epochs import confirmation, draft_admission, draft_epoch
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.sealing.opening_keys import OpeningKey
from tests.model.desk import PARAMETERS, Desk, by, own
from tests.unit.viewkeys.world import BROKER_A, NODE, REGULATOR, OtherNode, World, some_address

OTHER = OtherNode(1)
SIGNED = by("regulator")


@pytest.fixture
def world() -> World:
    return World()


def facts_of(desk: Desk, height: int | None = None) -> list[object]:
    from counterfoil.node.receipts_of import found_in

    kept = desk.machine.block_results(height or desk.height).receipts
    return [(one.stakeholder, fact) for at, one in enumerate(kept) for fact in found_in(at, one).facts]


def expect(desk: Desk, message: Message, keys: tuple[SandboxKey, ...], expected: RejectCode | None) -> None:
    outcome = desk.send(message, *keys)
    found = outcome.rejects[0].code if outcome.rejects else None
    assert found is expected


# ---- holders


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        ({}, SIGNED, None),
        ({"party": bytes(20)}, SIGNED, PartiesReject.PARTY_NOT_FOUND),
        ({"party": BROKER_A}, by("broker-a"), PartiesReject.PARTY_LACKS_THE_ROLE),
        ({}, SIGNED[:1], PartiesReject.CHECKER_IS_MISSING),
        ({"node": b"x" * 19}, SIGNED, ViewKeysReject.NODE_ADDRESS_IS_INVALID),
        ({"opening_key": bytes(32)}, SIGNED, ViewKeysReject.OPENING_KEY_IS_INVALID),
        ({"opening_key": b"\x09" * 31}, SIGNED, ViewKeysReject.OPENING_KEY_IS_INVALID),
        ({"opening_key": b"\xff" * 32}, SIGNED, ViewKeysReject.OPENING_KEY_IS_INVALID),
        ({"node": NODE.address}, SIGNED, ViewKeysReject.HOLDER_EXISTS),
        ({"wrapped": b""}, SIGNED, ViewKeysReject.WRAPPING_IS_MALFORMED),
    ],
)
def test_admit_holder(
    world: World, changes: dict[str, bytes], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    message = draft_admission(world.desk.machine, REGULATOR, OTHER.address, OTHER.opening.public_key)
    expect(world.desk, replace(message, **changes), keys, expected)
    assert (world.viewkeys.holder(OTHER.address) is not None) == (expected is None)


def test_an_admitted_node_holds_the_root_and_everybody_is_told(world: World) -> None:
    world.admit(OTHER)
    holder = world.viewkeys.holder(OTHER.address)
    sealed = world.desk.machine.sealed
    assert holder is not None
    assert sealed is not None
    secrets = OTHER.ring(world.desk).unwrapped(1, holder.wrapped)
    assert secrets is not None
    assert secrets.root == sealed.epoch.root
    told = (PUBLIC, HolderAdmitted(OTHER.address, OTHER.opening.public_key, 1, holder.wrapped))
    assert told in facts_of(world.desk)


def test_there_are_no_more_holders_than_an_epoch_has_wrappings(world: World) -> None:
    key = OTHER.opening.public_key
    for _ in range(HOLDERS_MAX - 1):
        world.desk.do(AdmitHolder(REGULATOR, some_address(), key, bytes(113)), *SIGNED)
    message = AdmitHolder(REGULATOR, some_address(), key, bytes(113))
    expect(world.desk, message, SIGNED, ViewKeysReject.TOO_MANY_HOLDERS)


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        ({}, SIGNED, None),
        ({"party": BROKER_A}, by("broker-a"), PartiesReject.PARTY_LACKS_THE_ROLE),
        ({}, own("regulator"), PartiesReject.MAKER_IS_MISSING),
        ({"node": b""}, SIGNED, ViewKeysReject.HOLDER_NOT_FOUND),
        ({"node": b"n" * 20}, SIGNED, ViewKeysReject.HOLDER_NOT_FOUND),
    ],
)
def test_remove_holder(
    world: World, changes: dict[str, bytes], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    world.admit(OTHER)
    expect(world.desk, replace(RemoveHolder(REGULATOR, OTHER.address), **changes), keys, expected)
    if expected is None:
        assert world.viewkeys.holder(OTHER.address) is None
        assert (PUBLIC, HolderRemoved(OTHER.address)) in facts_of(world.desk)


def test_the_last_holder_stays(world: World) -> None:
    expect(world.desk, RemoveHolder(REGULATOR, NODE.address), SIGNED, ViewKeysReject.LAST_HOLDER)


# ---- epochs


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        ({}, SIGNED, None),
        ({"party": BROKER_A}, by("broker-a"), PartiesReject.PARTY_LACKS_THE_ROLE),
        ({}, SIGNED[1:], PartiesReject.MAKER_IS_MISSING),
        ({"number": 1}, SIGNED, ViewKeysReject.EPOCH_IS_NOT_NEXT),
        ({"number": 3}, SIGNED, ViewKeysReject.EPOCH_IS_NOT_NEXT),
        ({"number": -1}, SIGNED, ViewKeysReject.EPOCH_IS_NOT_NEXT),
        ({"commitment": bytes(31)}, SIGNED, ViewKeysReject.WRAPPING_IS_MALFORMED),
        ({"bundle_key": bytes(32)}, SIGNED, ViewKeysReject.WRAPPING_IS_MALFORMED),
        ({"archived": bytes(79)}, SIGNED, ViewKeysReject.WRAPPING_IS_MALFORMED),
        (
            {"wrappings": (Wrapping(NODE.address, b""),)},
            SIGNED,
            ViewKeysReject.WRAPPING_IS_MALFORMED,
        ),
        ({"wrappings": ()}, SIGNED, ViewKeysReject.WRAPPINGS_ARE_NOT_THE_HOLDERS),
        (
            {"wrappings": (Wrapping(OTHER.address, bytes(113)),)},
            SIGNED,
            ViewKeysReject.WRAPPINGS_ARE_NOT_THE_HOLDERS,
        ),
        (
            {"wrappings": (Wrapping(NODE.address, bytes(113)),) * 2},
            SIGNED,
            ViewKeysReject.WRAPPINGS_ARE_NOT_THE_HOLDERS,
        ),
    ],
)
def test_propose_epoch(
    world: World, changes: dict[str, object], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    message = draft_epoch(world.desk.machine, REGULATOR)
    expect(world.desk, replace(message, **changes), keys, expected)
    waiting = world.viewkeys.proposed()
    assert (waiting is not None) == (expected is None)
    if waiting is not None:
        assert waiting[0] == 2
        fact = KeyEpochProposed(2, message.commitment)
        assert {(REGULATOR, fact), (NODE.address, fact)} <= set(facts_of(world.desk))


def test_another_proposal_replaces_the_one_that_waits(world: World) -> None:
    world.propose()
    first = world.viewkeys.proposed()
    world.propose()
    second = world.viewkeys.proposed()
    assert first is not None
    assert second is not None
    assert first[1].commitment != second[1].commitment
    expect(
        world.desk,
        ConfirmKeyEpoch(NODE.address, 2, first[1].commitment),
        (NODE,),
        ViewKeysReject.EPOCH_IS_NOT_PROPOSED,
    )


@pytest.mark.parametrize(
    ("changes", "keys", "expected"),
    [
        ({}, (NODE,), None),
        ({}, own("regulator"), ViewKeysReject.NODE_HAS_NOT_SIGNED),
        ({"node": own("regulator")[0].address}, own("regulator"), ViewKeysReject.HOLDER_NOT_FOUND),
        ({"number": 1}, (NODE,), ViewKeysReject.EPOCH_IS_NOT_PROPOSED),
        ({"number": -1}, (NODE,), ViewKeysReject.EPOCH_IS_NOT_PROPOSED),
        ({"number": 2**63}, (NODE,), ViewKeysReject.EPOCH_IS_NOT_PROPOSED),
        ({"commitment": bytes(32)}, (NODE,), ViewKeysReject.EPOCH_IS_NOT_PROPOSED),
    ],
)
def test_confirm_epoch(
    world: World, changes: dict[str, object], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    world.propose()
    message = confirmation(world.desk.machine)
    assert message is not None
    expect(world.desk, replace(message, **changes), keys, expected)
    assert world.viewkeys.epoch_in_force == (2 if expected is None else 1)


def test_an_epoch_is_in_force_when_every_holder_has_confirmed_it(world: World) -> None:
    world.admit(OTHER)
    world.propose()
    waiting = world.viewkeys.proposed()
    assert waiting is not None
    world.confirm()
    assert world.viewkeys.epoch_in_force == 1
    assert confirmation(world.desk.machine) is None
    again = ConfirmKeyEpoch(NODE.address, 2, waiting[1].commitment)
    expect(world.desk, again, (NODE,), ViewKeysReject.EPOCH_IS_CONFIRMED)
    world.desk.do(ConfirmKeyEpoch(OTHER.address, 2, waiting[1].commitment), OTHER.key)
    assert world.viewkeys.epoch_in_force == 2
    assert world.viewkeys.proposed() is None
    recorded = world.viewkeys.epoch(2)
    assert recorded is not None
    assert recorded.from_height == world.desk.height + 1
    begins = [fact for whose, fact in facts_of(world.desk) if whose == PUBLIC]
    assert [type(fact) for fact in begins] == [KeyEpochBegins]
    sealed = world.desk.machine.sealed
    assert sealed is not None
    assert sealed.epoch.number == 2
    assert sealed.epoch.commitment == recorded.commitment
    ring = OTHER.ring(world.desk)
    wrapped = next(one.wrapped for one in recorded.wrappings if one.holder == OTHER.address)
    assert ring.learn_wrapped(2, wrapped, recorded.commitment)


def test_a_change_of_holders_drops_the_proposal_that_waits(world: World) -> None:
    world.admit(OTHER)
    world.propose()
    world.admit(OtherNode(2))
    assert world.viewkeys.proposed() is None
    world.propose()
    world.desk.do(RemoveHolder(REGULATOR, OTHER.address), *SIGNED)
    assert world.viewkeys.proposed() is None


def unsound(message: ProposeKeyEpoch, world: World, how: str) -> ProposeKeyEpoch:
    other = draft_epoch(world.desk.machine, REGULATOR)
    if how == "wrapping":
        return replace(message, wrappings=(Wrapping(NODE.address, os.urandom(113)),))
    if how == "another root":
        return replace(message, wrappings=other.wrappings)
    if how == "bundle key":
        return replace(message, bundle_key=other.bundle_key)
    return replace(message, archived=other.archived)


@pytest.mark.parametrize("how", ["wrapping", "another root", "bundle key", "archive"])
def test_a_node_does_not_confirm_what_is_not_sound(world: World, how: str) -> None:
    """A liar could otherwise cut a validator off, or have bundles sealed to a key that nobody has."""
    message = unsound(draft_epoch(world.desk.machine, REGULATOR), world, how)
    world.desk.do(message, *SIGNED)
    assert world.viewkeys.proposed() is not None
    assert confirmation(world.desk.machine) is None
    world.next_epoch()
    assert world.viewkeys.epoch_in_force == 2


def test_who_is_removed_opens_no_later_epoch(world: World) -> None:
    world.admit(OTHER)
    ring = OTHER.ring(world.desk)
    world.desk.do(RemoveHolder(REGULATOR, OTHER.address), *SIGNED)
    world.next_epoch()
    recorded = world.viewkeys.epoch(2)
    assert recorded is not None
    assert all(one.holder != OTHER.address for one in recorded.wrappings)
    for one in recorded.wrappings:
        assert not ring.learn_wrapped(2, one.wrapped, recorded.commitment)
    first = ring.require(1)
    assert first.open_archive(recorded.archived) is None


def test_a_ledger_that_is_not_sealed_has_no_roots() -> None:
    desk = Desk(genesis=replace(sandbox_genesis(parameters=PARAMETERS), sealed=False))
    key = OpeningKey(bytes(32))
    for message, keys in (
        (AdmitHolder(REGULATOR, OTHER.address, key.public_key, bytes(113)), SIGNED),
        (RemoveHolder(REGULATOR, NODE.address), SIGNED),
        (ProposeKeyEpoch(REGULATOR, 1, bytes(32), key.public_key, bytes(80), ()), SIGNED),
        (ConfirmKeyEpoch(NODE.address, 1, bytes(32)), (NODE,)),
    ):
        expect(desk, message, keys, ViewKeysReject.LEDGER_IS_NOT_SEALED)
    assert desk.machine.sealed is None
    assert desk.machine.wired.viewkeys.epoch_in_force == 0
    assert confirmation(desk.machine) is None
    for draft in (
        lambda: draft_epoch(desk.machine, REGULATOR),
        lambda: draft_admission(desk.machine, REGULATOR, OTHER.address, key.public_key),
    ):
        with pytest.raises(Rejected) as refused:
            draft()
        assert refused.value.code is ViewKeysReject.LEDGER_IS_NOT_SEALED
