"""Every named read against the visibility matrix: for each row, each of the cast, each read that shows the row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import pytest

from counterfoil.modules.module import PUBLIC
from counterfoil.node.reads import READS
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.primitives.codec import Decoder, encode
from counterfoil.sdk import Client, NotVisible
from counterfoil.sdk.errors import LedgerError
from counterfoil.state.receipts import Receipt
from tests.unit.node.cast import SHARE_ISIN, Cast
from tests.unit.policy.visibility_matrix import CAST, EVERYBODY, MATRIX, seen

_RECEIPT = Decoder(Receipt)
Look = Callable[[Client, Cast], object]
"""Reads something; it is seen unless the read says NotVisible, or a list lacks it. A history may be empty and seen."""


def _account(name: str) -> tuple[Look, ...]:
    return (
        lambda client, cast: client.holdings(cast.accounts[name]),
        lambda client, cast: client.proof("account", account=cast.accounts[name]),
        lambda client, cast: [
            line
            for line in client.accounts(owner=_owner(cast, name))
            if line.account_id == cast.accounts[name]
        ],
        lambda client, cast: [
            line
            for line in client.accounts(servicer=_servicer(cast, name))
            if line.account_id == cast.accounts[name]
        ],
    )


def _owner(cast: Cast, name: str) -> bytes:
    account = cast.node.machine.wired.holdings.account(cast.accounts[name])
    assert account is not None
    return account.owner


def _servicer(cast: Cast, name: str) -> bytes:
    account = cast.node.machine.wired.holdings.account(cast.accounts[name])
    assert account is not None
    return account.servicer


def as_history(look: Look) -> Look:
    """Mark a look as one that goes back through all that happened."""
    HISTORIES.append(look)
    return look


HISTORIES: list[Look] = []


def _account_history(name: str) -> tuple[Look, ...]:
    return (
        lambda client, cast: client.statement(cast.accounts[name]),
        as_history(lambda client, cast: (client.history(account=cast.accounts[name]),)),
    )


def _receipts(stakeholder: Callable[[Cast], bytes]) -> tuple[Look, ...]:
    """Those of one stakeholder, among all that the viewer's follower would fetch."""

    def look(client: Client, cast: Cast) -> object:
        return [
            shown
            for block in client.read("receipts").blocks
            for shown in block.receipts
            if _RECEIPT.trusted(shown.plaintext).stakeholder == stakeholder(cast)
        ]

    return (look,)


def _relationship(name: str) -> Callable[[Cast], bytes]:
    def found(cast: Cast) -> bytes:
        account = cast.node.machine.wired.holdings.account(cast.accounts[name])
        assert account is not None
        return account.relationship

    return found


def _name(party: str, sponsor: str = "") -> tuple[Look, ...]:
    def look(client: Client, cast: Cast) -> object:
        lines = client.parties(below=cast.parties[sponsor]) if sponsor else client.parties()
        return [line for line in lines if line.party == cast.parties[party]]

    return (look,)


def _details(party: str) -> tuple[Look, ...]:
    return (lambda client, cast: client.party_details(cast.parties[party]),)


def _party_history(party: str) -> tuple[Look, ...]:
    return (as_history(lambda client, cast: (client.history(party=cast.parties[party]),)),)


def _register(name: str) -> tuple[Look, ...]:
    return (
        lambda client, cast: client.register(getattr(cast, name)),
        lambda client, cast: client.history(instrument=getattr(cast, name)),
        lambda client, cast: client.proof("register", instrument=getattr(cast, name)),
    )


def _certificate(name: str) -> tuple[Look, ...]:
    def listed(client: Client, cast: Cast, party: bytes) -> object:
        lines = client.certificates(party)
        return [line for line in lines if line.fingerprint == cast.certificates[name]]

    return (
        lambda client, cast: listed(client, cast, b""),
        lambda client, cast: listed(client, cast, cast.parties[name]),
    )


