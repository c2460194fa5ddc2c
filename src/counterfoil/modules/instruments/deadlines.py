"""Amendments take effect when the business date of their instrument's market reaches theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.life import await_no_more, take_effect
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.primitives.outcome import InvariantViolation

Act = Callable[[ActionContext], None]


def put_terms_into_force(books: InstrumentsBooks, block: BlockContext, limit: int) -> list[Act]:
    """Amendments whose day has come: by market, then date, instrument and version; at most `limit` in a block."""
    due: list[Act] = []
    for market_key, _ in books.amending_markets.scan():
        market = market_key.decode()
        today = books.markets.business_date(market)
        for key, _ in books.amendments_due.scan(market_key):
            date = int.from_bytes(key[4:8], "big")
            if date > today:
                break
            if len(due) == limit:
                return due
            due.append(partial(_take_effect, books, key[8:28], int.from_bytes(key[28:], "big"), date))
    return due


def _take_effect(
    books: InstrumentsBooks, instrument_id: bytes, version: int, date: int, context: ActionContext
) -> None:
    instrument = books.instruments.find(instrument_id)
    if instrument is None:
        raise InvariantViolation("an amendment is of an instrument")
    await_no_more(books, instrument.market, date, instrument_id, version)
    take_effect(books, context, instrument_id, instrument, version)
