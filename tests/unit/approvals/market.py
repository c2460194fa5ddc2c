"""A ledger of which only proposals are real: what they execute is a note on a shelf of its own, or a refusal."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.approvals import MODULE
from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction, WithdrawProposal
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.primitives.codec import Decoder, Fact, Message, Record, encode
from counterfoil.primitives.digests import keyed
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.state.books import Books
from counterfoil.state.rows import value_of
from counterfoil.state.tables import Table
from counterfoil.state.window import Window

ISSUER, REGULATOR, NOTARY, STRANGER = (bytes([number]) * 20 for number in (1, 2, 3, 9))
THREE = (ISSUER, REGULATOR, NOTARY)
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


class Note(Message, tag=9001):
    """Write a text down; an empty one is refused, "once" can be written once only."""

    text: str


class NoteReject(RejectCode):
    TEXT_IS_EMPTY = (9901, "There is nothing to write down.", "Give a text.")
    WRITTEN_BEFORE = (9902, "It was written down before.", "Nothing needs to be done.")


class NoteWritten(Fact, tag=9951):
    text: str


class Written(Record):
    text: str
    signers: tuple[bytes, ...]


NOTES = Table(number=255, name="notes", record=Written, key_sizes=(32,))

MESSAGES = Note | ProposeTransaction | ApproveTransaction | WithdrawProposal
CONTENT = Decoder(tuple[tuple[bytes, ...], tuple[MESSAGES, ...]])


class Ledger:
    """One block after another, one action at a time."""

    def __init__(self) -> None:
        self.window = Window()
        self.rotations: dict[bytes, int] = {}
        self.take(Books(lambda _table, _key: None, lambda _table, keys: [None] * len(keys), value_of))
        self.time_ms = NOW_MS
        self.height = 1
        self.actions = 0

    def take(self, books: Books) -> None:
        """Work on these records."""
        self.state = books
        self.notes = books.shelf(NOTES)
        self.books = ApprovalsBooks(
            books.shelf, CONTENT.exact, self.dispatch, lambda address: self.rotations.get(address, 0)
        )

    def dispatch(self, message: Any, context: ActionContext) -> None:
        if isinstance(message, Note):
            if not message.text:
                raise Rejected(NoteReject.TEXT_IS_EMPTY)
            if message.text == "once" and not context.use_reference(b"once"):
                raise Rejected(NoteReject.WRITTEN_BEFORE)
            self.notes.put(context.new_id(), Written(message.text, context.signers))
            context.credited.append(b"a" * 40)
            context.tell(NoteWritten(message.text), ISSUER)
        else:
            MODULE.rules[type(message)](self.books, message, context)

    def block(self) -> BlockContext:
        return BlockContext(
            self.height, self.time_ms, 1, lambda identity: keyed(b"k", identity), self.window, DAY_MS
        )

    def act(self, message: Message, *signers: bytes) -> ActionContext:
        """Run one message; what it did is kept, or taken back where it is rejected."""
        self.actions += 1
        context = ActionContext(self.block(), self.actions.to_bytes(32, "big"), 0, signers)
        try:
            self.dispatch(message, context)
        except Rejected:
            self.state.reject()
            self.window.reject()
            raise
        self.keep()
        return context

    def refused(self, message: Message, *signers: bytes) -> RejectCode | None:
        """The code by which a message is refused, or None; it leaves nothing behind either way."""
        before = {n: dict(shelf.live) for n, shelf in self.state.shelves.items()}
        self.actions += 1
        context = ActionContext(self.block(), self.actions.to_bytes(32, "big"), 0, signers)
        try:
            self.dispatch(message, context)
        except Rejected as rejected:
            return rejected.code
        finally:
            self.state.reject()
            self.window.reject()
            for number, live in before.items():
                now = self.state.shelves[number].live
                assert {k: r for k, r in now.items() if r} == {k: r for k, r in live.items() if r}
        return None

    def next_block(self, later_ms: int = 1_000, limit: int = 1_000) -> list[ActionContext]:
        """Close the block, checking what always holds, and begin another with its deadlines."""
        self.check()
        self.height += 1
        self.time_ms += later_ms
        contexts = []
        for deadline in MODULE.deadlines:
            for act in deadline(self.books, self.block(), limit):
                self.actions += 1
                context = ActionContext(self.block(), self.actions.to_bytes(32, "big"), 0, ())
                act(context)
                self.keep()
                contexts.append(context)
        return contexts

    def changed(self) -> dict[int, dict[bytes, tuple[Any, Any]]]:
        """What the block has changed so far, as invariants are told."""
        return {
            number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
            for number, shelf in self.state.shelves.items()
        }

    def check(self) -> None:
        for check in MODULE.invariants:
            check(self.books, self.changed())
        for check_all in MODULE.full_checks:
            check_all(self.books)
        for shelf in self.state.shelves.values():
            shelf.touched.clear()

    def keep(self) -> None:
        self.state.accept()
        self.window.accept()

    def propose(
        self, *texts: str, by: tuple[bytes, ...] = (ISSUER,), signers: tuple[bytes, ...] = THREE
    ) -> bytes:
        """A proposal to write texts down; its id."""
        context = self.act(proposal(*texts, signers=signers), *by)
        return context.created[0]


def proposal(
    *texts: str, signers: tuple[bytes, ...] = THREE, expires_ms: int = NOW_MS + DAY_MS
) -> ProposeTransaction:
    return ProposeTransaction(encode((signers, tuple(Note(text) for text in texts))), expires_ms)
