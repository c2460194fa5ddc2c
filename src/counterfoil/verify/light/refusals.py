"""Why a light block is not believed."""

from __future__ import annotations


class Invalid(Exception):
    """A light block that is wrong whatever else is shown, or that trust no longer reaches; the text says why."""


class NotEnoughTrust(Exception):
    """A light block whose signers are not enough of those who are trusted: blocks between may lead to it."""


def require(condition: object, reason: str) -> None:
    """Raise `Invalid` unless `condition` holds."""
    if not condition:
        raise Invalid(reason)
