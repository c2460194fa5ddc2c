"""Software tokens (SoftHSM) for tests, installed where they are missing, as `scripts/test-servers.sh` says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
PIN, SECURITY_OFFICER = "1234-sesame", "12345678"
MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/local/lib/softhsm/libsofthsm2.so"))


def servers() -> None:
    """Whatever tests need that Python packages do not bring. Fails loudly: these tests are never skipped."""
    subprocess.run([str(PROJECT / "scripts" / "test-servers.sh")], check=True)


def module() -> Path:
    servers()
    return next(path for path in MODULES if path.is_file())


def configure(folder: Path) -> Path:
    """A configuration whose tokens lie in `folder`; returns the file that SOFTHSM2_CONF is to name."""
    (folder / "tokens").mkdir(parents=True)
    file = folder / "softhsm2.conf"
    file.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return file


def make_token(configuration: Path, label: str) -> None:
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN]
    subprocess.run(
        [*command, "--so-pin", SECURITY_OFFICER],
        env={"SOFTHSM2_CONF": str(configuration), "PATH": "/usr/bin:/usr/local/bin"},
        check=True,
        capture_output=True,
    )


def destroy_tokens(configuration: Path) -> None:
    """As if the device were taken out: its objects are gone from under the module."""
    tokens = configuration.parent / "tokens"
    shutil.rmtree(tokens)
    tokens.mkdir()
