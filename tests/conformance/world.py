"""A market in the middle of a morning, and transactions on it, good and bad, for whoever stands in for consensus."""

from __future__ import annotations

import functools
import random
from typing import Any

from msgspec.structs import replace

from counterfoil.engine.items import Items
from counterfoil.machine.genesis import Parameters
from counterfoil.machine.transactions import encode_bundle, read_bundle
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.codec import encode
from tests.conformance.applications import Block
from tests.fuzz.mangling import mangled
from tests.model.desk import Desk, by
from tests.model.opening import Opening

PARAMETERS = Parameters(id_window_ms=3_600_000)
BLOCK_MS = 500


@functools.cache
def opening() -> Opening:
    """The same market in every test. Nobody makes a block on it: it is where all applications begin."""
    return Opening(Desk(genesis=sandbox_genesis(parameters=PARAMETERS))).everything()


class World:
    """Items in the order in which one seed makes them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.seed = seed
        self.opening = opening()
        self.desk = self.opening.desk
        self.items = Items(self.desk.machine)
        self._number = 0

    @property
    def first_height(self) -> int:
        return self.desk.height + 1

    def time_ms(self, height: int) -> int:
        return self.desk.time_ms + (height - self.desk.height) * BLOCK_MS

    def transaction(self) -> bytes:
        """A deal between the brokers; one in five asks for more than there is."""
        self._number += 1
        self.desk.nonce = (self.seed << 32) + self._number * 16
        quantity = 10**9 if self.chance.random() < 0.2 else self.chance.randint(1, 5)
        deal = self.opening.both(f"{self.seed}/{self._number}", quantity)
        return self.desk.transaction(
            deal, *by("broker-a", "broker-b"), expiry_ms=self.desk.time_ms + 3_000_000
        )

    def bundle(self, count: int | None = None, **more: Any) -> bytes:
        raws = [self.transaction() for _ in range(self.chance.randint(1, 4) if count is None else count)]
        if raws and self.chance.random() < 0.2:
            raws.append(raws[0])
        return self.sealed(raws, **more)

    def sealed(self, raws: list[bytes], time_ms: int | None = None) -> bytes:
        at = self.desk.time_ms if time_ms is None else time_ms
        return self.items.bundle(self.desk.node.sealer, raws, at)

    def expired(self) -> bytes:
        """A bundle that was gathered too long ago, of transactions that are good."""
        return self.sealed([self.transaction()], self.desk.time_ms - PARAMETERS.id_window_ms - 1)

    def garbage(self) -> bytes:
        return mangled([self.bundle()], self.chance)

    def bad_signature(self) -> bytes:
        """A bundle whose gatherer did its work badly: one transaction in it is not signed by whom it names."""
        raw = bytearray(self.transaction())
        raw[-1] ^= 1
        return self.sealed([bytes(raw), self.transaction()])

    def unopenable(self) -> dict[str, bytes]:
        """Bundles of good transactions, each signed by a gatherer that may gather, whose inside opens for nobody."""
        item = self.bundle(2)
        bundle, content = read_bundle(item)
        (inside,) = content.transactions
        changes: dict[str, dict[str, Any]] = {
            "garbage": {"transactions": (self.chance.randbytes(400),)},
            "nothing": {"transactions": ()},
            "truncated": {"transactions": (inside[:-1],)},
            "a bit flipped": {"transactions": (inside[:-20] + bytes([inside[-20] ^ 4]) + inside[-19:],)},
            "an epoch to come": {"key_epoch": content.key_epoch + 1},
            "as if it lay open": {"key_epoch": 0},
            "in the clear": {"key_epoch": 0, "transactions": (self.transaction(),)},
            "another expiry": {"expiry_ms": content.expiry_ms - 1},
        }
        sealer, prefix = self.desk.node.sealer, self.desk.machine.bundles.prefix
        made = {name: encode(replace(content, **fields)) for name, fields in changes.items()}
        return {
            name: encode_bundle(changed, bundle.key, sealer.sign(prefix + changed))
            for name, changed in made.items()
        }

    def any_item(self) -> bytes:
        make = self.chance.choice(
            [
                self.bundle,
                self.bundle,
                self.bundle,
                self.expired,
                self.bad_signature,
                self.garbage,
                self._tick,
            ]
        )
        return make()

    def _tick(self) -> bytes:
        return self.sealed([], self.desk.time_ms + self.chance.randint(0, 60_000))

    def block(self, height: int, items: list[bytes]) -> Block:
        return Block(height, self.time_ms(height), tuple(items))
