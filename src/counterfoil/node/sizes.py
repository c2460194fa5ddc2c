"""To which sizes replies are padded."""

from __future__ import annotations

from typing import Final

LEAST: Final = 512
"""Bytes that every reply has at least: room for any refusal."""


def size_class(size: int) -> int:
    """The size to which a message of so many bytes is padded: at least `LEAST`, and at most 12 % more than it has.

    Beyond the least, sizes as in Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
    Communication with PURBs", 2019): as many significant bits of a length stay as its own length's length needs.
    """
    if size <= LEAST:
        return LEAST
    magnitude = size.bit_length() - 1
    cleared = magnitude - magnitude.bit_length()
    mask = (1 << cleared) - 1
    return (size + mask) & ~mask
