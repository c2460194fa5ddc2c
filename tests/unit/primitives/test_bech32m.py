from __future__ import annotations

import pytest

from counterfoil.primitives import bech32m

TEXT = bech32m.encode("cfa", bytes(range(20)))

REFUSED = [
    (TEXT[:-1], "checksum"),
    (TEXT[:-1] + ("q" if TEXT[-1] != "q" else "p"), "checksum"),
    ("cfb" + TEXT[3:], "checksum"),
    (TEXT[:10].upper() + TEXT[10:], "mixes capital"),
    (TEXT.replace("1", ""), "no separator"),
    (TEXT[3:], "no human-readable part"),
    ("cfa1qqqqq", "too short"),
    ("cfa1" + "b" + TEXT[5:], "'b' is never used"),
    (TEXT + " ", "' ' is never used"),
    (TEXT[:5] + "é" + TEXT[6:], "not ASCII"),
    ("\x7f" + TEXT, "outside printable ASCII"),
    ("q" * 91, "91 characters"),
    ("", "no separator"),
]


def test_the_text_of_known_bytes() -> None:
    assert bech32m.encode("a", b"") == "a1lqfn3a"
    assert bech32m.decode("A1LQFN3A") == ("a", b"")
    assert bech32m.decode(TEXT) == ("cfa", bytes(range(20)))
    assert bech32m.decode(TEXT.upper()) == ("cfa", bytes(range(20)))


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_refusal_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bech32m.decode(text)


@pytest.mark.parametrize("groups", [b"\x00", b"\x00\x01", b"\x00\x00\x00", b"\x1f\x1f", b"\x00" * 6])
def test_data_that_is_not_whole_bytes_is_refused(groups: bytes) -> None:
    text = bech32m.encode_groups("cfa", groups)
    assert bech32m.decode_groups(text) == ("cfa", groups)
    with pytest.raises(ValueError, match="whole byte"):
        bech32m.decode(text)


def test_what_cannot_be_written_is_refused() -> None:
    assert len(bech32m.encode("cfa", bytes(50))) == bech32m.TEXT_LENGTH_MAX
    for prefix, data, message in (
        ("cfa", bytes(51), "at most 90"),
        ("", b"", "no human-readable part"),
        ("CFA", b"", "lower case"),
        ("c a", b"", "outside printable ASCII"),
        ("cfä", b"", "outside printable ASCII"),
    ):
        with pytest.raises(ValueError, match=message):
            bech32m.encode(prefix, data)
    with pytest.raises(ValueError, match="0 to 31"):
        bech32m.encode_groups("cfa", b"\x20")
