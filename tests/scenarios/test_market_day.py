"""A market day: opened, traded, settled with today's receipts, closed, stated, proven."""

from __future__ import annotations

from counterfoil.verify import Trust, verify_proof
from tests.scenarios.floor import Floor


def test_a_day_from_its_opening_to_its_statements(floor: Floor) -> None:
    before = floor.register()
    total = sum(before.values())
    opening = floor.ledger.node.height

    # Morning. Broker A sells to Broker B, which both instruct; it settles when the second of them does.
    sale = floor.sells("broker-a", "broker-b", 1_000, 12_500_00)
    assert sale.settled
    assert (floor.shares("broker-a"), floor.shares("broker-b")) == (99_000, 101_000)
    assert floor.money("broker-a") - floor.money("broker-b") == 2 * 12_500_00

    # Noon. An investor sells on what it will only receive: nothing is set aside beforehand, and it is not short of it.
    onward = floor.sells("investor-b", "investor-a", 150_000, 1_500_000_00)
    assert onward.why_not == ("LACK", "CLAC")
    into = floor.sells("broker-b", "investor-b", 60_000, 600_000_00)
    assert into.settled
    assert onward.settled, "today's receipts fund today's deliveries"

    # Evening. Nothing was made or lost, and the register says who holds it all.
    floor.ledger.advance_to_day_close()
    after = floor.register()
    assert sum(after.values()) == total
    assert {name: after[name] - before.get(name, 0) for name in after} == {
        "Issuer A": 0,
        "Broker A": -1_000,
        "Broker B": 1_000 - 60_000,
        "Investor A": 150_000,
        "Investor B": 60_000 - 150_000,
    }
    assert floor.register(opening) == before

    # Everybody's statement adds up: opening balance, every posting, closing balance.
    for who in ("broker-a", "broker-b", "investor-a", "investor-b"):
        day = str(floor.ledger.today)
        date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        told = floor.acting(who).statement(floor.ledger.account(who), since=opening, until=date)
        assert told.balanced
        held = {line.instrument.instrument_id: line.available for line in told.opening}
        for posting in told.postings:
            held[posting.instrument_id] += posting.change
        assert held == {line.instrument.instrument_id: line.available for line in told.closing}
        assert held[floor.market.share] == floor.shares(who)


def test_a_stranger_is_shown_that_these_are_all_holders(floor: Floor) -> None:
    floor.sells("broker-a", "broker-b", 7, 70_00)
    floor.ledger.advance_to_day_close()
    proof = floor.client("issuer-a").proof("register", instrument=floor.market.share)
    proven = verify_proof(proof, Trust.in_genesis(floor.ledger.node.genesis_bytes))
    holders = len(floor.client("issuer-a").register(floor.market.share))
    assert len(proven.records) == holders + 1, "all of them, and the account that stands against them"


def test_what_each_may_read_of_a_trade(floor: Floor) -> None:
    """Both sides and those above them see it; the issuer sees that holdings moved, other brokers' clients nothing."""
    before = floor.ledger.node.height
    floor.sells("investor-a", "broker-b", 10, 100_00)

    def told(who: str) -> list[str]:
        items = floor.client(who).watch(before, follow=False)
        return [type(fact).__name__ for item in items for fact in item.facts]

    assert "InstructionSettled" in told("broker-a")
    assert "InstructionSettled" in told("investor-a")
    assert "InstructionSettled" in told("broker-b")
    assert set(told("issuer-a")) == {"Posting"}
    assert told("investor-b") == []
    assert {"Posting", "InstructionSettled"} <= set(told("regulator"))
