"""What a message would dispose of: which accounts, which instruments, how much. Limits stand on this table alone.

A message that states no figures (because it names an object on the ledger by its identity, or a business whose size
is not in it) is *unstated*: a rule that limits accounts, instruments or figures does not cover it. So a message that is
new to this table, or hides what it does, cannot slip below a limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from counterfoil.modules.cash import messages as cash
from counterfoil.modules.holdings import messages as holdings
from counterfoil.modules.issuance import messages as issuance
from counterfoil.modules.settlement import messages as settlement
from counterfoil.modules.trades import messages as trades
from counterfoil.primitives.codec import Message


class Exposure(NamedTuple):
    """accounts, instruments: identities (20 bytes). quantity and amount: in the units of the message."""

    accounts: tuple[bytes, ...] = ()
    instruments: tuple[bytes, ...] = ()
    quantity: int = 0
    amount: int = 0


class _Fields(NamedTuple):
    """Where a message says it; a dot leads into a part of it."""

    accounts: tuple[str, ...]
    instruments: tuple[str, ...]
    quantity: str = ""
    amount: str = ""


_TRADE = _Fields(
    ("terms.seller_client", "terms.buyer_client"),
    ("terms.instrument_id", "terms.asset"),
    "terms.quantity",
    "terms.amount",
)
_ISSUE = _Fields(("treasury_account",), ("instrument_id",), "quantity")
_HOLDING = _Fields(("account_id",), ("instrument_id",), "quantity")
_MONEY = _Fields(("account_id",), ("instrument_id",), "", "amount")

_STATED: dict[type[Message], _Fields] = {
    holdings.PlaceEarmark: _HOLDING,
    holdings.FreezeHolding: _HOLDING,
    holdings.ForceTransfer: _Fields(("source_account", "target_account"), ("instrument_id",), "quantity"),
    issuance.RegisterIssue: _ISSUE,
    issuance.RegisterFurtherIssue: _ISSUE,
    issuance.RegisterReduction: _ISSUE,
    issuance.Allot: _Fields(("source_account",), ("instrument_id",), "total"),
    cash.Mint: _MONEY,
    cash.RequestRedemption: _MONEY,
    trades.RecordTrade: _TRADE,
    settlement.Instruct: _Fields(
        ("account", "cash_account"), ("instrument_id", "asset"), "quantity", "amount"
    ),
    settlement.InstructBoth: _Fields(
        ("delivery.account", "delivery.cash_account", "receipt.account", "receipt.cash_account"),
        ("trade.instrument_id", "trade.asset"),
        "trade.quantity",
        "trade.amount",
    ),
}


def exposure_of(message: Message) -> Exposure | None:
    """What a message disposes of; None where it does not say."""
    fields = _STATED.get(type(message))
    if fields is None:
        return None
    return Exposure(
        _named(message, fields.accounts),
        _named(message, fields.instruments),
        _figure(message, fields.quantity),
        _figure(message, fields.amount),
    )


def _named(message: Message, fields: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(value for value in (_value(message, field) for field in fields) if value)


def _figure(message: Message, field: str) -> int:
    """Never below 0: what one message lacks must not make room for another."""
    return max(0, int(_value(message, field))) if field else 0


def _value(message: Any, field: str) -> Any:
    for name in field.split("."):
        message = getattr(message, name)
    return message