def _instruction(name: str) -> tuple[Look, ...]:
    return (
        lambda client, cast: client.instruction(getattr(cast, name)),
        lambda client, cast: client.proof("instruction", business=getattr(cast, name)),
        lambda client, cast: [
            line for line in client.instructions() if line.instruction_id == getattr(cast, name)
        ],
        lambda client, cast: [
            line
            for line in client.instructions(account=client.instruction(getattr(cast, name)).account)
            if line.instruction_id == getattr(cast, name)
        ],
        as_history(lambda client, cast: client.history(business=getattr(cast, name))),
    )


def _client_of_a_trade(name: str) -> tuple[Look, ...]:
    def line(client: Client, cast: Cast) -> object:
        return names(client.trade(cast.client_trade.created), cast.accounts[name])

    def lines(client: Client, cast: Cast) -> object:
        found = client.trades(account=cast.accounts[name])
        return [one for one in found if one.trade_id == cast.client_trade.created]

    def proof(client: Client, cast: Cast) -> object:
        file = client.proof("trade", business=cast.client_trade.created)
        return names(file, cast.accounts[name])

    return line, lines, proof


def names(answer: object, identity: bytes) -> bool:
    """Whether an answer, or a proof file, shows an identity anywhere."""
    shown = answer if isinstance(answer, bytes) else msgspec.msgpack.encode(answer)
    return identity in shown or identity.hex().encode() in shown


def _grant(grantee: str) -> tuple[Look, ...]:
    def look(client: Client, cast: Cast) -> object:
        return [line for line in client.grants() if line.grant_id == cast.grants[grantee]]

    def ever(client: Client, cast: Cast) -> object:
        return [line for line in client.grants(past=True) if line.grant_id == cast.grants[grantee]]

    return look, ever


def _key_grant(grantee: str, *, past: bool) -> tuple[Look, ...]:
    def look(client: Client, cast: Cast) -> object:
        lines = client.key_grants(past=past)
        return [line for line in lines if (line.node, line.grantee) == cast.key_grants[grantee]]

    return (look,)


