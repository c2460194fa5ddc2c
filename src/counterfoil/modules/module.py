"""What a module is to the machine, and what a rule is told about the action that it decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any, Protocol, TypeVar

from counterfoil.primitives.codec import Fact, Message, Record
from counterfoil.primitives.digests import OBJECT, REFERENCE, digest, object_id
from counterfoil.primitives.outcome import RejectCode
from counterfoil.state.books import Shelf
from counterfoil.state.tables import Table
from counterfoil.state.window import Window

R = TypeVar("R", bound=Record)


class Shelves(Protocol):
    """Gives the one shelf of a table, to the module that owns it."""

    def __call__(self, table: Table[R], /) -> Shelf[R]: ...


PUBLIC = bytes(20)
"""As a stakeholder: anybody may see the receipt."""


CONSORTIUM = digest(OBJECT, b"the members of the consortium together")[:20]
"""The address under which the members of the consortium act together. No key and no policy of keys has it."""
BY_THE_CONSORTIUM: tuple[bytes, ...] = (CONSORTIUM,)
"""As an action's signers, and known by identity: the messages of a motion that was carried."""


EVERY = bytes(20)
"""In `credited`: every instrument of an account or a party, or every account of an instrument."""


class BlockContext:
    """What every action of one block shares.

    chain_id: of the ledger, for statements that are of one ledger alone.
    `credited` gathers (account, instrument) pairs whose available quantity rose in this block, in order: what
    waits for them is tried again in the retry phase. `EVERY` in the place of one of the two says that the account, or
    the instrument, may be used again at all; with a party in the account's place, that it is in business again, or
    verified. `references` is the window of references used up.
    """

    __slots__ = (
        "chain_id",
        "credited",
        "handle_of",
        "height",
        "reference_expiry_ms",
        "references",
        "rule_version",
        "sandbox",
        "time_ms",
    )

    def __init__(
        self,
        height: int,
        time_ms: int,
        rule_version: int,
        handle_of: Callable[[bytes], bytes],
        references: Window,
        reference_window_ms: int,
        sandbox: bool = False,
        chain_id: str = "",
    ) -> None:
        self.height = height
        self.time_ms = time_ms
        self.rule_version = rule_version
        self.handle_of = handle_of
        self.references = references
        self.reference_expiry_ms = time_ms + reference_window_ms
        self.sandbox = sandbox
        self.chain_id = chain_id
        self.credited: dict[bytes, None] = {}


class ActionContext:
    """One action: a transaction's message, a deadline or a retry.

    action_id: 32 bytes, the transaction's id (or the deadline's, retry's own). signers: the addresses whose
    thresholds are met, in the order named by the transaction; empty for deadlines and retries.
    """

    __slots__ = (
        "action_id",
        "block",
        "created",
        "credited",
        "facts",
        "height",
        "message_index",
        "signers",
        "time_ms",
    )

    def __init__(
        self, block: BlockContext, action_id: bytes, message_index: int, signers: tuple[bytes, ...]
    ) -> None:
        self.block = block
        self.height = block.height
        self.time_ms = block.time_ms
        self.action_id = action_id
        self.message_index = message_index
        self.signers = signers
        self.facts: list[tuple[Fact, tuple[bytes, ...]]] = []
        self.credited: list[bytes] = []
        self.created: list[bytes] = []

    def new_id(self) -> bytes:
        """The identity of the next object that this message creates: 32 bytes, unique on the ledger."""
        created = self.created
        identity = object_id(self.action_id, self.message_index, len(created))
        created.append(identity)
        return identity

    def new_short_id(self) -> bytes:
        """The same for parties, accounts and instruments: 20 bytes."""
        created = self.created
        identity = object_id(self.action_id, self.message_index, len(created))[:20]
        created.append(identity)
        return identity

    def use_reference(self, *parts: bytes) -> bool:
        """Use up a business reference for the ledger's reference window; False where it is used already.

        `parts` name it wholly: what kind of reference, whose, and the reference itself.
        """
        return self.use_key(digest(REFERENCE, *parts))

    def use_key(self, key: bytes) -> bool:
        """The same for a reference whose digest (32 bytes) is made already."""
        block = self.block
        return block.references.use(key, block.reference_expiry_ms)

    def handle(self, identity: bytes) -> bytes:
        """The secret value that decides an object's place on every list (16 bytes); kept in its record."""
        return self.block.handle_of(identity)

    def tell(self, fact: Fact, *stakeholders: bytes) -> None:
        """State what happened to those who may know: party ids or relationship ids (20 bytes each).

        Each stakeholder's receipt of the action carries the facts told to it, in order.
        """
        self.facts.append((fact, stakeholders))


Rule = Callable[[Any, Any, ActionContext], None]
"""`rule(books, message, context)`: a column of guards that raise `Rejected`, then the effect."""


class BlockRule(Protocol):
    """Runs once a block outside transactions (deadlines before, retries after).

    It yields one callable for each action it wants to take, at most `limit`; the machine runs each as an action of
    its own, so that one that is rejected leaves no effect and does not touch the others.
    """

    def __call__(
        self, books: Any, block: BlockContext, limit: int
    ) -> Iterable[Callable[[ActionContext], None]]: ...


Invariant = Callable[[Any, Mapping[int, Mapping[bytes, tuple[Any, Any]]]], None]
"""`check(books, changed)` with changed[table number][key] = (record at the block's start, record now).

Raises `InvariantViolation`. Checks only what was touched; the full check lives beside it as `check_all`.
"""


@dataclass(frozen=True)
class Module:
    """One module's declaration, in its package's `__init__` as `MODULE`.

    rules: message type → rule. deadlines run before the transactions of a block, retries after them.
    invariants see what the block changed; full_checks(books) go over everything (tests and `replay --check`).
    """

    name: str
    tables: tuple[Table[Any], ...]
    rules: Mapping[type[Message], Rule]
    facts: tuple[type[Fact], ...]
    rejects: type[RejectCode]
    deadlines: tuple[BlockRule, ...] = ()
    retries: tuple[BlockRule, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    full_checks: tuple[Callable[[Any], None], ...] = field(default=())


def expired(shelf: Shelf[Any], block: BlockContext, limit: int) -> list[bytes]:
    """Identities in a resident table by moment (8 bytes, time_ms) and identity, whose moment the block's time has
    reached: the earliest first, at most `limit`."""
    now = block.time_ms.to_bytes(8, "big")
    reached = takewhile(lambda key: key[:8] <= now, (key for key, _ in islice(shelf.scan(), limit)))
    return [key[8:] for key in reached]
