"""What is kept about a trade until it has settled."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

TRADE_REFERENCE_LENGTH_MAX = 52
"""Characters: ISO 20022's Max52Text, the length of a trade identifier (ISO 23897 needs 52)."""
PRICE_SCALE_MAX = 18
"""Decimal places of a price: more cannot be told apart within 63 bits."""
INSTRUCTIONS_MAX = 64
"""Live instructions of each side linked to one trade: it may be settled in shapes, but not in dust, and neither side
uses up what the other needs."""


class Capacity(StrEnum):
    """In which capacity a member traded: the codes of ISO 20022 and of the European transaction reports."""

    OWN_ACCOUNT = "DEAL"
    MATCHED_PRINCIPAL = "MTCH"
    AGENT = "AOTC"


class TradeStatus(IntEnum):
    """RECORDED: by one side, the other has not confirmed yet. CONFIRMED: by both. EXCHANGE_SIGNED: by the operator of
    the venue where it was made, which needs no further confirmation."""

    RECORDED = 1
    CONFIRMED = 2
    EXCHANGE_SIGNED = 3


class TradeTerms(Record):
    """What was agreed. Nothing is recomputed: the amount is what the parties say that it is.

    trade_reference: given by the venue; see the module's text for where it is unique. venue: a MIC (4 characters;
    XOFF for a trade away from any). execution_time_ms: milliseconds since 1970 UTC. quantity: in units of the
    instrument's scale. price: with price_scale decimal places, in the asset's currency. amount: in units of the
    asset's scale; asset: the money token (20 bytes), b"" where amount is 0. seller, buyer: the parties that traded.
    seller_client, buyer_client: the account (20 bytes) of the client for whom a side traded, b"" where for itself, and
    wherever it is not for the reader's eyes.
    """

    trade_reference: str
    venue: str
    execution_time_ms: int
    trade_date: int
    instrument_id: bytes
    quantity: int
    price: int
    price_scale: int
    amount: int
    asset: bytes
    seller: bytes
    buyer: bytes
    seller_client: bytes = b""
    buyer_client: bytes = b""
    seller_capacity: Capacity = Capacity.OWN_ACCOUNT
    buyer_capacity: Capacity = Capacity.OWN_ACCOUNT


class Trade(Record):
    """Key: trade id (32 bytes). Lives until it is cancelled, wholly settled, or lapses.

    terms: without the clients, who have records of their own, since the other side must not learn of them. recorder:
    the party that recorded it (seller, buyer or the venue's operator). version: 1, and one more with each amendment.
    deliveries, receipts: ids (32 bytes) of the seller's and the buyer's live instructions that settle it.
    settled_quantity: so far. market: whose rulebook and business date decide when it lapses. idle_since: the business
    date since which nothing is under way for it, 0 while an instruction is.
    """

    terms: TradeTerms
    status: TradeStatus
    recorder: bytes
    version: int
    recorded_height: int
    recorded_time_ms: int
    deliveries: tuple[bytes, ...] = ()
    receipts: tuple[bytes, ...] = ()
    settled_quantity: int = 0
    market: str = ""
    idle_since: int = 0

    @property
    def instructions(self) -> tuple[bytes, ...]:
        """Of both sides."""
        return self.deliveries + self.receipts


class TradeReference(Record):
    """Key: digest of whose reference it is, venue and trade reference (32 bytes). Which live trade bears it."""

    trade: bytes


class TradeClient(Record):
    """Key: trade id (32 bytes), side (1 byte: `SELLS` or `BUYS`). account: of the client for whom that side traded."""

    account: bytes


class IdleTrade(Record):
    """Key: market (4), business date (4), trade id (32). A trade for which nothing is under way since that date."""


SELLS, BUYS = b"s", b"b"

TRADES = Table(number=80, name="trades", record=Trade, key_sizes=(32,))
TRADE_REFERENCES = Table(
    number=81, name="trade_references", record=TradeReference, key_sizes=(32,), resident=True
)
TRADE_CLIENTS = Table(number=82, name="trade_clients", record=TradeClient, key_sizes=(32, 1))
IDLE_TRADES = Table(
    number=83, name="idle_trades", record=IdleTrade, key_sizes=(4, 4, 32), clear=8, resident=True
)
