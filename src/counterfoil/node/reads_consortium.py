"""Reads about the ledger's own affairs: the consortium and what is before it, validators, feeds."""

from __future__ import annotations

import msgspec

from counterfoil.modules.consortium import queries as consortium
from counterfoil.modules.consortium.records import DecisionRule
from counterfoil.modules.feeds import queries as feeds
from counterfoil.modules.governance.records import IN_FORCE, RULE_VERSIONS, SCHEDULED
from counterfoil.modules.parties import queries as parties
from counterfoil.modules.parties.interface import PERMISSIONS
from counterfoil.modules.validators import queries as validators
from counterfoil.modules.validators.interface import MisbehaviourKind, SetEntry
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import Answer, AsOf, View, named, reading
from counterfoil.node.reads_ledger import Nothing
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import PartyDetails, PendingMotion, PublicFact
from counterfoil.verify.light.encoding import address_of_validator

EVERY_OTHER = "every other"
"""In place of a message's name: the rule for all that have none of their own."""


class MemberLine(msgspec.Struct, frozen=True):
    """active: whether its approval counts now."""

    party: bytes
    name: str
    roles: tuple[str, ...]
    weight: int
    active: bool


class RuleLine(msgspec.Struct, frozen=True):
    """What it takes to carry a message (its name, or "every other").

    More than numerator / denominator of the weight, so many approvals at least, and somebody with each of the roles.
    indispensable: the members without whom it cannot be carried now.
    """

    message: str
    numerator: int
    denominator: int
    approvals: int
    roles: tuple[str, ...]
    indispensable: tuple[bytes, ...]


class Upgrade(msgspec.Struct, frozen=True):
    """A rule version and the height from which it holds."""

    version: int
    from_height: int


class ConsortiumAnswer(Answer, frozen=True, kw_only=True):
    """known_versions: the rule versions that this node's program knows. scheduled: None where no upgrade is."""

    members: tuple[MemberLine, ...]
    rules: tuple[RuleLine, ...]
    in_force: Upgrade
    scheduled: Upgrade | None
    known_versions: tuple[int, ...]


class GivenLine(msgspec.Struct, frozen=True):
    """An approval. counts: not where the member is stopped, or keys that gave it were replaced."""

    party: bytes
    height: int
    time_ms: int
    counts: bool


class MotionLine(msgspec.Struct, frozen=True):
    """messages: kinds of what is moved. content: what the members approve, the encoded list of messages.

    weight: of the approvals that count, of `all_weight`. awaited: members that have not approved, or whose approval
    counts no more.
    """

    motion_id: bytes
    brought_by: bytes
    messages: tuple[str, ...]
    content: bytes
    height: int
    time_ms: int
    expires_ms: int
    given: tuple[GivenLine, ...]
    awaited: tuple[bytes, ...]
    weight: int
    all_weight: int


class MotionList(Answer, frozen=True, kw_only=True):
    """The one that lapses first at the head."""

    motions: tuple[MotionLine, ...]


class ValidatorsOf(AsOf, frozen=True, kw_only=True):
    """height: of the block whose validators are asked for; 0 for the next one."""

    height: int = 0


class SetLine(msgspec.Struct, frozen=True):
    party: bytes
    key: bytes
    consensus_address: bytes
    power: int


class ValidatorLine(msgspec.Struct, frozen=True):
    """A validator by the present records: what is in force two blocks later."""

    party: bytes
    name: str
    key: bytes
    consensus_address: bytes
    power: int
    status: str
    since_height: int


class MisbehaviourLine(msgspec.Struct, frozen=True):
    party: bytes
    consensus_address: bytes
    kind: str
    height: int
    time_ms: int
    total_power: int
    reported_height: int
    suspended: bool


class ValidatorList(Answer, frozen=True, kw_only=True):
    """height: of the block that `in_force` decides, in the engine's order."""

    height: int
    in_force: tuple[SetLine, ...]
    validators: tuple[ValidatorLine, ...]
    misbehaviours: tuple[MisbehaviourLine, ...]


class ObservationLine(msgspec.Struct, frozen=True):
    """What a party observed, waiting for the next value."""

    party: bytes
    value: int
    observed_ms: int


class FeedLine(msgspec.Struct, frozen=True):
    """Values in units of the scale. observers: none named where the validators observe. made_by: how many observed the
    last value, 0 before the first. stale: whether it holds no more. waiting: of those parties whose affairs the viewer
    may see."""

    name: str
    unit: str
    scale: int
    observers: tuple[bytes, ...]
    quorum: int
    age_max_ms: int
    interval_ms: int
    stale_after_ms: int
    deviation_bps: int
    deviation_units: int
    value: int
    observed_ms: int
    height: int
    made_by: int
    stale: bool
    waiting: tuple[ObservationLine, ...]


class FeedList(Answer, frozen=True, kw_only=True):
    feeds: tuple[FeedLine, ...]


