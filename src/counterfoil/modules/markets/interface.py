"""What other modules may ask about markets."""

from __future__ import annotations

from typing import TypeVar

from counterfoil.modules.markets.books import MarketsBooks, market_key
from counterfoil.modules.markets.counting import BusinessDays, calendar_key
from counterfoil.modules.markets.records import (
    NEVER_MS,
    CalendarKind,
    DaySchedule,
    Market,
    MarketCalendar,
    MarketStatus,
    MatchingField,
    RegistrationApprover,
    Rulebook,
)
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.primitives.calendars import IsoDate
from counterfoil.primitives.codec import Record
from counterfoil.primitives.outcome import Rejected
from counterfoil.state.books import Shelf

R = TypeVar("R", bound=Record)

__all__ = [
    "CalendarKind",
    "DaySchedule",
    "Market",
    "MarketStatus",
    "Markets",
    "MarketsReject",
    "MatchingField",
    "RegistrationApprover",
    "Rulebook",
]


_NO_KEY = bytes(4)
_ASSET_KEY_SIZE = 24
_SETTLEMENT = bytes((CalendarKind.SETTLEMENT, 0, 0, 0))
_KNOWN_DAYS_MAX = 10_000
"""Answers about business days that are remembered, each as long as the calendars are the very same records."""


