"""Which module answers which message: every module built on its shelves and its neighbours' interfaces, by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from counterfoil.modules import (
    approvals,
    cash,
    certificates,
    consortium,
    custodians,
    feeds,
    governance,
    grants,
    holdings,
    identities,
    instruments,
    issuance,
    markets,
    parties,
    settlement,
    trades,
    validators,
    viewkeys,
)
from counterfoil.modules.approvals.books import ApprovalsBooks
from counterfoil.modules.cash.books import CashBooks
from counterfoil.modules.cash.interface import Cash
from counterfoil.modules.certificates.books import CertificatesBooks
from counterfoil.modules.certificates.interface import Certificates
from counterfoil.modules.consortium.books import ConsortiumBooks
from counterfoil.modules.consortium.interface import Consortium
from counterfoil.modules.custodians.books import CustodiansBooks
from counterfoil.modules.feeds.books import FeedsBooks
from counterfoil.modules.feeds.interface import Feeds
from counterfoil.modules.governance.books import GovernanceBooks
from counterfoil.modules.governance.interface import Governance
from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.interface import Grants
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.holdings.queries import every_record
from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.issuance.books import IssuanceBooks
from counterfoil.modules.markets.books import MarketsBooks
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import ActionContext, BlockRule, Module, Rule
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.interface import Settlement
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.interface import Trades
from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.interface import Validators
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.interface import ViewKeys
from counterfoil.primitives.codec import Message
from counterfoil.state.state import State

MODULES: tuple[Module, ...] = (
    governance.MODULE,
    parties.MODULE,
    identities.MODULE,
    certificates.MODULE,
    markets.MODULE,
    instruments.MODULE,
    holdings.MODULE,
    viewkeys.MODULE,
    approvals.MODULE,
    grants.MODULE,
    custodians.MODULE,
    consortium.MODULE,
    validators.MODULE,
    feeds.MODULE,
    issuance.MODULE,
    cash.MODULE,
    trades.MODULE,
    settlement.MODULE,
)
"""In the order in which their deadlines and retries run; settlement last, so that it sees every credit of the block."""

URGENT: frozenset[type[Message]] = frozenset()
"""Messages that go first in their block, whatever the order of arrival: they stop or free business."""
TABLES = tuple(table for module in MODULES for table in module.tables)
MESSAGES: tuple[type[Message], ...] = tuple(kind for module in MODULES for kind in module.rules)


class Wired(NamedTuple):
    """The modules on one state: each with its books, and the interfaces that the machine and the policy ask."""

    modules: tuple[tuple[Module, Any], ...]
    rules: Mapping[type[Message], tuple[Rule, Any]]
    deadlines: tuple[tuple[BlockRule, Any], ...]
    retries: tuple[tuple[BlockRule, Any], ...]
    urgent: frozenset[type[Message]]
    governance: Governance
    consortium: Consortium
    validators: Validators
    feeds: Feeds
    parties: Parties
    identities: Identities
    certificates: Certificates
    markets: Markets
    instruments: Instruments
    holdings: Holdings
    grants: Grants
    cash: Cash
    trades: Trades
    settlement: Settlement
    viewkeys: ViewKeys
    parties_books: PartiesBooks
    consortium_books: ConsortiumBooks
    validators_books: ValidatorsBooks
    instruments_books: InstrumentsBooks
    holdings_books: HoldingsBooks
    viewkeys_books: ViewKeysBooks


Decode = Callable[[bytes], tuple[tuple[bytes, ...], tuple[Any, ...]]]
DecodeMessages = Callable[[bytes], tuple[Any, ...]]


def wire(state: State, decode_proposal: Decode, decode_motion: DecodeMessages) -> Wired:
    """Build every module over the state's shelves. The two functions take a proposal's, a motion's content apart."""
    shelves = state.books.shelf
    parties_books = PartiesBooks(shelves)
    parties_interface = Parties(parties_books)
    identities_books = IdentitiesBooks(shelves, parties_interface)
    identities_interface = Identities(identities_books)
    parties_books.is_verified = identities_interface.is_verified
    parties_books.registrar_verifies = identities_interface.is_demanded
    certificates_books = CertificatesBooks(shelves, parties_interface)
    governance_books = GovernanceBooks(shelves, parties_interface)
    markets_books = MarketsBooks(shelves, parties_interface)
    markets_interface = Markets(markets_books)
    instruments_books = InstrumentsBooks(
        shelves,
        parties_interface,
        markets_interface,
        lambda instrument: holdings_interface.outstanding(instrument),
    )
    instruments_interface = Instruments(instruments_books)
    holdings_books = HoldingsBooks(shelves, parties_interface, identities_interface, instruments_interface)
    holdings_interface = Holdings(holdings_books)
    parties_books.holds_anything = holdings_interface.holds_anything
    instruments_books.everything = holdings_books.everything = partial(every_record, state)
    grants_books = GrantsBooks(
        shelves, parties_interface, markets_interface, instruments_interface, holdings_interface
    )
    viewkeys_books = ViewKeysBooks(shelves, parties_interface, holdings_interface)
    viewkeys_interface = ViewKeys(viewkeys_books)
    parties_books.stopped, holdings_books.raise_key = viewkeys_interface.stop, viewkeys_interface.raise_key
    custodians_books = CustodiansBooks(shelves, parties_interface)
    issuance_books = IssuanceBooks(
        shelves, parties_interface, markets_interface, instruments_interface, holdings_interface
    )
    cash_books = CashBooks(
        shelves, parties_interface, markets_interface, instruments_interface, holdings_interface
    )
    cash_interface = Cash(cash_books)
    trades_books = TradesBooks(
        shelves, parties_interface, markets_interface, instruments_interface, holdings_interface
    )
    trades_interface = Trades(trades_books)
    settlement_books = SettlementBooks(
        shelves,
        parties_interface,
        markets_interface,
        instruments_interface,
        holdings_interface,
        cash_interface,
        trades_interface,
    )

    def dispatch(message: Any, context: ActionContext) -> None:
        rule, books = rules[type(message)]
        rule(books, message, context)

    approvals_books = ApprovalsBooks(shelves, decode_proposal, dispatch, parties_interface.rotations)
    consortium_books = ConsortiumBooks(shelves, parties_interface, decode_motion, dispatch)
    validators_books = ValidatorsBooks(shelves, parties_interface)
    validators_interface = Validators(validators_books)
    feeds_books = FeedsBooks(shelves, parties_interface, validators_interface)
    all_books: tuple[Any, ...] = (
        governance_books,
        parties_books,
        identities_books,
        certificates_books,
        markets_books,
        instruments_books,
        holdings_books,
        viewkeys_books,
        approvals_books,
        grants_books,
        custodians_books,
        consortium_books,
        validators_books,
        feeds_books,
        issuance_books,
        cash_books,
        trades_books,
        settlement_books,
    )
    modules = tuple(zip(MODULES, all_books, strict=True))
    rules = {kind: (rule, books) for module, books in modules for kind, rule in module.rules.items()}
    return Wired(
        modules=modules,
        rules=rules,
        deadlines=tuple((rule, books) for module, books in modules for rule in module.deadlines),
        retries=tuple((rule, books) for module, books in modules for rule in module.retries),
        urgent=URGENT,
        governance=Governance(governance_books),
        consortium=Consortium(consortium_books),
        validators=validators_interface,
        feeds=Feeds(feeds_books),
        parties=parties_interface,
        identities=identities_interface,
        certificates=Certificates(certificates_books),
        markets=markets_interface,
        instruments=instruments_interface,
        holdings=holdings_interface,
        grants=Grants(grants_books),
        cash=cash_interface,
        trades=trades_interface,
        settlement=Settlement(settlement_books),
        viewkeys=viewkeys_interface,
        parties_books=parties_books,
        consortium_books=consortium_books,
        validators_books=validators_books,
        instruments_books=instruments_books,
        holdings_books=holdings_books,
        viewkeys_books=viewkeys_books,
    )
