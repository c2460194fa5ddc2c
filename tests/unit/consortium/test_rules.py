"""Motions: the valid row first, then one row for each reject in order; who counts, what carries, and when."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.machine import Outcome
from counterfoil.modules.consortium.facts import (
    ApprovalWithdrawn,
    MotionApproved,
    MotionCarried,
    MotionEnded,
    MotionProposed,
)
from counterfoil.modules.consortium.messages import (
    ApproveMotion,
    ProposeMotion,
    SetDecisionRule,
    SetWeight,
    WithdrawApproval,
)
from counterfoil.modules.consortium.queries import members, motion, open_motions, rule_for, rules
from counterfoil.modules.consortium.records import (
    CONTENT_BYTES_MAX,
    DENOMINATOR_MAX,
    MEMBERS_MAX,
    MOTION_MS_MAX,
    MOVED_MESSAGES_MAX,
    OPEN_MOTIONS_MAX,
    WEIGHT_MAX,
    DecisionRule,
)
from counterfoil.modules.consortium.rejects import ConsortiumReject
from counterfoil.modules.governance.messages import CancelUpgrade, ScheduleUpgrade
from counterfoil.modules.governance.rejects import GovernanceReject
from counterfoil.modules.holdings.messages import CloseAccount
from counterfoil.modules.module import BY_THE_CONSORTIUM, CONSORTIUM, ActionContext
from counterfoil.modules.parties.messages import (
    EnrolParty,
    GrantMandate,
    ReinstateParty,
    RotateKeys,
    SuspendParty,
)
from counterfoil.modules.parties.records import Role
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.node.personas import CONSORTIUM as FOUR
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.primitives.signatures import KeyPolicy
from counterfoil.state.receipts import BlockResults, Receipt
from tests.model.desk import DECIDING, Desk, by, own, party, replayed
from tests.model.opening import DAY_MS, stranger

REGULATOR, DEPOSITORY, EXCHANGE, BANK = (party(name) for name in FOUR)
NOTARY = party("notary")
UPGRADE = ScheduleUpgrade(REGULATOR, 2, 1_000)
OWN_BUSINESS = CloseAccount(bytes(20))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def propose(
    desk: Desk, *messages: Message, names: tuple[str, ...] = ("exchange",), **changed: Any
) -> ProposeMotion:
    made = desk.motion(*(messages or (UPGRADE,)), names=names)
    return msgspec.structs.replace(made, **changed)


def proposed(desk: Desk, *messages: Message, names: tuple[str, ...] = ("exchange",)) -> bytes:
    """The identity of a motion that waits."""
    (identity,) = desk.do(propose(desk, *messages, names=names), *by(*names))
    return identity


def approve(desk: Desk, motion_id: bytes, *names: str) -> Outcome:
    return desk.send(ApproveMotion(tuple(party(name) for name in names), motion_id), *by(*names))


def code_of(outcome: Outcome) -> RejectCode | None:
    return outcome.rejects[0].code if outcome.rejects else None


def scheduled(desk: Desk) -> bool:
    return desk.machine.wired.governance.scheduled() is not None


# Proposing


ROWS: list[tuple[str, dict[str, Any], tuple[SandboxKey, ...], RejectCode | None]] = [
    ("good", {}, by("exchange"), None),
    ("brought by two", {"parties": (EXCHANGE, BANK)}, by("exchange", "central-bank"), None),
    ("no member named", {"parties": ()}, by("exchange"), ConsortiumReject.PARTIES_ARE_NOT_IN_RANGE),
    (
        "a member twice",
        {"parties": (EXCHANGE, EXCHANGE)},
        by("exchange"),
        ConsortiumReject.PARTIES_ARE_NOT_IN_RANGE,
    ),
    (
        "too many members",
        {"parties": tuple(bytes([number]) * 20 for number in range(MEMBERS_MAX + 1))},
        by("exchange"),
        ConsortiumReject.PARTIES_ARE_NOT_IN_RANGE,
    ),
    ("an unknown party", {"parties": (bytes(20),)}, by("exchange"), PartiesReject.PARTY_NOT_FOUND),
    ("its checker is silent", {}, by("exchange")[:1], PartiesReject.CHECKER_IS_MISSING),
    ("the party's own signer", {}, own("exchange"), PartiesReject.MAKER_IS_MISSING),
    ("no member", {"parties": (NOTARY,)}, by("notary"), ConsortiumReject.PARTY_IS_NO_MEMBER),
    (
        "too large",
        {"content": bytes(CONTENT_BYTES_MAX + 1)},
        by("exchange"),
        ConsortiumReject.CONTENT_IS_TOO_LARGE,
    ),
    ("no content", {"content": b""}, by("exchange"), ConsortiumReject.CONTENT_IS_MALFORMED),
    (
        "content with signers",
        {"content": encode(((CONSORTIUM,), (UPGRADE,)))},
        by("exchange"),
        ConsortiumReject.CONTENT_IS_MALFORMED,
    ),
    ("no message", {"content": encode(())}, by("exchange"), ConsortiumReject.MESSAGES_ARE_NOT_IN_RANGE),
    (
        "too many messages",
        {"content": encode((UPGRADE,) * (MOVED_MESSAGES_MAX + 1))},
        by("exchange"),
        ConsortiumReject.MESSAGES_ARE_NOT_IN_RANGE,
    ),
    (
        "a party's own business",
        {"content": encode((UPGRADE, OWN_BUSINESS))},
        by("exchange"),
        ConsortiumReject.MESSAGE_CANNOT_BE_MOVED,
    ),
    (
        "a motion in a motion",
        {"content": encode((ApproveMotion((EXCHANGE,), bytes(32)),))},
        by("exchange"),
        ConsortiumReject.MESSAGE_CANNOT_BE_MOVED,
    ),
    ("expired", {"expires_ms": 0}, by("exchange"), ConsortiumReject.EXPIRY_IS_PAST),
    ("expires too late", {"expires_ms": 2**62}, by("exchange"), ConsortiumReject.EXPIRY_IS_TOO_FAR),
]


@pytest.mark.parametrize(("changed", "keys", "expected"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_propose_motion(
    desk: Desk, changed: dict[str, Any], keys: tuple[SandboxKey, ...], expected: RejectCode | None
) -> None:
    outcome = desk.send(propose(desk, **changed), *keys)
    assert code_of(outcome) is expected
    assert len(open_motions(desk.machine.state)) == (expected is None)
    assert not scheduled(desk), "what waits has no effect"


def test_a_motion_lives_for_ninety_days_at_most(desk: Desk) -> None:
    last = desk.next_time_ms() + MOTION_MS_MAX
    assert code_of(desk.send(propose(desk, expires_ms=last), *by("exchange"))) is None
    too_late = propose(desk, expires_ms=desk.next_time_ms() + MOTION_MS_MAX + 1)
    assert code_of(desk.send(too_late, *by("exchange"))) is ConsortiumReject.EXPIRY_IS_TOO_FAR


def test_one_member_floods_nobody(desk: Desk) -> None:
    for _ in range(OPEN_MOTIONS_MAX):
        proposed(desk)
    refused = desk.send(propose(desk), *by("exchange"))
    assert code_of(refused) is ConsortiumReject.TOO_MANY_OPEN_MOTIONS
    assert proposed(desk, names=("depository",))


# Approving


def test_more_than_two_thirds_carry_a_motion_and_fewer_do_not(desk: Desk) -> None:
    motion_id = proposed(desk)
    assert code_of(approve(desk, motion_id, "depository")) is None
    assert not scheduled(desk)
    found = motion(desk.machine.state, motion_id)
    assert found is not None
    assert {who for who, _ in found.approvals} == {EXCHANGE, DEPOSITORY}
    assert code_of(approve(desk, motion_id, "central-bank")) is None
    assert scheduled(desk)
    assert motion(desk.machine.state, motion_id) is None
    assert replayed(desk).machine.last == desk.machine.last


@pytest.mark.parametrize("absent", FOUR)
def test_no_member_is_indispensable(desk: Desk, absent: str) -> None:
    """Whichever of the four is away, the other three decide; `deciding` says so too."""
    others = tuple(name for name in FOUR if name != absent)
    desk.do(propose(desk, names=others), *by(*others))
    assert scheduled(desk)
    assert desk.machine.wired.consortium.indispensable(140) == ()


def test_two_of_four_are_not_enough_however_they_come(desk: Desk) -> None:
    two = ("regulator", "depository")
    desk.do(propose(desk, names=two), *by(*two))
    assert not scheduled(desk)


@pytest.mark.parametrize(
    ("names", "before", "expected"),
    [
        (("depository",), 0, None),
        (("depository",), DAY_MS, ConsortiumReject.MOTION_HAS_EXPIRED),
        ((), 0, ConsortiumReject.PARTIES_ARE_NOT_IN_RANGE),
        (("notary",), 0, ConsortiumReject.PARTY_IS_NO_MEMBER),
        (("exchange",), 0, ConsortiumReject.MEMBER_HAS_APPROVED),
    ],
)
def test_approve_motion(desk: Desk, names: tuple[str, ...], before: int, expected: RejectCode | None) -> None:
    motion_id = proposed(desk)
    if before:
        prepared = desk.prepared(
            desk.transaction(
                ApproveMotion(tuple(party(name) for name in names), motion_id),
                *by(*names),
                expiry_ms=desk.next_time_ms() + before + 10,
            )
        )
        outcome = desk.machine.try_out(prepared, desk.next_time_ms() + before)
    else:
        keys = by(*names) or by("exchange")
        outcome = desk.send(ApproveMotion(tuple(party(name) for name in names), motion_id), *keys)
    assert code_of(outcome) is expected


@pytest.mark.parametrize("motion_id", [bytes(32), b"", b"short"])
def test_a_motion_that_is_not_there(desk: Desk, motion_id: bytes) -> None:
    assert code_of(approve(desk, motion_id, "exchange")) is ConsortiumReject.MOTION_NOT_FOUND
    gone = desk.send(WithdrawApproval(EXCHANGE, motion_id), *by("exchange"))
    assert code_of(gone) is ConsortiumReject.MOTION_NOT_FOUND


def test_an_approval_speaks_for_the_named_members_alone(desk: Desk) -> None:
    """Keys of others that sign along approve nothing."""
    motion_id = proposed(desk)
    desk.do(ApproveMotion((DEPOSITORY,), motion_id), *by("depository", "central-bank"))
    assert not scheduled(desk)
    outcome = desk.send(ApproveMotion((DEPOSITORY, BANK), motion_id), *by("depository"))
    assert code_of(outcome) is PartiesReject.MAKER_IS_MISSING


def test_where_a_message_is_rejected_so_is_the_approval_and_the_motion_waits(desk: Desk) -> None:
    motion_id = proposed(desk, CancelUpgrade(REGULATOR))
    approve(desk, motion_id, "depository")
    before = desk.books()
    outcome = approve(desk, motion_id, "central-bank")
    assert code_of(outcome) is GovernanceReject.NO_UPGRADE_IS_SCHEDULED
    assert desk.books() == before
    desk.carry(UPGRADE)
    assert code_of(approve(desk, motion_id, "central-bank")) is None
    assert not scheduled(desk)


def test_the_messages_of_a_motion_take_effect_together_or_not_at_all(desk: Desk) -> None:
    enrol = EnrolParty(REGULATOR, (Role.NOTARY,), "Second notary", "", stranger("n").address, activate=True)
    good = desk.send(desk.motion(enrol, UPGRADE), *by(*DECIDING))
    assert code_of(good) is None
    _, created = good.result.messages[0].objects
    assert desk.machine.wired.parties.find_by_name("Second notary") == created
    other = msgspec.structs.replace(enrol, name="Third notary")
    bad = desk.send(desk.motion(other, UPGRADE), *by(*DECIDING))
    assert code_of(bad) is GovernanceReject.UPGRADE_IS_SCHEDULED
    assert desk.machine.wired.parties.find_by_name("Third notary") is None


# Whose approvals count


def test_a_suspended_members_approval_does_not_count_and_its_weight_still_does(desk: Desk) -> None:
    motion_id = proposed(desk)
    desk.do(SuspendParty(REGULATOR, EXCHANGE, "An inquiry."), *by("regulator"))
    approve(desk, motion_id, "depository")
    approve(desk, motion_id, "central-bank")
    assert not scheduled(desk), "two of four count"
    assert code_of(approve(desk, motion_id, "exchange")) is PartiesReject.PARTY_IS_NOT_ACTIVE
    desk.do(ReinstateParty(REGULATOR, EXCHANGE), *by("regulator"))
    assert not scheduled(desk), "nothing is decided without somebody's act"
    assert code_of(approve(desk, motion_id, "exchange")) is None
    assert scheduled(desk), "whoever has approved may carry what has become decided"


def test_an_approval_under_replaced_keys_counts_no_more(desk: Desk) -> None:
    motion_id = proposed(desk)
    maker, checker = by("exchange")
    new = stranger("new key of the exchange's maker")
    desk.do(RotateKeys(maker.address, KeyPolicy(1, (new.public_key,))), maker)
    approve(desk, motion_id, "depository")
    approve(desk, motion_id, "central-bank")
    assert not scheduled(desk)
    body = desk.body((ApproveMotion((EXCHANGE,), motion_id),), (maker.address, checker.address))
    (outcome,) = desk.block([desk.signed_for(body, (0, new), (1, checker))])
    assert code_of(outcome) is None
    assert scheduled(desk)


def test_a_mandate_that_ended_does_not_undo_what_was_approved(desk: Desk) -> None:
    """It was given in the member's name; the member takes it back where it wants to."""
    motion_id = proposed(desk)
    maker = by("exchange")[0]
    desk.do(GrantMandate(EXCHANGE, maker.address, (900,)), *own("exchange"))
    approve(desk, motion_id, "depository")
    approve(desk, motion_id, "central-bank")
    assert scheduled(desk)


