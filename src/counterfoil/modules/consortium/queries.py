"""Reads about the consortium, as of now or of the end of any past block."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.consortium.records import (
    ANY_MESSAGE,
    DECISION_RULES,
    MEMBERS,
    MOTION_APPROVALS,
    MOTION_ID_SIZE,
    MOTION_LAPSES,
    MOTIONS,
    DecisionRule,
    Motion,
    MotionApproval,
    rule_key,
)
from counterfoil.state.state import State
from counterfoil.state.tables import R, Table


class MotionView(NamedTuple):
    """approvals: (member, when) of all that were given and not withdrawn, whether or not they still count."""

    motion_id: bytes
    motion: Motion
    approvals: tuple[tuple[bytes, MotionApproval], ...]


def members(state: State, height: int | None = None) -> tuple[tuple[bytes, int], ...]:
    """(party, weight) of every member, in the order of parties."""
    found = ((party, _find(state, MEMBERS, party, height)) for party in state.keys(MEMBERS))
    return tuple((party, member.weight) for party, member in found if member is not None)


def rules(state: State, height: int | None = None) -> tuple[tuple[int, DecisionRule], ...]:
    """(message number, rule), the one for all other messages first, under 0."""
    found = ((key, _find(state, DECISION_RULES, key, height)) for key in state.keys(DECISION_RULES))
    return tuple((int.from_bytes(key, "big"), rule) for key, rule in found if rule is not None)


def rule_for(state: State, message_tag: int, height: int | None = None) -> DecisionRule | None:
    """The rule in force for a message; None on a ledger that was founded without a consortium's rules."""
    own = _find(state, DECISION_RULES, rule_key(message_tag), height)
    return own or _find(state, DECISION_RULES, rule_key(ANY_MESSAGE), height)


def motion(state: State, motion_id: bytes, height: int | None = None) -> MotionView | None:
    """A motion that is open now (or was at the end of block `height`), or None."""
    found = _find(state, MOTIONS, motion_id, height) if len(motion_id) == MOTION_ID_SIZE else None
    if found is None:
        return None
    given = (
        (party, _find(state, MOTION_APPROVALS, motion_id + party, height)) for party in state.keys(MEMBERS)
    )
    approvals = tuple((party, approval) for party, approval in given if approval is not None)
    return MotionView(motion_id, found, approvals)


def open_motions(state: State) -> list[MotionView]:
    """Motions that are open now, the one that lapses first at the head."""
    views = (motion(state, key[8:]) for key, _ in state.books.shelf(MOTION_LAPSES).scan())
    return [view for view in views if view is not None]


def _find(state: State, table: Table[R], key: bytes, height: int | None) -> R | None:
    return state.find(table, key) if height is None else state.find_at(table, key, height)
