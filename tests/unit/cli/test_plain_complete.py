"""Every number that the ledger tells is either scaled, or named here as what it is: no new field can be forgotten."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from counterfoil.cli.describe import fact_line
from counterfoil.cli.plain import (
    AMOUNTS,
    COUNTS,
    DATE_SUFFIXES,
    DATES,
    MONEY,
    PARTS,
    SCALED_BY,
    VALUES,
    Scales,
    plain,
)
from counterfoil.machine.wiring import MESSAGES, MODULES, TABLES
from counterfoil.node import reads
from counterfoil.node.reads_accounts import Label
from counterfoil.node.reads_base import Read
from counterfoil.node.streams import StreamItem
from counterfoil.node.told import MEASURED_BY_THEIR_OBJECT, Measured, own_objects
from counterfoil.primitives.codec import Fact
from tests.unit.cli.dummies import filled

HEIGHTS = {
    *(
        "accepted_height",
        "closed_height",
        "ended_height",
        "from_height",
        "granted_height",
        "height",
        "matched_height",
    ),
    *("next_height", "opened_height", "recorded_height", "reported_height", "since_height"),
}
BUSINESS_DATES = {"accepted_from", "accepted_until", "idle_since", "rulebook_from"}
"""Dates (yyyymmdd) under other names."""
HOW_MANY = {
    *(
        "accounts",
        "acts",
        "all_weight",
        "applications",
        "approvals",
        "below",
        "blocks",
        "change_count",
        "chunks",
    ),
    *(
        "count",
        "entries",
        "four_eyes",
        "grants",
        "holders",
        "holdings",
        "legs",
        "loaded",
        "made_by",
        "observers",
    ),
    *("open", "power", "quorum", "receipt_count", "records", "recovery_threshold", "rotations", "slot_count"),
    *("threshold", "total_power", "waiting", "weight"),
}
WHICH = {
    *(
        "after",
        "counter",
        "entry",
        "epoch",
        "free_head",
        "key_version",
        "known_versions",
        "latest_version",
        "message",
    ),
    *(
        "message_tags",
        "message_types",
        "next",
        "number",
        "part",
        "place",
        "rule_version",
        "terms_version",
        "version",
    ),
}
"""Numbers of something."""
RULES = {
    *(
        "closes_minute",
        "cut_off_dvp_minute",
        "cut_off_fop_minute",
        "denominator",
        "deviation_bps",
        "numerator",
    ),
    *("opens_minute", "recycling_days", "settlement_cycle_days", "transitions", "weekend"),
}
DECIMALS = {"scale", *SCALED_BY.values()}
OF_WHATEVER = {"amount_limit", "amount_tolerance", "partial_minimum", "least"}
"""Amounts of whatever instrument they will be held against: units of 10^-scale of that, as their records say."""
NO_AMOUNTS = HEIGHTS | BUSINESS_DATES | HOW_MANY | WHICH | RULES | DECIMALS | OF_WHATEVER

FACTS: tuple[type[Fact], ...] = tuple(kind for module in MODULES for kind in module.facts)
INSTRUMENT, TOKEN = bytes([1]) * 20, bytes([2]) * 20
LABELS = {
    INSTRUMENT: Label(INSTRUMENT, "XS0000000009", "Bond", "BOND", "EUR", 3),
    TOKEN: Label(TOKEN, "", "Euro", "MONEY_TOKEN", "EUR", 2),
}
NUMBER = 1_234_567


def numbers_of(kind: type) -> list[str]:
    """Names of a structure's fields that hold whole numbers."""

    def holds(hint: Any) -> bool:
        return hint is int or any(holds(part) for part in get_args(hint))

    return [name for name, hint in get_type_hints(kind).items() if holds(hint) and not is_enum(hint)]


def is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and hint is not int and issubclass(hint, int)


@cache
def structures() -> tuple[type, ...]:
    """All that is told: facts, messages, records and answers, with what is inside them."""
    found: dict[type, None] = {}

    def walk(hint: Any) -> None:
        for part in get_args(hint):
            walk(part)
        kind = get_origin(hint) or hint
        told = isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or hasattr(kind, "_fields"))
        if told and kind not in found:
            found[kind] = None
            for inner in get_type_hints(kind).values():
                walk(inner)

    answers = (read.answer for read in vars(reads).values() if isinstance(read, Read))
    for kind in (*FACTS, *MESSAGES, *(table.record for table in TABLES), *answers, StreamItem):
        walk(kind)
    return tuple(found)


def is_amount(kind: type, name: str) -> bool:
    return name in AMOUNTS | MONEY and (kind.__name__, name) not in COUNTS


@pytest.mark.parametrize("kind", structures(), ids=lambda kind: kind.__name__)
def test_every_number_is_an_amount_or_named_as_something_else(kind: type) -> None:
    for name in numbers_of(kind):
        moment = name.endswith("_ms")
        date = name in DATES or name.endswith(DATE_SUFFIXES)
        amount = name in AMOUNTS | MONEY | VALUES | set(SCALED_BY)
        named = name in NO_AMOUNTS or (kind.__name__, name) in COUNTS
        assert moment + date + (amount and not named) + (named and not moment) == 1, (
            f"{kind.__name__}.{name}: enter it in cli/plain.py where it is an amount, else in {__name__}"
        )


def test_nothing_is_named_that_is_not_there() -> None:
    there = {name for kind in structures() for name in numbers_of(kind)}
    assert not NO_AMOUNTS - there
    pairs = {(kind.__name__, name) for kind in structures() for name in numbers_of(kind)}
    assert not COUNTS - pairs


# ---- every fact, as JSON and for people ----


def facts_with_amounts() -> list[type[Fact]]:
    return [kind for kind in FACTS if any(is_amount(kind, name) for name in numbers_of(kind))]


@pytest.mark.parametrize("kind", facts_with_amounts(), ids=lambda kind: kind.__name__)
def test_amounts_of_every_fact_have_the_decimals_of_their_instrument(kind: type[Fact]) -> None:
    """In JSON and in words; where the fact names no instrument, by the object that it is about."""
    fact = filled(kind, NUMBER, is_amount, instrument_id=INSTRUMENT, instrument=INSTRUMENT, asset=TOKEN)
    names_it = hasattr(fact, "instrument_id")
    assert names_it is not isinstance(fact, MEASURED_BY_THEIR_OBJECT)
    measured = [Measured(one, INSTRUMENT, TOKEN) for one in ([] if names_it else own_objects(fact))]
    scales = Scales(LABELS, measured)
    shown = plain(fact, scales)
    for name in numbers_of(kind):
        if is_amount(kind, name):
            in_money = name in MONEY and (not names_it or hasattr(fact, "asset"))
            assert shown[name] == ("12345.67" if in_money else "1234.567"), name
    line = fact_line(fact, scales, {})
    assert str(NUMBER) not in line
    assert "1234.567" in line or "1,234.567" in line
    assert PARTS not in line
    assert PARTS in fact_line(fact, Scales(), {}), "without a scale it says what it counts"


def test_values_of_feeds_have_the_decimals_of_their_feed() -> None:
    for kind in FACTS:
        if "value" in numbers_of(kind):
            fact = filled(kind, NUMBER, lambda _, name: name == "value", name="EURUSD")
            assert plain(fact, Scales(feeds={"EURUSD": 4}))["value"] == "123.4567", kind
