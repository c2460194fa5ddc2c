"""What amounts count in facts that name their object alone: of every such fact in games by chance."""

from __future__ import annotations

import pytest

from counterfoil.modules.holdings.facts import EarmarkPlaced
from counterfoil.modules.settlement.facts import InstructionAccepted
from counterfoil.modules.trades.facts import TradeRecorded
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import time_of
from counterfoil.node.receipts_of import receipts_of_block
from counterfoil.node.streams import Position
from counterfoil.node.told import MEASURED_BY_THEIR_OBJECT, Measured, ToldBlock, own_objects
from counterfoil.primitives.codec import Fact
from counterfoil.sdk import Client, LocalConnection
from tests.model.desk import own, party
from tests.unit.node.cast import Cast
from tests.unit.node.test_facts_told import game, weeks_later


def said_at_birth(known: dict[bytes, Measured], fact: Fact) -> None:
    """What the fact that told of an object's birth said, as an oracle of what is looked up when it ends."""
    if isinstance(fact, EarmarkPlaced):
        known[fact.earmark_id] = Measured(fact.earmark_id, fact.instrument_id)
    if isinstance(fact, InstructionAccepted):
        known[fact.instruction_id] = Measured(fact.instruction_id, fact.instrument_id, fact.asset)
    if isinstance(fact, TradeRecorded):
        known[fact.trade_id] = Measured(fact.trade_id, fact.terms.instrument_id, fact.terms.asset)


@pytest.fixture(scope="module")
def games() -> list[LedgerNode]:
    return [game(number) for number in (0, 1)]


def test_every_amount_counts_what_its_object_said_when_it_was_born(games: list[LedgerNode]) -> None:
    seen: set[type[Fact]] = set()
    for node in (*games, weeks_later()):
        known: dict[bytes, Measured] = {}
        for height in range(1, node.height + 1):
            kept = receipts_of_block(node, height)
            block = ToldBlock(node, height, time_of(node, height), kept)
            facts = [fact for found in block.found for fact in found.facts]
            for fact in facts:
                said_at_birth(known, fact)
            for fact in facts:
                if isinstance(fact, MEASURED_BY_THEIR_OBJECT):
                    seen.add(type(fact))
                    assert block.objects.measured([fact]) == tuple(known[one] for one in own_objects(fact))
                else:
                    assert block.objects.measured([fact]) == ()
    assert seen == set(MEASURED_BY_THEIR_OBJECT)


def test_it_goes_with_the_facts_and_with_no_others(games: list[LedgerNode], cast: Cast) -> None:
    """In histories and in live reads: of those objects alone of which facts with amounts are shown."""
    checked = 0
    for client in (
        Client(LocalConnection(games[0]), *own("broker-a"), party=party("broker-a")),
        cast.client("broker-a"),
    ):
        items = list(client.watch(Position(0), follow=False))
        entries = client.history(party=client.party)
        for account in {
            fact.account_id for item in items for fact in item.facts if isinstance(fact, EarmarkPlaced)
        }:
            entries += client.history(account=account)
        for told in (*items, *entries):
            shown = {
                one
                for fact in told.facts
                if isinstance(fact, MEASURED_BY_THEIR_OBJECT)
                for one in own_objects(fact)
            }
            assert {one.object_id for one in told.measured} == shown
            checked += len(shown)
    assert checked > 5
