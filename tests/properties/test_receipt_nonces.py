"""Whatever is sealed, in whatever order and however often: no two plaintexts ever meet one nonce under one key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.sealing.epochs import Epoch
from counterfoil.sealing.receipts import BlockSealer, ReceiptKeys, bound_to
from counterfoil.sealing.view_keys import WINDOW_BITS

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
sealings = st.lists(
    st.tuples(st.integers(1, 2), chains, nodes, heights, st.integers(0, 300), plaintexts),
    min_size=2,
    max_size=60,
)
"""(epoch, chain, node and counter, height, place, plaintext): settlements in parts, proposals executed and dropped,
replays, copies of a ledger that go on apart, upgrades that tell the same thing otherwise: all of them are such rows."""


@given(sealings)
def test_no_nonce_meets_two_plaintexts(
    asked: list[tuple[int, str, tuple[bytes, int], int, int, bytes]],
) -> None:
    used: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
    for epoch, chain, (node, counter), height, place, plaintext in asked:
        view = Epoch(epoch, bytes([epoch]) * 32).view.child(node, counter)
        sealed, _ = BlockSealer(chain, height).seal(ReceiptKeys(view, height), place, plaintext)
        bound = bound_to(chain, height) + place.to_bytes(4, "big")
        key, nonce = view.receipts(height).aes, sealed[8:20]
        assert used.setdefault((key, nonce), (bound, plaintext)) == (bound, plaintext)


@given(sealings)
def test_two_nodes_seal_the_same_bytes(
    asked: list[tuple[int, str, tuple[bytes, int], int, int, bytes]],
) -> None:
    def sealed() -> list[tuple[bytes, bytes]]:
        made = []
        for epoch, chain, (node, counter), height, place, plaintext in asked:
            view = Epoch(epoch, bytes([epoch]) * 32).view.child(node, counter)
            made.append(BlockSealer(chain, height).seal(ReceiptKeys(view, height), place, plaintext))
        return made

    assert sealed() == sealed()


@given(sealings)
def test_salts_are_as_many_as_receipts(
    asked: list[tuple[int, str, tuple[bytes, int], int, int, bytes]],
) -> None:
    """A salt that two receipts shared would tell that they are alike."""
    rows = sorted(set(asked))
    salts = []
    for epoch, chain, (node, counter), height, place, plaintext in rows:
        view = Epoch(epoch, bytes([epoch]) * 32).view.child(node, counter)
        salts.append(BlockSealer(chain, height).seal(ReceiptKeys(view, height), place, plaintext)[1])
    assert len(set(salts)) == len(salts)
