"""Whether what is before the consortium is decided: whose approvals count, and what the rules demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.records import ANY_MESSAGE, DecisionRule, MotionApproval, rule_key
from counterfoil.modules.parties.interface import Role


def rule_of(books: ConsortiumBooks, message_tag: int) -> DecisionRule:
    """The rule in force for a message: its own, or the one for all others."""
    own = books.decision_rules.find(rule_key(message_tag))
    return own or cast(DecisionRule, books.decision_rules.find(rule_key(ANY_MESSAGE)))


def members(books: ConsortiumBooks) -> dict[bytes, int]:
    """Weight by party, in the order of parties."""
    return {party: member.weight for party, member in books.members.scan()}


def counts(books: ConsortiumBooks, party: bytes, approval: MotionApproval | None) -> bool:
    """Whether an approval counts now: the member is active, and the keys that gave it are still in force."""
    return (
        approval is not None
        and books.parties.is_active(party)
        and rotations_of(books, approval.signers) == approval.rotations
    )


def rotations_of(books: ConsortiumBooks, signers: Iterable[bytes]) -> int:
    """How often, in all, the keys of these addresses have been replaced."""
    return sum(books.parties.rotations(signer) for signer in signers)


def approving(books: ConsortiumBooks, motion_id: bytes) -> tuple[bytes, ...]:
    """The members whose approval of a motion counts now, in the order of parties."""
    return tuple(
        party
        for party, _ in books.members.scan()
        if counts(books, party, books.approvals.find(motion_id + party))
    )


def is_carried(books: ConsortiumBooks, message_tags: Iterable[int], in_favour: Iterable[bytes]) -> bool:
    """Whether these members are enough for each of the messages."""
    weights, parties = members(books), tuple(in_favour)
    return all(is_met(books, rule_of(books, tag), parties, weights) for tag in dict.fromkeys(message_tags))


def is_met(
    books: ConsortiumBooks, rule: DecisionRule, in_favour: tuple[bytes, ...], weights: dict[bytes, int]
) -> bool:
    weight = sum(weights[party] for party in in_favour)
    return (
        weight * rule.denominator > rule.numerator * sum(weights.values())
        and len(in_favour) >= rule.approvals
        and all(_has_one_with(books, role, in_favour) for role in rule.roles)
    )


def could_be_met(books: ConsortiumBooks) -> bool:
    """Whether all members together could carry every message: otherwise something could never be decided again."""
    weights = members(books)
    return all(is_met(books, rule, tuple(weights), weights) for _, rule in books.decision_rules.scan())


def indispensable(books: ConsortiumBooks, message_tag: int) -> tuple[bytes, ...]:
    """The members without whom a message cannot be carried even if all others approve it."""
    weights, rule = members(books), rule_of(books, message_tag)
    return tuple(
        absent
        for absent in weights
        if not is_met(books, rule, tuple(party for party in weights if party != absent), weights)
    )


def _has_one_with(books: ConsortiumBooks, role: Role, parties: Iterable[bytes]) -> bool:
    return any(books.parties.has_role(party, role) for party in parties)
