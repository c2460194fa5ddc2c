"""Random blocks for a small ledger: births, changes, ends, returns, actions that are taken back, many at once."""

from __future__ import annotations

from hypothesis import strategies as st

from counterfoil.state.tables import Table
from tests.unit.state.small_ledger import ITEMS, NOTES, QUEUE, Action, Note, Write, item, item_key

NUMBERS = st.integers(0, 11)
AMOUNTS = st.integers(0, 3)


def _item(number: int, amount: int | None) -> Write:
    return Write(ITEMS, item_key(number), None if amount is None else item(number, amount))


def _note(table: Table[Note], number: int, amount: int | None) -> Write:
    return Write(table, bytes([0, number]), None if amount is None else Note(str(amount)))


WRITES = st.one_of(
    st.builds(_item, NUMBERS, st.one_of(AMOUNTS, AMOUNTS, st.none())),
    st.builds(_note, st.sampled_from((NOTES, QUEUE)), NUMBERS, st.one_of(AMOUNTS, AMOUNTS, st.none())),
)


def _many(first: int, count: int, amount: int | None) -> Action:
    return Action(tuple([_item(number, amount) for number in range(first, first + count)]))


ACTIONS = st.one_of(
    st.builds(lambda writes, kept: Action(tuple(writes), kept), st.lists(WRITES, max_size=4), st.booleans()),
    st.builds(lambda writes: Action(tuple(writes)), st.lists(WRITES, min_size=1, max_size=6)),
    st.builds(_many, st.integers(0, 40), st.sampled_from((3, 17, 40)), st.one_of(AMOUNTS, st.none())),
)
BLOCKS = st.lists(ACTIONS, max_size=4)
