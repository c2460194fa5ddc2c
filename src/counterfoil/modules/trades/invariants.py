"""What is always true of trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.interface import reference_key
from counterfoil.modules.trades.records import TRADES, TradeStatus
from counterfoil.primitives.outcome import ensure


def check(books: TradesBooks, changed: Mapping[int, Mapping[bytes, tuple[Any, Any]]]) -> None:
    """A live trade is found by its reference, and has not wholly settled; an unconfirmed one is not under way."""
    for trade_id, (_, trade) in changed.get(TRADES.number, {}).items():
        if trade is None:
            continue
        terms = trade.terms
        reference = books.references.find(reference_key(terms.venue, terms.trade_reference))
        ensure(
            reference is not None and reference.trade == trade_id, "a live trade stands under its reference"
        )
        ensure(0 <= trade.settled_quantity < terms.quantity, "a settled trade has left the state")
        ensure(
            trade.status is not TradeStatus.RECORDED or not (trade.instructions or trade.settled_quantity),
            "only a confirmed trade is settled",
        )
