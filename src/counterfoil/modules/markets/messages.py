"""What can be asked about markets. Numbers 300 to 349. All but the first are sent by the market's operator.

A market whose operator is gone is handed over by a regulator.
"""

from __future__ import annotations

from counterfoil.modules.markets.records import CalendarKind, Rulebook
from counterfoil.primitives.calendars import Calendar
from counterfoil.primitives.codec import Message


class OpenMarket(Message, tag=300, frozen=True):
    """Found a market, closed, whose first business day is the one after last_date (yyyymmdd).

    operator: the party that runs it. market: its code (MIC). More calendars follow by `SetCalendar`.
    """

    operator: bytes
    market: str
    name: str
    last_date: int
    rulebook: Rulebook
    trading: Calendar
    settlement: Calendar


class AmendRulebook(Message, tag=301, frozen=True):
    """State the whole rulebook anew, in force from the opening of the business date `rulebook.effective_from`."""

    market: str
    rulebook: Rulebook


class SetCalendar(Message, tag=302, frozen=True):
    """State a calendar anew: it says which days are open from effective_from (yyyymmdd) on.

    currency: an ISO 4217 code where the kind is CURRENCY, else "".
    """

    market: str
    kind: CalendarKind
    currency: str
    effective_from: int
    calendar: Calendar


class OpenDay(Message, tag=303, frozen=True):
    """Open the next business day (yyyymmdd)."""

    market: str
    date: int


class CloseDay(Message, tag=304, frozen=True):
    """Close the business day that is open (yyyymmdd)."""

    market: str
    date: int


class AcceptAsset(Message, tag=305, frozen=True):
    """Accept a money token in settlement from a business date (yyyymmdd) on; today's is possible."""

    market: str
    instrument: bytes
    accepted_from: int


class WithdrawAsset(Message, tag=306, frozen=True):
    """Accept a money token no longer from a later business date (yyyymmdd) on."""

    market: str
    instrument: bytes
    accepted_until: int


class HandOverMarket(Message, tag=307, frozen=True):
    """Let another party run the market from now on. Both sign: the one that hands over, and the new operator.

    authority: the present operator; a regulator where that one is not active. operator: the new one.
    """

    market: str
    authority: bytes
    operator: bytes
