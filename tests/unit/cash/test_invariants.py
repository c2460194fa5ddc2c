"""What is always true of money tokens is seen when it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from counterfoil.modules.cash.invariants import check, check_all
from counterfoil.modules.cash.messages import Mint, RequestRedemption
from counterfoil.modules.cash.records import (
    BankEntry,
    EntryKind,
    Redemption,
    Supply,
    bank_entry_key,
    supply_key,
)
from counterfoil.primitives.outcome import InvariantViolation
from tests.unit.cash.world import ANN, EURO, TRUSTEE, MoneyWorld
from tests.unit.issuance.world import DATE, account, instrument, party

SUPPLY = supply_key(party("trustee"), "EUR")


@pytest.fixture
def world() -> MoneyWorld:
    world = MoneyWorld()
    world.act(Mint(EURO, account("ann's"), 500, "ENTRY/1", DATE), *TRUSTEE)
    world.act(RequestRedemption(EURO, account("ann's"), 300, "OUT-1"), *ANN)
    world.end_block()
    return world


def entry(amount: int) -> BankEntry:
    return BankEntry(EntryKind.DEPOSIT, EURO, account("ann's"), amount, DATE, 3)


def mint_without_an_entry(world: MoneyWorld) -> None:
    world.found("ann's", "trustee euro", 50)
    world.cash_books.supplies.put(SUPPLY, Supply(EURO, 0, 550, 0, 300))


def book_without_minting(world: MoneyWorld) -> None:
    world.cash_books.bank_entries.put(bank_entry_key(party("trustee"), "ENTRY/2"), entry(50))


def count_without_minting(world: MoneyWorld) -> None:
    book_without_minting(world)
    world.cash_books.supplies.put(SUPPLY, Supply(EURO, 0, 550, 0, 300))


def change_an_entry(world: MoneyWorld) -> None:
    world.cash_books.bank_entries.put(bank_entry_key(party("trustee"), "ENTRY/1"), entry(501))


def forget_an_entry(world: MoneyWorld) -> None:
    world.cash_books.bank_entries.delete(bank_entry_key(party("trustee"), "ENTRY/1"))


def forget_the_supply(world: MoneyWorld) -> None:
    world.cash_books.supplies.delete(SUPPLY)


def miscount_requests(world: MoneyWorld) -> None:
    world.cash_books.supplies.put(SUPPLY, Supply(EURO, 0, 500, 0, 301))


def succeed_a_live_token(world: MoneyWorld) -> None:
    world.cash_books.supplies.put(SUPPLY, Supply(instrument("second trustee euro"), 0, 0, 0, 0))


def one_redemption(world: MoneyWorld) -> tuple[bytes, Redemption]:
    return next(iter(world.cash_books.redemptions.scan()))


def release_behind_the_back(world: MoneyWorld) -> None:
    redemption_id, redemption = one_redemption(world)
    world.holdings.release(world.context(), redemption.earmark_id)
    world.cash_books.redemptions.put(redemption_id, redemption)


def end_without_releasing(world: MoneyWorld) -> None:
    redemption_id, _ = one_redemption(world)
    world.cash_books.redemptions.delete(redemption_id)
    world.cash_books.supplies.put(SUPPLY, Supply(EURO, 0, 500, 0, 0))


def redeem_twice(world: MoneyWorld) -> None:
    _, redemption = one_redemption(world)
    world.cash_books.redemptions.put(bytes(32), redemption)


BREAKAGES: tuple[Callable[[MoneyWorld], None], ...] = (
    mint_without_an_entry,
    book_without_minting,
    count_without_minting,
    change_an_entry,
    forget_an_entry,
    forget_the_supply,
    miscount_requests,
    succeed_a_live_token,
    release_behind_the_back,
    end_without_releasing,
    redeem_twice,
)


@pytest.mark.parametrize("broken", BREAKAGES)
def test_seen_in_the_block(world: MoneyWorld, broken: Callable[[MoneyWorld], None]) -> None:
    broken(world)
    world.keep()
    changed = world.changed()
    if broken is release_behind_the_back:
        redemption_id, redemption = one_redemption(world)
        changed[72] = {redemption_id: (redemption, redemption)}
    with pytest.raises(InvariantViolation):
        check(world.cash_books, changed)


def mint_behind_the_back(world: MoneyWorld) -> None:
    world.found("ann's", "trustee euro", 50)


@pytest.mark.parametrize(
    "broken",
    [
        mint_behind_the_back,
        count_without_minting,
        forget_the_supply,
        miscount_requests,
        succeed_a_live_token,
        release_behind_the_back,
        redeem_twice,
    ],
)
def test_seen_by_the_full_check(world: MoneyWorld, broken: Callable[[MoneyWorld], None]) -> None:
    check_all(world.cash_books)
    broken(world)
    with pytest.raises(InvariantViolation):
        check_all(world.cash_books)
