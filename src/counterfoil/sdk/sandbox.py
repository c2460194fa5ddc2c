"""A scratch ledger to try things on: personas with keys, a market that is open, a clock that can be moved.

None of this exists on a production ledger: it is refused there by the ledger itself.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC as UTC_ZONE
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from counterfoil.node.ledger import LedgerNode, create_ledger, memory_ledger, open_ledger
from counterfoil.node.personas import PERSONAS, SANDBOX_START_MS, persona_keys, sandbox_genesis
from counterfoil.node.reads_market import MarketLine
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.primitives.calendars import IsoDate, parse_date, time_of_local
from counterfoil.sdk import recipes
from counterfoil.sdk.client import Client
from counterfoil.sdk.connections import Connection, LocalConnection
from counterfoil.sdk.errors import error_for
from counterfoil.sdk.messages import (
    UTC,
    AcceptAsset,
    AccountKind,
    AnnounceInstrument,
    CloseDay,
    DaySchedule,
    Mint,
    OpenDay,
)

MARKET = "XSBX"
OPENS_MINUTE, CLOSES_MINUTE = 7 * 60, 18 * 60
SHARE_ISIN, BOND_ISIN = "XS0000000009", "XS0000000017"
SHARES, FACE_AMOUNT = 1_000_000, 1_000_000_00
SHARES_EACH, FACE_EACH, MONEY_EACH = 100_000, 100_000_00, 10_000_000_00
HOLDERS = ("broker-a", "broker-b", "investor-a", "investor-b")
_SERVICERS = {"investor-a": "broker-a", "investor-b": "broker-b"}

Connect = Callable[[], Connection]


class Fixtures(NamedTuple):
    """What a seeded sandbox has. accounts: by persona. Everybody in `HOLDERS` has 100,000 shares, a face amount of
    100,000.00 of the bond, and 10,000,000.00 euro tokens of the trustee, in the one account."""

    market: str
    share: bytes
    bond: bytes
    euro: bytes
    accounts: dict[str, bytes]


class Sandbox:
    """A sandbox ledger of its own, in memory, or in a folder (`folder=True` for a temporary one). Close it after use.

    seeded: with a market that is open, a share and a bond that are registered and allotted, and money minted (see
    `Fixtures`); otherwise with the personas alone.
    """

    def __init__(
        self,
        *,
        seeded: bool = True,
        name: str = "sandbox",
        start: date | datetime | None = None,
        folder: Path | bool = False,
        encrypted: bool = False,
    ) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="counterfoil-")) if folder is True else None
        draft = sandbox_genesis(name, _start_ms(start))
        self.node: LedgerNode
        path = self._scratch / name if self._scratch is not None else folder
        if isinstance(path, bool):
            self.node = memory_ledger(draft)
        else:
            create_ledger(path, draft, encrypted=encrypted)
            self.node = open_ledger(path, workers=0)
        self._clients: dict[str, Client] = {}
        self.fixtures: Fixtures | None = seed(self.connect) if seeded else None

    def connect(self) -> Connection:
        """A new connection to the ledger."""
        return LocalConnection(self.node)

    def client(self, persona: str) -> Client:
        """The client of a persona, by its name, such as "broker-a". KeyError where there is none such."""
        found = self._clients.get(persona)
        if found is None:
            found = self._clients[persona] = persona_client(self.connect(), persona)
        return found

    def clients(self, *personas: str) -> tuple[Client, ...]:
        return tuple(self.client(persona) for persona in personas)

    def account(self, persona: str) -> bytes:
        """The account of a holder of the seeded market."""
        return self.seeded.accounts[persona]

    @property
    def seeded(self) -> Fixtures:
        """The fixtures. ValueError where the sandbox was not seeded."""
        if self.fixtures is None:
            raise ValueError("this sandbox was not seeded")
        return self.fixtures

    # ---- time ----

    @property
    def time_ms(self) -> int:
        return self.client("regulator").time_ms()

    @property
    def today(self) -> IsoDate:
        """The market's business date; without a market, the date that the clock shows in UTC."""
        market = self._market()
        return IsoDate(market.business_date) if market is not None else _date_of(self.time_ms)

    def advance_to_day_close(self) -> IsoDate:
        """Move the clock to the close of the business day that is open, and close it. Returns the day's date."""
        market = self._market()
        if market is None or not market.is_open:
            raise ValueError("no business day is open")
        schedule = market.rulebook.schedule
        day = IsoDate(market.business_date)
        if schedule.closes_minute is not None:
            self._advance(time_of_local(day, schedule.closes_minute, market.rulebook.offsets))
        else:
            self._advance(time_of_local(day, recipes.CUT_OFF_FOP_MINUTE, market.rulebook.offsets))
            self.client("depository").send(CloseDay(market.market, day))
        return day

    def advance_to(self, day: date | int | str) -> IsoDate:
        """Move the clock to the morning of a date, through every business day on the way, and open it if it is one.

        Returns the business date then, which is an earlier one where the market is closed on that day.
        """
        target = _iso_date(day)
        market = self._market()
        if market is None:
            self._advance(time_of_local(target, OPENS_MINUTE, UTC))
            return self.today
        schedule, offsets = market.rulebook.schedule, market.rulebook.offsets
        opens_minute = OPENS_MINUTE if schedule.opens_minute is None else schedule.opens_minute
        self._advance(time_of_local(target, opens_minute, offsets))
        if schedule.opens_minute is None:
            self._open_by_hand(target)
        return self.today

    def _open_by_hand(self, target: IsoDate) -> None:
        """A market without a schedule: its operator closes the day that is open and opens the next, day after day."""
        operator = self.client("depository")
        while True:
            market = self._market()
            if market is None or market.business_date >= target:
                return
            if market.is_open:
                operator.send(CloseDay(market.market, market.business_date))
            ahead = self.node.machine.wired.markets.settlement_date(
                market.market, market.business_date, "", 1
            )
            if ahead > target:
                return
            operator.send(OpenDay(market.market, ahead))

    def _advance(self, time_ms: int) -> None:
        self.client("regulator").connection.advance_clock(time_ms)

    def _market(self) -> MarketLine | None:
        markets = self.client("regulator").markets()
        return markets[0] if markets else None

    # ---- the end ----

    def close(self) -> None:
        self.node.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def persona_client(connection: Connection, persona: str) -> Client:
    """A persona's client on a sandbox ledger. LedgerError NO_SANDBOX on any other; KeyError for a name that is none."""
    if not connection.sandbox:
        raise error_for(Refused(NodeRefusal.NO_SANDBOX).problem)
    keys = persona_keys(persona)
    found = next(one for one in Client(connection).personas() if one.name == persona)
    return Client(connection, *keys, party=found.party)


