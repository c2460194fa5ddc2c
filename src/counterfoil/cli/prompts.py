"""Questions whose answers are secret: from the environment, or typed unseen."""

from __future__ import annotations

import os
import sys

import typer

PASSPHRASE_VARIABLE = "COUNTERFOIL_PASSPHRASE"


def ask_passphrase(what: str, *, new: bool = False) -> str:
    """From COUNTERFOIL_PASSPHRASE, or asked for (twice where it is new)."""
    known = os.environ.get(PASSPHRASE_VARIABLE)
    return known if known is not None else ask_secret(what, new=new)


def ask_secret(what: str, *, new: bool = False) -> str:
    """Asked for on the error stream, so that what a command prints can be read by another; taken from the input stream
    where that is no terminal."""
    if not sys.stdin.isatty():
        return _piped(what, new=new)
    answer: str = typer.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
    return answer


def _piped(what: str, *, new: bool) -> str:
    """Whoever pipes a secret in wants nobody to be asked on the terminal behind it."""
    while True:
        typer.echo(f"{what}: ", err=True)
        given = [sys.stdin.readline() for _ in range(2 if new else 1)]
        if not all(given):
            raise typer.Abort
        first, *again = (line.rstrip("\r\n") for line in given)
        if first and again in ([], [first]):
            return first
        typer.echo("Nothing was given, or not the same twice.", err=True)
