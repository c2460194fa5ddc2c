"""Who signed: of every transaction of a day with every message, and to whom it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.parties import queries as parties
from counterfoil.modules.parties.records import MANDATES, PARTIES
from counterfoil.node.authors import Author, authors_of
from counterfoil.node.reads_base import reading, time_of
from counterfoil.node.reads_history import HistoryEntry, transactions_of
from counterfoil.node.receipts_of import receipts_of_block
from counterfoil.node.told import ToldBlock
from counterfoil.node.viewer import Viewer
from counterfoil.primitives.codec import Fact, Message
from counterfoil.sdk import Client, LocalConnection, Sandbox, messages
from counterfoil.sdk.sandbox import MARKET, SHARE_ISIN
from tests.model.desk import Desk, party
from tests.unit.node.cast import Cast, key
from tests.vectors.golden_market import market_day


@pytest.fixture(scope="module")
def day() -> Desk:
    return market_day()[0]


def told_in(desk: Desk, who: str) -> Iterator[tuple[tuple[Message, ...], tuple[bytes, ...], list[Author]]]:
    """(messages, signers, authors as `who` is told) of every transaction that told something."""
    node = desk.node
    for height in range(1, node.height + 1):
        block = ToldBlock(node, height, time_of(node, height), receipts_of_block(node, height))
        facts: dict[bytes, list[Fact]] = {}
        for found in block.found:
            facts.setdefault(found.receipt.action, []).extend(found.facts)
        for action, signed in transactions_of(node, height).items():
            if action in facts:
                with reading(node, Viewer(party(who))) as view:
                    authors = authors_of(view, signed, facts[action], block)
                yield signed.messages, signed.signers, list(authors.found)


def test_every_signer_is_told_with_its_party_to_a_regulator(day: Desk) -> None:
    """Whoever has none is no member's signer and nobody's user: an account's, a node's, an approver's own address, or
    an investor's that asked about its keys alone."""
    books = day.books()
    members = {member for _, member in parties.members(day.node.state)}
    of_parties = {record.signer for key, record in books[PARTIES.number].items() if key in members}
    of_users = {key[20:] for key in books[MANDATES.number]}
    seen, users = 0, 0
    for asked, signers, authors in told_in(day, "regulator"):
        assert [author.signer for author in authors] == list(dict.fromkeys(signers)), asked
        for author in authors:
            seen += 1
            users += author.by_user
            record = day.node.state.find(PARTIES, author.party) if author.party else None
            if not author.party:
                assert author.signer not in of_parties | of_users, asked
            elif record is not None:
                assert (record.signer == author.signer) is not author.by_user
    assert seen > 400
    assert users > 50, "a maker and a checker sign what two must look at"


def test_nobody_else_is_told_the_address_of_a_party_that_it_is_not_over(day: Desk) -> None:
    for who in ("broker-a", "issuer-a", "exchange"):
        shown = [author for _, _, authors in told_in(day, who) for author in authors]
        assert any(author.signer for author in shown), who
        with reading(day.node, Viewer(party(who))) as view:
            for author in shown:
                if author.signer:
                    assert author.party == party(who) or view.policy._is_above(party(who), author.party)


# ---- in histories ----


def entry(client: Client, action: bytes, **of: bytes) -> HistoryEntry:
    (found,) = [one for one in client.history(**of) if one.action == action]
    return found


def test_both_sides_of_a_settlement_read_of_each_other(cast: Cast) -> None:
    """The terms that each was told name the other; its address, and what it asked beside, are its own."""
    a, b = cast.parties["broker-a"], cast.parties["broker-b"]
    trade = cast.settled.objects[0]
    told = entry(cast.client("broker-a"), cast.settled.id, business=trade)
    assert set(told.authors) == {Author(key("broker-a").address, a), Author(b"", b)}
    assert told.messages == ("InstructBoth",)
    by_regulator = entry(cast.client("regulator"), cast.settled.id, business=trade)
    assert set(by_regulator.authors) == {
        Author(key("broker-a").address, a),
        Author(key("broker-b").address, b),
    }


def test_an_owner_reads_that_its_servicer_acted_and_not_what_else_it_asked(cast: Cast) -> None:
    told = entry(cast.client("client-a"), cast.settled.id, account=cast.accounts["client-a's"])
    assert set(told.authors) == {Author(b"", cast.parties["broker-a"]), Author(b"", cast.parties["broker-b"])}
    assert told.messages == ()
    assert told.results == ()


def test_an_issuer_reads_on_its_register_of_nobody_who_traded(cast: Cast) -> None:
    told = entry(cast.client("issuer"), cast.settled.id, instrument=cast.share)
    assert told.facts
    assert (told.authors, told.messages, told.results) == ((), (), ())


