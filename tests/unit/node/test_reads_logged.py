"""Which reads leave a trace in the node's log, and what it says; recording on the ledger how far the log is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.node.read_log import LogTampered, ReadEntry
from counterfoil.node.read_log_recording import ENTRIES_UNRECORDED_MAX, Recorder
from counterfoil.node.reads_log import check_read_log
from counterfoil.node.refusals import NodeRefusal
from counterfoil.sdk import Client, LedgerError, NotVisible, Sandbox, messages, recipes
from counterfoil.storage.errors import StorageFull

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


class Traces:
    """What one thing that a client does leaves in the log."""

    def __init__(self, ledger: Sandbox) -> None:
        self.log = ledger.node.read_log
        self.since = self.log.head.entries

    def new(self) -> list[ReadEntry]:
        found = list(self.log.entries(self.since + 1))
        self.since = self.log.head.entries
        return found

    def bases(self) -> list[str]:
        return [use.basis for entry in self.new() for use in entry.uses]


@pytest.fixture
def traces(ledger: Sandbox) -> Traces:
    return Traces(ledger)


def test_ones_own_and_what_is_public_leaves_no_trace(ledger: Sandbox, traces: Traces) -> None:
    broker, issuer, share = ledger.client("broker-a"), ledger.client("issuer-a"), ledger.seeded.share
    broker.holdings(ledger.account("broker-a"))
    broker.statement(ledger.account("broker-a"))
    broker.history(account=ledger.account("broker-a"))
    broker.proof("account", account=ledger.account("broker-a"))
    broker.accounts(owner=broker.party)
    issuer.register(share)
    issuer.proof("register", instrument=share)
    for client in (broker, Client(ledger.connect())):
        client.parties()
        client.instrument(share)
        client.markets()
        client.header()
        client.proof("terms", instrument=share)
    ledger.client("regulator").status()
    assert traces.new() == []


def test_custody_leaves_a_trace(ledger: Sandbox, traces: Traces) -> None:
    broker, account = ledger.client("broker-a"), ledger.account("investor-a")
    broker.holdings(account)
    (entry,) = traces.new()
    (use,) = entry.uses
    assert (entry.viewer, entry.signer, entry.read) == (broker.party, broker.keys[0].address, "holdings")
    assert (use.basis, use.purpose, use.grant) == ("CUSTODY", "", b"")
    assert [(one.kind, one.about) for one in use.looked] == [("AccountContents", (account,))]
    assert entry.height == ledger.node.height
    broker.statement(account)
    broker.history(account=account)
    broker.proof("account", account=account)
    broker.accounts(servicer=broker.party)
    broker.instructions()
    # Its own account lies at the depository, so that only the clients' are in its custody.
    assert [entry.read for entry in traces.new()] == ["statement", "history", "proof", "accounts"]


def test_supervision_leaves_a_trace(ledger: Sandbox, traces: Traces) -> None:
    regulator, account, share = ledger.client("regulator"), ledger.account("broker-b"), ledger.seeded.share
    regulator.holdings(account)
    regulator.register(share)
    regulator.party_details("Broker A")
    regulator.history(instrument=share)
    regulator.proof("register", instrument=share)
    regulator.accounts(owner=ledger.client("broker-b").party)
    entries = traces.new()
    names = ["holdings", "register", "party", "history", "proof", "accounts"]
    assert [entry.read for entry in entries] == names
    assert {use.basis for entry in entries for use in entry.uses} == {"SUPERVISION"}


def test_an_office_leaves_a_trace(ledger: Sandbox, traces: Traces) -> None:
    ledger.client("depository").register(ledger.seeded.share)
    assert traces.bases() == ["OFFICE"]
    ledger.client("data-protection").read_log()
    assert traces.bases() == ["OFFICE"]


def test_a_grant_leaves_a_trace_with_its_purpose(ledger: Sandbox, traces: Traces) -> None:
    owner, lender = ledger.client("investor-b"), ledger.client("broker-a")
    account = ledger.account("investor-b")
    until_ms = owner.time_ms() + DAY_MS
    ask = recipes.show(owner, lender, until_ms, purpose=messages.Purpose.DISCLOSURE, account=account)
    grant = owner.send(ask).created
    lender.holdings(account)
    (entry,) = traces.new()
    (use,) = entry.uses
    assert (use.basis, use.purpose, use.grant) == ("GRANT", "DISCLOSURE", grant)
    owner.send(messages.RevokeView(owner.party, grant))
    with pytest.raises(NotVisible):
        lender.holdings(account)
    assert traces.new() == []


def test_what_is_hidden_leaves_none_but_why_something_cannot_be_proven_does(
    ledger: Sandbox, traces: Traces
) -> None:
    stranger, regulator = ledger.client("broker-b"), ledger.client("regulator")
    account = ledger.account("investor-a")
    for look in (stranger.holdings, stranger.statement):
        with pytest.raises(NotVisible):
            look(account)
    assert traces.new() == []
    with pytest.raises(LedgerError) as refused:
        regulator.proof("no-holding", account=account, instrument=ledger.seeded.share)
    assert refused.value.name == NodeRefusal.CANNOT_BE_PROVEN.name
    assert traces.bases() == ["SUPERVISION"]


def test_what_cannot_be_logged_is_not_shown(
    ledger: Sandbox, monkeypatch: pytest.MonkeyPatch, traces: Traces
) -> None:
    def full(*_: object) -> None:
        raise StorageFull(Path("reads"))

    monkeypatch.setattr(ledger.node.read_log._volumes.newest, "append", full)
    regulator = ledger.client("regulator")
    for look in (
        lambda: regulator.holdings(ledger.account("broker-b")),
        lambda: regulator.register(ledger.seeded.share),
        lambda: regulator.proof(
            "no-holding", account=ledger.account("broker-b"), instrument=ledger.seeded.share
        ),
    ):
        with pytest.raises(LedgerError) as refused:
            look()
        assert refused.value.name == "READ_CANNOT_BE_LOGGED"
        assert refused.value.facts == {}
    assert ledger.client("broker-b").holdings(ledger.account("broker-b")).balances
    assert traces.new() == []


def test_it_is_written_before_it_is_told(ledger: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer exists only after the entry does."""
    order: list[str] = []
    ledger.client("regulator").holdings(ledger.account("broker-a"))  # so that there is a volume
    volume, log = ledger.node.read_log._volumes.newest, ledger.node.read_log
    sync, note = volume.sync, log.note
    monkeypatch.setattr(volume, "sync", lambda: (order.append("durable"), sync())[1])
    monkeypatch.setattr(log, "note", lambda *asked: (note(*asked), order.append("noted"))[0])
    ledger.client("regulator").holdings(ledger.account("broker-b"))
    order.append("told")
    assert order == ["durable", "noted", "told"]


