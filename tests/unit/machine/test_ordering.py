"""What a block takes, and in which order: urgent things first, then as they came, as long as there is room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.machine.ordering import chosen, in_order
from counterfoil.machine.transactions import Prepared
from counterfoil.modules.holdings.messages import CloseAccount, PlaceEarmark
from tests.model.desk import Desk, by

URGENT = frozenset((CloseAccount,))


def prepared(desk: Desk, urgent: bool) -> Prepared:
    message = CloseAccount(bytes(20)) if urgent else PlaceEarmark(bytes(20), bytes(20), 1)
    return desk.machine.reader.prepare(desk.transaction(message, *by("broker-a")))


@pytest.fixture(scope="module")
def kinds() -> tuple[Prepared, Prepared, Prepared]:
    """An ordinary one, an urgent one, and one that is no transaction."""
    desk = Desk()
    return prepared(desk, False), prepared(desk, True), desk.machine.reader.prepare(b"nonsense")


def test_urgent_ones_are_executed_first_and_all_others_as_bundled(
    kinds: tuple[Prepared, Prepared, Prepared],
) -> None:
    plain, urgent, nonsense = kinds
    assert list(in_order([plain, nonsense, plain], URGENT)) == [0, 1, 2]
    assert list(in_order([plain, urgent, nonsense, urgent, plain], URGENT)) == [1, 3, 0, 2, 4]
    assert list(in_order([urgent, plain], frozenset())) == [0, 1]
    assert list(in_order([], URGENT)) == []


@pytest.mark.parametrize(
    ("sizes", "room", "expected"),
    [
        ((10, 10, 10, 10), 100, [2, 0, 1, 3]),
        ((10, 10, 10, 10), 40, [2, 0, 1, 3]),
        ((10, 10, 10, 10), 39, [2, 0, 1]),
        ((10, 10, 10, 10), 9, []),
        ((10, 30, 10, 10), 35, [2, 0, 3]),
        ((40, 30, 10, 10), 40, [2, 1]),
        ((10, 10, 50, 10), 40, [0, 1, 3]),
        ((0, 0, 0, 0), 0, [2, 0, 1, 3]),
    ],
)
def test_what_a_block_takes(
    kinds: tuple[Prepared, Prepared, Prepared], sizes: tuple[int, ...], room: int, expected: list[int]
) -> None:
    plain, urgent, _ = kinds
    bundles = [[plain], [plain, plain], [plain, urgent], []]
    assert chosen(bundles, sizes, room, URGENT) == expected


def test_the_machine_is_asked_with_its_own_urgent_messages(
    kinds: tuple[Prepared, Prepared, Prepared],
) -> None:
    machine = Desk().machine
    plain, urgent, _ = kinds
    assert machine.chosen([[plain], [urgent]], (5, 5), 10) == [0, 1], "none is urgent yet"
    machine.wired = machine.wired._replace(urgent=URGENT)
    assert machine.chosen([[plain], [urgent]], (5, 5), 10) == [1, 0]
    assert machine.chosen([[plain], [urgent]], (5, 5), 5) == [1]


@given(data=st.data())
def test_whatever_is_offered(data: st.DataObject) -> None:
    """Within the limit; nothing that would still have fitted is left out; urgent ones lose no room to others."""
    desk_kinds = _shared()
    offered = data.draw(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=12))
    room = data.draw(st.integers(0, 200))
    bundles = [[desk_kinds[is_urgent]] for is_urgent, _ in offered]
    sizes = [size for _, size in offered]
    taken = chosen(bundles, sizes, room, URGENT)
    assert len(set(taken)) == len(taken)
    assert sum(sizes[place] for place in taken) <= room
    left = room - sum(sizes[place] for place in taken)
    assert all(sizes[place] > left for place in range(len(offered)) if place not in taken)
    places = [place for place, (is_urgent, _) in enumerate(offered) if is_urgent]
    alone = chosen([bundles[place] for place in places], [sizes[place] for place in places], room, URGENT)
    assert [place for place in taken if offered[place][0]] == [places[place] for place in alone]


_kinds: list[Prepared] = []


def _shared() -> list[Prepared]:
    if not _kinds:
        desk = Desk()
        _kinds.extend((prepared(desk, False), prepared(desk, True)))
    return _kinds
