from __future__ import annotations

import pytest

from counterfoil.state.port import TableLayout
from counterfoil.storage.disk_keys import TAG_SIZE, DiskKeys, UnknownTable, check_layout

LAYOUTS = {
    1: TableLayout(0, (20, 20)),
    2: TableLayout(0, (20, 20)),
    3: TableLayout(4, (8, 8, 8, 0)),
    4: TableLayout(6, ()),
    5: TableLayout(0, (0,)),
    6: TableLayout(0, (16,)),
}
TAG_KEY = b"k" * 32


def test_no_part_of_a_hidden_component_lies_on_disk() -> None:
    keys = DiskKeys(LAYOUTS, TAG_KEY)
    account, instrument = b"ACCOUNT-ACCOUNT-ACCO", b"INSTRUMENT-INSTRUMEN"
    found = keys.of[1](account + instrument)
    assert len(found) == 1 + 2 * TAG_SIZE
    assert found[:1] == b"\x01"
    for text in (account, instrument):
        assert all(text[at : at + 3] not in found for at in range(len(text) - 2))


def test_clear_bytes_lie_as_they_are() -> None:
    keys = DiskKeys(LAYOUTS, TAG_KEY)
    assert keys.of[3](b"DATE" + bytes(24) + b"rest")[1:5] == b"DATE"
    assert keys.of[4](b"abcdef") == b"\x04abcdef"


def test_a_prefix_of_whole_components_is_a_prefix_on_disk() -> None:
    keys = DiskKeys(LAYOUTS, TAG_KEY)
    key = b"DATE" + b"a" * 8 + b"b" * 8 + b"c" * 8 + b"the rest"
    for end in (0, 1, 3, 4, 12, 20, 28, len(key)):
        assert keys.of[3](key).startswith(keys.prefix(3, key[:end]))
    assert keys.prefix(3, key) == keys.of[3](key)
    for end in (5, 11, 13, 27):
        with pytest.raises(ValueError, match="does not end where a component ends"):
            keys.prefix(3, key[:end])
    for shorter in (b"", b"rest"):
        other = key[:28] + shorter
        assert keys.of[3](other).startswith(keys.prefix(3, key[:28]))
        assert keys.of[3](other) != keys.of[3](key)


def test_the_same_component_has_unrelated_tags_in_another_place() -> None:
    keys = DiskKeys(LAYOUTS, TAG_KEY)
    same = b"x" * 20
    here = keys.of[1](same + same)
    assert here[1:13] != here[13:], "as first and as second component"
    assert keys.of[2](same + same)[1:] != here[1:], "in another table"
    assert keys.of[1](b"y" * 20 + same)[13:] != here[13:], "under another first component"
    assert DiskKeys(LAYOUTS, b"j" * 32).of[1](same + same) != here, "under another key"


def test_with_encryption_off_keys_lie_plain() -> None:
    keys = DiskKeys(LAYOUTS, b"")
    assert keys.of[1](b"a" * 40) == b"\x01" + b"a" * 40
    assert keys.prefix(1, b"a" * 20) == b"\x01" + b"a" * 20


@pytest.mark.parametrize("tag_key", [TAG_KEY, b""])
def test_what_does_not_fit_is_refused(tag_key: bytes) -> None:
    keys = DiskKeys(LAYOUTS, tag_key)
    for table, size in ((1, 39), (1, 41), (3, 27), (4, 5), (4, 7), (5, 511), (6, 15), (6, 17)):
        with pytest.raises(ValueError, match="does not fit"):
            keys.of[table](bytes(size))
    assert len(keys.of[5](bytes(510))) <= 511
    with pytest.raises(UnknownTable):
        keys.of[7](b"")
    with pytest.raises(UnknownTable):
        keys.prefix(7, b"")


@pytest.mark.parametrize(
    ("table", "layout"),
    [
        (0, TableLayout(0, (1,))),
        (256, TableLayout(0, (1,))),
        (1, TableLayout(0, (0, 1))),
        (1, TableLayout(-1, (1,))),
    ],
)
def test_layouts_that_cannot_be_are_refused(table: int, layout: TableLayout) -> None:
    with pytest.raises(ValueError):
        check_layout(table, layout)
