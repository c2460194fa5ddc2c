"""A ledger of which instruments are real; parties and markets are tables that a test sets as it needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from msgspec import structs

from counterfoil.modules.instruments import MODULE
from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.instruments.messages import AmendTerms, AnnounceInstrument
from counterfoil.modules.instruments.records import (
    Identifier,
    InstrumentKind,
    QuantityType,
    Rounding,
    Terms,
)
from counterfoil.modules.markets.interface import MarketsReject
from counterfoil.modules.module import ActionContext, BlockContext, Module
from counterfoil.modules.parties.interface import PartiesReject, Party, PartyStatus, Role
from counterfoil.primitives.codec import Message
from counterfoil.primitives.digests import keyed
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.state.books import Books
from counterfoil.state.rows import value_of
from counterfoil.state.window import Window

NOW_MS = 1_700_000_000_000
TODAY, TOMORROW, LATER = 20240105, 20240108, 20240301


def party(name: str) -> bytes:
    """A party's id, which here is the address of its signer too."""
    return name.encode().ljust(20, b".")


REGULATOR, DEPOSITORY, ISSUER, BANK, TRUSTEE, THIRD, STRANGER, NOBODY = (
    party(name)
    for name in ("regulator", "depository", "issuer", "bank", "trustee", "third", "stranger", "nobody")
)
ISSUANCE = b"issuance account....."[:20]

ROLES = {
    REGULATOR: Role.REGULATOR,
    DEPOSITORY: Role.DEPOSITORY,
    ISSUER: Role.ISSUER,
    BANK: Role.COMMERCIAL_BANK,
    TRUSTEE: Role.TRUSTEE,
    THIRD: Role.DEPOSITORY,
    STRANGER: Role.SECURITIES_COMPANY,
}


class TableOfParties:
    """Parties as a table: each signs with its own id; who is in `stopped` is not active."""

    def __init__(self) -> None:
        self.table = {
            party_id: Party((role,), b"", party_id.decode().strip("."), "", party_id, PartyStatus.ACTIVE)
            for party_id, role in ROLES.items()
        }
        self.stopped: list[bytes] = []
        self.winding_down: list[bytes] = []
        self.policies: list[bytes] = []
        self.asked: list[tuple[bytes, type[Message], bytes, int]] = []

    def find(self, party_id: bytes) -> Party | None:
        return self.table.get(party_id)

    def require(self, party_id: bytes) -> Party:
        found = self.table.get(party_id)
        if found is None:
            raise Rejected(PartiesReject.PARTY_NOT_FOUND)
        return found

    def require_in_business(self, party_id: bytes) -> Party:
        found = self.require(party_id)
        if party_id in self.stopped:
            raise Rejected(PartiesReject.PARTY_IS_NOT_ACTIVE)
        return found

    def require_active(self, party_id: bytes) -> Party:
        found = self.require_in_business(party_id)
        if party_id in self.winding_down:
            raise Rejected(PartiesReject.PARTY_IS_NOT_ACTIVE)
        return found

    def is_active(self, party_id: bytes) -> bool:
        return party_id in self.table and party_id not in (*self.stopped, *self.winding_down)

    def require_role(self, party_id: bytes, *roles: Role) -> Party:
        found = self.require_active(party_id)
        if not self.has_role(party_id, *roles):
            raise Rejected(PartiesReject.PARTY_LACKS_THE_ROLE)
        return found

    def has_role(self, party_id: bytes, *roles: Role) -> bool:
        found = self.table.get(party_id)
        return found is not None and any(role in roles for role in found.roles)

    def is_above(self, upper: bytes, lower: bytes) -> bool:
        found = self.table.get(lower)
        return found is not None and found.parent == upper

    def policy(self, address: bytes) -> object | None:
        return object() if address in self.policies or address in self.table else None

    def is_spoken_for(self, context: ActionContext, party_id: bytes) -> bool:
        found = self.table.get(party_id)
        return found is not None and found.signer in context.signers

    def authorise(
        self,
        context: ActionContext,
        party_id: bytes,
        message_type: type[Message],
        account: bytes = b"",
        amount: int = 0,
    ) -> None:
        self.asked.append((party_id, message_type, account, amount))
        if self.require(party_id).signer not in context.signers:
            raise Rejected(PartiesReject.SIGNER_IS_NOT_AUTHORISED)


class TableOfMarkets:
    """Markets as a table of business dates."""

    def __init__(self) -> None:
        self.dates = {"XTST": TODAY, "XOTH": TODAY}

    def require(self, market: str) -> object:
        if market not in self.dates:
            raise Rejected(MarketsReject.MARKET_NOT_FOUND)
        return object()

    def business_date(self, market: str) -> int:
        self.require(market)
        return self.dates[market]


