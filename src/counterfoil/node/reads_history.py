"""What happened: on an account, an instrument, a party, a trade or an instruction; who asked for it, when, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from counterfoil.engine.decided import LoggedBlock
from counterfoil.machine.transactions import read_bundle
from counterfoil.modules.certificates import facts as certificates_facts
from counterfoil.modules.holdings import queries as holdings
from counterfoil.modules.identities import facts as identities_facts
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties import facts as parties_facts
from counterfoil.modules.trades.interface import TradeTerms
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    LONG_ID_SIZE,
    PAGE_MAX,
    Answer,
    Params,
    View,
    check_id,
    named,
    present,
    reading,
    time_of,
)
from counterfoil.node.receipts_of import (
    AnyFact,
    Found,
    accounts_in,
    found_in,
    identities_in,
    mentions,
    receipts_with,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.subjects import AccountHistory, Business, PartyHistory, ReceiptFor, Register
from counterfoil.primitives.codec import Fact
from counterfoil.state.receipts import ToldResult

HISTORY_LIMIT = 1_000
"""Entries of a page where the asker says nothing else."""
_PARTY_FACTS = tuple(
    kind
    for file in (parties_facts, identities_facts, certificates_facts)
    for kind in vars(file).values()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
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


class Author(msgspec.Struct, frozen=True):
    """A signer of the transaction, and the party it speaks for where the viewer may know it."""

    signer: bytes
    party: bytes


class HistoryEntry(msgspec.Struct, frozen=True):
    """One action. action: the transaction's id, or the own id of what the ledger did by itself.

    messages: kinds of what was asked, where the viewer may know that; authors: who signed, as far as the viewer may
    know: itself, those below it, and what a regulator sees; results: of all messages, to an author alone, since they
    name what was created for others. by_ledger: a deadline or a retry, which nobody signed.
    """

    height: int
    time_ms: int
    action: bytes
    by_ledger: bool
    authors: tuple[Author, ...]
    messages: tuple[str, ...]
    results: tuple[ToldResult, ...]
    facts: tuple[AnyFact, ...]


class History(Answer, frozen=True, kw_only=True):
    """Oldest first. next_height: `first_height` of the page after this one, 0 after the last."""

    entries: tuple[HistoryEntry, ...]
    next_height: int


Choose = Callable[[Found], tuple[Fact, ...]]
"""Which facts of a receipt belong to the history; none where the receipt does not."""


@named("history")
def history(node: LedgerNode, viewer: bytes, params: HistoryOf) -> History:
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
        needle, choose = _what(view, params)
        moment, last = view.moment, view.header.height
    if params.last_height:
        last = min(last, params.last_height)
    entries: list[HistoryEntry] = []
    next_height = 0
    for height, found in _chosen(node, needle, choose, max(1, params.first_height), last):
        if len(entries) >= params.limit:
            next_height = height
            break
        entries += _entries(node, viewer, height, found)
    if params.business and not entries and not params.first_height:
        raise NotVisible
    return History(moment=moment, entries=tuple(entries), next_height=next_height)


def _what(view: View, params: HistoryOf) -> tuple[bytes, Choose]:
    """What to look for in the receipts, and which facts of those that hold it to show."""
    if params.account:
        account_id = check_id(params.account)
        view.require(AccountHistory(account_id))
        account = present(holdings.account(view.state, account_id))
        return account.relationship, _OfAccount(account_id, account.relationship)
    if params.instrument:
        instrument_id = check_id(params.instrument)
        view.require(Register(instrument_id))
        issuer = present(view.wired.instruments.find(instrument_id)).issuer
        return instrument_id, _told_to(issuer, lambda fact: mentions(fact, instrument_id))
    if params.party:
        party = check_id(params.party)
        view.require(PartyHistory(party))
        return party, _told_to(party, lambda fact: isinstance(fact, _PARTY_FACTS) and mentions(fact, party))
    if params.signer:
        signer = check_id(params.signer)
        if signer == PUBLIC:
            raise NotVisible
        view.require(ReceiptFor(signer))
        return signer, lambda found: found.facts if found.receipt.stakeholder == signer else ()
    business = check_id(params.business, LONG_ID_SIZE)
    return business, _OfBusiness(view, business)


class _OfBusiness:
    """Facts that name a piece of business, from every receipt that the viewer may see whole; and all of them where the
    viewer may see everything about that market's business."""

    def __init__(self, view: View, business: bytes) -> None:
        self._business = business
        self._view = view
        self._by_office = False

    def __call__(self, found: Found) -> tuple[Fact, ...]:
        chosen = tuple(fact for fact in found.facts if mentions(fact, self._business))
        if not chosen:
            return ()
        with self._view.node.engine.lock:
            for market in _markets_of(chosen):
                self._by_office = self._by_office or self._view.may_see(Business((), market))
            return chosen if self._by_office or self._view.may_see(found.subject) else ()


