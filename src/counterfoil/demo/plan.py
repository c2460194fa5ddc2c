"""What a demonstration needs before its market is founded: who trades what, in which accounts, with what provision.

Made by going through all trades once. Nothing here knows the ledger.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from counterfoil.demo.places import Place, place_of
from counterfoil.gateways.trade_files import (
    Participants,
    RowProblem,
    SecurityScheme,
    Tally,
    TradeFile,
    TradeFileKind,
    TradeRow,
    intended_settlement_date,
    open_trade_files,
)
from counterfoil.gateways.trade_files.generator import SUSPENDED_BROKER, DemoDay, Fate
from counterfoil.primitives.calendars import IsoDate, is_business_day, next_business_day
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.identifiers import isin_check_digit

BROKERS = ("ALDER", "BEECH", "CEDAR", "DOGWOOD", "ELM", "FIR", "GINKGO", "HAZEL")
CLIENTS_PER_BROKER = 25
"""Who is assigned to the rows of tick files, which name nobody."""
BUSINESS_DAYS_MAX = 250
"""Of one run: a year."""
ACCOUNTS_MAX = 100_000
KNOWN_ISINS = {"IBM": "US4592001014"}
"""Of symbols in the tick files that come with the documentation; any other gets one under ZZ, which no country has."""

Progress = Callable[[int, int], None]
Holder = tuple[str, str | None]
"""A broker and its client's account, None for the broker's own."""


class PlanError(Exception):
    """What no demonstration can be made of: trades, names, places. The message says what to do."""


class StoppedAtBadRow(Exception):
    """A strict run met a row that is no trade and should have been one."""

    def __init__(self, problem: RowProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Security:
    """name: as the rows call it. listed is False for one that no register knows, suspended for one that is stopped."""

    name: str
    isin: str
    symbol: str
    currency: str
    listed: bool = True
    suspended: bool = False


@dataclass
class Plan:
    """Amounts in minor units of their currency, quantities in units.

    securities by the name that rows use. deliveries, payments: provision by holder and security's name or currency.
    first, last: the first trade date and the last intended settlement date. tally: what the rows are. rows: every trade
    in the order of trade dates; the same each time.
    """

    title: str
    sources: tuple[str, ...]
    currency: str
    place: Place
    first: IsoDate
    last: IsoDate
    brokers: tuple[str, ...]
    suspended_brokers: frozenset[str]
    holders: tuple[Holder, ...]
    securities: dict[str, Security]
    currencies: tuple[str, ...]
    deliveries: dict[tuple[Holder, str], int]
    payments: dict[tuple[Holder, str], int]
    tally: Tally
    rows: Callable[[], Iterator[TradeRow]]
    expected: dict[Fate, int] = field(default_factory=dict)

    def settlement_date(self, row: TradeRow) -> IsoDate:
        """When a trade is meant to settle: on the settlement calendar and, of the main currency, the currency's."""
        return _settlement_date(self.place, self.currency, row)

    def business_days(self) -> list[IsoDate]:
        """The market's, from the first trade to the last settlement. PlanError beyond a year."""
        day, calendar = self.first, self.place.settlement
        days = [day if is_business_day(day, calendar) else next_business_day(day, calendar)]
        while days[-1] < self.last:
            days.append(next_business_day(days[-1], calendar))
            if len(days) > BUSINESS_DAYS_MAX:
                raise PlanError(
                    f"The trades reach from {self.first} to {self.last}, more than {BUSINESS_DAYS_MAX} business days;"
                    " run them in parts."
                )
        return days


class _Survey:
    """Gathers what a plan needs while trades go by."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.holders: dict[Holder, None] = {}
        self.brokers: dict[str, None] = {}
        self.securities: dict[str, tuple[SecurityScheme, str]] = {}
        self.currencies: dict[str, int] = {}
        self.deliveries: dict[tuple[Holder, str], int] = {}
        self.payments: dict[tuple[Holder, str], int] = {}
        self.dates: dict[IsoDate, None] = {}
        self.settlements: dict[tuple[object, ...], TradeRow] = {}
        """One trade of each date, terms and currency: together they settle on all days that any does."""

    def add(self, row: TradeRow, delivers: bool = True, pays: bool = True) -> None:
        seller, buyer = (row.seller, row.seller_account), (row.buyer, row.buyer_account)
        self.holders[seller] = self.holders[buyer] = None
        self.brokers[row.seller] = self.brokers[row.buyer] = None
        self.dates[row.trade_date] = None
        self.settlements[(row.trade_date, row.settlement_terms, row.settlement_date, row.currency)] = row
        self.currencies[row.currency] = self.currencies.get(row.currency, 0) + 1
        self.securities.setdefault(row.security, (row.scheme, row.currency))
        if delivers:
            place = (seller, row.security)
            self.deliveries[place] = self.deliveries.get(place, 0) + row.quantity
        if pays:
            place = (buyer, row.currency)
            self.payments[place] = self.payments.get(place, 0) + row.amount


def plan_generated(day: DemoDay) -> Plan:
    """A plan for the generator's day, whose failing trades fail for their one reason each."""
    survey = _Survey()
    for row in day.rows():
        fate = day.fate(row)
        survey.tally.add(row)
        survey.add(
            row,
            delivers=fate not in (Fate.SELLER_LACKS_SECURITIES, Fate.INSTRUMENT_UNKNOWN),
            pays=fate is not Fate.BUYER_LACKS_MONEY,
        )
    listed = (*day.instruments, day.suspended_instrument, day.unknown_instrument)
    currency = day.settings.currency
    securities = {
        one.isin: Security(one.isin, one.isin, one.symbol, currency, one.listed, one.suspended)
        for one in listed
    }
    place = place_of(currency, day.settings.trade_date, day.settings.trade_date)
    plan = _plan(
        f"a generated day of {day.settings.trades:,} trades (seed {day.settings.seed})",
        (),
        survey,
        place,
        day.rows,
    )
    plan.securities = securities
    plan.suspended_brokers = frozenset({SUSPENDED_BROKER})
    plan.expected = day.expected
    return plan


