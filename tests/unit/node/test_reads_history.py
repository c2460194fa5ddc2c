"""Histories: who did what, when, by which transaction; and that nobody reads there what is another's."""

from __future__ import annotations

import msgspec
import pytest

from counterfoil.modules.holdings.facts import AccountClosed, AccountOpened, Posting
from counterfoil.modules.instruments.facts import InstrumentAnnounced
from counterfoil.modules.parties.facts import PartyStatusChanged
from counterfoil.modules.settlement.facts import DeliverySettled, InstructionAccepted
from counterfoil.node.reads import history
from counterfoil.node.reads_history import HistoryEntry, HistoryOf
from counterfoil.node.receipts_of import identities_in
from counterfoil.sdk import LedgerError, NotVisible
from tests.unit.node.cast import Cast, key


def kinds(entries: list[HistoryEntry]) -> list[str]:
    return [type(fact).__name__ for entry in entries for fact in entry.facts]


def named(entries: list[HistoryEntry]) -> set[bytes]:
    """Every identity that a history shows anywhere."""
    return {
        *(one for entry in entries for fact in entry.facts for one in identities_in(fact)),
        *(one for entry in entries for author in entry.authors for one in (author.signer, author.party)),
    }


def test_an_account_from_opening_to_close(cast: Cast) -> None:
    entries = cast.client("former").history(account=cast.accounts["former's"])
    assert isinstance(entries[0].facts[0], AccountOpened)
    assert isinstance(entries[-1].facts[-1], AccountClosed)
    assert kinds(entries).count("Posting") == 2
    assert [entry.height for entry in entries] == sorted(entry.height for entry in entries)
    assert all(entry.time_ms and len(entry.action) == 32 and not entry.by_ledger for entry in entries)


def test_facts_of_a_settlement_stand_in_both_accounts_histories(cast: Cast) -> None:
    for who, account in (("client-a", "client-a's"), ("broker-b", "broker-b's")):
        entries = cast.client(who).history(account=cast.accounts[account])
        (settled,) = [entry for entry in entries if entry.action == cast.settled.id]
        assert [type(fact) for fact in settled.facts].count(Posting) == 2
        assert any(isinstance(fact, DeliverySettled) for fact in settled.facts)
        assert settled.height == cast.settled.height


def test_an_account_shows_nothing_of_the_owners_other_accounts(cast: Cast) -> None:
    """client-a's two accounts share a relationship; the joint holder of the one is nobody to the other."""
    entries = cast.client("joint-holder").history(account=cast.accounts["joint"])
    assert entries
    shown = named(entries)
    assert cast.accounts["joint"] in shown
    assert cast.accounts["client-a's"] not in shown
    assert cast.settled.id not in {entry.action for entry in entries}


def test_a_file_of_many_shows_each_its_own(cast: Cast) -> None:
    """One allotment went to seven accounts in one transaction; each reads of its own line alone."""
    for who, account in (
        ("client-a", "client-a's"),
        ("three-brokers", "three at b"),
        ("broker-b", "three at b"),
    ):
        entries = cast.client(who).history(account=cast.accounts[account])
        (allotted,) = [entry for entry in entries if entry.action == cast.allotted.id]
        others = {identity for name, identity in cast.accounts.items() if name != account}
        assert not named([allotted]) & others


def test_who_asked_is_shown_to_those_who_may_know(cast: Cast) -> None:
    broker, account = cast.client("broker-a"), cast.accounts["former's"]
    by_broker = broker.history(account=account)[-1]
    assert by_broker.messages == ("CloseAccount",)
    assert (key("broker-a").address, broker.party) in {(one.signer, one.party) for one in by_broker.authors}
    by_owner = cast.client("former").history(account=account)[-1]
    assert (by_owner.authors, by_owner.messages, by_owner.results) == ((), (), ())
    by_regulator = cast.client("regulator").history(account=account)[-1]
    assert {one.signer for one in by_regulator.authors} == {one.signer for one in by_broker.authors}


def test_an_instrument_from_announcement_on(cast: Cast) -> None:
    entries = cast.client("issuer").history(instrument=cast.share)
    assert isinstance(entries[0].facts[0], InstrumentAnnounced)
    assert {"IssueRegistered", "InstrumentStatusChanged", "AllotmentMade", "Posting"} <= set(kinds(entries))
    assert cast.token not in {
        getattr(fact, "instrument_id", b"") for entry in entries for fact in entry.facts
    }
    assert cast.client("depository").history(instrument=cast.share)[0].facts == entries[0].facts


def test_a_party_from_admission_to_end(cast: Cast) -> None:
    steps = [
        fact for entry in cast.client("former").history(party=cast.parties["former"]) for fact in entry.facts
    ]
    assert [fact.after.name for fact in steps if isinstance(fact, PartyStatusChanged)] == [
        "WINDING_DOWN",
        "TERMINATED",
    ]


def test_an_instruction_and_a_trade_that_are_over_are_found_by_their_identity(cast: Cast) -> None:
    trade, delivery, receipt = cast.settled.objects
    for who in ("client-a", "broker-a", "broker-b", "depository", "exchange", "regulator"):
        for identity in (trade, delivery, receipt):
            entries = cast.client(who).history(business=identity)
            assert [entry.action for entry in entries] == [cast.settled.id], who
    for who in ("nobody", "client-b", "other-client-a", "other-exchange", "issuer", "auditor"):
        with pytest.raises(NotVisible):
            cast.client(who).history(business=trade)


def test_an_instruction_of_one_side_is_not_the_others(cast: Cast) -> None:
    entries = cast.client("broker-b").history(business=cast.purchase)
    assert isinstance(entries[0].facts[0], InstructionAccepted)
    with pytest.raises(NotVisible):
        cast.client("broker-a").history(business=cast.purchase)


def test_a_history_comes_in_pages_and_spans(cast: Cast) -> None:
    client, account = cast.client("broker-a"), cast.accounts["client-a's"]
    whole = client.history(account=account)
    pages, first = [], 0
    while True:
        page = client.ask(history, HistoryOf(account=account, limit=1, first_height=first))
        pages += page.entries
        first = page.next_height
        if not first:
            break
    assert pages == whole
    middle = whole[len(whole) // 2].height
    assert client.history(account=account, first_height=middle)[0].height == middle
    assert client.history(account=account, last_height=middle)[-1].height == middle


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"account": b"a" * 20, "party": b"p" * 20},
        {"account": b"a" * 20, "limit": 0},
        {"party": b"p" * 20, "first_height": -1},
    ],
)
def test_what_a_history_cannot_be_asked(cast: Cast, wrong: dict[str, object]) -> None:
    with pytest.raises(LedgerError) as caught:
        cast.client("regulator").read("history", **wrong)
    assert caught.value.name == "PARAMETERS_ARE_WRONG"


@pytest.mark.parametrize("who", ["client-a", "broker-b", "issuer", "regulator"])
def test_receipts_are_proven_to_those_they_are_for(cast: Cast, who: str) -> None:
    file = cast.client(who).proof("receipt", business=cast.settled.id, at=cast.settled.height)
    shown = bytes.fromhex("".join(msgspec.json.decode(file)["receipts"][0]["plaintext"].split()))
    assert cast.settled.id in shown
    for other in ("client-b", "other-exchange", "nobody", "stranger"):
        with pytest.raises(NotVisible):
            cast.client(other).proof("receipt", business=cast.settled.id, at=cast.settled.height)
