"""A market day's morning on a desk: everything that some message needs is there once, so that each can be tried.

Two markets: XTST by hand, without sign-off, partial settlement from 10; XSGN by schedule, signed off, amounts within 5.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.approvals.messages import ProposeTransaction
from counterfoil.modules.cash.messages import Mint, RequestRedemption
from counterfoil.modules.certificates.messages import NameAuthority, RecordCertificate
from counterfoil.modules.certificates.records import Purpose as CertificatePurpose
from counterfoil.modules.feeds.messages import DefineFeed, Observe
from counterfoil.modules.grants.messages import GrantView
from counterfoil.modules.grants.records import Purpose, Scope
from counterfoil.modules.holdings.messages import (
    FreezeAccount,
    FreezeHolding,
    OpenAccount,
    PlaceEarmark,
)
from counterfoil.modules.holdings.records import AccountKind
from counterfoil.modules.identities.messages import (
    AppointIdentityRegistrar,
    AttestIdentity,
    RecordLicence,
    RecordVerification,
)
from counterfoil.modules.identities.records import TIME_MAX_MS, Level, Suite
from counterfoil.modules.instruments.messages import AnnounceInstrument, MatureInstrument, SuspendInstrument
from counterfoil.modules.instruments.records import (
    Identifier,
    InstrumentKind,
    QuantityType,
    Rounding,
    Terms,
)
from counterfoil.modules.issuance.messages import Allot, HoldingLine, RegisterIssue
from counterfoil.modules.markets.messages import AcceptAsset, OpenDay, OpenMarket, SetCalendar
from counterfoil.modules.markets.records import (
    CalendarKind,
    DaySchedule,
    MatchingField,
    RegistrationApprover,
    Rulebook,
)
from counterfoil.modules.parties.messages import (
    ApplyForAdmission,
    EnrolParty,
    GrantMandate,
    RegisterSigner,
    SuspendParty,
    WindDownParty,
)
from counterfoil.modules.parties.records import Role
from counterfoil.modules.settlement.messages import (
    Allocate,
    Instruct,
    InstructBoth,
    LoadBatch,
    OpenBatch,
    Side,
)
from counterfoil.modules.settlement.records import BatchChunk, Method, Movement
from counterfoil.modules.trades.messages import RecordTrade
from counterfoil.modules.trades.records import TradeTerms
from counterfoil.modules.validators.interface import Misbehaviour, MisbehaviourKind
from counterfoil.modules.validators.messages import AddValidator
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, UTC, Calendar
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import KeyPolicy, policy_address
from counterfoil.verify.light.encoding import address_of_validator
from tests.model.desk import KNOWN_KEYS, Desk, by, own, party

FRIDAY_BEFORE, MONDAY_HOLIDAY = 20231229, 20240101
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, MONDAY = 20240102, 20240103, 20240104, 20240105, 20240108
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

POLICY = (RegistrationApprover.ISSUER, RegistrationApprover.REGULATOR, RegistrationApprover.NOTARY)
APPROVERS = ("regulator", "notary")
"""The personas that sign a registration beside the issuer."""
DEPOSITORY = by("depository")
EXCHANGE = by("exchange")
SEVEN = ("regulator", "depository", "exchange", "broker-a", "broker-b", "trustee", "central-bank")
"""The personas whose parties may validate; the first five do after the opening."""

BY_HAND = Rulebook(
    effective_from=TUESDAY,
    time_zone="UTC",
    offsets=UTC,
    schedule=DaySchedule(),
    settlement_cycle_days=2,
    matching_fields=(),
    amount_tolerance=0,
    registration_policy=POLICY,
    sign_off_required=False,
    cut_off_dvp_minute=16 * 60,
    cut_off_fop_minute=18 * 60,
    partial_minimum=10,
)
BY_SCHEDULE = Rulebook(
    effective_from=TUESDAY,
    time_zone="UTC",
    offsets=UTC,
    schedule=DaySchedule(7 * 60, 19 * 60),
    settlement_cycle_days=2,
    matching_fields=(MatchingField.TRADE_DATE, MatchingField.COMMON_REFERENCE),
    amount_tolerance=5,
    registration_policy=(RegistrationApprover.ADMINISTRATOR,),
    sign_off_required=True,
    cut_off_dvp_minute=16 * 60,
    cut_off_fop_minute=18 * 60,
    recycling_days=2,
)
WEEKDAYS = Calendar(SATURDAY_AND_SUNDAY, (MONDAY_HOLIDAY,))


def papers(text: str) -> bytes:
    return sha256(text.encode()).digest()


def stranger(name: str) -> SandboxKey:
    """The key of somebody who is no persona."""
    return SandboxKey.from_name(b"strangers of a test", name)


def consensus_key(name: str) -> SandboxKey:
    """The key with which somebody's validator signs; whoever sends its public part can sign that it has it."""
    key = SandboxKey.from_name(b"consensus keys of a test", name)
    KNOWN_KEYS[key.public_key] = key
    return key


