"""What is sealed to a party's own key opens for that party, from that sender, on that chain; nothing else does."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

from counterfoil.primitives.codec import encode
from counterfoil.sealing.derivation import NOTE, VIEW_KEY
from counterfoil.sealing.envelopes import seal_for, seal_note, seal_view_keys
from counterfoil.sealing.handing import (
    NOTE_ROOM,
    NOTE_SIZES,
    open_note,
    open_view_keys,
    place_of_note,
    place_of_view_keys,
)
from counterfoil.sealing.opening_keys import ENVELOPE_OVERHEAD, OpeningKey
from counterfoil.sealing.view_keys import HandedKey

MINE, SIBLING = OpeningKey(b"\x01" * 32), OpeningKey(b"\x02" * 32)
CHAIN, PARTY, SENDER, OTHER = "chain-1", b"p" * 20, b"s" * 20, b"o" * 20
KEYS = (HandedKey(PARTY, 7, b"k" * 32), HandedKey(OTHER, 9, b"l" * 32))
TEXT = b"Deliver the rest on Thursday."


class Sealed(NamedTuple):
    """One kind of envelope: a good one, how to open it, and the same plaintext sealed as somebody else would."""

    good: bytes
    said: object
    open: Callable[..., object]
    purpose: bytes
    place: tuple[bytes, ...]
    plaintext: bytes


def view_keys() -> Sealed:
    def opened(sealed: bytes, key: OpeningKey = MINE, chain: str = CHAIN, party: bytes = PARTY) -> object:
        return open_view_keys(key, chain, party, sealed)

    good = seal_view_keys(MINE.public_key, CHAIN, PARTY, KEYS)
    return Sealed(good, KEYS, opened, VIEW_KEY, place_of_view_keys(CHAIN, PARTY), encode(KEYS))


def note() -> Sealed:
    def opened(
        sealed: bytes,
        key: OpeningKey = MINE,
        chain: str = CHAIN,
        party: bytes = PARTY,
        sender: bytes = SENDER,
    ) -> object:
        return open_note(key, chain, sender, party, sealed)

    good = seal_note(MINE.public_key, CHAIN, SENDER, PARTY, TEXT)
    padded = (TEXT + b"\x80").ljust(NOTE_SIZES[0] - ENVELOPE_OVERHEAD, b"\0")
    return Sealed(good, TEXT, opened, NOTE, place_of_note(CHAIN, SENDER, PARTY), padded)


KINDS = {"view keys": view_keys, "note": note}


@pytest.fixture(params=KINDS)
def sealed(request: pytest.FixtureRequest) -> Sealed:
    return KINDS[request.param]()


def test_it_opens_to_what_was_sealed(sealed: Sealed) -> None:
    """And the one that is made by hand below, from which the attacks are made, opens too."""
    assert sealed.open(sealed.good) == sealed.said
    assert (
        sealed.open(seal_for(MINE.public_key, sealed.purpose, sealed.place, sealed.plaintext)) == sealed.said
    )


@pytest.mark.parametrize(
    "wrong", [{"key": SIBLING}, {"chain": CHAIN + "x"}, {"party": OTHER}], ids=["sibling", "chain", "party"]
)
def test_another_key_chain_or_party_opens_nothing(sealed: Sealed, wrong: dict[str, object]) -> None:
    assert sealed.open(sealed.good, **wrong) is None


def test_garbage_and_what_is_cut_or_changed_opens_nothing(sealed: Sealed) -> None:
    good = sealed.good
    for size in range(len(good)):
        assert sealed.open(good[:size]) is None
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1
        assert sealed.open(bytes(changed)) is None, at
    for garbage in (b"", b"\0", os.urandom(300), bytes(len(good)), good + b"\0", good * 2):
        assert sealed.open(garbage) is None


def test_one_is_never_taken_for_the_other(sealed: Sealed) -> None:
    """Sealed for another purpose or place, to the same key and with the same plaintext."""
    for purpose in (VIEW_KEY, NOTE, b"root", b"bundle"):
        for place in (sealed.place, sealed.place[::-1], (*sealed.place, b""), sealed.place[:1]):
            if (purpose, place) != (sealed.purpose, sealed.place):
                forged = seal_for(MINE.public_key, purpose, place, sealed.plaintext)
                assert sealed.open(forged) is None, (purpose, place)


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\xc1",
        encode(1),
        encode((1, 2)),
        encode(((b"n" * 20, 7),)),
        encode(KEYS) + b"\0",
        encode(KEYS)[:-1],
        b"\x81" * 1_000,
    ],
)
def test_view_keys_of_another_form_are_none(plaintext: bytes) -> None:
    """Whoever knows a party's public key may seal to it what it likes."""
    place = place_of_view_keys(CHAIN, PARTY)
    assert open_view_keys(MINE, CHAIN, PARTY, seal_for(MINE.public_key, VIEW_KEY, place, plaintext)) is None


@pytest.mark.parametrize("plaintext", [b"", b"\0" * 64, TEXT, TEXT + b"\0", b"\x80\x01"])
def test_a_note_without_its_end_is_none(plaintext: bytes) -> None:
    place = place_of_note(CHAIN, SENDER, PARTY)
    assert open_note(MINE, CHAIN, SENDER, PARTY, seal_for(MINE.public_key, NOTE, place, plaintext)) is None


def test_a_note_of_another_sender_is_none_of_this_one() -> None:
    assert open_note(MINE, CHAIN, OTHER, PARTY, note().good) is None
    assert open_note(MINE, CHAIN, PARTY, SENDER, note().good) is None


def test_a_note_is_of_three_sizes_and_bounded() -> None:
    sizes = {
        len(seal_note(MINE.public_key, CHAIN, SENDER, PARTY, bytes(size))) for size in range(NOTE_ROOM + 1)
    }
    assert sizes == set(NOTE_SIZES)
    with pytest.raises(ValueError, match="at most"):
        seal_note(MINE.public_key, CHAIN, SENDER, PARTY, bytes(NOTE_ROOM + 1))
