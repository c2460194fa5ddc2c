"""How a command ends: exit codes, and errors in words that say what to do."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from enum import IntEnum
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from counterfoil.cli.key_stores import close_stores
from counterfoil.cli.messages import MessageFileError
from counterfoil.cli.remote import AddressFileError
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.service.client import CustodyRefused
from counterfoil.demo.floor import DemoFailed
from counterfoil.demo.plan import PlanError, StoppedAtBadRow
from counterfoil.engine.cometbft.process import EngineMissing
from counterfoil.engine.port import EngineStopped
from counterfoil.gateways.sheets import SheetError
from counterfoil.gateways.trade_files import TradeFileError
from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.node.backup import BackupFailed
from counterfoil.node.network.control import NetworkFailed
from counterfoil.node.transfer_format import TransferFileError
from counterfoil.primitives.frames import Problem
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.realnames.blobs import BlobError
from counterfoil.realnames.tags import NumberIsMalformed
from counterfoil.realnames.trail import TrailIsBroken
from counterfoil.realnames.vault import VaultError
from counterfoil.sdk.continuity import CopyRefused
from counterfoil.sdk.errors import LedgerError, NodeUnreachable, NotVisible
from counterfoil.sdk.recovery import RecoveryMismatch
from counterfoil.sdk.view_key_files import ViewKeyFileError
from counterfoil.sealing.ring import RootIsMissing
from counterfoil.storage.errors import CorruptStorage, FolderInUse, StorageError
from counterfoil.verify import ProofRefused


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    REFUSED = 1
    """The ledger refused: a reject of its rules, or something that is not visible to who asked."""
    USAGE = 2
    """The command line or an input file is wrong; nothing was tried."""
    UNAVAILABLE = 3
    """The ledger, a key or a file cannot be opened, read or written."""
    NOT_PROVEN = 4
    """A check failed: a proof, a replay, an import, or counts that do not add up."""
    PROGRAM_ERROR = 70
    """An error of the program itself; a traceback follows, for a report."""
    INTERRUPTED = 130


class UsageError(Exception):
    """What was asked cannot be done so; the message says how."""


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (LedgerError, Exit.REFUSED),
    (CustodyRefused, Exit.REFUSED),
    (RecoveryMismatch, Exit.NOT_PROVEN),
    (UsageError, Exit.USAGE),
    (MessageFileError, Exit.USAGE),
    (AddressFileError, Exit.USAGE),
    (TradeFileError, Exit.USAGE),
    (PlanError, Exit.USAGE),
    (StoppedAtBadRow, Exit.USAGE),
    (VaultError, Exit.USAGE),
    (NumberIsMalformed, Exit.USAGE),
    (NodeUnreachable, Exit.UNAVAILABLE),
    (BlobError, Exit.UNAVAILABLE),
    (StorageError, Exit.UNAVAILABLE),
    (KeyStoreError, Exit.UNAVAILABLE),
    (SheetError, Exit.UNAVAILABLE),
    (EngineStopped, Exit.UNAVAILABLE),
    (EngineMissing, Exit.UNAVAILABLE),
    (NetworkFailed, Exit.UNAVAILABLE),
    (ProgramIsOutdated, Exit.UNAVAILABLE),
    (RootIsMissing, Exit.UNAVAILABLE),
    (ViewKeyFileError, Exit.UNAVAILABLE),
    (TransferFileError, Exit.NOT_PROVEN),
    (BackupFailed, Exit.NOT_PROVEN),
    (ProofRefused, Exit.NOT_PROVEN),
    (TrailIsBroken, Exit.NOT_PROVEN),
    (CopyRefused, Exit.NOT_PROVEN),
    (DemoFailed, Exit.NOT_PROVEN),
    (InvariantViolation, Exit.NOT_PROVEN),
)


def read_file(file: Path) -> bytes:
    """Of a file that a command names; `UsageError` in words where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None


