"""Moves about the consortium, upgrades, validators and feeds; and what an engine reports beside transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from counterfoil.machine.feed_items import (
    BlockIdFlag,
    ExtendedCommit,
    ExtendedVote,
    encode_extension,
    make_feed_item,
)
from counterfoil.modules.consortium import messages as consortium
from counterfoil.modules.feeds import messages as feeds
from counterfoil.modules.feeds.interface import Seen
from counterfoil.modules.governance import messages as governance
from counterfoil.modules.parties.records import Role
from counterfoil.modules.validators import messages as validators
from counterfoil.modules.validators.interface import Misbehaviour, MisbehaviourKind
from counterfoil.modules.validators.records import ValidatorStatus
from counterfoil.primitives.codec import Message, encode
from counterfoil.verify.light.encoding import extension_bytes, votes_info
from tests.model.consortium_model import MOVABLE, address_of_key
from tests.model.desk import party, possessed
from tests.model.hand import STRANGERS, Hand, Move
from tests.model.moves_grants import MOVES
from tests.model.moves_members import DAY_MS, move
from tests.model.opening import SEVEN, consensus_key

__all__ = ["MOVES"]

MOVED: dict[type[Message], Callable[[Hand], Message]] = {}
"""What only a motion does: the message alone."""
VALIDATING = tuple(party(name) for name in SEVEN)


def moved(kind: type[Message]) -> Callable[[Callable[[Hand], Message]], Callable[[Hand], Message]]:
    """Enter a function as the one that makes messages of a kind on which the consortium alone decides."""

    def enter(made: Callable[[Hand], Message]) -> Callable[[Hand], Message]:
        MOVED[kind] = made

        def bring(hand: Hand) -> Move:
            if not hand.often(0.95):
                return made(hand), hand.speakers(party("regulator"))
            return motion_of(hand, (made(hand),))

        MOVES[kind] = bring
        return made

    return enter


def members(hand: Hand) -> list[bytes]:
    """Members that can act, in an order of chance."""
    model = hand.model
    found = [one for one in model.tables[150] if model.is_active(one)]
    return hand.chance.sample(found, len(found))


def motion_of(hand: Hand, messages: tuple[Message, ...], count: int = 3) -> Move:
    parties = tuple(members(hand)[:count]) if hand.often(0.97) else hand.one_of((), (party("notary"),))
    content = encode(messages)
    if not hand.often(0.97):
        content = hand.one_of(b"", content[:-1], encode(()), encode(messages * 101))
    lives = hand.one_of(DAY_MS, 3 * DAY_MS, 5_000) if hand.often(0.96) else hand.one_of(0, 91 * DAY_MS)
    expires_ms = hand.twin.next_time_ms() + lives
    signers = hand.together(*(hand.speakers(one) for one in parties))
    return consortium.ProposeMotion(parties, content, expires_ms), signers or (STRANGERS[0].address,)


# Motions


@move(consortium.ProposeMotion)
def propose(hand: Hand) -> Move | None:
    """Something that an office holder would send, or that only the consortium decides; now and then neither."""
    kind = hand.chance.choice([kind for kind in MOVES if kind is not consortium.ProposeMotion])
    if hand.often(0.9):
        kind = hand.chance.choice([one for one in MOVES if one.__struct_config__.tag in MOVABLE])
    if kind in MOVED:
        message: Message = MOVED[kind](hand)
    else:
        made = MOVES[kind](hand)
        if made is None:
            return None
        message = made[0]
    return motion_of(hand, (message,) * hand.one_of(1, 1, 1, 2), hand.one_of(1, 2, 3, 3))


@move(consortium.ApproveMotion)
def approve(hand: Hand) -> Move:
    identity = hand.key_of(152)
    able = members(hand)
    missing = [one for one in able if identity + one not in hand.model.tables[153]]
    parties = tuple((missing if hand.often() else able)[: hand.one_of(1, 2, 3)]) or (party("exchange"),)
    signers = hand.together(*(hand.speakers(one) for one in parties))
    return consortium.ApproveMotion(parties, identity), signers


@move(consortium.WithdrawApproval)
def withdraw(hand: Hand) -> Move:
    key = hand.key_of(153)
    identity, who = (key[:32], key[32:]) if len(key) == 52 and hand.often(0.95) else (key, party("exchange"))
    return consortium.WithdrawApproval(who, identity), hand.speakers(who)


@moved(consortium.SetWeight)
def set_weight(hand: Hand) -> Message:
    who = hand.one_of(*VALIDATING) if hand.often(0.8) else hand.key_of(20)
    spare = len(hand.model.tables[150]) > 4 and hand.often(0.3)
    return consortium.SetWeight(who, -1 if spare else hand.one_of(1, 1, 1, 0, 2, -1, -2, 10**9 + 1))


@moved(consortium.SetDecisionRule)
def set_rule(hand: Hand) -> Message:
    tag = hand.one_of(0, *sorted(MOVABLE)) if hand.often(0.95) else hand.one_of(505, -1, 7)
    share = (
        hand.one_of((2, 3), (1, 2), (0, 1), (3, 5), (0, 0)) if hand.often() else hand.one_of((1, 1), (-1, 2))
    )
    roles = (
        ()
        if hand.often(0.7)
        else hand.one_of((Role.REGULATOR,), (Role.NOTARY,), (Role.EXCHANGE, Role.REGULATOR))
    )
    least = hand.one_of(1, 1, 2) if hand.often() else hand.one_of(3, 9, 0)
    return consortium.SetDecisionRule(tag, *share, least, roles)  # type: ignore[arg-type]


# Upgrades


@moved(governance.ScheduleUpgrade)
def schedule(hand: Hand) -> Message:
    by = hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    version, height = hand.one_of(2, 2, 2, 3, 1, -1), hand.twin.height + hand.one_of(*(10**6,) * 4, 0, -5)
    return governance.ScheduleUpgrade(by, version, height)


@moved(governance.CancelUpgrade)
def cancel_upgrade(hand: Hand) -> Message:
    return governance.CancelUpgrade(hand.party_with(Role.REGULATOR, Role.DEPOSITORY))


# Validators


def fresh_key(hand: Hand) -> bytes:
    """A consensus key that was not used yet; now and then one that was, or none."""
    name = hand.fresh("validator ")
    key = consensus_key(name)
    hand.consensus[key.public_key] = key
    return key.public_key if hand.often(0.97) else hand.one_of(b"", key.public_key[1:], b"\1" + bytes(32))


def stated(hand: Hand, message: Any) -> Message:
    """With the key's own statement; now and then with one for another party."""
    if len(hand.consensus) % 20 != 7:
        return possessed(message, hand.twin.chain_id)
    other = replace(message, party=party("notary"))
    false: Any = possessed(other, hand.twin.chain_id)
    made: Message = replace(message, possession=false.possession or bytes(64))
    return made


