"""Trades: what was agreed, recorded until it has settled."""

from __future__ import annotations

from counterfoil.modules.module import Module
from counterfoil.modules.trades import facts, messages, rules
from counterfoil.modules.trades.invariants import check
from counterfoil.modules.trades.records import TRADE_REFERENCES, TRADES
from counterfoil.modules.trades.rejects import TradesReject

MODULE = Module(
    name="trades",
    tables=(TRADES, TRADE_REFERENCES),
    rules={
        messages.RecordTrade: rules.record_trade,
        messages.ConfirmTrade: rules.confirm_trade,
        messages.AmendTrade: rules.amend_trade,
        messages.CancelTrade: rules.cancel_trade,
    },
    facts=(
        facts.TradeRecorded,
        facts.TradeConfirmed,
        facts.TradeAmended,
        facts.TradeCancelled,
        facts.TradeSettled,
    ),
    rejects=TradesReject,
    invariants=(check,),
)
