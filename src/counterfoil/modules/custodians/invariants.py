"""What must hold of trails after every block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.custodians.books import CustodiansBooks
from counterfoil.modules.custodians.records import TRAILS
from counterfoil.primitives.outcome import ensure


def check(books: CustodiansBooks, changed: Mapping[int, Mapping[bytes, tuple[Any, Any]]]) -> None:
    """A trail only grows, and is a party's."""
    for custodian, (before, now) in changed.get(TRAILS.number, {}).items():
        ensure(now is not None and now.entries > 0, "a custodian's trail vanished")
        ensure(before is None or before.entries < now.entries, "a custodian's trail shrank")
        ensure(books.parties.find(custodian) is not None, "a trail of no party")
