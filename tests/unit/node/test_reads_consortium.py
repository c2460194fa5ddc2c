"""What members are told of the ledger's own affairs: who decides, who approved, what is scheduled, who validates."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from counterfoil.machine.feed_items import make_feed_item
from counterfoil.modules.consortium.messages import ApproveMotion
from counterfoil.modules.feeds.records import FEED_VALUES, FEEDS, FeedValue
from counterfoil.modules.parties.messages import RotateKeys, SuspendParty
from counterfoil.modules.validators.records import ValidatorSet
from counterfoil.node.ledger import memory_ledger
from counterfoil.node.personas import CONSORTIUM, sandbox_genesis
from counterfoil.primitives.signatures import KeyPolicy
from counterfoil.sdk import Client, LedgerError, LocalConnection, NotVisible, messages, recipes
from counterfoil.verify import Trust, verify_proof
from counterfoil.verify.light.encoding import address_of_validator
from tests.model.desk import Desk, by, party
from tests.model.opening import DAY_MS, Opening, consensus_key, double_signed, stranger
from tests.unit.feeds.votes import FOUR, bare, observed, validating

REGULATOR, DEPOSITORY, EXCHANGE, BANK = (party(name) for name in CONSORTIUM)


@pytest.fixture
def opening() -> Opening:
    return Opening().everything()


def client_of(desk: Desk, name: str = "") -> Client:
    connection = LocalConnection(desk.node)
    return Client(connection, *by(name), party=party(name)) if name else Client(connection)


def test_members_and_rules(opening: Opening) -> None:
    desk = opening.desk
    desk.carry(
        messages.SetWeight(REGULATOR, 0),
        messages.SetDecisionRule(1600, 1, 2, 2, (messages.Role.REGULATOR,)),
        messages.SetDecisionRule(0, 2, 3, 2),
    )
    found = client_of(desk).consortium()
    weights = {line.party: (line.name, line.weight, line.active) for line in found.members}
    assert weights[REGULATOR] == ("Regulator", 0, True)
    assert weights[BANK] == ("Central Bank", 1, True)
    every, adding = found.rules
    assert (every.message, every.numerator, every.denominator, every.approvals) == ("every other", 2, 3, 2)
    assert (adding.message, adding.roles) == ("AddValidator", ("REGULATOR",))
    assert adding.indispensable == (REGULATOR,)
    assert set(every.indispensable) == {DEPOSITORY, EXCHANGE, BANK}, (
        "with three of a weight, two thirds need all"
    )
    desk.do(SuspendParty(REGULATOR, BANK, "An inquiry."), *by("regulator"))
    assert [line.active for line in client_of(desk).consortium().members if line.party == BANK] == [False]
    past = client_of(desk).consortium(at=2)
    assert {line.weight for line in past.members} == {1}


def test_what_is_scheduled_is_seen_by_everybody_and_whether_ones_own_program_knows_it(
    opening: Opening,
) -> None:
    desk = opening.desk
    before = desk.height
    assert client_of(desk).consortium().scheduled is None
    desk.carry(messages.ScheduleUpgrade(REGULATOR, 2, 1_000))
    found = client_of(desk).consortium()
    assert found.scheduled is not None
    assert (found.scheduled.version, found.scheduled.from_height) == (2, 1_000)
    assert (found.in_force.version, found.known_versions) == (1, (1,))
    assert client_of(desk).consortium(at=before).scheduled is None


def test_members_see_who_has_approved_and_who_is_awaited(opening: Opening) -> None:
    desk = opening.desk
    lines = {line.motion_id: line for line in client_of(desk, "exchange").motions()}
    line = lines[opening.objects["motion"]]
    assert (line.messages, line.brought_by) == (("SetCalendar",), EXCHANGE)
    assert (line.weight, line.all_weight) == (1, 4)
    assert [(given.party, given.counts) for given in line.given] == [(EXCHANGE, True)]
    assert set(line.awaited) == {REGULATOR, DEPOSITORY, BANK}
    desk.do(ApproveMotion((BANK,), line.motion_id), *by("central-bank"))
    maker, new = by("exchange")[0], stranger("new")
    desk.do(RotateKeys(maker.address, KeyPolicy(1, (new.public_key,))), maker)
    line = next(one for one in client_of(desk, "regulator").motions() if one.motion_id == line.motion_id)
    assert [(given.party, given.counts) for given in line.given if given.party != BANK] == [(EXCHANGE, False)]
    assert EXCHANGE in line.awaited
    assert line.weight == 1
    for stranger_to_it in ("notary", "broker-a", ""):
        assert client_of(desk, stranger_to_it).motions() == ()


def test_validators_now_then_and_to_come(opening: Opening) -> None:
    desk = opening.desk
    client = client_of(desk)
    height = desk.height
    found = client.validators()
    assert found.height == height + 1
    assert {line.power for line in found.in_force} == {10}
    assert len(found.in_force) == 4
    status = {line.name: (line.status, line.power) for line in found.validators}
    assert status["Broker B"] == ("SUSPENDED", 0)
    assert status["Broker A"] == ("ACTIVE", 10)
    (report,) = found.misbehaviours
    assert (report.party, report.kind, report.suspended) == (party("broker-b"), "DUPLICATE_VOTE", True)
    assert report.consensus_address == address_of_validator(consensus_key("broker-b").public_key)
    desk.carry(messages.SetVotingPower(party("broker-a"), 11))
    assert client.validators().in_force == found.in_force, "of the block that comes next"
    assert client.validators(height=desk.height + 2).in_force[0].power == 11
    assert client.validators(height=2).in_force == ()
    assert not client.validators(at=2).validators
    with pytest.raises(LedgerError):
        client.validators(height=-1)


def test_feeds_with_ones_own_observations(opening: Opening) -> None:
    desk = opening.desk
    line = client_of(desk, "exchange").feed("USD/EUR")
    assert (line.unit, line.scale, line.observers, line.made_by) == ("EUR per USD", 4, (), 0)
    assert [(one.party, one.value) for one in line.waiting] == [(EXCHANGE, 9_200)]
    assert client_of(desk, "depository").feed("USD/EUR").waiting == ()
    for name in ("regulator", "depository"):
        desk.do(messages.Observe(party(name), "USD/EUR", 9_300, desk.time_ms), *by(name))
    made = client_of(desk).feed("USD/EUR")
    assert (made.value, made.made_by, made.height, made.stale) == (9_300, 3, desk.height, False)
    desk.pass_time(3 * DAY_MS)
    desk.do(messages.Observe(party("exchange"), "USD/EUR", 9_300, desk.next_time_ms()), *by("exchange"))
    assert client_of(desk).feed("USD/EUR").stale
    with pytest.raises(LedgerError):
        client_of(desk).feed("NO-SUCH")


def test_what_happened_to_a_validator_is_in_its_partys_history(opening: Opening) -> None:
    desk = opening.desk
    desk.decide(double_signed("broker-a", desk.height - 1, desk.time_ms))
    told = [
        type(fact).__name__
        for entry in client_of(desk, "broker-a").history(party=party("broker-a"))
        for fact in entry.facts
    ]
    assert "ValidatorAdded" in told
    assert told[-1] == "MisbehaviourRecorded"


def test_a_block_with_a_feed_item_has_its_authors_in_the_history() -> None:
    """The item is no bundle, and who signed the transactions beside it is found all the same."""
    desk = validating()
    commit = observed(desk, dict.fromkeys(FOUR, 9_200))
    ask = messages.GrantMandate(party("broker-a"), stranger("clerk").address)
    raw = desk.transaction(ask, *by("broker-a"))
    desk.decide(feed_item=make_feed_item(commit), last_commit=bare(commit), raws=[raw])
    entries = client_of(desk, "broker-a").history(party=party("broker-a"))
    assert entries[-1].messages == ("GrantMandate",)


def test_a_feeds_value_and_a_validator_set_are_proven_to_a_stranger(opening: Opening) -> None:
    """Now and as of a past block; before there was any there is nothing to prove."""
    desk = opening.desk
    client, trust = client_of(desk), Trust.in_genesis(desk.node.genesis_bytes)
    for name in ("regulator", "depository"):
        desk.do(messages.Observe(party(name), "USD/EUR", 9_300, desk.time_ms), *by(name))
    made = desk.height
    desk.carry(messages.SetVotingPower(party("broker-a"), 11))
    feed = verify_proof(client.proof("feed", name="USD/EUR"), trust)
    assert [one.table for one in feed.records] == [FEEDS.number, FEED_VALUES.number]
    value = msgspec.msgpack.decode(feed.records[1].value, type=FeedValue)
    assert (value.value, value.observers, value.height) == (9_300, 3, made)
    before = verify_proof(client.proof("feed", name="USD/EUR", at=made - 1), trust)
    assert [one.table for one in before.records] == [FEEDS.number]
    desk.carry(messages.SetVotingPower(party("broker-a"), 12))
    desk.carry(messages.SetVotingPower(party("broker-a"), 13))
    for at in (made, desk.height):
        (record,) = verify_proof(client.proof("validators", at=at), trust).records
        found = msgspec.msgpack.decode(record.value, type=ValidatorSet)
        assert found.entries == desk.machine.validators(at)
    for kind, name, at in (("feed", "NO-SUCH", ""), ("feed", "", ""), ("validators", "", 2)):
        with pytest.raises(NotVisible):
            client.proof(kind, name=name, at=at)


# The same by the SDK, on a running engine


@pytest.fixture
def clients() -> Iterator[dict[str, Client]]:
    node = memory_ledger(sandbox_genesis())
    names = (*CONSORTIUM, "trustee", "notary")
    yield {name: Client(LocalConnection(node), *by(name), party=party(name)) for name in names}
    node.close()


def test_a_motion_and_a_feed_by_the_sdks_recipes(clients: dict[str, Client]) -> None:
    exchange, bank, depository = (clients[name] for name in ("exchange", "central-bank", "depository"))
    observers = [clients[name] for name in ("exchange", "trustee", "notary")]
    until = exchange.time_ms() + DAY_MS
    feed = recipes.feed("USD/EUR", "EUR per USD", 4, observers=observers)
    motion_id = exchange.send(
        recipes.motion([exchange, bank], feed, expires_ms=until), cosigners=[bank]
    ).created
    (line,) = depository.motions()
    assert (line.motion_id, line.weight, line.messages) == (motion_id, 2, ("DefineFeed",))
    depository.send(messages.ApproveMotion((depository.party,), motion_id))
    assert depository.motions() == ()
    for client, value in zip(observers, (9_100, 9_300, 9_200), strict=True):
        client.send(messages.Observe(client.party, "USD/EUR", value, client.time_ms()))
    assert bank.feed("USD/EUR").value == 9_200
