"""What is always true of the consortium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.deciding import could_be_met
from counterfoil.modules.consortium.records import (
    ANY_MESSAGE,
    DECISION_RULES,
    MEMBERS,
    MOTION_APPROVALS,
    MOTION_ID_SIZE,
    MOTION_LAPSES,
    MOTIONS,
    Motion,
    lapse_key,
    rule_key,
)
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: ConsortiumBooks, changed: Changes) -> None:
    """Every rule can be met, each open motion lapses once, and each approval is a member's, of an open motion."""
    if MEMBERS.number in changed or DECISION_RULES.number in changed:
        _check_rules(books)
    for motion_id, (old, new) in changed.get(MOTIONS.number, {}).items():
        if new is not None:
            _check_open(books, motion_id, new)
        elif old is not None:
            ensure(books.lapses.find(lapse_key(old.expires_ms, motion_id)) is None, "an ended motion lapses")
    for key, (_, lapse) in changed.get(MOTION_LAPSES.number, {}).items():
        ensure(lapse is None or books.motions.find(key[8:]) is not None, "a lapse belongs to an open motion")
    for key, (_, approval) in changed.get(MOTION_APPROVALS.number, {}).items():
        if approval is not None:
            ensure(books.motions.find(key[:MOTION_ID_SIZE]) is not None, "an approval is of an open motion")
            ensure(books.members.find(key[MOTION_ID_SIZE:]) is not None, "an approval is a member's")


def check_all(books: ConsortiumBooks) -> None:
    """The same of all rules, and of every open motion, found by the moments at which they lapse."""
    _check_rules(books)
    for key, _ in list(books.lapses.scan()):
        motion = books.motions.find(key[8:])
        if motion is None:
            ensure(False, "a lapse belongs to an open motion")
            continue
        ensure(lapse_key(motion.expires_ms, key[8:]) == key, "a motion lapses when it expires")
        _check_open(books, key[8:], motion)


def _check_rules(books: ConsortiumBooks) -> None:
    if books.members.first() is not None:
        ensure(
            books.decision_rules.find(rule_key(ANY_MESSAGE)) is not None, "there is a rule for every message"
        )
        ensure(could_be_met(books), "all members together can decide everything")


def _check_open(books: ConsortiumBooks, motion_id: bytes, motion: Motion) -> None:
    lapse = books.lapses.find(lapse_key(motion.expires_ms, motion_id))
    ensure(lapse is not None and lapse.proposer == motion.proposer, "an open motion has its lapse")
    ensure(motion.message_tags, "a motion holds a message")
