"""Sealed receipts: same bytes everywhere, opened by the right key at the right place and nowhere else."""

from __future__ import annotations

from itertools import islice

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.primitives.digests import EMPTY
from counterfoil.sealing.receipts import (
    SEALED_OVERHEAD,
    ReceiptKeys,
    open_own,
    open_receipt,
    seal_receipts,
)
from counterfoil.sealing.view_keys import TOP, ViewKey
from counterfoil.state.receipts import SealedReceipt, hidden_receipt, receipt_leaf, sealed_digest

HEIGHT = 70_000
VIEW = ViewKey(TOP, bytes(range(32)))
ALICE, BOB = b"a" * 20, b"b" * 20


def keys_of(node: bytes, height: int = HEIGHT, counter: int = 0) -> ReceiptKeys:
    return ReceiptKeys(VIEW.child(node, counter), height)


def sealed_block(receipts: list[tuple[bytes, bytes]], height: int = HEIGHT) -> list[SealedReceipt]:
    """[(node, plaintext)] as every node seals them."""
    keys = {node: keys_of(node, height) for node, _ in receipts}
    made = seal_receipts(height, [(keys[node], plaintext) for node, plaintext in receipts])
    for (_, plaintext), receipt, salt, leaf in zip(receipts, *made, strict=True):
        assert receipt.leaf() == leaf == receipt_leaf(salt, plaintext, sealed_digest(receipt.sealed))
    return made.receipts


def test_a_stakeholder_opens_its_own_and_no_other() -> None:
    block = sealed_block([(ALICE, b"one"), (BOB, b"two"), (ALICE, b"three")])
    opened = open_own([keys_of(ALICE)], HEIGHT, block)
    assert [(one.place, one.plaintext) for one in opened] == [(0, b"one"), (2, b"three")]
    for one in opened:
        shown = block[one.place]
        assert receipt_leaf(one.salt, one.plaintext, sealed_digest(shown.sealed)) == shown.leaf()
    assert [one.plaintext for one in open_own([keys_of(BOB)], HEIGHT, block)] == [b"two"]
    both = open_own([keys_of(BOB), keys_of(ALICE)], HEIGHT, block)
    assert [one.place for one in both] == [0, 1, 2]


def test_many_receipts_of_one_stakeholder_are_all_found() -> None:
    texts = [(ALICE if place % 3 else BOB, b"receipt %d" % place) for place in range(100)]
    block = sealed_block(texts)
    for node in (ALICE, BOB):
        opened = open_own([keys_of(node)], HEIGHT, block)
        assert [(one.place, one.plaintext) for one in opened] == [
            (place, text) for place, (whose, text) in enumerate(texts) if whose == node
        ]
    assert len({one.sealed[:8] for one in block}) == len(block)


def test_every_node_seals_the_same_bytes() -> None:
    texts = [(ALICE, b"one"), (BOB, b"two"), (ALICE, b"one")]
    assert sealed_block(texts) == sealed_block(texts)
    first, _, third = sealed_block(texts)
    assert first.sealed != third.sealed
    assert first.hidden != third.hidden
    assert len(first.sealed) == len(b"one") + SEALED_OVERHEAD


@pytest.mark.parametrize(
    "wrong",
    [
        ReceiptKeys(VIEW.child(BOB, 0), HEIGHT),
        ReceiptKeys(VIEW.child(ALICE, 1), HEIGHT),
        ReceiptKeys(VIEW, HEIGHT),
        ReceiptKeys(VIEW.child(ALICE, 0).child(ALICE, 0), HEIGHT),
        ReceiptKeys(VIEW.child(ALICE, 0), HEIGHT - 5_000),
    ],
    ids=["sibling", "counter", "parent", "child", "window"],
)
def test_another_key_opens_nothing(wrong: ReceiptKeys) -> None:
    block = sealed_block([(ALICE, b"one")])
    salt = next(keys_of(ALICE).marks(HEIGHT))[8:]
    assert open_receipt(keys_of(ALICE), salt, block[0]) == b"one"
    assert open_receipt(wrong, salt, block[0]) is None
    assert open_own([wrong], HEIGHT, block) == []


def test_another_height_or_number_opens_nothing() -> None:
    """Even where somebody puts the tag that is expected there before it."""
    block = sealed_block([(ALICE, b"one"), (ALICE, b"two")])
    keys = keys_of(ALICE)
    for height, number in ((HEIGHT + 1, 0), (HEIGHT - 1, 0), (HEIGHT, 1), (HEIGHT, 2)):
        mark = next(islice(keys.marks(height), number, None))
        moved = SealedReceipt(mark[:8] + block[0].sealed[8:], block[0].hidden)
        assert open_receipt(keys, mark[8:], moved) is None
        before = [SealedReceipt(mark[:8] + b"x" * 20, bytes(32))] * number
        assert open_own([keys], height, [*before, moved]) == []


def test_a_changed_or_cut_receipt_opens_nowhere() -> None:
    (one,) = sealed_block([(ALICE, b"a receipt")])
    keys = keys_of(ALICE)
    salt = next(keys.marks(HEIGHT))[8:]
    for at in range(8, len(one.sealed)):
        changed = bytearray(one.sealed)
        changed[at] ^= 1
        assert open_receipt(keys, salt, SealedReceipt(bytes(changed), one.hidden)) is None
    for at in range(32):
        changed = bytearray(one.hidden)
        changed[at] ^= 1
        assert open_receipt(keys, salt, SealedReceipt(one.sealed, bytes(changed))) is None
    for size in range(len(one.sealed)):
        assert open_receipt(keys, salt, SealedReceipt(one.sealed[:size], one.hidden)) is None
    assert open_receipt(keys, salt, SealedReceipt(one.sealed + b"\x00", one.hidden)) is None
    assert open_receipt(keys, salt, SealedReceipt(one.sealed, b"")) is None


def test_what_opens_to_something_else_than_its_leaf_says_is_left_out() -> None:
    """Whoever has the key could seal anything under any nonce; what a node would never make is no receipt."""
    block = sealed_block([(ALICE, b"one"), (ALICE, b"two")])
    aes = VIEW.child(ALICE, 0).receipts(HEIGHT).aes
    forged = block[0].sealed[:8] + AESGCM(aes).encrypt(block[0].hidden[:12], b"forged", None)
    lied = [SealedReceipt(forged, block[0].hidden), block[1]]
    assert [one.plaintext for one in open_own([keys_of(ALICE)], HEIGHT, lied)] == [b"two"]


def test_a_receipt_for_everybody_is_its_own_plaintext() -> None:
    shown = SealedReceipt(b"", b"", b"for all", bytes(16))
    assert shown.leaf() == receipt_leaf(bytes(16), b"for all")
    assert sealed_digest(b"") == EMPTY
    block = [shown, *sealed_block([(ALICE, b"x"), (ALICE, b"y")])]
    assert [one.place for one in open_own([keys_of(ALICE)], HEIGHT, block)] == [1, 2]
    assert open_own([keys_of(BOB)], HEIGHT, block) == []


def test_the_bytes_are_what_they_were() -> None:
    (one,) = sealed_block([(ALICE, b"a receipt")])
    assert one.sealed.hex() == "32a91c69f19b1192e84c290a72f78905494f2cae7e4a28da868b0165b513180d4f"
    assert one.hidden.hex() == "9aab4a4578721d8ad881ced147407506c2d91e029a555b71811688e445d01401"
    assert one.hidden == hidden_receipt(next(keys_of(ALICE).marks(HEIGHT))[8:], b"a receipt")
