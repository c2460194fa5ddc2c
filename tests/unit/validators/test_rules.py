"""Validators: the valid row first, then one row for each reject in order; sets by height; misbehaviour."""

from __future__ import annotations

import pytest

from counterfoil.engine.decided import LOGGED_BLOCK, DecidedBlock, LoggedBlock
from counterfoil.machine.machine import Outcome
from counterfoil.modules.parties.messages import EnrolParty, SuspendParty
from counterfoil.modules.parties.records import Role
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.validators.interface import Misbehaviour, MisbehaviourKind, possession_bytes
from counterfoil.modules.validators.messages import (
    AddValidator,
    ReadmitValidator,
    RemoveValidator,
    RotateConsensusKey,
    SetVotingPower,
)
from counterfoil.modules.validators.queries import misbehaviours, sets, validators
from counterfoil.modules.validators.records import (
    ROTATION_INTERVAL_MS,
    VALIDATORS_MAX,
    VOTING_POWER_MAX,
    RecordedMisbehaviour,
    ValidatorStatus,
)
from counterfoil.modules.validators.rejects import ValidatorsReject
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.outcome import RejectCode
from counterfoil.primitives.signatures import ED25519
from counterfoil.verify.light.encoding import address_of_validator
from tests.model.desk import DECIDING, Desk, by, own, party, replayed
from tests.model.opening import consensus_key, double_signed, stranger

MEMBERS = by(*DECIDING)
A, B, C, D = (party(name) for name in ("broker-a", "broker-b", "exchange", "notary"))


def key(name: str) -> bytes:
    return consensus_key(name).public_key


@pytest.fixture
def desk() -> Desk:
    """Three validators of power 10, the third of them suspended, all long in force."""
    desk = Desk()
    desk.carry(*(AddValidator(party(name), key(name), 10) for name in ("broker-a", "broker-b", "exchange")))
    desk.decide(double_signed("exchange", desk.height, desk.time_ms))
    for _ in range(3):
        desk.carry(AddValidator(D, key(f"throw-away {desk.height}"), 1), RemoveValidator(D))
    return desk


def code_of(outcome: Outcome) -> RejectCode | None:
    return outcome.rejects[0].code if outcome.rejects else None


def powers(desk: Desk, height: int) -> dict[bytes, int]:
    return {entry.party: entry.power for entry in desk.machine.validators(height)}


SMALL_ORDER = ED25519 + bytes(32)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (AddValidator(D, key("new"), 5), None),
        (AddValidator(D, key("new"), VOTING_POWER_MAX), None),
        (AddValidator(bytes(20), key("new"), 5), PartiesReject.PARTY_NOT_FOUND),
        (AddValidator(A, key("new"), 5), ValidatorsReject.PARTY_IS_A_VALIDATOR),
        (AddValidator(C, key("new"), 5), ValidatorsReject.PARTY_IS_A_VALIDATOR),
        (AddValidator(D, key("new"), 0), ValidatorsReject.POWER_IS_NOT_IN_RANGE),
        (AddValidator(D, key("new"), -1), ValidatorsReject.POWER_IS_NOT_IN_RANGE),
        (AddValidator(D, key("new"), VOTING_POWER_MAX + 1), ValidatorsReject.POWER_IS_NOT_IN_RANGE),
        (AddValidator(D, key("new")[1:], 5), ValidatorsReject.KEY_IS_NOT_GOOD),
        (AddValidator(D, b"\2" + key("new")[1:], 5), ValidatorsReject.KEY_IS_NOT_GOOD),
        (AddValidator(D, SMALL_ORDER, 5), ValidatorsReject.KEY_IS_NOT_GOOD),
        (AddValidator(D, key("broker-a"), 5), ValidatorsReject.KEY_WAS_IN_USE),
        (RemoveValidator(A), None),
        (RemoveValidator(C), None),
        (RemoveValidator(D), ValidatorsReject.PARTY_IS_NO_VALIDATOR),
        (SetVotingPower(A, 7), None),
        (SetVotingPower(D, 7), ValidatorsReject.PARTY_IS_NO_VALIDATOR),
        (SetVotingPower(C, 7), ValidatorsReject.VALIDATOR_IS_SUSPENDED),
        (SetVotingPower(A, 0), ValidatorsReject.POWER_IS_NOT_IN_RANGE),
        (AddValidator(D, key("new"), 5, bytes(64)), ValidatorsReject.KEY_IS_NOT_POSSESSED),
        (AddValidator(D, key("broker-a"), 5, bytes(64)), ValidatorsReject.KEY_WAS_IN_USE),
        (RotateConsensusKey(A, key("new"), bytes(63)), ValidatorsReject.KEY_IS_NOT_POSSESSED),
        (ReadmitValidator(C, key("new"), 9, bytes(64)), ValidatorsReject.KEY_IS_NOT_POSSESSED),
        (RotateConsensusKey(A, key("new")), None),
        (RotateConsensusKey(D, key("new")), ValidatorsReject.PARTY_IS_NO_VALIDATOR),
        (RotateConsensusKey(C, key("new")), ValidatorsReject.VALIDATOR_IS_SUSPENDED),
        (RotateConsensusKey(A, key("broker-a")), ValidatorsReject.KEY_WAS_IN_USE),
        (RotateConsensusKey(A, key("exchange")), ValidatorsReject.KEY_WAS_IN_USE),
        (RotateConsensusKey(A, b""), ValidatorsReject.KEY_IS_NOT_GOOD),
        (ReadmitValidator(C, key("new"), 9), None),
        (ReadmitValidator(D, key("new"), 9), ValidatorsReject.PARTY_IS_NO_VALIDATOR),
        (ReadmitValidator(A, key("new"), 9), ValidatorsReject.VALIDATOR_IS_NOT_SUSPENDED),
        (ReadmitValidator(C, key("new"), 0), ValidatorsReject.POWER_IS_NOT_IN_RANGE),
        (ReadmitValidator(C, key("exchange"), 9), ValidatorsReject.KEY_WAS_IN_USE),
    ],
)
def test_rules(desk: Desk, message: Message, expected: RejectCode | None) -> None:
    before = desk.books()
    outcome = desk.send(desk.motion(message), *MEMBERS)
    assert code_of(outcome) is expected
    if expected is not None:
        assert desk.books() == before
    desk.machine.check_everything()
    assert replayed(desk).machine.last == desk.machine.last