def plan_files(
    paths: Sequence[Path],
    listed: Callable[[RowProblem], None] = lambda _problem: None,
    *,
    strict: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """A plan for real days. `listed` is given every row that is no trade.

    Errors: TradeFileError, PlanError; with `strict`, StoppedAtBadRow at the first bad row.
    """
    files = open_trade_files(paths, Participants(BROKERS, CLIENTS_PER_BROKER))
    survey = _Survey()
    size, done, rows_read = sum(file.size_bytes for file in files), 0, 0
    in_order: list[bool] = []
    for file in files:
        latest, ordered = IsoDate(0), True
        stated = file.kind is TradeFileKind.OWN_FORMAT
        for read in file:
            survey.tally.add(read, stated=stated)
            if isinstance(read, RowProblem):
                if strict and read.code.is_bad_row:
                    raise StoppedAtBadRow(read)
                listed(read)
            else:
                survey.add(read)
                ordered = ordered and read.trade_date >= latest
                latest = read.trade_date
            if progress is not None and survey.tally.rows % 4_096 == 0:
                progress(done + file.bytes_read, size)
        done += file.size_bytes
        rows_read += file.rows_read
        in_order.append(ordered)
    survey.tally.ensure_adds_up(rows_read)
    if not survey.tally.trades:
        raise PlanError("There is no trade in the files; the report lists what their rows are instead.")
    if len(survey.holders) > ACCOUNTS_MAX:
        raise PlanError(
            f"The files name {len(survey.holders):,} accounts; a demonstration opens {ACCOUNTS_MAX:,} at most."
        )
    main = min(survey.currencies, key=lambda code: (-survey.currencies[code], code))
    place = place_of(main, min(survey.dates), max(survey.dates))
    title = f"{survey.tally.trades:,} trades from {len(files)} file{'s' if len(files) > 1 else ''}"
    return _plan(title, tuple(file.name for file in files), survey, place, lambda: _by_date(files, in_order))


def _plan(
    title: str,
    sources: tuple[str, ...],
    survey: _Survey,
    place: Place,
    rows: Callable[[], Iterator[TradeRow]],
) -> Plan:
    currencies = sorted(survey.currencies, key=lambda code: (-survey.currencies[code], code))
    settlements = [_settlement_date(place, currencies[0], row) for row in survey.settlements.values()]
    return Plan(
        title=title,
        sources=sources,
        currency=currencies[0],
        place=place,
        first=min(survey.dates),
        last=max(settlements),
        brokers=tuple(sorted(survey.brokers)),
        suspended_brokers=frozenset(),
        holders=tuple(sorted(survey.holders, key=lambda holder: (holder[0], holder[1] or ""))),
        securities=_named(survey.securities),
        currencies=tuple(currencies),
        deliveries=_within_limits(survey.deliveries),
        payments=_within_limits(survey.payments),
        tally=survey.tally,
        rows=rows,
    )


def _settlement_date(place: Place, main_currency: str, row: TradeRow) -> IsoDate:
    cycle = place.cycle_days(row.trade_date)
    if row.currency == main_currency:
        return intended_settlement_date(row, cycle, place.settlement, place.currency)
    return intended_settlement_date(row, cycle, place.settlement)


def _by_date(files: Sequence[TradeFile], in_order: Sequence[bool]) -> Iterator[TradeRow]:
    """All trades by trade date, in the order of the files within a date; a file in disorder is sorted in memory."""

    def trades(file: TradeFile, ordered: bool) -> Iterable[TradeRow]:
        found = (read for read in file if not isinstance(read, RowProblem))
        return found if ordered else sorted(found, key=_trade_date)

    return heapq.merge(*(trades(*pair) for pair in zip(files, in_order, strict=True)), key=_trade_date)


def _trade_date(row: TradeRow) -> IsoDate:
    return row.trade_date


def _named(found: dict[str, tuple[SecurityScheme, str]]) -> dict[str, Security]:
    """Every security with an ISIN: as named, as known, or one made up under ZZ."""
    securities: dict[str, Security] = {}
    for number, (name, (scheme, currency)) in enumerate(sorted(found.items()), start=1):
        if scheme is SecurityScheme.ISIN:
            securities[name] = Security(name, name, "", currency)
        else:
            body = f"ZZSYM{number:06d}"
            isin = KNOWN_ISINS.get(name) or body + isin_check_digit(body)
            securities[name] = Security(name, isin, name, currency)
    return securities


def _within_limits(needed: dict[tuple[Holder, str], int]) -> dict[tuple[Holder, str], int]:
    """As asked, as long as all of one security or currency together fit into the ledger's largest amount."""
    left: dict[str, int] = {}
    given: dict[tuple[Holder, str], int] = {}
    for (holder, what), amount in needed.items():
        granted = min(amount, left.get(what, AMOUNT_MAX))
        left[what] = left.get(what, AMOUNT_MAX) - granted
        if granted:
            given[(holder, what)] = granted
    return given
