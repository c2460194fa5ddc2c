"""Reads as methods of a client. Whatever names something takes its identity, or its name as people write it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeVar

import msgspec

from counterfoil.modules.holdings.records import relationship_of
from counterfoil.node import reads
from counterfoil.node.protocol import Answered
from counterfoil.node.reads_accounts import (
    REGISTER_PAGE_MAX,
    AccountLine,
    AccountOf,
    AccountsOf,
    HoldingsOfAccount,
    RegisterLine,
    RegisterOf,
    RegisterPage,
)
from counterfoil.node.reads_base import AsOf, Params, Read
from counterfoil.node.reads_business import (
    InstructionLine,
    InstructionOf,
    OpenBusiness,
    PendingOf,
    ProposalLine,
    TradeLine,
    TradeOf,
)
from counterfoil.node.reads_certificates import (
    AuthorityLine,
    CertificateLine,
    CertificatesPage,
    FingerprintOf,
)
from counterfoil.node.reads_consortium import (
    ConsortiumAnswer,
    FeedLine,
    MotionLine,
    ValidatorList,
    ValidatorsOf,
)
from counterfoil.node.reads_custody import SignerOf, SignerRecord, TrailOf, TrailRecord
from counterfoil.node.reads_grants import GrantLine, GrantsOf, KeyGrantLine
from counterfoil.node.reads_history import HistoryEntry, HistoryOf
from counterfoil.node.reads_keys import KeyEpochs, OpeningKeyOf, Since
from counterfoil.node.reads_ledger import NameOf, Nothing, Persona, SealedHeader, TransactionOf
from counterfoil.node.reads_log import LOG_PAGE_MAX, ReadLogOf, ReadLogPage
from counterfoil.node.reads_market import (
    InstrumentDetails,
    InstrumentLine,
    InstrumentOf,
    InstrumentsPage,
    MarketLine,
)
from counterfoil.node.reads_names import (
    ClientLine,
    IdentitiesOf,
    IdentityOf,
    IdentityRecord,
    LinkLine,
    PersonOf,
    Regime,
)
from counterfoil.node.reads_parties import PartiesPage, PartyLine, PartyOf, PartyRecord
from counterfoil.node.reads_proofs import ProofOf
from counterfoil.node.reads_sealed import Blocks, SealedBlockReceipts
from counterfoil.node.reads_statement import Statement, StatementOf
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.primitives.addresses import AddressKind, from_text
from counterfoil.sdk.draft import Draft
from counterfoil.sdk.errors import error_for
from counterfoil.sealing.handing import open_view_keys
from counterfoil.sealing.opening_keys import Opener
from counterfoil.sealing.view_keys import HandedKey

P = TypeVar("P", bound=Params)
A = TypeVar("A", bound=msgspec.Struct)

At = str | int | date | datetime
"""A moment: "" for now, a height, an instant with its zone, or a business date."""
Id = bytes | str
"""An identity, or its text: an address, an ISIN, a member's public name."""


