"""What every named read has in common: typed parameters and answers, a viewer, and the moment that is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Generic, TypeVar, get_type_hints

import msgspec

from counterfoil.engine.incidents import told
from counterfoil.machine.genesis import GENESIS_HEIGHT
from counterfoil.modules.markets import queries as markets
from counterfoil.node.clock import time_ms_of
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import Policy
from counterfoil.policy.rights import Span
from counterfoil.policy.subjects import Subject
from counterfoil.primitives.calendars import parse_date
from counterfoil.primitives.codec import Record
from counterfoil.state.headers import Header
from counterfoil.state.state import State
from counterfoil.state.tables import Table

PAGE_MAX = 10_000
"""Lines of one page of an answer."""
SHORT_ID_SIZE = 20
LONG_ID_SIZE = 32


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a read is asked with. Fields only ever come in with defaults."""


class AsOf(Params, frozen=True, kw_only=True):
    """A read that can be asked about the past.

    at: "" for now; digits alone for the end of the block of that height; an ISO 8601 instant with its zone, such as
    2024-01-02T17:30:00+01:00; or a date, such as 2024-01-02, for the close of that business date of `market`.
    market: its code; where it is "" the instrument's home market, or the ledger's only one.
    """

    at: str = ""
    market: str = ""


class Moment(msgspec.Struct, frozen=True):
    """What an answer is as of: the end of the block at `height`, whose block time was `time_ms`."""

    height: int
    time_ms: int
    chain_id: str
    sandbox: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer says what it is as of."""

    moment: Moment


P = TypeVar("P", bound=Params)
A = TypeVar("A", bound=msgspec.Struct)
R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Read(Generic[P, A]):
    """One named read: what clients and commands are made from.

    is_alike: whether it has one answer for everybody who may ask it, from which nothing is left out. Any other read
    shows what its viewer may see of more; the time that this takes must not tell of how much.
    """

    def __init__(self, name: str, run: Callable[[LedgerNode, Viewer, P], A], *, is_alike: bool) -> None:
        hints = get_type_hints(run)
        self.name = name
        self.is_alike = is_alike
        self.run = run
        self.params: type[P] = hints["params"]
        self.answer: type[A] = hints["return"]
        self.text = (run.__doc__ or "").strip()
        self._params = msgspec.msgpack.Decoder(self.params)
        self._answer = msgspec.msgpack.Decoder(self.answer)

    def decode_params(self, data: bytes) -> P:
        """Refused PARAMETERS_ARE_WRONG where they do not fit."""
        try:
            params: P = self._params.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: no UTF-8
            raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, read=self.name, detail=error) from None
        return params

    def decode_answer(self, data: bytes) -> A:
        answer: A = self._answer.decode(data)
        return answer


def named(
    name: str, *, is_alike: bool = False
) -> Callable[[Callable[[LedgerNode, Viewer, P], A]], Read[P, A]]:
    """Make a function `(node, viewer, params) -> answer` a named read; its annotations say of what types."""

    def wrap(run: Callable[[LedgerNode, Viewer, P], A]) -> Read[P, A]:
        return Read(name, run, is_alike=is_alike)

    return wrap


class View:
    """The ledger as one viewer reads it at one moment. height: None for now, as the modules' queries take it."""

    def __init__(self, node: LedgerNode, viewer: Viewer, height: int | None, header: Header) -> None:
        self.node = node
        self.viewer = viewer
        self.state: State = node.state
        self.wired = node.machine.wired
        self.policy = policy_of(node)
        self.height = height
        self.header = header
        self.span = span_of(node, header)

    @property
    def moment(self) -> Moment:
        return moment_of(self.node, self.header)

    def find(self, table: Table[R], key: bytes) -> R | None:
        """A record as of the view's moment."""
        return (
            self.state.find(table, key)
            if self.height is None
            else self.state.find_at(table, key, self.height)
        )

    def may_see(self, subject: Subject, span: Span | None = None) -> bool:
        """Whether the viewer may see a subject, of the view's moment or of another time."""
        right = self.policy.right(self.viewer.party, subject, span or self.span)
        if right is None:
            return False
        self.viewer.uses(right, subject)
        return True

    def is_narrowed(self, party: bytes) -> bool:
        """Whether a list of what is a party's may be narrowed to that before the policy is asked: only where it is the
        viewer's to know how long it is, which its time tells."""
        viewer = self.viewer.party
        return bool(party) and (party == viewer or self.policy.sees_everything(viewer))

    def visible(
        self,
        found: Iterable[T],
        subject: Callable[[T], Subject],
        wanted: Callable[[T], bool] = lambda one: True,
    ) -> list[T]:
        """Those of a list that are wanted and may be seen.

        The policy is asked about all of it, wanted or not: the time tells how much there is, but not how much of that
        is whose. Only what is shown counts as looked at.
        """
        shown = []
        for one in found:
            about = subject(one)
            right = self.policy.right(self.viewer.party, about, self.span)
            if right is not None and wanted(one):
                self.viewer.uses(right, about)
                shown.append(one)
        return shown

    def require(self, subject: Subject, span: Span | None = None) -> None:
        """NotVisible where the viewer may not see it, or it is not there."""
        if not self.may_see(subject, span):
            raise NotVisible

    def shown(self, found: T | None, subject: Subject) -> T:
        """What was looked up, for whoever may see the subject that it is; the same way where nothing was found."""
        visible = self.may_see(subject)
        if found is None or not visible:
            raise NotVisible
        return found


