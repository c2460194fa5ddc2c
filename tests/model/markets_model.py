"""Markets in dictionaries: rulebooks, calendars, days. Dates are counted with the standard library's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from counterfoil.modules.markets.records import NEVER_MS, CalendarKind, MarketStatus, Rulebook
from counterfoil.modules.markets.rejects import MarketsReject as Reject
from counterfoil.modules.parties.records import Role
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.currencies import is_currency
from counterfoil.primitives.identifiers import is_mic
from tests.model.core import Action, Item, ascending, date_key, demand
from tests.model.identities_model import IdentitiesModel

MINUTE_MS = 60_000


def day_of(number: int) -> date | None:
    """The day of yyyymmdd, None where there is none of the years 1000 to 9999."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100) if number >= 10_000_101 else None
    except (ValueError, OverflowError):
        return None


def number_of(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def offset_minutes(offsets: Any, time_ms: int) -> int:
    past = [minutes for from_ms, minutes in offsets.transitions if from_ms <= time_ms]
    return int(past[-1] if past else offsets.transitions[0][1])


def wall_date(offsets: Any, time_ms: int) -> int:
    local_ms = time_ms + offset_minutes(offsets, time_ms) * MINUTE_MS
    return number_of(datetime.fromtimestamp(local_ms // 1_000, UTC).date())


def moment(offsets: Any, day: int, minute: int) -> int:
    """Of a minute of a local day, in a zone whose offset never changes."""
    found = day_of(day)
    assert found is not None
    assert len(offsets.transitions) == 1
    days = (found - date(1970, 1, 1)).days
    return days * 86_400_000 + (minute - offsets.transitions[0][1]) * MINUTE_MS


class MarketsModel(IdentitiesModel):
    """Tables 30 markets, 31 rulebooks, 32 amendments, 33 calendars, 34 accepted assets, 35 closes."""

    def market(self, code: str) -> Any:
        found = self.tables[30].get(code.encode()) if is_mic(code) else None
        demand(found is not None, Reject.MARKET_NOT_FOUND)
        return found

    def rulebook(self, code: str) -> Rulebook:
        self.market(code)
        found: Rulebook = self.tables[31][code.encode()].rulebook
        return found

    def market_is_open(self, code: str) -> bool:
        return self.market(code).status is MarketStatus.OPEN

    def accepts(self, code: str, instrument: bytes) -> bool:
        asset = self.tables[34].get(code.encode() + instrument)
        today = self.market(code).business_date
        return (
            asset is not None
            and asset.accepted_from <= today
            and (not asset.accepted_until or today < asset.accepted_until)
        )

    def past_cut_off(self, code: str, free: bool) -> bool:
        market = self.market(code)
        return bool(self.time_ms >= (market.cut_off_fop_ms if free else market.cut_off_dvp_ms))

    def is_business_day(self, code: str, number: int, currency: str) -> bool:
        day = day_of(number)
        if day is None:
            return False
        keys = [self.calendar_key(code, CalendarKind.SETTLEMENT, "")]
        if currency:
            keys.append(self.calendar_key(code, CalendarKind.CURRENCY, currency))
        return all(self.is_open_on(key, day) for key in keys if key in self.tables[33])

    def is_open_on(self, key: bytes, day: date) -> bool:
        versions = self.tables[33][key].versions
        in_force = [calendar for since, calendar in versions if since <= number_of(day)]
        calendar = in_force[-1] if in_force else versions[0][1]
        if calendar.weekend >> day.weekday() & 1:
            return number_of(day) in calendar.extra_working_days
        return number_of(day) not in calendar.holidays

    def next_day(self, code: str, after: int) -> int | None:
        day = day_of(after)
        assert day is not None
        for _ in range(400):
            day += timedelta(days=1)
            if self.is_business_day(code, number_of(day), ""):
                return number_of(day)
        return None

    def recycled_from(self, code: str) -> int:
        """The earliest intended date that is still tried."""
        day = day_of(self.market(code).business_date)
        for _ in range(self.rulebook(code).recycling_days):
            for _ in range(400):
                assert day is not None
                day -= timedelta(days=1)
                if self.is_business_day(code, number_of(day), ""):
                    break
            else:
                return 0
        assert day is not None
        return number_of(day)

    @staticmethod
    def calendar_key(code: str, kind: CalendarKind, currency: str) -> bytes:
        return code.encode() + bytes((kind,)) + (currency.encode() if currency else b"\0\0\0")

    # Checks

    def check_rulebook(self, book: Rulebook) -> None:
        demand(day_of(book.effective_from), Reject.DATE_IS_INVALID)
        demand(0 < len(book.time_zone) <= 64 and book.time_zone.isprintable(), Reject.TIME_ZONE_IS_INVALID)
        opens, closes = book.schedule.opens_minute, book.schedule.closes_minute
        fine = opens is None or -1_440 <= opens < 1_440
        fine = fine and (closes is None or max(0, -1 if opens is None else opens + 1) <= closes <= 2_879)
        demand(fine, Reject.SCHEDULE_IS_INVALID)
        demand(0 <= book.settlement_cycle_days <= 60, Reject.SETTLEMENT_CYCLE_IS_INVALID)
        fine = ascending(book.matching_fields) and 0 <= book.amount_tolerance <= AMOUNT_MAX
        demand(fine, Reject.MATCHING_IS_INVALID)
        fine = bool(book.registration_policy) and ascending(book.registration_policy)
        demand(fine, Reject.REGISTRATION_POLICY_IS_INVALID)
        first = -1_440 if opens is None else opens
        last = 2_879 if closes is None else closes
        fine = all(first <= one <= last for one in (book.cut_off_dvp_minute, book.cut_off_fop_minute))
        demand(fine, Reject.CUT_OFF_IS_INVALID)
        demand(0 <= book.partial_minimum <= AMOUNT_MAX, Reject.PARTIAL_MINIMUM_IS_INVALID)
        demand(0 <= book.recycling_days <= 250, Reject.RECYCLING_IS_INVALID)

    def check_calendar(self, calendar: Any) -> None:
        holidays, working = calendar.holidays, calendar.extra_working_days
        fine = 0 <= calendar.weekend < 127
        fine = fine and all(ascending(days) and all(map(day_of, days)) for days in (holidays, working))
        fine = fine and all(calendar.weekend >> day_of(day).weekday() & 1 for day in working)
        demand(fine and not set(holidays) & set(working), Reject.CALENDAR_IS_INVALID)

    def check_later(self, number: int, than: int) -> None:
        demand(day_of(number), Reject.DATE_IS_INVALID)
        demand(number > than, Reject.EFFECTIVE_DATE_IS_PAST)

    # Messages

    def OpenMarket(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.operator, ask)
        venue = is_mic(ask.market) and ask.market not in ("XXXX", "XOFF", "BILT", "SINT")
        demand(venue, Reject.MARKET_CODE_IS_INVALID)
        key = ask.market.encode()
        demand(key not in self.tables[30], Reject.MARKET_EXISTS)
        demand(0 < len(ask.name) <= 64 and ask.name.isprintable(), Reject.NAME_IS_INVALID)
        demand(day_of(ask.last_date), Reject.DATE_IS_INVALID)
        self.check_rulebook(ask.rulebook)
        demand(wall_date(ask.rulebook.offsets, self.time_ms) >= ask.last_date, Reject.DATE_IS_AHEAD)
        self.check_calendar(ask.trading)
        self.check_calendar(ask.settlement)
        self.tables[31][key] = Item(rulebook=ask.rulebook)
        for kind, calendar in (
            (CalendarKind.TRADING, ask.trading),
            (CalendarKind.SETTLEMENT, ask.settlement),
        ):
            self.tables[33][self.calendar_key(ask.market, kind, "")] = Item(
                versions=((ask.last_date, calendar),)
            )
        self.tables[30][key] = Item(
            operator=ask.operator,
            name=ask.name,
            status=MarketStatus.CLOSED,
            business_date=ask.last_date,
            cut_off_dvp_ms=0,
            cut_off_fop_ms=0,
            changes_ms=0,
            closed_height=0,
        )
        self.schedule_opening(ask.market)

    def book_on(self, code: str, day: int) -> Rulebook:
        book: Rulebook = self.tables[31][code.encode()].rulebook
        for key in sorted(self.tables[32]):
            amendment = self.tables[32][key].rulebook
            if key.startswith(code.encode()) and amendment.effective_from <= day:
                book = amendment
        return book

    def schedule_opening(self, code: str) -> None:
        """While a market is closed, what is to come decides when it opens by itself."""
        market = self.tables[30][code.encode()]
        if market.status is MarketStatus.OPEN:
            return
        day, market.changes_ms = self.next_day(code, market.business_date), NEVER_MS
        if day is not None:
            book = self.book_on(code, day)
            if book.schedule.opens_minute is not None:
                market.changes_ms = moment(book.offsets, day, book.schedule.opens_minute)

    def AmendRulebook(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        self.authorise(action, market.operator, ask)
        self.check_rulebook(ask.rulebook)
        self.check_later(ask.rulebook.effective_from, market.business_date)
        key = ask.market.encode() + date_key(ask.rulebook.effective_from)
        waiting = [one for one in self.tables[32] if one[:4] == key[:4]]
        demand(len(waiting) < 32 or key in waiting, Reject.TOO_MANY_AMENDMENTS)
        self.tables[32][key] = Item(rulebook=ask.rulebook)
        self.schedule_opening(ask.market)

    def SetCalendar(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        self.authorise(action, market.operator, ask)
        is_of_currency = ask.kind is CalendarKind.CURRENCY
        fine = is_currency(ask.currency) if is_of_currency else not ask.currency
        demand(fine, Reject.CURRENCY_IS_INVALID)
        self.check_later(ask.effective_from, market.business_date)
        self.check_calendar(ask.calendar)
        key = self.calendar_key(ask.market, ask.kind, ask.currency)
        known = self.tables[33][key].versions if key in self.tables[33] else ()
        versions = [one for one in known if one[0] < ask.effective_from]
        versions.append((ask.effective_from, ask.calendar))
        if len(versions) > 8:
            demand(versions[1][0] <= market.business_date, Reject.TOO_MANY_AMENDMENTS)
            del versions[0]
        self.tables[33][key] = Item(versions=tuple(versions))
        self.schedule_opening(ask.market)

    def OpenDay(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        self.authorise(action, market.operator, ask)
        demand(market.status is MarketStatus.CLOSED, Reject.DAY_IS_OPEN)
        demand(day_of(ask.date), Reject.DATE_IS_INVALID)
        demand(ask.date > market.business_date, Reject.DATE_HAS_BEEN)
        demand(self.is_business_day(ask.market, ask.date, ""), Reject.DATE_IS_A_HOLIDAY)
        following = self.next_day(ask.market, market.business_date)
        demand(following == ask.date, Reject.BUSINESS_DAY_IS_SKIPPED)
        demand(market.closed_height != self.height, Reject.CLOSE_IS_IN_THIS_BLOCK)
        self.begin_day(ask.market, ask.date)

    def HandOverMarket(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        if ask.authority != market.operator:
            replaces = self.has_role(ask.authority, Role.REGULATOR) and not self.is_active(market.operator)
            demand(replaces, Reject.AUTHORITY_MAY_NOT_HAND_OVER)
        self.authorise(action, ask.authority, ask)
        demand(ask.operator != market.operator, Reject.OPERATOR_RUNS_THE_MARKET)
        self.with_role(ask.operator, Role.DEPOSITORY, Role.EXCHANGE, Role.OPERATOR)
        self.authorise(action, ask.operator, ask)
        market.operator = ask.operator

    def begin_day(self, code: str, day: int) -> None:
        key, book = code.encode(), self.book_on(code, day)
        for amendment in [one for one in self.tables[32] if one[:4] == key]:
            if int.from_bytes(amendment[4:], "big") <= day:
                del self.tables[32][amendment]
        self.tables[31][key] = Item(rulebook=book)
        for asset in [one for one in self.tables[34] if one[:4] == key]:
            if 0 < self.tables[34][asset].accepted_until <= day:
                del self.tables[34][asset]
        market = self.tables[30][key]
        market.status, market.business_date = MarketStatus.OPEN, day
        market.cut_off_dvp_ms = moment(book.offsets, day, book.cut_off_dvp_minute)
        market.cut_off_fop_ms = moment(book.offsets, day, book.cut_off_fop_minute)
        closes = book.schedule.closes_minute
        market.changes_ms = NEVER_MS if closes is None else moment(book.offsets, day, closes)

    def CloseDay(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        self.authorise(action, market.operator, ask)
        demand(market.status is MarketStatus.OPEN, Reject.DAY_IS_NOT_OPEN)
        demand(ask.date == market.business_date, Reject.DATE_IS_NOT_THE_BUSINESS_DATE)
        today = wall_date(self.rulebook(ask.market).offsets, self.time_ms)
        demand(today >= ask.date, Reject.DATE_IS_AHEAD)
        self.end_day(ask.market, scheduled=False)

    def end_day(self, code: str, *, scheduled: bool) -> None:
        key = code.encode()
        market = self.tables[30][key]
        height = self.height - scheduled
        self.tables[35][key + date_key(market.business_date)] = Item(
            height=height, time_ms=self.time_ms, scheduled=scheduled
        )
        market.status, market.closed_height = MarketStatus.CLOSED, height
        self.schedule_opening(code)

    def follow_schedules(self) -> None:
        for key in sorted(self.tables[30]):
            market = self.tables[30][key]
            while market.changes_ms <= self.time_ms:
                if market.status is MarketStatus.OPEN:
                    self.end_day(key.decode(), scheduled=True)
                else:
                    day = self.next_day(key.decode(), market.business_date)
                    assert day is not None
                    self.begin_day(key.decode(), day)

    def AcceptAsset(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        self.authorise(action, market.operator, ask)
        demand(len(ask.instrument) == 20, Reject.ASSET_IS_INVALID)
        self.check_later(ask.accepted_from, market.business_date - 1)
        key = ask.market.encode() + ask.instrument
        known = self.tables[34].get(key)
        until = known.accepted_until if known is not None else 0
        demand(known is None or until, Reject.ASSET_IS_ACCEPTED)
        gap = until > market.business_date and ask.accepted_from > until
        demand(not gap, Reject.ASSET_IS_ACCEPTED)
        continues = known is not None and ask.accepted_from <= until
        since = known.accepted_from if known is not None and continues else ask.accepted_from
        self.tables[34][key] = Item(accepted_from=since, accepted_until=0)

    def WithdrawAsset(self, ask: Any, action: Action) -> None:
        market = self.market(ask.market)
        self.authorise(action, market.operator, ask)
        known = self.tables[34].get(ask.market.encode() + ask.instrument)
        demand(known is not None and not known.accepted_until, Reject.ASSET_IS_NOT_ACCEPTED)
        assert known is not None
        self.check_later(ask.accepted_until, max(market.business_date, known.accepted_from))
        known.accepted_until = ask.accepted_until
