"""A ledger of a given size with a market that is open, and signed deliveries versus payment to feed it with."""

from __future__ import annotations

import os
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.founding import (
    OPENING_REGISTER,
    PARTIES,
    opening_account,
    opening_money,
    opening_security,
)
from counterfoil.machine.genesis import Genesis, Parameters
from counterfoil.machine.transactions import Body, Mode, Signature, Transaction, sign_prefix
from counterfoil.modules.markets.interface import DaySchedule, RegistrationApprover, Rulebook
from counterfoil.modules.markets.messages import AcceptAsset, OpenDay, OpenMarket
from counterfoil.modules.settlement.messages import InstructBoth, SettleBatch, Side
from counterfoil.modules.trades.interface import TradeTerms
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger, spare_collector
from counterfoil.primitives.calendars import UTC, Calendar, add_days, local_date
from counterfoil.primitives.codec import Message, encode

SEED = b"counterfoil bench"
MARKET = "XBEN"
BROKERS = 500
SECURITIES = 20


class Deal(NamedTuple):
    """A trade to be settled: numbers of two accounts of the opening register, quantity, amount, references."""

    seller: int
    buyer: int
    security: int
    quantity: int
    amount: int
    reference: str


def key(name: str) -> SandboxKey:
    return SandboxKey.from_name(SEED, name)


MAKER_AND_CHECKER = (key("maker"), key("checker"))


def draft_genesis(
    accounts: int, securities: int = SECURITIES, held: int = 1, *, sealed: bool = False
) -> Genesis:
    """A sandbox ledger whose opening register has so many accounts, each with some securities and money.

    Every broker lets the operator's signer settle net batches for it.
    """

    def party(name: str, role: str, sponsor: str) -> dict[str, object]:
        return {
            "name": name,
            "roles": [role],
            "sponsor": sponsor,
            "signer": {"keys": [key(name).public_key.hex()]},
        }

    operator = party("operator", "depository", "regulator")
    operator["users"] = [
        {"signer": {"keys": [key("maker").public_key.hex()]}, "duty": "maker"},
        {"signer": {"keys": [key("checker").public_key.hex()]}, "duty": "checker"},
    ]
    settler = {
        "signer": {"keys": [key("operator").public_key.hex()]},
        "duty": "maker",
        "message_types": [SettleBatch.__struct_config__.tag],
    }
    names = [f"broker {number}" for number in range(BROKERS)]
    parties = [
        party("regulator", "regulator", ""),
        operator,
        party("issuer", "issuer", "operator"),
        party("trustee", "trustee", "regulator"),
        *({**party(name, "securities_company", "regulator"), "users": [settler]} for name in names),
    ]
    register = {
        "market": MARKET,
        "issuer": "issuer",
        "trustee": "trustee",
        "brokers": names,
        "securities": securities,
        "securities_held": held,
        "accounts": accounts,
        "quantity": 1_000_000_000,
        "money": 100_000_000_000,
    }
    return Genesis(
        name="bench",
        time_ms=system_clock_ms() - 3_600_000,
        secret_commitment="",
        sealers=(),
        sandbox=True,
        parameters=Parameters(id_window_ms=3_600_000),
        sealed=sealed,
        sections={PARTIES: {"parties": parties}, OPENING_REGISTER: register},
    )


def new_ledger(
    path: Path,
    accounts: int,
    securities: int = SECURITIES,
    held: int = 1,
    *,
    encrypted: bool = True,
    sealed: bool = False,
) -> None:
    """Found it in a folder; the storage key comes from the environment."""
    os.environ.setdefault("COUNTERFOIL_STORAGE_KEY", "11" * 32)
    create_ledger(path, draft_genesis(accounts, securities, held, sealed=sealed), encrypted=encrypted)


def opened(path: Path) -> LedgerNode:
    """The ledger with real time, its market open, in a process set up as a node's is."""
    node = open_ledger(path, clock=system_clock_ms)
    if node.machine.wired.markets.find(MARKET) is None:
        operator = node.machine.wired.parties.find_by_name("operator") or b""
        for message in market_opening(operator, system_clock_ms()):
            raw = signed(node.chain_id, (message,), MAKER_AND_CHECKER, system_clock_ms() + 300_000)
            _, outcome = node.engine.submit(raw).result()
            if outcome.result.number:
                raise RuntimeError(str(outcome.rejects[0]))
    spare_collector()
    return node


