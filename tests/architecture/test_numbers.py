"""Numbers of rejects, messages, facts, tables, lists: unique, in range, explained, tested, and never changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.catalogue import (
    REJECT_RANGES,
    TABLE_RANGES,
    facts,
    import_everything,
    messages,
    numbers,
    recorded,
    rejects,
    room_of,
    tables,
)

TESTS = Path(__file__).resolve().parents[1]

GOLDEN_LISTS = [f"{kind}_numbers.txt" for kind in ("reject", "message", "fact", "table", "list")]


def test_every_file_can_be_imported() -> None:
    failed = import_everything()
    assert not failed, "\n".join(f"{name}: {error!r}" for name, error in failed.items())


@pytest.mark.parametrize("file_name", GOLDEN_LISTS)
def test_numbers_are_unique(file_name: str) -> None:
    by_number: dict[int, str] = {}
    for number, name in numbers()[file_name]:
        assert number not in by_number, f"{number} is both {by_number[number]} and {name}"
        by_number[number] = name


@pytest.mark.parametrize("file_name", GOLDEN_LISTS)
def test_published_numbers_never_change(file_name: str) -> None:
    declared = dict(numbers()[file_name])
    changed = [
        f"{number} was {name}, is {declared.get(number, 'gone')}"
        for number, name in recorded(file_name)
        if declared.get(number) != name
    ]
    assert not changed, "\n".join(changed)
    known = {number for number, _ in recorded(file_name)}
    new = [f"{number} {name}" for number, name in declared.items() if number not in known]
    assert not new, "not recorded yet, run `make numbers`:\n" + "\n".join(new)


def test_rejects_are_in_their_rooms_range() -> None:
    outside = [
        f"{code.number} {type(code).__name__}.{code.name} of {room_of(type(code))}"
        for code in rejects()
        if code.number not in REJECT_RANGES.get(room_of(type(code)), ())
    ]
    assert not outside, "\n".join(outside)


def test_messages_and_facts_are_in_their_modules_range() -> None:
    outside = [
        f"{number} {kind.__name__} of {room_of(kind)}"
        for number, kind in [*messages(), *facts()]
        if number * 10 not in REJECT_RANGES.get(room_of(kind), ())
    ]
    assert not outside, "\n".join(outside)


def test_tables_are_in_their_modules_range() -> None:
    outside = [
        f"{table.number} {table.name} of {room}"
        for room, table in tables()
        if table.number not in TABLE_RANGES.get(room, ())
    ]
    assert not outside, "\n".join(outside)


def test_rejects_are_explained() -> None:
    poor = [
        f"{code.number} {type(code).__name__}.{code.name}: {text!r}"
        for code in rejects()
        for text in (code.explanation, code.resolution)
        if not text[:1].isupper() or not text.endswith(".") or text != text.strip() or len(text) < 10
    ]
    assert not poor, "explanation and resolution are sentences:\n" + "\n".join(poor)


def test_messages_and_facts_are_described() -> None:
    bare = [f"{kind.__module__}.{kind.__name__}" for _, kind in [*messages(), *facts()] if not kind.__doc__]
    assert not bare, "no docstring:\n" + "\n".join(bare)


def test_every_reject_is_tested() -> None:
    here = Path(__file__).resolve().parent
    named: set[str] = set()
    for file in TESTS.rglob("*.py"):
        if here not in file.parents:
            named.update(re.findall(r"\b[A-Z]\w*\.[A-Z][A-Z0-9_]*\b", file.read_text()))
    untested = [
        f"{code.number} {type(code).__name__}.{code.name}"
        for code in rejects()
        if f"{type(code).__name__}.{code.name}" not in named
    ]
    assert not untested, f"{len(untested)} rejects that no test names:\n" + "\n".join(untested)