@pytest.mark.parametrize(
    "message",
    [
        AddValidator(A, key("new"), 5),
        RemoveValidator(A),
        SetVotingPower(A, 7),
        ReadmitValidator(A, key("new"), 9),
    ],
)
def test_no_member_changes_the_set_alone(desk: Desk, message: Message) -> None:
    outcome = desk.send_alone(message, *by("broker-a"))
    assert code_of(outcome) is PartiesReject.CONSORTIUM_DECIDES


def test_a_key_signs_for_one_party_on_one_ledger(desk: Desk) -> None:
    """Nobody puts another's key in force: neither with a statement for its owner, nor with one of its own."""
    new, own = key("new"), consensus_key("thief")
    for chain_id, whose, signer in (
        ("another", D, consensus_key("new")),
        (desk.chain_id, A, consensus_key("new")),
        (desk.chain_id, D, own),
    ):
        possession = signer.sign(possession_bytes(chain_id, whose, new))
        outcome = desk.send(desk.motion(AddValidator(D, new, 5, possession)), *MEMBERS)
        assert outcome.rejects[0].code is ValidatorsReject.KEY_IS_NOT_POSSESSED
    good = consensus_key("new").sign(possession_bytes(desk.chain_id, D, new))
    desk.carry(AddValidator(D, new, 5, good))


def test_only_active_parties_take_part(desk: Desk) -> None:
    regulator = party("regulator")
    desk.do(SuspendParty(regulator, D, "An inquiry."), *by("regulator"))
    desk.do(SuspendParty(regulator, C, "An inquiry."), *by("regulator"))
    others = ("regulator", "depository", "central-bank")
    for message in (AddValidator(D, key("new"), 5), ReadmitValidator(C, key("new"), 5)):
        outcome = desk.send(desk.motion(message, names=others), *by(*others))
        assert code_of(outcome) is PartiesReject.PARTY_IS_NOT_ACTIVE


def test_the_last_validator_stays(desk: Desk) -> None:
    desk.carry(RemoveValidator(A))
    outcome = desk.send(RemoveValidator(B), *MEMBERS)
    assert code_of(outcome) is ValidatorsReject.NOBODY_WOULD_BE_LEFT
    assert powers(desk, desk.height + 2) == {B: 10}


def test_there_are_not_more_validators_than_may_be() -> None:
    desk, signer = Desk(), stranger("many").address
    names = [f"Notary {number}" for number in range(VALIDATORS_MAX + 1)]
    regulator = party("regulator")
    enrols = [EnrolParty(regulator, (Role.NOTARY,), name, "", signer, activate=True) for name in names]
    desk.do(desk.motion(*enrols[:60]), *MEMBERS)
    desk.do(desk.motion(*enrols[60:]), *MEMBERS)
    found = [desk.machine.wired.parties.find_by_name(name) or b"" for name in names]
    adds = [AddValidator(one, key(str(at)), VOTING_POWER_MAX) for at, one in enumerate(found)]
    desk.carry(*adds[:-1])
    outcome = desk.send(adds[-1], *MEMBERS)
    assert code_of(outcome) is ValidatorsReject.TOO_MANY_VALIDATORS
    assert sum(powers(desk, desk.height + 2).values()) < 2**63 // 8, "CometBFT's limit for a whole set"


