"""Recovery by votes of the approvers: who may begin, when votes count, when keys come into force, who can end it."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.modules.parties.facts import KeysInForce, RecoveryApproved, RecoveryWithdrawn
from counterfoil.modules.parties.messages import (
    ApproveRecovery,
    NameRecoveryApprovers,
    RotateKeys,
    WithdrawRecovery,
)
from counterfoil.modules.parties.records import RECOVERY_DAYS_MAX
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import KeyPolicy
from tests.unit.parties.test_signers import (
    ADDRESS,
    BAD_POLICIES,
    FRIENDS,
    REGISTER,
    TWO_OF_THREE,
    as_address,
    keys,
)
from tests.unit.parties.world import World, by

NEW = KeyPolicy(2, keys("n1", "n2"))
NEW_KEYS = (by("n1"), by("n2"))
OTHER = KeyPolicy(1, keys("n3"))
BEGIN = ApproveRecovery(ADDRESS, NEW)
FIRST, SECOND, THIRD = FRIENDS


@pytest.fixture
def world() -> World:
    made = World()
    made.act(REGISTER, "k1", "k2")
    made.end_block()
    return made


def votes(world: World) -> list[bytes]:
    return [one for one in FRIENDS if world.parties_books.recovery_votes.find(ADDRESS + one) is not None]


def begun(world: World) -> None:
    assert as_address(world, BEGIN, FIRST, *NEW_KEYS) is None
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "message", "signers"),
    [
        (None, BEGIN, [FIRST, *NEW_KEYS]),
        (PartiesReject.SIGNER_NOT_FOUND, ApproveRecovery(by("ann"), NEW), [FIRST, *NEW_KEYS]),
        (PartiesReject.SIGNER_NOT_FOUND, ApproveRecovery(b"short", NEW), [FIRST, *NEW_KEYS]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, BEGIN, [by("stranger"), *NEW_KEYS]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, BEGIN, [ADDRESS, *NEW_KEYS]),
        *(
            (PartiesReject.POLICY_IS_INVALID, ApproveRecovery(ADDRESS, policy), [FIRST, *NEW_KEYS])
            for policy in BAD_POLICIES
        ),
        (PartiesReject.KEYS_ARE_IN_FORCE, ApproveRecovery(ADDRESS, TWO_OF_THREE), [FIRST, *NEW_KEYS]),
        (PartiesReject.KEYS_HAVE_NOT_SIGNED, BEGIN, [FIRST, *NEW_KEYS[:1]]),
        (PartiesReject.KEYS_HAVE_NOT_SIGNED, BEGIN, [FIRST]),
    ],
)
def test_approve_recovery(
    world: World, expected: Any, message: ApproveRecovery, signers: list[bytes]
) -> None:
    assert as_address(world, message, *signers) is expected
    assert votes(world) == ([FIRST] if expected is None else [])
    assert world.parties.policy(ADDRESS) == TWO_OF_THREE, "one vote of two puts nothing in force"
    world.end_block()


def test_the_last_vote_puts_the_keys_in_force(world: World) -> None:
    begun(world)
    (told, stakeholders) = world.facts[0]
    assert isinstance(told, RecoveryApproved)
    assert (told.approvals, told.recovery_threshold) == (1, 2)
    assert stakeholders == (ADDRESS, *FRIENDS), "the owner and all approvers learn of it"
    assert as_address(world, BEGIN, THIRD) is None, (
        "the new keys have signed once; later votes need them no more"
    )
    signer = world.parties_books.signers.find(ADDRESS)
    assert signer is not None
    assert (signer.policy, signer.recovery, signer.rotations) == (NEW, FRIENDS, 1)
    assert [fact.recovered for fact, _ in world.facts if isinstance(fact, KeysInForce)] == [True]
    assert not votes(world)
    world.end_block()
    assert as_address(world, BEGIN, SECOND, *NEW_KEYS) is PartiesReject.KEYS_ARE_IN_FORCE


def test_approvers_who_are_together_need_one_message(world: World) -> None:
    assert as_address(world, BEGIN, FIRST, SECOND, *NEW_KEYS) is None
    assert world.parties.policy(ADDRESS) == NEW


def test_votes_for_different_keys_do_not_add_up(world: World) -> None:
    begun(world)
    assert as_address(world, ApproveRecovery(ADDRESS, OTHER), SECOND, by("n3")) is None
    assert world.parties.policy(ADDRESS) == TWO_OF_THREE
    assert as_address(world, ApproveRecovery(ADDRESS, OTHER), SECOND) is None, (
        "voting again is no second vote"
    )
    assert world.parties.policy(ADDRESS) == TWO_OF_THREE
    assert as_address(world, ApproveRecovery(ADDRESS, OTHER), FIRST) is None, "a vote can be changed"
    assert world.parties.policy(ADDRESS) == OTHER
    world.end_block()


def test_a_vote_lapses(world: World) -> None:
    begun(world)
    world.end_block(hours=24 * RECOVERY_DAYS_MAX)
    assert as_address(world, BEGIN, SECOND) is PartiesReject.KEYS_HAVE_NOT_SIGNED
    assert as_address(world, BEGIN, SECOND, *NEW_KEYS) is None
    assert world.parties.policy(ADDRESS) == TWO_OF_THREE, "what lapsed does not count"
    assert as_address(world, BEGIN, FIRST) is None
    assert world.parties.policy(ADDRESS) == NEW


def test_a_vote_counts_only_with_the_approvers_keys_in_force(world: World) -> None:
    begun(world)
    assert as_address(world, RotateKeys(FIRST, OTHER), FIRST) is None
    assert as_address(world, BEGIN, SECOND, *NEW_KEYS) is None
    assert world.parties.policy(ADDRESS) == TWO_OF_THREE
    assert as_address(world, BEGIN, THIRD) is None
    assert world.parties.policy(ADDRESS) == NEW


@pytest.mark.parametrize(
    "message",
    [RotateKeys(ADDRESS, OTHER), NameRecoveryApprovers(ADDRESS, FRIENDS, 2), WithdrawRecovery(ADDRESS)],
)
def test_an_owner_who_lost_nothing_ends_it(world: World, message: Any) -> None:
    begun(world)
    assert as_address(world, message, ADDRESS) is None
    assert not votes(world)
    world.end_block()
    assert as_address(world, BEGIN, SECOND) is PartiesReject.KEYS_HAVE_NOT_SIGNED


@pytest.mark.parametrize(
    ("expected", "message", "signers", "left"),
    [
        (None, WithdrawRecovery(ADDRESS), [FIRST], []),
        (None, WithdrawRecovery(ADDRESS), [ADDRESS], []),
        (PartiesReject.SIGNER_NOT_FOUND, WithdrawRecovery(by("ann")), [FIRST], [FIRST]),
        (PartiesReject.SIGNER_NOT_FOUND, WithdrawRecovery(b""), [FIRST], [FIRST]),
        (PartiesReject.RECOVERY_NOT_FOUND, WithdrawRecovery(ADDRESS), [SECOND], [FIRST]),
        (PartiesReject.RECOVERY_NOT_FOUND, WithdrawRecovery(ADDRESS), [by("k1"), *NEW_KEYS], [FIRST]),
    ],
)
def test_withdraw_recovery(
    world: World, expected: Any, message: WithdrawRecovery, signers: list[bytes], left: list[bytes]
) -> None:
    begun(world)
    assert as_address(world, message, *signers) is expected
    assert votes(world) == left
    if expected is None:
        assert [type(fact) for fact, _ in world.facts] == [RecoveryWithdrawn]
        assert as_address(world, message, *signers) is PartiesReject.RECOVERY_NOT_FOUND
    world.end_block()


def test_a_vote_of_somebody_who_is_no_approver_stops_the_ledger(world: World) -> None:
    begun(world)
    vote = world.parties_books.recovery_votes.find(ADDRESS + FIRST)
    assert vote is not None
    world.parties_books.recovery_votes.put(ADDRESS + by("stranger"), vote)
    world.state.books.accept()
    with pytest.raises(InvariantViolation, match="nobody may approve"):
        world.end_block()
