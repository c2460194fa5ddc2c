"""The client: builds transactions, signs, sends and waits; and reads as one party."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from counterfoil.custody.signers import Signer
from counterfoil.machine.transactions import Mode
from counterfoil.modules.settlement.facts import InstructionAccepted, NotePassed
from counterfoil.node import reads
from counterfoil.node.protocol import Answered
from counterfoil.node.reads_base import Params, Read
from counterfoil.node.reads_ledger import NameOf, Nothing, Status
from counterfoil.node.streams import Position
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.frames import Problem
from counterfoil.sdk.connections import Connection, SocketConnection
from counterfoil.sdk.draft import Draft
from counterfoil.sdk.errors import LedgerError, NodeUnreachable, TransactionRejected
from counterfoil.sdk.reading import Id, Reading
from counterfoil.sdk.rejects import problem_of_number
from counterfoil.sdk.stream import Stream
from counterfoil.sealing.envelopes import seal_note
from counterfoil.sealing.handing import open_note
from counterfoil.sealing.opening_keys import Opener
from counterfoil.state.receipts import MessageResult

P = TypeVar("P", bound=Params)
A = TypeVar("A", bound=msgspec.Struct)

CLOCK_SECONDS = 30.0
"""So long a client trusts its own clock to go on from what the ledger's showed."""
FULL_POOL_SECONDS = 60.0
"""So long a client tries again while the node's pool is full, or the member sends faster than it may."""
PAUSE_SECONDS = 0.05
_SUBMISSION_IS_TOO_FAST = 1060
_POOL_IS_FULL = 1061


