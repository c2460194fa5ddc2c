"""What is read of money tokens, now and as of past blocks."""

from __future__ import annotations

from counterfoil.modules.cash.messages import Mint, PayRedemption, RequestRedemption
from counterfoil.modules.cash.queries import (
    bank_entry,
    outstanding,
    redemption,
    redemptions,
    supplies,
    supply,
)
from counterfoil.modules.cash.records import EntryKind, Supply
from tests.unit.cash.world import ANN, BEN, CENTRAL_BANK, EURO, TRUSTEE, register_money
from tests.unit.issuance.committed import CommittedWorld
from tests.unit.issuance.world import DATE, account, instrument, party


def test_money_is_read_as_of_any_block() -> None:
    world = CommittedWorld()
    register_money(world)
    minted = world.height
    world.act(Mint(EURO, account("ann's"), 500, "ENTRY/1", DATE), *TRUSTEE)
    world.act(Mint(EURO, account("ben's"), 200, "ENTRY/2", DATE), *TRUSTEE)
    world.act(Mint(instrument("digital euro"), account("ben's"), 90, "ENTRY/1", DATE), *CENTRAL_BANK)
    world.end_block()
    first = world.act(RequestRedemption(EURO, account("ann's"), 300, "OUT"), *ANN).created[0]
    world.end_block()
    second = world.act(RequestRedemption(EURO, account("ben's"), 50, "OUT"), *BEN).created[0]
    world.act(PayRedemption(first, "PAID/1", DATE), *TRUSTEE)
    world.end_block()

    state, trustee = world.committed, party("trustee")
    assert supply(state, trustee, "EUR") == Supply(EURO, 0, 700, 300, 50)
    assert supply(state, trustee, "EUR", minted + 1) == Supply(EURO, 0, 700, 0, 300)
    assert supply(state, trustee, "EUR", minted - 1) is None
    assert supply(state, trustee, "USD") is None
    assert [
        (issuer, currency, outstanding(found)) for issuer, currency, found in supplies(state, trustee)
    ] == [(trustee, "EUR", 400)]
    assert sorted(outstanding(found) for _, _, found in supplies(state)) == [90, 400]
    paid = bank_entry(state, trustee, "PAID/1")
    assert paid is not None
    assert (paid.kind, paid.amount, paid.cause) == (EntryKind.PAYMENT, 300, first)
    assert bank_entry(state, trustee, "PAID/2") is None
    assert [found for found, _ in redemptions(state)] == [second]
    assert redemptions(state, token=instrument("bank euro")) == []
    assert redemptions(state, account_id=account("ann's")) == []
    assert redemption(state, first) is None
    then = redemption(state, first, minted + 1)
    assert then is not None
    assert then.amount == 300
