"""Why somebody may see something, and of which time."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from counterfoil.modules.grants.interface import Grant, Purpose


class Basis(IntEnum):
    """PUBLIC: anybody may. OWN: it is a side of it. CUSTODY: it services the account. OFFICE: it keeps the register,
    operates the market, or guards the data. SUPERVISION: it stands above. GRANT: it was granted.

    Where several hold, the first of them is the one that counts.
    """

    PUBLIC = 0
    OWN = 1
    CUSTODY = 2
    OFFICE = 3
    SUPERVISION = 4
    GRANT = 5


class Right(NamedTuple):
    """The right that a read uses. grant: its id, and purpose: what it was given for, where it rests on a grant."""

    basis: Basis
    grant: bytes = b""
    purpose: Purpose | None = None

    @property
    def is_logged(self) -> bool:
        """Whether its use is logged: whoever looks at what is another's leaves a trace."""
        return self.basis >= Basis.CUSTODY


class Span(NamedTuple):
    """The time of which data is shown, from `first_ms` to `last_ms` (block times).

    A state has the time from its block until the next one, something that happened the time of its block.
    """

    first_ms: int
    last_ms: int

    def is_within(self, grant: Grant) -> bool:
        """Whether any of it lies in the period that a grant shows."""
        return self.last_ms >= grant.period_from_ms and (
            not grant.period_until_ms or self.first_ms < grant.period_until_ms
        )
