"""A ledger of parties and markets alone, on the real state: a small role tree with keys, users and mandates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from counterfoil.modules import markets, parties
from counterfoil.modules.markets.books import MarketsBooks
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import ActionContext, BlockContext, Module
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Duty, Mandate, Parties, Party, PartyStatus, Role
from counterfoil.modules.parties.records import LEIS, NAMES, PARTIES, Named
from counterfoil.primitives.codec import Fact, Message
from counterfoil.primitives.digests import keyed
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.primitives.signatures import SigningKey, single_key
from counterfoil.primitives.signatures import policy_address as address_of_policy
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS
from counterfoil.state.window import Window
from counterfoil.storage.memory_store import MemoryStore

NOW_MS = 1_381_104_000_000  # 2013-10-07T00:00:00Z, a Monday
DAY_MS = 86_400_000
HOUR_MS = 3_600_000

TREE: dict[str, tuple[str, tuple[Role, ...]]] = {
    "regulator": ("", (Role.REGULATOR,)),
    "depository": ("regulator", (Role.DEPOSITORY,)),
    "operator": ("regulator", (Role.OPERATOR,)),
    "broker": ("regulator", (Role.SECURITIES_COMPANY,)),
    "auditor": ("regulator", (Role.AUDITOR,)),
    "issuer": ("operator", (Role.ISSUER,)),
    "ann": ("broker", (Role.INVESTOR,)),
    "ben": ("operator", (Role.INVESTOR,)),
}
"""Name: (sponsor, roles). Each has a user "NAME maker" and a user "NAME checker" for everything."""

LEI = "5493001KJTIIGC8Y1R12"
OTHER_LEI = "213800D1EI4B9WTWWD28"


def key_of(name: str) -> SigningKey:
    return SigningKey(keyed(b"keys of the tests", name.encode(), 32))


def by(name: str) -> bytes:
    """The address of the one key that this name has."""
    return address_of_policy(single_key(key_of(name).public_key))


def party(name: str) -> bytes:
    return keyed(b"parties of the tests", name.encode(), 20)


def hash_of(text: str) -> bytes:
    return keyed(b"hashes of the tests", text.encode(), 32)


MODULES: tuple[Module, ...] = (parties.MODULE, markets.MODULE)
TABLES = tuple(table for module in MODULES for table in module.tables)


class World:
    """Blocks are committed by `end_block`, with every invariant checked."""

    def __init__(self) -> None:
        layouts = {table.number: table.layout for table in (LINKS, *TABLES)}
        self.state = State(MemoryStore(layouts), TABLES, b"s" * 32)
        self.state.found()
        self.window = Window()
        self.parties_books = PartiesBooks(self.state.books.shelf)
        self.parties = Parties(self.parties_books)
        self.markets_books = MarketsBooks(self.state.books.shelf, self.parties)
        self.markets = Markets(self.markets_books)
        self.parties_books.holds_anything = lambda party_id: party_id in self.holders
        self.holders: list[bytes] = []
        self.books: tuple[Any, ...] = (self.parties_books, self.markets_books)
        self.height, self.time_ms = 1, NOW_MS
        self.block = self._new_block()
        self._messages = 0
        self.facts: list[tuple[Fact, tuple[bytes, ...]]] = []
        self.created: list[bytes] = []
        self._found()
        self.state.books.accept()
        self.end_block()

    def _found(self) -> None:
        shelf = self.parties_books.parties
        for name, (sponsor, roles) in TREE.items():
            investor = Role.INVESTOR in roles
            lei = LEI if name == "broker" else ""
            below = sum(1 for upper, _ in TREE.values() if upper == name)
            record = Party(
                roles=roles,
                parent=party(sponsor) if sponsor else b"",
                name=name,
                lei=lei,
                signer=by(name),
                status=PartyStatus.ACTIVE,
                identity_hash=hash_of(name) if investor else b"",
                agent=party(sponsor) if investor else b"",
                below=below,
            )
            shelf.put(party(name), record)
            if not investor:
                self.state.books.shelf(NAMES).put(name.encode(), Named(party(name)))
            if lei:
                self.state.books.shelf(LEIS).put(lei.encode(), Named(party(name)))
            for duty, what in ((Duty.MAKER, "maker"), (Duty.CHECKER, "checker")):
                mandate = Mandate((), (), duty=duty)
                self.parties_books.mandates.put(party(name) + by(f"{name} {what}"), mandate)

    def _new_block(self) -> BlockContext:
        return BlockContext(self.height, self.time_ms, 1, self.state.handle, self.window, HOUR_MS, False)

    def context(self, *signers: str) -> ActionContext:
        self._messages += 1
        return ActionContext(
            self.block, keyed(b"action", self._messages.to_bytes(8, "big"), 32), 0, tuple(map(by, signers))
        )

    def act(self, message: Message, *signers: str) -> bytes:
        """Apply a message that must be accepted; the identifier of what it created, or b""."""
        context = self.context(*signers)
        self._rule(message)(self._books(message), message, context)
        self.state.books.accept()
        self.facts = context.facts
        self.created = context.created
        return context.created[0] if context.created else b""

    def refused(self, message: Message, *signers: str) -> RejectCode | None:
        """The reject of a message, or None where it is accepted (and kept)."""
        try:
            self.act(message, *signers)
        except Rejected as rejected:
            self.state.books.reject()
            return rejected.code
        return None

    def end_block(self, hours: int = 0) -> None:
        """Check invariants, commit, and begin the next block, so many hours (or a second) later."""
        changed = {
            number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
            for number, shelf in self.state.books.shelves.items()
            if shelf.touched
        }
        for module, books in zip(MODULES, self.books, strict=True):
            for check in module.invariants:
                check(books, changed)
            for check_all in module.full_checks:
                check_all(books)
        self.state.commit(self.height)
        self.height += 1
        self.time_ms += hours * HOUR_MS + 1_000
        self.block = self._new_block()

    def deadlines(self, limit: int = 1_000) -> list[Fact]:
        """Run the deadlines of the open block; what they told."""
        told: list[Fact] = []
        for module, books in zip(MODULES, self.books, strict=True):
            for rule in module.deadlines:
                for act in rule(books, self.block, limit):
                    context = self.context()
                    act(context)
                    self.state.books.accept()
                    told += [fact for fact, _ in context.facts]
        return told

    def party(self, name: str) -> Party:
        found = self.state.find(PARTIES, party(name))
        assert found is not None
        return found

    def change(self, name: str, /, **fields: Any) -> None:
        """Put a party into another condition without asking any rule."""
        self.parties_books.parties.put(party(name), msgspec.structs.replace(self.party(name), **fields))
        self.state.books.accept()

    def _rule(self, message: Message) -> Any:
        return next(module.rules[type(message)] for module in MODULES if type(message) in module.rules)

    def _books(self, message: Message) -> Any:
        return next(
            books for module, books in zip(MODULES, self.books, strict=True) if type(message) in module.rules
        )


def makers_and_checkers(name: str) -> tuple[str, str]:
    return f"{name} maker", f"{name} checker"


def tags(facts: Iterable[tuple[Fact, tuple[bytes, ...]]]) -> list[str]:
    return [type(fact).__name__ for fact, _ in facts]