def _markets_of(facts: Iterable[Fact]) -> Iterator[str]:
    """Codes of the markets that the facts state: where a trade was made, and where it settles."""
    for fact in facts:
        yield from (market for market in (getattr(fact, "market", ""),) if market)
        terms = getattr(fact, "terms", None)
        if isinstance(terms, TradeTerms):
            yield terms.venue


class _OfAccount:
    """Facts about one account among those told to its relationship, which may be about other accounts as well.

    They are those that state the account, and those that name an object (an instruction, an earmark, a batch) which
    such a fact named, here or earlier, unless they state another account.
    """

    def __init__(self, account_id: bytes, relationship: bytes) -> None:
        self._account = account_id
        self._relationship = relationship
        self._objects: set[bytes] = set()

    def __call__(self, found: Found) -> tuple[Fact, ...]:
        if found.receipt.stakeholder != self._relationship:
            return ()
        for fact in found.facts:
            if _stated_account(fact) == self._account:
                self._objects.update(one for one in identities_in(fact) if len(one) == LONG_ID_SIZE)
        return tuple(fact for fact in found.facts if self._is_mine(fact))

    def _is_mine(self, fact: Fact) -> bool:
        stated = _stated_account(fact)
        if stated:
            return stated == self._account
        return any(one == self._account or one in self._objects for one in identities_in(fact))


def _stated_account(fact: Fact) -> bytes:
    """The one account that a fact is about, b"" where it states none."""
    stated = getattr(fact, "account_id", getattr(fact, "account", b""))
    return stated if isinstance(stated, bytes) else b""


def _told_to(stakeholder: bytes, belongs: Callable[[Fact], bool]) -> Choose:
    """What was told to one stakeholder, or to everybody."""

    def choose(found: Found) -> tuple[Fact, ...]:
        if found.receipt.stakeholder not in (stakeholder, PUBLIC):
            return ()
        return tuple(fact for fact in found.facts if belongs(fact))

    return choose


def _chosen(
    node: LedgerNode, needle: bytes, choose: Choose, first: int, last: int
) -> Iterator[tuple[int, list[tuple[Found, tuple[Fact, ...]]]]]:
    """(height, receipts with the facts chosen of each) of every block that has any."""
    for height, kept, indices in receipts_with(node, needle, first, last):
        found = [found_in(index, kept[index]) for index in indices]
        chosen = [(one, facts) for one in found if (facts := choose(one))]
        if chosen:
            yield height, chosen


# ---- who ----


def _entries(
    node: LedgerNode, viewer: bytes, height: int, chosen: Iterable[tuple[Found, tuple[Fact, ...]]]
) -> list[HistoryEntry]:
    """One entry for each action; what several receipts of an action tell is told once."""
    by_action: dict[bytes, tuple[Found, list[Fact]]] = {}
    for found, facts in chosen:
        _, told = by_action.setdefault(found.receipt.action, (found, []))
        told += [fact for fact in facts if fact not in told]
    bodies = _bodies(node, height)
    time_ms = time_of(node, height)
    entries = []
    for action, (found, told) in by_action.items():
        body = bodies.get(action)
        authors: tuple[Author, ...] = ()
        kinds: tuple[str, ...] = ()
        if body is not None:
            signers, messages = body
            with reading(node, viewer) as view:
                authors = _authors(view, signers, told)
            kinds = messages if authors else ()
        entries.append(
            HistoryEntry(
                height,
                time_ms,
                action,
                body is None,
                authors,
                kinds,
                found.receipt.results if authors else (),
                tuple(told),
            )
        )
    return entries


def _bodies(node: LedgerNode, height: int) -> dict[bytes, tuple[tuple[bytes, ...], tuple[str, ...]]]:
    """(signers, kinds of messages) of each transaction of a block, by its id."""
    logged: LoggedBlock | None = next(node.blocks(height), None)
    found: dict[bytes, tuple[tuple[bytes, ...], tuple[str, ...]]] = {}
    if logged is None or logged.block.height != height:
        return found
    for item in logged.block.items:
        for raw in read_bundle(item)[1].transactions:
            prepared = node.machine.reader.prepare(raw)
            if prepared.body is not None:
                kinds = tuple(type(message).__name__ for message in prepared.body.messages)
                found[prepared.id] = (prepared.body.signers, kinds)
    return found


def _authors(view: View, signers: tuple[bytes, ...], facts: Iterable[Fact]) -> tuple[Author, ...]:
    """The signers that the viewer may know: its own, and those of parties whose history it may see."""
    candidates: dict[bytes, None] = {view.viewer: None} if view.viewer else {}
    for identity in accounts_in(facts):
        candidates[identity] = None
        account = view.wired.holdings.account(identity)
        if account is not None:
            candidates[account.owner] = candidates[account.servicer] = None
    visible = [one for one in candidates if one and view.may_see(PartyHistory(one))]
    authors = []
    for signer in signers:
        party = next((one for one in visible if view.policy.is_its_own(signer, one)), b"")
        if party or view.policy.sees_everything(view.viewer):
            authors.append(Author(signer, party))
    return tuple(authors)
