"""Every fact that ledgers told, in a day with every message and in games by chance, against its row: it was told to
those whom the row names, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import pytest

from counterfoil.machine.wiring import MODULES
from counterfoil.modules.approvals.messages import ApproveTransaction
from counterfoil.modules.consortium import queries as consortium
from counterfoil.modules.feeds.messages import Observe
from counterfoil.modules.grants.records import Purpose
from counterfoil.modules.holdings.records import ACCOUNTS, RELATIONSHIPS, PostingReason, relationship_of
from counterfoil.modules.instruments.records import INSTRUMENTS
from counterfoil.modules.markets.messages import CloseDay, OpenDay
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.records import PARTIES
from counterfoil.modules.trades.records import TradeStatus
from counterfoil.node.key_epochs import confirmation
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.receipts_of import found_in, receipts_of_block
from counterfoil.node.service import Service
from counterfoil.primitives.codec import Fact
from tests.model.desk import by, party
from tests.model.moves_keys import NODE, next_epoch
from tests.model.opening import DAY_MS, Opening, papers
from tests.model.playing import Play
from tests.unit.node.cast import Cast
from tests.unit.policy.facts_matrix import TOLD
from tests.vectors.golden_market import market_day

NEVER = {"RulesUpgraded"}
"""This program knows one rule version; what tells of another is tested beside its rule."""
WEEKS = 14
FACTS = {kind.__name__ for module in MODULES for kind in module.facts}


class Reader:
    """Reads a ledger's receipts from the beginning and remembers whose everything is, by what was told before."""

    def __init__(self, node: LedgerNode) -> None:
        self.node = node
        self.known: dict[bytes, Any] = {}
        self.members: dict[bytes, None] = dict.fromkeys(
            party for party, _ in consortium.members(node.state, node.machine.founding_height)
        )
        self.orders: dict[tuple[bytes, bytes], bytes] = {}
        self.action: list[Fact] = []
        self.told_apart: set[bytes] = set()
        self.messages: list[Any] = []

    def told(self) -> Iterator[tuple[Fact, set[bytes], set[bytes]]]:
        """(fact, to whom it was told, to whom it should have been) of every fact of every action."""
        for height in range(1, self.node.height + 1):
            asked = self.messages_of(height)
            actions: dict[bytes, dict[tuple[str, bytes], tuple[Fact, set[bytes]]]] = {}
            for index, kept in enumerate(receipts_of_block(self.node, height)):
                found = found_in(index, kept)
                facts = actions.setdefault(found.receipt.action, {})
                for fact in found.facts:
                    key = (type(fact).__name__, identity_of(fact))
                    facts.setdefault(key, (fact, set()))[1].add(found.receipt.stakeholder)
            for action, facts in actions.items():
                self.action = [fact for fact, _ in facts.values()]
                self.messages = asked.get(action, [])
                for fact in self.action:
                    self.remember(fact)
                for fact, stakeholders in facts.values():
                    yield fact, stakeholders, self.expected(fact)
                for fact in self.action:
                    if type(fact).__name__ == "WeightSet":
                        set_member(self.members, fact)

    def messages_of(self, height: int) -> dict[bytes, list[Any]]:
        """What each transaction of a block asked, and what it approved."""
        logged = next(self.node.blocks(height))
        found: dict[bytes, list[Any]] = {}
        for item in logged.block.bundles if logged.block.height == height else ():
            for raw in self.node.machine.bundles.read_again(item):
                prepared = self.node.machine.reader.prepare(raw)
                if prepared.body is None:
                    continue
                messages = list(prepared.body.messages)
                for message in prepared.body.messages:
                    if type(message).__name__ == "ProposeTransaction":
                        messages += self.content(message.content)
                        self.known[message.content] = message.content
                    if type(message).__name__ == "ProposeMotion":
                        messages += self.moved(message.content)
                    if isinstance(message, ApproveTransaction):
                        messages += self.content(self.known.get(message.proposal_id, b""))
                found[prepared.id] = messages
        return found

    def content(self, content: bytes) -> list[Any]:
        try:
            return list(self.node.machine.reader.proposal(content)[1])
        except ValueError:
            return []

    def moved(self, content: bytes) -> list[Any]:
        try:
            return list(self.node.machine.reader.motion(content))
        except ValueError:
            return []

    def remember(self, fact: Fact) -> None:
        name = type(fact).__name__
        for field in ("instruction_id", "earmark_id", "trade_id", "batch_id", "grant_id", "proposal_id"):
            if name in FIRST and hasattr(fact, field):
                self.known[getattr(fact, field)] = fact
        if name == "AccountHeldJointly":
            self.told_apart.add(getattr(fact, "account_id", b""))
        if name == "ViewKeyGranted":
            self.known[b"view" + fact.node + fact.grantee] = fact
        if name == "RedemptionRequested":
            self.known[fact.redemption_id] = fact
        if name == "ProposalEntered":
            proposals = (content for content in list(self.known.values()) if isinstance(content, bytes))
            for content in proposals:
                if self.digest(content) == fact.content_digest:
                    self.known[fact.proposal_id] = content
            self.known[b"signers" + fact.proposal_id] = fact.signers
        if name == "RecoveryNamed":
            self.known[b"recovery" + fact.address] = fact.recovery
        if name == "IdentityAttested":
            self.known[fact.agent + fact.handle] = fact.registrar
        if name == "VerificationRecorded":
            self.known[b"verifier" + fact.party] = fact.agent
        if name == "AuthorityNamed":
            self.known[b"authority" + fact.authority] = fact.party
        if name == "CertificateRecorded":
            self.known[fact.fingerprint] = fact
        if name in ("InstrumentAnnounced", "RegistrarAppointed"):
            self.known[b"registrar" + fact.instrument_id] = fact.registrar
        if name in ("MarketOpened", "MarketHandedOver"):
            self.known[b"operator" + fact.market.encode()] = fact.operator
        if name == "AccountFrozen":
            self.orders[fact.account_id, fact.order_hash] = fact.authority

    @staticmethod
    def digest(content: bytes) -> bytes:
        return sha256(content).digest()

    # ---- what the words stand for ----

    def expected(self, fact: Fact) -> set[bytes]:
        found: set[bytes] = set()
        for word in TOLD[type(fact).__name__].split():
            resolve: Callable[[Any], set[bytes]] | None = getattr(self, "of_" + word.replace("-", "_"), None)
            found |= resolve(fact) if resolve is not None else {getattr(fact, word)}
        return found - {b""}

    def relationship(self, account: bytes) -> bytes:
        record = self.node.state.find(ACCOUNTS, account)
        return relationship_of(record.servicer, record.owner, account if account in self.told_apart else b"")

    def of_everybody(self, fact: Any) -> set[bytes]:
        return {PUBLIC}

    def of_account(self, fact: Any) -> set[bytes]:
        account = next(
            getattr(fact, name) for name in ("account_id", "account", "source_account") if hasattr(fact, name)
        )
        return {self.relationship(account)}

    def of_account_before(self, fact: Any) -> set[bytes]:
        moved = any(
            type(one).__name__ == "AccountHeldJointly" and getattr(one, "account_id", b"") == fact.account_id
            for one in self.action
        )
        record = self.node.state.find(ACCOUNTS, fact.account_id)
        assert record is not None
        return {relationship_of(record.servicer, record.owner)} if moved else set()

    def of_instruction(self, fact: Any) -> set[bytes]:
        return {self.relationship(self.known[fact.instruction_id].account)}

    def of_earmark(self, fact: Any) -> set[bytes]:
        return {self.relationship(self.known[fact.earmark_id].account_id)}

    def of_redemption(self, fact: Any) -> set[bytes]:
        return {self.relationship(self.known[fact.redemption_id].account_id)}

    def of_owner(self, fact: Any) -> set[bytes]:
        owner: bytes = self.known[fact.earmark_id].owner
        return {owner} if len(owner) == 20 else set()

    def instrument(self, fact: Any) -> Any:
        about = fact if hasattr(fact, "instrument_id") else None
        if about is None:
            about = self.known[fact.earmark_id if hasattr(fact, "earmark_id") else fact.redemption_id]
        return self.node.state.find(INSTRUMENTS, about.instrument_id)

    def of_issuer(self, fact: Any) -> set[bytes]:
        return {self.instrument(fact).issuer}

    def of_registrar(self, fact: Any) -> set[bytes]:
        """Who keeps the register at that time."""
        present = self.known.get(b"registrar" + fact.instrument_id)
        return {present if present is not None else self.instrument(fact).registrar}

    def of_members(self, fact: Any) -> set[bytes]:
        """At this point of the action: who joins or leaves by it does so with its own fact."""
        members = dict(self.members)
        for told in self.action[: self.action.index(fact)]:
            if type(told).__name__ == "WeightSet":
                set_member(members, told)
        return set(members)

    def of_approvers(self, fact: Any) -> set[bytes]:
        return set(fact.approvers)

    def of_above(self, fact: Any) -> set[bytes]:
        return {self.node.state.find(PARTIES, fact.party).parent}

    def of_placer(self, fact: Any) -> set[bytes]:
        return {self.orders[fact.account_id, fact.order_hash]}

    def of_signers(self, fact: Any) -> set[bytes]:
        return set(self.known[b"signers" + fact.proposal_id])

    def of_recoverers(self, fact: Any) -> set[bytes]:
        return set(self.known[b"recovery" + fact.address])

    def of_key(self, fact: Any) -> set[bytes]:
        return {fact.entry.key}

    def of_attester(self, fact: Any) -> set[bytes]:
        return {getattr(fact, "registrar", None) or self.known[fact.agent + fact.handle]}

    def of_verifier(self, fact: Any) -> set[bytes]:
        return {self.known[b"verifier" + fact.party]}

    def of_certified(self, fact: Any) -> set[bytes]:
        recorded = self.known[fact.fingerprint]
        public = {PUBLIC} if recorded.purpose.name == "NODE" else set()
        return {recorded.party, self.known[b"authority" + recorded.authority], *public}

    def of_asker(self, fact: Any) -> set[bytes]:
        """The authority that a message names, else its party."""
        by_authority = {message.authority for message in self.messages if hasattr(message, "authority")}
        return by_authority or {message.party for message in self.messages if hasattr(message, "party")}

    def of_sides(self, fact: Any) -> set[bytes]:
        terms = self.known[fact.trade_id].terms
        if not hasattr(fact, "terms") or terms.seller == terms.buyer:
            return {terms.seller, terms.buyer}
        seller, buyer = self.clients(fact)
        shown = (fact.terms.seller_client, fact.terms.buyer_client)
        of_seller = {terms.seller} if shown == (seller, b"") else set()
        return of_seller | ({terms.buyer} if shown == (b"", buyer) else set())

    def of_venue(self, fact: Any) -> set[bytes]:
        recorded = self.known[fact.trade_id]
        operator = self.known.get(b"operator" + recorded.terms.venue.encode(), b"")
        if recorded.status is not TradeStatus.EXCHANGE_SIGNED:
            return set()
        if operator in (recorded.terms.seller, recorded.terms.buyer):
            return set()
        if hasattr(fact, "terms") and self.clients(fact) != (
            fact.terms.seller_client,
            fact.terms.buyer_client,
        ):
            return set()
        return {operator}

    def clients(self, fact: Any) -> tuple[bytes, bytes]:
        """The clients of both sides, by all that the action told of the trade."""
        told = [one.terms for one in self.action if type(one) is type(fact) and one.trade_id == fact.trade_id]
        seller = max(terms.seller_client for terms in told)
        return seller, max(terms.buyer_client for terms in told)

    def of_opener(self, fact: Any) -> set[bytes]:
        return {self.known[fact.batch_id].party}

    def postings(self, chosen: Callable[[Any], bool]) -> set[bytes]:
        found = (fact for fact in self.action if type(fact).__name__ == "Posting")
        return {self.relationship(fact.account_id) for fact in found if chosen(fact)}

    def of_accounts(self, fact: Any) -> set[bytes]:
        return self.postings(lambda posting: posting.reference == fact.batch_id)

    def of_both_accounts(self, fact: Any) -> set[bytes]:
        if type(fact).__name__ == "TransferredByOrder":
            return self.postings(
                lambda posting: (
                    posting.reason is PostingReason.FORCED_TRANSFER and posting.reference == fact.order_hash
                )
            )
        for message in [getattr(message, "both", message) for message in self.messages]:
            if type(message).__name__ == "InstructBoth" and message.trade.trade_reference == (
                fact.terms.trade_reference
            ):
                seller, buyer = message.trade.seller_client, message.trade.buyer_client
                shown = (fact.terms.seller_client, fact.terms.buyer_client)
                one_party = message.trade.seller == message.trade.buyer
                told: set[bytes] = set()
                if one_party or shown == (seller, b""):
                    told.add(self.relationship(message.delivery.account))
                if one_party or shown == (b"", buyer):
                    told.add(self.relationship(message.receipt.account))
                return told
        raise AssertionError("a delivery that nobody instructed")

    def of_note_receiver(self, fact: Any) -> set[bytes]:
        """Of two instructions in one message, which of them come and go in the block, by the note itself."""
        for message in self.messages:
            if fact.note == getattr(message, "to_receiver", b""):
                return {self.relationship(message.both.receipt.account)}
            if fact.note == getattr(message, "to_deliverer", b""):
                return {self.relationship(message.both.delivery.account)}
        return self.of_instruction(fact)

    def of_holders(self, fact: Any) -> set[bytes]:
        return {
            one.holder
            for message in self.messages
            if hasattr(message, "wrappings")
            for one in message.wrappings
        }

    def of_tree_above(self, fact: Any) -> set[bytes]:
        party = self.node.state.find(PARTIES, fact.node)
        if party is not None:
            return {party.parent}
        relationship = self.node.state.find(RELATIONSHIPS, fact.node)
        return {relationship.servicer} if relationship is not None else set()

    def of_view_granter(self, fact: Any) -> set[bytes]:
        return {self.known[b"view" + fact.node + fact.grantee].by}

    def of_shown_node(self, fact: Any) -> set[bytes]:
        granted = self.known[b"view" + fact.node + fact.grantee]
        return set() if granted.purpose is Purpose.INVESTIGATION else {fact.node}

    def of_grantor(self, fact: Any) -> set[bytes]:
        return {self.known[fact.grant_id].grantor}

    def of_grantee(self, fact: Any) -> set[bytes]:
        return {fact.grantee if hasattr(fact, "grantee") else self.known[fact.grant_id].grantee}

    def of_concerned(self, fact: Any) -> set[bytes]:
        grant = self.known[fact.grant_id]
        if grant.purpose.name == "INVESTIGATION":
            return set()
        if grant.scope.name == "PARTY":
            return {grant.shown}
        if grant.scope.name == "ACCOUNT":
            record = self.node.state.find(ACCOUNTS, grant.shown)
            return {record.owner, record.servicer, *record.joint_holders}
        if grant.scope.name == "REGISTER":
            instrument = self.node.state.find(INSTRUMENTS, grant.shown)
            return {instrument.issuer, instrument.registrar}
        market = self.node.machine.wired.markets.find(grant.shown.decode())
        assert market is not None
        return {market.operator}


