"""What happened: on an account, an instrument, a party, a trade or an instruction; who asked for it, when, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from counterfoil.modules.certificates import facts as certificates_facts
from counterfoil.modules.consortium.facts import WeightSet
from counterfoil.modules.holdings import queries as holdings
from counterfoil.modules.holdings.interface import relationships_of
from counterfoil.modules.identities import facts as identities_facts
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties import facts as parties_facts
from counterfoil.modules.validators import facts as validators_facts
from counterfoil.node.authors import Author, Authors, Signed, authors_of
from counterfoil.node.eyes import Eyes
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    LONG_ID_SIZE,
    PAGE_MAX,
    Answer,
    Params,
    View,
    check_id,
    header_at,
    named,
    present,
    reading,
    span_of,
    time_of,
)
from counterfoil.node.receipts_of import (
    AnyFact,
    Found,
    identities_in,
    mentions,
    receipts_with,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.told import Measured, ToldBlock, stated_account
from counterfoil.node.viewer import Viewer
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.rights import Span
from counterfoil.policy.subjects import AccountHistory, PartyHistory, ReceiptFor, Register, Subject
from counterfoil.primitives.codec import Fact
from counterfoil.state.receipts import ToldResult

HISTORY_LIMIT = 1_000
"""Entries of a page where the asker says nothing else."""
_PARTY_FACTS: tuple[type[Fact], ...] = (
    WeightSet,
    *(
        kind
        for facts in (parties_facts, identities_facts, certificates_facts, validators_facts)
        for kind in vars(facts).values()
        if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
    ),
)


class HistoryOf(Params, frozen=True, kw_only=True):
    """Exactly one of: account, instrument, party, signer (20 bytes each); business: a trade, instruction, earmark,
    batch or proposal (id of 32 bytes). Of a signer: its keys, their recovery, and their uses in custody.

    first_height: where to begin (0: at the beginning); last_height: where to end (0: now).
    """

    account: bytes = b""
    instrument: bytes = b""
    party: bytes = b""
    business: bytes = b""
    signer: bytes = b""
    first_height: int = 0
    last_height: int = 0
    limit: int = HISTORY_LIMIT


class HistoryEntry(msgspec.Struct, frozen=True):
    """One action. action: the transaction's id, or the own id of what the ledger did by itself.

    authors: who signed, as far as the viewer may know (`authors_of`). messages: kinds of what was asked, to whoever
    may see the history of one of them; results: of all messages, to an author alone, since they name what was created
    for others. by_ledger: a deadline or a retry, which nobody signed. measured: what amounts of the facts count, where
    those do not say so.
    """

    height: int
    time_ms: int
    action: bytes
    by_ledger: bool
    authors: tuple[Author, ...]
    messages: tuple[str, ...]
    results: tuple[ToldResult, ...]
    facts: tuple[AnyFact, ...]
    measured: tuple[Measured, ...] = ()


class History(Answer, frozen=True, kw_only=True):
    """Oldest first. next_height: `first_height` of the page after this one, 0 after the last."""

    entries: tuple[HistoryEntry, ...]
    next_height: int


Choose = Callable[[Found, ToldBlock], Iterable[Fact]]
"""Which facts of a receipt of a block belong to the history; none where the receipt does not."""


@named("history")
def history(node: LedgerNode, viewer: Viewer, params: HistoryOf) -> History:
    """Who did what, when, by which transaction: of an account, an instrument, a party, or a piece of business.

    Looks through the receipts of all blocks from `first_height` on (about a second for a gigabyte of them), and reads
    the block of each entry from the log for its authors. A page ends with a whole block. What the genesis file founded
    has no receipt: it is the state from which a history begins.
    """
    named_of = (params.account, params.instrument, params.party, params.business, params.signer)
    if sum(map(bool, named_of)) != 1:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            detail="name one account, instrument, party, signer or piece of business",
        )
    if not 0 < params.limit <= PAGE_MAX or params.first_height < 0 or params.last_height < 0:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=PAGE_MAX,
            detail="heights are 0 or more, limit 1 to the limit",
        )
    with reading(node, viewer) as view:
        last = min(view.header.height, params.last_height or view.header.height)
        needle, choose = _what(view, params, _time(view, params.first_height, last))
        moment = view.moment
    entries: list[HistoryEntry] = []
    next_height = 0
    for block, found in _chosen(node, needle, choose, max(1, params.first_height), last):
        if len(entries) >= params.limit:
            next_height = block.height
            break
        entries += _entries(node, viewer, block, found)
    if params.business and not entries and not params.first_height:
        raise NotVisible
    return History(moment=moment, entries=tuple(entries), next_height=next_height)


def _time(view: View, first: int, last: int) -> Span:
    """Of the blocks from a height to another; of the first alone where there are none."""
    begins = header_at(view.node, max(first, view.node.machine.founding_height))
    return Span(begins.time_ms, max(begins.time_ms, span_of(view.node, header_at(view.node, last)).last_ms))


def _what(view: View, params: HistoryOf, time: Span) -> tuple[bytes | tuple[bytes, ...], Choose]:
    """What to look for in the receipts, and which facts of those that hold it to show."""
    if params.account:
        account_id = check_id(params.account)
        seen = AccountHistory(account_id)
        view.require(seen, time)
        account = present(holdings.account(view.state, account_id))
        belongs = _OfAccount(account_id, relationships_of(account_id, account))
        return relationships_of(account_id, account), _While(view, seen, belongs)
    if params.instrument:
        instrument_id = check_id(params.instrument)
        register = Register(instrument_id)
        view.require(register, time)
        issuer = present(view.wired.instruments.find(instrument_id)).issuer
        told = _told_to(issuer, lambda fact: mentions(fact, instrument_id))
        return instrument_id, _While(view, register, told)
    if params.party:
        party = check_id(params.party)
        past = PartyHistory(party)
        view.require(past, time)
        told = _told_to(party, lambda fact: isinstance(fact, _PARTY_FACTS) and mentions(fact, party))
        return party, _While(view, past, told)
    if params.signer:
        signer = check_id(params.signer)
        if signer == PUBLIC:
            raise NotVisible
        own = ReceiptFor(signer)
        view.require(own, time)
        return signer, _While(
            view, own, lambda found: found.facts if found.receipt.stakeholder == signer else ()
        )
    business = check_id(params.business, LONG_ID_SIZE)
    return business, _OfBusiness(view, business)


class _While:
    """Facts of the blocks in whose time the viewer may see a subject: all, but where it was granted a period."""

    def __init__(self, view: View, subject: Subject, belongs: Callable[[Found], tuple[Fact, ...]]) -> None:
        self._view = view
        self._subject = subject
        self._belongs = belongs

    def __call__(self, found: Found, block: ToldBlock) -> Iterable[Fact]:
        chosen = self._belongs(found)
        with self._view.node.engine.lock:
            time = Span(block.time_ms, block.time_ms)
            return chosen if chosen and self._view.may_see(self._subject, time) else ()


class _OfBusiness:
    """Facts that name a piece of business, as far as the viewer may see them."""

    def __init__(self, view: View, business: bytes) -> None:
        self._business = business
        self._view = view
        self._eyes: tuple[ToldBlock, Eyes] | None = None

    def __call__(self, found: Found, block: ToldBlock) -> Iterable[Fact]:
        if self._eyes is None or self._eyes[0] is not block:
            self._eyes = block, Eyes(self._view.node, self._view.viewer, block)
        with self._view.node.engine.lock:
            return self._eyes[1].seen(found, self._business)


class _OfAccount:
    """Facts about one account among those told to its relationship, which may be about other accounts as well.

    They are those that state the account, and those that name an object (an instruction, an earmark, a batch) which
    such a fact named, here or earlier, unless they state another account.
    """

    def __init__(self, account_id: bytes, relationships: tuple[bytes, ...]) -> None:
        self._account = account_id
        self._relationships = relationships
        self._objects: set[bytes] = set()

    def __call__(self, found: Found) -> tuple[Fact, ...]:
        if found.receipt.stakeholder not in self._relationships:
            return ()
        for fact in found.facts:
            if stated_account(fact) == self._account:
                self._objects.update(one for one in identities_in(fact) if len(one) == LONG_ID_SIZE)
        return tuple(fact for fact in found.facts if self._is_mine(fact))

    def _is_mine(self, fact: Fact) -> bool:
        stated = stated_account(fact)
        if stated:
            return stated == self._account
        return any(one == self._account or one in self._objects for one in identities_in(fact))


def _told_to(stakeholder: bytes, belongs: Callable[[Fact], bool]) -> Callable[[Found], tuple[Fact, ...]]:
    """What was told to one stakeholder, or to everybody."""

    def choose(found: Found) -> tuple[Fact, ...]:
        if found.receipt.stakeholder not in (stakeholder, PUBLIC):
            return ()
        return tuple(fact for fact in found.facts if belongs(fact))

    return choose


def _chosen(
    node: LedgerNode, needle: bytes | tuple[bytes, ...], choose: Choose, first: int, last: int
) -> Iterator[tuple[ToldBlock, list[tuple[Found, tuple[Fact, ...]]]]]:
    """(block, receipts with the facts chosen of each) of every block that has any."""
    for height, kept, indices in receipts_with(node, needle, first, last):
        block = ToldBlock(node, height, time_of(node, height), [kept[index] for index in indices])
        chosen = [(found, facts) for found in block.found if (facts := tuple(choose(found, block)))]
        if chosen:
            yield block, chosen


def _entries(
    node: LedgerNode, viewer: Viewer, block: ToldBlock, chosen: Iterable[tuple[Found, tuple[Fact, ...]]]
) -> list[HistoryEntry]:
    """One entry for each action; what several receipts of an action tell is told once."""
    by_action: dict[bytes, tuple[Found, list[Fact]]] = {}
    for found, facts in chosen:
        _, told = by_action.setdefault(found.receipt.action, (found, []))
        told += [fact for fact in facts if fact not in told]
    transactions = transactions_of(node, block.height)
    entries = []
    for action, (found, told) in by_action.items():
        signed = transactions.get(action)
        with reading(node, viewer) as view:
            authors = authors_of(view, signed, told, block) if signed is not None else Authors((), False)
            measured = block.objects.measured(told)
        entries.append(
            HistoryEntry(
                block.height,
                block.time_ms,
                action,
                signed is None,
                authors.found,
                signed.kinds if signed is not None and authors.in_full else (),
                found.receipt.results if authors.in_full else (),
                tuple(told),
                measured,
            )
        )
    return entries


def transactions_of(node: LedgerNode, height: int) -> dict[bytes, Signed]:
    """What was signed in a block, by the transaction's id."""
    with node.engine.lock:
        logged = node.block_at(height)
    found: dict[bytes, Signed] = {}
    if logged is None:
        return found
    for item in logged.block.bundles:
        for raw in node.machine.bundles.read_again(item):
            prepared = node.machine.reader.prepare(raw)
            if prepared.body is not None:
                found[prepared.id] = Signed(prepared.body.signers, tuple(prepared.body.messages))
    return found
