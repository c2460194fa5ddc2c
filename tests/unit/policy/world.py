"""The cast of the visibility matrix as records on bare books, and the subjects that its rows name."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.consortium.records import MEMBERS, Member
from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.interface import Grants
from counterfoil.modules.grants.records import Grant, Purpose, Scope, View, view_key
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.holdings.records import (
    ACCOUNTS,
    Account,
    AccountKind,
    AccountStatus,
    relationship_of,
)
from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.instruments.records import (
    INSTRUMENTS,
    Instrument,
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    Rounding,
)
from counterfoil.modules.markets.books import MarketsBooks
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.markets.records import MARKETS, Market, MarketStatus
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Parties, Party, PartyStatus, Role
from counterfoil.modules.parties.records import MANDATES, PARTIES, Mandate
from counterfoil.policy.policy import ANYBODY, Policy
from counterfoil.policy.subjects import (
    AccountContents,
    AccountHistory,
    Business,
    BusinessCounts,
    CertificateOf,
    NextKeyEpoch,
    NodeHealth,
    Opens,
    PartyDetails,
    PartyHistory,
    PartyName,
    PendingMotion,
    PendingProposal,
    PersonLinks,
    PublicFact,
    QueueCounts,
    ReadsOfNode,
    ReceiptFor,
    Register,
    SealedCopy,
    Side,
    Subject,
    ViewGrant,
    ViewKeyOf,
)
from counterfoil.primitives.digests import OBJECT, digest
from counterfoil.state.books import Books
from counterfoil.state.rows import value_of

NOW_MS = 1_700_000_000_000
LATER_MS = NOW_MS + 86_400_000

TREE: dict[str, tuple[str, Role]] = {
    "regulator": ("", Role.REGULATOR),
    "depository": ("regulator", Role.DEPOSITORY),
    "exchange": ("regulator", Role.EXCHANGE),
    "other-exchange": ("regulator", Role.EXCHANGE),
    "broker-a": ("regulator", Role.SECURITIES_COMPANY),
    "broker-b": ("regulator", Role.SECURITIES_COMPANY),
    "broker-s": ("regulator", Role.SECURITIES_COMPANY),
    "trustee": ("regulator", Role.TRUSTEE),
    "central-bank": ("regulator", Role.CENTRAL_BANK),
    "operator": ("regulator", Role.OPERATOR),
    "notary": ("regulator", Role.NOTARY),
    "auditor": ("regulator", Role.AUDITOR),
    "data-protection": ("regulator", Role.DATA_PROTECTION),
    "registrar": ("regulator", Role.IDENTITY_REGISTRAR),
    "broker-w": ("regulator", Role.SECURITIES_COMPANY),
    "auditor-of-a": ("regulator", Role.AUDITOR),
    "auditor-of-the-past": ("regulator", Role.AUDITOR),
    "auditor-expired": ("regulator", Role.AUDITOR),
    "auditor-revoked": ("regulator", Role.AUDITOR),
    "auditor-of-the-register": ("regulator", Role.AUDITOR),
    "auditor-of-the-market": ("regulator", Role.AUDITOR),
    "second-custodian": ("regulator", Role.COMMERCIAL_BANK),
    "lender": ("regulator", Role.COMMERCIAL_BANK),
    "investigator": ("regulator", Role.NOTARY),
    "issuer": ("depository", Role.ISSUER),
    "other-issuer": ("depository", Role.ISSUER),
    "client-a": ("broker-a", Role.INVESTOR),
    "other-client-a": ("broker-a", Role.INVESTOR),
    "three-brokers": ("broker-a", Role.INVESTOR),
    "former": ("broker-a", Role.INVESTOR),
    "applicant": ("broker-a", Role.INVESTOR),
    "client-b": ("broker-b", Role.INVESTOR),
    "joint-holder": ("broker-b", Role.INVESTOR),
    "client-s": ("broker-s", Role.INVESTOR),
    "client-o": ("operator", Role.INVESTOR),
    "moved": ("broker-a", Role.INVESTOR),
    "client-w": ("broker-w", Role.INVESTOR),
}

STATUS = {
    "broker-s": PartyStatus.SUSPENDED,
    "former": PartyStatus.TERMINATED,
    "applicant": PartyStatus.APPLIED,
    "broker-w": PartyStatus.WINDING_DOWN,
}

CONSORTIUM = ("depository", "exchange", "operator", "broker-a")

ACCOUNTS_OF: dict[str, tuple[str, str]] = {
    "client-a's": ("client-a", "broker-a"),
    "joint": ("client-a", "broker-a"),
    "three at a": ("three-brokers", "broker-a"),
    "three at b": ("three-brokers", "broker-b"),
    "three at o": ("three-brokers", "operator"),
    "broker-a's": ("broker-a", "depository"),
    "broker-b's": ("broker-b", "depository"),
    "client-s's": ("client-s", "broker-s"),
    "former's": ("former", "broker-a"),
    "client-o's": ("client-o", "operator"),
    "issuance": ("issuer", "depository"),
    "moved's old": ("moved", "broker-a"),
    "moved's": ("moved", "broker-b"),
    "client-w's": ("client-w", "broker-w"),
}


def named(kind: str, name: str) -> bytes:
    """The identity (20 bytes) of something in this world; of nothing that is there for a name that is not."""
    return digest(OBJECT, kind.encode(), name.encode())[:20]


def party(name: str) -> bytes:
    return ANYBODY if name == "nobody" else named("party", name)


def account(name: str) -> bytes:
    return named("account", name)


def signer(name: str) -> bytes:
    return named("signer", name)


EQUITY, OTHER_EQUITY, TOKEN, NO_INSTRUMENT = (
    named("instrument", name) for name in ("equity", "other", "token", "none")
)
USER_OF_BROKER_A = named("user", "broker-a")


GRANTED: dict[str, Grant] = {
    grantee: Grant(
        party(grantor), party(grantee), scope, shown, purpose, 0, period_until_ms, valid_until_ms, 1
    )
    for grantee, grantor, scope, shown, purpose, period_until_ms, valid_until_ms in (
        ("auditor-of-a", "broker-a", Scope.PARTY, party("broker-a"), Purpose.AUDIT, 0, LATER_MS),
        ("auditor-of-the-past", "broker-a", Scope.PARTY, party("broker-a"), Purpose.AUDIT, NOW_MS, LATER_MS),
        ("auditor-expired", "broker-a", Scope.PARTY, party("broker-a"), Purpose.AUDIT, 0, NOW_MS),
        ("auditor-of-the-register", "issuer", Scope.REGISTER, EQUITY, Purpose.AUDIT, 0, LATER_MS),
        ("auditor-of-the-market", "exchange", Scope.MARKET, b"XMKT", Purpose.AUDIT, 0, LATER_MS),
        ("second-custodian", "broker-a", Scope.ACCOUNT, account("client-a's"), Purpose.CUSTODY, 0, LATER_MS),
        ("lender", "client-a", Scope.ACCOUNT, account("client-a's"), Purpose.DISCLOSURE, 0, LATER_MS),
        ("investigator", "regulator", Scope.PARTY, party("broker-b"), Purpose.INVESTIGATION, 0, LATER_MS),
    )
}
"""By grantee."""


class World:
    """Books with the cast on them. suspended: who is suspended besides broker-s. granted: with the cast's grants."""

    def __init__(self, suspended: str = "", *, granted: bool = True) -> None:
        self.books = Books(lambda _table, _key: None, lambda _table, keys: [None] * len(keys), value_of)
        shelf: Any = self.books.shelf
        parties = Parties(PartiesBooks(shelf))
        markets = Markets(MarketsBooks(shelf, parties))
        instruments = Instruments(InstrumentsBooks(shelf, parties, markets))
        holdings = Holdings(
            HoldingsBooks(shelf, parties, Identities(IdentitiesBooks(shelf, parties)), instruments)
        )
        self.grants_books = GrantsBooks(shelf, parties, markets, instruments, holdings)
        grants = Grants(self.grants_books)
        self.policy = Policy(self.books, parties, markets, instruments, holdings, grants, NOW_MS)
        for name, (parent, role) in TREE.items():
            status = PartyStatus.SUSPENDED if name == suspended else STATUS.get(name, PartyStatus.ACTIVE)
            record = Party((role,), party(parent) if parent else b"", name, "", signer(name), status)
            shelf(PARTIES).put(party(name), record)
        shelf(MANDATES).put(party("broker-a") + USER_OF_BROKER_A, Mandate((), (), accepted=True))
        # broker-b names whom it likes as its users: none of them has accepted, so that it learns nothing by it.
        for user in (USER_OF_BROKER_A, signer("issuer"), signer("notary")):
            shelf(MANDATES).put(party("broker-b") + user, Mandate((), ()))
        for name in CONSORTIUM:
            shelf(MEMBERS).put(party(name), Member(1))
        for name, (owner, servicer) in ACCOUNTS_OF.items():
            joint = (party("joint-holder"),) if name == "joint" else ()
            shelf(ACCOUNTS).put(
                account(name), _account(party(owner), party(servicer), joint, name == "former's")
            )
        for identity, issuer, registrar in (
            (EQUITY, "issuer", "depository"),
            (OTHER_EQUITY, "other-issuer", "depository"),
            (TOKEN, "trustee", "trustee"),
        ):
            shelf(INSTRUMENTS).put(identity, _instrument(party(issuer), party(registrar)))
        for grantee, grant in GRANTED.items() if granted else ():
            identity = named("grant", grantee) + bytes(12)
            self.grants_books.grants.put(identity, grant)
            self.grants_books.views.put(view_key(identity, grant), View())
        market = Market(party("exchange"), "Market", MarketStatus.OPEN, 20240102, 0, 0, 0)
        shelf(MARKETS).put(b"XMKT", market)
        shelf(MARKETS).put(
            b"XOTH", Market(party("other-exchange"), "Other", MarketStatus.OPEN, 20240102, 0, 0, 0)
        )


