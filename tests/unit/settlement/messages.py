"""The messages that the tests of settlement start from: a sale of 100 shares for 5,000 dollars, due today."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.settlement.interface import Method, Movement
from counterfoil.modules.settlement.messages import Instruct, InstructBoth, Side
from counterfoil.modules.trades.interface import TradeTerms
from tests.unit.settlement.world import MARKET, MONDAY, NOW_MS, account, instrument, party


def terms(**changes: Any) -> TradeTerms:
    fields: dict[str, Any] = {
        "trade_reference": "T-1",
        "venue": "XNYS",
        "execution_time_ms": NOW_MS,
        "trade_date": MONDAY,
        "instrument_id": instrument("share"),
        "quantity": 100,
        "price": 5_000,
        "price_scale": 2,
        "amount": 5_000,
        "asset": instrument("usd"),
        "seller": party("seller"),
        "buyer": party("buyer"),
    }
    return TradeTerms(**{**fields, **changes})


def both(**changes: Any) -> InstructBoth:
    """Fields of the trade, of a side (`delivery_`, `receipt_`), or of the message itself."""
    trade: dict[str, Any] = {}
    sides: dict[str, dict[str, Any]] = {
        "delivery": {"account": account("seller's"), "reference": "S-1"},
        "receipt": {"account": account("buyer's"), "reference": "B-1"},
    }
    message: dict[str, Any] = {"market": MARKET, "settlement_date": MONDAY}
    for name, value in changes.items():
        side, _, field = name.partition("_")
        if side in sides and field:
            sides[side][field] = value
        elif name in TradeTerms.__struct_fields__:
            trade[name] = value
        else:
            message[name] = value
    return InstructBoth(
        trade=terms(**trade), delivery=Side(**sides["delivery"]), receipt=Side(**sides["receipt"]), **message
    )


def deliver(**changes: Any) -> Instruct:
    fields: dict[str, Any] = {
        "market": MARKET,
        "party": party("seller"),
        "account": account("seller's"),
        "movement": Movement.DELIVER,
        "method": Method.DVP,
        "instrument_id": instrument("share"),
        "quantity": 100,
        "counterparty": party("buyer"),
        "trade_date": MONDAY,
        "settlement_date": MONDAY,
        "reference": "S-1",
        "asset": instrument("usd"),
        "amount": 5_000,
    }
    return Instruct(**{**fields, **changes})


def receive(**changes: Any) -> Instruct:
    mirrored: dict[str, Any] = {
        "party": party("buyer"),
        "account": account("buyer's"),
        "movement": Movement.RECEIVE,
        "counterparty": party("seller"),
        "reference": "B-1",
    }
    return deliver(**{**mirrored, **changes})


def free(message: Instruct, **changes: Any) -> Instruct:
    """The same without payment."""
    fields = {name: getattr(message, name) for name in Instruct.__struct_fields__}
    return Instruct(**{**fields, "method": Method.FREE, "asset": b"", "amount": 0, **changes})
