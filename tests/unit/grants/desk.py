"""The cast of the visibility matrix, to whom grants are given: blocks, actions and checks on bare books."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.grants import MODULE
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.primitives.codec import Message
from counterfoil.primitives.digests import keyed
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.state.window import Window
from tests.unit.policy.world import NOW_MS, World, signer

DAY_MS = 86_400_000


class Desk(World):
    """One action after the other; `next_block` checks what always holds."""

    def __init__(self) -> None:
        super().__init__(granted=False)
        self.books.accept()
        for shelf in self.books.shelves.values():
            shelf.touched.clear()
        self.height, self.time_ms, self.actions = 1, NOW_MS, 0

    def context(self, signers: tuple[bytes, ...]) -> ActionContext:
        self.actions += 1
        block = BlockContext(
            self.height, self.time_ms, 1, lambda identity: keyed(b"k", identity), Window(), DAY_MS
        )
        return ActionContext(block, self.actions.to_bytes(32, "big"), 0, signers)

    def act(self, message: Message, *by: str | bytes) -> ActionContext:
        """Run one message, signed by the own signers of parties or by addresses; keep what it did."""
        context = self.context(addresses(by))
        try:
            MODULE.rules[type(message)](self.grants_books, message, context)
        except Rejected:
            self.books.reject()
            raise
        self.books.accept()
        return context

    def refused(self, message: Message, *by: str | bytes) -> RejectCode | None:
        """The code by which a message is refused, or None; it leaves nothing behind either way."""
        try:
            MODULE.rules[type(message)](self.grants_books, message, self.context(addresses(by)))
        except Rejected as rejected:
            return rejected.code
        finally:
            self.books.reject()
        return None

    def next_block(self, later_ms: int = 1_000, limit: int = 1_000) -> list[ActionContext]:
        """Close the block, checking what always holds, and begin another with its deadlines."""
        self.check()
        self.height += 1
        self.time_ms += later_ms
        contexts = []
        for deadline in MODULE.deadlines:
            for act in deadline(self.grants_books, self.context(()).block, limit):
                context = self.context(())
                act(context)
                self.books.accept()
                contexts.append(context)
        return contexts

    def changed(self) -> dict[int, dict[bytes, tuple[Any, Any]]]:
        return {
            number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
            for number, shelf in self.books.shelves.items()
        }

    def check(self) -> None:
        for check in MODULE.invariants:
            check(self.grants_books, self.changed())
        for check_all in MODULE.full_checks:
            check_all(self.grants_books)
        for shelf in self.books.shelves.values():
            shelf.touched.clear()


def addresses(by: tuple[str | bytes, ...]) -> tuple[bytes, ...]:
    return tuple(signer(one) if isinstance(one, str) else one for one in by)
