"""The first members of the consortium and its first decision rules: what the genesis file says of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.deciding import could_be_met
from counterfoil.modules.consortium.records import (
    ANY_MESSAGE,
    MEMBERS_MAX,
    WEIGHT_MAX,
    DecisionRule,
    Member,
    rule_key,
)
from counterfoil.modules.consortium.rules import is_rule
from counterfoil.modules.parties.interface import MOVABLE, PERMISSIONS, RUNS_THE_LEDGER, Role

EVERY_MESSAGE = "every other"
"""In place of a message's name: the rule for all that have none of their own."""


class FoundingMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """party: the name of a founding party."""

    party: str
    weight: int = 1


class FoundingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it takes to carry a message: more than numerator / denominator of the weight, and so on.

    message: its name, such as "ScheduleUpgrade", or "every other". roles: their names in small letters.
    """

    message: str = EVERY_MESSAGE
    numerator: int = 2
    denominator: int = 3
    approvals: int = 1
    roles: tuple[str, ...] = ()


class ConsortiumGenesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The genesis file's section about the consortium.

    Where it names no members, they are the founding parties that are regulator, depository or operator, with a weight
    of 1 each. Where it names no rule for every other message, it takes more than two thirds of the weight.
    """

    members: tuple[FoundingMember, ...] = ()
    rules: tuple[FoundingRule, ...] = ()


def found(books: ConsortiumBooks, identities: Mapping[str, bytes], section: ConsortiumGenesis) -> None:
    """Put members and rules on the books. ValueError says what the file describes wrongly.

    identities: of the founding parties, by name.
    """
    members = section.members or tuple(
        FoundingMember(name)
        for name, party in identities.items()
        if books.parties.has_role(party, *RUNS_THE_LEDGER)
    )
    if len(members) > MEMBERS_MAX:
        raise ValueError(f"the consortium has at most {MEMBERS_MAX} members, not {len(members)}")
    for member in members:
        if member.party not in identities:
            raise ValueError(f"the member {member.party!r} of the consortium is no founding party")
        if not 0 <= member.weight <= WEIGHT_MAX:
            raise ValueError(f"the weight of {member.party!r} is not from 0 to {WEIGHT_MAX}")
        party = identities[member.party]
        if books.members.find(party) is not None:
            raise ValueError(f"the consortium names {member.party!r} twice")
        books.members.put(party, Member(member.weight))
    for rule in (FoundingRule(), *section.rules):
        books.decision_rules.put(rule_key(_tag_of(rule.message)), _record_of(rule))
    if members and not could_be_met(books):
        raise ValueError("a decision rule demands more than all members together could give")


def _tag_of(message: str) -> int:
    if message == EVERY_MESSAGE:
        return ANY_MESSAGE
    found = [tag for tag in MOVABLE if PERMISSIONS[tag].message == message]
    if not found:
        raise ValueError(f"{message!r} is no message on which the consortium decides")
    return found[0]


def _record_of(rule: FoundingRule) -> DecisionRule:
    known = {role.name.lower(): role for role in Role}
    unknown = [name for name in rule.roles if name not in known]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no role; the roles are {', '.join(known)}")
    roles = tuple(sorted(known[name] for name in rule.roles))
    if not is_rule(rule.numerator, rule.denominator, rule.approvals, roles):
        raise ValueError(f"the decision rule for {rule.message!r} is not between nothing and everything")
    return DecisionRule(rule.numerator, rule.denominator, rule.approvals, roles)