def _account(owner: bytes, servicer: bytes, joint: tuple[bytes, ...], closed: bool) -> Account:
    return Account(
        owner=owner,
        servicer=servicer,
        kind=AccountKind.OWN,
        status=AccountStatus.CLOSED if closed else AccountStatus.OPEN,
        relationship=relationship_of(servicer, owner, account("joint") if joint else b""),
        handle=bytes(16),
        owner_handle=bytes(16),
        signers=(),
        threshold=0,
        joint_holders=joint,
        default_cash_account=b"",
        servicer_instructs=True,
        frozen_debits=False,
        frozen_credits=False,
        freezes=(),
        opened_height=1,
    )


def _instrument(issuer: bytes, registrar: bytes) -> Instrument:
    return Instrument(
        kind=InstrumentKind.EQUITY,
        status=InstrumentStatus.ACTIVE,
        issuer=issuer,
        registrar=registrar,
        market="XMKT",
        class_name="",
        campaign="",
        currency="EUR",
        quantity_type=QuantityType.UNITS,
        scale=0,
        settlement_unit=1,
        minimum=1,
        multiple=1,
        rounding=Rounding.DOWN,
        residue_account=b"",
        maturity_date=0,
        issuance_account=account("issuance"),
        handle=bytes(16),
        terms_version=1,
        latest_version=1,
    )


