"""The state against the slow model: the same roots at every block, the same answers at every past height."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.state import state as state_module
from counterfoil.state.leaves import root_digest
from counterfoil.state.past_tree import NotHeld
from counterfoil.state.rows import parse
from counterfoil.state.state import RECENT_BLOCKS
from counterfoil.state.tables import LINKS
from tests.unit.state.random_blocks import BLOCKS
from tests.unit.state.small_ledger import (
    ALL,
    BY_OWNER,
    EVERYTHING,
    ITEMS,
    QUEUE,
    TABLES,
    Action,
    Block,
    Note,
    SmallLedger,
    Write,
    item,
    item_key,
    owner_handle,
)


class StateAgainstModel(RuleBasedStateMachine):
    """Blocks of all kinds, discarded blocks, flushes with and without the tree, restarts that lose the unwritten."""

    @initialize()
    def found(self) -> None:
        self.ledger = SmallLedger()
        self.past_trees: dict[int, bytes] = {}

    @rule(block=BLOCKS, step=st.sampled_from((1, 1, 1, 3)))
    def commit(self, block: Block, step: int) -> None:
        self.ledger.block(block, step)

    @rule(block=BLOCKS)
    def discard(self, block: Block) -> None:
        self.ledger.discard(block)

    @rule(levels=st.booleans())
    def flush(self, levels: bool) -> None:
        self.ledger.state.flush(levels=levels)

    @rule()
    def restart(self) -> None:
        self.ledger.reopen()

    @precondition(lambda self: len(self.ledger.headers) > 1)
    @rule(data=st.data())
    def ask_of_the_past(self, data: st.DataObject) -> None:
        ledger, model = self.ledger, self.ledger.model
        height = data.draw(st.integers(1, ledger.height), "height")
        for table in (LINKS, *TABLES):
            for full_key in [key for key in model.changes if key[0] == table.number]:
                found = ledger.state.find_at(table, full_key[1:], height)
                assert (None if found is None else encode(found)) == model.value_at(full_key, height)
                after = ledger.state.row_after(table, full_key[1:], height)
                later = [change for change in model.changes[full_key] if change.height > height]
                assert (parse(after).height if after else None) == (later[0].height if later else None)
        for number, parent in ((EVERYTHING.number, ALL), (BY_OWNER.number, owner_handle(1))):
            members = list(ledger.state.members(number, parent, height))
            assert sorted(members) == sorted(model.listed_at(number, parent, height))

    @invariant()
    def the_present_is_the_models(self) -> None:
        state, live = self.ledger.state, self.ledger.model.live
        for table in TABLES:
            there = {table.prefix + key: state.find(table, key) for key in state.keys(table)}
            assert {key: encode(record) for key, record in there.items() if record is not None} == {
                key: value for key, value in live.items() if key[0] == table.number
            }
        scanned = {QUEUE.prefix + key: encode(record) for key, record in state.books.shelf(QUEUE).scan()}
        assert scanned == {key: value for key, value in live.items() if key[0] == QUEUE.number}

    @invariant()
    def trees_of_the_last_blocks_are_held(self) -> None:
        for header in self.ledger.headers[-RECENT_BLOCKS:]:
            try:
                past = self.ledger.state.tree_at(header.height)
            except NotHeld:
                continue
            assert root_digest(past.count, header.free_head, past.top()) == header.state_root
            assert past.count == header.slot_count


StateAgainstModel.TestCase.settings = settings(stateful_step_count=25)
TestStateAgainstModel = StateAgainstModel.TestCase


@given(st.lists(BLOCKS, max_size=6), st.data())
def test_how_blocks_are_cut_into_flushes_changes_nothing(blocks: list[Block], data: st.DataObject) -> None:
    whole, parts = SmallLedger(), SmallLedger()
    for block in blocks:
        whole.block(block)
        parts.block(block)
        if data.draw(st.booleans()):
            parts.state.flush(levels=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            parts.reopen()
    assert whole.headers == parts.headers


@given(st.lists(BLOCKS, max_size=6), st.data())
def test_records_that_memory_lets_go_or_reads_ahead_are_the_same(
    blocks: list[Block], data: st.DataObject
) -> None:
    roomy = SmallLedger()
    with patch.object(state_module, "LIVE_RECORDS_MAX", 4):
        tight = SmallLedger()
        items = tight.state.books.shelf(ITEMS)
        keys = [item_key(number) for number in range(8)]
        for block in blocks:
            if data.draw(st.booleans()):
                items.read_ahead(keys)
            tight.block(block)
            if data.draw(st.booleans()):
                assert items.find_many(keys) == [items.find(key) for key in keys]
                assert items.ahead == 0
            tight.state.flush()
            shelves = tight.state.books.shelves.values()
            assert all(len(shelf.live) <= 4 + shelf.ahead for shelf in shelves if shelf.index is None)
    for block in blocks:
        roomy.block(block)
    assert tight.headers == roomy.headers


def test_trees_are_held_for_so_many_blocks_and_no_longer() -> None:
    ledger = SmallLedger()
    for number in range(RECENT_BLOCKS + 5):
        ledger.block([Action((Write(ITEMS, item_key(number), item(number, 1)),))])
    for header in ledger.headers[-RECENT_BLOCKS - 1 :]:
        past = ledger.state.tree_at(header.height)
        assert root_digest(past.count, header.free_head, past.top()) == header.state_root
    with pytest.raises(NotHeld):
        ledger.state.tree_at(ledger.headers[-RECENT_BLOCKS - 2].height)


def test_many_versions_of_one_record_are_all_found() -> None:
    ledger = SmallLedger()
    key = item_key(1)
    for number in range(200):
        gone = number % 13 == 12
        ledger.block([Action((Write(ITEMS, key, None if gone else item(1, number)),))])
        if number % 10 == 9:
            ledger.state.flush()
    for height in range(1, ledger.height + 1):
        found = ledger.state.find_at(ITEMS, key, height)
        expected = ledger.model.value_at(ITEMS.prefix + key, height)
        assert (None if found is None else encode(found)) == expected
    assert [parse(row).number for row in ledger.state.versions(ITEMS, key)] == list(range(200, 0, -1))


def test_a_place_that_is_taken_stops_the_ledger() -> None:
    ledger = SmallLedger()
    ledger.block([Action((Write(ITEMS, item_key(1), item(1, 1)),))])
    ledger.apply([Action((Write(ITEMS, item_key(2), item(1, 1)),))])
    with pytest.raises(InvariantViolation, match="is taken"):
        ledger.state.commit(ledger.height + 1)


def test_a_resident_table_is_whole_after_a_restart() -> None:
    ledger = SmallLedger()
    ledger.block([Action(tuple([Write(QUEUE, bytes([9, n]), Note(str(n))) for n in range(5)]))])
    ledger.state.flush()
    ledger.reopen()
    assert [record.text for _, record in ledger.state.books.shelf(QUEUE).scan(b"\x09")] == list("01234")