def test_pages_of_the_log(ledger: Sandbox) -> None:
    regulator, guard = ledger.client("regulator"), ledger.client("data-protection")
    for _ in range(5):
        regulator.holdings(ledger.account("broker-b"))
    page = guard.read_log(1, 3)
    assert [entry.number for entry in page.entries] == [1, 2, 3]
    assert page.next == 4
    assert page.total == page.entries[-1].number + (page.total - 3)
    assert page.node == guard.status().node
    last = guard.read_log(page.total)
    assert last.next in (0, page.total + 2)
    assert guard.read_log(10**9).entries == ()
    for first, limit in ((0, 1), (1, 0), (1, 1_001)):
        with pytest.raises(LedgerError) as refused:
            guard.read_log(first, limit)
        assert refused.value.name == "PARAMETERS_ARE_WRONG"


# ---- how far it is, on the ledger ----


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def mandated(ledger: Sandbox) -> Recorder:
    broker = ledger.client("broker-a")
    broker.send(recipes.node_of(broker, ledger.node.sealer.address))
    return Recorder(ledger.node, broker.party)


def test_a_node_records_its_log_by_its_own_key(own: Sandbox) -> None:
    recorder = mandated(own)
    assert not recorder.is_due()
    own.client("regulator").holdings(own.account("broker-b"))
    assert recorder.is_due()
    height = recorder.record()
    assert height == own.node.height
    assert not recorder.is_due()
    page = own.client("data-protection").read_log()
    (recording,) = page.recorded
    assert (recording.party, recording.height, recording.entries) == (
        own.client("broker-a").party,
        height,
        1,
    )
    first, last, recorded = check_read_log(own.node)
    assert (first.entries, last.entries, recorded) == (0, 2, page.recorded)


def test_it_is_recorded_when_a_day_turns_or_much_was_read(own: Sandbox) -> None:
    recorder, regulator = mandated(own), own.client("regulator")
    regulator.holdings(own.account("broker-b"))
    recorder.record()
    regulator.holdings(own.account("broker-b"))
    assert not recorder.is_due()
    own.advance_to_day_close()
    assert recorder.is_due()
    recorder.record()
    for _ in range(ENTRIES_UNRECORDED_MAX):
        assert not recorder.is_due()
        regulator.holdings(own.account("broker-b"))
    assert recorder.is_due()
    recorder.record()
    assert [one.entries for one in check_read_log(own.node)[2]] == [1, 2, 2 + ENTRIES_UNRECORDED_MAX]


def test_without_a_mandate_nothing_is_recorded(own: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(own.node, own.client("broker-a").party)
    own.client("regulator").holdings(own.account("broker-b"))
    assert recorder.record() == 0
    assert recorder.record() == 0
    assert recorder.is_due()
    assert caplog.messages == [
        "how far the log of reads is cannot be recorded on the ledger: SIGNER_IS_NOT_AUTHORISED"
    ]
    assert check_read_log(own.node)[2] == ()


def test_the_nodes_mandate_is_for_nothing_else(own: Sandbox) -> None:
    """Its key lies on the node: whoever takes it may record heads that do not fit, and no more."""
    mandated(own)
    broker, account = own.client("broker-a"), own.account("broker-a")
    mandate = next(
        user.mandate
        for user in broker.party_details(broker.party).users
        if user.user == own.node.sealer.address
    )
    assert mandate.message_types == (1002,)
    assert not mandate.accepted
    with pytest.raises(NotVisible):
        Client(own.connect(), own.node.sealer, party=b"").holdings(account)


def test_a_recorder_at_work(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.node.read_log_recording.LOOK_SECONDS", 0.01)
    with mandated(own):
        own.client("regulator").holdings(own.account("broker-b"))
        for _ in range(500):
            if check_read_log(own.node)[2]:
                break
            own.client("regulator").status()
    assert [one.entries for one in check_read_log(own.node)[2]] == [1]


def test_a_log_that_was_rewritten_does_not_fit_the_ledger(own: Sandbox) -> None:
    recorder, regulator = mandated(own), own.client("regulator")
    for _ in range(3):
        regulator.holdings(own.account("broker-b"))
    recorder.record()
    blocks = own.node.read_log._volumes.newest._blocks
    blocks.pop()
    with pytest.raises(LogTampered, match="3 were recorded"):
        check_read_log(own.node)
