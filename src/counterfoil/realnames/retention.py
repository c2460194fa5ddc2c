"""How long personal data must be kept, and when they may go: the law's periods as data."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from counterfoil.custody.key_files import KeyFileError

DAY_MS: Final = 86_400_000
DAYS_MAX: Final = 36_600
"""A hundred years: longer is no period."""


class RetentionClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """days: so long data must be kept, counted from when they were stored, or from the end of the relationship, which
    somebody has to state first. automatic: they go when the period is over; else when somebody asks for it as well.
    law: where it is written, for people."""

    days: int
    counts_from: Literal["storage", "end of relationship"]
    automatic: bool
    law: str


Classes = dict[str, RetentionClass]

EXAMPLE: Final[Classes] = {
    "customer-due-diligence": RetentionClass(
        1_827,
        "end of relationship",
        True,
        "Five years after the business relationship has ended (Directive (EU) 2015/849, Article 40).",
    ),
    "application": RetentionClass(180, "storage", True, "An application that came to nothing."),
    "consent": RetentionClass(0, "storage", False, "Kept for as long as the person agrees."),
}
"""What a new store begins with; its file is to be held against the law of the place and changed."""


def read_classes(path: Path) -> Classes:
    """KeyFileError where the file does not say classes in this form."""
    try:
        classes = msgspec.json.decode(path.read_bytes(), type=Classes)
    except OSError as error:
        raise KeyFileError(f"The retention classes {path} cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileError(f"{path} does not state retention classes: {error}.") from None
    for name, one in classes.items():
        if not 0 <= one.days <= DAYS_MAX:
            raise KeyFileError(
                f"{path}: the class {name!r} keeps for {one.days} days; 0 to {DAYS_MAX:,} are possible."
            )
    return classes


def due_ms(kept: RetentionClass, stored_ms: int, ended_ms: int | None) -> int | None:
    """When the period is over; None while nobody can say."""
    begins = stored_ms if kept.counts_from == "storage" else ended_ms
    return None if begins is None else begins + kept.days * DAY_MS