def test_all_who_signed_a_registration_are_told_to_each_of_them(cast: Cast) -> None:
    (registered,) = [
        one
        for one in cast.client("issuer").history(instrument=cast.share)
        if "IssueRegistered" in {type(fact).__name__ for fact in one.facts}
    ]
    assert {author.party for author in registered.authors} == {
        cast.parties[name] for name in ("issuer", "regulator", "notary")
    }
    assert {author.party for author in registered.authors if author.signer} == {cast.parties["issuer"]}


def test_who_opened_the_day_is_public(cast: Cast) -> None:
    (announced,) = [
        one
        for one in cast.client("issuer").history(instrument=cast.share)
        if "InstrumentAnnounced" in {type(fact).__name__ for fact in one.facts}
    ]
    assert announced.authors == (Author(b"", cast.parties["depository"]),)


# ---- users ----

SEED = b"users of the tests of authors"


@pytest.fixture
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def user(name: str) -> SandboxKey:
    return SandboxKey.from_name(SEED, name)


def instructed(ledger: Sandbox, signer: SandboxKey, reference: str) -> bytes:
    """A delivery of broker-a's that waits, signed by a user of its; its transaction."""
    broker, other = ledger.client("broker-a"), ledger.client("broker-b")
    ask = messages.Instruct(
        market=MARKET,
        party=broker.party,
        account=ledger.account("broker-a"),
        movement=messages.Movement.DELIVER,
        method=messages.Method.FREE,
        instrument_id=broker.instrument_id(SHARE_ISIN),
        quantity=1,
        counterparty=other.party,
        trade_date=ledger.today,
        settlement_date=ledger.today,
        reference=reference,
    )
    return Client(LocalConnection(ledger.node), signer, party=broker.party).send(ask).id


@pytest.mark.parametrize("accepted", [False, True])
def test_a_user_is_told_as_a_user_of_its_party(ledger: Sandbox, accepted: bool) -> None:
    broker, clerk = ledger.client("broker-a"), user(f"clerk {accepted}")
    ask = messages.GrantMandate(broker.party, clerk.address, (900,), ())
    broker.send(ask, cosigners=[clerk] if accepted else [])
    action = instructed(ledger, clerk, f"BY-{accepted}")
    for who in ("broker-a", "regulator"):
        told = entry(ledger.client(who), action, account=ledger.account("broker-a"))
        assert told.authors == (Author(clerk.address, broker.party, by_user=True),)
        assert told.messages == ("Instruct",)


def test_a_user_is_still_told_when_its_mandate_is_over(ledger: Sandbox) -> None:
    broker, clerk = ledger.client("broker-a"), user("dismissed")
    broker.send(messages.GrantMandate(broker.party, clerk.address, (900,), ()))
    action = instructed(ledger, clerk, "BEFORE")
    broker.send(messages.RevokeMandate(broker.party, clerk.address))
    told = entry(broker, action, account=ledger.account("broker-a"))
    assert told.authors == (Author(clerk.address, broker.party, by_user=True),)


def test_naming_somebody_elses_user_does_not_tell_what_it_signs(ledger: Sandbox) -> None:
    """broker-b, the counterparty, has named broker-a's user as its own; it did not accept."""
    broker, other, clerk = ledger.client("broker-a"), ledger.client("broker-b"), user("claimed")
    broker.send(messages.GrantMandate(broker.party, clerk.address, (900,), ()), cosigners=[clerk])
    other.send(messages.GrantMandate(other.party, clerk.address, (900,), ()))
    action = instructed(ledger, clerk, "CLAIMED")
    assert entry(broker, action, account=ledger.account("broker-a")).authors == (
        Author(clerk.address, broker.party, by_user=True),
    )
    seen = [one for one in other.history(account=ledger.account("broker-b")) if one.action == action]
    assert all(author.signer != clerk.address for one in seen for author in one.authors)


def test_a_user_named_by_two_that_accepted_neither_is_told_to_neither(ledger: Sandbox) -> None:
    broker, other, clerk = ledger.client("broker-a"), ledger.client("broker-b"), user("disputed")
    for one in (broker, other):
        one.send(messages.GrantMandate(one.party, clerk.address, (900,), ()))
    action = instructed(ledger, clerk, "DISPUTED")
    told = entry(broker, action, account=ledger.account("broker-a"))
    assert (told.authors, told.messages) == ((), ())
    (by_regulator,) = entry(ledger.client("regulator"), action, account=ledger.account("broker-a")).authors
    assert by_regulator.signer == clerk.address
