"""Whatever a message of parties or markets says, the answer is an acceptance or a numbered reject, never a crash."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.modules import markets, parties
from counterfoil.modules.markets.interface import (
    CalendarKind,
    DaySchedule,
    MatchingField,
    RegistrationApprover,
    Rulebook,
)
from counterfoil.modules.parties.interface import Duty, Role
from counterfoil.primitives.calendars import Calendar, UtcOffsets
from counterfoil.primitives.codec import Decoder, Message, encode
from counterfoil.primitives.signatures import KeyPolicy
from tests.unit.markets.world import (
    FRIDAY,
    HOLIDAY,
    MARKET,
    MONDAY,
    SCHEDULED,
    TUESDAY,
    WEDNESDAY,
    MarketWorld,
)
from tests.unit.parties.world import LEI, TREE, by, key_of, party

NAMES = sorted(TREE)
SIGNERS = [*NAMES, *(f"{name} {what}" for name in NAMES for what in ("maker", "checker"))]

integers = st.one_of(
    st.sampled_from(
        [0, 1, -1, FRIDAY, MONDAY, TUESDAY, WEDNESDAY, HOLIDAY, 900, 230, 2**63 - 1, 2**63, 2**64 - 1]
    ),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(0, 1_500),
)
ids = st.one_of(
    st.sampled_from([party(name) for name in NAMES] + [by(name) for name in SIGNERS]),
    st.sampled_from([b"", bytes(20), bytes(21)]),
    st.binary(max_size=600),
)
texts = st.one_of(st.sampled_from(["", MARKET, "broker", "USD", "XXXX", LEI, "why"]), st.text(max_size=300))
keys = st.one_of(st.sampled_from([key_of(name).public_key for name in NAMES]), st.binary(max_size=40))


def tuples(values: st.SearchStrategy[Any], most: int = 5) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=most).flatmap(
        lambda found: st.sampled_from([tuple(found), tuple(sorted(set(found)))])
    )


policies = st.builds(KeyPolicy, integers, tuples(keys))
calendars = st.builds(Calendar, st.one_of(st.integers(0, 127), integers), tuples(integers), tuples(integers))
optional_minutes = st.one_of(st.none(), st.integers(-2_000, 3_000), integers)
rulebooks = st.one_of(
    st.just(SCHEDULED),
    st.builds(
        Rulebook,
        integers,
        texts,
        st.builds(UtcOffsets, tuples(st.tuples(integers, integers))),
        st.builds(DaySchedule, optional_minutes, optional_minutes),
        integers,
        tuples(st.sampled_from(MatchingField)),
        integers,
        tuples(st.sampled_from(RegistrationApprover)),
        st.booleans(),
        integers,
        integers,
        integers,
        integers,
    ),
)

BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "bytes": ids,
    "str": texts,
    "int": integers,
    "bool": st.booleans(),
    "tuple[Role, ...]": tuples(st.sampled_from(Role)),
    "tuple[int, ...]": tuples(integers),
    "tuple[bytes, ...]": tuples(ids),
    "Duty": st.sampled_from(Duty),
    "KeyPolicy": policies,
    "Rulebook": rulebooks,
    "Calendar": calendars,
    "CalendarKind": st.sampled_from(CalendarKind),
}

messages: st.SearchStrategy[Message] = st.sampled_from(
    [*parties.MODULE.rules, *markets.MODULE.rules]
).flatmap(
    lambda kind: st.builds(kind, **{name: BY_TYPE[hint] for name, hint in kind.__annotations__.items()})
)


@given(st.lists(st.tuples(messages, st.lists(st.sampled_from(SIGNERS), max_size=4)), max_size=30))
def test_every_message_is_accepted_or_refused(asked: list[tuple[Message, list[str]]]) -> None:
    world = MarketWorld(SCHEDULED)
    for message, signers in asked:
        assert Decoder(type(message)).exact(encode(message)) == message
        world.refused(message, *signers)
    world.end_block()
    world.time_ms += 3 * 86_400_000
    world.end_block()
    world.deadlines(limit=20)
    world.end_block()