def validator(hand: Hand, status: ValidatorStatus) -> bytes:
    return hand.key_of(160, lambda one: one.status is status, 0.9)


@moved(validators.AddValidator)
def add(hand: Hand) -> Message:
    absent = [one for one in VALIDATING if one not in hand.model.tables[160]]
    who = hand.pick(absent) or b"" if hand.often(0.9) else hand.key_of(20)
    power = hand.one_of(10, 10, 5, 0, 10**9, 10**9 + 1)
    return stated(hand, validators.AddValidator(who, fresh_key(hand), power))


@moved(validators.RemoveValidator)
def remove(hand: Hand) -> Message:
    return validators.RemoveValidator(validator(hand, hand.one_of(*ValidatorStatus)))


@moved(validators.SetVotingPower)
def set_power(hand: Hand) -> Message:
    return validators.SetVotingPower(validator(hand, ValidatorStatus.ACTIVE), hand.one_of(10, 10, 7, 1, 0))


@move(validators.RotateConsensusKey)
def rotate(hand: Hand) -> Move:
    who = validator(hand, ValidatorStatus.ACTIVE)
    return stated(hand, validators.RotateConsensusKey(who, fresh_key(hand))), hand.speakers(who)


@moved(validators.ReadmitValidator)
def readmit(hand: Hand) -> Message:
    who = validator(hand, ValidatorStatus.SUSPENDED)
    return stated(hand, validators.ReadmitValidator(who, fresh_key(hand), 10))


# Feeds


@moved(feeds.DefineFeed)
def define(hand: Hand) -> Message:
    name = (
        hand.one_of("USD/EUR", "GBP/EUR", "JPY/EUR", "CHF/EUR") if hand.often(0.95) else hand.one_of("", "x")
    )
    named = tuple(sorted(hand.chance.sample(VALIDATING, 4))) if hand.often(0.5) else ()
    return feeds.DefineFeed(
        name,
        "a rate" if hand.often(0.95) else hand.one_of("", "another"),
        4 if hand.often(0.95) else hand.one_of(-1, 3, 19),
        named if hand.often(0.95) else named[::-1] + named,
        hand.one_of(3, 3, 4) if hand.often() else hand.one_of(2, 5),
        hand.one_of(DAY_MS, 3_600_000, 60_000) if hand.often() else 0,
        hand.one_of(1, 1_000, 60_000),
        hand.one_of(2 * DAY_MS, 3 * DAY_MS) if hand.often() else 1,
        hand.one_of(500, 10_000, 0) if hand.often() else -1,
        hand.one_of(10, 1_000, 0),
    )