class Reading(ABC):
    """What a client can read. `ask` is all that it stands on."""

    @abstractmethod
    def ask(self, read: Read[P, A], params: P) -> A:
        """Any named read, with its own parameters."""

    # ---- names ----

    def find(self, text: str, kind: str) -> bytes:
        """The identity that a text stands for, which must be of that kind ("party", "account", "instrument")."""
        found = self.ask(reads.find, NameOf(text=text))
        if found.kind != kind:
            raise error_for(
                Refused(NodeRefusal.NAME_IS_UNKNOWN, name=text, kind=kind, found=found.kind).problem
            )
        return found.identity

    def party_id(self, party: Id) -> bytes:
        return party if isinstance(party, bytes) else self.find(party, "party")

    def account_id(self, account: Id) -> bytes:
        """An account by its address, or by the name of a member who owns one open account that may be seen."""
        if isinstance(account, bytes):
            return account
        found = self.ask(reads.find, NameOf(text=account))
        if found.kind == "party":
            owned = [line.account_id for line in self.accounts(owner=found.identity) if line.status == "OPEN"]
            if len(owned) == 1:
                return owned[0]
        elif found.kind == "account":
            return found.identity
        raise error_for(
            Refused(NodeRefusal.NAME_IS_UNKNOWN, name=account, kind="account", found=found.kind).problem
        )

    def instrument_id(self, instrument: Id) -> bytes:
        return instrument if isinstance(instrument, bytes) else self.find(instrument, "instrument")

    # ---- the ledger ----

    def header(self, at: At = "", market: str = "") -> SealedHeader:
        return self.ask(reads.header, AsOf(at=at_text(at), market=market))

    def result(self, draft: Draft | bytes) -> Answered | None:
        """The first authorised result of a transaction, however long ago: a draft, or the bytes that were sent."""
        transaction = draft if isinstance(draft, bytes) else draft.transaction
        return self.ask(reads.result, TransactionOf(transaction=transaction)).result

    def personas(self) -> tuple[Persona, ...]:
        """Of a sandbox."""
        return self.ask(reads.personas, Nothing()).personas

    def proof(
        self,
        kind: str,
        *,
        account: Id = b"",
        instrument: Id = b"",
        business: bytes = b"",
        name: str = "",
        at: At = "",
        market: str = "",
    ) -> bytes:
        """The bytes of a proof file; see `ProofOf` for the kinds."""
        params = ProofOf(
            kind=kind,
            account=self.account_id(account),
            instrument=self.instrument_id(instrument),
            business=business,
            name=name,
            at=at_text(at),
            market=market,
        )
        return self.ask(reads.proof, params).file

    # ---- what is sealed ----

    def key_epochs(self) -> KeyEpochs:
        """The ledger's key epochs, who holds their roots, and whose word is missing."""
        return self.ask(reads.key_epochs, Nothing())

    def view_keys(self, key: Opener, since: int = 0) -> tuple[HandedKey, ...]:
        """The party's view keys for blocks from `since` on. key: the one whose public half the party has recorded.

        ValueError where it is another.
        """
        answer = self.ask(reads.view_keys, Since(since=since))
        opened = open_view_keys(key, answer.moment.chain_id, answer.party, answer.sealed)
        if opened is None:
            raise ValueError("the view keys are sealed to another opening key than this one")
        return opened

    def opening_key(self, party: Id) -> bytes:
        """The public key that a party has recorded: what notes for it are sealed to."""
        return self.ask(reads.opening_key, OpeningKeyOf(party=self.party_id(party))).opening_key

    def sealed_receipts(self, first: int = 1, last: int = 0) -> Iterator[SealedBlockReceipts]:
        """All sealed receipts, block by block; see `sdk.own_receipts` for checking and opening them."""
        while first:
            page = self.ask(reads.sealed_receipts, Blocks(first=first, last=last))
            yield from page.blocks
            first = page.next

    # ---- public facts ----

    def markets(self, at: At = "") -> tuple[MarketLine, ...]:
        return self.ask(reads.list_markets, AsOf(at=at_text(at))).markets

    def market(self, market: str, at: At = "") -> MarketLine:
        """One market, by its code."""
        for line in self.markets(at):
            if line.market == market:
                return line
        raise error_for(Refused(NodeRefusal.NAME_IS_UNKNOWN, name=market, kind="market").problem)

    def instruments(self, at: At = "") -> list[InstrumentLine]:
        found: list[InstrumentLine] = []
        first = 0
        while True:
            page = self.ask(reads.list_instruments, InstrumentsPage(at=at_text(at), first=first))
            found += page.instruments
            first = page.next
            if not first:
                return found

    def instrument(self, instrument: Id, at: At = "") -> InstrumentDetails:
        return self.ask(
            reads.instrument, InstrumentOf(instrument=self.instrument_id(instrument), at=at_text(at))
        )

    def parties(self, below: Id = b"", at: At = "") -> list[PartyLine]:
        """The members of the market, or those that a party admitted, as far as they may be seen."""
        sponsor, found, first = self.party_id(below), list[PartyLine](), 0
        while True:
            page = self.ask(reads.list_parties, PartiesPage(below=sponsor, at=at_text(at), first=first))
            found += page.parties
            first = page.next
            if not first:
                return found

    def signer(self, address: bytes, at: At = "") -> SignerRecord:
        """The keys in force for a registered signer, who may replace them, and who has asked for it."""
        return self.ask(reads.signer_details, SignerOf(signer=address, at=at_text(at)))

    def custody_trail(self, custodian: Id, at: At = "") -> TrailRecord:
        """How much of a custodian's trail is on the ledger."""
        return self.ask(reads.custody_trail, TrailOf(custodian=self.party_id(custodian), at=at_text(at)))

    def party_details(self, party: Id, at: At = "") -> PartyRecord:
        return self.ask(reads.party_details, PartyOf(party=self.party_id(party), at=at_text(at)))

    # ---- real names ----

    def registrars(self, at: At = "") -> Regime:
        """Who attests identities, since when that is demanded, and who is licensed to verify them."""
        return self.ask(reads.registrars, AsOf(at=at_text(at)))

    def identity(self, party: Id, at: At = "") -> IdentityRecord:
        """How a party is verified."""
        return self.ask(reads.identity, IdentityOf(party=self.party_id(party), at=at_text(at)))

    def identities(self, agent: Id, at: At = "", before_ms: int = 0) -> list[ClientLine]:
        """Everybody whom an agent has asked a registrar about; before_ms: only what expires or lapses before then."""
        agent_id, found, first = self.party_id(agent), list[ClientLine](), 0
        while True:
            params = IdentitiesOf(agent=agent_id, at=at_text(at), before_ms=before_ms, first=first)
            page = self.ask(reads.list_identities, params)
            found += page.lines
            first = page.next
            if not first:
                return found

    def person(self, party: Id = b"", tag: bytes = b"") -> tuple[LinkLine, ...]:
        """Every party of the person who is this party, or has this tag."""
        return self.ask(reads.person, PersonOf(party=self.party_id(party), tag=tag)).parties

    # ---- certificates ----

    def authorities(self, at: At = "") -> tuple[AuthorityLine, ...]:
        return self.ask(reads.list_authorities, AsOf(at=at_text(at))).authorities

    def certificates(self, party: Id = b"", at: At = "") -> list[CertificateLine]:
        """Of a party or of all, as far as they may be seen."""
        party_id, found, first = self.party_id(party), list[CertificateLine](), 0
        while True:
            params = CertificatesPage(party=party_id, at=at_text(at), first=first)
            page = self.ask(reads.list_certificates, params)
            found += page.certificates
            first = page.next
            if not first:
                return found

    def certificate(self, fingerprint: bytes, at: At = "") -> CertificateLine:
        return self.ask(reads.certificate, FingerprintOf(fingerprint=fingerprint, at=at_text(at))).line

    # ---- accounts ----

    def accounts(self, owner: Id = b"", servicer: Id = b"", at: At = "") -> tuple[AccountLine, ...]:
        """Of an owner or of a servicer, as far as they may be seen."""
        params = AccountsOf(owner=self.party_id(owner), servicer=self.party_id(servicer), at=at_text(at))
        return self.ask(reads.accounts, params).accounts

    def holdings(self, account: Id, at: At = "", market: str = "") -> HoldingsOfAccount:
        return self.ask(
            reads.holdings_of, AccountOf(account=self.account_id(account), at=at_text(at), market=market)
        )

    def balance(self, account: Id, instrument: Id, at: At = "", market: str = "") -> tuple[int, int]:
        """(available, earmarked) of one instrument, in units of its scale; zeros where the account holds none."""
        instrument_id = self.instrument_id(instrument)
        for line in self.holdings(account, at, market).balances:
            if line.instrument.instrument_id == instrument_id:
                return line.available, line.earmarked
        return 0, 0

    def register_page(
        self,
        instrument: Id,
        at: At = "",
        market: str = "",
        *,
        after: bytes = b"",
        limit: int = REGISTER_PAGE_MAX,
    ) -> RegisterPage:
        """Some holders, and the totals of all; see `RegisterPage` for how to go on."""
        params = RegisterOf(
            instrument=self.instrument_id(instrument), at=at_text(at), market=market, after=after, limit=limit
        )
        return self.ask(reads.register, params)

    def whole_register(self, instrument: Id, at: At = "", market: str = "") -> RegisterPage:
        """Every page as one, the largest holding first, all as of one moment however long the register is."""
        instrument_id = self.instrument_id(instrument)
        page = self.register_page(instrument_id, at, market)
        lines, height, after = list(page.lines), page.moment.height, page.next
        while after:
            following = self.register_page(instrument_id, height, after=after)
            lines += following.lines
            after = following.next
        lines.sort(key=lambda line: (-line.available - line.earmarked, line.account_id))
        return msgspec.structs.replace(page, lines=tuple(lines), next=b"")

    def register(self, instrument: Id, at: At = "", market: str = "") -> list[RegisterLine]:
        """Every holder, the largest first, all as of one moment."""
        return list(self.whole_register(instrument, at, market).lines)

    def statement(
        self, account: Id, since: At = "", until: At = "", market: str = "", instrument: Id = b""
    ) -> Statement:
        """Opening balances, postings, closing balances; see `StatementOf` for what the moments mean."""
        params = StatementOf(
            account=self.account_id(account),
            since=at_text(since),
            until=at_text(until),
            market=market,
            instrument=self.instrument_id(instrument),
        )
        return self.ask(reads.statement, params)

    def history(
        self,
        *,
        account: Id = b"",
        instrument: Id = b"",
        party: Id = b"",
        business: bytes = b"",
        signer: bytes = b"",
        first_height: int = 0,
        last_height: int = 0,
    ) -> list[HistoryEntry]:
        """Who did what, when, by which transaction: of one of the five. The whole of it, however many pages."""
        asked = (self.account_id(account), self.instrument_id(instrument), self.party_id(party))
        found: list[HistoryEntry] = []
        while True:
            params = HistoryOf(
                account=asked[0],
                instrument=asked[1],
                party=asked[2],
                business=business,
                signer=signer,
                first_height=first_height,
                last_height=last_height,
            )
            page = self.ask(reads.history, params)
            found += page.entries
            first_height = page.next_height
            if not first_height:
                return found

    # ---- who sees what ----

    def grants(self, at: At = "", *, past: bool = False) -> tuple[GrantLine, ...]:
        """Granted views: that this party gave, that it has, that show what is its own. past: ended ones too."""
        return self.ask(reads.list_grants, GrantsOf(at=at_text(at), past=past)).grants

    def key_grants(self, at: At = "", *, past: bool = False) -> tuple[KeyGrantLine, ...]:
        """The same of granted view keys."""
        return self.ask(reads.list_key_grants, GrantsOf(at=at_text(at), past=past)).grants

    def view_node(self, whose: Id, at: Id = b"") -> bytes:
        """The node of the tree of view keys of a party (its name, address or id) or a signer (its address); with `at`,
        that of the party's accounts at a servicer."""
        if isinstance(whose, str) and whose.startswith(AddressKind.SIGNER + "1"):
            return from_text(whose, AddressKind.SIGNER)
        party = self.party_id(whose)
        return relationship_of(self.party_id(at), party) if at else party

    def read_log(self, first: int = 1, limit: int = LOG_PAGE_MAX) -> ReadLogPage:
        """A page of the node's log of who read what is another's; for the data protection role."""
        return self.ask(reads.read_log, ReadLogOf(first=first, limit=limit))

    # ---- business ----

    def instructions(self, account: Id = b"", party: Id = b"", market: str = "") -> list[InstructionLine]:
        """Live instructions, as far as they may be seen."""
        account_id, party_id, found, first = (
            self.account_id(account),
            self.party_id(party),
            list[InstructionLine](),
            0,
        )
        while True:
            params = OpenBusiness(account=account_id, party=party_id, market=market, first=first)
            page = self.ask(reads.instructions, params)
            found += page.instructions
            first = page.next
            if not first:
                return found

    def instruction(self, instruction: bytes, at: At = "") -> InstructionLine:
        return self.ask(reads.instruction, InstructionOf(instruction=instruction, at=at_text(at))).instruction

    def trades(self, account: Id = b"", party: Id = b"", market: str = "") -> list[TradeLine]:
        """Live trades, as far as they may be seen."""
        account_id, party_id, found, first = (
            self.account_id(account),
            self.party_id(party),
            list[TradeLine](),
            0,
        )
        while True:
            params = OpenBusiness(account=account_id, party=party_id, market=market, first=first)
            page = self.ask(reads.list_trades, params)
            found += page.trades
            first = page.next
            if not first:
                return found

    def trade(self, trade: bytes, at: At = "") -> TradeLine:
        return self.ask(reads.trade, TradeOf(trade=trade, at=at_text(at))).trade

    def proposals(self, signer: bytes = b"") -> tuple[ProposalLine, ...]:
        """Transactions that wait for signatures on the ledger."""
        return self.ask(reads.proposals, PendingOf(signer=signer)).proposals

    # ---- the ledger's own affairs ----

    def consortium(self, at: At = "") -> ConsortiumAnswer:
        """Its members, how they decide, the rule version in force and the one that is scheduled."""
        return self.ask(reads.consortium_of, AsOf(at=at_text(at)))

    def motions(self) -> tuple[MotionLine, ...]:
        """What is before the consortium, to a member of it."""
        return self.ask(reads.motions, Nothing()).motions

    def validators(self, height: int = 0, at: At = "") -> ValidatorList:
        """Who validates, and whose nodes decide the block of a height (0: the next one)."""
        return self.ask(reads.list_validators, ValidatorsOf(height=height, at=at_text(at)))

    def feeds(self, at: At = "") -> tuple[FeedLine, ...]:
        return self.ask(reads.list_feeds, AsOf(at=at_text(at))).feeds

    def feed(self, name: str, at: At = "") -> FeedLine:
        """One feed, by its name."""
        for line in self.feeds(at):
            if line.name == name:
                return line
        raise error_for(Refused(NodeRefusal.NAME_IS_UNKNOWN, name=name, kind="feed").problem)


def at_text(at: At) -> str:
    """A moment as reads take it."""
    return at.isoformat() if isinstance(at, date) else str(at)
