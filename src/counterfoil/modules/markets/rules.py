"""Who founds a market, what its rulebook may become, and how its days are opened and closed by hand."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from counterfoil.modules.markets.books import MarketsBooks, date_key, market_key
from counterfoil.modules.markets.checks import (
    check_dates,
    check_has_begun,
    check_later,
    check_rulebook,
    check_text,
    require_market,
)
from counterfoil.modules.markets.counting import calendar_key
from counterfoil.modules.markets.days import (
    begin_day,
    business_days,
    end_day,
    next_date,
    opens_by_itself_ms,
)
from counterfoil.modules.markets.facts import (
    AssetAccepted,
    AssetWithdrawn,
    CalendarSet,
    MarketHandedOver,
    MarketOpened,
    RulebookAmended,
)
from counterfoil.modules.markets.messages import (
    AcceptAsset,
    AmendRulebook,
    CloseDay,
    HandOverMarket,
    OpenDay,
    OpenMarket,
    SetCalendar,
    WithdrawAsset,
)
from counterfoil.modules.markets.records import (
    ACCEPTED_ASSETS_MAX,
    AMENDMENTS_MAX,
    CALENDAR_VERSIONS_MAX,
    NAME_LENGTH_MAX,
    AcceptedAsset,
    CalendarKind,
    DatedCalendar,
    Market,
    MarketCalendar,
    MarketStatus,
    Rulebook,
)
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.calendars import IsoDate, is_date
from counterfoil.primitives.currencies import is_currency
from counterfoil.primitives.identifiers import NO_VENUES, is_mic
from counterfoil.primitives.outcome import Rejected

_INSTRUMENT_ID_SIZE = 20
RUNS_A_MARKET = (Role.DEPOSITORY, Role.EXCHANGE, Role.OPERATOR)
"""Who may take a market over, as who may found one."""


def open_market(books: MarketsBooks, ask: OpenMarket, context: ActionContext) -> None:
    """The market is there, closed; its first day is opened like any other."""
    books.parties.authorise(context, ask.operator, OpenMarket)
    if not is_mic(ask.market) or ask.market in NO_VENUES:
        raise Rejected(MarketsReject.MARKET_CODE_IS_INVALID, market=ask.market[:20])
    key = market_key(ask.market)
    if books.markets.find(key) is not None:
        raise Rejected(MarketsReject.MARKET_EXISTS, market=ask.market)
    check_text(ask.name, NAME_LENGTH_MAX, MarketsReject.NAME_IS_INVALID)
    if not is_date(ask.last_date):
        raise Rejected(MarketsReject.DATE_IS_INVALID, date=ask.last_date)
    check_rulebook(ask.rulebook)
    check_has_begun(ask.last_date, context.time_ms, ask.rulebook.offsets)
    check_dates(ask.trading)
    check_dates(ask.settlement)
    books.rulebooks.put(key, ask.rulebook)
    for kind, calendar in ((CalendarKind.TRADING, ask.trading), (CalendarKind.SETTLEMENT, ask.settlement)):
        versions = (DatedCalendar(ask.last_date, calendar),)
        books.calendars.put(calendar_key(ask.market, kind), MarketCalendar(versions))
    books.markets.put(
        key,
        Market(
            operator=ask.operator,
            name=ask.name,
            status=MarketStatus.CLOSED,
            business_date=ask.last_date,
            cut_off_dvp_ms=0,
            cut_off_fop_ms=0,
            changes_ms=opens_by_itself_ms(books, ask.market, ask.last_date),
        ),
    )
    context.tell(MarketOpened(ask.market, ask.operator, ask.last_date), PUBLIC)


def amend_rulebook(books: MarketsBooks, ask: AmendRulebook, context: ActionContext) -> None:
    """Nothing changes for a day that has begun."""
    market = require_market(books, ask.market)
    books.parties.authorise(context, market.operator, AmendRulebook)
    check_rulebook(ask.rulebook)
    check_later(ask.rulebook.effective_from, market.business_date)
    key = market_key(ask.market)
    amendment_key = key + date_key(ask.rulebook.effective_from)
    waiting = sum(1 for _ in books.amendments.scan(key))
    if waiting >= AMENDMENTS_MAX and books.amendments.find(amendment_key) is None:
        raise Rejected(MarketsReject.TOO_MANY_AMENDMENTS, most=AMENDMENTS_MAX)
    books.amendments.put(amendment_key, ask.rulebook)
    _schedule_anew(books, ask.market, market)
    context.tell(RulebookAmended(ask.market, ask.rulebook.effective_from), PUBLIC)


def set_calendar(books: MarketsBooks, ask: SetCalendar, context: ActionContext) -> None:
    """What was open or closed stays so: the versions before its date keep what they say."""
    market = require_market(books, ask.market)
    books.parties.authorise(context, market.operator, SetCalendar)
    if (ask.kind is CalendarKind.CURRENCY) != bool(ask.currency) or (
        ask.currency and not is_currency(ask.currency)
    ):
        raise Rejected(MarketsReject.CURRENCY_IS_INVALID, currency=ask.currency[:20])
    check_later(ask.effective_from, market.business_date)
    check_dates(ask.calendar)
    key = calendar_key(ask.market, ask.kind, ask.currency)
    known = books.calendars.find(key)
    earlier = () if known is None else known.versions
    kept = [version for version in earlier if version.effective_from < ask.effective_from]
    versions = [*kept, DatedCalendar(ask.effective_from, ask.calendar)]
    if len(versions) > CALENDAR_VERSIONS_MAX:
        if versions[1].effective_from > market.business_date:
            raise Rejected(MarketsReject.TOO_MANY_AMENDMENTS, most=CALENDAR_VERSIONS_MAX)
        del versions[0]
    books.calendars.put(key, MarketCalendar(tuple(versions)))
    _schedule_anew(books, ask.market, market)
    context.tell(CalendarSet(ask.market, ask.kind, ask.currency, ask.effective_from), PUBLIC)


def hand_over_market(books: MarketsBooks, ask: HandOverMarket, context: ActionContext) -> None:
    """Whatever hangs on the operator is asked of the new one from the next message on.

    A regulator does not take a market from an operator that is active: it has to stop that one first, before everybody.
    """
    market = require_market(books, ask.market)
    parties, present = books.parties, market.operator
    if ask.authority != present and (
        not parties.has_role(ask.authority, Role.REGULATOR) or parties.is_active(present)
    ):
        raise Rejected(MarketsReject.AUTHORITY_MAY_NOT_HAND_OVER, authority=ask.authority, operator=present)
    parties.authorise(context, ask.authority, HandOverMarket)
    if ask.operator == present:
        raise Rejected(MarketsReject.OPERATOR_RUNS_THE_MARKET, operator=present)
    parties.require_role(ask.operator, *RUNS_A_MARKET)
    parties.authorise(context, ask.operator, HandOverMarket)

    books.markets.put(market_key(ask.market), replace(market, operator=ask.operator))
    context.tell(MarketHandedOver(ask.market, present, ask.operator, ask.authority), PUBLIC)


def open_day(books: MarketsBooks, ask: OpenDay, context: ActionContext) -> None:
    """Business days follow each other as the calendar has them, none twice and none left out.

    A day may be opened on the evening before, or before a weekend, as soon as the day before it is over.
    """
    market = require_market(books, ask.market)
    books.parties.authorise(context, market.operator, OpenDay)
    if market.status is MarketStatus.OPEN:
        raise Rejected(MarketsReject.DAY_IS_OPEN, business_date=market.business_date)
    if not is_date(ask.date):
        raise Rejected(MarketsReject.DATE_IS_INVALID, date=ask.date)
    if ask.date <= market.business_date:
        raise Rejected(MarketsReject.DATE_HAS_BEEN, date=ask.date, business_date=market.business_date)
    if not business_days(books, ask.market).is_open(IsoDate(ask.date)):
        raise Rejected(MarketsReject.DATE_IS_A_HOLIDAY, date=ask.date)
    following = next_date(books, ask.market, market.business_date)
    if following != ask.date:
        raise Rejected(MarketsReject.BUSINESS_DAY_IS_SKIPPED, date=ask.date, next_business_day=following)
    if market.closed_height == context.height:
        raise Rejected(MarketsReject.CLOSE_IS_IN_THIS_BLOCK, height=context.height)
    begin_day(books, context, ask.market, IsoDate(ask.date), scheduled=False)


def close_day(books: MarketsBooks, ask: CloseDay, context: ActionContext) -> None:
    """The block in which the operator closes the day is the day's last."""
    market = require_market(books, ask.market)
    books.parties.authorise(context, market.operator, CloseDay)
    if market.status is MarketStatus.CLOSED:
        raise Rejected(MarketsReject.DAY_IS_NOT_OPEN, business_date=market.business_date)
    if ask.date != market.business_date:
        raise Rejected(MarketsReject.DATE_IS_NOT_THE_BUSINESS_DATE, business_date=market.business_date)
    rulebook = cast(Rulebook, books.rulebooks.find(market_key(ask.market)))
    check_has_begun(ask.date, context.time_ms, rulebook.offsets)
    end_day(books, context, ask.market, scheduled=False)