class Markets:
    """Read-only: markets change by their own messages and their schedule alone."""

    def __init__(self, books: MarketsBooks) -> None:
        self._books = books
        self._markets = books.markets
        self._rulebooks = books.rulebooks
        self._known_trading_days: dict[tuple[str, int], tuple[bytes, MarketCalendar | None, bool]] = {}
        self._known_periods: dict[str, tuple[MarketCalendar | None, tuple[int, int], int]] = {}
        self._known_days: dict[
            tuple[str, str, int], tuple[MarketCalendar | None, MarketCalendar | None, bool]
        ] = {}

    def is_here(self, market: str) -> bool:
        """Whether a code is that of a market of this ledger."""
        return self._markets.at_hand(market_key(market)) is not None

    def find(self, market: str) -> Market | None:
        return self._markets.find(market_key(market) or _NO_KEY)

    def require(self, market: str) -> Market:
        found = self._markets.find(market_key(market) or _NO_KEY)
        if found is None:
            raise Rejected(MarketsReject.MARKET_NOT_FOUND, market=market[:20])
        return found

    def rulebook(self, market: str) -> Rulebook:
        """The rulebook in force on the market's business date."""
        found = self._rulebooks.find(market_key(market) or _NO_KEY)
        if found is None:
            raise Rejected(MarketsReject.MARKET_NOT_FOUND, market=market[:20])
        return found

    def business_date(self, market: str) -> IsoDate:
        """Of the day that is open; while the market is closed, of the last day."""
        return IsoDate(self.require(market).business_date)

    def is_open(self, market: str) -> bool:
        return self.require(market).status is MarketStatus.OPEN

    def settlement_date(
        self, market: str, trade_date: int, currency: str, business_days: int | None = None
    ) -> IsoDate:
        """The intended settlement date of a trade: so many business days after it (None: the market's cycle).

        Counted on the market's settlement calendar and that of the currency's payments ("" for free of payment; a
        currency whose calendar nobody set closes nothing).
        """
        days = self.rulebook(market).settlement_cycle_days if business_days is None else business_days
        try:
            return self._settlement_days(market, currency).add(IsoDate(trade_date), days)
        except ValueError:
            raise Rejected(MarketsReject.DATE_IS_INVALID, date=trade_date, business_days=days) from None

    def is_business_day(self, market: str, date: int, currency: str) -> bool:
        """Whether the market settles on a date, and payments in the currency are made ("": none are needed).

        False for what is no date.
        """
        self.require(market)
        find = self._books.calendars.find
        own = find(market.encode() + _SETTLEMENT)
        payments = find(calendar_key(market, CalendarKind.CURRENCY, currency)) if currency else None
        asked = (market, currency, date)
        known = self._known_days.get(asked)
        if known is not None and known[0] is own and known[1] is payments:
            return known[2]
        try:
            is_open = self._settlement_days(market, currency).is_open(IsoDate(date))
        except ValueError:
            return False
        if len(self._known_days) >= _KNOWN_DAYS_MAX:
            self._known_days.clear()
        self._known_days[asked] = (own, payments, is_open)
        return is_open

    def recycled_from(self, market: str) -> int:
        """The earliest intended settlement date (yyyymmdd) that is still tried on the market's business date.

        It lies the rulebook's recycling period before it; 0 where the calendar does not reach back so far.
        """
        date, days = self.require(market).business_date, self.rulebook(market).recycling_days
        calendar = self._books.calendars.find(market.encode() + _SETTLEMENT)
        known = self._known_periods.get(market)
        if known is not None and known[0] is calendar and known[1] == (date, days):
            return known[2]
        try:
            earliest = int(
                BusinessDays(self._books.calendars, market, CalendarKind.SETTLEMENT).back(IsoDate(date), days)
            )
        except ValueError:
            earliest = 0
        self._known_periods[market] = (calendar, (date, days), earliest)
        return earliest

    def is_trading_day(self, market: str, date: int) -> bool:
        """Whether trades are made on a date. False for what is no date."""
        self.require(market)
        try:
            return BusinessDays(self._books.calendars, market, CalendarKind.TRADING).is_open(IsoDate(date))
        except ValueError:
            return False

    def may_trade_on(self, venue: str, date: int) -> bool:
        """Whether a trade may have been made at a venue on a date: of a market of this ledger, on its trading days.

        Of other venues the ledger knows no calendar.
        """
        asked = (venue, date)
        known = self._known_trading_days.get(asked)
        if known is not None and self._books.calendars.at_hand(known[0]) is known[1]:
            return known[2]
        key = calendar_key(venue, CalendarKind.TRADING)
        answer = not self.is_here(venue) or self.is_trading_day(venue, date)
        if len(self._known_trading_days) >= _KNOWN_DAYS_MAX:
            self._known_trading_days.clear()
        self._known_trading_days[asked] = (key, self._books.calendars.at_hand(key), answer)
        return answer

    def accepts_asset(self, market: str, instrument_id: bytes) -> bool:
        """Whether the market takes a money token in settlement on its business date."""
        key = market_key(market) + instrument_id
        asset = self._books.accepted_assets.find(key) if len(key) == _ASSET_KEY_SIZE else None
        if asset is None:
            return False
        date = self.require(market).business_date
        return asset.accepted_from <= date and (asset.accepted_until == 0 or date < asset.accepted_until)

    def past_cut_off(self, market: str, time_ms: int, free_of_payment: bool) -> bool:
        """Whether it is too late at a moment for new settlement on the market's business date."""
        found = self.require(market)
        return time_ms >= (found.cut_off_fop_ms if free_of_payment else found.cut_off_dvp_ms)

    def outlived(self, shelf: Shelf[R], limit: int) -> list[tuple[bytes, R]]:
        """On open markets, what is not kept any more (`recycled_from`), the oldest of each first; at most `limit`.

        shelf: of a resident table by market (4 bytes) and business date (4 bytes).
        """
        found: list[tuple[bytes, R]] = []
        for code, market in self._markets.scan():
            if market.status is not MarketStatus.OPEN:
                continue
            kept_from = self.recycled_from(code.decode())
            for key, record in shelf.scan(code):
                if len(found) == limit or int.from_bytes(key[4:8], "big") >= kept_from:
                    break
                found.append((key, record))
        return found

    def next_change_ms(self) -> int:
        """The moment (time_ms) at which a schedule next opens or closes a day; `NEVER_MS` where none does."""
        return min((market.changes_ms for _, market in self._markets.scan()), default=NEVER_MS)

    def _settlement_days(self, market: str, currency: str) -> BusinessDays:
        return BusinessDays(self._books.calendars, market, CalendarKind.SETTLEMENT, currency)
