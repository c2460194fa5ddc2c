"""The consortium, validators and feeds in dictionaries."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from counterfoil.modules.consortium.rejects import ConsortiumReject as Reject
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.parties.permissions import PERMISSIONS, Eyes
from counterfoil.modules.parties.records import PartyStatus
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.validators.records import SetEntry, ValidatorStatus
from counterfoil.modules.validators.rejects import ValidatorsReject
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import check_key, verify
from tests.model.chain_model import ChainModel
from tests.model.core import Action, Item, No, ascending, demand, time_key

DAY_MS = 86_400_000
ACTIVE, SUSPENDED = ValidatorStatus.ACTIVE, ValidatorStatus.SUSPENDED
MOVABLE = {
    tag for tag, permission in PERMISSIONS.items() if permission.step_in or permission.eyes is Eyes.CONSORTIUM
}


def tag_of(message: Any) -> int:
    tag: int = message.__struct_config__.tag
    return tag


def address_of_key(key: bytes) -> bytes:
    return sha256(key[1:]).digest()[:20]


class ConsortiumModel(ChainModel):
    """Tables 150 members, 151 rules, 152 motions, 153 approvals, 154 lapses."""

    decode_motion: Any = None
    carried: list[type[Any]]

    # Motions

    def rule(self, tag: int) -> Any:
        own = self.tables[151].get(tag.to_bytes(4, "big"))
        return own or self.tables[151][bytes(4)]

    def met(self, rule: Any, parties: list[bytes]) -> bool:
        weights = {party: member.weight for party, member in self.tables[150].items()}
        has = [role for party in parties for role in self.tables[20][party].roles]
        return (
            sum(weights[party] for party in parties) * rule.denominator
            > rule.numerator * sum(weights.values())
            and len(parties) >= rule.approvals
            and all(role in has for role in rule.roles)
        )

    def could_be_met(self) -> bool:
        return all(self.met(rule, list(self.tables[150])) for rule in self.tables[151].values())

    def in_favour(self, motion_id: bytes) -> list[bytes]:
        found = []
        for party in sorted(self.tables[150]):
            given = self.tables[153].get(motion_id + party)
            if given and self.is_active(party) and self.rotations(given.signers) == given.rotations:
                found.append(party)
        return found

    def rotations(self, signers: tuple[bytes, ...]) -> int:
        return sum(self.tables[21][one].rotations for one in signers if one in self.tables[21])

    def is_carried(self, motion: Any, parties: list[bytes]) -> bool:
        return all(self.met(self.rule(tag), parties) for tag in motion.message_tags)

    def authorise_members(self, ask: Any, action: Action) -> None:
        fine = 0 < len(ask.parties) <= 64 and len(set(ask.parties)) == len(ask.parties)
        demand(fine, Reject.PARTIES_ARE_NOT_IN_RANGE)
        for party in ask.parties:
            self.authorise(action, party, ask)
            demand(party in self.tables[150], Reject.PARTY_IS_NO_MEMBER)

    def messages_of(self, content: bytes) -> Any:
        try:
            found = self.decode_motion(content)
        except (msgspec.MsgspecError, ValueError):
            return None
        return found if encode(found) == content else None

    def ProposeMotion(self, ask: Any, action: Action) -> None:
        self.authorise_members(ask, action)
        demand(len(ask.content) <= 65_536, Reject.CONTENT_IS_TOO_LARGE)
        messages = self.messages_of(ask.content)
        demand(messages is not None, Reject.CONTENT_IS_MALFORMED)
        demand(0 < len(messages) <= 100, Reject.MESSAGES_ARE_NOT_IN_RANGE)
        demand(all(tag_of(one) in MOVABLE for one in messages), Reject.MESSAGE_CANNOT_BE_MOVED)
        demand(ask.expires_ms > self.time_ms, Reject.EXPIRY_IS_PAST)
        demand(ask.expires_ms <= self.time_ms + 90 * DAY_MS, Reject.EXPIRY_IS_TOO_FAR)
        mine = [one for one in self.tables[152].values() if one.proposer == ask.parties[0]]
        demand(len(mine) < 20, Reject.TOO_MANY_OPEN_MOTIONS)
        identity = action.new_id()
        self.tables[152][identity] = Item(
            content=ask.content,
            message_tags=tuple(map(tag_of, messages)),
            proposer=ask.parties[0],
            height=self.height,
            time_ms=self.time_ms,
            expires_ms=ask.expires_ms,
        )
        self.approve_motion(identity, ask.parties, action)

    def ApproveMotion(self, ask: Any, action: Action) -> None:
        motion = self.tables[152].get(ask.motion_id)
        demand(motion is not None, Reject.MOTION_NOT_FOUND)
        assert motion is not None
        demand(motion.expires_ms > self.time_ms, Reject.MOTION_HAS_EXPIRED)
        self.authorise_members(ask, action)
        before = self.in_favour(ask.motion_id)
        new = set(ask.parties) - set(before)
        demand(new or self.is_carried(motion, before), Reject.MEMBER_HAS_APPROVED)
        self.approve_motion(ask.motion_id, ask.parties, action)

    def approve_motion(self, motion_id: bytes, parties: tuple[bytes, ...], action: Action) -> None:
        before = self.in_favour(motion_id)
        for party in parties:
            if party not in before:
                speaks = [self.tables[20][party].signer]
                speaks += [key[20:] for key in self.tables[22] if key[:20] == party]
                signers = tuple(one for one in action.signers if one in speaks)
                self.tables[153][motion_id + party] = Item(
                    height=self.height,
                    time_ms=self.time_ms,
                    signers=signers,
                    rotations=self.rotations(signers),
                )
        motion = self.tables[152][motion_id]
        if self.is_carried(motion, self.in_favour(motion_id)):
            self.end_motion(motion_id)
            messages = self.messages_of(motion.content)
            for index, message in enumerate(messages):
                inner = Action(motion_id, index, ())
                inner.by_consortium = True
                self.run(message, inner)
                action.created += inner.created
                action.credited += inner.credited
            self.carried += [type(message) for message in messages]
        self.list_lapses()

    def list_lapses(self) -> None:
        self.tables[154] = {
            time_key(one.expires_ms) + key: Item(proposer=one.proposer)
            for key, one in self.tables[152].items()
        }

    def end_motion(self, motion_id: bytes) -> None:
        del self.tables[152][motion_id]
        for key in [key for key in self.tables[153] if key[:32] == motion_id]:
            del self.tables[153][key]
        self.list_lapses()

    def WithdrawApproval(self, ask: Any, action: Action) -> None:
        demand(ask.motion_id in self.tables[152], Reject.MOTION_NOT_FOUND)
        self.authorise(action, ask.party, ask)
        demand(ask.motion_id + ask.party in self.tables[153], Reject.APPROVAL_NOT_FOUND)
        del self.tables[153][ask.motion_id + ask.party]
        if not any(key[:32] == ask.motion_id for key in self.tables[153]):
            self.end_motion(ask.motion_id)

    def lapse_motions(self) -> None:
        for key in sorted(self.tables[154]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda _, key=key: self.end_motion(key[8:]))

    def SetWeight(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        known = ask.party in self.tables[150]
        fine = 0 <= ask.weight <= 10**9 or (ask.weight == -1 and known)
        demand(fine, Reject.WEIGHT_IS_NOT_IN_RANGE)
        if ask.weight >= 0:
            self.in_business(ask.party, winding_down=False)
        demand(known or len(self.tables[150]) < 64, Reject.TOO_MANY_MEMBERS)
        if ask.weight >= 0:
            self.tables[150][ask.party] = Item(weight=ask.weight)
        else:
            del self.tables[150][ask.party]
            for key in [key for key in self.tables[153] if key[32:] == ask.party]:
                del self.tables[153][key]
        demand(self.could_be_met(), Reject.RULE_COULD_NEVER_BE_MET)

    def SetDecisionRule(self, ask: Any, action: Action) -> None:
        demand(action.by_consortium, PartiesReject.CONSORTIUM_DECIDES)
        demand(ask.message in MOVABLE | {0}, Reject.MESSAGE_IS_NOT_DECIDED_HERE)
        key = ask.message.to_bytes(4, "big")
        if ask.denominator == 0 and ask.message:
            self.tables[151].pop(key, None)
        else:
            fine = 0 <= ask.numerator < ask.denominator <= 1_000 and 1 <= ask.approvals <= 64
            demand(fine and ascending(ask.roles), Reject.RULE_IS_NOT_IN_RANGE)
            self.tables[151][key] = Item(
                numerator=ask.numerator,
                denominator=ask.denominator,
                approvals=ask.approvals,
                roles=ask.roles,
            )
        demand(self.could_be_met(), Reject.RULE_COULD_NEVER_BE_MET)


class ValidatorsModel(ConsortiumModel):
    """Tables 160 validators, 161 sets, 162 keys, 163 misbehaviours."""

    chain_id = ""

    def set_at(self, height: int) -> tuple[SetEntry, ...]:
        begun = [key for key in self.tables[161] if int.from_bytes(key, "big") <= height]
        found: tuple[SetEntry, ...] = self.tables[161][max(begun)].entries if begun else ()
        return found

    def put_set_in_force(self) -> None:
        with_power = [(party, one) for party, one in self.tables[160].items() if one.power]
        demand(with_power, ValidatorsReject.NOBODY_WOULD_BE_LEFT)
        with_power.sort(key=lambda pair: (-pair[1].power, address_of_key(pair[1].key)))
        entries = tuple(SetEntry(party, one.key, one.power) for party, one in with_power)
        if entries != self.set_at(self.height + 2):
            self.tables[161][time_key(self.height + 2)] = Item(entries=entries)

    def take_key(self, ask: Any) -> None:
        party, key = ask.party, ask.key
        demand(check_key(key), ValidatorsReject.KEY_IS_NOT_GOOD)
        address = address_of_key(key)
        demand(address not in self.tables[162], ValidatorsReject.KEY_WAS_IN_USE)
        parts = (self.chain_id.encode(), party, key)
        signed = b"\x05k" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        demand(verify(key, signed, ask.possession), ValidatorsReject.KEY_IS_NOT_POSSESSED)
        self.tables[162][address] = Item(party=party, key=key, height=self.height)

    def check_power(self, power: int) -> None:
        demand(1 <= power <= 10**9, ValidatorsReject.POWER_IS_NOT_IN_RANGE)

    def validator(self, party: bytes) -> Any:
        demand(party in self.tables[160], ValidatorsReject.PARTY_IS_NO_VALIDATOR)
        return self.tables[160][party]

    def admit_validator(self, ask: Any) -> None:
        self.check_power(ask.power)
        self.take_key(ask)
        self.tables[160][ask.party] = Item(
            key=ask.key, power=ask.power, status=ACTIVE, since_height=self.height, rotated_ms=0
        )
        self.put_set_in_force()

    def AddValidator(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.in_business(ask.party, winding_down=False)
        demand(ask.party not in self.tables[160], ValidatorsReject.PARTY_IS_A_VALIDATOR)
        demand(len(self.tables[160]) < 100, ValidatorsReject.TOO_MANY_VALIDATORS)
        self.admit_validator(ask)

    def RemoveValidator(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.validator(ask.party)
        del self.tables[160][ask.party]
        self.put_set_in_force()

    def SetVotingPower(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        found = self.validator(ask.party)
        demand(found.status is ACTIVE, ValidatorsReject.VALIDATOR_IS_SUSPENDED)
        self.check_power(ask.power)
        found.power = ask.power
        self.put_set_in_force()

    def RotateConsensusKey(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        found = self.validator(ask.party)
        demand(found.status is ACTIVE, ValidatorsReject.VALIDATOR_IS_SUSPENDED)
        if not action.by_consortium:
            late = not found.rotated_ms or self.time_ms >= found.rotated_ms + 3_600_000
            demand(late, ValidatorsReject.KEY_WAS_ROTATED_JUST_NOW)
        self.take_key(ask)
        found.key = ask.key
        found.rotated_ms = found.rotated_ms if action.by_consortium else self.time_ms
        self.put_set_in_force()

    def ReadmitValidator(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.in_business(ask.party, winding_down=False)
        found = self.validator(ask.party)
        demand(found.status is SUSPENDED, ValidatorsReject.VALIDATOR_IS_NOT_SUSPENDED)
        self.admit_validator(ask)

    def report(self, found: Any) -> None:
        key = self.tables[162].get(found.address)
        identity = time_key(found.height) + found.address + bytes((found.kind,))
        if key is None or identity in self.tables[163]:
            return
        one = self.tables[160].get(key.party)
        others = [party for party, other in self.tables[160].items() if other.power and party != key.party]
        guilty = bool(one and one.status is ACTIVE and found.height >= one.since_height and others)
        if one and guilty:
            one.power, one.status = 0, SUSPENDED
            self.put_set_in_force()
        self.tables[163][identity] = Item(
            party=key.party,
            time_ms=found.time_ms,
            total_power=found.total_power,
            reported_height=self.height,
            suspended=guilty,
        )


class FeedsModel(ValidatorsModel):
    """Tables 170 feeds, 171 values, 172 observations."""

    def DefineFeed(self, ask: Any, action: Action) -> None:
        demand(action.by_consortium, PartiesReject.CONSORTIUM_DECIDES)
        good = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/"
        named = 0 < len(ask.name) <= 20 and all(one in good for one in ask.name)
        demand(named, FeedsReject.NAME_IS_NOT_GOOD)
        unit = 0 < len(ask.unit) <= 20 and ask.unit == ask.unit.strip(" ")
        unit = unit and not any(ord(c) < 32 or 127 <= ord(c) <= 159 for c in ask.unit)
        demand(unit and 0 <= ask.scale <= 18, FeedsReject.UNIT_IS_NOT_GOOD)
        key = ask.name.encode().ljust(20, b"\0")
        known = self.tables[170].get(key)
        same = known is None or (known.unit, known.scale) == (ask.unit, ask.scale)
        demand(same, FeedsReject.UNIT_CANNOT_CHANGE)
        fine = (
            len(ask.observers) <= 100 and ascending(ask.observers) and all(map(self.is_active, ask.observers))
        )
        demand(fine, FeedsReject.OBSERVERS_ARE_NOT_IN_RANGE)
        demand(3 <= ask.quorum <= (len(ask.observers) or 100), FeedsReject.QUORUM_IS_NOT_IN_RANGE)
        times = (ask.age_max_ms, ask.interval_ms, ask.stale_after_ms)
        fine = all(0 < one <= 366 * DAY_MS for one in times) and max(times) == ask.stale_after_ms
        demand(fine, FeedsReject.TIMES_ARE_NOT_IN_RANGE)
        fine = 0 <= ask.deviation_bps <= 10**6 and 0 <= ask.deviation_units <= 2**62
        fine = fine and (ask.deviation_bps or ask.deviation_units)
        demand(fine, FeedsReject.DEVIATION_IS_NOT_IN_RANGE)
        demand(known or len(self.tables[170]) < 200, FeedsReject.TOO_MANY_FEEDS)
        self.forget(key)
        names = ("unit", "scale", "observers", "quorum", "age_max_ms", "interval_ms", "stale_after_ms")
        names += ("deviation_bps", "deviation_units")
        self.tables[170][key] = Item(**{name: getattr(ask, name) for name in names})

    def EndFeed(self, ask: Any, action: Action) -> None:
        demand(action.by_consortium, PartiesReject.CONSORTIUM_DECIDES)
        key, _ = self.feed(ask.name)
        self.forget(key)
        del self.tables[170][key]
        self.tables[171].pop(key, None)

    def feed(self, name: str) -> tuple[bytes, Any]:
        key = name.encode("utf-8", "replace").ljust(20, b"\0")
        found = self.tables[170].get(key) if 0 < len(name) <= 20 and "\0" not in name else None
        demand(found is not None, FeedsReject.FEED_NOT_FOUND)
        return key, found

    def forget(self, key: bytes) -> None:
        for one in [one for one in self.tables[172] if one[:20] == key]:
            del self.tables[172][one]

    def Observe(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.make_value(self.observed(ask.party, ask))

    def observers(self, feed: Any) -> list[bytes]:
        return list(feed.observers) or [entry.party for entry in self.set_at(self.height)]

    def observed(self, party: bytes, ask: Any) -> bytes:
        key, feed = self.feed(ask.name)
        demand(party in self.observers(feed), FeedsReject.PARTY_DOES_NOT_OBSERVE)
        demand(-(2**62) <= ask.value <= 2**62, FeedsReject.VALUE_IS_NOT_IN_RANGE)
        demand(ask.observed_ms >= self.time_ms - feed.age_max_ms, FeedsReject.OBSERVATION_IS_TOO_OLD)
        demand(ask.observed_ms <= self.time_ms + 5_000, FeedsReject.OBSERVATION_IS_AHEAD)
        waiting = self.tables[172].get(key + party)
        newer = waiting is None or ask.observed_ms > waiting.observed_ms
        demand(newer, FeedsReject.OBSERVATION_IS_NOT_NEWER)
        last = self.tables[171].get(key)
        due = last is None or self.time_ms - last.time_ms >= feed.interval_ms
        demand(due, FeedsReject.NO_VALUE_IS_DUE)
        self.tables[172][key + party] = Item(value=ask.value, observed_ms=ask.observed_ms)
        return key

    def make_value(self, key: bytes) -> None:
        feed, observers = self.tables[170][key], self.observers(self.tables[170][key])
        waiting = [self.tables[172].get(key + one) for one in observers if self.is_active(one)]
        counted = [one for one in waiting if one and self.time_ms - one.observed_ms <= feed.age_max_ms]
        if len(counted) < feed.quorum or 2 * len(counted) <= len(observers):
            return
        middle = (len(counted) - 1) // 2
        value = sorted(one.value for one in counted)[middle]
        observed_ms = sorted(one.observed_ms for one in counted)[middle]
        self.forget(key)
        last = self.tables[171].get(key)
        if last and self.time_ms - last.observed_ms <= feed.stale_after_ms:
            permitted = max(feed.deviation_units, abs(last.value) * feed.deviation_bps // 10_000)
            if not -permitted <= value - last.value <= permitted:
                return
        self.tables[171][key] = Item(
            value=value,
            observed_ms=observed_ms,
            observers=len(counted),
            height=self.height,
            time_ms=self.time_ms,
        )

    def take_in(self, observed: Any) -> None:
        """observed: (party, what it saw) in the order of the commit."""
        concerned: dict[bytes, None] = {}
        for party, seen in observed:
            party_record = self.tables[20].get(party)
            if (
                party_record is None
                or party_record.status is not PartyStatus.ACTIVE
                or not self.is_active(party)
            ):
                continue
            for one in seen:
                try:
                    concerned[self.observed(party, one)] = None
                except No:
                    continue
        for key in concerned:
            self.make_value(key)
