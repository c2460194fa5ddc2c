from __future__ import annotations

from hashlib import blake2b, sha256

from counterfoil.primitives import digests


def test_a_digest_is_over_the_tag_and_each_part_with_its_length() -> None:
    expected = sha256(b"\x05t" + b"\x00\x00\x00\x02ab" + b"\x00\x00\x00\x00").digest()
    assert digests.digest(digests.TRANSACTION, b"ab", b"") == expected


def test_parts_do_not_run_into_each_other() -> None:
    lists = [(b"ab",), (b"a", b"b"), (b"", b"ab"), (b"ab", b""), (b"\x00\x00\x00\x02ab",), ()]
    assert len({digests.digest(digests.OBJECT, *parts) for parts in lists}) == len(lists)


def test_what_begins_alike_is_finished_as_if_made_at_once() -> None:
    for parts in [(), (b"ab",), (b"a", b"")]:
        begun = digests.begun(digests.REFERENCE, *parts)
        for last in (b"", b"part", b"p" * 300):
            assert digests.finished(begun, last) == digests.digest(digests.REFERENCE, *parts, last)


def test_no_two_purposes_share_a_tag() -> None:
    tags = [value for name, value in vars(digests).items() if name.isupper() and name != "EMPTY"]
    assert len(tags) >= 20
    assert len(set(tags)) == len(tags)
    two_bytes = [tag for tag in tags if len(tag) == 2]
    one_byte = [tag for tag in tags if len(tag) == 1]
    assert sorted(one_byte) == [digests.HISTORY_LEAF, digests.HISTORY_NODE]
    assert len(two_bytes) + len(one_byte) == len(tags)


def test_objects_of_one_transaction_have_different_ids() -> None:
    transaction_id = bytes(32)
    ids = {digests.object_id(transaction_id, index, ordinal) for index in range(4) for ordinal in range(4)}
    assert len(ids) == 16
    assert (
        digests.object_id(transaction_id, 1)
        == sha256(b"\x05o" + bytes(32) + b"\x00\x00\x00\x01" + bytes(4)).digest()
    )


def test_the_keyed_function_is_keyed_blake2b() -> None:
    assert digests.keyed(b"k" * 32, b"data") == blake2b(b"data", key=b"k" * 32, digest_size=16).digest()
    assert len(digests.keyed(b"k", b"data", 20)) == 20
    assert digests.keyed(b"k", b"data") != digests.keyed(b"l", b"data")
