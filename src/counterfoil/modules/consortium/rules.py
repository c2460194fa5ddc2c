"""Motions: brought, approved member by member, carried by the approval that meets the rules; weights and rules."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.deciding import (
    approving,
    could_be_met,
    counts,
    is_carried,
    members,
    rotations_of,
)
from counterfoil.modules.consortium.facts import (
    ApprovalWithdrawn,
    DecisionRuleSet,
    MotionApproved,
    MotionCarried,
    MotionEnded,
    MotionProposed,
    WeightSet,
)
from counterfoil.modules.consortium.messages import (
    ApproveMotion,
    ProposeMotion,
    SetDecisionRule,
    SetWeight,
    WithdrawApproval,
)
from counterfoil.modules.consortium.records import (
    ANY_MESSAGE,
    CONTENT_BYTES_MAX,
    DENOMINATOR_MAX,
    MEMBERS_MAX,
    MOTION_ID_SIZE,
    MOTION_MS_MAX,
    MOVED_MESSAGES_MAX,
    OPEN_MOTIONS_MAX,
    WEIGHT_MAX,
    DecisionRule,
    Member,
    Motion,
    MotionApproval,
    MotionLapse,
    lapse_key,
    rule_key,
)
from counterfoil.modules.consortium.rejects import ConsortiumReject
from counterfoil.modules.module import BY_THE_CONSORTIUM, ActionContext
from counterfoil.modules.parties.interface import MOVABLE
from counterfoil.primitives.codec import Malformed, Message
from counterfoil.primitives.outcome import Rejected

END_OF_MEMBERSHIP = -1


def propose_motion(books: ConsortiumBooks, ask: ProposeMotion, context: ActionContext) -> None:
    """Put messages before the members; who brings them has approved them."""
    _authorise_members(books, context, ask.parties, ProposeMotion)
    if len(ask.content) > CONTENT_BYTES_MAX:
        raise Rejected(ConsortiumReject.CONTENT_IS_TOO_LARGE, size=len(ask.content), limit=CONTENT_BYTES_MAX)
    messages = _taken_apart(books, ask.content)
    if not 0 < len(messages) <= MOVED_MESSAGES_MAX:
        raise Rejected(ConsortiumReject.MESSAGES_ARE_NOT_IN_RANGE, limit=MOVED_MESSAGES_MAX)
    for message in messages:
        if _tag(message) not in MOVABLE:
            raise Rejected(ConsortiumReject.MESSAGE_CANNOT_BE_MOVED, message=type(message).__name__)
    if ask.expires_ms <= context.time_ms:
        raise Rejected(ConsortiumReject.EXPIRY_IS_PAST, block_time_ms=context.time_ms)
    if ask.expires_ms > context.time_ms + MOTION_MS_MAX:
        raise Rejected(ConsortiumReject.EXPIRY_IS_TOO_FAR, latest_ms=context.time_ms + MOTION_MS_MAX)
    proposer = ask.parties[0]
    if sum(1 for _, lapse in books.lapses.scan() if lapse.proposer == proposer) >= OPEN_MOTIONS_MAX:
        raise Rejected(ConsortiumReject.TOO_MANY_OPEN_MOTIONS, limit=OPEN_MOTIONS_MAX)

    motion_id = context.new_id()
    tags = tuple(_tag(message) for message in messages)
    motion = Motion(ask.content, tags, proposer, context.height, context.time_ms, ask.expires_ms)
    books.motions.put(motion_id, motion)
    books.lapses.put(lapse_key(ask.expires_ms, motion_id), MotionLapse(proposer))
    fact = MotionProposed(motion_id, sha256(ask.content).digest(), tags, ask.parties, ask.expires_ms)
    context.tell(fact, *members(books))
    _approve(books, motion_id, motion, ask.parties, context)


def approve_motion(books: ConsortiumBooks, ask: ApproveMotion, context: ActionContext) -> None:
    """Approve in the name of members; the approval that is enough carries the motion, or meets its messages' rejects.

    A motion that waits may have become decided by another weight or rule: then a member that has approved it carries
    it by approving it again.
    """
    motion = _require_motion(books, ask.motion_id)
    if motion.expires_ms <= context.time_ms:
        raise Rejected(ConsortiumReject.MOTION_HAS_EXPIRED, expired_ms=motion.expires_ms)
    _authorise_members(books, context, ask.parties, ApproveMotion)
    before = approving(books, ask.motion_id)
    if all(party in before for party in ask.parties) and not is_carried(books, motion.message_tags, before):
        raise Rejected(ConsortiumReject.MEMBER_HAS_APPROVED)

    _approve(books, ask.motion_id, motion, ask.parties, context)


def withdraw_approval(books: ConsortiumBooks, ask: WithdrawApproval, context: ActionContext) -> None:
    """A member changes its mind; a motion that nobody approves any more ends."""
    motion = _require_motion(books, ask.motion_id)
    books.parties.authorise(context, ask.party, WithdrawApproval)
    key = ask.motion_id + ask.party
    if books.approvals.find(key) is None:
        raise Rejected(ConsortiumReject.APPROVAL_NOT_FOUND, party=ask.party)

    books.approvals.delete(key)
    told = dict.fromkeys((*members(books), ask.party))
    context.tell(ApprovalWithdrawn(ask.motion_id, ask.party), *told)
    if not any(books.approvals.find(ask.motion_id + party) for party in members(books)):
        _end(books, ask.motion_id, motion)
        context.tell(MotionEnded(ask.motion_id, lapsed=False), *told)


def lapse_motion(books: ConsortiumBooks, motion_id: bytes, context: ActionContext) -> None:
    """End a motion whose time is over."""
    _end(books, motion_id, _require_motion(books, motion_id))
    context.tell(MotionEnded(motion_id, lapsed=True), *members(books))


def set_weight(books: ConsortiumBooks, ask: SetWeight, context: ActionContext) -> None:
    """Enter a member, change its weight, or let it leave; what is open is decided by the weights of the moment."""
    books.parties.authorise(context, ask.party, SetWeight)
    member = books.members.find(ask.party)
    leaves = ask.weight == END_OF_MEMBERSHIP
    if (leaves and member is None) or not END_OF_MEMBERSHIP <= ask.weight <= WEIGHT_MAX:
        raise Rejected(ConsortiumReject.WEIGHT_IS_NOT_IN_RANGE, weight=ask.weight, limit=WEIGHT_MAX)
    if not leaves:
        books.parties.require_active(ask.party)
    if member is None and len(members(books)) >= MEMBERS_MAX:
        raise Rejected(ConsortiumReject.TOO_MANY_MEMBERS, limit=MEMBERS_MAX)

    told = dict.fromkeys((*members(books), ask.party))
    if leaves:
        books.members.delete(ask.party)
        _forget_approvals(books, ask.party)
    else:
        books.members.put(ask.party, Member(ask.weight))
    if not could_be_met(books):
        raise Rejected(ConsortiumReject.RULE_COULD_NEVER_BE_MET)
    context.tell(WeightSet(ask.party, ask.weight), *told)


def set_decision_rule(books: ConsortiumBooks, ask: SetDecisionRule, context: ActionContext) -> None:
    """Change what it takes to decide; it holds for what is open too."""
    books.parties.require_consortium(context, SetDecisionRule)
    if ask.message != ANY_MESSAGE and ask.message not in MOVABLE:
        raise Rejected(ConsortiumReject.MESSAGE_IS_NOT_DECIDED_HERE, message=ask.message)
    key = rule_key(ask.message)
    takes_away = ask.denominator == 0 and ask.message != ANY_MESSAGE
    if not takes_away and not is_rule(ask.numerator, ask.denominator, ask.approvals, ask.roles):
        raise Rejected(ConsortiumReject.RULE_IS_NOT_IN_RANGE)

    if not takes_away:
        books.decision_rules.put(key, DecisionRule(ask.numerator, ask.denominator, ask.approvals, ask.roles))
    elif books.decision_rules.find(key) is not None:
        books.decision_rules.delete(key)
    if not could_be_met(books):
        raise Rejected(ConsortiumReject.RULE_COULD_NEVER_BE_MET, message=ask.message)
    fact = DecisionRuleSet(ask.message, ask.numerator, ask.denominator, ask.approvals, ask.roles)
    context.tell(fact, *members(books))


def is_rule(numerator: int, denominator: int, approvals: int, roles: tuple[int, ...]) -> bool:
    return (
        0 <= numerator < denominator <= DENOMINATOR_MAX
        and 1 <= approvals <= MEMBERS_MAX
        and all(earlier < later for earlier, later in pairwise(roles))
    )


def _authorise_members(
    books: ConsortiumBooks, context: ActionContext, parties: tuple[bytes, ...], message: type[Message]
) -> None:
    """Each of the named parties has signed, and is a member."""
    if not 0 < len(parties) <= MEMBERS_MAX or len(frozenset(parties)) != len(parties):
        raise Rejected(ConsortiumReject.PARTIES_ARE_NOT_IN_RANGE, limit=MEMBERS_MAX)
    for party in parties:
        books.parties.authorise(context, party, message)
        if books.members.find(party) is None:
            raise Rejected(ConsortiumReject.PARTY_IS_NO_MEMBER, party=party)


def _require_motion(books: ConsortiumBooks, motion_id: bytes) -> Motion:
    motion = books.motions.find(motion_id) if len(motion_id) == MOTION_ID_SIZE else None
    if motion is None:
        raise Rejected(ConsortiumReject.MOTION_NOT_FOUND, motion=motion_id)
    return motion


def _approve(
    books: ConsortiumBooks,
    motion_id: bytes,
    motion: Motion,
    parties: tuple[bytes, ...],
    context: ActionContext,
) -> None:
    for party in parties:
        key = motion_id + party
        if not counts(books, party, books.approvals.find(key)):
            signers = tuple(one for one in context.signers if books.parties.speaks_for(party, one))
            approval = MotionApproval(context.height, context.time_ms, signers, rotations_of(books, signers))
            books.approvals.put(key, approval)
    in_favour, weights = approving(books, motion_id), members(books)
    weight = sum(weights[party] for party in in_favour)
    context.tell(MotionApproved(motion_id, parties, weight, sum(weights.values())), *weights)
    if is_carried(books, motion.message_tags, in_favour):
        _end(books, motion_id, motion)
        context.tell(MotionCarried(motion_id, in_favour), *weights)
        _carry(books, motion_id, motion, context)


def _carry(books: ConsortiumBooks, motion_id: bytes, motion: Motion, context: ActionContext) -> None:
    """Run the messages as one action with the motion's id, by the consortium.

    A message that is rejected leaves through here, and takes the approval and the messages before it along.
    """
    for index, message in enumerate(_taken_apart(books, motion.content)):
        inner = ActionContext(context.block, motion_id, index, BY_THE_CONSORTIUM)
        books.dispatch(message, inner)
        context.facts += inner.facts
        context.created += inner.created
        context.credited += inner.credited


def _end(books: ConsortiumBooks, motion_id: bytes, motion: Motion) -> None:
    for party in members(books):
        if books.approvals.find(motion_id + party) is not None:
            books.approvals.delete(motion_id + party)
    books.motions.delete(motion_id)
    books.lapses.delete(lapse_key(motion.expires_ms, motion_id))


def _forget_approvals(books: ConsortiumBooks, party: bytes) -> None:
    """Who leaves takes its approvals along, so that each that is kept is a member's."""
    for key, _ in list(books.lapses.scan()):
        if books.approvals.find(key[8:] + party) is not None:
            books.approvals.delete(key[8:] + party)


def _taken_apart(books: ConsortiumBooks, content: bytes) -> tuple[Message, ...]:
    try:
        return books.decode(content)
    except Malformed as error:
        raise Rejected(ConsortiumReject.CONTENT_IS_MALFORMED, detail=str(error)) from None


def _tag(message: Message) -> int:
    tag = type(message).__struct_config__.tag
    return tag if isinstance(tag, int) else 0