# Withdrawing and lapsing


def test_withdraw_approval(desk: Desk) -> None:
    motion_id = proposed(desk)
    approve(desk, motion_id, "depository")
    refused = desk.send(WithdrawApproval(BANK, motion_id), *by("central-bank"))
    assert code_of(refused) is ConsortiumReject.APPROVAL_NOT_FOUND
    unsigned = desk.send(WithdrawApproval(EXCHANGE, motion_id), *by("depository"))
    assert code_of(unsigned) is PartiesReject.MAKER_IS_MISSING
    desk.do(WithdrawApproval(EXCHANGE, motion_id), *by("exchange"))
    approve(desk, motion_id, "central-bank")
    assert not scheduled(desk)
    for name in ("depository", "central-bank"):
        desk.do(WithdrawApproval(party(name), motion_id), *by(name))
    assert not open_motions(desk.machine.state), "what nobody approves ends"


def test_a_motion_lapses(desk: Desk) -> None:
    motion_id = proposed(desk)
    desk.pass_time(2 * DAY_MS)
    assert desk.engine.decide_due() is not None
    assert not open_motions(desk.machine.state)
    assert facts_of(desk, EXCHANGE) == [MotionEnded(motion_id, lapsed=True)]
    desk.machine.check_everything()


def test_what_is_told_and_to_whom(desk: Desk) -> None:
    """Every member hears of every step, whether or not it took part; nobody else does."""
    motion_id = proposed(desk)
    for name in FOUR:
        told = facts_of(desk, party(name))
        assert [type(fact) for fact in told] == [MotionProposed, MotionApproved]
        assert told[1] == MotionApproved(motion_id, (EXCHANGE,), 1, 4)
    assert not facts_of(desk, NOTARY)
    approve(desk, motion_id, "depository")
    desk.do(WithdrawApproval(DEPOSITORY, motion_id), *by("depository"))
    assert facts_of(desk, BANK) == [ApprovalWithdrawn(motion_id, DEPOSITORY)]
    approve(desk, motion_id, "depository", "central-bank")
    approved, carried = facts_of(desk, REGULATOR)
    assert approved == MotionApproved(motion_id, (DEPOSITORY, BANK), 3, 4)
    assert isinstance(carried, MotionCarried)
    assert set(carried.approving) == {DEPOSITORY, EXCHANGE, BANK}