class Desk:
    """One block after another, one action at a time."""

    def __init__(self, state: Books | None = None) -> None:
        self.state = state or Books(
            lambda _table, _key: None, lambda _table, keys: [None] * len(keys), value_of
        )
        self.window = Window()
        self.parties: Any = TableOfParties()
        self.markets: Any = TableOfMarkets()
        self.outstanding: dict[bytes, int] = {}
        self.instruments_books = InstrumentsBooks(
            self.state.shelf,
            self.parties,
            self.markets,
            lambda instrument: self.outstanding.get(instrument, 0),
        )
        self.instruments = Instruments(self.instruments_books)
        self.modules: list[tuple[Module, Any]] = [(MODULE, self.instruments_books)]
        self.height, self.time_ms, self.actions = 2, NOW_MS, 0

    def block(self) -> BlockContext:
        return BlockContext(self.height, self.time_ms, 1, self.handle, self.window, 1_000)

    def context(self, *signers: bytes) -> ActionContext:
        self.actions += 1
        return ActionContext(self.block(), self.actions.to_bytes(32, "big"), 0, signers)

    def act(self, message: Message, *signers: bytes) -> ActionContext:
        """Run one message; what it did is kept, or taken back where it is rejected."""
        context = self.context(*signers)
        return self.run(partial(self.dispatch, message, context), context)

    def dispatch(self, message: Message, context: ActionContext) -> None:
        for module, books in self.modules:
            if type(message) in module.rules:
                module.rules[type(message)](books, message, context)

    def run(self, effect: Callable[[], object], context: ActionContext) -> ActionContext:
        try:
            effect()
        except Rejected:
            self.state.reject()
            raise
        self.state.accept()
        return context

    def refused(self, message: Message, *signers: bytes) -> RejectCode | None:
        """The code by which a message is refused, or None; it leaves nothing behind either way."""
        before = self.records()
        try:
            self.dispatch(message, self.context(*signers))
        except Rejected as rejected:
            return rejected.code
        finally:
            self.state.reject()
            assert self.records() == before
        return None

    def records(self) -> dict[int, dict[bytes, Any]]:
        return {
            number: {key: record for key, record in shelf.live.items() if record is not None}
            for number, shelf in self.state.shelves.items()
        }

    def next_block(self, later_ms: int = 1_000, limit: int = 1_000) -> list[ActionContext]:
        """Close the block, checking what always holds, and begin another with its deadlines."""
        self.check()
        self.height += 1
        self.time_ms += later_ms
        contexts = []
        for module, books in self.modules:
            for deadline in module.deadlines:
                for act in deadline(books, self.block(), limit):
                    context = self.context()
                    act(context)
                    self.state.accept()
                    contexts.append(context)
        return contexts

    def check(self) -> None:
        changed = {
            number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
            for number, shelf in self.state.shelves.items()
        }
        for module, books in self.modules:
            for check in module.invariants:
                check(books, changed)
            for check_all in module.full_checks:
                check_all(books)
        self.keep_block()

    def keep_block(self) -> None:
        """What is committed is no change any more."""
        for shelf in self.state.shelves.values():
            shelf.touched.clear()

    def handle(self, identity: bytes) -> bytes:
        return keyed(b"k", identity)

    # What tests begin with

    def announced(self, **fields: Any) -> bytes:
        message = announcement(**fields)
        return self.act(message, message.registrar).created[0]

    def active(self, **fields: Any) -> bytes:
        instrument_id = self.announced(**fields)
        context = self.context()
        self.run(lambda: self.instruments.registered(context, instrument_id), context)
        return instrument_id

    def amended(self, instrument_id: bytes, effective_from: int, **fields: Any) -> ActionContext:
        return self.act(AmendTerms(instrument_id, effective_from, terms(**fields)), DEPOSITORY)


def isin(*values: str) -> tuple[Identifier, ...]:
    return tuple(Identifier("ISIN", value) for value in values)


IBM, APPLE, SIEMENS = isin("US4592001014", "US0378331005", "DE0007236101")


def terms(**fields: Any) -> Terms:
    plain = Terms(
        name="International Business Machines",
        fisn="IBM/SH",
        cfi="ESVUFR",
        identifiers=(IBM,),
        settlement_unit=1,
        minimum=1,
        multiple=1,
        rounding=Rounding.DOWN,
        residue_account=b"",
        maturity_date=0,
        nominal=20,
        nominal_scale=2,
        document_hash=bytes(32),
    )
    return structs.replace(plain, **fields)


def announcement(**fields: Any) -> AnnounceInstrument:
    """A share; fields of the terms may be named beside those of the message."""
    of_terms = {name: fields.pop(name) for name in tuple(fields) if name in Terms.__struct_fields__}
    plain = AnnounceInstrument(
        registrar=DEPOSITORY,
        issuer=ISSUER,
        kind=InstrumentKind.EQUITY,
        market="XTST",
        class_name="common",
        campaign="",
        currency="USD",
        quantity_type=QuantityType.UNITS,
        scale=0,
        issuance_account=ISSUANCE,
        terms=terms(**of_terms),
    )
    return structs.replace(plain, **fields)


def money(**fields: Any) -> AnnounceInstrument:
    plain: dict[str, Any] = {
        "registrar": BANK,
        "issuer": BANK,
        "kind": InstrumentKind.MONEY_TOKEN,
        "class_name": "",
        "scale": 2,
        "name": "Dollars at the bank",
        "fisn": "",
        "cfi": "",
        "identifiers": (),
    }
    return announcement(**{**plain, **fields})


def facts_of(contexts: Iterable[ActionContext]) -> list[Any]:
    return [fact for context in contexts for fact, _ in context.facts]
