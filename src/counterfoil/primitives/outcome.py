"""The two kinds of failure: the asker's (`Rejected`) and ours (`InvariantViolation`)."""

from __future__ import annotations

from enum import Enum


class RejectCode(Enum):
    """Base of every room's table of rejects: `NAME = (number, explanation, resolution)`.

    A number is never reused and never changes; the reference page is generated from these tables.
    """

    def __init__(self, number: int, explanation: str, resolution: str) -> None:
        self.number = number
        self.explanation = explanation
        self.resolution = resolution


class Rejected(Exception):
    """A request that the rules refuse. It leaves no effect behind.

    `facts` are the values that the asker needs to understand the refusal; they are shown to the asker only
    and are not part of what the ledger commits to (the number is).
    """

    def __init__(self, code: RejectCode, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    @property
    def number(self) -> int:
        return self.code.number

    def __str__(self) -> str:
        told = ", ".join(f"{name}={_readable(value)}" for name, value in self.facts.items())
        text = f"{self.code.number} {self.code.name}: {self.code.explanation} {self.code.resolution}"
        return f"{text} ({told})" if told else text


class InvariantViolation(Exception):
    """The ledger itself is wrong. Never the asker's fault; the node stops before it commits the block."""


def ensure(condition: object, message: str) -> None:
    """A check that always runs, in deterministic rooms too, where `assert` could be switched off."""
    if not condition:
        raise InvariantViolation(message)


def _readable(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
