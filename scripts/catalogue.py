"""Finds every numbered thing in the code: rejects, messages, facts, tables, lists. Tests and pages stand on it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import counterfoil
from counterfoil.primitives.codec import Fact, Message
from counterfoil.primitives.outcome import RejectCode
from counterfoil.state.tables import Table

PROJECT = Path(__file__).resolve().parent.parent
GOLDEN = PROJECT / "tests" / "architecture"

REJECT_RANGES: dict[str, range] = {
    "counterfoil.machine": range(1000, 1300),
    "counterfoil.node": range(1070, 1099),
    "counterfoil.custody": range(1300, 1400),
    "counterfoil.modules.governance": range(1400, 1500),
    "counterfoil.modules.approvals": range(1500, 2000),
    "counterfoil.modules.parties": range(2000, 3000),
    "counterfoil.modules.markets": range(3000, 4000),
    "counterfoil.modules.instruments": range(4000, 5000),
    "counterfoil.modules.holdings": range(5000, 6000),
    "counterfoil.modules.issuance": range(6000, 7000),
    "counterfoil.modules.cash": range(7000, 8000),
    "counterfoil.modules.trades": range(8000, 9000),
    "counterfoil.modules.settlement": range(9000, 10000),
    "counterfoil.modules.viewkeys": range(13000, 14000),
    "counterfoil.modules.grants": range(10000, 11000),
    "counterfoil.modules.identities": range(14000, 14900),
    "counterfoil.realnames": range(14900, 15000),
    "counterfoil.modules.certificates": range(18000, 19000),
    "counterfoil.modules.custodians": range(15000, 16000),
    "counterfoil.modules.consortium": range(19000, 20000),
    "counterfoil.modules.validators": range(16000, 17000),
    "counterfoil.modules.feeds": range(17000, 18000),
}
"""Which room owns which reject numbers. Messages and facts have the same ranges divided by ten."""

TABLE_RANGES: dict[str, range] = {
    "counterfoil.state": range(1, 10),
    "counterfoil.modules.governance": range(10, 16),
    "counterfoil.modules.approvals": range(16, 20),
    "counterfoil.modules.parties": range(20, 30),
    "counterfoil.modules.markets": range(30, 40),
    "counterfoil.modules.instruments": range(40, 50),
    "counterfoil.modules.holdings": range(50, 60),
    "counterfoil.modules.issuance": range(60, 70),
    "counterfoil.modules.cash": range(70, 80),
    "counterfoil.modules.trades": range(80, 90),
    "counterfoil.modules.settlement": range(90, 110),
    "counterfoil.modules.viewkeys": range(130, 140),
    "counterfoil.modules.identities": range(140, 150),
    "counterfoil.modules.certificates": range(180, 190),
    "counterfoil.modules.custodians": range(112, 114),
    "counterfoil.modules.consortium": range(150, 160),
    "counterfoil.modules.validators": range(160, 170),
    "counterfoil.modules.feeds": range(170, 180),
    "counterfoil.modules.grants": range(120, 126),
}
"""Which room owns which table numbers: the first byte of a record's key in every proof."""

Kind = TypeVar("Kind")


def import_everything() -> dict[str, Exception]:
    """Import every file of the package; what could not be imported, with its error."""
    failed: dict[str, Exception] = {}
    for found in pkgutil.walk_packages(counterfoil.__path__, "counterfoil.", onerror=lambda _name: None):
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except Exception as error:
            failed[found.name] = error
    return failed


def room_of(kind: type) -> str:
    """The room or module that declares a class: `counterfoil.machine`, `counterfoil.modules.cash`."""
    return room_of_file(kind.__module__)


def room_of_file(dotted_name: str) -> str:
    """The same for the dotted name of a file."""
    parts = dotted_name.split(".")
    return ".".join(parts[:3] if parts[1:2] == ["modules"] else parts[:2])


def _subclasses(base: type[Kind]) -> Iterator[type[Kind]]:
    for kind in base.__subclasses__():
        if kind.__module__.startswith("counterfoil."):
            yield kind
        yield from _subclasses(kind)


def rejects() -> list[RejectCode]:
    """Every declared reject, by number."""
    import_everything()
    return sorted((code for kind in _subclasses(RejectCode) for code in kind), key=lambda code: code.number)


def _numbered(base: type[object]) -> list[tuple[int, type]]:
    import_everything()
    found = []
    for kind in _subclasses(base):
        tag = kind.__struct_config__.tag  # type: ignore[attr-defined]
        if isinstance(tag, int) and not inspect.isabstract(kind):
            found.append((tag, kind))
    return sorted(found, key=lambda pair: (pair[0], pair[1].__module__, pair[1].__name__))


def messages() -> list[tuple[int, type]]:
    """Every message with its number."""
    return _numbered(Message)


def facts() -> list[tuple[int, type]]:
    """Every fact with its number."""
    return _numbered(Fact)


def tables() -> list[tuple[str, Table[Any]]]:
    """Every table of records, by number, with the room that declares its record."""
    import_everything()
    found: dict[int, Table[Any]] = {}
    for name, file in sorted(sys.modules.items()):
        if name.startswith("counterfoil."):
            found.update((id(value), value) for value in vars(file).values() if isinstance(value, Table))
    return [
        (room_of(table.record), table) for table in sorted(found.values(), key=lambda t: (t.number, t.name))
    ]


def numbers() -> dict[str, list[tuple[int, str]]]:
    """For each golden list, by file name: number and name of everything that is declared today."""
    return {
        "reject_numbers.txt": [(code.number, f"{type(code).__name__}.{code.name}") for code in rejects()],
        "message_numbers.txt": [(number, kind.__name__) for number, kind in messages()],
        "fact_numbers.txt": [(number, kind.__name__) for number, kind in facts()],
        "table_numbers.txt": [(table.number, table.name) for _, table in tables()],
        "list_numbers.txt": sorted((rule.number, rule.name) for _, table in tables() for rule in table.lists),
    }


def recorded(file_name: str) -> list[tuple[int, str]]:
    """The numbers and names in one golden list."""
    file = GOLDEN / file_name
    if not file.exists():
        return []
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return [(int(number), name) for number, name in (line.split(maxsplit=1) for line in lines)]