def facts_of(desk: Desk, stakeholder: bytes) -> list[Any]:
    """What the last block told somebody, of this module."""
    known = {
        kind.__struct_config__.tag: kind for module, _ in desk.machine.wired.modules for kind in module.facts
    }
    results: BlockResults = desk.machine.block_results(desk.height)
    found = []
    for kept in results.receipts:
        receipt = msgspec.msgpack.decode(kept.plaintext, type=Receipt)
        if receipt.stakeholder == stakeholder:
            for raw in receipt.facts:
                tag = msgspec.msgpack.decode(raw)[0]
                found.append(msgspec.msgpack.decode(raw, type=known[tag]))
    return found


# Weights


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SetWeight(NOTARY, 5), None),
        (SetWeight(NOTARY, 0), None),
        (SetWeight(EXCHANGE, WEIGHT_MAX), None),
        (SetWeight(EXCHANGE, -1), None),
        (SetWeight(bytes(20), 1), PartiesReject.PARTY_NOT_FOUND),
        (SetWeight(NOTARY, -1), ConsortiumReject.WEIGHT_IS_NOT_IN_RANGE),
        (SetWeight(NOTARY, -2), ConsortiumReject.WEIGHT_IS_NOT_IN_RANGE),
        (SetWeight(EXCHANGE, WEIGHT_MAX + 1), ConsortiumReject.WEIGHT_IS_NOT_IN_RANGE),
    ],
)
def test_set_weight(desk: Desk, message: SetWeight, expected: RejectCode | None) -> None:
    before = members(desk.machine.state)
    outcome = desk.send(message, *by(*DECIDING))
    assert code_of(outcome) is expected
    after = dict(members(desk.machine.state))
    if expected is not None:
        assert after == dict(before)
    elif message.weight == -1:
        assert message.party not in after
    else:
        assert after[message.party] == message.weight
    alone = desk.send_alone(message, *by("regulator"))
    assert code_of(alone) in (PartiesReject.CONSORTIUM_DECIDES, PartiesReject.PARTY_NOT_FOUND)


