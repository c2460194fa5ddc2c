"""A member is suspended in the middle of the day, and comes back; a paper is stopped, and resumes."""

from __future__ import annotations

from counterfoil.modules.parties.facts import PartyStatusChanged
from counterfoil.sdk import messages
from tests.scenarios.floor import Floor


def test_a_member_suspended_in_mid_day(floor: Floor) -> None:
    regulator, broker_b = floor.client("regulator"), floor.client("broker-b")
    settled = floor.sells("broker-a", "broker-b", 100, 1_000_00)
    waits = floor.sells("broker-a", "broker-b", 150_000, 1_500_000_00)
    assert settled.settled
    assert waits.why_not == ("LACK", "CLAC")

    # Noon: the regulator stops Broker B, and with it whom Broker B admitted.
    regulator.send(messages.SuspendParty(regulator.party, broker_b.party, "large losses"))
    floor.gives("investor-a", "broker-a", 60_000)
    assert waits.why_not == ("PRSY", "BLOC"), (
        "what it waited for is there, and nothing moves over a stopped member"
    )
    refused = messages.RecordOpeningKey(broker_b.party, bytes(32))
    assert floor.refusal(refused, broker_b) == "PARTY_IS_NOT_ACTIVE"
    sale = messages.RequestRedemption(floor.market.euro, floor.ledger.account("broker-b"), 100, "OUT-1")
    assert floor.refusal(sale, broker_b) == "NOT_AUTHORISED_FOR_THE_ACCOUNT"

    # It still reads what is its own, and what settled before stands.
    assert floor.shares("broker-b") == 100_100
    assert floor.client("broker-b").instruction(waits.receipt).code == "BLOC"

    # Everybody else goes on.
    assert floor.sells("broker-a", "investor-a", 10, 100_00).settled

    # Reinstated, what waited for it settles at once, and it goes on where it was stopped.
    regulator.send(messages.ReinstateParty(regulator.party, broker_b.party))
    assert waits.settled
    assert floor.sells("broker-b", "broker-a", 10, 100_00).settled
    assert floor.shares("broker-b") == 250_090
    steps = [
        (fact.before.name, fact.after.name)
        for entry in broker_b.history(party=broker_b.party)
        for fact in entry.facts
        if isinstance(fact, PartyStatusChanged)
    ]
    assert steps == [("ACTIVE", "SUSPENDED"), ("SUSPENDED", "ACTIVE")]


def test_a_stopped_paper_resumes_and_what_waited_settles(floor: Floor) -> None:
    depository, broker = floor.client("depository"), floor.client("broker-a")
    deal = floor.sells("broker-a", "broker-b", 100, 1_000_00, due=20240103)
    depository.send(messages.SuspendInstrument(floor.market.share, depository.party))
    floor.ledger.advance_to("2024-01-03")
    assert deal.why_not == ("SBLO", "SBLO")
    resume = messages.ResumeInstrument(floor.market.share, broker.party)
    assert floor.refusal(resume, broker) == "AUTHORITY_MAY_NOT_RESUME"
    depository.send(messages.ResumeInstrument(floor.market.share, depository.party))
    assert deal.settled


def test_what_waits_for_a_client_settles_once_it_and_its_broker_are_back(floor: Floor) -> None:
    regulator, broker_b = floor.client("regulator"), floor.client("broker-b")
    investor = floor.client("investor-b").party
    deal = floor.sells("broker-a", "investor-b", 100, 1_000_00, due=20240103)
    broker_b.send(messages.SuspendParty(broker_b.party, investor, "an open question"))
    regulator.send(messages.SuspendParty(regulator.party, broker_b.party, "large losses"))
    floor.ledger.advance_to("2024-01-03")
    assert deal.why_not == ("PRSY", "BLOC")

    # The broker is back, and its client is not.
    regulator.send(messages.ReinstateParty(regulator.party, broker_b.party))
    assert deal.why_not == ("PRSY", "BLOC")
    broker_b.send(messages.ReinstateParty(broker_b.party, investor))
    assert deal.settled
