"""What is always true of trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.life import idle_key, reference_keys, stands_under
from counterfoil.modules.trades.records import (
    IDLE_TRADES,
    TRADE_CLIENTS,
    TRADE_REFERENCES,
    TRADES,
    Trade,
    TradeStatus,
)
from counterfoil.primitives.outcome import ensure


def check(books: TradesBooks, changed: Mapping[int, Mapping[bytes, tuple[Any, Any]]]) -> None:
    """A live trade is found by its references, has not wholly settled, and waits to lapse while nothing is under way.

    What hangs on a trade ends with it.
    """
    for trade_id, (_, trade) in changed.get(TRADES.number, {}).items():
        if trade is not None:
            _check_trade(books, trade_id, trade)
    for key, (_, reference) in changed.get(TRADE_REFERENCES.number, {}).items():
        if reference is not None:
            _check_reference(books, key, reference.trade)
    for key, (_, client) in changed.get(TRADE_CLIENTS.number, {}).items():
        ensure(client is None or books.trades.find(key[:32]) is not None, "a client is of a live trade")
    for key, (_, idle) in changed.get(IDLE_TRADES.number, {}).items():
        if idle is not None:
            _check_idle(books, key)


def check_all(books: TradesBooks) -> None:
    """The same of every trade that is found by a reference, or waits to lapse."""
    for key, reference in books.references.scan():
        _check_reference(books, key, reference.trade)
    for key, _ in books.idle.scan():
        _check_idle(books, key)


def _check_trade(books: TradesBooks, trade_id: bytes, trade: Trade) -> None:
    keys = reference_keys(trade.terms, trade.status, trade.recorder)
    needed = keys[:1] if trade.status is TradeStatus.EXCHANGE_SIGNED else keys
    ensure(
        all(stands_under(books, trade_id, key) for key in needed), "a live trade stands under its reference"
    )
    ensure(not (trade.terms.seller_client or trade.terms.buyer_client), "a client has a record of its own")
    ensure(0 <= trade.settled_quantity < trade.terms.quantity, "a settled trade has left the state")
    ensure(
        trade.status is not TradeStatus.RECORDED or not (trade.instructions or trade.settled_quantity),
        "only a confirmed trade is settled",
    )
    ensure(bool(trade.instructions) == (trade.idle_since == 0), "a trade is idle, or something is under way")
    if trade.idle_since:
        ensure(books.idle.at_hand(idle_key(trade_id, trade)) is not None, "an idle trade waits to lapse")


def _check_reference(books: TradesBooks, key: bytes, trade_id: bytes) -> None:
    trade = books.trades.find(trade_id)
    ensure(
        trade is not None and key in reference_keys(trade.terms, trade.status, trade.recorder),
        "a reference is of a live trade",
    )
    if trade is not None:
        _check_trade(books, trade_id, trade)


def _check_idle(books: TradesBooks, key: bytes) -> None:
    trade = books.trades.find(key[8:])
    ensure(trade is not None and idle_key(key[8:], trade) == key, "what waits to lapse is an idle trade")
