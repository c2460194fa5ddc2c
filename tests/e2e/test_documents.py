"""What the documents tell a reader to type works: the README's script, the tutorial, the how-to pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_first_page import first_page
from tests.network.nets import need_engine

PROJECT = Path(__file__).resolve().parents[2]
TYPED = [
    "README.md",
    *sorted(
        str(file.relative_to(PROJECT))
        for folder in ("tutorial", "how-to")
        for file in (PROJECT / "docs" / folder).glob("*.md")
        if "```sh" in file.read_text()
    ),
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", file.read_text(), re.S | re.M)


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPED)
def test_what_is_typed_works(name: str, tmp_path: Path) -> None:
    binaries = str(Path(sys.executable).parent)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("COUNTERFOIL_")},
        "PATH": f"{binaries}:{os.environ.get('PATH', '')}",
        "HOME": str(tmp_path),
        "COLUMNS": "140",
        "COUNTERFOIL_PASSPHRASE": "seven unusual words",
    }
    script = "".join(block for block in blocks(PROJECT / name, "sh") if not block.startswith("make "))
    if "counterfoil network" in script:
        need_engine()
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_script_on_the_readmes_first_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = blocks(PROJECT / "README.md", "python")
    exec(compile(script, "README.md", "exec"), {})
    assert capsys.readouterr().out.split() == [str(number) for number in first_page()]


def test_links_between_documents_lead_somewhere() -> None:
    files = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    broken = [
        f"{file.relative_to(PROJECT)}: {target}"
        for file in files
        for target in LINK.findall(file.read_text())
        if "://" not in target and not (file.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)
