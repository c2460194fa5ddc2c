"""Sealed receipts: same bytes everywhere, opened by the right key at the right place and nowhere else."""

from __future__ import annotations

import pytest

from counterfoil.primitives.digests import EMPTY
from counterfoil.sealing.receipts import (
    SEALED_OVERHEAD,
    BlockSealer,
    OpenedReceipt,
    ReceiptKeys,
    bound_to,
    open_own,
)
from counterfoil.sealing.view_keys import TOP, ViewKey
from counterfoil.state.receipts import SealedReceipt, hidden_receipt, receipt_leaf, sealed_digest

CHAIN = "market-0123456789abcdef"
HEIGHT = 70_000
VIEW = ViewKey(TOP, bytes(range(32)))
ALICE, BOB = b"a" * 20, b"b" * 20


def keys_of(node: bytes, height: int = HEIGHT, counter: int = 0) -> ReceiptKeys:
    return ReceiptKeys(VIEW.child(node, counter), height)


def sealed_block(
    receipts: list[tuple[bytes, bytes]], height: int = HEIGHT, chain: str = CHAIN
) -> list[SealedReceipt]:
    """[(node, plaintext)] as every node seals them."""
    sealer, keys = BlockSealer(chain, height), {}
    found = []
    for place, (node, plaintext) in enumerate(receipts):
        own = keys.setdefault(node, keys_of(node, height))
        sealed, salt = sealer.seal(own, place, plaintext)
        found.append(SealedReceipt(sealed, hidden_receipt(salt, plaintext)))
    return found


def test_a_stakeholder_opens_its_own_and_no_other() -> None:
    block = sealed_block([(ALICE, b"one"), (BOB, b"two"), (ALICE, b"three")])
    opened = open_own([keys_of(ALICE)], CHAIN, HEIGHT, block)
    assert [(one.place, one.plaintext) for one in opened] == [(0, b"one"), (2, b"three")]
    for one in opened:
        assert (
            receipt_leaf(one.salt, one.plaintext, sealed_digest(block[one.place].sealed))
            == block[one.place].leaf()
        )
    assert [one.plaintext for one in open_own([keys_of(BOB)], CHAIN, HEIGHT, block)] == [b"two"]
    both = open_own([keys_of(BOB), keys_of(ALICE)], CHAIN, HEIGHT, block)
    assert [one.place for one in both] == [0, 1, 2]


def test_many_receipts_of_one_stakeholder_are_all_found() -> None:
    texts = [(ALICE if place % 3 else BOB, b"receipt %d" % place) for place in range(100)]
    block = sealed_block(texts)
    for node in (ALICE, BOB):
        opened = open_own([keys_of(node)], CHAIN, HEIGHT, block)
        assert [(one.place, one.plaintext) for one in opened] == [
            (place, text) for place, (whose, text) in enumerate(texts) if whose == node
        ]
    tags = [one.sealed[:8] for one in block]
    assert len(set(tags)) == len(tags)


def test_every_node_seals_the_same_bytes() -> None:
    texts = [(ALICE, b"one"), (BOB, b"two"), (ALICE, b"one")]
    assert sealed_block(texts) == sealed_block(texts)
    first, _, third = sealed_block(texts)
    assert first.sealed != third.sealed
    assert len(first.sealed) == len(b"one") + SEALED_OVERHEAD


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": ReceiptKeys(VIEW.child(BOB, 0), HEIGHT)},
        {"keys": ReceiptKeys(VIEW.child(ALICE, 1), HEIGHT)},
        {"keys": ReceiptKeys(VIEW, HEIGHT)},
        {"keys": ReceiptKeys(VIEW.child(ALICE, 0).child(ALICE, 0), HEIGHT)},
        {"keys": ReceiptKeys(VIEW.child(ALICE, 0), HEIGHT - 5_000)},
        {"height": HEIGHT + 1},
        {"chain": CHAIN + "x"},
        {"place": 1},
    ],
    ids=["sibling", "counter", "parent", "child", "window", "height", "chain", "place"],
)
def test_another_key_or_place_opens_nothing(wrong: dict[str, object]) -> None:
    sealed = sealed_block([(ALICE, b"one")])[0].sealed
    keys = keys_of(ALICE)

    def opened(keys: ReceiptKeys = keys, height: int = HEIGHT, chain: str = CHAIN, place: int = 0) -> object:
        return keys.open(bound_to(chain, height) + place.to_bytes(4, "big"), sealed)

    assert opened() is not None
    assert opened(**wrong) is None  # type: ignore[arg-type]


def test_a_changed_or_cut_receipt_opens_nowhere() -> None:
    block = sealed_block([(ALICE, b"a receipt")])
    sealed = block[0].sealed
    bound, keys = bound_to(CHAIN, HEIGHT) + bytes(4), keys_of(ALICE)
    for at in range(8, len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        assert keys.open(bound, bytes(changed)) is None
    for size in range(len(sealed)):
        assert keys.open(bound, sealed[:size]) is None
    assert keys.open(bound, sealed + b"\x00") is None


def test_a_nonce_that_is_not_the_plaintexts_is_refused() -> None:
    """Whoever has the key could seal under any nonce; what a node would never make is not taken for a receipt."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    bound, keys = bound_to(CHAIN, HEIGHT) + bytes(4), keys_of(ALICE)
    aes = VIEW.child(ALICE, 0).receipts(HEIGHT).aes
    forged = bytes(8) + bytes(12) + AESGCM(aes).encrypt(bytes(12), b"forged", bound)
    assert keys.open(bound, forged) is None


def test_what_opens_to_something_else_than_its_leaf_says_is_left_out() -> None:
    block = sealed_block([(ALICE, b"one"), (ALICE, b"two")])
    lied = [SealedReceipt(block[0].sealed, bytes(32)), block[1]]
    assert [one.plaintext for one in open_own([keys_of(ALICE)], CHAIN, HEIGHT, lied)] == [b"two"]


def test_a_receipt_for_everybody_is_its_own_plaintext() -> None:
    shown = SealedReceipt(b"", b"", b"for all", bytes(16))
    assert shown.leaf() == receipt_leaf(bytes(16), b"for all")
    assert sealed_digest(b"") == EMPTY
    block = [shown, *sealed_block([(ALICE, b"x"), (ALICE, b"y")])[1:]]
    assert open_own([keys_of(BOB)], CHAIN, HEIGHT, block) == []


def test_opened_receipts_stand_in_the_order_of_their_places() -> None:
    assert OpenedReceipt(1, b"z", b"") < OpenedReceipt(2, b"a", b"")


def test_the_bytes_are_what_they_were() -> None:
    block = sealed_block([(ALICE, b"a receipt")])
    assert (
        block[0].sealed.hex()
        == "b3d782d92442eba6ef32e5fe716ec293d61960930f21ed4afa795373a53a697c2e7557026764b4c93dc512a156"
    )
    assert block[0].hidden.hex() == "cb809b7fb8992ebeda7d1629d60a93b068322c8ea98772958dd603e773372002"
