"""Who signed a transaction: for which party, by itself or by a user of it, as far as a viewer may know."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec

from counterfoil.modules.approvals.messages import ProposeTransaction
from counterfoil.modules.approvals.records import PROPOSALS
from counterfoil.modules.certificates.records import AUTHORITIES
from counterfoil.modules.holdings.interface import Account
from counterfoil.modules.holdings.records import EARMARKS
from counterfoil.modules.instruments.records import INSTRUMENTS
from counterfoil.modules.markets import queries as markets
from counterfoil.modules.parties import queries as parties
from counterfoil.modules.parties.records import MANDATES, PARTIES, Mandate
from counterfoil.modules.settlement.records import BATCHES
from counterfoil.node.reads_base import LONG_ID_SIZE, SHORT_ID_SIZE, View
from counterfoil.node.receipts_of import identities_in
from counterfoil.node.told import ToldBlock
from counterfoil.policy.subjects import AccountContents, PartyHistory, PartyName
from counterfoil.primitives.codec import Fact, Malformed, Message, Record
from counterfoil.state.tables import Table

R = TypeVar("R", bound=Record)
_OWNERS: tuple[tuple[Table[Any], str], ...] = (
    (EARMARKS, "owner"),
    (BATCHES, "party"),
    (AUTHORITIES, "party"),
)
"""Objects that nobody's account is, and the field of their record that says whose they are."""


class Author(msgspec.Struct, frozen=True):
    """Somebody who signed the transaction.

    signer: the address, b"" where the viewer may know the party and not who acts for it. party: b"" where it is not
    known, as of an address that acts for nobody but itself. by_user: a user of the party signed, by its mandate.
    """

    signer: bytes
    party: bytes
    by_user: bool = False


