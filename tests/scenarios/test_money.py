"""Money comes in against a deposit and goes out against a payment: refused once, paid once, never twice."""

from __future__ import annotations

from counterfoil.node.personas import persona_keys
from counterfoil.sdk import Client, messages
from tests.scenarios.floor import Floor


def outstanding(floor: Floor) -> int:
    return floor.client("trustee").whole_register(floor.market.euro).outstanding


def test_a_redemption_is_refused_and_then_paid(floor: Floor) -> None:
    holder, trustee, account = (
        floor.client("broker-a"),
        floor.client("trustee"),
        floor.ledger.account("broker-a"),
    )
    euro, before = floor.market.euro, outstanding(floor)
    ask = messages.RequestRedemption(euro, account, 4_000_000_00, "OUT-1")
    first = holder.send(ask).created

    # Until it is decided the tokens are the holder's, and cannot be spent a second time.
    assert floor.earmarked("broker-a", euro) == 4_000_000_00
    buys = floor.sells("broker-b", "broker-a", 100_000, 7_000_000_00)
    assert buys.why_not == ("CMON", "MONY")
    assert floor.refusal(ask, holder) == "REFERENCE_IS_USED"

    # The trustee refuses: what was asked for is free again, and pays for what waited.
    trustee.send(messages.RefuseRedemption(first, "The account at the bank is closed."))
    assert buys.settled
    assert (floor.money("broker-a"), floor.earmarked("broker-a", euro)) == (3_000_000_00, 0)
    assert outstanding(floor) == before, "nothing was paid, nothing ended"

    # The second time it is paid, and the tokens end.
    second = holder.send(messages.RequestRedemption(euro, account, 1_000_000_00, "OUT-2")).created
    trustee.send(messages.PayRedemption(second, "PAYMENT-1", floor.ledger.today))
    assert (floor.money("broker-a"), outstanding(floor)) == (2_000_000_00, before - 1_000_000_00)
    again = messages.PayRedemption(second, "PAYMENT-2", floor.ledger.today)
    assert floor.refusal(again, trustee) == "REDEMPTION_NOT_FOUND"


def test_a_deposit_is_minted_once_and_by_two(floor: Floor) -> None:
    trustee, account = floor.client("trustee"), floor.ledger.account("broker-a")
    mint = messages.Mint(floor.market.euro, account, 1_00, "DEPOSIT-9", floor.ledger.today)
    maker, checker = persona_keys("trustee")
    alone = Client(floor.ledger.connect(), maker, party=trustee.party)
    assert floor.refusal(mint, alone) == "CHECKER_IS_MISSING"
    assert (
        floor.refusal(mint, Client(floor.ledger.connect(), checker, party=trustee.party))
        == "MAKER_IS_MISSING"
    )
    trustee.send(mint)
    assert floor.refusal(mint, trustee) == "BANK_ENTRY_IS_USED"
    floor.ledger.advance_to("2024-01-08")
    assert floor.refusal(mint, trustee) == "BANK_ENTRY_IS_USED", "never again, however long ago"
    assert floor.money("broker-a") == 10_000_000_00 + 1_00
