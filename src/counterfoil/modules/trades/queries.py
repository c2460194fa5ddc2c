"""Reads about trades, as of now or of the end of any past block."""

from __future__ import annotations

from counterfoil.modules.trades.life import reference_key
from counterfoil.modules.trades.records import (
    BUYS,
    SELLS,
    TRADE_CLIENTS,
    TRADE_REFERENCES,
    TRADES,
    Trade,
    TradeStatus,
)
from counterfoil.state.state import State


def trade(state: State, trade_id: bytes, height: int | None = None) -> Trade | None:
    """A live trade, or one that lived at the end of block `height`; settled and cancelled ones are in the receipts."""
    return state.find(TRADES, trade_id) if height is None else state.find_at(TRADES, trade_id, height)


def clients(state: State, trade_id: bytes, height: int | None = None) -> tuple[bytes, bytes]:
    """The accounts of the clients for whom seller and buyer traded, b"" for none: each side's own business."""
    keys = (trade_id + SELLS, trade_id + BUYS)
    found = (
        state.find(TRADE_CLIENTS, key) if height is None else state.find_at(TRADE_CLIENTS, key, height)
        for key in keys
    )
    seller, buyer = (client.account if client is not None else b"" for client in found)
    return seller, buyer


def by_reference(
    state: State, whose: bytes, venue: str, trade_reference: str, height: int | None = None
) -> bytes | None:
    """The id of the trade that bears a reference of a party's, or of the venue's own (b""), and lives, or lived at the
    end of block `height`."""
    key = reference_key(whose, venue, trade_reference)
    found = (
        state.find(TRADE_REFERENCES, key) if height is None else state.find_at(TRADE_REFERENCES, key, height)
    )
    return found.trade if found is not None else None


def live_trades(
    state: State, party: bytes = b"", instrument_id: bytes = b"", status: TradeStatus | None = None
) -> list[tuple[bytes, Trade]]:
    """(trade id, trade) of all that live now and fit what is named, the oldest first. Reads no more than what lives."""
    found: list[tuple[bytes, Trade]] = []
    references = state.books.shelf(TRADE_REFERENCES).scan()
    for key in dict.fromkeys(reference.trade for _, reference in references):
        live = state.find(TRADES, key)
        if live is None:
            continue
        terms = live.terms
        if (
            party in (b"", terms.seller, terms.buyer)
            and instrument_id in (b"", terms.instrument_id)
            and status in (None, live.status)
        ):
            found.append((key, live))
    return sorted(found, key=lambda entry: (entry[1].recorded_time_ms, entry[0]))
