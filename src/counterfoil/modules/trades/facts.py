"""What happened to trades. Tags 850 to 899.

Told to both sides, and to the operator of the venue where that signed the trade. Terms name to each side its own client
and not the other's; to the operator both, as it sent them.
"""

from __future__ import annotations

from counterfoil.modules.trades.records import TradeStatus, TradeTerms
from counterfoil.primitives.codec import Fact


class TradeRecorded(Fact, tag=850):
    """A trade is on the ledger, with this status."""

    trade_id: bytes
    terms: TradeTerms
    status: TradeStatus
    recorder: bytes


class TradeConfirmed(Fact, tag=851):
    """The other side has agreed to a recorded trade."""

    trade_id: bytes
    version: int
    party: bytes


class TradeAmended(Fact, tag=852):
    """A trade has new terms, of this version."""

    trade_id: bytes
    version: int
    terms: TradeTerms


class TradeCancelled(Fact, tag=853):
    """A trade has ended without being settled, or with its unsettled rest given up."""

    trade_id: bytes
    party: bytes
    settled_quantity: int


class TradeSettled(Fact, tag=854):
    """A trade has ended because all of its quantity is settled."""

    trade_id: bytes
    settled_quantity: int


class TradeLapsed(Fact, tag=855):
    """A trade has ended because nothing was under way for it for as long as the market keeps it."""

    trade_id: bytes
    settled_quantity: int