# Keys


def test_a_member_rotates_its_own_key_once_in_an_hour_and_the_consortium_at_any_time(desk: Desk) -> None:
    outcome = desk.send(RotateConsensusKey(C, key("c1")), *by("exchange"))
    assert code_of(outcome) is ValidatorsReject.VALIDATOR_IS_SUSPENDED
    desk.carry(ReadmitValidator(C, key("c2"), 10))
    desk.do(RotateConsensusKey(C, key("c3")), *by("exchange"))
    too_soon = desk.send(RotateConsensusKey(C, key("c4")), *by("exchange"))
    assert code_of(too_soon) is ValidatorsReject.KEY_WAS_ROTATED_JUST_NOW
    desk.carry(SetVotingPower(C, 11))
    desk.do(desk.motion(RotateConsensusKey(C, key("c5"))), *MEMBERS)
    desk.pass_time(ROTATION_INTERVAL_MS)
    desk.do(RotateConsensusKey(C, key("c6")), *by("exchange"))
    assert powers(desk, desk.height + 2)[C] == 11


@pytest.mark.parametrize("keys", [by("exchange")[:1], own("exchange"), by("depository")])
def test_nobody_else_rotates_a_members_key(desk: Desk, keys: tuple[object, ...]) -> None:
    desk.carry(ReadmitValidator(C, key("c2"), 10))
    outcome = desk.send(RotateConsensusKey(C, key("c3")), *keys)  # type: ignore[arg-type]
    assert code_of(outcome) in (PartiesReject.CHECKER_IS_MISSING, PartiesReject.MAKER_IS_MISSING)


# Sets


def test_a_change_is_in_force_two_heights_later_and_the_engine_is_told_at_once(desk: Desk) -> None:
    desk.carry(SetVotingPower(A, 7))
    height = desk.height
    assert powers(desk, height) == powers(desk, height + 1) == {A: 10, B: 10}
    assert powers(desk, height + 2) == powers(desk, height + 1_000) == {A: 7, B: 10}
    assert desk.machine.validator_updates(height) == ((key("broker-a"), 7),)
    assert desk.machine.validator_updates(height - 1) == ()
    desk.do(desk.motion(RotateConsensusKey(B, key("b2"))), *MEMBERS)
    assert dict(desk.machine.validator_updates(desk.height)) == {key("broker-b"): 0, key("b2"): 10}
    assert powers(desk, height) == {A: 10, B: 10}, "a past height is as it was"
    assert [entry.party for entry in desk.machine.validators(desk.height + 2)] == [B, A], "by power"


def test_several_changes_in_one_block_are_one_set_and_what_cancels_out_is_none(desk: Desk) -> None:
    changes = (SetVotingPower(A, 7), RotateConsensusKey(B, key("b2")), ReadmitValidator(C, key("c2"), 1))
    count = len(sets(desk.machine.state))
    desk.carry(*changes)
    assert len(sets(desk.machine.state)) == count + 1
    assert dict(desk.machine.validator_updates(desk.height)) == {
        key("broker-a"): 7,
        key("broker-b"): 0,
        key("b2"): 10,
        key("c2"): 1,
    }
    desk.carry(AddValidator(D, key("d"), 1), RemoveValidator(D))
    assert desk.machine.validator_updates(desk.height) == ()


def test_sets_of_past_heights_survive_a_restart_from_the_store(desk: Desk) -> None:
    desk.carry(SetVotingPower(A, 7))
    desk.carry(SetVotingPower(A, 8))
    before = [desk.machine.validators(height) for height in range(desk.height + 4)]
    again = replayed(desk)
    again.state.flush(levels=True)
    assert [again.machine.validators(height) for height in range(desk.height + 4)] == before


# Misbehaviour


