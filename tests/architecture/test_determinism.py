"""The deterministic rooms hold no floats, clocks, chance, disk, network, or order that differs between processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.determinism import findings

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src" / "counterfoil"

DETERMINISTIC_ROOMS = ("primitives", "state", "sealing", "verify", "modules", "policy", "machine")

ALLOWED: dict[tuple[str, str], str] = {}
"""(file below src/counterfoil, text of the finding) → why it cannot change a result. Keep it short."""


def breaches() -> list[tuple[str, int, str]]:
    return [
        (str(file.relative_to(SOURCE)), finding.line, finding.text)
        for room in DETERMINISTIC_ROOMS
        for file in sorted((SOURCE / room).rglob("*.py"))
        for finding in findings(file.read_text(), calendar=room == "primitives")
    ]


def test_deterministic_rooms_are_deterministic() -> None:
    found = [f"{file}:{line}: {text}" for file, line, text in breaches() if (file, text) not in ALLOWED]
    assert not found, "\n".join(found)


def test_every_allowance_is_needed_and_explained() -> None:
    used = {(file, text) for file, _line, text in breaches()}
    assert [entry for entry in ALLOWED if entry not in used] == []
    assert all(reason.endswith(".") for reason in ALLOWED.values())


BREACHES = [
    ("x = 1.5", "float"),
    ("def share(a, b):\n    return a / b", "float"),
    ("a /= 2", "float"),
    ("x = float('1')", "name"),
    ("import numpy as np\nx = np.float64(1)", "float"),
    ("import math\nx = math.sqrt(2)", "float"),
    ("from math import log", "float"),
    ("import time", "import"),
    ("from random import choice", "import"),
    ("import os.path", "import"),
    ("def now():\n    from secrets import token_bytes", "import"),
    ("from concurrent.futures import ThreadPoolExecutor", "import"),
    ("import datetime", "import"),
    ("from datetime import datetime", "import"),
    ("x = when.now()", "clock"),
    ("x = date.today()", "clock"),
    ("x = hash(b'a')", "name"),
    ("x = sorted(parts, key=id)", "name"),
    ("assert x", "assert"),
    ("for x in {1, 2}:\n    pass", "set"),
    ("y = [x for x in set(xs)]", "set"),
    ("y = list(frozenset(xs))", "set"),
    ("y = ','.join({str(x) for x in xs})", "set"),
    ("def f(keys: set[bytes]):\n    for key in keys:\n        yield key", "set"),
    ("def f(xs):\n    seen = set()\n    return tuple(seen)", "set"),
    ("def f(a, b):\n    return [k for k in a.keys() & b.keys()]", "set"),
    (
        "class A:\n    def __init__(self):\n        self.open = set()\n    def f(self):\n        return [*self.open]",
        "set",
    ),
    ("class A:\n    live: frozenset[int]\n    def f(self):\n        return {x: 1 for x in self.live}", "set"),
    ("KINDS = {1, 2}\ndef f():\n    for kind in KINDS:\n        pass", "set"),
    ("def f(xs: set[int]):\n    return xs.pop()", "set"),
]


@pytest.mark.parametrize(("source", "rule"), BREACHES)
def test_a_breach_is_found(source: str, rule: str) -> None:
    assert rule in {finding.rule for finding in findings(source)}


HARMLESS = [
    "x = 7 // 2",
    "import math\nx = math.isqrt(2)",
    "for x in sorted({1, 2}):\n    pass",
    "def f(keys: set[bytes]):\n    return sorted(key[1:] for key in keys)",
    "def f(keys: set[bytes]):\n    return len(keys), b'' in keys, any(key for key in keys)",
    "def f(keys: set[bytes]):\n    for key in sorted(keys):\n        yield key",
    "def f(xs):\n    return {x + 1 for x in {1, 2}}",
    "def f(xs: dict[int, int]):\n    for x in xs:\n        yield x",
    "KINDS = {1, 2}\ndef f(KINDS: tuple[int, ...]):\n    return list(KINDS)",
    "def f(xs: list[int]):\n    return xs.pop()",
    "def f(a: int, b: int):\n    return list(range(a | b))",
]


@pytest.mark.parametrize("source", HARMLESS)
def test_harmless_code_passes(source: str) -> None:
    assert findings(source) == []


def test_calendar_arithmetic_is_for_primitives() -> None:
    source = "from datetime import date, timedelta"
    assert findings(source)
    assert findings(source, calendar=True) == []
