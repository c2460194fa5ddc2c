"""What games against the model found, each as a story of its own."""

from __future__ import annotations

import pytest

from counterfoil.modules.issuance.messages import Allot, HoldingLine
from counterfoil.modules.settlement.records import Linkage, Position
from tests.model.desk import by
from tests.model.opening import Opening, papers
from tests.model.twin import Twin

BOTH = by("broker-a", "broker-b")


@pytest.fixture
def opening() -> Opening:
    made = Opening(Twin()).everything()
    made.desk.pass_time()
    return made


def lives(opening: Opening, identity: bytes) -> bool:
    return opening.desk.machine.wired.settlement.find(identity) is not None


def test_what_comes_after_a_retry_settles_in_the_same_block(opening: Opening) -> None:
    """A chain of deliveries waits for the first one, that for securities; they come, and all settle at once."""
    desk, other = opening.desk, opening.instruments["other"]
    chain = []
    for number, after in enumerate(((), ("SC0",), ("SC1", "SC0"), ("SC2",))):
        linkages = tuple(Linkage(Position.AFTER, reference) for reference in after)
        message = opening.both(
            f"C{number}", 200 if not number else 10, instrument_id=other, delivery={"linkages": linkages}
        )
        _, delivery, _ = desk.do(message, *BOTH)
        chain.append(delivery)
    assert all(lives(opening, delivery) for delivery in chain)
    height = desk.height
    line = HoldingLine(opening.accounts["a"], 500)
    desk.do(
        Allot(other, opening.accounts["treasury"], False, (line,), 500, "MORE", papers("more")),
        *by("issuer-a"),
    )
    assert desk.height == height + 1
    assert not any(lives(opening, delivery) for delivery in chain)