@named("consortium", is_alike=True)
def consortium_of(node: LedgerNode, viewer: Viewer, params: AsOf) -> ConsortiumAnswer:
    """The consortium's members, how they decide, the rules in force and those that are scheduled. Public."""
    with reading(node, viewer, params) as view:
        view.require(PublicFact())
        in_force = view.find(RULE_VERSIONS, IN_FORCE)
        scheduled = view.find(RULE_VERSIONS, SCHEDULED)
        return ConsortiumAnswer(
            moment=view.moment,
            members=tuple(_member_line(view, *one) for one in consortium.members(view.state, view.height)),
            rules=tuple(_rule_line(view, *one) for one in consortium.rules(view.state, view.height)),
            in_force=Upgrade(in_force.version, in_force.from_height) if in_force else Upgrade(0, 0),
            scheduled=Upgrade(scheduled.version, scheduled.from_height) if scheduled else None,
            known_versions=node.machine.rule_versions,
        )


@named("motions")
def motions(node: LedgerNode, viewer: Viewer, params: Nothing) -> MotionList:
    """What is before the consortium and who has approved it; for its members and regulators, nothing for others."""
    with reading(node, viewer) as view:
        open_ones = consortium.open_motions(view.state) if view.may_see(PendingMotion()) else []
        return MotionList(moment=view.moment, motions=tuple(_motion_line(view, one) for one in open_ones))


@named("validators", is_alike=True)
def list_validators(node: LedgerNode, viewer: Viewer, params: ValidatorsOf) -> ValidatorList:
    """Whose nodes decide the block of a height, who validates by the present records, and who misbehaved. Public."""
    if not 0 <= params.height < 2**63:
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="height is 0 or more")
    with reading(node, viewer, params) as view:
        view.require(PublicFact())
        height = params.height or view.header.height + 1
        return ValidatorList(
            moment=view.moment,
            height=height,
            in_force=tuple(map(_set_line, node.machine.validators(height))),
            validators=tuple(
                ValidatorLine(
                    party,
                    _name(view, party),
                    one.key,
                    address_of_validator(one.key),
                    one.power,
                    one.status.name,
                    one.since_height,
                )
                for party, one in validators.validators(view.state, view.height)
            ),
            misbehaviours=tuple(
                MisbehaviourLine(
                    record.party,
                    address,
                    MisbehaviourKind(kind).name,
                    at,
                    record.time_ms,
                    record.total_power,
                    record.reported_height,
                    record.suspended,
                )
                for at, address, kind, record in validators.misbehaviours(view.state, view.height)
            ),
        )


@named("feeds")
def list_feeds(node: LedgerNode, viewer: Viewer, params: AsOf) -> FeedList:
    """Every feed with its last value (public), and of what waits for the next one the viewer's own observations."""
    with reading(node, viewer, params) as view:
        view.require(PublicFact())
        waiting = feeds.observations(view.state) if view.height is None else ()
        seen = [one for one in waiting if view.may_see(PartyDetails(one[1]))]
        return FeedList(
            moment=view.moment,
            feeds=tuple(
                _feed_line(
                    one,
                    tuple(
                        ObservationLine(who, o.value, o.observed_ms)
                        for name, who, o in seen
                        if name == one.name
                    ),
                )
                for one in feeds.feeds(view.state, view.header.time_ms, view.height)
            ),
        )


# ---- lines ----


def _name(view: View, party: bytes) -> str:
    found = parties.party(view.state, party, view.height)
    return found.name if found is not None else ""


def _member_line(view: View, party: bytes, weight: int) -> MemberLine:
    found = parties.party(view.state, party, view.height)
    stopped = parties.stopped_by(view.state, party, view.height)
    active = found is not None and found.status.name == "ACTIVE" and stopped is None
    roles = tuple(role.name for role in found.roles) if found is not None else ()
    return MemberLine(party, found.name if found is not None else "", roles, weight, active)


def _rule_line(view: View, tag: int, rule: DecisionRule) -> RuleLine:
    return RuleLine(
        PERMISSIONS[tag].message if tag else EVERY_OTHER,
        rule.numerator,
        rule.denominator,
        rule.approvals,
        tuple(role.name for role in rule.roles),
        view.wired.consortium.indispensable(tag) if view.height is None else (),
    )


def _motion_line(view: View, found: consortium.MotionView) -> MotionLine:
    motion, counting = found.motion, view.wired.consortium.approving(found.motion_id)
    weights = view.wired.consortium.members()
    return MotionLine(
        found.motion_id,
        motion.proposer,
        tuple(PERMISSIONS[tag].message for tag in motion.message_tags),
        motion.content,
        motion.height,
        motion.time_ms,
        motion.expires_ms,
        tuple(
            GivenLine(party, given.height, given.time_ms, party in counting)
            for party, given in found.approvals
        ),
        tuple(party for party in weights if party not in counting),
        sum(weights[party] for party in counting),
        sum(weights.values()),
    )


def _set_line(entry: SetEntry) -> SetLine:
    return SetLine(entry.party, entry.key, address_of_validator(entry.key), entry.power)


def _feed_line(found: feeds.FeedView, waiting: tuple[ObservationLine, ...]) -> FeedLine:
    feed, value = found.feed, found.value
    return FeedLine(
        found.name,
        feed.unit,
        feed.scale,
        feed.observers,
        feed.quorum,
        feed.age_max_ms,
        feed.interval_ms,
        feed.stale_after_ms,
        feed.deviation_bps,
        feed.deviation_units,
        value.value if value is not None else 0,
        value.observed_ms if value is not None else 0,
        value.height if value is not None else 0,
        value.observers if value is not None else 0,
        found.stale,
        waiting,
    )
