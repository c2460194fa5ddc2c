"""The world of the dictionary models: tables of plain items, one action after the other, and what a block does.

Nothing here is fast or clever. A rule raises `No` where the ledger must refuse, and otherwise changes dictionaries.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple

from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Mode
from counterfoil.primitives.codec import Message
from counterfoil.primitives.digests import object_id
from counterfoil.primitives.outcome import RejectCode

MINUTE_MS = 60_000
EVERY = bytes(20)
"""Every instrument of an account, or every account of an instrument."""


class Item(SimpleNamespace):
    """One record of a model: a bag of fields."""


class No(Exception):
    """The model says that the ledger refuses, and with which code."""

    def __init__(self, code: RejectCode) -> None:
        super().__init__(code.name)
        self.code = code


def demand(condition: object, code: RejectCode) -> None:
    if not condition:
        raise No(code)


class Action:
    """Who acts, and what was created and credited so far."""

    def __init__(self, identity: bytes, index: int, signers: tuple[bytes, ...]) -> None:
        self.identity = identity
        self.index = index
        self.signers = signers
        self.created: list[bytes] = []
        self.credited: list[bytes] = []
        self.by_consortium = False

    def new_id(self) -> bytes:
        identity = object_id(self.identity, self.index, len(self.created))
        self.created.append(identity)
        return identity

    def new_short_id(self) -> bytes:
        identity = object_id(self.identity, self.index, len(self.created))[:20]
        self.created.append(identity)
        return identity


class Expected(NamedTuple):
    """What the model says of a transaction: its number, and (number, created) of each message."""

    number: int
    messages: tuple[tuple[int, tuple[bytes, ...]], ...]


class Core:
    """What the models of all modules stand on. Tables have the ledger's numbers and keys."""

    def __init__(self, reference_window_ms: int, id_window_ms: int) -> None:
        self.tables: dict[int, dict[bytes, Item]] = {number: {} for number in range(256)}
        self.used: dict[tuple[bytes, ...], int] = {}
        self.ids: dict[bytes, int] = {}
        self.reference_window_ms = reference_window_ms
        self.id_window_ms = id_window_ms
        self.height = 0
        self.time_ms = 0
        self.credited: dict[bytes, None] = {}
        self.changed = False

    # Tables

    def snapshot(self) -> bytes:
        return pickle.dumps((self.tables, self.used))

    def restore(self, saved: bytes) -> None:
        tables, self.used = pickle.loads(saved)
        for number, table in tables.items():
            self.tables[number].clear()
            self.tables[number].update(table)

    def use_reference(self, *parts: bytes) -> bool:
        if parts in self.used:
            return False
        self.used[parts] = self.time_ms + self.reference_window_ms
        return True

    # Blocks

    deadlines: tuple[str, ...] = ()

    def begin(self, height: int, time_ms: int) -> None:
        """Deadlines, each an action of its own."""
        self.height, self.time_ms = height, time_ms
        self.credited = {}
        for kept in (self.used, self.ids):
            for key, expiry in list(kept.items()):
                if (expiry // MINUTE_MS + 1) * MINUTE_MS <= time_ms:
                    del kept[key]
        for name in self.deadlines:
            getattr(self, name)()

    def act(self, work: Callable[[Action], None]) -> Action:
        """One deadline or retry; it creates nothing."""
        action = Action(b"", 0, ())
        work(action)
        self.credited.update(dict.fromkeys(action.credited))
        return action

    def end(self) -> None:
        self.retry()

    def transact(
        self,
        identity: bytes,
        expiry_ms: int,
        signers: tuple[bytes, ...],
        mode: Mode,
        messages: tuple[Message, ...],
        fits: Callable[[bytes], bool],
    ) -> Expected:
        """One transaction. fits(address): whether the keys in force for it have signed."""
        try:
            demand(expiry_ms > self.time_ms, MachineReject.TRANSACTION_HAS_EXPIRED)
            demand(expiry_ms <= self.time_ms + self.id_window_ms, MachineReject.EXPIRY_IS_TOO_FAR)
            demand(all(fits(signer) for signer in signers), MachineReject.SIGNER_IS_NOT_AUTHORISED)
            demand(identity not in self.ids, MachineReject.TRANSACTION_IS_USED)
        except No as no:
            return Expected(no.code.number, ())
        self.ids[identity] = expiry_ms
        together = mode is Mode.ALL_OR_NOTHING
        before = self.snapshot()
        results: list[tuple[int, tuple[bytes, ...]]] = []
        credited: list[bytes] = []
        for index, message in enumerate(messages):
            action = Action(identity, index, signers)
            saved = before if together else self.snapshot()
            try:
                self.run(message, action)
            except No as no:
                self.restore(saved)
                if together:
                    results = [(MachineReject.MESSAGE_WAS_NOT_EXECUTED.number, ())] * len(messages)
                    results[index] = (no.code.number, ())
                    return Expected(no.code.number, tuple(results))
                results.append((no.code.number, ()))
                continue
            results.append((0, tuple(action.created)))
            credited += action.credited
        self.credited.update(dict.fromkeys(credited))
        return Expected(next((number for number, _ in results if number), 0), tuple(results))

    def run(self, message: Message, action: Action) -> None:
        getattr(self, type(message).__name__)(message, action)


def ascending(values: Iterable[Any]) -> bool:
    listed = list(values)
    return listed == sorted(set(listed))


def date_key(date: int) -> bytes:
    return date.to_bytes(4, "big")


def time_key(time_ms: int) -> bytes:
    return time_ms.to_bytes(8, "big")
