"""Tables: what a module declares about the records it owns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from counterfoil.primitives.codec import Decoder, Record
from counterfoil.state.port import TableLayout

R = TypeVar("R", bound=Record)

LIST_NUMBER_MAX = 255


class Reader(Protocol):
    """Reads any record of any table as of now (inside a block: with the effects so far)."""

    def find(self, table: Table[R], key: bytes) -> R | None: ...


@dataclass(frozen=True)
class ListRule:
    """Membership in a list whose completeness can be proven, such as the register of an instrument.

    `place(reader, key, record)` returns (handle of the list's parent, handle of the member): secret, random-looking
    values of 16 to 32 bytes that the parent's and the member's own records commit to. It is asked once when a
    record comes to life and must give the same answer when it ends.
    """

    number: int
    name: str
    place: Callable[[Reader, bytes, Any], tuple[bytes, bytes]]


@dataclass(frozen=True, eq=False)
class Table(Generic[R]):
    """One kind of record.

    number: 1 … 255, fixed for ever, first byte of every key in proofs.
    key_sizes: the sizes in bytes of the key's components; 0 as last size means "the rest".
    clear: how many leading bytes of the key may lie readable on disk, in their order (dates, priorities).
    resident: kept in memory as a whole and in key order, so that rules may scan it by prefix.
    """

    number: int
    name: str
    record: type[R]
    key_sizes: tuple[int, ...]
    clear: int = 0
    resident: bool = False
    lists: tuple[ListRule, ...] = ()
    decoder: Decoder = field(init=False, repr=False)
    prefix: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", Decoder(self.record))
        object.__setattr__(self, "prefix", bytes([self.number]))

    @property
    def layout(self) -> TableLayout:
        """How the keys lie on disk; `clear` ends where a component ends."""
        sizes, clear = list(self.key_sizes), self.clear
        while clear:
            clear -= sizes.pop(0)
        return TableLayout(clear=self.clear, sizes=tuple(sizes))


class Link(Record):
    """A place on a list, and the place that follows it on the ledger's one sorted list.

    Its own key is list tag (16 bytes) and member tag (16 bytes). That no record lies between two neighbours is
    what proves absence and completeness. A neighbour's link is shown then, so that it does not name its member:
    commitment is the digest over a secret blind and the member's full key (empty for the first link), and masked
    is that key under a keystream of the network's secret.
    """

    next: bytes
    commitment: bytes
    masked: bytes


LINKS = Table(number=1, name="links", record=Link, key_sizes=(32,), clear=32)
LINK_FIRST = bytes(32)
LINK_END = b"\xff" * 32
