"""What is fetched to build or to generate is what was looked at: every package and module by its digest."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RESOLVERS = {"lock.sh"}
"""Make the locks, and so need no lock themselves; what they install ends nowhere."""


def commands(script: Path) -> list[str]:
    return re.sub(r"\\\n\s*", " ", script.read_text()).splitlines()


def test_scripts_install_nothing_without_its_hash() -> None:
    found = 0
    for script in sorted((PROJECT / "scripts").glob("*.sh")):
        installing = [
            line
            for line in commands(script)
            if re.search(r'pip .*install .*(-r|--target)|"\$\{install\[@\]\}"', line)
        ]
        for line in installing:
            assert "--require-hashes" in line or line.endswith("-e ."), f"{script.name}: {line.strip()}"
        found += len(installing)
        unlocked = [line for line in commands(script) if re.search(r"pip install --quiet [\w\"$]", line)]
        assert not unlocked or script.name in RESOLVERS, unlocked
    assert found >= 4


def test_every_lock_has_a_hash_for_each_package() -> None:
    locks = sorted(PROJECT.glob("requirements*.lock"))
    assert {lock.name for lock in locks} >= {"requirements-go.lock", "requirements-proto.lock"}
    for lock in locks:
        entries = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", lock.read_text(), flags=re.MULTILINE))
        for entry in entries:
            assert re.match(r"[\w.\[\]-]+==\S+", entry), f"{lock.name}: {entry[:60]}"
            assert "--hash=sha256:" in entry, f"{lock.name}: {entry[:60]}"


def test_the_engines_module_is_named_by_its_digest() -> None:
    script = (PROJECT / "scripts/engine.sh").read_text()
    assert re.search(r"^module_sum=h1:[A-Za-z0-9+/]{43}=$", script, re.MULTILINE)
    assert "go build -mod=readonly" in script.replace('"$go"', "go"), (
        "its own go.sum pins what it is built from"
    )
    assert "go install" not in script.replace('"$go"', "go")
