"""A market that trades: members, a depository, two shares, two currencies' money, accounts with something in them.

Real books of every module below, on a real state; one action at a time, retries and invariants at each block's end.
"""

from __future__ import annotations

from typing import Any

import msgspec

from counterfoil.modules import settlement, trades
from counterfoil.modules.cash import records as cash_records
from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.interface import Cash
from counterfoil.modules.holdings import records as holding_records
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.interface import (
    AccountKind,
    EarmarkReason,
    Holdings,
    PostingReason,
)
from counterfoil.modules.holdings.records import ACCOUNTS, AccountStatus
from counterfoil.modules.identities import records as identity_records
from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.instruments import records as instrument_records
from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.interface import (
    Instrument,
    InstrumentKind,
    Instruments,
    InstrumentStatus,
    QuantityType,
    Rounding,
)
from counterfoil.modules.instruments.life import with_status
from counterfoil.modules.markets import records as market_records
from counterfoil.modules.markets.books import MarketsBooks
from counterfoil.modules.markets.counting import calendar_key
from counterfoil.modules.markets.interface import (
    DaySchedule,
    Market,
    Markets,
    MarketStatus,
    Rulebook,
)
from counterfoil.modules.markets.records import AcceptedAsset, CalendarKind, DatedCalendar, MarketCalendar
from counterfoil.modules.module import EVERY, ActionContext, BlockContext, Module
from counterfoil.modules.parties import records as party_records
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Parties, Party, PartyStatus, Role
from counterfoil.modules.settlement import records as settlement_records
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.interface import Instruction, Settlement
from counterfoil.modules.trades import records as trade_records
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.interface import Trades
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, UTC, Calendar
from counterfoil.primitives.codec import Fact, Message
from counterfoil.primitives.digests import keyed
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS, Table
from counterfoil.state.window import Window
from counterfoil.storage.memory_store import MemoryStore

NOW_MS = 1_381_150_000_000
DAY_MS = 86_400_000
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = 20131007, 20131008, 20131009, 20131010
SATURDAY = 20131012
MARKET = "XTST"


TABLES = tuple(
    table
    for records in (
        party_records,
        identity_records,
        market_records,
        instrument_records,
        holding_records,
        cash_records,
        trade_records,
        settlement_records,
    )
    for table in vars(records).values()
    if isinstance(table, Table)
)

MEMBERS: dict[str, tuple[str, Role]] = {
    "regulator": ("", Role.REGULATOR),
    "depository": ("regulator", Role.DEPOSITORY),
    "exchange": ("regulator", Role.EXCHANGE),
    "trustee": ("regulator", Role.TRUSTEE),
    "seller": ("regulator", Role.SECURITIES_COMPANY),
    "buyer": ("regulator", Role.SECURITIES_COMPANY),
    "third": ("regulator", Role.SECURITIES_COMPANY),
    "issuer": ("depository", Role.ISSUER),
    "client": ("seller", Role.INVESTOR),
}
SECURITIES = {
    "share": ("issuer", InstrumentKind.EQUITY, "USD"),
    "other": ("issuer", InstrumentKind.EQUITY, "USD"),
    "usd": ("trustee", InstrumentKind.MONEY_TOKEN, "USD"),
    "eur": ("trustee", InstrumentKind.MONEY_TOKEN, "EUR"),
}
ACCOUNTS_OF = {
    "seller's": ("seller", "depository", AccountKind.OWN),
    "buyer's": ("buyer", "depository", AccountKind.OWN),
    "third's": ("third", "depository", AccountKind.OWN),
    "buyer's cash": ("buyer", "depository", AccountKind.OWN),
    "client's": ("client", "seller", AccountKind.OWN),
}


def identity(kind: str, name: str, size: int = 20) -> bytes:
    return keyed(b"world", f"{kind}:{name}".encode(), size)


def party(name: str) -> bytes:
    return identity("party", name)


def account(name: str) -> bytes:
    return identity("account", name)