def market_opening(operator: bytes, clock_ms: int) -> tuple[Message, ...]:
    """What opens the market on the day that the clock shows."""
    today = local_date(clock_ms, UTC)
    rulebook = Rulebook(
        effective_from=today,
        time_zone="UTC",
        offsets=UTC,
        schedule=DaySchedule(),
        settlement_cycle_days=2,
        matching_fields=(),
        amount_tolerance=0,
        registration_policy=(RegistrationApprover.ISSUER,),
        sign_off_required=False,
        cut_off_dvp_minute=2_879,
        cut_off_fop_minute=2_879,
    )
    every_day = Calendar(0)
    return (
        OpenMarket(operator, MARKET, "bench", add_days(today, -1), rulebook, every_day, every_day),
        OpenDay(MARKET, today),
        AcceptAsset(MARKET, opening_money(), today),
    )


def signed(
    chain_id: str,
    messages: tuple[object, ...],
    signers: tuple[SandboxKey, ...],
    expiry_ms: int,
    mode: Mode = Mode.ALL_OR_NOTHING,
) -> bytes:
    """A transaction's bytes, signed by each of the signers, given in the order of their names."""
    body = encode(
        Body(expiry_ms, os.urandom(16), tuple(signer.address for signer in signers), mode, messages)
    )
    message = sign_prefix(chain_id) + body
    signatures = tuple(
        Signature(at, signer.public_key, signer.sign(message)) for at, signer in enumerate(signers)
    )
    return encode(Transaction(body, signatures))


def deals(count: int, accounts: int, seed: int) -> list[Deal]:
    """Random pairs of accounts that hold the same security; seller and buyer are of different brokers."""
    chance = random.Random(seed)
    per_security = accounts // SECURITIES
    made = []
    for number in range(count):
        security = chance.randrange(SECURITIES)
        seller, buyer = (chance.randrange(per_security) * SECURITIES + security for _ in range(2))
        while buyer % BROKERS == seller % BROKERS:
            buyer = chance.randrange(per_security) * SECURITIES + security
        quantity = chance.randrange(1, 100)
        made.append(Deal(seller, buyer, security, quantity, quantity * 700, f"{seed}-{number}"))
    return made


class DealMaker:
    """Makes and signs transactions for deals; picklable, so that it can run in several processes.

    brokers: parties in the order of their numbers. clock_ms: what the ledger's clock shows.
    """

    def __init__(self, chain_id: str, date: int, brokers: list[bytes], clock_ms: int) -> None:
        self.chain_id = chain_id
        self.date = date
        self.brokers = brokers
        self.expiry_ms = clock_ms + 3_000_000

    @classmethod
    def on(cls, node: LedgerNode) -> DealMaker:
        """For a ledger that is open in this process."""
        parties = node.machine.wired.parties
        brokers = [parties.find_by_name(f"broker {number}") or b"" for number in range(BROKERS)]
        date = node.machine.wired.markets.business_date(MARKET)
        return cls(node.chain_id, date, brokers, node.clock())

    def message(self, deal: Deal) -> InstructBoth:
        seller, buyer = self.brokers[deal.seller % BROKERS], self.brokers[deal.buyer % BROKERS]
        terms = TradeTerms(
            trade_reference=deal.reference,
            venue=MARKET,
            execution_time_ms=self.expiry_ms - 3_600_000,
            trade_date=self.date,
            instrument_id=opening_security(deal.security),
            quantity=deal.quantity,
            price=700,
            price_scale=2,
            amount=deal.amount,
            asset=opening_money(),
            seller=seller,
            buyer=buyer,
        )
        delivery = Side(opening_account(deal.seller), f"S{deal.reference}")
        receipt = Side(opening_account(deal.buyer), f"B{deal.reference}")
        return InstructBoth(MARKET, terms, self.date, delivery, receipt)

    def transactions(self, made: list[Deal]) -> list[bytes]:
        """One transaction a deal, signed by both brokers (by the one, where it is the same)."""
        keys: dict[int, SandboxKey] = {}
        found = []
        for deal in made:
            signers = []
            for number in dict.fromkeys((deal.seller % BROKERS, deal.buyer % BROKERS)):
                if number not in keys:
                    keys[number] = key(f"broker {number}")
                signers.append(keys[number])
            found.append(signed(self.chain_id, (self.message(deal),), tuple(signers), self.expiry_ms))
        return found

    def all_transactions(self, made: list[Deal]) -> list[bytes]:
        """The same, made on all cores."""
        size = 2_000
        parts = [made[at : at + size] for at in range(0, len(made), size)]
        with ProcessPoolExecutor() as pool:
            return [raw for part in pool.map(self.transactions, parts) for raw in part]
