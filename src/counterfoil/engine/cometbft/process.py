"""The engine's own process beside a node's: found, checked, started, watched and stopped."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

VERSION = "0.38.26"
VARIABLE = "COUNTERFOIL_ENGINE"
PROJECT_BINARY = Path(__file__).resolve().parents[4] / ".engine" / "cometbft"
"""Where `make engine` puts it, in a checkout of the project."""
PID_NAME = "engine.pid"
"""Beside the engine's home: its number, for whoever copies the home while it runs."""
STOP_SECONDS = 10.0
LAST_WORDS_BYTES = 2_000
_DEATH_SIGNAL_OPTION = 1


class EngineMissing(Exception):
    """No engine of the right version is to be found; the text says what to do."""


def find_engine(environment: Mapping[str, str] | None = None) -> Path:
    """The engine's binary: as the environment names it, as the project made it, or on the path."""
    named = (os.environ if environment is None else environment).get(VARIABLE)
    if named:
        candidates = [Path(named)]
    else:
        installed = shutil.which("cometbft")
        candidates = [PROJECT_BINARY, *([Path(installed)] if installed else [])]
    for candidate in candidates:
        if candidate.is_file():
            return _checked(candidate)
    raise EngineMissing(
        f"A network's node needs CometBFT {VERSION}: run `make engine` in the project, or name the program in"
        f" {VARIABLE}."
    )


def _checked(binary: Path) -> Path:
    try:
        done = subprocess.run([binary, "version"], capture_output=True, text=True, check=False, timeout=60)
        found = done.stdout.strip().removeprefix("v").partition("+")[0]
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineMissing(f"{binary} cannot be run: {error}") from None
    if found != VERSION:
        raise EngineMissing(f"{binary} is version {found or 'unknown'} of the engine; {VERSION} is needed.")
    return binary


class EngineProcess:
    """One node's engine. It ends with this process, however that ends. rpc: the socket on which it will listen."""

    def __init__(self, home: Path, rpc: Path, log_file: Path) -> None:
        self._rpc = rpc
        self._home = home
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted: subprocess.Popen[bytes] | None = None
        self._pid_file = home.with_name(PID_NAME)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self, on_end: Callable[[str], None]) -> None:
        """Start it; `on_end` is told, from another thread, if it ends by itself. EngineMissing where there is none.

        On Linux it ends with the thread that calls this.
        """
        binary = find_engine()
        self._rpc.unlink(missing_ok=True)  # a killed engine leaves it behind, and would not start again
        with self._log_file.open("ab") as output:
            watched = subprocess.Popen(
                [binary, "start", "--home", str(self._home)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._process = self._wanted = watched
        self._pid_file.write_text(f"{watched.pid}\n")

        def watch() -> None:
            code = watched.wait()
            if self._wanted is watched:
                on_end(f"the consensus engine ended with {code}: {self._last_words()}")

        threading.Thread(target=watch, name="counterfoil-engine-watch", daemon=True).start()

    def stop(self) -> None:
        """Ask it to end, and see to it."""
        self._wanted = None
        process = self._process
        self._pid_file.unlink(missing_ok=True)
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        try:
            with self._log_file.open("rb") as file:
                file.seek(max(0, self._log_file.stat().st_size - LAST_WORDS_BYTES))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return f"see {self._log_file}"
        return f"{lines[-1][:500] if lines else 'it said nothing'} (see {self._log_file})"


def _die_with_parent() -> None:
    """Linux: it is ended when the thread that started it is gone, so that a killed node leaves nobody behind."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL_OPTION, signal.SIGKILL)