LOOKS: dict[str, tuple[Look, ...]] = {
    "what is sealed": (
        lambda client, cast: list(client.sealed_receipts()),
        lambda client, cast: client.read("sealed_blocks", first=2).blocks,
    ),
    "key epochs": (lambda client, cast: client.key_epochs(),),
    "the next key epoch, drawn up": (
        lambda client, cast: client.read("draft_key_epoch").message,
        lambda client, cast: client.read("draft_admission", node=b"n" * 20, opening_key=b"\x09" + bytes(31)),
    ),
    "terms of the equity": (
        lambda client, cast: client.instrument(cast.share),
        lambda client, cast: client.proof("terms", instrument=cast.share),
        lambda client, cast: [line for line in client.instruments() if line.label.isin == SHARE_ISIN],
        lambda client, cast: client.find(SHARE_ISIN, "instrument"),
    ),
    "rulebook of the market": (
        lambda client, cast: client.market("XMKT"),
        lambda client, cast: client.header(),
        lambda client, cast: client.proof("header"),
        lambda client, cast: client.status(),
        lambda client, cast: client.result(cast.settled_transaction),
    ),
    "name of broker-a": (*_name("broker-a"), lambda client, cast: client.find("broker-a", "party")),
    "name of broker-s": _name("broker-s"),
    "name of the issuer": _name("issuer"),
    "name of client-a": _name("client-a", "broker-a"),
    "name of applicant": _name("applicant", "broker-a"),
    "name of former": _name("former", "broker-a"),
    "details of broker-a": _details("broker-a"),
    "details of broker-s": _details("broker-s"),
    "details of client-a": _details("client-a"),
    "details of three-brokers": _details("three-brokers"),
    "details of client-s": _details("client-s"),
    "details of the issuer": _details("issuer"),
    "details of the regulator": _details("regulator"),
    "details of former": _details("former"),
    "history of former": _party_history("former"),
    "history of client-a": _party_history("client-a"),
    "verification of client-a": (lambda client, cast: client.identity(cast.parties["client-a"]),),
    "handle of client-a at broker-a": (
        lambda client, cast: client.identity(cast.parties["client-a"]).handle,
        lambda client, cast: client.identity(cast.parties["client-a"]).pointer,
    ),
    "whom broker-a has asked about": (lambda client, cast: client.identities(cast.parties["broker-a"]),),
    "person that client-a is": (
        lambda client, cast: client.person(cast.parties["client-a"]),
        lambda client, cast: client.person(cast.parties["client-o"]),
        lambda client, cast: client.person(tag=cast.tag),
    ),
    "registrars and licences": (
        lambda client, cast: client.registrars().registrars,
        lambda client, cast: client.registrars().licences,
    ),
    "authorities": (lambda client, cast: client.authorities(),),
    "certificate of the exchange's node": _certificate("exchange"),
    "certificate of broker-a": _certificate("broker-a"),
    "certificate of broker-a, by its fingerprint": (
        lambda client, cast: client.certificate(cast.certificates["broker-a"]),
    ),
    "certificate of client-o": _certificate("client-o"),
    "certificate that is not there": (
        lambda client, cast: client.certificate(bytes(32)),
        lambda client, cast: client.certificate(b"short"),
    ),
    "account of client-a": _account("client-a's"),
    "history of client-a's account": _account_history("client-a's"),
    "joint account": _account("joint"),
    "history of the joint account": _account_history("joint"),
    "account of three-brokers at broker-a": _account("three at a"),
    "account of three-brokers at broker-b": _account("three at b"),
    "account of three-brokers at the operator": _account("three at o"),
    "account of broker-a at the depository": _account("broker-a's"),
    "account of broker-b at the depository": _account("broker-b's"),
    "account of client-s": _account("client-s's"),
    "account of former": _account("former's"),
    "history of former's account": _account_history("former's"),
    "issuance account of the equity": _account("issuance"),
    "account of client-o": _account("client-o's"),
    "account that is not there": (
        lambda client, cast: client.holdings(b"n" * 20),
        lambda client, cast: client.holdings(b"short"),
        lambda client, cast: client.statement(b"n" * 20),
        lambda client, cast: client.history(account=b"n" * 20),
        lambda client, cast: client.proof("account", account=b"n" * 20),
        lambda client, cast: client.accounts(owner=b"n" * 20),
        lambda client, cast: client.instructions(account=b"n" * 20),
    ),
    "register of the equity": _register("share"),
    "register of the other equity": _register("other_share"),
    "register of the money token": _register("token"),
    "register that is not there": (
        lambda client, cast: client.register(b"n" * 20),
        lambda client, cast: client.history(instrument=b"n" * 20),
        lambda client, cast: client.proof("register", instrument=b"n" * 20),
    ),
    "trade": (
        lambda client, cast: client.trade(cast.trade),
        lambda client, cast: client.proof("trade", business=cast.trade),
        lambda client, cast: [line for line in client.trades() if line.trade_id == cast.trade],
    ),
    "history of broker-a": _party_history("broker-a"),
    "history of moved": _party_history("moved"),
    "history of client-s": _party_history("client-s"),
    "history of three-brokers": _party_history("three-brokers"),
    "history of three-brokers' account at broker-a": _account_history("three at a"),
    "history of three-brokers' account at broker-b": _account_history("three at b"),
    "history of three-brokers' account at the operator": _account_history("three at o"),
    "history of client-s's account": _account_history("client-s's"),
    "history of client-w's account": _account_history("client-w's"),
    "instruction of broker-s for client-s": _instruction("of_suspended"),
    "instruction of broker-b for moved": _instruction("of_moved"),
    "receipt for three-brokers at broker-a": _receipts(_relationship("three at a")),
    "receipt for three-brokers at the operator": _receipts(_relationship("three at o")),
    "receipt for moved at broker-a": _receipts(_relationship("moved's old")),
    "receipt for moved at broker-b": _receipts(_relationship("moved's")),
    "receipt for client-s at broker-s": _receipts(_relationship("client-s's")),
    "receipt for client-w at broker-w": _receipts(_relationship("client-w's")),
    "details of moved": _details("moved"),
    "details of broker-w": _details("broker-w"),
    "details of client-w": _details("client-w"),
    "account of client-w": _account("client-w's"),
    "old account of moved at broker-a": _account("moved's old"),
    "history of moved's old account": _account_history("moved's old"),
    "account of moved at broker-b": _account("moved's"),
    "history of moved's account": _account_history("moved's"),
    "grant to the auditor of broker-a": _grant("auditor-of-a"),
    "grant of client-a to the lender": _grant("lender"),
    "grant to the investigator of broker-b": _grant("investigator"),
    "grant of broker-a's key to its auditor": (
        *_key_grant("auditor-of-a", past=False),
        *_key_grant("auditor-of-a", past=True),
    ),
    "grant of broker-a's key that has ended": _key_grant("auditor-revoked", past=True),
    "grant of client-a's key to the lender": (
        *_key_grant("lender", past=False),
        *_key_grant("lender", past=True),
    ),
    "grant of broker-b's key to its investigator": (
        *_key_grant("investigator", past=False),
        *_key_grant("investigator", past=True),
    ),
    "reads at this node": (lambda client, cast: client.read_log(),),
    "instruction of broker-a for client-a": _instruction("sale"),
    "instruction of broker-b for itself": _instruction("purchase"),
    "trade of two clients": (
        lambda client, cast: client.trade(cast.client_trade.created),
        lambda client, cast: client.proof("trade", business=cast.client_trade.created),
        lambda client, cast: [line for line in client.trades() if line.trade_id == cast.client_trade.created],
    ),
    "its seller's client": _client_of_a_trade("client-a's"),
    "its buyer's client": _client_of_a_trade("three at b"),
    "proposal": (lambda client, cast: client.proposals(),),
    "signer of client-b": (lambda client, cast: client.signer(cast.signer),),
    "history of client-b's signer": (lambda client, cast: client.history(signer=cast.signer),),
    "receipt for client-a at broker-a": _receipts(_relationship("client-a's")),
    "receipt for the joint account": _receipts(_relationship("joint")),
    "receipt for three-brokers at broker-b": _receipts(_relationship("three at b")),
    "receipt for former at broker-a": _receipts(_relationship("former's")),
    "receipt for the issuer": _receipts(lambda cast: cast.parties["issuer"]),
    "receipt for broker-a": _receipts(lambda cast: cast.parties["broker-a"]),
    "receipt for everybody": _receipts(lambda cast: PUBLIC),
    "custody trail of broker-a": (lambda client, cast: client.custody_trail(cast.parties["broker-a"]),),
    "consortium, validators and feeds": (
        lambda client, cast: client.consortium().members,
        lambda client, cast: client.consortium().rules,
        lambda client, cast: client.consortium().known_versions,
        lambda client, cast: client.validators().height,
        lambda client, cast: client.feed("USD/EUR"),
        lambda client, cast: client.feeds(at="1") == (),
        lambda client, cast: client.proof("feed", name="USD/EUR"),
    ),
    "motion": (lambda client, cast: [line for line in client.motions() if line.motion_id == cast.motion],),
    "observation of broker-a": (lambda client, cast: client.feed("USD/EUR").waiting,),
}