def accept_asset(books: MarketsBooks, ask: AcceptAsset, context: ActionContext) -> None:
    """Whether the instrument is money is asked where it is used; here the market says that it takes it."""
    market = require_market(books, ask.market)
    books.parties.authorise(context, market.operator, AcceptAsset)
    if len(ask.instrument) != _INSTRUMENT_ID_SIZE:
        raise Rejected(MarketsReject.ASSET_IS_INVALID, bytes=len(ask.instrument))
    check_later(ask.accepted_from, market.business_date - 1)
    key = market_key(ask.market)
    known = books.accepted_assets.find(key + ask.instrument)
    if known is not None and not known.accepted_until:
        raise Rejected(MarketsReject.ASSET_IS_ACCEPTED, accepted_from=known.accepted_from)
    still_until = known.accepted_until if known is not None else 0
    if still_until > market.business_date and ask.accepted_from > still_until:
        raise Rejected(MarketsReject.ASSET_IS_ACCEPTED, accepted_until=still_until)
    if known is None and sum(1 for _ in books.accepted_assets.scan(key)) >= ACCEPTED_ASSETS_MAX:
        raise Rejected(MarketsReject.TOO_MANY_ASSETS, most=ACCEPTED_ASSETS_MAX)
    continues = known is not None and ask.accepted_from <= still_until
    accepted_from = known.accepted_from if known is not None and continues else ask.accepted_from
    books.accepted_assets.put(key + ask.instrument, AcceptedAsset(accepted_from))
    context.tell(AssetAccepted(ask.market, ask.instrument, accepted_from), PUBLIC)


def withdraw_asset(books: MarketsBooks, ask: WithdrawAsset, context: ActionContext) -> None:
    """Announced at least a business day ahead, so that what is due today can still settle."""
    market = require_market(books, ask.market)
    books.parties.authorise(context, market.operator, WithdrawAsset)
    key = market_key(ask.market) + ask.instrument
    known = books.accepted_assets.find(key) if len(ask.instrument) == _INSTRUMENT_ID_SIZE else None
    if known is None or known.accepted_until:
        raise Rejected(MarketsReject.ASSET_IS_NOT_ACCEPTED)
    check_later(ask.accepted_until, max(market.business_date, known.accepted_from))
    books.accepted_assets.put(key, replace(known, accepted_until=ask.accepted_until))
    context.tell(AssetWithdrawn(ask.market, ask.instrument, ask.accepted_until), PUBLIC)


def _schedule_anew(books: MarketsBooks, code: str, market: Market) -> None:
    """While the market is closed, what is to come decides when its next day opens."""
    if market.status is MarketStatus.CLOSED:
        changes_ms = opens_by_itself_ms(books, code, market.business_date)
        if changes_ms != market.changes_ms:
            books.markets.put(market_key(code), replace(market, changes_ms=changes_ms))
