"""Reads about money tokens, as of now or of the end of any past block."""

from __future__ import annotations

from counterfoil.modules.cash.records import (
    BANK_ENTRIES,
    REDEMPTIONS,
    SUPPLIES,
    BankEntry,
    Redemption,
    Supply,
    bank_entry_key,
    supply_key,
)
from counterfoil.state.state import State


def supply(state: State, issuer: bytes, currency: str, height: int | None = None) -> Supply | None:
    """One issuer's supply of one currency; None where it had not minted any."""
    key = supply_key(issuer, currency)
    return state.find(SUPPLIES, key) if height is None else state.find_at(SUPPLIES, key, height)


def supplies(state: State, issuer: bytes = b"") -> list[tuple[bytes, str, Supply]]:
    """(issuer, currency, supply) of one issuer, or of all."""
    shelf = state.books.shelf(SUPPLIES)
    return [(key[:20], key[20:].decode(), found) for key, found in shelf.scan(issuer)]


def outstanding(supply: Supply) -> int:
    """Tokens that holders have, in units of the token's scale: what the issuer owes."""
    return supply.founded + supply.deposited - supply.paid


def bank_entry(state: State, issuer: bytes, reference: str) -> BankEntry | None:
    """What became of a bank's entry: None where nothing was minted or redeemed against it."""
    return state.find(BANK_ENTRIES, bank_entry_key(issuer, reference))


def redemptions(
    state: State, token: bytes | None = None, account_id: bytes | None = None
) -> list[tuple[bytes, Redemption]]:
    """(redemption id, redemption) of those that are open, of one token or account where named, the oldest first."""
    found = [
        (redemption_id, redemption)
        for redemption_id, redemption in state.books.shelf(REDEMPTIONS).scan()
        if token in (None, redemption.token) and account_id in (None, redemption.account_id)
    ]
    return sorted(found, key=lambda entry: (entry[1].requested_ms, entry[0]))


def redemption(state: State, redemption_id: bytes, height: int | None = None) -> Redemption | None:
    """An open redemption, or one that was open at the end of block `height`."""
    if height is None:
        return state.find(REDEMPTIONS, redemption_id)
    return state.find_at(REDEMPTIONS, redemption_id, height)
