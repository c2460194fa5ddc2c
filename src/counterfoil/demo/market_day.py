"""Running the market: days opened and closed, trades entered by both sides, until the last is settled or pending."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.table import Table

from counterfoil.custody.signers import SandboxKey
from counterfoil.demo.floor import key_of, send
from counterfoil.demo.market import MARKET, Market
from counterfoil.demo.places import offsets_of
from counterfoil.demo.screen import Screen, Step
from counterfoil.gateways.trade_files import TradeRow
from counterfoil.machine.transactions import NONCE_BYTES, Body, Mode, Signature, Transaction, sign_prefix
from counterfoil.node.protocol import Answered
from counterfoil.primitives.calendars import IsoDate, UtcOffsets, date_text, time_of_local
from counterfoil.primitives.codec import encode
from counterfoil.primitives.frames import Problem
from counterfoil.sdk.messages import Capacity, CloseDay, InstructBoth, OpenDay, Side, TradeTerms
from counterfoil.sdk.rejects import problem_of_number

BATCH = 1_000
"""Trades that are sent together where they go in lists."""
BATCH_SINGLY = 100
BATCHES_UNDER_WAY = 3
SINGLY_MAX = 10_000
"""Up to so many trades each is a transaction of its own; more go in lists, signed once by each of both brokers."""
LIST = 100
LOOK_SECONDS = 0.2
DAYS_SHOWN = 10
"""Lines for business days; of more the first and the last are shown."""
EXPIRY_MS = 30 * 3_600_000
"""Longer than a business day: the sandbox's clock moves with the trades while batches are under way."""
ID_WINDOW_MS = EXPIRY_MS + 3_600_000

Entered = tuple[str, int, str]
"""Where an entered trade comes from: file, line, trade reference."""
Sent = list[tuple[list[TradeRow], bytes]]
"""Transactions with the trades that each one carries."""


@dataclass
class DayRecord:
    """One business day. settled, pending: pairs of instructions, at its close; opened, closed: heights."""

    date: IsoDate
    opened: int
    closed: int = 0
    entered: int = 0
    refused: int = 0
    settled: int = 0
    pending: int = 0


@dataclass
class Run:
    """What became of the trades. nets: what entered trades would change, by (account, instrument or token)."""

    days: list[DayRecord] = field(default_factory=list)
    entered: dict[bytes, Entered] = field(default_factory=dict)
    nets: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    refused: int = 0
    opening_height: int = 0
    seconds: float = 0.0


def days_table(days: list[DayRecord]) -> Table:
    """What each business day brought; of many days those in the middle are told together."""
    table = Table(show_footer=len(days) > 1, box=SIMPLE_HEAD)
    table.add_column("business day", footer="all days")
    sums = [sum(figures) for figures in zip(*(_figures(day) for day in days), strict=True)]
    for name, figure in zip(("entered", "refused", "settled"), sums, strict=False):
        table.add_column(name, justify="right", footer=f"{figure:,}", no_wrap=True)
    table.add_column("pending at close", justify="right", footer=f"{days[-1].pending:,}", no_wrap=True)
    if len(days) <= DAYS_SHOWN:
        first, between, last = days, [], []
    else:
        half = DAYS_SHOWN // 2
        first, between, last = days[:half], days[half:-half], days[-half:]
    for day in first:
        table.add_row(date_text(day.date), *_cells(_figures(day)), f"{day.pending:,}")
    if between:
        figures = [sum(those) for those in zip(*(_figures(day) for day in between), strict=True)]
        table.add_row(f"{len(between):,} days between", *_cells(figures), f"{between[-1].pending:,}")
    for day in last:
        table.add_row(date_text(day.date), *_cells(_figures(day)), f"{day.pending:,}")
    return table


def _figures(day: DayRecord) -> tuple[int, int, int]:
    return day.entered, day.refused, day.settled


def _cells(figures: Iterable[int]) -> list[str]:
    return [f"{figure:,}" for figure in figures]


