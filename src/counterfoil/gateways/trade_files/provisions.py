"""What accounts must hold beforehand for trades to settle, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from counterfoil.gateways.trade_files.rows import TradeRow

Place = tuple[str, str | None, str]
"""Participant, its client's account (None for its own), and a security or a currency."""


@dataclass(slots=True)
class Provisions:
    """Gross provision: all that an account sells in a security, all that it pays in a currency (minor units).

    Receipts are not counted on, so that it is more than a market with turnover needs. Memory grows with accounts
    and securities, not with trades.
    """

    securities: dict[Place, int] = field(default_factory=dict)
    money: dict[Place, int] = field(default_factory=dict)

    def add_delivery(self, row: TradeRow) -> None:
        place = (row.seller, row.seller_account, row.security)
        self.securities[place] = self.securities.get(place, 0) + row.quantity

    def add_payment(self, row: TradeRow) -> None:
        place = (row.buyer, row.buyer_account, row.currency)
        self.money[place] = self.money.get(place, 0) + row.amount


def provisions_for(rows: Iterable[TradeRow]) -> Provisions:
    """The provision with which every one of `rows` can settle."""
    needed = Provisions()
    for row in rows:
        needed.add_delivery(row)
        needed.add_payment(row)
    return needed