BY_POLICY_ALONE = frozenset(
    {
        "receipt for a user of broker-a",
        "queues of the market",
        "how the node is",
        "how much business the node does",
        *(row for row in MATRIX if row.startswith("view key ")),
    }
)
"""Rows that no read shows by themselves; queues are looked at below, figures of a node in `test_monitoring.py`, view
keys in `tests/unit/viewkeys/test_handed.py` and `tests/unit/sdk/test_own_receipts.py`, and all by the policy's own
test."""

SHOWN_HERE = {
    *(
        "instrument",
        "instruments",
        "markets",
        "header",
        "receipts",
        "status",
        "result",
        "find",
        "parties",
        "party",
        "holdings",
    ),
    *(
        "accounts",
        "statement",
        "history",
        "register",
        "instruction",
        "instructions",
        "trade",
        "trades",
        "proposals",
    ),
    *("registrars", "identity", "identities", "person"),
    *("authorities", "certificate", "certificates"),
    *("proof", "grants", "view_key_grants", "read-log", "signer", "custody_trail"),
    *("key_epochs", "sealed_receipts", "sealed_blocks", "draft_key_epoch", "draft_admission"),
    *("consortium", "motions", "validators", "feeds"),
}
ELSEWHERE = {"personas", "view_keys", "opening_key"}
"""Personas are shown on a sandbox alone, to anybody; view keys, of which everybody has its own, in the SDK's test."""


