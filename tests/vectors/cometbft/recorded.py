"""The recorded chain, read: a ledger that began under the embedded engine and went on under five CometBFT nodes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from counterfoil.engine.decided import LOGGED_BLOCK, DecidedBlock, LoggedBlock
from counterfoil.primitives.codec import Decoder
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import LightBlock, Validator
from counterfoil.verify.light.json_form import read_light_block

FILE = Path(__file__).with_name("grown_up.json")
_BLOCK = Decoder(DecidedBlock)
_HEADER = Decoder(Header)


class Recorded(NamedTuple):
    """genesis: the file's bytes. sealed: the embedded blocks. validators: the network's first. The rest is of CometBFT.

    decided: blocks, each with the header that it led to (None: no effect). light_blocks: of the same heights.
    """

    genesis: bytes
    sealed: tuple[LoggedBlock, ...]
    validators: tuple[Validator, ...]
    decided: tuple[tuple[DecidedBlock, Header | None], ...]
    light_blocks: tuple[LightBlock, ...]

    @property
    def first(self) -> int:
        return self.light_blocks[0].header.height

    @property
    def last(self) -> int:
        return self.light_blocks[-1].header.height

    def light_block(self, height: int) -> LightBlock:
        return self.light_blocks[height - self.first]


@cache
def raw() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


@cache
def recorded() -> Recorded:
    found = raw()
    return Recorded(
        genesis=found["genesis"].encode(),
        sealed=tuple([LOGGED_BLOCK.exact(bytes.fromhex(block)) for block in found["sealed"]]),
        validators=tuple([Validator(bytes.fromhex(one["key"]), one["power"]) for one in found["validators"]]),
        decided=tuple(
            [(_BLOCK.exact(bytes.fromhex(one["block"])), _header(one)) for one in found["decided"]]
        ),
        light_blocks=tuple(
            [
                read_light_block(one["commit"]["signed_header"], one["validators"]["validators"])
                for one in found["light_blocks"]
            ]
        ),
    )


def _header(one: dict[str, Any]) -> Header | None:
    return _HEADER.exact(bytes.fromhex(one["header"])) if one["header"] is not None else None
