"""What logs, and whoever asked, may be told of an error of ours: never what was asked, kept or held at that moment.

The text of an error and the values in its frames may name members, accounts and amounts, and logs travel further than
ledgers do. A log has the kind of error and the places in our code that it came through; a number stands for the case,
and whoever asked is told the number, so that its report leads to the log's lines.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from pathlib import Path

import counterfoil
from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.state.port import StoreFailed

WORDS_ARE_OURS = (InvariantViolation, ProgramIsOutdated, StoreFailed, OSError)
"""Errors whose text is for an operator: heights, files, what is wrong; identities do not belong in it."""

_ROOT = str(Path(counterfoil.__file__).parent.parent)
_IDENTITY = re.compile(r"""b(['"]).*?\1|\b[0-9a-fA-F]{12,}\b|\bcf[a-z]1[a-z0-9]{20,}\b""")
"""What looks like an identity all the same: bytes as Python writes them, hexadecimal digits, an address."""


def told(error: BaseException | None) -> str:
    """An error in the words that anybody may read: its kind, and its text where that is for an operator."""
    if error is None:
        return "no error"
    if isinstance(error, Rejected):
        return f"{error.number} {error.code.name}"
    if isinstance(error, WORDS_ARE_OURS):
        return f"{type(error).__name__}: {masked(str(error))}"
    return type(error).__name__


def masked(text: str) -> str:
    """Words that others say, without what looks like an identity."""
    return _IDENTITY.sub("…", text)


def report(log: logging.Logger, level: int, what: str, error: BaseException) -> str:
    """Log an error, with everything that caused it, and return the number that stands for the case."""
    number = os.urandom(4).hex()
    lines = []
    cause: BaseException | None = error
    while cause is not None:
        lines.append(told(cause))
        lines += [f"  {place}" for place in _places(cause)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    log.log(level, "%s (case %s)\n%s", what, number, "\n".join(lines))
    return number


def _places(error: BaseException) -> list[str]:
    """Where it came through: file, line and function, without the values that were there."""
    frames = traceback.extract_tb(error.__traceback__, limit=-_FRAMES)
    return [f"{frame.filename.removeprefix(_ROOT)}:{frame.lineno} {frame.name}" for frame in frames]


_FRAMES = 40