def seed(connect: Connect) -> Fixtures:
    """Found the seeded market on a sandbox ledger that has the personas and nothing else. LedgerError on any other."""
    clients = {card.name: persona_client(connect(), card.name) for card in PERSONAS}
    regulator, depository, notary, trustee = (
        clients[name] for name in ("regulator", "depository", "notary", "trustee")
    )
    today = _date_of(depository.time_ms())
    rules = recipes.rulebook(today, schedule=DaySchedule(OPENS_MINUTE, CLOSES_MINUTE))
    depository.send(recipes.open_market(depository, MARKET, "Sandbox Market", today, rules))
    depository.connection.advance_clock(
        depository.time_ms()
    )  # lets the schedule open the day, where it is its time
    if not depository.market(MARKET).is_open:
        depository.send(OpenDay(MARKET, today))

    def opened(owner: Client, servicer: Client, kind: AccountKind = AccountKind.OWN) -> bytes:
        asked = recipes.open_account(owner, servicer, kind)
        return servicer.send(asked, cosigners=[] if owner is servicer else [owner]).created

    def issued(issuer: Client, announced: AnnounceInstrument, quantity: int, each: int) -> bytes:
        """Announce and register; part of what is issued is allotted to the holders."""
        instrument = depository.send(announced).created
        treasury = opened(issuer, depository, AccountKind.TREASURY) if quantity else b""
        papers = sha256(b"papers" + instrument).digest()
        ask = recipes.register(issuer, instrument, quantity, treasury, papers, cosigners)
        issuer.send(ask, cosigners=cosigners)
        if each:
            lines = {accounts[name]: each for name in HOLDERS}
            issuer.send(recipes.allot(instrument, treasury, lines, "ALLOTMENT-1", papers))
        return instrument

    cosigners = (regulator, notary)
    accounts = {
        name: opened(clients[name], clients.get(_SERVICERS.get(name, ""), depository)) for name in HOLDERS
    }
    a, b = clients["issuer-a"], clients["issuer-b"]
    contras = [opened(issuer, depository, AccountKind.ISSUANCE) for issuer in (a, b, trustee)]
    terms = (
        recipes.terms("Sandbox Share", SHARE_ISIN),
        recipes.terms("Sandbox Bond 3 % 2034", BOND_ISIN, maturity_date=20340102, nominal=1),
        recipes.terms("Trustee Euro"),
    )
    share = issued(a, recipes.equity(depository, a, MARKET, "EUR", contras[0], terms[0]), SHARES, SHARES_EACH)
    bond = issued(b, recipes.bond(depository, b, MARKET, "EUR", contras[1], terms[1]), FACE_AMOUNT, FACE_EACH)
    euro = issued(
        trustee, recipes.money_token(depository, trustee, MARKET, "EUR", contras[2], terms[2]), 0, 0
    )
    depository.send(AcceptAsset(MARKET, euro, today))
    for number, name in enumerate(HOLDERS, 1):
        trustee.send(Mint(euro, accounts[name], MONEY_EACH, f"SEED-{number}", today))
    return Fixtures(MARKET, share, bond, euro, accounts)


def _start_ms(start: date | datetime | None) -> int:
    if start is None:
        return SANDBOX_START_MS
    if isinstance(start, datetime):
        if start.tzinfo is None:
            raise ValueError("the instant lacks its zone")
        return int(start.timestamp() * 1_000)
    return int(datetime(start.year, start.month, start.day, 8, tzinfo=UTC_ZONE).timestamp()) * 1_000


def _iso_date(day: date | int | str) -> IsoDate:
    if isinstance(day, date):
        return parse_date(day.isoformat()[:10])
    return parse_date(str(day))


def _date_of(time_ms: int) -> IsoDate:
    return parse_date(datetime.fromtimestamp(time_ms // 1_000, tz=UTC_ZONE).date().isoformat())
