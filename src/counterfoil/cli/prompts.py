"""Questions whose answers are secret: from the environment, or typed unseen."""

from __future__ import annotations

import os

import typer

PASSPHRASE_VARIABLE = "COUNTERFOIL_PASSPHRASE"


def ask_passphrase(what: str, *, new: bool = False) -> str:
    """From COUNTERFOIL_PASSPHRASE, or asked for (twice where it is new)."""
    known = os.environ.get(PASSPHRASE_VARIABLE)
    return known if known is not None else ask_secret(what, new=new)


def ask_secret(what: str, *, new: bool = False) -> str:
    """Asked for on the error stream, so that what a command prints can be read by another."""
    answer: str = typer.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
    return answer