def sees(client: Client, cast: Cast, look: Look) -> bool:
    try:
        return bool(look(client, cast))
    except NotVisible:
        return False


def test_every_row_and_every_read_is_looked_at() -> None:
    assert set(LOOKS) | BY_POLICY_ALONE == set(MATRIX)
    assert SHOWN_HERE | ELSEWHERE == set(READS)


@pytest.mark.parametrize("row", LOOKS)
def test_matrix(cast: Cast, row: str) -> None:
    for number, look in enumerate(LOOKS[row]):
        found = {viewer for viewer in CAST if sees(cast.client(viewer), cast, look)}
        assert found == seen(row, as_history=look in HISTORIES), f"read {number} of {row!r}"


INVESTIGATIONS = {
    "grant to the investigator of broker-b",
    "grant of broker-b's key to its investigator",
}
OF_THE_REGULATOR_ITSELF = {
    "details of the regulator",
    *INVESTIGATIONS,
    *("what is sealed", "the next key epoch, drawn up"),
    *(row for row in MATRIX if MATRIX[row] == EVERYBODY),
}


@pytest.mark.parametrize("row", sorted(set(LOOKS) - OF_THE_REGULATOR_ITSELF))
def test_every_look_from_above_leaves_a_trace(cast: Cast, row: str) -> None:
    """Whatever the regulator sees of others, by whichever read, the log of reads says so; and of nothing else."""
    client, log = cast.client("regulator"), cast.node.read_log
    for number, look in enumerate(LOOKS[row]):
        before = log.head.entries
        shown = sees(client, cast, look)
        bases = {use.basis for entry in log.entries(before + 1) for use in entry.uses}
        assert bases == ({"SUPERVISION"} if shown else set()), f"read {number} of {row!r}"


def test_what_is_public_or_its_own_leaves_the_regulator_no_trace(cast: Cast) -> None:
    before = cast.node.read_log.head.entries
    for row in OF_THE_REGULATOR_ITSELF & set(LOOKS) - INVESTIGATIONS:
        for look in LOOKS[row]:
            assert sees(cast.client("regulator"), cast, look)
    read = {entry.read for entry in cast.node.read_log.entries(before + 1)}
    together = {"parties", "receipts", "feeds", "certificates"}
    assert read <= together, (
        "only the members, their certificates, a block's receipts and what observers said show others too"
    )


def test_the_history_of_a_motion_is_what_its_members_were_told(cast: Cast) -> None:
    """To whom a member shows its business, it shows what it was told as a member too."""

    def look(client: Client, cast: Cast) -> object:
        return client.history(business=cast.motion)

    assert {viewer for viewer in CAST if sees(cast.client(viewer), cast, look)} == {
        *seen("motion"),
        "auditor-of-a",
    }