class Signed(NamedTuple):
    """What a transaction was: its signers, and what they asked."""

    signers: tuple[bytes, ...]
    messages: tuple[Message, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(type(message).__name__ for message in self.messages)


class Authors(NamedTuple):
    """found: those whom the viewer may know. in_full: whether it may see the history of one of them, or everything,
    and so what all of them asked."""

    found: tuple[Author, ...]
    in_full: bool


def authors_of(view: View, signed: Signed, facts: Sequence[Fact], block: ToldBlock) -> Authors:
    """Who signed a transaction of a block, of which a viewer was shown these facts.

    A signer is told to whoever may see its party's history, and every signer to whoever sees everything. A party is
    told, without who acts for it, to whoever may know its name and is shown a fact that names it, or sees the account
    that a fact is about, whose owner and servicer it knows.
    """
    finding = _Finding(view, block)
    likely = finding.parties(signed.messages, facts)
    senders = {_sender(message) for message in signed.messages}
    known = finding.known(facts)
    everything = view.policy.sees_everything(view.viewer.party)
    found, in_full = [], everything
    for signer in signed.signers:
        party, by_user = finding.acted(signer, likely, senders)
        if not party:
            party, by_user = finding.acted(signer, finding.behind_objects(signed.messages, facts), senders)
        if not party and everything:
            party, by_user = finding.acted(signer, finding.members, senders)
        if party and view.may_see(PartyHistory(party)):
            in_full = True
            found.append(Author(signer, party, by_user))
        elif everything:
            found.append(Author(signer, party, by_user))
        elif party in known and view.may_see(PartyName(party)):
            found.append(Author(b"", party))
    return Authors(tuple(dict.fromkeys(found)), in_full)


class _Finding:
    """The parties that a transaction and its facts lead to, as of the block. Use with the engine's lock held."""

    def __init__(self, view: View, block: ToldBlock) -> None:
        self._view = view
        self._block = block
        held = view.state.held_from
        self._heights = tuple(dict.fromkeys((max(block.height, held), max(block.height - 1, held))))

    def parties(self, messages: Sequence[Message], facts: Sequence[Fact]) -> tuple[bytes, ...]:
        """Whoever may have acted, the likeliest first: whom the messages name, and those behind what they name."""
        found: dict[bytes, None] = {}
        for one in (*messages, *facts, *self._proposed(*messages, *facts)):
            for identity in _named(one):
                found.update(dict.fromkeys(self._behind(identity)))
            found.update(dict.fromkeys(self._operator(_market(one))))
        for fact in facts:
            for account_id in self._block.objects.accounts(fact):
                found.update(dict.fromkeys(self._behind(account_id)))
        if self._view.viewer.party:
            found[self._view.viewer.party] = None
        return tuple(found)

    def behind_objects(self, messages: Sequence[Message], facts: Sequence[Fact]) -> tuple[bytes, ...]:
        """Whoever owns an object that is named, or runs its market."""
        found: dict[bytes, None] = {}
        for one in (*messages, *facts):
            for identity in identities_in(one):
                if len(identity) != LONG_ID_SIZE:
                    continue
                for table, owner in _OWNERS:
                    record = self._found(table, identity)
                    if record is not None:
                        found[getattr(record, owner)] = None
                found.update(dict.fromkeys(self._operator(self._block.objects.whose(identity).market)))
        return tuple(party for party in found if len(party) == SHORT_ID_SIZE)

    @cached_property
    def members(self) -> tuple[bytes, ...]:
        """All that are not investors only, which are few: for a signer that acted on keys or proposals alone."""
        return tuple(party for _, party in parties.members(self._view.state))

    def known(self, facts: Sequence[Fact]) -> frozenset[bytes]:
        """Parties of which the viewer knows by what it was shown."""
        known: set[bytes] = set()
        for fact in facts:
            known.update(_named(fact))
            for account_id in self._block.objects.accounts(fact):
                account = self._view.wired.holdings.account(account_id)
                if account is not None and self._view.may_see(AccountContents(account_id)):
                    known.update(_holders(account))
        return frozenset(known)

    def acted(self, signer: bytes, among: Sequence[bytes], senders: Collection[bytes]) -> tuple[bytes, bool]:
        """(the party that a signer acted for, whether as its user); (b"", False) where it is none of these.

        Its own signer comes before a user that accepted the mandate. One that did not may have acted for somebody else,
        since anybody can be named as a user, and naming must not open another's letters: it acted for a party that the
        message itself names as its sender, where no other of them named it.
        """
        for party_id in among:
            party = self._found(PARTIES, party_id)
            if party is not None and party.signer == signer:
                return party_id, False
        mandates = {party_id: self._mandate(party_id + signer) for party_id in among}
        for party_id, mandate in mandates.items():
            if mandate is not None and mandate.accepted:
                return party_id, True
        named = [party_id for party_id, mandate in mandates.items() if mandate is not None]
        if len(named) == 1 and named[0] in senders:
            return named[0], True
        return b"", False

    def _mandate(self, key: bytes) -> Mandate | None:
        """In force at the block's time."""
        found = self._found(MANDATES, key)
        if found is None or not found.valid_from_ms <= self._block.time_ms:
            return None
        return None if 0 < found.valid_until_ms <= self._block.time_ms else found

    def _found(self, table: Table[R], key: bytes) -> R | None:
        """As of the end of the block, or of the one before where it ended in it."""
        rows = (self._view.state.find_at(table, key, height) for height in self._heights)
        return next((row for row in rows if row is not None), None)

    def _behind(self, identity: bytes) -> Iterator[bytes]:
        """An identity of 20 bytes itself, and the parties of the account or the instrument that it may be."""
        yield identity
        account = self._view.wired.holdings.account(identity)
        if account is not None:
            yield from _holders(account)
        instrument = self._found(INSTRUMENTS, identity)
        if instrument is not None:
            yield from (instrument.registrar, instrument.issuer)

    def _operator(self, market: str) -> Iterator[bytes]:
        for height in self._heights if market else ():
            found = markets.market(self._view.state, market, height)
            if found is not None:
                yield found.operator

    def _proposed(self, *said: msgspec.Struct) -> Iterator[Message]:
        """What a transaction that waits for signatures would ask, for messages and facts about it."""
        for one in said:
            if isinstance(one, ProposeTransaction):
                content = one.content
            else:
                proposal_id = getattr(one, "proposal_id", b"")
                found = self._found(PROPOSALS, proposal_id) if len(proposal_id) == LONG_ID_SIZE else None
                content = found.content if found is not None else b""
            if content:
                with suppress(Malformed):
                    yield from self._view.node.machine.reader.proposal(content)[1]


def _holders(account: Account) -> tuple[bytes, ...]:
    return (account.owner, account.servicer, *account.joint_holders)


def _named(one: msgspec.Struct) -> tuple[bytes, ...]:
    return tuple(identity for identity in identities_in(one) if len(identity) == SHORT_ID_SIZE)


def _sender(message: Message) -> bytes:
    """The first identity of a message, which is who sends it where that is a party."""
    fields = (getattr(message, name) for name in message.__struct_fields__)
    return next((one for one in fields if isinstance(one, bytes) and len(one) == SHORT_ID_SIZE), b"")


def _market(one: msgspec.Struct) -> str:
    """The code of the market that a message or a fact is about, "" where it names none."""
    said = getattr(one, "market", "") or getattr(getattr(one, "rulebook", None), "market", "")
    return said if isinstance(said, str) else ""