def policy_of(node: LedgerNode) -> Policy:
    wired = node.machine.wired
    return Policy(
        node.state,
        wired.parties,
        wired.markets,
        wired.instruments,
        wired.holdings,
        wired.grants,
        now_ms(node),
    )


def now_ms(node: LedgerNode) -> int:
    """Block time as it would be now."""
    last = node.machine.last
    return max(last.time_ms + 1 if last is not None else 0, node.clock())


@contextmanager
def reading(node: LedgerNode, viewer: Viewer, asked: AsOf | None = None, home: str = "") -> Iterator[View]:
    """Hold the ledger still and look at it. home: the market whose dates count where the asker names none."""
    with node.engine.lock:
        if node.engine.failure is not None:
            raise Refused(NodeRefusal.NODE_STOPPED, cause=told(node.engine.failure))
        at, market = (asked.at, asked.market or home) if asked is not None else ("", "")
        header = header_as_of(node, at, market)
        if header.height < node.state.held_from:
            detail = f"this node was founded from a snapshot of block {node.state.held_from}; ask one that holds more"
            raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=at[:40], detail=detail)
        present = header.height == node.state.height
        yield View(node, viewer, None if present else header.height, header)


def present(found: A | None) -> A:
    """NotVisible where there is none: what is not there and what is not yours give one answer."""
    if found is None:
        raise NotVisible
    return found


# ---- moments ----


def header_as_of(node: LedgerNode, at: str, market: str = "") -> Header:
    """The header of the last block up to a moment; see `AsOf`. Refused MOMENT_IS_NOT_ON_RECORD."""
    at = at.strip()
    last = node.machine.last
    if last is None:
        raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=at or "now")
    if not at:
        return last
    if at.isascii() and at.isdigit():
        height = int(at[:20])
        if not GENESIS_HEIGHT <= height <= last.height:
            raise Refused(
                NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=at[:20], first=GENESIS_HEIGHT, last=last.height
            )
        return _last_header(node, height, lambda header: header.height)
    if is_date_text(at):
        return _last_header(node, _close_of(node, at, market), lambda header: header.height)
    instant_ms = _instant_ms(at)
    if instant_ms > max(last.time_ms, node.clock()):
        raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=at[:40], detail="that instant has not come")
    return _last_header(node, instant_ms, lambda header: header.time_ms)


def header_at(node: LedgerNode, height: int) -> Header:
    """The header of the last block up to a height."""
    with node.engine.lock:
        return _last_header(node, height, lambda header: header.height)


def time_of(node: LedgerNode, height: int) -> int:
    """Block time (ms) of a past block."""
    return header_at(node, height).time_ms


def moment_of(node: LedgerNode, header: Header) -> Moment:
    return Moment(header.height, header.time_ms, node.chain_id, node.sandbox)


def span_of(node: LedgerNode, header: Header) -> Span:
    """The time during which a header was the last one, which is not over for the newest."""
    newer = header.number + 1
    if newer >= node.machine.history.size:
        return Span(header.time_ms, now_ms(node))
    return Span(header.time_ms, node.machine.header(newer).header.time_ms - 1)


def is_date_text(at: str) -> bool:
    """Whether a moment is meant as a business date."""
    return len(at) == len("yyyy-mm-dd") and at[4:5] == "-"


def _last_header(node: LedgerNode, limit: int, by: Callable[[Header], int]) -> Header:
    """The last header whose height (or time) is not above the limit, by halves: about 20 headers of a million.

    As many for any limit, so that the time it takes does not tell at which block something hidden began.
    """
    machine, first, left = node.machine, 0, node.machine.history.size
    while left > 1:
        half = left // 2
        first += half if by(machine.header(first + half).header) <= limit else 0
        left -= half
    found = machine.header(first).header
    if by(found) > limit:
        raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at="before the ledger was founded")
    return found


def _instant_ms(at: str) -> int:
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        detail = "at is a height, a date (2024-01-02) or an instant with its zone (2024-01-02T17:30:00+01:00)"
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, at=at[:40], detail=detail) from None
    if instant.tzinfo is None:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            at=at[:40],
            detail="the instant lacks its zone, such as Z or +01:00",
        )
    return time_ms_of(instant)


def _close_of(node: LedgerNode, at: str, market: str) -> int:
    try:
        date = parse_date(at)
    except ValueError as error:
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, at=at, detail=error) from None
    code = market or only_market(node)
    close = markets.day_close(node.state, code, date)
    if close is None:
        raise Refused(
            NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=at, market=code, detail="that day was not closed"
        )
    return close.height


def only_market(node: LedgerNode) -> str:
    """The ledger's one market. Refused PARAMETERS_ARE_WRONG where there are none or several."""
    codes = markets.market_codes(node.state)
    if len(codes) != 1:
        detail = f"say which market's date is meant; there are {len(codes)}"
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail=detail)
    return codes[0]


# ---- helpers of several reads ----


def check_id(value: bytes, size: int = SHORT_ID_SIZE) -> bytes:
    """NotVisible where the bytes can be no identity of that size: there is nothing under them."""
    if len(value) != size:
        raise NotVisible
    return value