class Result(NamedTuple):
    """What became of a transaction. height: 0 where it is in no block. number: 0 for success, else of the first reject.

    messages: a result for each message. problems: of those that were rejected.
    """

    id: bytes
    height: int
    number: int
    messages: tuple[MessageResult, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return self.number == 0

    @property
    def objects(self) -> tuple[bytes, ...]:
        """Identities that the transaction created, in order."""
        return tuple(identity for message in self.messages for identity in message.objects)

    @property
    def created(self) -> bytes:
        """The first of them. ValueError where there is none."""
        objects = self.objects
        if not objects:
            raise ValueError("the transaction created nothing")
        return objects[0]


class _Viewing(NamedTuple):
    party: bytes
    signer: bytes
    keys: Sequence[Signer]


class Note(NamedTuple):
    """What a party wrote to another. height: of the block that passed it. instruction: the receiver's own (32 bytes).

    sender: the party that wrote it, as its seal says.
    """

    height: int
    instruction: bytes
    sender: bytes
    text: str


class Client(Reading):
    """One party's client on a connection of its own.

    keys: what it signs with, each for the signer of its own address. party: id, or public name, of the party it reads
    as; without one it reads what is public. signer: the address that reads, where it is not the first key's own.
    """

    def __init__(
        self, connection: Connection, *keys: Signer, party: bytes | str = b"", signer: bytes = b""
    ) -> None:
        self.connection = connection
        self.keys = keys
        self._clock: tuple[int, float] | None = None
        self._window_ms = 0
        self.party = self.party_id(party) if isinstance(party, str) else party
        if self.party and keys:
            shown = _Viewing(self.party, signer or keys[0].address, keys if signer else keys[:1])
            connection.show(shown)

    # ---- writing ----

    def draft(
        self,
        *messages: Message,
        signers: Iterable[bytes] | None = None,
        mode: Mode = Mode.ALL_OR_NOTHING,
        expires_in_ms: int | None = None,
    ) -> Draft:
        """A transaction that is not signed yet. signers: addresses that must sign; by default of this client's keys.

        It expires in half of the ledger's window unless it is said otherwise (and at most in the whole).
        """
        now_ms = self.time_ms()
        expiry_ms = now_ms + (self._window_ms // 2 if expires_in_ms is None else expires_in_ms)
        named = tuple(key.address for key in self.keys) if signers is None else tuple(signers)
        return Draft.of(self.connection.chain_id, messages, named, expiry_ms, mode)

    def send(
        self,
        *messages: Message,
        cosigners: Iterable[Client | Signer] = (),
        mode: Mode = Mode.ALL_OR_NOTHING,
    ) -> Result:
        """Build, sign, submit and wait. cosigners: clients or keys that sign with this client.

        TransactionRejected where it was rejected; with EACH_ON_ITS_OWN the result says which messages were.
        """
        keys = list(self.keys)
        for one in cosigners:
            keys += one.keys if isinstance(one, Client) else (one,)
        draft = self.draft(*messages, signers=(key.address for key in keys), mode=mode).sign(*keys)
        return self.submit(draft)

    def submit(self, draft: Draft) -> Result:
        """Send a signed draft, and return when it is durable. Sending the same draft again gives its first result.

        TransactionRejected as `send`.
        """
        (result,) = self.submit_many([draft])
        if result.number and draft.body.mode is Mode.ALL_OR_NOTHING:
            raise TransactionRejected(result.problems[0], _answered(result))
        return result

    def submit_many(self, drafts: Iterable[Draft | bytes]) -> list[Result]:
        """Send many in their order, and return when all are durable or refused; rejects are in their results.

        Where the node takes no more for the moment, the rest is sent again, for up to `FULL_POOL_SECONDS`.
        """
        left = [draft.transaction if isinstance(draft, Draft) else draft for draft in drafts]
        results: list[Result] = []
        give_up = time.monotonic() + FULL_POOL_SECONDS
        while True:
            late = time.monotonic() > give_up
            try:
                answers = [_result(answer) for answer in self.connection.submit(left)]
            except LedgerError as error:
                if error.number not in (_POOL_IS_FULL, _SUBMISSION_IS_TOO_FAST) or late:
                    raise
                answers = []
            taken = next(
                (at for at, one in enumerate(answers) if one.number == _SUBMISSION_IS_TOO_FAST), len(answers)
            )
            if taken == len(left) or late:
                return results + answers
            results += answers[:taken]
            left = left[taken:]
            time.sleep(PAUSE_SECONDS)

    def wait(self, draft: Draft, seconds: float = 10.0) -> Result | None:
        """The result of a draft that was sent before, perhaps by somebody else; None where there is none in time."""
        answer = self.connection.wait(draft.transaction, int(seconds * 1_000))
        return _result(answer) if answer is not None else None

    def try_out(self, draft: Draft) -> Result:
        """What a signed draft would do now; nothing of it stays."""
        return _result(self.connection.try_out(draft.transaction))

    def note_for(self, receiver: bytes | str, text: str) -> bytes:
        """A note for another party alone, to be sent with an instruction: sealed to the opening key that it recorded.

        Its length tells only roughly how long the text is. ValueError where that is more than the ledger carries.
        """
        party = self.party_id(receiver)
        return seal_note(self.opening_key(party), self.connection.chain_id, self.party, party, text.encode())

    def notes(self, key: Opener, after: int = 0) -> list[Note]:
        """The notes to this client's party that were passed after a height, opened, the first to come first.

        key: the opening key that the party has recorded. What another key opens is left out: a note is for one party,
        and its receipt for all who see the account.
        """
        senders = [line.party for line in self.parties()]
        other_side: dict[bytes, bytes] = {}
        found = []
        for item in self.watch(after, follow=False):
            for fact in item.facts:
                if isinstance(fact, InstructionAccepted):
                    other_side[fact.instruction_id] = fact.counterparty
                if isinstance(fact, NotePassed):
                    known = other_side.get(fact.instruction_id)
                    found += self._opened(key, [known] if known else senders, item.height, fact)
        return found

    def _opened(self, key: Opener, senders: Iterable[bytes], height: int, passed: NotePassed) -> list[Note]:
        """By the one sender for whose note it opens: a note is sealed from one party to another. (A custodian is asked
        for each that is tried: who sent it is therefore looked for on the ledger first.)"""
        for sender in senders:
            text = open_note(key, self.connection.chain_id, sender, self.party, passed.note)
            if text is not None:
                return [Note(height, passed.instruction_id, sender, text.decode(errors="replace"))]
        return []

    # ---- reading ----

    def ask(self, read: Read[P, A], params: P) -> A:
        """Any named read, with its own parameters."""
        return read.decode_answer(self.connection.read(read.name, encode(params)))

    def read(self, name: str, **params: Any) -> Any:
        """Any read by its name. KeyError where this program knows none of that name."""
        known = reads.READS[name]
        return self.ask(known, known.params(**params))

    def status(self) -> Status:
        return self.ask(reads.status, Nothing())

    def time_ms(self) -> int:
        """What the ledger's clock shows, or would by now; a sandbox's is asked every time."""
        now = time.monotonic()
        if self._clock is not None and not self.connection.sandbox and now - self._clock[1] < CLOCK_SECONDS:
            return self._clock[0] + int((now - self._clock[1]) * 1_000)
        status = self.status()
        clock_ms = max(status.clock_ms, status.moment.time_ms)
        self._clock, self._window_ms = (clock_ms, now), status.id_window_ms
        return clock_ms

    def watch(self, after: Position | int | None = None, about: Id = b"", *, follow: bool = True) -> Stream:
        """What happens, as far as this client may see it when it is told: iterate over it, and close it.

        after: a position from before, or a height (0: from the beginning); None for what happens from now on. about: an
        account, instrument, party, trade or instruction that alone is of interest. follow: go on waiting for more.
        """
        begin = Position(after) if isinstance(after, int) else after
        identity = about if isinstance(about, bytes) else self.ask(reads.find, NameOf(text=about)).identity
        return Stream(self.connection.watch(begin, identity, follow), begin)

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _result(answer: Answered) -> Result:
    problems = answer.problems
    if answer.number and not problems:
        problems = (problem_of_number(answer.number),)
    return Result(answer.id, answer.height, answer.number, answer.messages, problems)


def _answered(result: Result) -> Answered:
    return Answered(result.id, result.height, result.number, result.messages, result.problems)


def status_at(path: Path, timeout_seconds: float) -> Status | None:
    """What a node says of itself at a socket; None where it does not answer."""
    if not path.exists():
        return None
    try:
        connection = SocketConnection(path, attempts=1, timeout_seconds=timeout_seconds)
    except NodeUnreachable:
        return None
    try:
        return Client(connection).status()
    except (LedgerError, NodeUnreachable):
        return None
    finally:
        connection.close()
