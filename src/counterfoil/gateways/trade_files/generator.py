"""A trading day out of a seed: the demonstration's own data, the same on every machine.

Only whole numbers and SHA-256 are used. Some trades must fail, each for one reason; how many is settled in advance.
`docs/reference/trade-files.md` describes the day's shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from counterfoil.gateways.trade_files.counter_random import CounterRandom, running
from counterfoil.gateways.trade_files.fields import YEAR_MAX, YEAR_MIN
from counterfoil.gateways.trade_files.local_day import LocalDay
from counterfoil.gateways.trade_files.participants import Participants, client_account, weights
from counterfoil.gateways.trade_files.problems import RowFault
from counterfoil.gateways.trade_files.provisions import Provisions
from counterfoil.gateways.trade_files.rows import (
    PRICE_SCALE,
    SecurityScheme,
    SettlementTerms,
    TradeRow,
    exact_amount,
)
from counterfoil.primitives.amounts import divide_half_even, split_by_weight
from counterfoil.primitives.calendars import IsoDate, check_date
from counterfoil.primitives.currencies import minor_unit
from counterfoil.primitives.identifiers import check_mic, isin_check_digit

TRADES_MIN = 100
TRADES_MAX = 10_000_000
INSTRUMENTS_MAX = 1_000

PER = 10_000
"""What the shares below are parts of."""

TICK = 100
"""A price step: 0.01, in units of 10^-4."""

OPENING_TICKS = (500, 25_000)
"""Opening prices, in ticks: 5.00 to 250.00."""

STEPS = (-2, -1, -1, 0, 0, 0, 0, 1, 1, 2)
"""Ticks from one trade of an instrument to its next; all equally likely."""

ACTIVITY = (14, 9, 7, 6, 5, 4, 4, 3, 3, 3, 4, 4, 5, 6, 7, 9, 17)
"""Parts of the day's trades in each seventeenth of the session: busy opening, quiet noon, busier close."""

LOT = 10
LOTS = (1, 2, 3, 4, 5, 10, 20, 50, 100, 500)
LOTS_WEIGHTS = (3_600, 1_800, 1_200, 900, 720, 360, 180, 72, 36, 7)
"""Sizes in lots of ten: each as likely as 3600 div its number of lots (Zipf's law)."""

ODD_LOTS_SHARE = 800
"""Of ten thousand trades, those with one to nine units more than their lots."""

TERMS_SHARES = {SettlementTerms.CASH: 40, SettlementTerms.NEXT_DAY: 60, SettlementTerms.SELLERS: 10}
"""Of ten thousand trades; all others are regular way."""


class Fate(StrEnum):
    """What must become of a generated trade, if accounts are provided as `DemoDay.provisions` says."""

    SETTLES = "settles"
    SELLER_LACKS_SECURITIES = "seller lacks securities"
    BUYER_LACKS_MONEY = "buyer lacks money"
    INSTRUMENT_UNKNOWN = "instrument unknown"
    INSTRUMENT_SUSPENDED = "instrument suspended"
    PARTICIPANT_SUSPENDED = "participant suspended"


FATE_SHARES = {
    Fate.SELLER_LACKS_SECURITIES: 60,
    Fate.BUYER_LACKS_MONEY: 40,
    Fate.INSTRUMENT_UNKNOWN: 20,
    Fate.INSTRUMENT_SUSPENDED: 30,
    Fate.PARTICIPANT_SUSPENDED: 20,
}
"""Of ten thousand trades, rounded down, and never less than one trade of a kind."""

_BROKERS = (
    "ALDER",
    "BEECH",
    "CEDAR",
    "DOGWOOD",
    "ELM",
    "FIR",
    "GINKGO",
    "HAZEL",
    "IRONWOOD",
    "JUNIPER",
    "LARCH",
    "MAPLE",
    "NUTMEG",
    "OAK",
    "POPLAR",
    "QUINCE",
    "ROWAN",
    "SPRUCE",
    "TEAK",
    "WILLOW",
)
SUSPENDED_BROKER = "YEW"
NO_SECURITIES = "NO-SECURITIES"
NO_MONEY = "NO-MONEY"


