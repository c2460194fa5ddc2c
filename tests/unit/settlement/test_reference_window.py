"""How long a member's references are its own on a ledger with the parameters that every new one has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from counterfoil.machine.genesis import Parameters
from counterfoil.sdk import Sandbox, TransactionRejected, messages, recipes
from counterfoil.sdk.sandbox import MARKET, SHARE_ISIN

HOUR_MS = 3_600_000


@pytest.fixture
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def deal(ledger: Sandbox, reference: str, own: str) -> messages.InstructBoth:
    seller, buyer = (ledger.client(name) for name in ("broker-a", "broker-b"))
    made = recipes.dvp(
        MARKET,
        reference,
        ledger.today,
        seller=(seller, ledger.account("broker-a")),
        buyer=(buyer, ledger.account("broker-b")),
        instrument=seller.instrument_id(SHARE_ISIN),
        quantity=1,
        asset=ledger.seeded.euro,
        amount=100,
    )
    sides = [messages.Side(ledger.account(name), f"{own}-{name}") for name in ("broker-a", "broker-b")]
    return replace(made, delivery=sides[0], receipt=sides[1])


def settle(ledger: Sandbox, reference: str, own: str) -> None:
    ledger.client("broker-a").send(deal(ledger, reference, own), cosigners=[ledger.client("broker-b")])


@pytest.mark.parametrize(("hours", "refused"), [(0, True), (2, True), (23, True), (25, False)])
def test_what_settled_today_is_not_settled_again_by_the_same_references(
    ledger: Sandbox, hours: int, refused: bool
) -> None:
    """A file that is sent once more: each of its references refuses it, the trade's and both members' own."""
    settle(ledger, "T-1", "OWN-1")
    held = ledger.client("broker-b").balance(ledger.account("broker-b"), SHARE_ISIN)
    ledger.client("regulator").connection.advance_clock(ledger.time_ms + hours * HOUR_MS)
    for reference, own, number in (("T-1", "OWN-2", 8013), ("T-2", "OWN-1", 9013)):
        if refused:
            with pytest.raises(TransactionRejected) as caught:
                settle(ledger, reference, own)
            assert caught.value.number == number
        else:
            settle(ledger, reference, own)
    moved = ledger.client("broker-b").balance(ledger.account("broker-b"), SHARE_ISIN)
    assert moved[0] - held[0] == (0 if refused else 2)


def test_a_live_instruction_keeps_its_reference_however_old_it_is(ledger: Sandbox) -> None:
    broker = ledger.client("broker-a")
    ask = messages.Instruct(
        market=MARKET,
        party=broker.party,
        account=ledger.account("broker-a"),
        movement=messages.Movement.DELIVER,
        method=messages.Method.FREE,
        instrument_id=broker.instrument_id(SHARE_ISIN),
        quantity=1,
        counterparty=ledger.client("broker-b").party,
        trade_date=ledger.today,
        settlement_date=ledger.today,
        reference="WAITS",
    )
    broker.send(ask)
    ledger.client("regulator").connection.advance_clock(ledger.time_ms + 72 * HOUR_MS)
    with pytest.raises(TransactionRejected) as caught:
        broker.send(ask)
    assert caught.value.name == "REFERENCE_IS_USED"


def test_a_ledger_may_be_founded_with_a_window_of_its_own() -> None:
    assert Parameters().reference_window_ms == 24 * HOUR_MS
