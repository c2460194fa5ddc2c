"""Bech32m: bytes as text with a checksum, by BIP-350 (and BIP-173, whose alphabet and limits it keeps).

A text is human-readable part, `1`, data, six characters of checksum; at most 90 characters, all lower or all upper
case. Up to four wrong characters are always found. Five-bit groups are written as bytes, one group each.
"""

from __future__ import annotations

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
TEXT_LENGTH_MAX = 90
"""Beyond it the checksum would no longer find every four errors."""
CHECKSUM_LENGTH = 6
SEPARATOR = "1"

_CONSTANT = 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def encode(prefix: str, data: bytes) -> str:
    """The text of `data` under a lower-case human-readable `prefix`. ValueError where it would be too long."""
    return encode_groups(prefix, to_groups(data))


def decode(text: str) -> tuple[str, bytes]:
    """The prefix (in lower case) and the bytes of a text. ValueError says what is wrong with it."""
    prefix, groups = decode_groups(text)
    return prefix, to_bytes(groups)


def encode_groups(prefix: str, groups: bytes) -> str:
    """As `encode`, of five-bit groups (each 0 to 31)."""
    _check_prefix(prefix)
    if prefix != prefix.lower():
        raise ValueError("The human-readable part is written in lower case.")
    if groups and max(groups) > 31:
        raise ValueError("A five-bit group is 0 to 31.")
    if len(prefix) + 1 + len(groups) + CHECKSUM_LENGTH > TEXT_LENGTH_MAX:
        raise ValueError(f"A bech32m text has at most {TEXT_LENGTH_MAX} characters.")
    remainder = _remainder(prefix, groups + bytes(CHECKSUM_LENGTH)) ^ _CONSTANT
    checksum = bytes(remainder >> 5 * (CHECKSUM_LENGTH - 1 - i) & 31 for i in range(CHECKSUM_LENGTH))
    return prefix + SEPARATOR + "".join(ALPHABET[group] for group in groups + checksum)


def decode_groups(text: str) -> tuple[str, bytes]:
    """As `decode`, to five-bit groups: what BIP-350 itself calls a valid bech32m string."""
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(
            f"The text has {len(text)} characters; a bech32m text has at most {TEXT_LENGTH_MAX}."
        )
    if not text.isascii():
        raise ValueError("The text has a character that is not ASCII.")
    if text != text.lower() and text != text.upper():
        raise ValueError("The text mixes capital and small letters; use one or the other throughout.")
    prefix, separator, data = text.lower().rpartition(SEPARATOR)
    if not separator:
        raise ValueError("The text has no separator `1` between its prefix and its data.")
    _check_prefix(prefix)
    if len(data) < CHECKSUM_LENGTH:
        raise ValueError("The text is too short to hold its checksum; part of it is missing.")
    for character in data:
        if character not in _VALUES:
            raise ValueError(f"The character {character!a} is never used in the data of a bech32m text.")
    groups = bytes(_VALUES[character] for character in data)
    if _remainder(prefix, groups) != _CONSTANT:
        raise ValueError("The checksum does not fit: at least one character is wrong, missing or added.")
    return prefix, groups[:-CHECKSUM_LENGTH]


def to_groups(data: bytes) -> bytes:
    """Bytes regrouped to five bits each, most significant first, the last group filled up with zero bits."""
    padding = -8 * len(data) % 5
    number = int.from_bytes(data, "big") << padding
    count = (8 * len(data) + padding) // 5
    return bytes(number >> 5 * (count - 1 - i) & 31 for i in range(count))


def to_bytes(groups: bytes) -> bytes:
    """The inverse of `to_groups`; anything that `to_groups` would not have made is refused, so text stays unique."""
    padding = 5 * len(groups) % 8
    number = 0
    for group in groups:
        number = number << 5 | group
    if padding >= 5 or number & (1 << padding) - 1:
        raise ValueError("The data does not end on a whole byte followed by zero bits.")
    return (number >> padding).to_bytes(5 * len(groups) // 8, "big")


def _check_prefix(prefix: str) -> None:
    if not prefix:
        raise ValueError("The text has no human-readable part before its separator `1`.")
    if not all("!" <= character <= "~" for character in prefix):
        raise ValueError("The human-readable part has a character outside printable ASCII.")


def _remainder(prefix: str, groups: bytes) -> int:
    """The BCH code's remainder over prefix and groups (BIP-173 `bech32_polymod`)."""
    codes = prefix.encode("ascii")
    expanded = bytes(code >> 5 for code in codes) + b"\x00" + bytes(code & 31 for code in codes) + groups
    remainder = 1
    for value in expanded:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATORS):
            if top >> i & 1:
                remainder ^= generator
    return remainder
