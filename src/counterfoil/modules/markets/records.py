"""What the ledger keeps about markets: their rulebooks, calendars, business day and the closes of past days."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.calendars import Calendar, UtcOffsets
from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

NAME_LENGTH_MAX = 64
TIME_ZONE_LENGTH_MAX = 64
MINUTES_BEFORE_MAX = 1_440
"""A business day may begin on the evening before, but not more than a day before."""
MINUTES_AFTER_MAX = 2_879
"""A business day may end after midnight, but not later than the following day."""
SETTLEMENT_CYCLE_DAYS_MAX = 60
RECYCLING_DAYS_MAX = 250
"""Business days; a year of them."""
CALENDAR_VERSIONS_MAX = 8
"""Versions of one calendar that are kept in force or to come; the oldest makes room."""
AMENDMENTS_MAX = 32
"""Rulebooks of one market that wait for their date."""
ACCEPTED_ASSETS_MAX = 1_000
"""Money tokens that one market accepts; each has an issuer that its members must know."""
NEVER_MS = 2**63 - 1
"""The schedule holds no change."""


class MarketStatus(IntEnum):
    OPEN = 1
    CLOSED = 2


class MatchingField(IntEnum):
    """Fields of two instructions that must agree besides those that always must (instrument, quantity, asset,
    amount within the tolerance, parties and their accounts, intended settlement date, transaction type)."""

    TRADE_DATE = 1
    COMMON_REFERENCE = 2
    TRADE_REFERENCE = 3
    CLIENTS = 4


class RegistrationApprover(IntEnum):
    """Whose signature an initial or exit registration needs."""

    ISSUER = 1
    REGULATOR = 2
    NOTARY = 3
    ADMINISTRATOR = 4
    TRUSTEE = 5
    OPERATOR = 6


class CalendarKind(IntEnum):
    """TRADING: on which days trades are made. SETTLEMENT: on which the settlement system works; these are the
    market's business days. CURRENCY: on which payments in a currency are made."""

    TRADING = 1
    SETTLEMENT = 2
    CURRENCY = 3


class DaySchedule(Record, frozen=True):
    """When a business day opens and closes by itself, in minutes of its local day: negative on the evening before,
    1440 and more after midnight. None: only by the operator."""

    opens_minute: int | None = None
    closes_minute: int | None = None


class Rulebook(Record, frozen=True):
    """The rules of one market, in force from the opening of the business date `effective_from` until the next.

    amount_tolerance: by how many units of the settlement asset two matched amounts may differ. cut-offs: minutes of
    the local day; from then on nothing new settles on that business date. partial_minimum: the smallest quantity of a
    partial settlement, 0 where none is allowed. recycling_days: for so many business days after its intended date
    (after its entry, where that was later) an instruction is kept and tried again; then it is cancelled.
    """

    effective_from: int
    time_zone: str
    offsets: UtcOffsets
    schedule: DaySchedule
    settlement_cycle_days: int
    matching_fields: tuple[MatchingField, ...]
    amount_tolerance: int
    registration_policy: tuple[RegistrationApprover, ...]
    sign_off_required: bool
    cut_off_dvp_minute: int
    cut_off_fop_minute: int
    partial_minimum: int = 0
    recycling_days: int = 60


class Market(Record, frozen=True):
    """One market, under its identifier code (4 ASCII characters).

    operator: the party that runs it. business_date: of the day that is open, else of the last one. cut-offs: the
    moments of that date, as the rulebook had them when it opened. changes_ms: when the schedule next opens or closes a
    day (`NEVER_MS`: not by itself). closed_height: the block in which a day was last closed by its operator.
    """

    operator: bytes
    name: str
    status: MarketStatus
    business_date: int
    cut_off_dvp_ms: int
    cut_off_fop_ms: int
    changes_ms: int
    closed_height: int = 0


class DatedCalendar(Record, frozen=True):
    """A calendar that says which days are open from its date until the next version's."""

    effective_from: int
    calendar: Calendar


class MarketCalendar(Record, frozen=True):
    """The versions of one calendar, ascending; the first also holds before its date.

    Its key is market (4 bytes), kind (1 byte) and currency (3 ASCII characters, or zeros).
    """

    versions: tuple[DatedCalendar, ...]


class AcceptedAsset(Record, frozen=True):
    """A money token accepted in settlement, under market (4 bytes) and instrument (20 bytes).

    From the business date accepted_from until before accepted_until (0: without end).
    """

    accepted_from: int
    accepted_until: int = 0


class DayClose(Record, frozen=True):
    """The end of a business day, under market (4 bytes) and date (4 bytes, big-endian).

    As of the close means at the end of block `height`. A day that its schedule closed ended before the block that
    noticed it, so its height is that of the block before.
    """

    height: int
    time_ms: int
    scheduled: bool


MARKETS = Table(number=30, name="markets", record=Market, key_sizes=(4,), resident=True)
RULEBOOKS = Table(number=31, name="rulebooks", record=Rulebook, key_sizes=(4,), resident=True)
AMENDMENTS = Table(number=32, name="rulebooks_to_come", record=Rulebook, key_sizes=(4, 4), resident=True)
CALENDARS = Table(number=33, name="calendars", record=MarketCalendar, key_sizes=(4, 1, 3), resident=True)
ACCEPTED_ASSETS = Table(
    number=34, name="accepted_assets", record=AcceptedAsset, key_sizes=(4, 20), resident=True
)
DAY_CLOSES = Table(number=35, name="day_closes", record=DayClose, key_sizes=(4, 4), clear=8)