def test_only_an_active_party_becomes_a_member(desk: Desk) -> None:
    desk.do(SuspendParty(REGULATOR, NOTARY, "An inquiry."), *by("regulator"))
    outcome = desk.send(SetWeight(NOTARY, 1), *by(*DECIDING))
    assert code_of(outcome) is PartiesReject.PARTY_IS_NOT_ACTIVE
    assert code_of(desk.send(SetWeight(DEPOSITORY, -1), *by(*DECIDING))) is None


def test_there_are_not_more_members_than_may_be(desk: Desk) -> None:
    key = stranger("member").address
    names = [f"Notary {number}" for number in range(MEMBERS_MAX - 3)]
    enrols = [EnrolParty(REGULATOR, (Role.NOTARY,), name, "", key, activate=True) for name in names]
    desk.do(desk.motion(*enrols), *by(*DECIDING))
    found = [desk.machine.wired.parties.find_by_name(name) or b"" for name in names]
    desk.carry(*(SetWeight(one, 0) for one in found[:-1]))
    assert len(members(desk.machine.state)) == MEMBERS_MAX
    outcome = desk.send(SetWeight(found[-1], 0), *by(*DECIDING))
    assert code_of(outcome) is ConsortiumReject.TOO_MANY_MEMBERS
    desk.carry(SetWeight(found[0], -1), SetWeight(found[-1], 0))
    desk.machine.check_everything()


