"""Guards on what a rulebook and a calendar may say."""

from __future__ import annotations

from itertools import pairwise

from counterfoil.modules.markets.books import MarketsBooks, market_key
from counterfoil.modules.markets.records import (
    MINUTES_AFTER_MAX,
    MINUTES_BEFORE_MAX,
    RECYCLING_DAYS_MAX,
    SETTLEMENT_CYCLE_DAYS_MAX,
    TIME_ZONE_LENGTH_MAX,
    Market,
    Rulebook,
)
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.primitives.calendars import (
    Calendar,
    UtcOffsets,
    check_calendar,
    check_offsets,
    is_date,
    local_date,
)
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected


def require_market(books: MarketsBooks, market: str) -> Market:
    found = books.markets.find(market_key(market)) if market_key(market) else None
    if found is None:
        raise Rejected(MarketsReject.MARKET_NOT_FOUND, market=market[:20])
    return found


def check_text(text: str, most: int, code: MarketsReject) -> None:
    if not 0 < len(text) <= most or any(c < " " or "\x7f" <= c <= "\x9f" for c in text):
        raise Rejected(code, most=most)


def check_later(date: int, business_date: int) -> None:
    """What takes effect on a date must be known before that day begins."""
    if not is_date(date):
        raise Rejected(MarketsReject.DATE_IS_INVALID, date=date)
    if date <= business_date:
        raise Rejected(MarketsReject.EFFECTIVE_DATE_IS_PAST, date=date, business_date=business_date)


def check_has_begun(date: int, time_ms: int, offsets: UtcOffsets) -> None:
    """By the clock on the wall of the market."""
    if local_date(time_ms, offsets) < date:
        raise Rejected(MarketsReject.DATE_IS_AHEAD, date=date)


def check_rulebook(rulebook: Rulebook) -> None:
    """Every rule within its bounds."""
    if not is_date(rulebook.effective_from):
        raise Rejected(MarketsReject.DATE_IS_INVALID, date=rulebook.effective_from)
    check_text(rulebook.time_zone, TIME_ZONE_LENGTH_MAX, MarketsReject.TIME_ZONE_IS_INVALID)
    try:
        check_offsets(rulebook.offsets)
    except ValueError as error:
        raise Rejected(MarketsReject.TIME_ZONE_IS_INVALID, because=error) from None
    opens, closes = rulebook.schedule.opens_minute, rulebook.schedule.closes_minute
    if opens is not None and not -MINUTES_BEFORE_MAX <= opens < 1_440:
        raise Rejected(MarketsReject.SCHEDULE_IS_INVALID, opens_minute=opens)
    if closes is not None and not max(0, 0 if opens is None else opens + 1) <= closes <= MINUTES_AFTER_MAX:
        raise Rejected(MarketsReject.SCHEDULE_IS_INVALID, closes_minute=closes)
    if not 0 <= rulebook.settlement_cycle_days <= SETTLEMENT_CYCLE_DAYS_MAX:
        raise Rejected(MarketsReject.SETTLEMENT_CYCLE_IS_INVALID, days=rulebook.settlement_cycle_days)
    if not _ascending(rulebook.matching_fields) or not 0 <= rulebook.amount_tolerance <= AMOUNT_MAX:
        raise Rejected(MarketsReject.MATCHING_IS_INVALID)
    if not rulebook.registration_policy or not _ascending(rulebook.registration_policy):
        raise Rejected(MarketsReject.REGISTRATION_POLICY_IS_INVALID)
    first = -MINUTES_BEFORE_MAX if opens is None else opens
    last = MINUTES_AFTER_MAX if closes is None else closes
    for minute in (rulebook.cut_off_dvp_minute, rulebook.cut_off_fop_minute):
        if not first <= minute <= last:
            raise Rejected(MarketsReject.CUT_OFF_IS_INVALID, minute=minute)
    if not 0 <= rulebook.partial_minimum <= AMOUNT_MAX:
        raise Rejected(MarketsReject.PARTIAL_MINIMUM_IS_INVALID)
    if not 0 <= rulebook.recycling_days <= RECYCLING_DAYS_MAX:
        raise Rejected(MarketsReject.RECYCLING_IS_INVALID, days=rulebook.recycling_days)


def check_dates(calendar: Calendar) -> None:
    try:
        check_calendar(calendar)
    except ValueError as error:
        raise Rejected(MarketsReject.CALENDAR_IS_INVALID, because=error) from None


def _ascending(numbers: tuple[int, ...]) -> bool:
    return all(earlier < later for earlier, later in pairwise(numbers))