def test_who_signs_twice_is_on_record_and_has_no_power_two_heights_later() -> None:
    desk = Desk()
    desk.carry(AddValidator(A, key("broker-a"), 10), AddValidator(B, key("broker-b"), 20))
    at = desk.height
    desk.decide(double_signed("broker-a", at, desk.time_ms, 30))
    height = desk.height
    assert dict(validators(desk.machine.state))[A].status is ValidatorStatus.SUSPENDED
    assert powers(desk, height + 1) == {A: 10, B: 20}
    assert powers(desk, height + 2) == {B: 20}
    assert desk.machine.validator_updates(height) == ((key("broker-a"), 0),)
    address = address_of_validator(key("broker-a"))
    record = RecordedMisbehaviour(A, desk.time_ms - 1, 30, height, True)
    assert misbehaviours(desk.machine.state) == ((at, address, MisbehaviourKind.DUPLICATE_VOTE, record),)
    assert replayed(desk).machine.last == desk.machine.last
    desk.machine.check_everything()


def test_the_same_report_counts_once_and_one_of_nobody_not_at_all() -> None:
    desk = Desk()
    desk.carry(AddValidator(A, key("broker-a"), 10), AddValidator(B, key("broker-b"), 20))
    report = double_signed("broker-a", desk.height, desk.time_ms)
    desk.decide(report, report)
    assert len(misbehaviours(desk.machine.state)) == 1
    last = desk.machine.last
    for other in (
        report,
        double_signed("nobody", 2, 0),
        Misbehaviour(MisbehaviourKind.DUPLICATE_VOTE, b"", 2, 0, 1),
        Misbehaviour(MisbehaviourKind.DUPLICATE_VOTE, report.address, -1, 0, 1),
        Misbehaviour(MisbehaviourKind.DUPLICATE_VOTE, report.address, 2**63, 0, 1),
    ):
        desk.decide(other)
        assert desk.machine.last is last, "a block without effect makes no header"


def test_a_key_that_was_rotated_away_still_names_its_member() -> None:
    desk = Desk()
    desk.carry(AddValidator(A, key("broker-a"), 10), AddValidator(B, key("broker-b"), 20))
    at = desk.height + 2
    desk.do(desk.motion(RotateConsensusKey(A, key("a2"))), *MEMBERS)
    desk.carry(SetVotingPower(B, 21))
    desk.decide(double_signed("broker-a", at, desk.time_ms))
    assert dict(validators(desk.machine.state))[A].status is ValidatorStatus.SUSPENDED
    assert dict(desk.machine.validator_updates(desk.height)) == {key("a2"): 0}


def test_what_was_known_at_readmission_costs_nothing_again(desk: Desk) -> None:
    """A second report about the past is put on record; one about what came after suspends again."""
    desk.carry(ReadmitValidator(C, key("c2"), 10))
    readmitted = desk.height
    late = Misbehaviour(
        MisbehaviourKind.LIGHT_CLIENT_ATTACK,
        address_of_validator(key("exchange")),
        readmitted - 1,
        desk.time_ms,
        30,
    )
    desk.decide(late)
    assert misbehaviours(desk.machine.state)[-1][3].suspended is False
    assert powers(desk, desk.height + 2)[C] == 10
    desk.decide(double_signed("c2", readmitted + 2, desk.time_ms))
    assert misbehaviours(desk.machine.state)[-1][3].suspended is True
    assert C not in powers(desk, desk.height + 2)


def test_a_set_never_runs_empty() -> None:
    """Of those who all misbehave the last keeps its power, on record all the same."""
    desk = Desk()
    desk.carry(AddValidator(A, key("broker-a"), 10), AddValidator(B, key("broker-b"), 20))
    reports = (double_signed(name, desk.height, desk.time_ms) for name in ("broker-a", "broker-b"))
    desk.decide(*reports)
    assert powers(desk, desk.height + 2) == {B: 20}
    assert [record.suspended for *_, record in misbehaviours(desk.machine.state)].count(False) == 1
    desk.machine.check_everything()


def test_a_removed_validator_is_put_on_record_too(desk: Desk) -> None:
    at = desk.height
    desk.carry(RemoveValidator(A))
    desk.decide(double_signed("broker-a", at, desk.time_ms))
    record = misbehaviours(desk.machine.state)[-1][3]
    assert (record.party, record.suspended) == (A, False)


def test_the_decided_block_says_what_the_engine_reports() -> None:
    """And a block without reports is encoded as it always was, so that old logs can be read."""
    desk = Desk()
    desk.carry(AddValidator(A, key("broker-a"), 10), AddValidator(B, key("broker-b"), 20))
    report = double_signed("broker-a", desk.height, desk.time_ms)
    desk.decide(report)
    *_, logged = desk.node.blocks()
    assert logged.block.misbehaviour == (report,)
    assert LOGGED_BLOCK.exact(encode(logged)) == logged
    bare = DecidedBlock(5, 6, b"p", (), b"", (b"item",))
    assert encode(bare) == bytes.fromhex("960506c4017090c40091c4046974656d")
    assert isinstance(logged, LoggedBlock)
