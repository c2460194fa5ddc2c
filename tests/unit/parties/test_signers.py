"""Keys: registering, rotating and recovering them; the address stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules.parties.messages import NameRecoveryApprovers, RegisterSigner, RotateKeys
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.addresses import address_of_policy
from counterfoil.primitives.signatures import KeyPolicy
from tests.unit.parties.world import World, by, key_of, tags

FRIENDS = tuple(sorted((by("friend one"), by("friend two"), by("friend three"))))
FRIEND_NAMES = ("friend one", "friend two", "friend three")


def keys(*names: str) -> tuple[bytes, ...]:
    return tuple(sorted(key_of(name).public_key for name in names))


TWO_OF_THREE = KeyPolicy(2, keys("k1", "k2", "k3"))
ADDRESS = address_of_policy(2, TWO_OF_THREE.keys)
REGISTER = RegisterSigner(TWO_OF_THREE, FRIENDS, 2)
BAD_POLICIES = [
    KeyPolicy(0, keys("k1")),
    KeyPolicy(2, keys("k1")),
    KeyPolicy(1, ()),
    KeyPolicy(1, keys("k1") * 2),
    KeyPolicy(1, keys("k1", "k2")[::-1]),
    KeyPolicy(1, (b"\x01" + bytes(32),)),
    KeyPolicy(1, keys(*(f"k{number}" for number in range(17)))),
]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, ["k1", "k3"]),
        (None, {"recovery": (), "recovery_threshold": 0}, ["k1", "k3"]),
        *((PartiesReject.POLICY_IS_INVALID, {"policy": policy}, ["k1", "k3"]) for policy in BAD_POLICIES),
        (PartiesReject.RECOVERY_IS_INVALID, {"recovery": FRIENDS[::-1]}, ["k1", "k3"]),
        (PartiesReject.RECOVERY_IS_INVALID, {"recovery": (b"short",), "recovery_threshold": 1}, ["k1", "k3"]),
        (PartiesReject.RECOVERY_IS_INVALID, {"recovery": (ADDRESS,), "recovery_threshold": 1}, ["k1", "k3"]),
        (PartiesReject.RECOVERY_IS_INVALID, {"recovery_threshold": 0}, ["k1", "k3"]),
        (PartiesReject.RECOVERY_IS_INVALID, {"recovery_threshold": 4}, ["k1", "k3"]),
        (PartiesReject.RECOVERY_IS_INVALID, {"recovery": (), "recovery_threshold": 1}, ["k1", "k3"]),
        (
            PartiesReject.RECOVERY_IS_INVALID,
            {"recovery": tuple(bytes((number,)) * 20 for number in range(9))},
            ["k1", "k3"],
        ),
        (PartiesReject.KEYS_HAVE_NOT_SIGNED, {}, ["k1"]),
        (PartiesReject.KEYS_HAVE_NOT_SIGNED, {}, ["k1", "stranger"]),
    ],
)
def test_register_signer(world: World, expected: Any, changes: dict[str, Any], signers: list[str]) -> None:
    assert world.refused(msgspec.structs.replace(REGISTER, **changes), *signers) is expected
    if expected is None:
        assert world.parties.policy(ADDRESS) == TWO_OF_THREE
        assert tags(world.facts)[0] == "KeysInForce"
        assert world.refused(REGISTER, *signers) is PartiesReject.SIGNER_IS_REGISTERED
    world.end_block()


NEW = KeyPolicy(1, keys("n1", "n2"))


def registered(world: World) -> None:
    world.act(REGISTER, "k1", "k2")
    world.end_block()


def as_address(world: World, message: Any, *addresses: bytes) -> Any:
    """The reject of a message that these addresses signed."""
    context = world.context()
    context.signers = addresses
    world.context = lambda *_: context  # type: ignore[method-assign]
    try:
        return world.refused(message)
    finally:
        del world.context  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("expected", "message", "signers"),
    [
        (None, RotateKeys(ADDRESS, NEW), [ADDRESS]),
        (None, RotateKeys(ADDRESS, NEW), FRIENDS[:2]),
        (PartiesReject.SIGNER_NOT_FOUND, RotateKeys(by("stranger"), NEW), FRIENDS),
        (PartiesReject.SIGNER_NOT_FOUND, RotateKeys(b"short", NEW), FRIENDS),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, RotateKeys(ADDRESS, NEW), FRIENDS[:1]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, RotateKeys(ADDRESS, NEW), [by("k1"), by("k2")]),
        *(
            (PartiesReject.POLICY_IS_INVALID, RotateKeys(ADDRESS, policy), [ADDRESS])
            for policy in BAD_POLICIES
        ),
    ],
)
def test_rotate_keys(world: World, expected: Any, message: RotateKeys, signers: list[bytes]) -> None:
    registered(world)
    assert as_address(world, message, *signers) is expected
    if expected is None:
        assert world.parties.policy(ADDRESS) == NEW
        signer = world.parties_books.signers.find(ADDRESS)
        assert signer is not None
        assert (signer.rotations, signer.recovery) == (1, FRIENDS)
    world.end_block()


def test_recovery_needs_approvers(world: World) -> None:
    world.act(msgspec.structs.replace(REGISTER, recovery=(), recovery_threshold=0), "k1", "k2")
    message = RotateKeys(ADDRESS, NEW)
    assert as_address(world, message, *FRIENDS) is PartiesReject.SIGNER_IS_NOT_AUTHORISED


def test_a_bare_key_can_be_rotated_and_keeps_its_address(world: World) -> None:
    assert world.parties.policy(by("ann")) is None
    world.act(RotateKeys(by("ann"), NEW), "ann")
    world.end_block()
    assert world.parties.policy(by("ann")) == NEW


@pytest.mark.parametrize(
    ("expected", "message", "signers"),
    [
        (None, NameRecoveryApprovers(ADDRESS, FRIENDS[:1], 1), [ADDRESS]),
        (None, NameRecoveryApprovers(ADDRESS, (), 0), [ADDRESS]),
        (PartiesReject.SIGNER_NOT_FOUND, NameRecoveryApprovers(by("ann"), FRIENDS, 1), [by("ann")]),
        (PartiesReject.SIGNER_NOT_FOUND, NameRecoveryApprovers(b"", FRIENDS, 1), [ADDRESS]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, NameRecoveryApprovers(ADDRESS, FRIENDS, 1), FRIENDS),
        (PartiesReject.RECOVERY_IS_INVALID, NameRecoveryApprovers(ADDRESS, FRIENDS, 5), [ADDRESS]),
    ],
)
def test_name_recovery_approvers(world: World, expected: Any, message: Any, signers: list[bytes]) -> None:
    registered(world)
    assert as_address(world, message, *signers) is expected
    world.end_block()