def test_other_weights_decide_from_the_next_approval_on(desk: Desk) -> None:
    motion_id = proposed(desk)
    desk.carry(SetWeight(EXCHANGE, 100))
    assert not scheduled(desk)
    assert code_of(approve(desk, motion_id, "exchange")) is None
    assert scheduled(desk)
    assert desk.machine.wired.consortium.indispensable(140) == (EXCHANGE,)


def test_who_leaves_takes_its_approvals_along(desk: Desk) -> None:
    motion_id = proposed(desk)
    desk.carry(SetWeight(EXCHANGE, -1))
    assert not desk.machine.wired.consortium.approving(motion_id)
    assert code_of(approve(desk, motion_id, "exchange")) is ConsortiumReject.PARTY_IS_NO_MEMBER
    rest = ("regulator", "depository", "central-bank")
    desk.do(propose(desk, SetWeight(EXCHANGE, 1), names=rest), *by(*rest))
    assert not desk.machine.wired.consortium.approving(motion_id)
    desk.machine.check_everything()


# Decision rules


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SetDecisionRule(140, 1, 2), None),
        (SetDecisionRule(0, 0, 1, 4), None),
        (SetDecisionRule(1600, 999, DENOMINATOR_MAX, 1, (Role.REGULATOR, Role.DEPOSITORY)), None),
        (SetDecisionRule(140, 0, 0), None),
        (SetDecisionRule(505, 1, 2), ConsortiumReject.MESSAGE_IS_NOT_DECIDED_HERE),
        (SetDecisionRule(-1, 1, 2), ConsortiumReject.MESSAGE_IS_NOT_DECIDED_HERE),
        (SetDecisionRule(0, 0, 0), ConsortiumReject.RULE_IS_NOT_IN_RANGE),
        (SetDecisionRule(140, 2, 2), ConsortiumReject.RULE_IS_NOT_IN_RANGE),
        (SetDecisionRule(140, -1, 2), ConsortiumReject.RULE_IS_NOT_IN_RANGE),
        (SetDecisionRule(140, 1, DENOMINATOR_MAX + 1), ConsortiumReject.RULE_IS_NOT_IN_RANGE),
        (SetDecisionRule(140, 1, 2, 0), ConsortiumReject.RULE_IS_NOT_IN_RANGE),
        (
            SetDecisionRule(140, 1, 2, 1, (Role.EXCHANGE, Role.REGULATOR)),
            ConsortiumReject.RULE_IS_NOT_IN_RANGE,
        ),
        (SetDecisionRule(140, 1, 2, 5), ConsortiumReject.RULE_COULD_NEVER_BE_MET),
        (SetDecisionRule(140, 1, 2, 1, (Role.NOTARY,)), ConsortiumReject.RULE_COULD_NEVER_BE_MET),
    ],
)
def test_set_decision_rule(desk: Desk, message: SetDecisionRule, expected: RejectCode | None) -> None:
    before = rules(desk.machine.state)
    outcome = desk.send(message, *by(*DECIDING))
    assert code_of(outcome) is expected
    if expected is not None:
        assert rules(desk.machine.state) == before
    elif message.denominator:
        wanted = DecisionRule(message.numerator, message.denominator, message.approvals, message.roles)
        assert rule_for(desk.machine.state, message.message) == wanted
    alone = desk.send_alone(message, *by("regulator"))
    assert code_of(alone) is PartiesReject.CONSORTIUM_DECIDES