def test_who_sees_how_many_instructions_wait(cast: Cast) -> None:
    """The regulator; an operator where it runs all markets, and not where others run some."""
    waiting = {viewer: bool(cast.client(viewer).status().waiting) for viewer in CAST}
    assert [viewer for viewer, shown in waiting.items() if shown] == ["regulator"]


def test_a_revoked_or_expired_grant_is_gone(cast: Cast) -> None:
    live = {line.grant_id for line in cast.client("regulator").grants()}
    ended = {cast.grants["auditor-revoked"], cast.grants["auditor-expired"]}
    assert live == set(cast.grants.values()) - ended
    before = cast.client("regulator").grants(at=cast.granted_height)
    assert {line.grant_id for line in before} == set(cast.grants.values())


def test_grants_that_ended_are_listed_with_their_end(cast: Cast) -> None:
    client = cast.client("broker-a")
    ended = {line.grant_id: line.ended_height for line in client.grants(past=True)}
    assert ended[cast.grants["auditor-revoked"]] > cast.granted_height
    assert ended[cast.grants["auditor-expired"]] >= cast.granted_height
    assert ended[cast.grants["auditor-of-a"]] == 0


def test_grants_of_view_keys_as_of_now_and_of_the_past(cast: Cast) -> None:
    client, ended = cast.client("regulator"), cast.key_grants["auditor-revoked"]
    everything = set(cast.key_grants.values())
    live = {(line.node, line.grantee) for line in client.key_grants()}
    assert live == everything - {ended}
    before = {(line.node, line.grantee) for line in client.key_grants(at=cast.keys_granted_height)}
    assert before == everything
    assert client.key_grants(at=cast.granted_height) == ()
    found = {(line.node, line.grantee): line for line in client.key_grants(past=True)}
    assert found.keys() == everything
    assert found[ended].ended_height == cast.keys_granted_height + 1
    lent = found[cast.key_grants["lender"]]
    assert (lent.owner, lent.servicer) == (cast.parties["client-a"], cast.parties["broker-a"])
    assert (lent.purpose, lent.reason, lent.ended_height) == ("DISCLOSURE", "In the matrix.", 0)


@pytest.mark.parametrize(
    ("viewer", "shown"),
    [("client-a", True), ("broker-a", True), ("issuer", True), ("depository", True), ("broker-b", False)],
)
def test_a_holding_is_proven_to_whoever_sees_account_or_register(
    cast: Cast, viewer: str, shown: bool
) -> None:
    def look(client: Client, cast: Cast) -> object:
        return client.proof("holding", account=cast.accounts["client-a's"], instrument=cast.share)

    assert sees(cast.client(viewer), cast, look) is shown


@pytest.mark.parametrize(("viewer", "shown"), [("client-a", True), ("broker-a", True), ("issuer", False)])
def test_absence_is_proven_to_whoever_sees_the_account(cast: Cast, viewer: str, shown: bool) -> None:
    def look(client: Client, cast: Cast) -> object:
        return client.proof("no-holding", account=cast.accounts["client-a's"], instrument=cast.other_share)

    assert sees(cast.client(viewer), cast, look) is shown


def everything_about(client: Client, cast: Cast) -> Iterator[object]:
    """Every answer in which the trades of two clients could stand, as far as the viewer gets one."""
    deals = [cast.client_trade, *cast.client_deals]
    objects = [one for deal in deals for one in deal.objects]
    asked: list[Callable[[], object]] = [client.trades, client.instructions]
    for one in objects:
        asked += [
            partial(client.trade, one),
            partial(client.instruction, one),
            partial(client.history, business=one),
            partial(client.proof, "trade", business=one),
            partial(client.proof, "instruction", business=one),
        ]
    for deal in deals:
        asked.append(partial(client.proof, "receipt", business=deal.id, at=deal.height))
    for name in ("broker-a's", "broker-b's", "three at a", "joint"):
        asked.append(partial(client.history, account=cast.accounts[name]))
    for ask in asked:
        try:
            yield ask()
        except LedgerError:
            continue


