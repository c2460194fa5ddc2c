"""The visibility matrix as of a past moment: rights are those of now; a grant shows the time that it names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from counterfoil.modules.grants.facts import ViewGranted
from counterfoil.node.reads import READS
from counterfoil.node.reads_base import AsOf
from counterfoil.sdk import Client, LedgerError, NotVisible, StreamItem
from tests.unit.node.cast import Cast
from tests.unit.policy.visibility_matrix import CAST, GRANTEES, MATRIX

AsOfLook = Callable[[Client, Cast, int], object]


def _account(name: str) -> tuple[AsOfLook, ...]:
    def owned(client: Client, cast: Cast, at: int) -> object:
        account = cast.node.machine.wired.holdings.account(cast.accounts[name])
        assert account is not None
        lines = client.accounts(owner=account.owner, at=at)
        return [line for line in lines if line.account_id == cast.accounts[name]]

    return (
        lambda client, cast, at: client.holdings(cast.accounts[name], at),
        lambda client, cast, at: client.proof("account", account=cast.accounts[name], at=at),
        lambda client, cast, at: client.statement(cast.accounts[name], since=at, until=at),
        owned,
    )


def _register(name: str) -> tuple[AsOfLook, ...]:
    return (
        lambda client, cast, at: client.register(getattr(cast, name), at),
        lambda client, cast, at: client.proof("register", instrument=getattr(cast, name), at=at),
    )


def _certificate(name: str) -> tuple[AsOfLook, ...]:
    return (
        lambda client, cast, at: [
            line
            for line in client.certificates(cast.parties[name], at=at)
            if line.fingerprint == cast.certificates[name]
        ],
    )


LOOKS: dict[str, tuple[AsOfLook, ...]] = {
    "account of client-a": _account("client-a's"),
    "joint account": _account("joint"),
    "account of three-brokers at broker-a": _account("three at a"),
    "account of three-brokers at broker-b": _account("three at b"),
    "account of broker-a at the depository": _account("broker-a's"),
    "account of client-s": _account("client-s's"),
    "account of client-w": _account("client-w's"),
    "account of moved at broker-b": _account("moved's"),
    "old account of moved at broker-a": _account("moved's old"),
    "register of the equity": _register("share"),
    "register of the other equity": _register("other_share"),
    "register of the money token": _register("token"),
    "details of broker-a": (lambda client, cast, at: client.party_details(cast.parties["broker-a"], at),),
    "details of client-a": (lambda client, cast, at: client.party_details(cast.parties["client-a"], at),),
    "name of client-a": (
        lambda client, cast, at: [
            line
            for line in client.parties(below=cast.parties["broker-a"], at=at)
            if line.party == cast.parties["client-a"]
        ],
    ),
    "instruction of broker-a for client-a": (
        lambda client, cast, at: client.instruction(cast.sale, at),
        lambda client, cast, at: client.proof("instruction", business=cast.sale, at=at),
    ),
    "instruction of broker-b for itself": (
        lambda client, cast, at: client.instruction(cast.purchase, at),
        lambda client, cast, at: client.proof("instruction", business=cast.purchase, at=at),
    ),
    "trade": (
        lambda client, cast, at: client.trade(cast.trade, at),
        lambda client, cast, at: client.proof("trade", business=cast.trade, at=at),
    ),
    "signer of client-b": (lambda client, cast, at: client.signer(cast.signer, at),),
    "custody trail of broker-a": (
        lambda client, cast, at: client.custody_trail(cast.parties["broker-a"], at),
    ),
    "verification of client-a": (lambda client, cast, at: client.identity(cast.parties["client-a"], at),),
    "handle of client-a at broker-a": (
        lambda client, cast, at: client.identity(cast.parties["client-a"], at).handle,
    ),
    "whom broker-a has asked about": (
        lambda client, cast, at: client.identities(cast.parties["broker-a"], at=at),
    ),
    "registrars and licences": (lambda client, cast, at: client.registrars(at).licences,),
    "authorities": (lambda client, cast, at: client.authorities(at),),
    "certificate of the exchange's node": _certificate("exchange"),
    "certificate of broker-a": _certificate("broker-a"),
    "certificate of client-o": _certificate("client-o"),
    "certificate of broker-a, by its fingerprint": (
        lambda client, cast, at: client.certificate(cast.certificates["broker-a"], at),
    ),
    "terms of the equity": (
        lambda client, cast, at: client.instrument(cast.share, at),
        lambda client, cast, at: [
            line for line in client.instruments(at) if line.label.instrument_id == cast.share
        ],
        lambda client, cast, at: client.proof("terms", instrument=cast.share, at=at),
    ),
    "rulebook of the market": (
        lambda client, cast, at: client.markets(at),
        lambda client, cast, at: client.header(at),
    ),
    "consortium, validators and feeds": (
        lambda client, cast, at: client.consortium(at=at).members,
        lambda client, cast, at: client.validators(at=at).height,
        lambda client, cast, at: client.feeds(at=at),
    ),
}
ELSEWHERE = {"grants", "view_key_grants"}
"""test_reads_visibility.py asks for grants of the past."""


def sees(client: Client, cast: Cast, at: int, look: AsOfLook) -> bool:
    try:
        return bool(look(client, cast, at))
    except NotVisible:
        return False


def expected(cast: Cast, row: str, at: int) -> set[str]:
    """As now; and the auditor of the past sees what the auditor of the present does, as of its own time."""
    past = {"auditor-of-the-past"} if at <= cast.past_height and row in GRANTEES["auditor-of-a"] else set()
    return set(MATRIX[row].split()) | {who for who, rows in GRANTEES.items() if row in rows} | past


@pytest.mark.parametrize("row", LOOKS)
def test_matrix_as_of_the_past(cast: Cast, row: str) -> None:
    for at in (cast.past_height, cast.past_height + 1, cast.node.height):
        for number, look in enumerate(LOOKS[row]):
            found = {viewer for viewer in CAST if sees(cast.client(viewer), cast, at, look)}
            assert found == expected(cast, row, at), f"read {number} of {row!r} as of {at}"


def test_every_read_that_goes_back_is_looked_at() -> None:
    going_back = {name for name, read in READS.items() if issubclass(read.params, AsOf)}
    looked_at = {
        *("accounts", "holdings", "register", "instruction", "trade", "party", "parties", "proof"),
        *("instrument", "instruments", "markets", "header", "signer", "custody_trail"),
        *("identity", "identities", "registrars", "authorities", "certificate", "certificates"),
        *("consortium", "validators", "feeds"),
    }
    assert going_back == looked_at | ELSEWHERE


def test_the_past_begins_and_ends_where_the_grant_says(cast: Cast) -> None:
    auditor, account = cast.client("auditor-of-the-past"), cast.accounts["client-a's"]
    opened = cast.client("client-a").holdings(account).account.opened_height
    shown = []
    for height in range(1, cast.node.height + 1):
        try:
            shown.append(auditor.holdings(account, height).moment.height)
        except NotVisible:
            continue
    assert shown == list(range(opened, cast.past_height + 1))
    with pytest.raises(NotVisible):
        auditor.statement(account)
    with pytest.raises(NotVisible):
        auditor.statement(account, since=cast.past_height)
    statement = auditor.statement(account, until=cast.past_height)
    assert statement.postings
    assert statement.moment.height == cast.past_height
    assert statement.balanced
    entries = auditor.history(account=account)
    assert entries
    assert max(entry.height for entry in entries) <= cast.past_height
    owner = cast.client("client-a").history(account=account)
    assert [entry.height for entry in entries] == [
        entry.height for entry in owner if entry.height <= cast.past_height
    ]


def test_a_stream_of_the_past_ends_with_it(cast: Cast) -> None:
    def told(viewer: str) -> list[StreamItem]:
        items = list(cast.client(viewer).watch(0, cast.accounts["client-a's"], follow=False))
        return [item for item in items if not any(isinstance(fact, ViewGranted) for fact in item.facts)]

    past, present = told("auditor-of-the-past"), told("auditor-of-a")
    assert past == [item for item in present if item.height <= cast.past_height]
    assert 0 < len(past) <= len(present)


@pytest.mark.parametrize("at", ["0", "99999", "2031-01-01", "9999-12-31T00:00:00Z", "2024-01-02T08:00:00"])
def test_moments_that_there_are_not_tell_nothing(cast: Cast, at: str) -> None:
    """The refusal of a moment is the same for what is there, what is not, and whoever asks."""
    told = set()
    for viewer in ("client-a", "client-b", "auditor-of-the-past", "regulator"):
        for account in (cast.accounts["client-a's"], b"n" * 20):
            with pytest.raises(LedgerError) as refused:
                cast.client(viewer).holdings(account, at, "XMKT")
            assert refused.value.name != "NOT_VISIBLE"
            told.add(str(refused.value))
    assert len(told) == 1
