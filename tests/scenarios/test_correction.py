"""An error is corrected by order, in daylight: made by one, checked by another, told to those whom it concerns."""

from __future__ import annotations

from counterfoil.modules.holdings.facts import TransferredByOrder
from counterfoil.node.personas import persona_keys
from counterfoil.sdk import Client, messages
from tests.scenarios.floor import Floor, papers


def test_a_mistaken_delivery_is_taken_back_by_maker_and_checker(floor: Floor) -> None:
    depository = floor.client("depository")
    maker, checker = persona_keys("depository")
    floor.gives("broker-a", "broker-b", 5_000)  # it should have been 500
    order = papers("correction 2024-17: 4,500 Sandbox Share from Broker B back to Broker A")
    ask = messages.ForceTransfer(
        depository.party,
        floor.market.share,
        floor.ledger.account("broker-b"),
        floor.ledger.account("broker-a"),
        4_500,
        order,
    )

    def alone(*keys: object) -> Client:
        return Client(floor.ledger.connect(), *keys, party=depository.party)  # type: ignore[arg-type]

    # Whoever makes it cannot also check it, and nobody else's office reaches so far.
    assert floor.refusal(ask, alone(maker)) == "CHECKER_IS_MISSING"
    assert floor.refusal(ask, alone(checker)) == "MAKER_IS_MISSING"
    assert floor.refusal(ask, floor.client("broker-a")) == "MAKER_IS_MISSING"
    assert floor.shares("broker-b") == 105_000

    done = alone(maker, checker).send(ask)
    assert (floor.shares("broker-a"), floor.shares("broker-b")) == (99_500, 100_500)

    # The mistake and its correction both stay on record, with who did it and by which order.
    for who in ("broker-a", "broker-b"):
        (entry,) = [
            one
            for one in floor.client(who).history(account=floor.ledger.account(who))
            if one.action == done.id
        ]
        assert [(author.signer, author.party) for author in entry.authors] == [(b"", depository.party)]
        postings = [fact for fact in entry.facts if type(fact).__name__ == "Posting"]
        assert {fact.reference for fact in postings} == {order}
    (entry,) = [
        one
        for one in floor.client("regulator").history(instrument=floor.market.share)
        if one.action == done.id
    ]
    assert {(author.signer, author.by_user) for author in entry.authors} == {
        (maker.address, True),
        (checker.address, True),
    }
    assert any(isinstance(fact, TransferredByOrder) for fact in entry.facts)
    assert floor.register(done.height - 1)["Broker B"] == 105_000
