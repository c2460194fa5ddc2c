"""The cast of the visibility matrix on a real ledger in memory: every row of the matrix is something that is there."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.genesis import Genesis
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.parties import DutyName, FoundingParty, FoundingSigner, FoundingUser, PartiesGenesis
from counterfoil.modules.parties.records import PARTIES
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import LedgerNode, memory_ledger
from counterfoil.node.personas import SANDBOX_START_MS
from counterfoil.primitives.codec import encode
from counterfoil.sdk import Client, LocalConnection, messages, recipes
from tests.unit.policy.world import CONSORTIUM, TREE

MARKET, OTHER_MARKET, TODAY, LATER = "XMKT", "XOTH", 20240102, 20240104
DAY_MS = 86_400_000
CUSTODY, DISCLOSURE, INVESTIGATION = (
    messages.Purpose.CUSTODY,
    messages.Purpose.DISCLOSURE,
    messages.Purpose.INVESTIGATION,
)
SHARE_ISIN, OTHER_ISIN = "XS0000000009", "XS0000000017"
_SEED = b"the cast of the matrix"
_FOUNDED_LATER = ("applicant",)


def key(name: str) -> SandboxKey:
    return SandboxKey.from_name(_SEED, name)


def papers(name: str) -> bytes:
    return sha256(name.encode()).digest()


class Cast:
    """The ledger, a client for each of the cast, and the identities of what the rows name."""

    def __init__(self, make: Callable[[Genesis], LedgerNode] = memory_ledger) -> None:
        self.node = make(_genesis())
        self.nobody = Client(LocalConnection(self.node))
        self.parties: dict[str, bytes] = {}
        self.clients: dict[str, Client] = {}
        found = {party.signer: party_id for party_id, party in self._records()}
        for name in TREE:
            if name not in _FOUNDED_LATER:
                self._take(name, found[key(name).address])
        self.accounts: dict[str, bytes] = {}
        self._found_market()
        self._open_accounts()
        self._issue()
        self._do_business()
        self._issue_certificates()
        self._know_people()
        self._decide_together()
        self._grant_views()
        self._end_some()

    def client(self, name: str) -> Client:
        """Of one of the cast; "nobody" has not said who it is, "stranger" cannot be anybody."""
        return self.nobody if name in ("nobody", "stranger") else self.clients[name]

    def viewer(self, name: str) -> bytes:
        if name == "nobody":
            return b""
        return bytes(20) if name == "stranger" else self.parties[name]

    def close(self) -> None:
        self.node.close()

    # ---- the story ----

    def _found_market(self) -> None:
        for operator, market in (("exchange", MARKET), ("other-exchange", OTHER_MARKET)):
            client = self.clients[operator]
            client.send(
                recipes.open_market(client.party, market, f"Market {market}", TODAY),
                messages.OpenDay(market, TODAY),
            )

    def _open_accounts(self) -> None:
        own, segregated = messages.AccountKind.OWN, messages.AccountKind.SEGREGATED
        for name, owner, servicer in (
            ("client-a's", "client-a", "broker-a"),
            ("three at a", "three-brokers", "broker-a"),
            ("three at b", "three-brokers", "broker-b"),
            ("three at o", "three-brokers", "operator"),
            ("broker-a's", "broker-a", "depository"),
            ("broker-b's", "broker-b", "depository"),
            ("client-s's", "client-s", "broker-s"),
            ("former's", "former", "broker-a"),
            ("client-o's", "client-o", "operator"),
            ("moved's old", "moved", "broker-a"),
            ("moved's", "moved", "broker-b"),
            ("client-w's", "client-w", "broker-w"),
        ):
            self._open(name, owner, servicer, own if owner.startswith("broker") else segregated)
        self._open(
            "joint",
            "client-a",
            "broker-a",
            segregated,
            joint=("joint-holder",),
            signers=tuple(sorted((key("client-a").address, key("joint-holder").address))),
            threshold=1,
        )
        for name, owner, servicer, kind in (
            ("issuance", "issuer", "depository", messages.AccountKind.ISSUANCE),
            ("treasury", "issuer", "depository", messages.AccountKind.TREASURY),
            ("other issuance", "other-issuer", "depository", messages.AccountKind.ISSUANCE),
            ("other treasury", "other-issuer", "depository", messages.AccountKind.TREASURY),
            ("token issuance", "trustee", "trustee", messages.AccountKind.ISSUANCE),
        ):
            self._open(name, owner, servicer, kind)

    def _open(
        self,
        name: str,
        owner: str,
        servicer: str,
        kind: messages.AccountKind,
        joint: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        """Holders that are not the servicer's own clients sign as well."""
        more["joint_holders"] = tuple(self.parties[one] for one in joint)
        ask = messages.OpenAccount(self.parties[owner], self.parties[servicer], kind, **more)
        holders = [one for one in (owner, *joint) if TREE[one][0] != servicer and one != servicer]
        cosigners = [self.clients[one] for one in holders]
        self.accounts[name] = self.clients[servicer].send(ask, cosigners=cosigners).created

    def _issue(self) -> None:
        self.share = self._register("issuer", "issuance", "treasury", SHARE_ISIN, "Share")
        self.other_share = self._register(
            "other-issuer", "other issuance", "other treasury", OTHER_ISIN, "Other"
        )
        trustee = self.clients["trustee"]
        terms = recipes.terms("Euro")
        self.token = trustee.send(
            recipes.money_token(
                trustee.party, trustee.party, MARKET, "EUR", self.accounts["token issuance"], terms
            )
        ).created
        self._sign_registration(
            "trustee", messages.RegisterIssue(self.token, 0, b"", self._approvers("trustee"), papers("euro"))
        )
        self.clients["exchange"].send(messages.AcceptAsset(MARKET, self.token, TODAY))
        lines = tuple(
            messages.HoldingLine(self.accounts[name], 1_000)
            for name in (
                "client-a's",
                "three at a",
                "three at b",
                "broker-a's",
                "former's",
                "joint",
                "client-o's",
            )
        )
        self.allotted = self.clients["issuer"].send(
            messages.Allot(
                self.share, self.accounts["treasury"], False, lines, 1_000 * len(lines), "A-1", papers("a")
            )
        )
        for number, name in enumerate(("broker-b's", "three at b", "client-s's")):
            trustee.send(messages.Mint(self.token, self.accounts[name], 1_000_000, f"BANK-{number}", TODAY))

    def _register(self, issuer: str, issuance: str, treasury: str, isin: str, name: str) -> bytes:
        terms = recipes.terms(name, isin)
        depository = self.clients["depository"]
        announced = recipes.equity(
            depository.party, self.parties[issuer], MARKET, "EUR", self.accounts[issuance], terms
        )
        identity = depository.send(announced).created
        ask = messages.RegisterIssue(
            identity, 100_000, self.accounts[treasury], self._approvers(issuer), papers(name)
        )
        self._sign_registration(issuer, ask)
        return identity

    def _approvers(self, issuer: str) -> tuple[bytes, ...]:
        return self.parties[issuer], self.parties["regulator"], self.parties["notary"]

    def _sign_registration(self, issuer: str, ask: messages.RegisterIssue) -> None:
        self.clients[issuer].send(ask, cosigners=(self.clients["regulator"], self.clients["notary"]))

    def _do_business(self) -> None:
        a, b = self.clients["broker-a"], self.clients["broker-b"]
        terms = messages.TradeTerms(
            trade_reference="T-1",
            venue=MARKET,
            execution_time_ms=SANDBOX_START_MS,
            trade_date=TODAY,
            instrument_id=self.share,
            quantity=10,
            price=100,
            price_scale=0,
            amount=1_000,
            asset=self.token,
            seller=a.party,
            buyer=b.party,
            seller_client=self.accounts["client-a's"],
        )
        self.trade = a.send(messages.RecordTrade(terms=terms, recorder=a.party)).created
        self.sale = a.send(self._instruct(a, "client-a's", messages.Movement.DELIVER, b, "SALE")).created
        self.purchase = b.send(
            self._instruct(b, "broker-b's", messages.Movement.RECEIVE, a, "BUY", 20)
        ).created
        settled = recipes.dvp(
            MARKET,
            "T-2",
            TODAY,
            seller=(a, self.accounts["client-a's"]),
            buyer=(b, self.accounts["broker-b's"]),
            instrument=self.share,
            quantity=1,
            asset=self.token,
            amount=100,
        )
        draft = a.draft(settled, signers=(a.keys[0].address, b.keys[0].address)).sign(a.keys[0], b.keys[0])
        self.settled, self.settled_transaction = a.submit(draft), draft.transaction
        self._trade_for_clients(a, b, terms)
        receive, suspended = messages.Movement.RECEIVE, self.clients["broker-s"]
        self.of_suspended = suspended.send(
            self._instruct(suspended, "client-s's", receive, a, "OF-S", 21)
        ).created
        self.of_moved = b.send(self._instruct(b, "moved's", receive, a, "OF-MOVED", 22)).created
        recovers = tuple(sorted(self.clients[name].keys[0].address for name in ("issuer", "notary")))
        client = self.clients["client-b"]
        self.signer = client.keys[0].address
        client.send(messages.RegisterSigner(messages.single_key(client.keys[0].public_key), recovers, 2))
        named = (self.clients["issuer"].keys[0], self.clients["notary"].keys[0], key("broker-a user"))
        content = encode(
            (tuple(one.address for one in named), (messages.WithdrawAsset(MARKET, self.token, LATER),))
        )
        ask = messages.ProposeTransaction(content, self.nobody.time_ms() + 86_400_000)
        self.proposal = self.clients["issuer"].send(ask).created

    def _trade_for_clients(self, a: Client, b: Client, terms: messages.TradeTerms) -> None:
        """Client-a's broker sold to three-brokers' one: signed by the exchange; entered by both and settled at once;
        entered by both for a later date."""
        self.for_clients = msgspec.structs.replace(
            terms, trade_reference="C-1", buyer_client=self.accounts["three at b"]
        )
        exchange = self.clients["exchange"]
        self.client_trade = exchange.send(
            messages.RecordTrade(terms=self.for_clients, recorder=exchange.party)
        )
        self.client_deals = []
        for number, date in ((2, TODAY), (3, LATER)):
            deal = messages.InstructBoth(
                MARKET,
                msgspec.structs.replace(self.for_clients, trade_reference=f"C-{number}"),
                date,
                messages.Side(self.accounts["client-a's"], f"C-{number}-S"),
                messages.Side(self.accounts["three at b"], f"C-{number}-B"),
            )
            draft = a.draft(deal, signers=(a.keys[0].address, b.keys[0].address))
            self.client_deals.append(a.submit(draft.sign(a.keys[0], b.keys[0])))

    def _instruct(
        self,
        client: Client,
        account: str,
        movement: messages.Movement,
        other: Client,
        reference: str,
        quantity: int = 10,
    ) -> messages.Instruct:
        return messages.Instruct(
            market=MARKET,
            party=client.party,
            account=self.accounts[account],
            movement=movement,
            method=messages.Method.DVP,
            instrument_id=self.share,
            quantity=quantity,
            counterparty=other.party,
            trade_date=TODAY,
            settlement_date=LATER,
            reference=reference,
            asset=self.token,
            amount=1_000,
        )

    def _know_people(self) -> None:
        """client-a of broker-a and client-o of the operator are one person; nobody demands a registrar's word yet."""
        regulator, registrar = self.clients["regulator"], self.clients["registrar"]
        suite = messages.Suite.RISTRETTO255_SHA512
        far_ms = self.nobody.time_ms() + 10**12
        regulator.send(
            messages.AppointIdentityRegistrar(regulator.party, registrar.party, suite, bytes(32), 1, far_ms)
        )
        self.tag = papers("tag")
        for agent, client in (("broker-a", "client-a"), ("operator", "client-o")):
            sender, handle = self.clients[agent], papers(f"handle at {agent}")
            regulator.send(messages.RecordLicence(regulator.party, sender.party, f"licence {agent}"))
            registrar.send(messages.AttestIdentity(registrar.party, 1, self.tag, sender.party, handle))
            sender.send(
                recipes.verification(
                    sender,
                    self.parties[client],
                    handle,
                    papers("passport"),
                    self.nobody.time_ms() + 10**11,
                    pointer=b"sealed",
                )
            )

    def _issue_certificates(self) -> None:
        """By the operator's authority: to a node of the exchange, to broker-a and to client-o."""
        operator, now_ms = self.clients["operator"], system_clock_ms()
        ends_ms = now_ms + 10**10
        operator.send(messages.NameAuthority(operator.party, b"authority", now_ms, ends_ms))
        authority = papers("authority")
        self.certificates: dict[str, bytes] = {}
        for name in ("exchange", "broker-a", "client-o"):
            node = name == "exchange"
            purpose = messages.CertificatePurpose.NODE if node else messages.CertificatePurpose.MEMBER
            self.certificates[name] = papers(f"certificate of {name}")
            operator.send(
                messages.RecordCertificate(
                    authority,
                    self.parties[name],
                    purpose,
                    self.certificates[name],
                    b"\x01",
                    now_ms,
                    ends_ms,
                )
            )

    def _decide_together(self) -> None:
        """A feed that members observe, of which broker-a saw something; and a motion that waits."""
        members = [self.clients[name] for name in CONSORTIUM]
        until = self.nobody.time_ms() + 86_400_000
        feed = recipes.feed("USD/EUR", "EUR per USD", 4, observers=members)
        carried = recipes.motion(members[:3], feed, expires_ms=until)
        members[0].send(carried, cosigners=members[1:3])
        a = self.clients["broker-a"]
        a.send(messages.Observe(a.party, "USD/EUR", 9_200, self.nobody.time_ms()))
        moved = messages.CloseDay(MARKET, TODAY)
        waits = recipes.motion([self.clients["operator"]], moved, expires_ms=until)
        self.motion = self.clients["operator"].send(waits).created

    def _grant_views(self) -> None:
        """As the matrix says. The past that an auditor is shown ended when the last block before came."""
        self.past_height = self.node.height - 1
        shown = {
            "auditor-of-a": ("broker-a", {}),
            "auditor-of-the-past": ("broker-a", {"period_until_ms": self.time_ms}),
            "auditor-expired": ("broker-a", {}),
            "auditor-revoked": ("broker-a", {}),
            "auditor-of-the-register": ("issuer", {"instrument": self.share}),
            "auditor-of-the-market": ("exchange", {"market": MARKET}),
            "second-custodian": ("broker-a", {"account": self.accounts["client-a's"], "purpose": CUSTODY}),
            "lender": ("client-a", {"account": self.accounts["client-a's"], "purpose": DISCLOSURE}),
            "investigator": ("regulator", {"party": self.parties["broker-b"], "purpose": INVESTIGATION}),
        }
        self.grants: dict[str, bytes] = {}
        for grantee, (grantor, what) in shown.items():
            client = self.clients[grantor]
            until_ms = client.time_ms() + (20 if grantee == "auditor-expired" else DAY_MS)
            ask = recipes.show(client, self.parties[grantee], until_ms, **what)
            agrees = (self.clients["client-a"],) if grantee == "second-custodian" else ()
            self.grants[grantee] = client.send(ask, cosigners=agrees).created
        self.granted_height = self.node.height
        broker = self.clients["broker-a"]
        broker.send(messages.RevokeView(broker.party, self.grants["auditor-revoked"]))
        self._grant_view_keys()

    def _grant_view_keys(self) -> None:
        """The same of keys; the one for the auditor whose grant was revoked has ended."""
        parties, own = self.parties, relationship_of(self.parties["broker-a"], self.parties["client-a"])
        shown = {
            "auditor-of-a": ("broker-a", parties["broker-a"], messages.Purpose.AUDIT),
            "auditor-revoked": ("broker-a", parties["broker-a"], messages.Purpose.AUDIT),
            "lender": ("client-a", own, DISCLOSURE),
            "investigator": ("regulator", parties["broker-b"], INVESTIGATION),
        }
        self.key_grants = {grantee: (node, parties[grantee]) for grantee, (_, node, _) in shown.items()}
        for grantee, (grantor, node, purpose) in shown.items():
            client = self.clients[grantor]
            until_ms = client.time_ms() + DAY_MS
            client.send(
                messages.GrantViewKey(
                    client.party, node, parties[grantee], purpose, "In the matrix.", until_ms
                )
            )
        self.keys_granted_height = self.node.height
        node, grantee = self.key_grants["auditor-revoked"]
        self.clients["broker-a"].send(messages.EndViewGrant(parties["broker-a"], node, grantee))

    @property
    def time_ms(self) -> int:
        """Block time of the last block."""
        last = self.node.machine.last
        assert last is not None
        return last.time_ms

    def _end_some(self) -> None:
        a = self.clients["broker-a"]
        a.send(messages.CloseAccount(self.accounts["moved's old"]))
        former, account = self.parties["former"], self.accounts["former's"]
        moved = messages.ForceTransfer(
            self.parties["depository"],
            self.share,
            account,
            self.accounts["broker-a's"],
            1_000,
            papers("order"),
        )
        self.clients["depository"].send(moved)
        a.send(messages.CloseAccount(account))
        a.send(messages.WindDownParty(a.party, former, "Moved abroad."))
        a.send(messages.TerminateParty(a.party, former))
        applicant = key("applicant")
        ask = messages.ApplyForAdmission(a.party, (messages.Role.INVESTOR,), "", "", applicant.address)
        draft = self.nobody.draft(ask, signers=(applicant.address,)).sign(applicant)
        self._take("applicant", self.nobody.submit(draft).created)
        regulator = self.clients["regulator"]
        regulator.send(
            messages.SuspendParty(regulator.party, self.parties["broker-s"], "Under investigation.")
        )
        regulator.send(messages.WindDownParty(regulator.party, self.parties["broker-w"], "It gives up."))
        nobody = self.nobody.connection
        nobody.advance_clock(self.time_ms + 1_000)

    # ---- helpers ----

    def _take(self, name: str, party: bytes) -> None:
        self.parties[name] = party
        users = (
            () if TREE[name][1] is messages.Role.INVESTOR else (key(f"{name} user"), key(f"{name} checker"))
        )
        self.clients[name] = Client(LocalConnection(self.node), key(name), *users, party=party)

    def _records(self) -> list[tuple[bytes, Any]]:
        state = self.node.state
        return [(party_id, state.find(PARTIES, party_id)) for party_id in state.keys(PARTIES)]


def _genesis() -> Genesis:
    section = PartiesGenesis(
        tuple(
            _founding(name, parent, role.name)
            for name, (parent, role) in TREE.items()
            if name not in _FOUNDED_LATER
        )
    )
    return Genesis(
        name="cast",
        time_ms=SANDBOX_START_MS,
        secret_commitment="",
        sealers=(),
        sandbox=True,
        sections={
            "parties": msgspec.to_builtins(section),
            "consortium": {"members": [{"party": name} for name in CONSORTIUM]},
        },
    )


def _founding(name: str, parent: str, role: str) -> FoundingParty:
    investor = role == "INVESTOR"
    users = (
        ()
        if investor
        else (
            FoundingUser(_signer(f"{name} user"), DutyName.MAKER),
            FoundingUser(_signer(f"{name} checker"), DutyName.CHECKER),
        )
    )
    return FoundingParty(
        name=name,
        roles=(role.lower(),),
        sponsor=parent,
        signer=_signer(name),
        identity_hash=sha256(name.encode()).hexdigest() if investor else "",
        users=users,
    )


def _signer(name: str) -> FoundingSigner:
    return FoundingSigner((key(name).public_key.hex(),))