_TRADE_DATE = IsoDate(20240311)


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What shapes a day. Times are minutes after midnight in `zone`; the clocks must not change between them."""

    seed: int = 1
    trades: int = 2_000
    instruments: int = 20
    brokers: int = 8
    clients_per_broker: int = 12
    trade_date: IsoDate = _TRADE_DATE
    zone: str = "UTC"
    opens: int = 9 * 60
    closes: int = 17 * 60 + 30
    venue: str = "XCTF"
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class DemoInstrument:
    """`opening_price` in units of 10^-4 of the currency. `listed` is False for the one that no register knows."""

    isin: str
    symbol: str
    opening_price: int
    listed: bool = True
    suspended: bool = False


class DemoDay:
    """One day. `rows` yields its trades in time order; everything else is known before the first of them."""

    def __init__(self, settings: DemoSettings | None = None) -> None:
        """Errors: ValueError for settings out of range."""
        self.settings = settings = settings or DemoSettings()
        _check(settings)
        self._minor_units = minor_unit(settings.currency)
        self._opens_ms, self._session_ms = _session(settings)
        self.brokers = tuple(
            _BROKERS[at] if at < len(_BROKERS) else f"BROKER-{at + 1:03d}" for at in range(settings.brokers)
        )
        self.participants = Participants(self.brokers, settings.clients_per_broker)
        draw = self._numbers("instruments")
        made = tuple(_instrument(number, draw) for number in range(1, settings.instruments + 3))
        self.instruments = made[: settings.instruments]
        """Those that are traded as they should be."""
        suspended, unknown = made[settings.instruments :]
        self.suspended_instrument = DemoInstrument(
            suspended.isin, suspended.symbol, suspended.opening_price, suspended=True
        )
        self.unknown_instrument = DemoInstrument(
            unknown.isin, unknown.symbol, unknown.opening_price, listed=False
        )
        self.expected = self._counts()
        """How many trades of each fate `rows` yields."""

    def rows(self) -> Iterator[TradeRow]:
        """The day's trades in time order; the same each time, and in constant memory but for the failing ones."""
        fates = self._failing_positions()
        draw = self._numbers("trades")
        instruments = (*self.instruments, self.suspended_instrument, self.unknown_instrument)
        ticks = [instrument.opening_price // TICK for instrument in instruments]
        popularity = running(weights(len(self.instruments)))
        sizes = running(LOTS_WEIGHTS)
        for number, time_ms in enumerate(self._times(), start=1):
            fate = fates.get(number, Fate.SETTLES)
            at = draw.pick(popularity)
            if fate is Fate.INSTRUMENT_SUSPENDED:
                at = len(self.instruments)
            elif fate is Fate.INSTRUMENT_UNKNOWN:
                at = len(self.instruments) + 1
            opening_ticks = instruments[at].opening_price // TICK
            moved = ticks[at] + STEPS[draw.below(len(STEPS))]
            ticks[at] = min(max(moved, opening_ticks // 2), opening_ticks * 2)
            quantity = LOT * LOTS[draw.pick(sizes)]
            if draw.below(PER) < ODD_LOTS_SHARE:
                quantity += 1 + draw.below(LOT - 1)
            terms = _terms(draw.below(PER))
            yield self._row(number, time_ms, fate, instruments[at].isin, ticks[at] * TICK, quantity, terms)

    def fate(self, row: TradeRow) -> Fate:
        """What must become of one of this day's trades; read from the row itself."""
        if row.security == self.unknown_instrument.isin:
            return Fate.INSTRUMENT_UNKNOWN
        if row.security == self.suspended_instrument.isin:
            return Fate.INSTRUMENT_SUSPENDED
        if row.seller == SUSPENDED_BROKER:
            return Fate.PARTICIPANT_SUSPENDED
        if row.seller_account == no_securities_account(row.seller):
            return Fate.SELLER_LACKS_SECURITIES
        if row.buyer_account == no_money_account(row.buyer):
            return Fate.BUYER_LACKS_MONEY
        return Fate.SETTLES

    def provisions(self) -> Provisions:
        """What accounts must hold at the opening, so that each failing trade fails for its one reason only.

        Accounts named NO-SECURITIES and NO-MONEY get nothing of what they lack, and the unknown instrument is
        nobody's. Goes through the whole day once.
        """
        needed = Provisions()
        for row in self.rows():
            fate = self.fate(row)
            if fate not in (Fate.SELLER_LACKS_SECURITIES, Fate.INSTRUMENT_UNKNOWN):
                needed.add_delivery(row)
            if fate is not Fate.BUYER_LACKS_MONEY:
                needed.add_payment(row)
        return needed

    def _row(
        self,
        number: int,
        time_ms: int,
        fate: Fate,
        isin: str,
        price: int,
        quantity: int,
        terms: SettlementTerms,
    ) -> TradeRow:
        settings = self.settings
        file = f"demo-{settings.seed}"
        reference = f"{file}:{number}"
        pair = self.participants.assign(reference)
        buyer_account, seller, seller_account = pair.buyer_account, pair.seller, pair.seller_account
        if fate is Fate.SELLER_LACKS_SECURITIES:
            seller_account = no_securities_account(seller)
        elif fate is Fate.BUYER_LACKS_MONEY:
            buyer_account = no_money_account(pair.buyer)
        elif fate is Fate.PARTICIPANT_SUSPENDED:
            seller = SUSPENDED_BROKER
            seller_account = client_account(seller, 1) if settings.clients_per_broker else None
        return TradeRow(
            file=file,
            line=number,
            reference=reference,
            trade_reference=f"DEMO-{settings.trade_date}-{number}",
            security=isin,
            scheme=SecurityScheme.ISIN,
            venue=settings.venue,
            trade_date=settings.trade_date,
            execution_time_ms=time_ms,
            settlement_terms=terms,
            settlement_date=None,
            quantity=quantity,
            price=price,
            price_scale=PRICE_SCALE,
            amount=divide_half_even(*exact_amount(price, PRICE_SCALE, quantity, self._minor_units)),
            currency=settings.currency,
            buyer=pair.buyer,
            seller=seller,
            buyer_account=buyer_account,
            seller_account=seller_account,
        )

    def _times(self) -> Iterator[int]:
        """Each trade has its own stretch of its seventeenth of the session, and a random place in it."""
        draw = self._numbers("times")
        for part, count in enumerate(split_by_weight(self.settings.trades, ACTIVITY)):
            first = self._session_ms * part // len(ACTIVITY)
            span = self._session_ms * (part + 1) // len(ACTIVITY) - first
            for position in range(count):
                yield self._opens_ms + first + (position * span + draw.below(span)) // count

    def _counts(self) -> dict[Fate, int]:
        failing = {fate: max(1, self.settings.trades * share // PER) for fate, share in FATE_SHARES.items()}
        return {Fate.SETTLES: self.settings.trades - sum(failing.values())} | failing

    def _failing_positions(self) -> dict[int, Fate]:
        draw = self._numbers("fates")
        positions: dict[int, Fate] = {}
        for fate in FATE_SHARES:
            for _ in range(self.expected[fate]):
                number = 1 + draw.below(self.settings.trades)
                while number in positions:
                    number = 1 + draw.below(self.settings.trades)
                positions[number] = fate
        return positions

    def _numbers(self, purpose: str) -> CounterRandom:
        return CounterRandom(f"counterfoil/demo-day/1:{self.settings.seed}:{purpose}:".encode())


def no_securities_account(broker: str) -> str:
    """The broker's client that sells and never has anything."""
    return f"{broker}-{NO_SECURITIES}"


def no_money_account(broker: str) -> str:
    """The broker's client that buys and never has money."""
    return f"{broker}-{NO_MONEY}"


def _instrument(number: int, draw: CounterRandom) -> DemoInstrument:
    """ZZ is no country (ISO 3166 leaves it to users), so that no such ISIN is anyone's."""
    body = f"ZZDEMO{number:05d}"
    low, high = OPENING_TICKS
    price = TICK * (low + draw.below(high - low + 1))
    return DemoInstrument(body + isin_check_digit(body), f"DM{number:04d}", price)


def _terms(number: int) -> SettlementTerms:
    for terms, share in TERMS_SHARES.items():
        if number < share:
            return terms
        number -= share
    return SettlementTerms.REGULAR


def _session(settings: DemoSettings) -> tuple[int, int]:
    """The instant of the opening and the length of the session, both in milliseconds."""
    length = (settings.closes - settings.opens) * 60_000
    try:
        day = LocalDay(settings.trade_date, ZoneInfo(settings.zone))
        opens, closes = day.instant(settings.opens * 60_000), day.instant(settings.closes * 60_000)
    except (RowFault, ZoneInfoNotFoundError, OSError):
        raise ValueError(f"no such session in the time zone {settings.zone}") from None
    if closes - opens != length:
        raise ValueError("the clocks change during the session")
    return opens, length


def _check(settings: DemoSettings) -> None:
    if not TRADES_MIN <= settings.trades <= TRADES_MAX:
        raise ValueError(f"a day has {TRADES_MIN} to {TRADES_MAX} trades")
    if not 1 <= settings.instruments <= INSTRUMENTS_MAX:
        raise ValueError(f"a day has 1 to {INSTRUMENTS_MAX} instruments")
    if not 0 <= settings.opens < settings.closes < 24 * 60:
        raise ValueError("a session opens before it closes, both in minutes after midnight")
    check_date(settings.trade_date)
    if not YEAR_MIN <= settings.trade_date // 10_000 <= YEAR_MAX:
        raise ValueError(f"a day lies in the years {YEAR_MIN} to {YEAR_MAX}")
    check_mic(settings.venue)
