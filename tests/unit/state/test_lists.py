"""Links: who may read a member's name in them, and where places lie."""

from __future__ import annotations

import pytest

from counterfoil.primitives import digests
from counterfoil.state import snapshot
from counterfoil.state.leaves import list_tag, member_commitment, member_tag, place_before_list
from counterfoil.state.lists import MemberNames
from counterfoil.state.state import State
from counterfoil.state.tables import LINK_END, LINK_FIRST, LINKS, Link
from tests.unit.state.small_ledger import (
    ALL,
    BY_OWNER,
    EVERYTHING,
    ITEMS,
    TABLES,
    Action,
    SmallLedger,
    Write,
    item,
    item_handle,
    item_key,
    owner_handle,
)

PLACE = b"p" * 32


@pytest.mark.parametrize("size", [1, 5, 33, 64, 65, 200])
def test_a_members_name_is_read_with_the_secret_alone(size: int) -> None:
    names, strangers = MemberNames(b"secret"), MemberNames(b"another")
    full_key = bytes(range(1, 101)) * 2
    full_key = full_key[:size]
    commitment, masked = names.hide(PLACE, full_key)
    link = Link(LINK_END, commitment, masked)
    assert names.reveal(link) == full_key
    assert strangers.reveal(link) != full_key
    assert full_key not in masked or size < 3
    assert commitment == member_commitment(names.blind(PLACE, full_key), full_key)


def test_two_members_never_share_a_keystream() -> None:
    names = MemberNames(b"secret")
    one, other = names.hide(PLACE, b"a" * 20), names.hide(PLACE, b"b" * 20)
    mixed = bytes(x ^ y for x, y in zip(one[1], other[1], strict=True))
    assert mixed != bytes(x ^ y for x, y in zip(b"a" * 20, b"b" * 20, strict=True))


def test_the_first_link_has_no_member() -> None:
    assert MemberNames(b"secret").reveal(Link(LINK_END, b"", b"")) == b""


def test_places_of_a_list_lie_together() -> None:
    tag = list_tag(7, b"parent")
    place = tag + member_tag(tag, b"member")
    before = place_before_list(tag)
    assert before < place < tag + b"\xff" * 16
    assert int.from_bytes(before, "big") + 1 == int.from_bytes(tag + bytes(16), "big")
    assert list_tag(8, b"parent") != tag


def test_a_snapshots_tag_is_no_others() -> None:
    others = [
        tag for name, tag in vars(digests).items() if name.isupper() and name not in ("EMPTY", "SNAPSHOT")
    ]
    assert len(snapshot.SNAPSHOT) == 2
    assert snapshot.SNAPSHOT not in others


def _ledger() -> SmallLedger:
    ledger = SmallLedger()
    ledger.block([Action(tuple([Write(ITEMS, item_key(n), item(n, 1)) for n in range(9)]))])
    ledger.block([Action(tuple([Write(ITEMS, item_key(n), None) for n in range(0, 9, 3)]))])
    return ledger


def test_an_empty_list_and_one_that_was() -> None:
    state: State = _ledger().state
    assert list(state.members(BY_OWNER.number, owner_handle(0))) == []
    assert len(list(state.members(BY_OWNER.number, owner_handle(0), 2))) == 3
    assert len(list(state.members(EVERYTHING.number, ALL))) == 6
    assert list(state.members(99, b"nobody")) == []
    assert list(state.members(EVERYTHING.number, ALL, 1)) == []


def test_a_change_of_value_moves_no_link() -> None:
    ledger = _ledger()
    ledger.block([Action((Write(ITEMS, item_key(1), item(1, 2)),))])
    assert ledger.headers[-1].change_count == 1


def test_a_member_that_joins_touches_its_own_link_and_its_neighbours_alone() -> None:
    ledger = _ledger()
    ledger.block([Action((Write(ITEMS, item_key(20), item(20, 2)),))])
    assert ledger.headers[-1].change_count == 5


def test_what_lives_and_ends_in_one_block_touches_nothing() -> None:
    ledger = _ledger()
    come, go = Write(ITEMS, item_key(21), item(21, 2)), Write(ITEMS, item_key(21), None)
    ledger.block([Action((come,)), Action((go,))])
    assert ledger.headers[-1].change_count == 0


def test_the_links_are_one_sorted_run() -> None:
    state = _ledger().state
    place, places = LINK_FIRST, []
    while place != LINK_END:
        places.append(place)
        link = state.find(LINKS, place)
        assert link is not None
        assert link.next > place
        place = link.next
    assert len(places) == 1 + 2 * 6
    at, link = state.link_at(item_handle(b"x") * 2, 2)
    assert at <= item_handle(b"x") * 2 < link.next


def test_links_show_nothing_of_the_members() -> None:
    ledger = _ledger()
    for _, full_key in [(table, key) for table in TABLES for key in ledger.state.keys(table)]:
        for place in ledger.state.keys(LINKS):
            row = ledger.state.row(LINKS, place)
            assert row is not None
            assert ITEMS.prefix + full_key not in row
