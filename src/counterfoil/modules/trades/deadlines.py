"""What time alone does to trades: one for which nothing is under way for too long lapses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.facts import TradeLapsed
from counterfoil.modules.trades.life import concerned, end_trade

Act = Callable[[ActionContext], None]


def lapse_idle_trades(books: TradesBooks, block: BlockContext, limit: int) -> Iterator[Act]:
    """On open markets, those idle for the longest first; at most `limit` in a block."""
    for key, _ in books.markets.outlived(books.idle, limit):
        yield partial(_lapse, books, key[8:])


def _lapse(books: TradesBooks, trade_id: bytes, context: ActionContext) -> None:
    trade = books.trades.find(trade_id)
    if trade is None:
        return
    end_trade(books, trade_id, trade)
    context.tell(TradeLapsed(trade_id, trade.settled_quantity), *concerned(books, trade))
