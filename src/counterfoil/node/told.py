"""What one block told: its receipts taken apart once, and whose business each fact is, for who may see only some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from counterfoil.modules.cash import queries as cash
from counterfoil.modules.holdings.facts import EarmarkReduced
from counterfoil.modules.holdings.records import EARMARKS, relationships_of
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.settlement import queries as settlement
from counterfoil.modules.settlement.facts import InstructionSettled
from counterfoil.modules.trades import queries as trades
from counterfoil.modules.trades.facts import TradeCancelled, TradeLapsed, TradeSettled
from counterfoil.modules.trades.interface import TradeTerms
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.receipts_of import Found, found_in, identities_in
from counterfoil.policy.subjects import ReceiptFor
from counterfoil.primitives.codec import Fact
from counterfoil.state.receipts import KeptReceipt

_ACCOUNT_SIZE, _OBJECT_SIZE = 20, 32
_OWN = (
    *("instruction_id", "trade_id", "delivery_id", "receipt_id", "batch_id"),
    *("earmark_id", "redemption_id"),
)
"""Fields of facts that say what object they are about."""
_BUSINESS = ("counterfoil.modules.trades.", "counterfoil.modules.settlement.")


class Measured(msgspec.Struct, frozen=True):
    """In what the amounts of facts about an object count that name the object alone.

    object_id: an instruction, a trade or an earmark (32 bytes). instrument_id: of its quantities. asset: of its money,
    b"" where it has none.
    """

    object_id: bytes
    instrument_id: bytes
    asset: bytes = b""


class Whose(NamedTuple):
    """What an object (an instruction, a trade, an earmark, a redemption) belongs to. account: b"" where it has none;
    market: "" likewise. instrument, asset: what its amounts count, as far as that is known."""

    account: bytes = b""
    market: str = ""
    instrument: bytes = b""
    asset: bytes = b""


_NOBODYS = Whose()

MEASURED_BY_THEIR_OBJECT: tuple[type[Fact], ...] = (
    *(EarmarkReduced, InstructionSettled),
    *(TradeCancelled, TradeLapsed, TradeSettled),
)
"""Facts with amounts that do not say of which instrument: their object does."""


class Objects:
    """Whose the objects are that the facts of one block name: by what its facts state, else by the state around it.

    Ask with the engine's lock held.
    """

    def __init__(self, node: LedgerNode, height: int, facts: Iterable[Fact] = ()) -> None:
        self._node = node
        self._height = height
        self._known: dict[bytes, Whose] = {}
        for fact in facts:
            account, market = stated_account(fact), stated_market(fact)
            if account or market:
                instrument, asset = stated_instrument(fact)
                for identity in own_objects(fact):
                    before = self._known.get(identity, _NOBODYS)
                    self._known[identity] = Whose(
                        account or before.account,
                        market or before.market,
                        instrument or before.instrument,
                        asset or before.asset,
                    )

    def whose(self, identity: bytes) -> Whose:
        found = self._known.get(identity)
        if found is None or not (found.account or found.market):
            found = self._known[identity] = self._looked_up(identity)
        return found

    def measured(self, facts: Iterable[Fact]) -> tuple[Measured, ...]:
        """What the amounts of facts count that do not say so themselves, each object once.

        Whoever may see such a fact may know it: it is the unit of a number that the fact shows.
        """
        found: dict[bytes, Measured] = {}
        for fact in facts:
            if not isinstance(fact, MEASURED_BY_THEIR_OBJECT):
                continue
            for identity in own_objects(fact):
                whose = self.whose(identity)
                if whose.instrument:
                    found[identity] = Measured(identity, whose.instrument, whose.asset)
        return tuple(found.values())

    def accounts(self, fact: Fact) -> tuple[bytes, ...]:
        """The account that a fact states; where it states none, those of the objects that it is about."""
        stated = stated_account(fact)
        if stated:
            return (stated,)
        found = (self.whose(identity).account for identity in own_objects(fact))
        return tuple(dict.fromkeys(account for account in found if account))

    def markets(self, fact: Fact) -> tuple[str, ...]:
        """The same for markets."""
        stated = stated_market(fact)
        if stated:
            return (stated,)
        found = (self.whose(identity).market for identity in own_objects(fact))
        return tuple(dict.fromkeys(market for market in found if market))

    def subject(self, found: Iterable[Found], stakeholder: bytes) -> ReceiptFor:
        """What a stakeholder was told in some receipts; with an account of the relationship, where it is one."""
        if stakeholder == PUBLIC or self._node.machine.wired.parties.find(stakeholder) is not None:
            return ReceiptFor(stakeholder)
        for identity in self._identities(found):
            account = self._node.machine.wired.holdings.account(identity)
            if account is not None and stakeholder in relationships_of(identity, account):
                return ReceiptFor(stakeholder, (identity,))
        return ReceiptFor(stakeholder)

    def _identities(self, found: Iterable[Found]) -> Iterator[bytes]:
        """Whatever may be an account, in what the facts name and in what lies behind that."""
        for one in found:
            for fact in one.facts:
                yield from (identity for identity in identities_in(fact) if len(identity) == _ACCOUNT_SIZE)
                yield from self.accounts(fact)

    def _looked_up(self, identity: bytes) -> Whose:
        """As of the end of the block, or of the one before where the object ended in it."""
        state = self._node.state
        for height in (self._height, self._height - 1):
            if height < state.held_from:
                break
            instruction = settlement.instruction(state, identity, height)
            if instruction is not None:
                whose = instruction.account, instruction.market
                return Whose(*whose, instruction.instrument_id, instruction.asset)
            trade = trades.trade(state, identity, height)
            if trade is not None:
                terms = trade.terms
                return Whose(market=terms.venue, instrument=terms.instrument_id, asset=terms.asset)
            earmark = state.find_at(EARMARKS, identity, height)
            if earmark is not None:
                return Whose(earmark.account_id, instrument=earmark.instrument_id)
            redemption = cash.redemption(state, identity, height)
            if redemption is not None:
                return Whose(redemption.account_id)
            batch = settlement.batch(state, identity, height)
            if batch is not None:
                return Whose(market=batch.market)
        return _NOBODYS


class ToldBlock:
    """A block's receipts, or some of them, for as many readers as there are. Ask with the engine's lock held.

    facts: how many there are in all.
    """

    def __init__(self, node: LedgerNode, height: int, time_ms: int, kept: Sequence[KeptReceipt]) -> None:
        self.height = height
        self.time_ms = time_ms
        self.found = tuple(found_in(index, one) for index, one in enumerate(kept))
        self.facts = sum(len(found.facts) for found in self.found)
        self.objects = Objects(node, height, (fact for found in self.found for fact in found.facts))
        self._subjects: dict[bytes, ReceiptFor] = {}
        self._told: dict[bytes, list[Found]] = {}
        self._beside: dict[int, dict[bytes, dict[bytes, None]]] = {}
        for found in self.found:
            self._told.setdefault(found.receipt.stakeholder, []).append(found)

    def told_to(self, stakeholder: bytes) -> ReceiptFor:
        """All that a stakeholder was told in this block, as one subject."""
        subject = self._subjects.get(stakeholder)
        if subject is None:
            subject = self.objects.subject(self._told.get(stakeholder, ()), stakeholder)
            self._subjects[stakeholder] = subject
        return subject

    def accounts(self, found: Found, fact: Fact) -> tuple[bytes, ...]:
        """Which accounts a fact of a receipt is about. One that states no account, and whose object is nobody's any
        more, is about those that other facts of the receipt name with its objects."""
        accounts = self.objects.accounts(fact)
        if accounts:
            return accounts
        beside = self._beside.get(found.place)
        if beside is None:
            beside = self._beside[found.place] = {}
            for other in found.facts:
                account = stated_account(other)
                for identity in objects_in(other) if account else ():
                    beside.setdefault(identity, {})[account] = None
        named = (account for identity in sorted(objects_in(fact)) for account in beside.get(identity, ()))
        return tuple(dict.fromkeys(named))


def stated_account(fact: Fact) -> bytes:
    """The one account that a fact is about, b"" where it states none."""
    stated = getattr(fact, "account_id", getattr(fact, "account", b""))
    return stated if isinstance(stated, bytes) else b""


def stated_market(fact: Fact) -> str:
    """The market where a fact says that something settles, or was traded; "" where it says neither."""
    market = getattr(fact, "market", "")
    if isinstance(market, str) and market:
        return market
    terms = getattr(fact, "terms", None)
    return terms.venue if isinstance(terms, TradeTerms) else ""


def stated_instrument(fact: Fact) -> tuple[bytes, bytes]:
    """(instrument, settlement asset) that a fact says its amounts count; b"" for what it does not say."""
    terms = getattr(fact, "terms", None)
    said = terms if isinstance(terms, TradeTerms) else fact
    return getattr(said, "instrument_id", b""), getattr(said, "asset", b"")


def objects_in(fact: Fact) -> frozenset[bytes]:
    """Every object that a fact names: its own, a counterpart, a reference."""
    return frozenset(one for one in identities_in(fact) if len(one) == _OBJECT_SIZE)


def own_objects(fact: Fact) -> tuple[bytes, ...]:
    """The objects that a fact is about, and none that it only refers to."""
    return tuple(getattr(fact, name) for name in _OWN if hasattr(fact, name))


def is_business(fact: Fact) -> bool:
    """Whether a fact is of a trade or its settlement, which a market's operator may see; what accounts hold is not."""
    return type(fact).__module__.startswith(_BUSINESS)