@pytest.mark.parametrize("row", ["its seller's client", "its buyer's client"])
def test_no_read_tells_a_side_who_the_others_client_was(cast: Cast, row: str) -> None:
    """Whichever way the trade came onto the ledger: histories, receipts and proofs included.

    Beside the row's, only they learn of an account who read the register on which it stands, or its own past.
    """
    account = cast.accounts["client-a's" if "seller" in row else "three at b"]
    told = {
        viewer
        for viewer in CAST
        if any(names(answer, account) for answer in everything_about(cast.client(viewer), cast))
    }
    row_of = seen(row)
    otherwise = seen("register of the equity") | seen("register of the money token")
    if "seller" in row:
        otherwise |= seen("history of client-a's account", as_history=True)
    assert told - (otherwise - row_of) == row_of


def test_not_there_and_not_yours_give_the_same_answer(cast: Cast) -> None:
    client = cast.client("client-a")
    problems = []
    for identity in (cast.accounts["three at b"], b"n" * 20, b"", b"x" * 1_000):
        with pytest.raises(NotVisible) as caught:
            client.holdings(identity)
        problems.append(caught.value.problem)
    for business in (cast.purchase, b"n" * 32):
        with pytest.raises(NotVisible) as caught:
            client.instruction(business)
        problems.append(caught.value.problem)
    assert all(problem == problems[0] for problem in problems)
    assert problems[0].number == 1090
    assert problems[0].facts == {}


def test_a_person_that_is_not_there_is_as_one_that_is_not_yours(cast: Cast) -> None:
    problems = []
    for viewer, look in (
        ("registrar", {"tag": bytes(32)}),
        ("registrar", {"tag": b"short"}),
        ("registrar", {"party": cast.parties["client-b"]}),
        ("broker-a", {"party": cast.parties["client-a"]}),
        ("broker-a", {"tag": cast.tag}),
        ("client-a", {"party": cast.parties["client-a"]}),
    ):
        with pytest.raises(NotVisible) as caught:
            cast.client(viewer).person(**look)
        problems.append(caught.value.problem)
    assert all(problem == problems[0] for problem in problems)


def test_an_agent_sees_its_own_handle_and_no_other_agents_party(cast: Cast) -> None:
    lines = cast.client("broker-a").identities(cast.parties["broker-a"])
    assert [line.party for line in lines] == [cast.parties["client-a"]]
    both = {line.party for line in cast.client("registrar").person(tag=cast.tag)}
    assert both == {cast.parties["client-a"], cast.parties["client-o"]}


def test_no_answer_or_receipt_of_an_agent_has_a_tag_or_a_person_in_it(cast: Cast) -> None:
    person = cast.node.machine.wired.identities.person_of(cast.parties["client-a"])
    assert person is not None
    for viewer, shown in (("broker-a", False), ("client-a", False), ("registrar", True)):
        client = cast.client(viewer)
        told = encode(client.history(party=cast.parties[viewer]))
        assert (cast.tag in told) is shown
        assert person not in told


def test_an_investor_is_not_found_by_name(cast: Cast) -> None:
    """Names of investors are not public: asking for one is like asking for nobody."""
    for client in (cast.nobody, cast.client("regulator")):
        for name in ("client-a", "nobody at all"):
            with pytest.raises(LedgerError) as caught:
                client.find(name, "party")
            assert caught.value.name == "NAME_IS_UNKNOWN"


def test_a_text_stands_for_itself(cast: Cast) -> None:
    text = to_text(AddressKind.ACCOUNT, cast.accounts["client-a's"])
    assert cast.nobody.account_id(text) == cast.accounts["client-a's"]
    with pytest.raises(LedgerError):
        cast.nobody.party_id(text)