@moved(feeds.EndFeed)
def end(hand: Hand) -> Message:
    return feeds.EndFeed(feed_name(hand))


def feed_name(hand: Hand) -> str:
    known = [key.rstrip(b"\0").decode() for key in hand.model.tables[170]]
    return hand.chance.choice(known) if known and hand.often(0.95) else hand.one_of("NO-SUCH", "", "x\0")


def observer(hand: Hand, name: str) -> bytes:
    feed = hand.model.tables[170].get(name.encode().ljust(20, b"\0"))
    able = [one for one in hand.model.observers(feed) if hand.model.is_active(one)] if feed else []
    waiting = [one for one in able if name.encode().ljust(20, b"\0") + one not in hand.model.tables[172]]
    return hand.pick(waiting or able) or b"" if hand.often(0.95) else hand.party_with(*Role)


def value_of(hand: Hand, name: str) -> int:
    last = hand.model.tables[171].get(name.encode().ljust(20, b"\0"))
    near = (last.value if last else 10_000) + hand.chance.randrange(-40, 41)
    twice = max(-(2**63), min(2 * near, 2**63 - 1))  # what can be written at all
    return near if hand.often(0.85) else hand.one_of(0, -near, twice, 2**62 + 1, -(2**62))


@move(feeds.Observe)
def observe(hand: Hand) -> Move:
    name = feed_name(hand)
    who = observer(hand, name)
    age_ms = hand.one_of(0, 0, 1, 50_000) if hand.often() else hand.one_of(DAY_MS * 4, -5_000, -5_001)
    observed_ms = hand.twin.next_time_ms() - age_ms
    return feeds.Observe(who, name, value_of(hand, name), observed_ms), hand.speakers(who)


# What an engine reports


def misbehaviours(hand: Hand) -> tuple[Misbehaviour, ...]:
    """Mostly of somebody who validates and can be spared."""
    tables = hand.model.tables
    active = [one for one in tables[160].values() if one.status is ValidatorStatus.ACTIVE]
    if len(active) < 5:
        return ()
    key = hand.chance.choice(active).key if hand.often(0.8) else hand.pick(tables[162].values()).key  # type: ignore[union-attr]
    address = address_of_key(key) if hand.often(0.9) else hand.one_of(b"", bytes(20))
    height = max(1, hand.twin.height - hand.chance.randrange(20))
    kind = hand.one_of(*MisbehaviourKind)
    return (Misbehaviour(kind, address, height, hand.twin.time_ms, 50),) * hand.one_of(1, 1, 2)


def votes(hand: Hand) -> dict[str, Any]:
    """The feed item of the next block and the commit before it: as validators would vote now."""
    twin = hand.twin
    cast, round_ = [], hand.one_of(0, 0, 1)
    for entry in twin.machine.validators(twin.height):
        address, key = address_of_key(entry.key), hand.consensus.get(entry.key)
        if key is None or not hand.often(0.95):
            cast.append(ExtendedVote(address, entry.power, hand.one_of(BlockIdFlag.ABSENT, BlockIdFlag.NIL)))
            continue
        extension = _extension(hand)
        signature = key.sign(extension_bytes(twin.chain_id, twin.height, round_, extension))
        cast.append(ExtendedVote(address, entry.power, BlockIdFlag.COMMIT, extension, signature))
    commit = ExtendedCommit(round_, tuple(cast))
    item = make_feed_item(commit)
    reported = votes_info(round_, [(vote.address, vote.power, vote.flag) for vote in cast])
    return {"feed_item": item, "last_commit": reported} if item else {}


def _extension(hand: Hand) -> bytes:
    now = hand.twin.next_time_ms()
    names = dict.fromkeys(feed_name(hand) for _ in range(2))
    seen = tuple(
        Seen(name, value_of(hand, name), now - hand.one_of(0, 0, 1, 100_000, -6_000)) for name in names
    )
    return encode_extension(seen) if hand.often(0.9) else hand.one_of(b"", b"junk", encode(seen) + b"\0")
