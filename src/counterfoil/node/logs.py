"""What a node writes about itself: lines of text, or of JSON, and in neither anything that the ledger keeps private.

An error is logged by its kind, and in its own words only where those are for an operator (see `engine.incidents`); what
looks like an identity is left out of every line. Traces name places in the code and no values.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

import msgspec

from counterfoil.engine.incidents import masked, told


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SafeFormatter(logging.Formatter):
    """A line of text: time, level, room, what happened."""

    def format(self, record: logging.LogRecord) -> str:
        when = _when(record).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{when} {record.levelname.lower()} {_room(record)}: {said(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, room, message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _when(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "room": _room(record),
            "message": said(record),
        }
        return msgspec.json.encode(line).decode()


def begin_logging(*, as_json: bool, level: LogLevel = LogLevel.INFO, stream: TextIO | None = None) -> None:
    """Of this process, to standard error (or `stream`); what was set up before is replaced.

    A line that cannot be written is lost: Python would say so by printing what it was about, unmasked.
    """
    logging.raiseExceptions = False
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else SafeFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def said(record: logging.LogRecord) -> str:
    """The record's message, with its errors in words that anybody may read."""
    args = record.args
    if isinstance(args, tuple):
        args = tuple([told(one) if isinstance(one, BaseException) else one for one in args])
    message = str(record.msg) % args if args else str(record.msg)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and told(error) not in message:
        message = f"{message} ({told(error)})"
    return masked(message)


def _when(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, tz=UTC)


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix("counterfoil.")