def _relationship(name: str) -> bytes:
    owner, servicer = ACCOUNTS_OF[name]
    return relationship_of(party(servicer), party(owner), account(name) if name == "joint" else b"")


ALSO: dict[str, Subject] = {"handle of client-a at broker-a": PartyDetails(party("client-a"))}
"""What a viewer of a row must see beside the row's own subject."""

SUBJECTS: dict[str, Subject] = {
    "what is sealed": SealedCopy(),
    "key epochs": PublicFact(),
    "the next key epoch, drawn up": NextKeyEpoch(),
    "view key of everything": ViewKeyOf(b"", Opens.EVERYTHING),
    "view key of its own": ViewKeyOf(bytes(20), Opens.OWN),
    "view key of what is below": ViewKeyOf(bytes(20), Opens.BELOW),
    "view key of a relationship that it services": ViewKeyOf(bytes(20), Opens.SERVICED),
    "view key that was granted": ViewKeyOf(party("broker-a"), Opens.GRANTED, party("broker-a")),
    "view key that a suspended member granted of its own": ViewKeyOf(
        party("broker-s"), Opens.GRANTED, party("broker-s")
    ),
    "view key that a suspended member granted of another's": ViewKeyOf(
        party("client-b"), Opens.GRANTED, party("broker-s")
    ),
    "view key that a former member granted": ViewKeyOf(party("former"), Opens.GRANTED, party("former")),
    "terms of the equity": PublicFact(),
    "rulebook of the market": PublicFact(),
    "consortium, validators and feeds": PublicFact(),
    "motion": PendingMotion(),
    "observation of broker-a": PartyDetails(party("broker-a")),
    "name of broker-a": PartyName(party("broker-a")),
    "name of broker-s": PartyName(party("broker-s")),
    "name of the issuer": PartyName(party("issuer")),
    "name of client-a": PartyName(party("client-a")),
    "name of applicant": PartyName(party("applicant")),
    "name of former": PartyName(party("former")),
    "details of broker-a": PartyDetails(party("broker-a")),
    "details of broker-s": PartyDetails(party("broker-s")),
    "details of client-a": PartyDetails(party("client-a")),
    "details of three-brokers": PartyDetails(party("three-brokers")),
    "details of client-s": PartyDetails(party("client-s")),
    "details of the issuer": PartyDetails(party("issuer")),
    "details of the regulator": PartyDetails(party("regulator")),
    "details of former": PartyDetails(party("former")),
    "history of former": PartyHistory(party("former")),
    "history of client-a": PartyHistory(party("client-a")),
    "verification of client-a": PartyDetails(party("client-a")),
    "handle of client-a at broker-a": PartyDetails(party("broker-a")),
    "whom broker-a has asked about": PartyDetails(party("broker-a")),
    "person that client-a is": PersonLinks(party("registrar")),
    "registrars and licences": PublicFact(),
    "authorities": PublicFact(),
    "certificate of the exchange's node": CertificateOf(party("exchange"), party("operator"), True),
    "certificate of broker-a": CertificateOf(party("broker-a"), party("operator"), False),
    "certificate of broker-a, by its fingerprint": PublicFact(),
    "certificate of client-o": CertificateOf(party("client-o"), party("operator"), False),
    "certificate that is not there": CertificateOf(party("none"), party("none"), False),
    "account of client-a": AccountContents(account("client-a's")),
    "history of client-a's account": AccountHistory(account("client-a's")),
    "joint account": AccountContents(account("joint")),
    "history of the joint account": AccountHistory(account("joint")),
    "account of three-brokers at broker-a": AccountContents(account("three at a")),
    "account of three-brokers at broker-b": AccountContents(account("three at b")),
    "account of three-brokers at the operator": AccountContents(account("three at o")),
    "account of broker-a at the depository": AccountContents(account("broker-a's")),
    "account of broker-b at the depository": AccountContents(account("broker-b's")),
    "account of client-s": AccountContents(account("client-s's")),
    "account of former": AccountContents(account("former's")),
    "history of former's account": AccountHistory(account("former's")),
    "issuance account of the equity": AccountContents(account("issuance")),
    "account of client-o": AccountContents(account("client-o's")),
    "account that is not there": AccountContents(account("none")),
    "register of the equity": Register(EQUITY),
    "register of the other equity": Register(OTHER_EQUITY),
    "register of the money token": Register(TOKEN),
    "register that is not there": Register(NO_INSTRUMENT),
    "trade": Business((Side(party("broker-a"), account("client-a's")), Side(party("broker-b"))), "XMKT"),
    "instruction of broker-a for client-a": Business(
        (Side(party("broker-a"), account("client-a's")),), "XMKT"
    ),
    "instruction of broker-b for itself": Business((Side(party("broker-b"), account("broker-b's")),), "XMKT"),
    "trade of two clients": Business(
        (Side(party("broker-a"), account("client-a's")), Side(party("broker-b"), account("three at b"))),
        "XMKT",
    ),
    "its seller's client": Business((Side(party("broker-a"), account("client-a's")),), "XMKT"),
    "its buyer's client": Business((Side(party("broker-b"), account("three at b")),), "XMKT"),
    "proposal": PendingProposal((signer("issuer"), signer("notary"), USER_OF_BROKER_A)),
    "signer of client-b": PendingProposal(
        (signer("client-b"), *sorted((signer("issuer"), signer("notary"))))
    ),
    "history of client-b's signer": ReceiptFor(signer("client-b")),
    "custody trail of broker-a": PartyDetails(party("broker-a")),
    "receipt for client-a at broker-a": ReceiptFor(_relationship("client-a's"), (account("client-a's"),)),
    "receipt for three-brokers at broker-b": ReceiptFor(
        _relationship("three at b"), (account("broker-a's"), account("three at b"))
    ),
    "receipt for the joint account": ReceiptFor(_relationship("joint"), (account("joint"),)),
    "receipt for former at broker-a": ReceiptFor(_relationship("former's"), (account("former's"),)),
    "receipt for the issuer": ReceiptFor(party("issuer"), (account("client-a's"),)),
    "receipt for broker-a": ReceiptFor(party("broker-a")),
    "receipt for a user of broker-a": ReceiptFor(USER_OF_BROKER_A),
    "receipt for everybody": ReceiptFor(PUBLIC),
    "history of broker-a": PartyHistory(party("broker-a")),
    "history of moved": PartyHistory(party("moved")),
    "history of client-s": PartyHistory(party("client-s")),
    "history of three-brokers": PartyHistory(party("three-brokers")),
    "history of three-brokers' account at broker-a": AccountHistory(account("three at a")),
    "history of three-brokers' account at broker-b": AccountHistory(account("three at b")),
    "history of three-brokers' account at the operator": AccountHistory(account("three at o")),
    "history of client-s's account": AccountHistory(account("client-s's")),
    "history of client-w's account": AccountHistory(account("client-w's")),
    "instruction of broker-s for client-s": Business(
        (Side(party("broker-s"), account("client-s's")),), "XMKT"
    ),
    "instruction of broker-b for moved": Business((Side(party("broker-b"), account("moved's")),), "XMKT"),
    "receipt for three-brokers at broker-a": ReceiptFor(
        _relationship("three at a"), (account("three at a"),)
    ),
    "receipt for three-brokers at the operator": ReceiptFor(
        _relationship("three at o"), (account("three at o"),)
    ),
    "receipt for moved at broker-a": ReceiptFor(_relationship("moved's old"), (account("moved's old"),)),
    "receipt for moved at broker-b": ReceiptFor(_relationship("moved's"), (account("moved's"),)),
    "receipt for client-s at broker-s": ReceiptFor(_relationship("client-s's"), (account("client-s's"),)),
    "receipt for client-w at broker-w": ReceiptFor(_relationship("client-w's"), (account("client-w's"),)),
    "details of moved": PartyDetails(party("moved")),
    "details of broker-w": PartyDetails(party("broker-w")),
    "details of client-w": PartyDetails(party("client-w")),
    "account of client-w": AccountContents(account("client-w's")),
    "old account of moved at broker-a": AccountContents(account("moved's old")),
    "history of moved's old account": AccountHistory(account("moved's old")),
    "account of moved at broker-b": AccountContents(account("moved's")),
    "history of moved's account": AccountHistory(account("moved's")),
    "grant to the auditor of broker-a": ViewGrant(
        party("broker-a"), party("auditor-of-a"), (party("broker-a"),)
    ),
    "grant of client-a to the lender": ViewGrant(
        party("client-a"), party("lender"), (party("client-a"), party("broker-a"))
    ),
    "grant to the investigator of broker-b": ViewGrant(party("regulator"), party("investigator")),
    "grant of broker-a's key to its auditor": ViewGrant(
        party("broker-a"), party("auditor-of-a"), (party("broker-a"),)
    ),
    "grant of broker-a's key that has ended": ViewGrant(
        party("broker-a"), party("auditor-revoked"), (party("broker-a"),)
    ),
    "grant of client-a's key to the lender": ViewGrant(
        party("client-a"), party("lender"), (party("client-a"), party("broker-a"))
    ),
    "grant of broker-b's key to its investigator": ViewGrant(party("regulator"), party("investigator")),
    "reads at this node": ReadsOfNode(),
    "queues of the market": QueueCounts("XMKT"),
    "how the node is": NodeHealth(),
    "how much business the node does": BusinessCounts(),
}
