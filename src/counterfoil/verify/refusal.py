"""The one answer to a proof that does not hold."""

from __future__ import annotations


class ProofRefused(ValueError):
    """The proof proves nothing; the text says what is wrong with it."""


def demand(condition: object, reason: str) -> None:
    """Refuse the proof unless `condition` holds."""
    if not condition:
        raise ProofRefused(reason)