def set_member(members: dict[bytes, None], fact: Any) -> None:
    """A weight of −1 ends a membership."""
    if fact.weight < 0:
        members.pop(fact.party, None)
    else:
        members[fact.party] = None


FIRST = {"InstructionAccepted", "EarmarkPlaced", "TradeRecorded", "BatchOpened", "ViewGranted"}
"""Facts that say whose an object is, when it comes to be."""


def identity_of(fact: Fact) -> bytes:
    """What tells one fact of its kind from another in one action, whoever it is told to."""
    return repr(fact).encode()


def market() -> LedgerNode:
    return market_day()[0].node


def weeks_later() -> LedgerNode:
    """What nobody did anything about in the weeks after a market was opened.

    First its view keys were changed, and a rate was mistyped by three.
    """
    desk = Opening().everything().desk
    desk.send(next_epoch(desk, papers("root"), party("regulator")), *by("regulator"))
    confirmed = confirmation(desk.machine)
    assert confirmed is not None
    desk.send(confirmed, NODE)
    service, day = Service(desk.node), date(2024, 1, 2)
    for value in (9_200, 92_000):
        service.advance_clock(desk.time_ms + 5_000)
        desk.settle_down()
        for name in ("exchange", "depository", "regulator"):
            desk.send(Observe(party(name), "USD/EUR", value, desk.time_ms), *by(name))
    for _ in range(WEEKS * 7):
        desk.send(CloseDay("XTST", date_number(day)), *by("depository"))
        day += timedelta(1)
        service.advance_clock(desk.time_ms + DAY_MS)
        desk.send(OpenDay("XTST", date_number(day)), *by("depository"))
        desk.settle_down()
    return desk.node


