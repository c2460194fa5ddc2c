"""Whatever is sealed, in whatever order and however often: no two plaintexts ever meet one nonce under one key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.sealing.epochs import Epoch, first_root
from counterfoil.sealing.receipts import ReceiptKeys, seal_receipts
from counterfoil.sealing.view_keys import WINDOW_BITS, ViewKey

chains = st.sampled_from(("one-0011223344556677", "two-0011223344556677"))
heights = st.sampled_from((1, 2, 258, (1 << WINDOW_BITS) - 1, 1 << WINDOW_BITS, (1 << WINDOW_BITS) + 1))
plaintexts = st.one_of(
    st.sampled_from((b"", b"\x00", b"\x00\x00", b"settled 1 of 3", b"settled 2 of 3")),
    st.binary(max_size=40),
    st.builds(
        lambda height, place: height.to_bytes(8, "big") + place.to_bytes(4, "big"), heights, st.integers(0, 3)
    ),
)
nodes = st.sampled_from(((b"a" * 20, 0), (b"a" * 20, 1), (b"b" * 20, 0)))
blocks = st.tuples(
    st.integers(1, 2),
    chains,
    heights,
    st.lists(st.tuples(nodes, plaintexts), min_size=1, max_size=12),
)
"""(epoch, chain, height, receipts as (node and counter, plaintext))."""
histories = st.lists(blocks, min_size=2, max_size=12)
"""Settlements in parts, proposals executed and dropped at one height, replays, restarts, upgrades that tell the same
thing otherwise, copies of a ledger that go on apart: each is some such row of blocks, in any order, often repeated."""

Block = tuple[int, str, int, list[tuple[tuple[bytes, int], bytes]]]


def view_of(epoch: int, chain: str, node: tuple[bytes, int]) -> ViewKey:
    return Epoch(epoch, first_root(bytes([epoch]) * 32, chain)).view.child(*node)


def sealed(block: Block) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """[(AES key, nonce, plaintext, sealed)] of a block."""
    epoch, chain, height, receipts = block
    views = {node: view_of(epoch, chain, node) for node, _ in receipts}
    keys = {node: ReceiptKeys(view, height) for node, view in views.items()}
    made = seal_receipts(height, [(keys[node], plaintext) for node, plaintext in receipts])
    return [
        (views[node].receipts(height).aes, one.hidden[:12], plaintext, one.sealed)
        for (node, plaintext), one in zip(receipts, made.receipts, strict=True)
    ]


@given(histories)
def test_no_nonce_meets_two_plaintexts(asked: list[Block]) -> None:
    used: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
    for block in asked:
        for aes, nonce, plaintext, made in sealed(block):
            assert used.setdefault((aes, nonce), (plaintext, made)) == (plaintext, made)


@given(histories)
def test_two_nodes_seal_the_same_bytes(asked: list[Block]) -> None:
    assert [sealed(block) for block in asked] == [sealed(block) for block in asked]


@given(blocks)
def test_no_two_receipts_of_a_block_share_salt_tag_or_digest(block: Block) -> None:
    """A salt that two receipts shared would tell that they are alike."""
    epoch, chain, height, receipts = block
    keys = {node: ReceiptKeys(view_of(epoch, chain, node), height) for node, _ in receipts}
    made = seal_receipts(height, [(keys[node], plaintext) for node, plaintext in receipts])
    assert len(set(made.salts)) == len(receipts)
    assert len({one.sealed[:8] for one in made.receipts}) == len(receipts)
    assert len({one.hidden for one in made.receipts}) == len(receipts)
    assert len(set(made.leaves)) == len(receipts)
