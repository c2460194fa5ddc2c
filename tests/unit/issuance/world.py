"""A small market on real books: members, three registration policies, securities and money tokens, accounts."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from counterfoil.modules import approvals, cash, issuance
from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.interface import Cash
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.interface import AccountKind, EarmarkReason, Holdings
from counterfoil.modules.holdings.records import ACCOUNTS, Account, AccountFreeze, AccountStatus
from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.interface import (
    Instrument,
    InstrumentKind,
    Instruments,
    InstrumentStatus,
    QuantityType,
    Rounding,
    Terms,
)
from counterfoil.modules.instruments.life import claim_equity_class, with_status
from counterfoil.modules.instruments.records import TermsVersion, terms_key
from counterfoil.modules.issuance.books import IssuanceBooks
from counterfoil.modules.markets.books import MarketsBooks
from counterfoil.modules.markets.interface import (
    DaySchedule,
    Market,
    Markets,
    MarketStatus,
    RegistrationApprover,
    Rulebook,
)
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Duty, Mandate, Parties, Party, PartyStatus, Role
from counterfoil.primitives.calendars import UTC
from counterfoil.primitives.codec import AMOUNT_MAX, Decoder, Message
from counterfoil.primitives.digests import keyed
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.state.books import Books
from counterfoil.state.rows import value_of
from counterfoil.state.window import Window

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
DATE = 20231114

MEMBERS: dict[str, tuple[str, Role]] = {
    "regulator": ("", Role.REGULATOR),
    "depository": ("regulator", Role.DEPOSITORY),
    "operator": ("regulator", Role.OPERATOR),
    "other operator": ("regulator", Role.OPERATOR),
    "trustee": ("regulator", Role.TRUSTEE),
    "bank": ("regulator", Role.COMMERCIAL_BANK),
    "central bank": ("regulator", Role.CENTRAL_BANK),
    "notary": ("regulator", Role.NOTARY),
    "underwriter": ("regulator", Role.SECURITIES_COMPANY),
    "other underwriter": ("regulator", Role.SECURITIES_COMPANY),
    "issuer": ("operator", Role.ISSUER),
    "other issuer": ("operator", Role.ISSUER),
    "ann": ("underwriter", Role.INVESTOR),
    "ben": ("underwriter", Role.INVESTOR),
}

POLICIES: dict[str, tuple[str, tuple[RegistrationApprover, ...]]] = {
    "XTHR": (
        "depository",
        (RegistrationApprover.ISSUER, RegistrationApprover.REGULATOR, RegistrationApprover.NOTARY),
    ),
    "XADM": ("depository", (RegistrationApprover.ADMINISTRATOR,)),
    "XCAS": ("depository", (RegistrationApprover.TRUSTEE, RegistrationApprover.OPERATOR)),
}

SECURITIES: dict[str, tuple[str, str, InstrumentKind]] = {
    "share": ("issuer", "XTHR", InstrumentKind.EQUITY),
    "unit": ("issuer", "XADM", InstrumentKind.FUND_UNIT),
    "token": ("issuer", "XCAS", InstrumentKind.EQUITY),
    "bond": ("issuer", "XTHR", InstrumentKind.BOND),
    "trustee euro": ("trustee", "XCAS", InstrumentKind.MONEY_TOKEN),
    "second trustee euro": ("trustee", "XCAS", InstrumentKind.MONEY_TOKEN),
    "bank euro": ("bank", "XADM", InstrumentKind.MONEY_TOKEN),
    "digital euro": ("central bank", "XADM", InstrumentKind.MONEY_TOKEN),
}

ACCOUNTS_OF: dict[str, tuple[str, str, AccountKind]] = {
    "treasury": ("issuer", "depository", AccountKind.TREASURY),
    "second treasury": ("issuer", "depository", AccountKind.TREASURY),
    "other treasury": ("other issuer", "depository", AccountKind.TREASURY),
    "issuer's own": ("issuer", "depository", AccountKind.OWN),
    "underwriter's": ("underwriter", "depository", AccountKind.OWN),
    "other underwriter's": ("other underwriter", "depository", AccountKind.OWN),
    "ann's": ("ann", "underwriter", AccountKind.OWN),
    "ben's": ("ben", "underwriter", AccountKind.OWN),
}

FOUR_EYES = (700, 702)

MESSAGES = (*issuance.MODULE.rules, *cash.MODULE.rules, *approvals.MODULE.rules)
ANY_MESSAGE: Any = reduce(or_, MESSAGES)
CONTENT = Decoder(tuple[tuple[bytes, ...], tuple[ANY_MESSAGE, ...]])


def identity(kind: str, name: str, size: int = 20) -> bytes:
    return keyed(b"world", f"{kind}:{name}".encode(), size)


def party(name: str) -> bytes:
    return identity("party", name)


def account(name: str) -> bytes:
    return identity("account", name)


def instrument(name: str) -> bytes:
    return identity("instrument", name)


def papers(text: str) -> bytes:
    return identity("papers", text, 32)


def signer(name: str) -> bytes:
    return identity("signer", name)


def maker(name: str) -> bytes:
    return identity("maker", name)


def checker(name: str) -> bytes:
    return identity("checker", name)


def by(*names: str) -> tuple[bytes, ...]:
    """The signers of a transaction that each of these parties signs with its own key and by two users."""
    return tuple(address for name in names for address in (signer(name), maker(name), checker(name)))


class World:
    """One block after another, one action at a time. Everything is announced, nothing is registered yet."""

    def __init__(self) -> None:
        self.window = Window()
        self.time_ms = NOW_MS
        self.height = 1
        self.actions = 0
        self.take(Books(lambda _table, _key: None, lambda _table, keys: [None] * len(keys), value_of))
        self.lay_members()
        self.lay_markets()
        self.lay_accounts()
        self.lay_instruments()
        self.end_block()

    def take(self, books: Books) -> None:
        """Work on these records."""
        self.state = books
        self.parties_books = PartiesBooks(books.shelf)
        self.parties = Parties(self.parties_books)
        self.markets_books = MarketsBooks(books.shelf, self.parties)
        self.markets = Markets(self.markets_books)
        self.instruments_books = InstrumentsBooks(
            books.shelf, self.parties, self.markets, lambda name: self.holdings.outstanding(name)
        )
        self.instruments = Instruments(self.instruments_books)
        self.holdings = Holdings(
            HoldingsBooks(
                books.shelf,
                self.parties,
                Identities(IdentitiesBooks(books.shelf, self.parties)),
                self.instruments,
            )
        )
        self.issuance = IssuanceBooks(
            books.shelf, self.parties, self.markets, self.instruments, self.holdings
        )
        self.cash_books = CashBooks(books.shelf, self.parties, self.markets, self.instruments, self.holdings)
        self.cash = Cash(self.cash_books)
        self.approvals = ApprovalsBooks(books.shelf, CONTENT.exact, self.run)
        self.modules = (
            (approvals.MODULE, self.approvals),
            (issuance.MODULE, self.issuance),
            (cash.MODULE, self.cash_books),
        )
        self.rules = {
            kind: (rule, own) for module, own in self.modules for kind, rule in module.rules.items()
        }

    # What is there before anything happens

    def lay_members(self) -> None:
        for name, (parent, role) in MEMBERS.items():
            for user, duty in ((maker(name), Duty.MAKER), (checker(name), Duty.CHECKER)):
                self.parties_books.mandates.put(party(name) + user, Mandate((), (), duty=duty))
            self.set_party(name, parent, role, PartyStatus.ACTIVE)

    def set_party(self, name: str, parent: str, role: Role, status: PartyStatus) -> None:
        self.parties_books.parties.put(
            party(name),
            Party(
                roles=(role,),
                parent=party(parent) if parent else b"",
                name=name,
                lei="",
                signer=signer(name),
                status=status,
                identity_hash=bytes(32),
                agent=party("underwriter"),
                four_eyes=FOUR_EYES,
            ),
        )

    def suspend(self, name: str) -> None:
        self.set_party(name, *MEMBERS[name], PartyStatus.SUSPENDED)
        self.keep()

    def lay_markets(self) -> None:
        for market, (operator, policy) in POLICIES.items():
            self.markets_books.markets.put(
                market.encode(),
                Market(party(operator), market, MarketStatus.OPEN, DATE, 2**62, 2**62, 2**62),
            )
            self.markets_books.rulebooks.put(
                market.encode(),
                Rulebook(DATE, "UTC", UTC, DaySchedule(), 2, (), 0, policy, False, 960, 1_080),
            )

    def lay_accounts(self) -> None:
        for name, (owner, servicer, kind) in ACCOUNTS_OF.items():
            self.open_account(name, owner, servicer, kind)
        for name in sorted({issuer for issuer, _, _ in SECURITIES.values()}):
            self.open_account(f"{name}'s issuance", name, "depository", AccountKind.ISSUANCE)

    def open_account(self, name: str, owner: str, servicer: str, kind: AccountKind) -> None:
        self.holdings.open_account(self.context(), party(owner), party(servicer), kind, account(name))

    def lay_instruments(self) -> None:
        for name, (issuer, market, kind) in SECURITIES.items():
            found = Instrument(
                kind=kind,
                status=InstrumentStatus.ANNOUNCED,
                issuer=party(issuer),
                registrar=party("depository"),
                market=market,
                class_name=name,
                campaign="",
                currency="EUR",
                quantity_type=QuantityType.UNITS,
                scale=2,
                settlement_unit=1,
                minimum=10,
                multiple=1,
                rounding=Rounding.DOWN,
                residue_account=b"",
                maturity_date=0,
                issuance_account=account(f"{issuer}'s issuance"),
                handle=identity("handle", name, 16),
                terms_version=1,
                latest_version=1,
            )
            terms = Terms(name, "", "", (), 1, 10, 1, Rounding.DOWN, b"", 0, 0, 0, b"")
            self.instruments_books.terms.put(
                terms_key(instrument(name), 1), TermsVersion(DATE, NOW_MS, terms)
            )
            claim_equity_class(self.instruments_books, instrument(name), found)
            self.instruments_books.instruments.put(instrument(name), found)

    def set_status(self, name: str, status: InstrumentStatus) -> None:
        found = self.instruments.require(instrument(name))
        self.instruments_books.instruments.put(instrument(name), with_status(found, status, b""))
        self.keep()

    def freeze(self, name: str, *, debits: bool = False, credits: bool = False) -> None:
        """Let one order stand against an account, or none."""
        orders = (AccountFreeze(party("regulator"), bytes(32), debits, credits),) if debits or credits else ()
        self.change_account(name, freezes=orders, frozen_debits=debits, frozen_credits=credits)

    def close(self, name: str) -> None:
        self.change_account(name, status=AccountStatus.CLOSED)

    def change_account(self, name: str, **changes: Any) -> None:
        found = self.state.shelf(ACCOUNTS).find(account(name))
        assert found is not None
        fields = {field: getattr(found, field) for field in Account.__struct_fields__}
        self.state.shelf(ACCOUNTS).put(account(name), Account(**{**fields, **changes}))
        self.keep()

    def earmark(self, holder: str, what: str, quantity: int) -> bytes:
        found = self.holdings.require_account(account(holder))
        context = self.context()
        earmark_id = self.holdings.earmark(
            context,
            account(holder),
            found,
            instrument(what),
            self.instruments.require(instrument(what)),
            quantity,
            EarmarkReason.PLEDGE,
            party("bank"),
            b"",
        )
        self.keep()
        return earmark_id

    # What happens

    def context(self, *signers: bytes) -> ActionContext:
        self.actions += 1
        block = BlockContext(
            self.height, self.time_ms, 1, lambda name: keyed(b"handles", name), self.window, DAY_MS
        )
        return ActionContext(block, self.actions.to_bytes(32, "big"), 0, signers)

    def act(self, message: Message, *signers: bytes) -> ActionContext:
        """Run one message; what it did is kept, or taken back where it is rejected."""
        context = self.context(*signers)
        try:
            self.run(message, context)
        except Rejected:
            self.state.reject()
            self.window.reject()
            raise
        self.keep()
        return context

    def refused(self, message: Message, *signers: bytes) -> RejectCode | None:
        """The code by which a message is refused, or None; nothing of it stays either way."""
        before = {number: dict(shelf.live) for number, shelf in self.state.shelves.items()}
        try:
            self.run(message, self.context(*signers))
        except Rejected as rejected:
            return rejected.code
        finally:
            self.state.reject()
            self.window.reject()
            for number, live in before.items():
                now = self.state.shelves[number].live
                assert {k: r for k, r in now.items() if r} == {k: r for k, r in live.items() if r}
        return None

    def run(self, message: Any, context: ActionContext) -> None:
        rule, books = self.rules[type(message)]
        rule(books, message, context)

    def keep(self) -> None:
        self.state.accept()
        self.window.accept()

    def changed(self) -> dict[int, dict[bytes, tuple[Any, Any]]]:
        return {
            number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
            for number, shelf in self.state.shelves.items()
        }

    def end_block(self) -> None:
        """Check what always holds, and begin another block."""
        self.keep()
        for module, books in self.modules:
            for check in module.invariants:
                check(books, self.changed())
            for check_all in module.full_checks:
                check_all(books)
        self.commit()
        self.height += 1
        self.time_ms += 1_000

    def commit(self) -> None:
        for shelf in self.state.shelves.values():
            shelf.touched.clear()

    def held(self, holder: str, what: str) -> tuple[int, int]:
        """(available, earmarked)."""
        return self.holdings.balance(account(holder), instrument(what))


AMOUNT_TOO_LARGE = AMOUNT_MAX + 1