def date_number(day: date) -> int:
    return int(day.strftime("%Y%m%d"))


def game(number: int) -> LedgerNode:
    play = Play()
    for step in range(150):
        play.step(f"told/{number}/{step}")
    play.finish()
    return play.twin.node


LEDGERS: dict[str, Callable[[], LedgerNode]] = {
    "the market day": market,
    "weeks later": weeks_later,
    "the cast": lambda: Cast().node,
    **{f"game {number}": lambda number=number: game(number) for number in range(8)},
}


@cache
def read(name: str) -> dict[str, int]:
    """How often each kind of fact was told on a ledger, every one of them as its row says."""
    counts: dict[str, int] = {}
    for fact, told, expected in Reader(LEDGERS[name]()).told():
        kind = type(fact).__name__
        assert told == expected, (
            f"{kind} was told to {hexes(told - expected)} who should not know, and not to"
            f" {hexes(expected - told)}: {fact}"
        )
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def hexes(identities: set[bytes]) -> list[str]:
    return sorted(identity.hex() for identity in identities)


def test_every_fact_has_a_row_and_every_row_a_fact() -> None:
    assert set(TOLD) == FACTS


@pytest.mark.parametrize("name", LEDGERS)
def test_facts_are_told_to_whom_the_rows_name(name: str) -> None:
    assert sum(read(name).values()) > 50


def test_every_fact_was_told() -> None:
    told = {kind for name in LEDGERS for kind in read(name)}
    assert told == FACTS - NEVER