def test_a_rule_of_its_own_holds_for_its_message_alone_until_it_is_taken_away(desk: Desk) -> None:
    desk.carry(SetDecisionRule(140, 0, 1))
    assert rule_for(desk.machine.state, 141) == DecisionRule(2, 3)
    proposed(desk, names=("central-bank",))
    assert scheduled(desk), "one member is enough for this message now"
    waiting = proposed(desk, CancelUpgrade(REGULATOR), names=("central-bank",))
    assert motion(desk.machine.state, waiting) is not None
    desk.carry(SetDecisionRule(140, 0, 0))
    assert rule_for(desk.machine.state, 140) == DecisionRule(2, 3)


def test_a_rule_may_demand_a_role_that_counts_without_weight(desk: Desk) -> None:
    """The regulator's consent where the rules say so, though it has no weight of its own."""
    desk.carry(SetWeight(REGULATOR, 0), SetDecisionRule(140, 2, 3, 1, (Role.REGULATOR,)))
    motion_id = proposed(desk)
    approve(desk, motion_id, "depository")
    approve(desk, motion_id, "central-bank")
    assert not scheduled(desk)
    assert desk.machine.wired.consortium.indispensable(140)[0] in (REGULATOR, DEPOSITORY, EXCHANGE, BANK)
    assert REGULATOR in desk.machine.wired.consortium.indispensable(140)
    approve(desk, motion_id, "regulator")
    assert scheduled(desk)


