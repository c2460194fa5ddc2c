"""What is always true of money tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.records import (
    BANK_ENTRIES,
    OPEN_REDEMPTIONS,
    REDEMPTIONS,
    SUPPLIES,
    EntryKind,
    Redemption,
    Supply,
    open_redemption_key,
)
from counterfoil.modules.holdings.interface import EarmarkReason
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: CashBooks, changed: Changes) -> None:
    """Tokens outstanding are recorded deposits less recorded payments, and every open redemption is earmarked."""
    booked: dict[bytes, int] = {}
    for old, new in changed.get(BANK_ENTRIES.number, {}).values():
        ensure(old is None and new is not None, "a bank entry is kept for ever as it was used")
        signed = new.amount if new.kind is EntryKind.DEPOSIT else -new.amount
        booked[new.token] = booked.get(new.token, 0) + signed
    requested: dict[bytes, int] = {}
    for redemption_id, (old, new) in changed.get(REDEMPTIONS.number, {}).items():
        for redemption, sign in ((old, -1), (new, 1)):
            if redemption is not None:
                token = redemption.token
                requested[token] = requested.get(token, 0) + sign * redemption.amount
        if new is not None:
            _check_redemption(books, redemption_id, new)
            _check_place(books, redemption_id, new)
        elif old is not None:
            ensure(books.holdings.earmark_of(old.earmark_id) is None, "an ended redemption has no earmark")
    for key, (_, place) in changed.get(OPEN_REDEMPTIONS.number, {}).items():
        ensure(
            place is None or books.redemptions.find(key[8:]) is not None, "what lapses is an open redemption"
        )
    for before, now in changed.get(SUPPLIES.number, {}).values():
        ensure(now is not None, "a supply is kept for ever")
        was_outstanding, was_requested = now.founded, 0
        if before is not None and before.token == now.token:
            was_outstanding, was_requested = _outstanding(before), before.requested
        elif before is not None:
            ensure(
                _outstanding(before) + booked.pop(before.token, 0) == 0
                and before.requested + requested.pop(before.token, 0) == 0,
                "a token is succeeded when all of it was redeemed",
            )
        ensure(
            _outstanding(now) - was_outstanding == booked.pop(now.token, 0),
            "a supply changes by bank entries alone",
        )
        ensure(
            now.requested - was_requested == requested.pop(now.token, 0),
            "what is requested is counted as it comes and goes",
        )
        _check_supply(books, now)
    ensure(
        not any(booked.values()) and not any(requested.values()),
        "bank entries and redemptions change the supply",
    )


def check_all(books: CashBooks) -> None:
    """The same of every supply and every open redemption."""
    requested: dict[bytes, int] = {}
    for redemption_id, redemption in books.redemptions.scan():
        _check_redemption(books, redemption_id, redemption)
        _check_place(books, redemption_id, redemption)
        requested[redemption.token] = requested.get(redemption.token, 0) + redemption.amount
    for _, supply in books.supplies.scan():
        _check_supply(books, supply)
        ensure(supply.requested == requested.pop(supply.token, 0), "what is requested is counted")
    ensure(not requested, "what is redeemed has a supply")
    for key, _ in books.open_redemptions.scan():
        ensure(books.redemptions.find(key[8:]) is not None, "what lapses is an open redemption")


def _outstanding(supply: Supply) -> int:
    return supply.founded + supply.deposited - supply.paid


def _check_supply(books: CashBooks, supply: Supply) -> None:
    outstanding = _outstanding(supply)
    ensure(
        outstanding == books.holdings.outstanding(supply.token),
        "tokens outstanding are recorded deposits less recorded payments",
    )
    ensure(0 <= supply.requested <= outstanding, "no more is to be redeemed than is outstanding")


def _check_place(books: CashBooks, redemption_id: bytes, redemption: Redemption) -> None:
    market = books.instruments.require(redemption.token).market
    key = open_redemption_key(market, redemption_id, redemption)
    ensure(books.open_redemptions.at_hand(key) is not None, "an open redemption lapses some day")


def _check_redemption(books: CashBooks, redemption_id: bytes, redemption: Redemption) -> None:
    earmark = books.holdings.earmark_of(redemption.earmark_id)
    ensure(
        earmark is not None
        and earmark.reason is EarmarkReason.REDEMPTION
        and earmark.owner == redemption_id
        and earmark.account_id == redemption.account_id
        and earmark.instrument_id == redemption.token
        and earmark.quantity == redemption.amount,
        "an open redemption is earmarked in full",
    )