def instrument(name: str) -> bytes:
    return identity("instrument", name)


def signer(name: str) -> bytes:
    return identity("signer", name)


def by(*names: str) -> tuple[bytes, ...]:
    return tuple(signer(name) for name in names)


class World:
    """Monday is open. Every account may hold anything; `give` puts something in."""

    def __init__(self) -> None:
        layouts = {table.number: table.layout for table in (LINKS, *TABLES)}
        self.state = State(MemoryStore(layouts), TABLES, b"secret")
        self.state.found()
        self.books = self.state.books
        self.window = Window()
        self.height = 0
        self.time_ms = NOW_MS
        self.actions = 0
        self.retry_limit = 1_000
        self.wire()
        self.begin_block()
        self.lay()
        self.end_block()

    def wire(self) -> None:
        shelves = self.books.shelf
        self.parties_books = PartiesBooks(shelves)
        self.parties = Parties(self.parties_books)
        self.markets_books = MarketsBooks(shelves, self.parties)
        self.markets = Markets(self.markets_books)
        self.instruments_books = InstrumentsBooks(
            shelves, self.parties, self.markets, lambda name: self.holdings.outstanding(name)
        )
        self.instruments = Instruments(self.instruments_books)
        self.holdings_books = HoldingsBooks(
            shelves, self.parties, Identities(IdentitiesBooks(shelves, self.parties)), self.instruments
        )
        self.holdings = Holdings(self.holdings_books)
        self.cash = Cash(CashBooks(shelves, self.parties, self.markets, self.instruments, self.holdings))
        self.trades_books = TradesBooks(shelves, self.parties, self.markets, self.instruments, self.holdings)
        self.trades = Trades(self.trades_books)
        self.settlement_books = SettlementBooks(
            shelves, self.parties, self.markets, self.instruments, self.holdings, self.cash, self.trades
        )
        self.settlement = Settlement(self.settlement_books)
        self.rules = {
            **dict.fromkeys(trades.MODULE.rules, self.trades_books),
            **dict.fromkeys(settlement.MODULE.rules, self.settlement_books),
        }

    # What is there before anything happens

    def lay(self) -> None:
        for name, (parent, role) in MEMBERS.items():
            self.set_party(name, parent, role, PartyStatus.ACTIVE)
        self.set_day(MONDAY)
        self.set_rulebook()
        for name, (owner, servicer, kind) in ACCOUNTS_OF.items():
            self.open_account(name, owner, servicer, kind)
        for issuer in ("issuer", "trustee"):
            self.open_account(f"{issuer}'s issuance", issuer, "depository", AccountKind.ISSUANCE)
        for name, (issuer, kind, currency) in SECURITIES.items():
            self.instruments_books.instruments.put(
                instrument(name),
                Instrument(
                    kind=kind,
                    status=InstrumentStatus.ACTIVE,
                    issuer=party(issuer),
                    registrar=party("depository"),
                    market=MARKET,
                    class_name=name,
                    campaign="",
                    currency=currency,
                    quantity_type=QuantityType.UNITS,
                    scale=0,
                    settlement_unit=1,
                    minimum=1,
                    multiple=1,
                    rounding=Rounding.DOWN,
                    residue_account=b"",
                    maturity_date=0,
                    issuance_account=account(f"{issuer}'s issuance"),
                    handle=identity("handle", name, 16),
                    terms_version=1,
                    latest_version=1,
                ),
            )
            if kind is InstrumentKind.MONEY_TOKEN:
                self.markets_books.accepted_assets.put(
                    MARKET.encode() + instrument(name), AcceptedAsset(MONDAY)
                )

    def set_party(self, name: str, parent: str, role: Role, status: PartyStatus) -> None:
        self.parties_books.parties.put(
            party(name),
            Party(
                roles=(role,),
                parent=party(parent) if parent else b"",
                name=name,
                lei="",
                signer=signer(name),
                status=status,
                identity_hash=bytes(32),
                agent=party("seller"),
            ),
        )

    def suspend(self, name: str) -> None:
        self.set_party(name, *MEMBERS[name], PartyStatus.SUSPENDED)

    def set_day(
        self,
        date: int,
        *,
        is_open: bool = True,
        cut_off_dvp_ms: int = 2**62,
        cut_off_fop_ms: int = 2**62,
    ) -> None:
        status = MarketStatus.OPEN if is_open else MarketStatus.CLOSED
        self.markets_books.markets.put(
            MARKET.encode(),
            Market(party("depository"), "A market", status, date, cut_off_dvp_ms, cut_off_fop_ms, 2**62),
        )

    def set_rulebook(self, market: str = MARKET, **changes: Any) -> None:
        book = Rulebook(MONDAY, "UTC", UTC, DaySchedule(), 2, (), 0, (), False, 960, 1_080)
        self.markets_books.rulebooks.put(market.encode(), msgspec.structs.replace(book, **changes))

    def set_trading_calendar(self, market: str, *holidays: int) -> None:
        """Weekends and these days are closed."""
        versions = (DatedCalendar(MONDAY, Calendar(SATURDAY_AND_SUNDAY, tuple(holidays))),)
        self.markets_books.calendars.put(calendar_key(market, CalendarKind.TRADING), MarketCalendar(versions))

    def open_account(self, name: str, owner: str, servicer: str, kind: AccountKind) -> None:
        self.holdings.open_account(
            self.context(),
            party(owner),
            party(servicer),
            kind,
            account(name),
            servicer_instructs=servicer != "depository",
        )

    def give(self, holder: str, what: str, quantity: int) -> None:
        """Issue something into an account, as if it came in by issuance."""
        context = self.context()
        self.holdings.issue(
            context,
            instrument(what),
            self.instruments.require(instrument(what)),
            account(holder),
            self.holdings.require_account(account(holder)),
            quantity,
            PostingReason.FOUNDED,
            b"",
        )
        self.keep(context)

    def set_status(self, name: str, status: InstrumentStatus) -> None:
        found = self.instruments.require(instrument(name))
        self.instruments_books.instruments.put(instrument(name), with_status(found, status, b""))
        if status is InstrumentStatus.ACTIVE:
            self.block.credited[EVERY + instrument(name)] = None

    def change_instrument(self, name: str, **changes: Any) -> None:
        found = self.instruments.require(instrument(name))
        self.instruments_books.instruments.put(instrument(name), msgspec.structs.replace(found, **changes))

    def change_account(self, name: str, **changes: Any) -> None:
        found = self.holdings.account(account(name))
        assert found is not None
        self.books.shelf(ACCOUNTS).put(account(name), msgspec.structs.replace(found, **changes))
        if False in (changes.get("frozen_debits"), changes.get("frozen_credits")):
            self.block.credited[account(name) + EVERY] = None

    def close_account(self, name: str) -> None:
        self.change_account(name, status=AccountStatus.CLOSED)

    def pledge(self, holder: str, what: str, quantity: int) -> bytes:
        context = self.context()
        earmark_id = self.holdings.earmark(
            context,
            account(holder),
            self.holdings.require_account(account(holder)),
            instrument(what),
            self.instruments.require(instrument(what)),
            quantity,
            EarmarkReason.PLEDGE,
            party("trustee"),
            b"",
        )
        self.keep(context)
        return earmark_id

    # What happens

    def begin_block(self) -> None:
        self.height += 1
        self.time_ms += 1_000
        self.block = BlockContext(
            self.height, self.time_ms, 1, self.state.handle, self.window, DAY_MS, sandbox=True
        )
        self.retried: list[ActionContext] = []
        self.lapsed: list[ActionContext] = []
        for module, books in self.modules():
            for rule in module.deadlines:
                for act in rule(books, self.block, self.retry_limit):
                    context = self.context()
                    act(context)
                    self.keep(context)
                    self.lapsed.append(context)

    def modules(self) -> tuple[tuple[Module, Any], ...]:
        """Those under test, in the order in which the machine runs their deadlines."""
        return (trades.MODULE, self.trades_books), (settlement.MODULE, self.settlement_books)

    def context(self, *signers: bytes) -> ActionContext:
        self.actions += 1
        return ActionContext(self.block, self.actions.to_bytes(32, "big"), 0, signers)

    def act(self, message: Message, *names: str) -> ActionContext:
        """Run one message signed by these parties; what it did is kept, or taken back where it is rejected."""
        context = self.context(*by(*names))
        try:
            self.run(message, context)
        except Rejected:
            self.take_back()
            raise
        self.keep(context)
        return context

    def refused(self, message: Message, *names: str) -> RejectCode | None:
        """The code by which a message is refused, or None; nothing of it stays either way."""
        before = {
            number: {key: record for key, record in shelf.live.items() if record is not None}
            for number, shelf in self.books.shelves.items()
        }
        try:
            self.run(message, self.context(*by(*names)))
        except Rejected as rejected:
            return rejected.code
        finally:
            self.take_back()
            for number, live in before.items():
                now = self.books.shelves[number].live
                assert {key: record for key, record in now.items() if record is not None} == live
        return None

    def run(self, message: Message, context: ActionContext) -> None:
        module = trades.MODULE if type(message) in trades.MODULE.rules else settlement.MODULE
        module.rules[type(message)](self.rules[type(message)], message, context)

    def keep(self, context: ActionContext | None = None) -> None:
        self.books.accept()
        self.window.accept()
        if context is not None:
            self.block.credited.update(dict.fromkeys(context.credited))

    def take_back(self) -> None:
        self.books.reject()
        self.window.reject()

    def end_block(self) -> None:
        """Run the retries, check what always holds, commit, and begin another block."""
        self.keep()
        for rule in settlement.MODULE.retries:
            taken = 0
            for act in rule(self.settlement_books, self.block, self.retry_limit):
                taken += 1
                context = self.context()
                act(context)
                self.keep(context)
                self.retried.append(context)
            assert taken <= self.retry_limit
        self.check()
        self.state.commit(self.height)
        self.window.commit()
        retried = self.retried
        self.begin_block()
        self.last_retried = retried

    def check(self) -> None:
        changed = {
            number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
            for number, shelf in self.books.shelves.items()
        }
        for module, books in self.modules():
            for check in module.invariants:
                check(books, changed)
            for check_all in module.full_checks:
                check_all(books)
        for name, (issuer, _, _) in SECURITIES.items():
            held = sum(
                sum(self.holdings.balance(key[:20], key[20:]))
                for key, holding in self.holdings_books.holdings.live.items()
                if holding is not None
                and key[20:] == instrument(name)
                and key[:20] != account(f"{issuer}'s issuance")
            )
            assert held == self.holdings.outstanding(instrument(name))

    def forget_references(self) -> None:
        """Let the window of references pass."""
        self.window.commit()
        self.window.forget(2**62)

    # Looking

    def held(self, holder: str, what: str) -> tuple[int, int]:
        """(available, earmarked)."""
        return self.holdings.balance(account(holder), instrument(what))

    def live(self, instruction_id: bytes) -> Instruction:
        found = self.settlement.find(instruction_id)
        assert found is not None
        return found

    def reason(self, instruction_id: bytes) -> str:
        return self.live(instruction_id).reason

    def changed_tables(self) -> set[int]:
        """Numbers of the tables that the open block has changed so far."""
        return {
            number
            for number, shelf in self.books.shelves.items()
            if any(shelf.live[key] != old for key, old in shelf.touched.items())
        }


def told(context: ActionContext, kind: type[Fact]) -> list[Any]:
    """The facts of a kind that an action told, in order."""
    return [fact for fact, _ in context.facts if isinstance(fact, kind)]