def test_a_motion_of_several_messages_meets_the_rule_of_each(desk: Desk) -> None:
    desk.carry(SetDecisionRule(140, 0, 1), SetDecisionRule(1910, 3, 4))
    both = proposed(desk, UPGRADE, SetWeight(NOTARY, 0), names=DECIDING)
    assert not scheduled(desk), "three of four are not more than three quarters"
    approve(desk, both, "central-bank")
    assert scheduled(desk)


def test_members_that_a_rule_needs_cannot_leave(desk: Desk) -> None:
    desk.carry(SetDecisionRule(1600, 1, 2, 4))
    outcome = desk.send(SetWeight(EXCHANGE, -1), *by(*DECIDING))
    assert code_of(outcome) is ConsortiumReject.RULE_COULD_NEVER_BE_MET
    everybody = tuple(party(name) for name in FOUR)
    to_zero = [SetWeight(one, 0) for one in everybody]
    outcome = desk.send(desk.motion(*to_zero), *by(*DECIDING))
    assert code_of(outcome) is ConsortiumReject.RULE_COULD_NEVER_BE_MET


# The consortium's own address


def test_nobody_signs_as_the_consortium(desk: Desk) -> None:
    """Its address has no key; a party whose signer it is, or a user of that address, opens no way around."""
    enrol = EnrolParty(REGULATOR, (Role.EXCHANGE,), "Impostor", "", CONSORTIUM, activate=True)
    (impostor,) = desk.do(enrol, *by("regulator"))
    raw = desk.signed_for(desk.body((UPGRADE,), (CONSORTIUM,)), (0, stranger("somebody")))
    (outcome,) = desk.block([raw])
    assert not outcome.authorised
    assert not scheduled(desk)
    parties = desk.machine.wired.parties
    context = ActionContext(_block(desk), bytes(32), 0, (CONSORTIUM,))
    assert context.signers == BY_THE_CONSORTIUM
    with pytest.raises(Rejected) as refused:
        parties.require_consortium(context, SetDecisionRule)
    assert refused.value.code is PartiesReject.CONSORTIUM_DECIDES
    assert impostor


def test_the_consortium_does_no_business(desk: Desk) -> None:
    """Even where a motion's content held such a message, the rule would refuse it."""
    parties = desk.machine.wired.parties
    context = ActionContext(_block(desk), bytes(32), 0, BY_THE_CONSORTIUM)
    with pytest.raises(Rejected) as refused:
        parties.authorise(context, EXCHANGE, GrantMandate)
    assert refused.value.code is PartiesReject.SIGNER_IS_NOT_AUTHORISED
    with pytest.raises(Rejected) as refused:
        parties.authorise(context, NOTARY, ScheduleUpgrade)
    assert refused.value.code is PartiesReject.PARTY_LACKS_THE_ROLE
    parties.authorise(context, REGULATOR, SuspendParty)


def _block(desk: Desk) -> Any:
    return desk.machine._block_context(desk.height + 1, desk.next_time_ms(), 1)