def double_signed(name: str, height: int, time_ms: int, power: int = 50) -> Misbehaviour:
    """What an engine reports of somebody whose validator signed twice."""
    address = address_of_validator(consensus_key(name).public_key)
    return Misbehaviour(MisbehaviourKind.DUPLICATE_VOTE, address, height, time_ms, power)


def terms(name: str, isin: str = "", *, maturity: int = 0, unit: int = 1) -> Terms:
    identifiers = (Identifier("ISIN", isin),) if isin else ()
    return Terms(name, "", "", identifiers, unit, unit, unit, Rounding.DOWN, b"", maturity, 0, 0, b"")


def chunk(
    accounts: list[bytes], instruments: list[bytes], legs: list[tuple[bytes, bytes, int]]
) -> BatchChunk:
    """Legs (account, instrument, change) packed."""
    accounts, instruments = sorted(accounts), sorted(instruments)
    return BatchChunk(
        b"".join(accounts),
        b"".join(instruments),
        b"".join(accounts.index(leg[0]).to_bytes(4, "little") for leg in legs),
        b"".join(instruments.index(leg[1]).to_bytes(2, "little") for leg in legs),
        b"".join(leg[2].to_bytes(8, "little", signed=True) for leg in legs),
    )


class Opening:
    """The names of what was founded: accounts, instruments and other objects, by what tests call them."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.accounts: dict[str, bytes] = {}
        self.instruments: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.parties: dict[str, bytes] = {}
        self.addresses: dict[str, bytes] = {}

    def do(self, message: Any, *keys: SandboxKey) -> tuple[bytes, ...]:
        return self.desk.do(message, *keys)

    # Step by step

    def markets(self) -> None:
        for operator, code, book in (("depository", "XTST", BY_HAND), ("exchange", "XSGN", BY_SCHEDULE)):
            self.do(
                OpenMarket(party(operator), code, code, FRIDAY_BEFORE, book, WEEKDAYS, WEEKDAYS),
                *by(operator),
            )
        self.do(OpenDay("XTST", TUESDAY), *DEPOSITORY)
        self.desk.settle_down()

    def account(self, name: str, owner: str, servicer: str, kind: AccountKind, **more: Any) -> None:
        keys = dict.fromkeys((*by(servicer), *by(owner)))
        (identity,) = self.do(OpenAccount(party(owner), party(servicer), kind, **more), *keys)
        self.accounts[name] = identity

    def all_accounts(self) -> None:
        self.account("share issuance", "issuer-a", "depository", AccountKind.ISSUANCE)
        self.account("bond issuance", "issuer-b", "depository", AccountKind.ISSUANCE)
        self.account("usd issuance", "trustee", "trustee", AccountKind.ISSUANCE)
        self.account("eur issuance", "central-bank", "central-bank", AccountKind.ISSUANCE)
        self.account("treasury", "issuer-a", "depository", AccountKind.TREASURY)
        self.account("bond treasury", "issuer-b", "depository", AccountKind.TREASURY)
        self.account("a", "broker-a", "depository", AccountKind.OWN)
        self.account("b", "broker-b", "depository", AccountKind.OWN)
        self.account("a cash", "broker-a", "trustee", AccountKind.OWN)
        self.account(
            "ia", "investor-a", "broker-a", AccountKind.OWN, default_cash_account=self.accounts["a cash"]
        )
        self.account("ib", "investor-b", "broker-b", AccountKind.OWN)
        self.account("empty", "investor-a", "broker-a", AccountKind.OWN)
        self.account("clients", "broker-a", "depository", AccountKind.CLIENT_OMNIBUS)

    def announce(
        self,
        name: str,
        kind: InstrumentKind,
        issuer: str,
        registrar: str,
        issuance: str,
        what: Terms,
        currency: str = "USD",
        market: str = "XTST",
    ) -> None:
        money = kind is InstrumentKind.MONEY_TOKEN
        (identity,) = self.do(
            AnnounceInstrument(
                party(registrar),
                party(issuer),
                kind,
                market,
                name,
                "",
                currency,
                QuantityType.UNITS,
                2 if money else 0,
                self.accounts[issuance],
                what,
            ),
            *by(registrar),
        )
        self.instruments[name] = identity

    def register(self, name: str, issuer: str, quantity: int, treasury: str) -> None:
        approvers = tuple(party(one) for one in (issuer, *APPROVERS))
        account = self.accounts[treasury] if treasury else b""
        message = RegisterIssue(self.instruments[name], quantity, account, approvers, papers(name))
        self.do(message, *by(issuer, *APPROVERS))

    def all_instruments(self) -> None:
        equity, bond, money = InstrumentKind.EQUITY, InstrumentKind.BOND, InstrumentKind.MONEY_TOKEN
        self.announce(
            "share", equity, "issuer-a", "depository", "share issuance", terms("Share", "US4592001014")
        )
        self.announce(
            "other", equity, "issuer-a", "depository", "share issuance", terms("Other", "US5949181045")
        )
        self.announce("new", equity, "issuer-a", "depository", "share issuance", terms("New", "US0378331005"))
        self.announce(
            "draft", equity, "issuer-a", "depository", "share issuance", terms("Draft", "US02079K1079")
        )
        self.announce(
            "bond",
            bond,
            "issuer-b",
            "depository",
            "bond issuance",
            terms("Bond", "DE0001102580", maturity=TUESDAY, unit=10),
        )
        self.announce(
            "bill",
            bond,
            "issuer-b",
            "depository",
            "bond issuance",
            terms("Bill", "DE0001102531", maturity=TUESDAY),
        )
        self.announce(
            "paused", equity, "issuer-b", "depository", "bond issuance", terms("Paused", "FR0000120271")
        )
        self.announce("usd", money, "trustee", "trustee", "usd issuance", terms("Dollar"))
        self.announce("eur", money, "central-bank", "central-bank", "eur issuance", terms("Euro"), "EUR")
        self.register("share", "issuer-a", 1_000_000, "treasury")
        self.register("other", "issuer-a", 1_000, "treasury")
        self.register("bond", "issuer-b", 50_000, "bond treasury")
        self.register("bill", "issuer-b", 1_000, "bond treasury")
        self.register("paused", "issuer-b", 1_000, "bond treasury")
        self.register("usd", "trustee", 0, "")
        self.register("eur", "central-bank", 0, "")
        self.do(SuspendInstrument(self.instruments["paused"], party("depository")), *DEPOSITORY)
        self.do(MatureInstrument(self.instruments["bill"]), *DEPOSITORY)
        for code, operator in (("XTST", DEPOSITORY), ("XSGN", EXCHANGE)):
            for name in ("usd", "eur"):
                self.do(AcceptAsset(code, self.instruments[name], TUESDAY), *operator)

    def allot(
        self, name: str, source: str, signers: str, *, underwriters: bool = False, **lines: int
    ) -> None:
        listed = tuple(
            HoldingLine(self.accounts[account], quantity)
            for account, quantity in sorted(lines.items(), key=lambda line: self.accounts[line[0]])
        )
        message = Allot(
            self.instruments[name],
            self.accounts[source],
            underwriters,
            listed,
            sum(lines.values()),
            f"{name}{source}{underwriters}".replace(" ", ""),
            papers("allotment"),
        )
        self.do(message, *by(signers))

    def distribution(self) -> None:
        self.allot("share", "treasury", "issuer-a", a=10_000, ia=5_000, ib=5_000)
        self.allot("share", "treasury", "issuer-a", underwriters=True, b=20_000)
        self.allot("other", "treasury", "issuer-a", a=100, b=100)
        self.allot("bond", "bond treasury", "issuer-b", a=1_000, b=1_000)
        for number, (name, account, amount) in enumerate(
            (
                ("usd", "a", 1_000_000),
                ("usd", "b", 1_000_000),
                ("usd", "a cash", 50_000),
                ("usd", "ib", 10_000),
                ("eur", "a", 500_000),
            )
        ):
            issuer = "trustee" if name == "usd" else "central-bank"
            message = Mint(self.instruments[name], self.accounts[account], amount, f"BANK{number}", TUESDAY)
            self.do(message, *by(issuer))

    # What some messages need

    def members(self) -> None:
        applicant = stranger("applicant")
        (self.parties["applicant"],) = self.do(
            ApplyForAdmission(party("regulator"), (Role.TRUSTEE,), "Applicant", "", applicant.address),
            applicant,
        )
        (self.parties["refused"],) = self.do(
            ApplyForAdmission(party("regulator"), (Role.NOTARY,), "Refused", "", applicant.address), applicant
        )
        for name, role in (
            ("admitted", Role.EXCHANGE),
            ("suspended", Role.AUDITOR),
            ("leaving", Role.NOTARY),
            ("doomed", Role.OPERATOR),
        ):
            active = name != "admitted"
            (self.parties[name],) = self.do(
                EnrolParty(
                    party("regulator"),
                    (role,),
                    name.title(),
                    "",
                    stranger(name).address,
                    activate=active,
                ),
                *by("regulator"),
            )
        regulator = party("regulator")
        self.do(SuspendParty(regulator, self.parties["suspended"], "An inquiry."), *by("regulator"))
        self.do(WindDownParty(regulator, self.parties["leaving"], "It retires."), *own("regulator"))
        keys = (stranger("key 2"), stranger("key 3"))
        policy = KeyPolicy(2, tuple(sorted(key.public_key for key in keys)))
        self.do(RegisterSigner(policy, (own("notary")[0].address,), 1), *keys)
        self.addresses["pair"] = policy_address(policy)
        self.do(GrantMandate(party("broker-a"), stranger("clerk").address, (900, 901)), *by("broker-a"))

    def orders(self) -> None:
        regulator, accounts = party("regulator"), self.accounts
        share = self.instruments["share"]
        (self.objects["earmark"],) = self.do(
            PlaceEarmark(accounts["a"], share, 50, party("broker-b"), b"kept"), *by("broker-a")
        )
        (self.objects["own earmark"],) = self.do(PlaceEarmark(accounts["a"], share, 20), *by("broker-a"))
        (self.objects["freeze"],) = self.do(
            FreezeHolding(regulator, accounts["ia"], share, 100, papers("freeze")), *by("regulator")
        )
        self.do(FreezeAccount(accounts["clients"], regulator, papers("order"), True, False), *by("regulator"))
        self.objects["redemption"], _ = self.do(
            RequestRedemption(self.instruments["usd"], accounts["ib"], 100, "R1"), *by("broker-b")
        )
        self.objects["unpaid"], _ = self.do(
            RequestRedemption(self.instruments["usd"], accounts["ib"], 200, "R2"), *by("broker-b")
        )

    def terms(self, reference: str, quantity: int = 100, venue: str = "XTST", **changed: Any) -> TradeTerms:
        """A trade of broker-a's with broker-b at 2.50."""
        fields: dict[str, Any] = {
            "trade_reference": reference,
            "venue": venue,
            "execution_time_ms": self.desk.time_ms,
            "trade_date": TUESDAY,
            "instrument_id": self.instruments["share"],
            "quantity": quantity,
            "price": 250,
            "price_scale": 2,
            "amount": quantity * 250,
            "asset": self.instruments["usd"],
            "seller": party("broker-a"),
            "buyer": party("broker-b"),
        }
        return TradeTerms(**{**fields, **changed})

    def instruct(
        self, reference: str, delivers: bool = True, quantity: int = 100, **changed: Any
    ) -> Instruct:
        """Broker-a's delivery to broker-b, or broker-b's receipt."""
        fields: dict[str, Any] = {
            "market": "XTST",
            "party": party("broker-a" if delivers else "broker-b"),
            "account": self.accounts["a" if delivers else "b"],
            "movement": Movement.DELIVER if delivers else Movement.RECEIVE,
            "method": Method.DVP,
            "instrument_id": self.instruments["share"],
            "quantity": quantity,
            "counterparty": party("broker-b" if delivers else "broker-a"),
            "trade_date": TUESDAY,
            "settlement_date": THURSDAY,
            "reference": reference,
            "asset": self.instruments["usd"],
            "amount": quantity * 250,
        }
        return Instruct(**{**fields, **changed})

    def both(self, reference: str, quantity: int = 100, **changed: Any) -> InstructBoth:
        """The same by both sides; due at once unless told otherwise. `delivery`, `receipt`: changes of the sides."""
        date, market = changed.pop("date", TUESDAY), changed.pop("market", "XTST")
        delivery, receipt = changed.pop("delivery", {}), changed.pop("receipt", {})
        return InstructBoth(
            market,
            self.terms(reference, quantity, **changed),
            date,
            Side(**{"account": self.accounts["a"], "reference": "S" + reference, **delivery}),
            Side(**{"account": self.accounts["b"], "reference": "B" + reference, **receipt}),
        )

    def business(self) -> None:
        a, b = by("broker-a"), by("broker-b")
        both = (*a, *b)
        objects = self.objects
        (objects["recorded"],) = self.do(RecordTrade(self.terms("T1"), party("broker-a")), *a)
        (objects["trade"],) = self.do(RecordTrade(self.terms("T2"), party("broker-a")), *a)
        (objects["unmatched"],) = self.do(self.instruct("I1"), *a)
        (objects["held"],) = self.do(self.instruct("I2", hold=True), *a)
        _, objects["delivery"], objects["receipt"] = self.do(self.both("P1", date=THURSDAY), *both)
        _, objects["allocated"], _ = self.do(self.both("P2", date=THURSDAY), *both)
        (objects["allocation"],) = self.do(Allocate(objects["allocated"]), *a)
        for name in ("signable", "refusable"):
            _, objects[name], _ = self.do(self.both(name, market="XSGN", venue="XSGN", date=THURSDAY), *both)
        legs = [(self.accounts["a"], -5), (self.accounts["b"], 5)]
        self.objects["legs digest"] = b""
        part = chunk(
            [account for account, _ in legs],
            [self.instruments["share"]],
            [(account, self.instruments["share"], change) for account, change in legs],
        )
        self.chunk = part
        (objects["batch"],) = self.do(OpenBatch("XTST", party("depository"), "B1", TUESDAY, 1), *DEPOSITORY)
        self.do(LoadBatch(objects["batch"], 0, part), *DEPOSITORY)
        (objects["open batch"],) = self.do(
            OpenBatch("XTST", party("depository"), "B2", TUESDAY, 2), *DEPOSITORY
        )

    def proposals(self) -> None:
        message = PlaceEarmark(self.accounts["b"], self.instruments["share"], 7)
        notary, broker = own("notary")[0], own("broker-b")[0]
        content = encode(((notary.address, broker.address), (message,)))
        expires = self.desk.time_ms + DAY_MS
        for name in ("proposal", "other proposal"):
            (self.objects[name],) = self.do(ProposeTransaction(content, expires), notary)

    def real_names(self) -> None:
        """A registrar whose word is not demanded yet, two licensed brokers, an authority and a certificate."""
        regulator, signed, key = party("regulator"), by("regulator"), stranger("registrar")
        ask = EnrolParty(regulator, (Role.IDENTITY_REGISTRAR,), "Registrar", "", key.address, b"", True)
        (registrar,) = self.do(ask, *signed)
        self.parties["registrar"] = registrar
        suite = Suite.RISTRETTO255_SHA512
        self.do(AppointIdentityRegistrar(regulator, registrar, suite, bytes(32), 1, TIME_MAX_MS), *signed)
        for name in ("broker-a", "broker-b"):
            self.do(RecordLicence(regulator, party(name), f"licence of {name}"), *signed)
        for tag, handle in ((1, 101), (2, 102)):
            attested = AttestIdentity(
                registrar, 1, bytes([tag]) * 32, party("broker-a"), bytes([handle]) * 32
            )
            self.do(attested, key)
        self.do(self.verification(101), *by("broker-a"))
        begins_ms, ends_ms = self.desk.time_ms, self.desk.time_ms + 4_000 * DAY_MS
        self.do(NameAuthority(party("depository"), b"authority", begins_ms, ends_ms), *DEPOSITORY)
        self.authority = sha256(b"authority").digest()
        self.do(self.certificate("node"), *DEPOSITORY)

    def verification(self, handle: int) -> RecordVerification:
        """Of investor-a by broker-a, for nine days."""
        return RecordVerification(
            party("broker-a"),
            party("investor-a"),
            bytes([handle]) * 32,
            Level.STANDARD,
            papers("passport"),
            self.desk.time_ms + 9 * DAY_MS,
            b"sealed",
        )

    def certificate(self, name: str, of: str = "broker-a") -> RecordCertificate:
        begins_ms, ends_ms = self.desk.time_ms, self.desk.time_ms + 90 * DAY_MS
        purpose, serial = CertificatePurpose.NODE, b"\x01"
        return RecordCertificate(self.authority, party(of), purpose, papers(name), serial, begins_ms, ends_ms)

    def consortium(self) -> None:
        """Validators, one of them suspended; a feed that two of the others' observations begin; a motion that waits."""
        desk, names = self.desk, SEVEN[:5]
        self.desk.carry(
            *(AddValidator(party(name), consensus_key(name).public_key, 10) for name in names),
            DefineFeed("USD/EUR", "EUR per USD", 4, (), 3, DAY_MS, 1_000, 2 * DAY_MS, 500, 10),
        )
        desk.decide(double_signed("broker-b", desk.height + 1, desk.time_ms))
        self.do(Observe(party("exchange"), "USD/EUR", 9_200, desk.time_ms), *EXCHANGE)
        calendar = SetCalendar("XTST", CalendarKind.CURRENCY, "USD", THURSDAY, WEEKDAYS)
        for name in ("motion", "other motion"):
            (self.objects[name],) = self.do(desk.motion(calendar, names=("exchange",)), *EXCHANGE)

    def grants(self) -> None:
        broker, auditor = party("broker-a"), party("auditor")
        ask = GrantView(
            broker, auditor, Scope.PARTY, broker, Purpose.AUDIT, 0, 0, self.desk.time_ms + 30 * DAY_MS
        )
        (self.objects["grant"],) = self.do(ask, *by("broker-a"))

    def everything(self) -> Opening:
        """The whole morning. The ledger is then at rest."""
        for step in (
            self.markets,
            self.all_accounts,
            self.all_instruments,
            self.distribution,
            self.members,
            self.orders,
            self.business,
            self.proposals,
            self.real_names,
            self.consortium,
            self.grants,
        ):
            step()
        self.desk.settle_down()
        return self