class Trading:
    """Enters a market's trades, each as one transaction signed by both brokers, and runs its days."""

    def __init__(self, market: Market, refused: Callable[[TradeRow, Problem], None]) -> None:
        """`refused` is given every trade that the ledger did not take, with its reject."""
        self.market = market
        self.run = Run()
        self._refused = refused
        self._connection = market.floor.connect()
        self._prefix = sign_prefix(self._connection.chain_id)
        self._keys: dict[str, SandboxKey] = {}
        self._numbers: dict[str, int] = {}
        plan = market.plan
        singly = plan.tally.trades <= SINGLY_MAX
        self._list, self._batch = (1, BATCH_SINGLY) if singly else (LIST, BATCH)
        self._offsets: UtcOffsets = offsets_of(plan.place.zone, plan.first, plan.last)

    def run_days(self, screen: Screen) -> Run:
        """Every business day from the first trade to the last settlement."""
        plan, run = self.market.plan, self.run
        run.opening_height = self._height()
        total = plan.tally.trades
        rows = plan.rows()
        waiting = next(rows, None)
        dates = plan.business_days()
        with screen.step("Business days", total) as step:
            for date in dates:
                day = self._open(date)
                step.name(f"{date_text(date)}: settling what is due")
                self._settle_due(step)
                step.name(f"{date_text(date)}: entering trades")
                step.at(len(run.entered) + run.refused, total)
                todays: list[TradeRow] = []
                while waiting is not None and waiting.trade_date <= date:
                    todays.append(waiting)
                    waiting = next(rows, None)
                    if len(todays) == BATCH * 10:
                        self._enter(todays, day, step)
                        todays = []
                self._enter(todays, day, step)
                self._close(day)
            step.said = f"{len(dates):,}, {date_text(dates[0])} to {date_text(dates[-1])}"
        screen.table(days_table(run.days))
        return run

    # ---- days ----

    def _open(self, date: IsoDate) -> DayRecord:
        place, depository = self.market.plan.place, self.market.floor.depository
        self._connection.advance_clock(time_of_local(date, place.opens_minute, self._offsets))
        send(depository, [OpenDay(MARKET, date)])
        day = DayRecord(date, self._height())
        self.run.days.append(day)
        return day

    def _settle_due(self, step: Step) -> None:
        """Let the ledger try what has become due."""
        total = self._open_pairs()
        now_ms = self._clock_ms()
        with ThreadPoolExecutor(1) as waiting:
            done = waiting.submit(self._connection.advance_clock, now_ms)
            while not done.done():
                step.at(total - self._open_pairs(), total)
                wait([done], LOOK_SECONDS)
            done.result()

    def _close(self, day: DayRecord) -> None:
        place, depository = self.market.plan.place, self.market.floor.depository
        self._connection.advance_clock(time_of_local(day.date, place.closes_minute, self._offsets))
        day.pending = self._open_pairs()
        before = sum(earlier.settled for earlier in self.run.days)
        day.settled = len(self.run.entered) - day.pending - before
        send(depository, [CloseDay(MARKET, day.date)])
        day.closed = self._height()

    def _height(self) -> int:
        return self.market.floor.depository.status().moment.height

    def _clock_ms(self) -> int:
        return self.market.floor.depository.time_ms()

    def _open_pairs(self) -> int:
        """Matched pairs that wait, for their date or for provision."""
        waiting = self.market.floor.depository.status().waiting
        return waiting["waiting"] + waiting["due"] + waiting["ready"]

    # ---- trades ----

    def _enter(self, rows: list[TradeRow], day: DayRecord, step: Step) -> None:
        """Sign and send in batches; while one is decided the next is signed."""
        with ThreadPoolExecutor(1) as sending:
            under_way: list[tuple[Sent, Future[list[Answered]]]] = []
            for start in range(0, len(rows), self._batch):
                batch = rows[start : start + self._batch]
                self._move_clock(batch[-1].execution_time_ms, day)
                expiry_ms = self._clock_ms() + EXPIRY_MS
                sent = [(listed, self._signed(listed, expiry_ms)) for listed in self._lists(batch)]
                raw = [transaction for _, transaction in sent]
                under_way.append((sent, sending.submit(self._connection.submit, raw)))
                if len(under_way) > BATCHES_UNDER_WAY:
                    self._take(*under_way.pop(0), day, step)
            for sent, answers in under_way:
                self._take(sent, answers, day, step)

    def _lists(self, batch: list[TradeRow]) -> list[list[TradeRow]]:
        """Trades that travel in one transaction: one, or up to `LIST` between the same two brokers."""
        if self._list == 1:
            return [[row] for row in batch]
        full: list[list[TradeRow]] = []
        filling: dict[tuple[str, str], list[TradeRow]] = {}
        for row in batch:
            pair = (row.seller, row.buyer) if row.seller < row.buyer else (row.buyer, row.seller)
            listed = filling.setdefault(pair, [])
            listed.append(row)
            if len(listed) == self._list:
                full.append(filling.pop(pair))
        return [*full, *filling.values()]

    def _move_clock(self, time_ms: int, day: DayRecord) -> None:
        """Let the sandbox's time pass with the trades, within the business day."""
        closes = time_of_local(day.date, self.market.plan.place.closes_minute, self._offsets)
        if time_ms < closes:
            self._connection.advance_clock(time_ms)

    def _take(self, sent: Sent, answers: Future[list[Answered]], day: DayRecord, step: Step) -> None:
        for (rows, _), answer in zip(sent, answers.result(), strict=True):
            if not answer.messages:
                for row in rows:
                    self._refuse(row, day, _problem(answer.problems, answer.number))
                continue
            problems = iter(answer.problems)
            for row, result in zip(rows, answer.messages, strict=True):
                if result.number:
                    self._refuse(row, day, _problem(tuple(islice(problems, 1)), result.number))
                else:
                    day.entered += 1
                    self.run.entered[result.objects[1]] = (row.file, row.line, row.trade_reference)
                    self._count(row)
        step.advance(sum(len(rows) for rows, _ in sent))

    def _refuse(self, row: TradeRow, day: DayRecord, problem: Problem) -> None:
        day.refused += 1
        self.run.refused += 1
        self._refused(row, problem)

    def _signed(self, rows: list[TradeRow], expiry_ms: int) -> bytes:
        """Trades with the instructions of both sides, each on its own, as one transaction of both brokers."""
        seller, buyer = self._key(rows[0].seller), self._key(rows[0].buyer)
        keys = (seller,) if seller is buyer else (seller, buyer)
        signers = tuple([key.address for key in keys])
        messages = tuple([self._message(row) for row in rows])
        body = encode(Body(expiry_ms, os.urandom(NONCE_BYTES), signers, Mode.EACH_ON_ITS_OWN, messages))
        text = self._prefix + body
        signatures = [Signature(place, key.public_key, key.sign(text)) for place, key in enumerate(keys)]
        return encode(Transaction(body, tuple(signatures)))

    def _message(self, row: TradeRow) -> InstructBoth:
        market = self.market
        seller, buyer = market.members[row.seller], market.members[row.buyer]
        delivers = market.accounts[(row.seller, row.seller_account)]
        receives = market.accounts[(row.buyer, row.buyer_account)]
        number = self._numbers.setdefault(row.file, len(self._numbers) + 1)
        own = f"{number}-{row.line}"
        terms = TradeTerms(
            trade_reference=row.trade_reference,
            venue=row.venue,
            execution_time_ms=row.execution_time_ms,
            trade_date=row.trade_date,
            instrument_id=market.securities.get(row.security) or unregistered(row.security),
            quantity=row.quantity,
            price=row.price,
            price_scale=row.price_scale,
            amount=row.amount,
            asset=market.money[row.currency],
            seller=seller,
            buyer=buyer,
            seller_client=delivers if row.seller_account else b"",
            buyer_client=receives if row.buyer_account else b"",
            seller_capacity=Capacity.AGENT if row.seller_account else Capacity.OWN_ACCOUNT,
            buyer_capacity=Capacity.AGENT if row.buyer_account else Capacity.OWN_ACCOUNT,
        )
        return InstructBoth(
            MARKET,
            terms,
            market.plan.settlement_date(row),
            Side(delivers, f"{own}-S"),
            Side(receives, f"{own}-B"),
            "TRAD",
            own,
        )

    def _count(self, row: TradeRow) -> None:
        market, nets = self.market, self.run.nets
        seller = market.accounts[(row.seller, row.seller_account)]
        buyer = market.accounts[(row.buyer, row.buyer_account)]
        instrument, token = market.securities[row.security], market.money[row.currency]
        for account, what, change in (
            (seller, instrument, -row.quantity),
            (buyer, instrument, row.quantity),
            (buyer, token, -row.amount),
            (seller, token, row.amount),
        ):
            nets[(account, what)] = nets.get((account, what), 0) + change

    def _key(self, broker: str) -> SandboxKey:
        key = self._keys.get(broker)
        if key is None:
            key = self._keys[broker] = key_of(broker)
        return key


def unregistered(security: str) -> bytes:
    """An identity that no register knows, for a security that nobody registered."""
    return sha256(b"counterfoil demonstration, unregistered: " + security.encode()).digest()[:20]


def _problem(told: tuple[Problem, ...], number: int) -> Problem:
    return told[0] if told else problem_of_number(number)
