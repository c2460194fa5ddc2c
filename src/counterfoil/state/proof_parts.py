"""The base of everything that proof files consist of."""

from __future__ import annotations

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True)
class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of a proof: an object with named members in the file."""
