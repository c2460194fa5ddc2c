"""What other modules may ask about money tokens."""

from __future__ import annotations

from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.records import Supply, supply_key
from counterfoil.modules.cash.rejects import CashReject
from counterfoil.modules.instruments.interface import InstrumentKind, InstrumentStatus

__all__ = ["Cash", "CashReject", "Supply"]


class Cash:
    """Read-only: money comes and goes by its own messages alone."""

    __slots__ = ("_books", "_find")

    def __init__(self, books: CashBooks) -> None:
        self._books = books
        self._find = books.instruments.find

    def is_settlement_asset(self, instrument_id: bytes) -> bool:
        """Whether an instrument is a money token that can be paid with now.

        The identifier stands for currency and issuer together: one issuer's token is never another's.
        """
        instrument = self._find(instrument_id)
        return (
            instrument is not None
            and instrument.kind is InstrumentKind.MONEY_TOKEN
            and instrument.status is InstrumentStatus.ACTIVE
        )

    def supply(self, issuer: bytes, currency: str) -> Supply | None:
        """An issuer's supply of a currency; None where it never minted any."""
        return self._books.supplies.find(supply_key(issuer, currency))