def hexadecimal(text: str, refusal: str, size: int | None = None) -> bytes:
    """Bytes from hexadecimal digits; `UsageError(refusal)` where it is something else, or not `size` bytes."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise UsageError(refusal) from None
    if size is not None and len(found) != size:
        raise UsageError(refusal)
    return found


class Commands(TyperGroup):
    """The commands, with errors told in words, or as JSON to whoever asked for JSON; no traceback for what is not the
    program's fault."""

    def invoke(self, ctx: Any) -> Any:
        arguments = (*ctx._protected_args, *ctx.args)
        tell = tell_json if wants_json(arguments) else tell_words
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
            return found
        except KeyboardInterrupt:
            tell(Told(Exit.INTERRUPTED, "Interrupted."))
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:
            # whoever read has read enough, as `| head` has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.DONE) from None
        except tuple(kind for kind, _ in _CODES) as error:
            tell(told_of(error, says_who(arguments)))
            raise typer.Exit(exit_code(error)) from None
        except Exception as error:
            if type(error).__module__.split(".")[0] in ("typer", "click"):
                if tell is tell_words or not hasattr(error, "format_message"):
                    raise
                tell(Told(Exit.USAGE, error.format_message()))
                raise typer.Exit(Exit.USAGE) from None
            words = (
                f"This is an error of the program, not yours: {error}. Please report it with the lines above."
            )
            tell(Told(Exit.PROGRAM_ERROR, words, traceback=traceback.format_exc()))
            raise typer.Exit(Exit.PROGRAM_ERROR) from None
        finally:
            close_stores()


class Told(NamedTuple):
    """What an error tells. problem: the numbered refusal, where it is one."""

    code: Exit
    words: str
    remedy: str = ""
    problem: Problem | None = None
    traceback: str = ""


def told_of(error: Exception, named: bool = True) -> Told:
    """named: whether the command line says who asks."""
    problem = getattr(error, "problem", None)
    problem = problem if isinstance(problem, Problem) else None
    return Told(exit_code(error), f"{error}", _remedy(error, named), problem)


def wants_json(arguments: Iterable[str]) -> bool:
    """Whether a command line asks for JSON, be it right or wrong otherwise."""
    return "--json" in takewhile(lambda one: one != "--", arguments)


def says_who(arguments: Iterable[str]) -> bool:
    """Whether a command line, or the environment, says as whom something is asked."""
    options = takewhile(lambda one: one != "--", arguments)
    return bool(os.environ.get("COUNTERFOIL_AS")) or any(one.split("=")[0] == "--as" for one in options)


def tell_words(told: Told) -> None:
    """On the error stream, as it is: nothing in it is taken for markup."""
    sys.stderr.write(told.traceback)
    say_error(f"{told.words} {told.remedy}".rstrip())


def tell_json(told: Told) -> None:
    """On the error stream, one object: {"error": {exit_code, number, name, explanation, remedy, facts}}.

    number: of the reject, null for what has none; then name is that of the exit code. An error of the program has its
    traceback too.
    """
    problem = told.problem
    error: dict[str, object] = {
        "exit_code": int(told.code),
        "number": problem.number if problem is not None else None,
        "name": problem.name if problem is not None else told.code.name,
        "explanation": problem.explanation if problem is not None else told.words,
        "remedy": f"{problem.resolution if problem is not None else ''} {told.remedy}".strip(),
        "facts": problem.facts if problem is not None else {},
    }
    if told.traceback:
        error["traceback"] = told.traceback
    encoded = msgspec.json.format(msgspec.json.encode({"error": error}), indent=2)
    sys.stderr.write(encoded.decode() + "\n")


def exit_code(error: Exception) -> Exit:
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.PROGRAM_ERROR)


def _remedy(error: Exception, named: bool) -> str:
    if isinstance(error, NotVisible) and not named:
        return (
            "You asked as nobody: say who asks with --as MEMBER, and which key shows it with --key NAME; in a sandbox"
            " --as is enough (counterfoil sandbox personas)."
        )
    if isinstance(error, FolderInUse):
        return "Commands that read or submit reach it while it runs, and counterfoil backup copies it."
    if isinstance(error, CorruptStorage):
        return (
            "Keep a copy of the folder. Where the damage is in its store, this makes the store again from the log:"
            " counterfoil replay FOLDER --rebuild"
        )
    return ""


def say_error(message: str) -> None:
    """On the error stream, as it is: nothing in it is taken for markup."""
    console = Console(stderr=True)
    console.print(Text("Error ", style="bold red") + Text(message), soft_wrap=True, highlight=False)
