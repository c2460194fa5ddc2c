"""The market's floor: what people there do, in their words, over the SDK alone, so that a test reads as its story."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import pytest

from counterfoil.modules.settlement.reasons import Reason
from counterfoil.primitives.codec import Message
from counterfoil.sdk import Client, NotVisible, Sandbox, TransactionRejected, messages

HOUR_MS = 3_600_000


def papers(text: str) -> bytes:
    return sha256(text.encode()).digest()


@dataclass(frozen=True)
class Deal:
    """Both sides' instructions (32 bytes each), and where each stands now."""

    floor: Floor
    seller: str
    buyer: str
    delivery: bytes
    receipt: bytes

    @property
    def settled(self) -> bool:
        """A settled instruction is no more; so is a cancelled one, which a story does not do in passing."""
        return self.floor.reason(self.seller, self.delivery) is None

    @property
    def why_not(self) -> tuple[str, str]:
        """(reason as the seller's side is told it, as the buyer's is), as ISO 20022 codes."""
        reasons = self.floor.reason(self.seller, self.delivery), self.floor.reason(self.buyer, self.receipt)
        assert None not in reasons, "it has ended"
        return reasons[0] or "", reasons[1] or ""

    @property
    def open_quantity(self) -> int:
        line = self.floor.acting(self.seller).instruction(self.delivery)
        return line.quantity - line.settled_quantity


class Floor:
    """A seeded sandbox's market, by the names of its personas. Amounts are in cents."""

    def __init__(self, ledger: Sandbox) -> None:
        self.ledger = ledger
        self.market = ledger.seeded
        self._number = 0

    def client(self, who: str) -> Client:
        return self.ledger.client(who)

    def acting(self, holder: str) -> Client:
        """Whoever instructs for a holder: its broker, where it has one."""
        return self.client({"investor-a": "broker-a", "investor-b": "broker-b"}.get(holder, holder))

    # ---- what it has ----

    def shares(self, who: str, at: str | int = "") -> int:
        """All that it holds, earmarked or not."""
        available, earmarked = self.acting(who).balance(self.ledger.account(who), self.market.share, at)
        return available + earmarked

    def money(self, who: str, at: str | int = "") -> int:
        available, earmarked = self.acting(who).balance(self.ledger.account(who), self.market.euro, at)
        return available + earmarked

    def earmarked(self, who: str, what: bytes) -> int:
        return self.acting(who).balance(self.ledger.account(who), what)[1]

    def register(self, at: str | int = "") -> dict[str, int]:
        """The share's register as its issuer sees it."""
        found: dict[str, int] = {}
        for line in self.client("issuer-a").register(self.market.share, at):
            found[line.owner_name] = found.get(line.owner_name, 0) + line.available + line.earmarked
        return found

    # ---- what it does ----

    def sells(
        self,
        seller: str,
        buyer: str,
        quantity: int,
        cents: int,
        *,
        in_parts: bool = False,
        due: int = 0,
        hold: bool = False,
    ) -> Deal:
        """Each side enters its own instruction, and they match."""
        self._number += 1
        today = self.ledger.today
        sides = []
        for who, other, movement in (
            (seller, buyer, messages.Movement.DELIVER),
            (buyer, seller, messages.Movement.RECEIVE),
        ):
            client = self.acting(who)
            ask = messages.Instruct(
                market=self.market.market,
                party=client.party,
                account=self.ledger.account(who),
                movement=movement,
                method=messages.Method.DVP,
                instrument_id=self.market.share,
                quantity=quantity,
                counterparty=self.acting(other).party,
                trade_date=today,
                settlement_date=due or today,
                reference=f"{who}-{self._number}",
                asset=self.market.euro,
                amount=cents,
                hold=hold and who == seller,
                partial=messages.Partial.ALLOWED if in_parts else messages.Partial.NOT_ALLOWED,
            )
            sides.append(client.send(ask).created)
        return Deal(self, seller, buyer, *sides)

    def gives(self, giver: str, taker: str, shares: int) -> None:
        """Free of payment, signed by both at once."""
        self._number += 1
        seller, buyer = self.acting(giver), self.acting(taker)
        terms = messages.TradeTerms(
            trade_reference=f"GIFT-{self._number}",
            venue="XOFF",
            execution_time_ms=self.ledger.time_ms,
            trade_date=self.ledger.today,
            instrument_id=self.market.share,
            quantity=shares,
            price=0,
            price_scale=0,
            amount=0,
            asset=b"",
            seller=seller.party,
            buyer=buyer.party,
        )
        sides = [messages.Side(self.ledger.account(who), f"{who}-{self._number}") for who in (giver, taker)]
        ask = messages.InstructBoth(self.market.market, terms, self.ledger.today, *sides)
        seller.send(ask, cosigners=[] if seller is buyer else [buyer])

    # ---- what becomes of it ----

    def reason(self, who: str, instruction: bytes) -> str | None:
        """The code that its side is told, "" for none; None where the instruction has ended."""
        try:
            line = self.acting(who).instruction(instruction)
        except NotVisible:
            return None
        assert not line.code or (Reason(line.code) and line.words and line.remedy), line.code
        return line.code

    def refusal(self, sent: Message, by: Client, cosigners: tuple[Client, ...] = ()) -> str:
        """The name of the reject with which a message is refused."""
        with pytest.raises(TransactionRejected) as refused:
            by.send(sent, cosigners=cosigners)
        assert refused.value.resolution, "it says what to do"
        return refused.value.name
