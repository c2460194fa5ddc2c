"""Imports go one way, and a module is entered only by its doors."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src"

DOORS = {"interface", "messages", "facts", "rejects"}
"""What anybody outside a module may import of it."""

READING_DOORS = DOORS | {"queries", "records", "founding"}
"""What rooms that read, and write genesis files, may import too."""

READING_ROOMS = tuple(f"counterfoil.{room}" for room in ("policy", "node", "sdk", "demo", "cli"))

WIRING_DOORS = READING_DOORS | {"", "books"}
"""What the machine may import, which builds every module on its books and founds ledgers; "" is the package."""

WIRING_ROOMS = ("counterfoil.machine",)

VERIFY_MAY_IMPORT = (
    "counterfoil.verify",
    "counterfoil.primitives",
    *(
        f"counterfoil.state.{name}"
        for name in (
            "headers",
            "leaves",
            "light_blocks",
            "proof_files",
            "proof_formats",
            "proof_parts",
            "receipts",
            "tables",
            "tree",
        )
    ),
)
"""Of the state only what formats are made of: no store, no ledger."""


def dotted(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = SOURCE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, with the line, in function bodies and under TYPE_CHECKING too."""
    package = dotted(file).split(".")
    if file.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                deeper = f"{origin}.{alias.name}"
                yield node.lineno, deeper if is_module(deeper) else origin


def trespasses(importer: str, imported: str, source: Path = SOURCE) -> bool:
    """Whether `importer` reaches into a module of the market's rules past its doors."""
    parts = imported.split(".")
    if parts[:2] != ["counterfoil", "modules"] or len(parts) < 3:
        return False
    module = ".".join(parts[:3])
    path = source.joinpath(*parts[:3])
    if not path.is_dir() or (importer + ".").startswith(module + "."):
        return False
    if importer.startswith(WIRING_ROOMS):
        doors = WIRING_DOORS
    else:
        doors = READING_DOORS if importer.startswith(READING_ROOMS) else DOORS
    return (parts[3] if len(parts) > 3 else "") not in doors


def test_rooms_and_modules_import_one_way() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("Contracts") :] + done.stderr


def test_modules_are_entered_by_their_doors() -> None:
    found = [
        f"{file.relative_to(PROJECT)}:{line}: imports {imported}; its doors are {', '.join(sorted(DOORS))}"
        for file in sorted(SOURCE.rglob("*.py"))
        for line, imported in imports(file)
        if trespasses(dotted(file), imported)
    ]
    assert not found, "\n".join(found)


def test_the_verifier_stands_alone() -> None:
    found = [
        f"{file.relative_to(PROJECT)}:{line}: imports {imported}; verify may import primitives and the formats of state"
        for file in sorted((SOURCE / "counterfoil" / "verify").rglob("*.py"))
        for line, imported in imports(file)
        if not (
            imported.split(".")[0] in sys.stdlib_module_names
            or any((imported + ".").startswith(room + ".") for room in VERIFY_MAY_IMPORT)
        )
    ]
    assert not found, "\n".join(found)


def test_the_door_rule_sees_what_it_should(tmp_path: Path) -> None:
    (tmp_path / "counterfoil" / "modules" / "bonds").mkdir(parents=True)
    (tmp_path / "counterfoil" / "modules" / "context.py").touch()
    bonds = "counterfoil.modules.bonds"
    assert trespasses("counterfoil.cli.main", f"{bonds}.rules", tmp_path)
    assert trespasses("counterfoil.cli.main", bonds, tmp_path)
    assert trespasses("counterfoil.modules.bondsmen", f"{bonds}.records", tmp_path)
    assert not trespasses("counterfoil.modules.bondsmen", f"{bonds}.interface", tmp_path)
    assert not trespasses("counterfoil.machine.wiring", f"{bonds}.records", tmp_path)
    assert not trespasses("counterfoil.node.reads", f"{bonds}.queries", tmp_path)
    assert trespasses("counterfoil.node.reads", f"{bonds}.books", tmp_path)
    assert trespasses("counterfoil.gateways.files", f"{bonds}.records", tmp_path)
    assert trespasses("counterfoil.machine.wiring", f"{bonds}.rules", tmp_path)
    assert not trespasses(f"{bonds}.rules", f"{bonds}.records", tmp_path)
    assert not trespasses(f"{bonds}.rules", "counterfoil.modules.context", tmp_path)
