"""What a reader meets: files that fit in the head, and nothing left for later."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LINES_PER_FILE = 600
GENERATED = PROJECT / "src/counterfoil/engine/cometbft/proto"
LEFT_FOR_LATER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"]) + r")\b")


def files(*patterns: str) -> list[Path]:
    found = (file for pattern in patterns for file in PROJECT.glob(pattern))
    return sorted(file for file in found if GENERATED not in file.parents)


def test_files_fit_in_the_head() -> None:
    sizes = {file: len(file.read_text().splitlines()) for file in files("src/**/*.py")}
    long = [
        f"{file.relative_to(PROJECT)}: {size} lines" for file, size in sizes.items() if size > LINES_PER_FILE
    ]
    assert not long, f"more than {LINES_PER_FILE} lines:\n" + "\n".join(long)


def test_nothing_is_left_for_later() -> None:
    patterns = [
        f"{folder}/**/*.{kind}"
        for folder in ("src", "tests", "bench", "docs", "scripts")
        for kind in ("py", "md")
    ]
    found = [
        f"{file.relative_to(PROJECT)}:{number}: {line.strip()}"
        for file in files("*.md", "Makefile", *patterns)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if LEFT_FOR_LATER.search(line)
    ]
    assert not found, "\n".join(found)


def test_every_file_says_what_it_is() -> None:
    bare = [
        str(file.relative_to(PROJECT))
        for file in files("src/**/*.py")
        if file.read_text().strip() and not file.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert not bare, "no docstring at the top:\n" + "\n".join(bare)


def test_a_folder_is_a_package_with_something_in_it() -> None:
    folders = {file.parent for file in files("src/counterfoil/**/*.py")}
    bare = [
        str(folder.relative_to(PROJECT))
        for folder in sorted(folders)
        if not (folder / "__init__.py").is_file() or len(list(folder.rglob("*.py"))) < 2
    ]
    assert not bare, "no __init__.py, or nothing else:\n" + "\n".join(bare)


def test_locks_name_no_address() -> None:
    for lock in files("*.lock"):
        assert "://" not in lock.read_text(), lock.name
        pins = [line for line in lock.read_text().splitlines() if "==" in line]
        assert pins, lock.name
        assert lock.read_text().count("--hash=sha256:") >= len(pins), lock.name
