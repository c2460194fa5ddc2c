"""Trades: what was agreed, recorded until it has settled."""

from __future__ import annotations

from counterfoil.modules.module import Module
from counterfoil.modules.trades import facts, messages, rules
from counterfoil.modules.trades.deadlines import lapse_idle_trades
from counterfoil.modules.trades.invariants import check, check_all
from counterfoil.modules.trades.records import IDLE_TRADES, TRADE_CLIENTS, TRADE_REFERENCES, TRADES
from counterfoil.modules.trades.rejects import TradesReject

MODULE = Module(
    name="trades",
    tables=(TRADES, TRADE_REFERENCES, TRADE_CLIENTS, IDLE_TRADES),
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
        facts.TradeLapsed,
    ),
    rejects=TradesReject,
    deadlines=(lapse_idle_trades,),
    invariants=(check,),
    full_checks=(check_all,),
)
