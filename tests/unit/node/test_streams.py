"""Live reads: who is told what, from which position, by which right; and what ends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.grants.facts import ViewGranted
from counterfoil.modules.holdings.facts import EarmarkPlaced, EarmarkReduced, Posting
from counterfoil.modules.settlement.facts import (
    DeliverySettled,
    InstructionAccepted,
    InstructionCancelled,
    InstructionMatched,
)
from counterfoil.modules.trades.facts import TradeRecorded
from counterfoil.node import streams
from counterfoil.node.streams import Position
from counterfoil.primitives.codec import Fact
from counterfoil.sdk import Client, LedgerError, LocalConnection, Sandbox, StreamItem, messages, recipes
from counterfoil.sdk.messages import Purpose
from tests.unit.node.cast import Cast

DAY_MS = 86_400_000
PUBLIC_FACTS = {
    *("MarketOpened", "DayOpened", "InstrumentAnnounced", "TermsInForce", "InstrumentStatusChanged"),
    *("AssetAccepted", "TermsAmended", "CalendarSet", "FeedDefined"),
    *("IdentityRegistrarAppointed", "LicenceRecorded", "AuthorityNamed"),
    "CertificateRecorded",  # of a node
    "ViewKeysChanged",
}


@pytest.fixture(scope="module")
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def since(client: Client, height: int, about: bytes = b"") -> list[StreamItem]:
    return list(client.watch(height, about, follow=False))


def facts(items: list[StreamItem]) -> list[Fact]:
    return [fact for item in items for fact in item.facts]


def kinds(client: Client, height: int, about: bytes = b"") -> list[str]:
    return [type(fact).__name__ for fact in facts(since(client, height, about))]


def transfer(ledger: Sandbox, reference: str, quantity: int = 5) -> int:
    """Broker A's client sells to broker B; the height before."""
    before = ledger.node.height
    a, b, made = ledger.client("broker-a"), ledger.client("broker-b"), ledger.seeded
    sides = {"seller": (a, ledger.account("investor-a")), "buyer": (b, ledger.account("broker-b"))}
    ask = recipes.dvp(
        made.market,
        reference,
        ledger.today,
        **sides,
        instrument=made.share,
        quantity=quantity,
        asset=made.euro,
        amount=100_00,
    )
    a.send(ask, cosigners=[b])
    return before


def test_each_side_is_told_its_own(ledger: Sandbox) -> None:
    before = transfer(ledger, "S-1")
    seller, buyer = (
        facts(since(ledger.client("broker-a"), before)),
        facts(since(ledger.client("broker-b"), before)),
    )
    moved = {
        side: {fact.account_id for fact in told if isinstance(fact, Posting)}
        for side, told in (("seller", seller), ("buyer", buyer))
    }
    assert moved == {"seller": {ledger.account("investor-a")}, "buyer": {ledger.account("broker-b")}}
    (item,) = since(ledger.client("broker-a"), before)
    assert (item.height, item.time_ms) == (ledger.node.height, ledger.node.machine.last.time_ms)


def test_an_issuer_follows_its_register_and_nothing_of_other_issuers(ledger: Sandbox) -> None:
    before = transfer(ledger, "S-2")
    postings = [one for one in facts(since(ledger.client("issuer-a"), before)) if isinstance(one, Posting)]
    assert {one.instrument_id for one in postings} == {ledger.seeded.share}
    assert {one.account_id for one in postings} == {ledger.account("investor-a"), ledger.account("broker-b")}
    assert since(ledger.client("issuer-b"), before) == []
    registrar = [one for one in facts(since(ledger.client("depository"), before)) if isinstance(one, Posting)]
    assert {one.instrument_id for one in registrar} >= {ledger.seeded.share}


def test_a_regulator_sees_all_each_once(ledger: Sandbox) -> None:
    before = transfer(ledger, "S-3")
    (item,) = since(ledger.client("regulator"), before)
    postings = [one for one in item.facts if isinstance(one, Posting)]
    assert len(postings) == 4
    assert len(set(item.facts)) == len(item.facts)


def test_strangers_and_siblings_see_what_is_public(ledger: Sandbox) -> None:
    before = transfer(ledger, "S-4")
    for client in (Client(ledger.connect()), ledger.client("investor-b"), ledger.client("notary")):
        assert since(client, before) == []
    begun = kinds(Client(ledger.connect()), 0)
    assert set(begun) <= PUBLIC_FACTS
    assert "MarketOpened" in begun


def test_a_client_is_told_what_its_broker_does_for_it(ledger: Sandbox) -> None:
    """Facts that name an instruction alone belong to whose it is."""
    before = ledger.node.height
    broker, made = ledger.client("broker-a"), ledger.seeded
    ask = messages.Instruct(
        market=made.market,
        party=broker.party,
        account=ledger.account("investor-a"),
        movement=messages.Movement.DELIVER,
        method=messages.Method.DVP,
        instrument_id=made.share,
        quantity=3,
        counterparty=ledger.client("broker-b").party,
        trade_date=ledger.today,
        settlement_date=ledger.today,
        reference="FOR-CLIENT",
        asset=made.euro,
        amount=30_00,
    )
    instruction = broker.send(ask).created
    entered = ledger.node.height
    broker.send(messages.Cancel(instruction))
    client = ledger.client("investor-a")
    assert kinds(client, before) == ["InstructionAccepted", "InstructionPending", "InstructionCancelled"]
    assert kinds(client, entered) == ["InstructionCancelled"]
    assert kinds(client, before, instruction) == kinds(client, before)
    assert kinds(client, before, ledger.account("investor-a")) == kinds(client, before)
    assert kinds(client, before, made.bond) == []
    assert since(ledger.client("broker-b"), before) == []
    assert kinds(ledger.client("depository"), before) == kinds(client, before)  # it operates the market


def test_an_operator_follows_its_market_and_no_balances(cast: Cast) -> None:
    """The exchange runs the market where all business of the cast is done, and keeps no register and no account.

    It is a member of the consortium too, which the other exchange is not.
    """
    for viewer in ("exchange", "other-exchange"):
        told = {type(fact).__name__ for fact in facts(since(cast.client(viewer), 0))} - PUBLIC_FACTS
        business = {"TradeRecorded", "DeliverySettled"}
        business |= {"InstructionAccepted", "InstructionMatched", "InstructionPending"}
        motions = {"MotionProposed", "MotionApproved", "MotionCarried"} if viewer == "exchange" else set()
        assert told - {"ViewGranted"} - motions == (business if viewer == "exchange" else set())
    deliveries = [one for one in facts(since(cast.client("exchange"), 0)) if type(one) is DeliverySettled]
    assert {one.market for one in deliveries} == {"XMKT"}


# ---- positions ----


def test_a_stream_goes_on_after_any_position(ledger: Sandbox) -> None:
    before = transfer(ledger, "S-6")
    broker = ledger.client("broker-a")
    quantity = messages.PlaceEarmark(ledger.account("broker-a"), ledger.seeded.share, 1)
    drafts = [broker.draft(quantity).sign(*broker.keys) for _ in range(5)]
    broker.submit_many(drafts)
    whole = since(broker, before)
    assert len(whole) == 6
    for at, item in enumerate(whole):
        assert list(broker.watch(item.position, follow=False)) == whole[at + 1 :]
    assert since(broker, ledger.node.height) == []


def test_long_blocks_and_long_gaps_come_in_batches(ledger: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ledger.node.height
    broker = ledger.client("broker-a")
    quantity = messages.PlaceEarmark(ledger.account("broker-a"), ledger.seeded.share, 1)
    broker.submit_many([broker.draft(quantity).sign(*broker.keys) for _ in range(7)])
    whole = since(broker, 0)
    for items_max, blocks_max in ((2, 64), (500, 1), (1, 1)):
        monkeypatch.setattr(streams, "ITEMS_MAX", items_max)
        monkeypatch.setattr(streams, "BLOCKS_MAX", blocks_max)
        assert since(broker, 0) == whole
        assert [item.position for item in since(broker, before)] == [
            item.position for item in whole if item.height > before
        ]


@pytest.mark.parametrize("after", [Position(10**6), Position(-7), Position(3, -1), Position(3, 2**40)])
def test_positions_that_there_are_not(ledger: Sandbox, after: Position) -> None:
    with pytest.raises(LedgerError) as refused:
        list(ledger.client("broker-a").watch(after, follow=False))
    assert refused.value.name == "MOMENT_IS_NOT_ON_RECORD"


def test_a_stream_knows_how_far_it_was_read(ledger: Sandbox) -> None:
    before = transfer(ledger, "S-7")
    transfer(ledger, "S-8")
    transfer(ledger, "S-9")
    with ledger.client("broker-a").watch(before, follow=False) as stream:
        assert stream.position == Position(before)
        first = next(stream)
        assert stream.position == first.position
        list(stream)
        assert stream.position == Position(ledger.node.height)
    idle = ledger.client("issuer-b").watch(before, follow=False)
    assert list(idle) == []
    assert idle.position == Position(ledger.node.height)


# ---- rights are asked when it is served ----


def granted(ledger: Sandbox, owner: str, grantee: str, account: bytes, **period: int) -> bytes:
    client = ledger.client(owner)
    until_ms = client.time_ms() + DAY_MS
    ask = recipes.show(
        client, ledger.client(grantee), until_ms, purpose=Purpose.DISCLOSURE, account=account, **period
    )
    return client.send(ask).created


def test_a_grant_opens_a_stream_and_its_end_closes_it(ledger: Sandbox) -> None:
    account = ledger.account("investor-a")
    lender = ledger.client("trustee")
    grant = granted(ledger, "investor-a", "trustee", account)
    opened = ledger.node.height
    with lender.watch(opened, account, follow=False) as before_the_end:
        transfer(ledger, "S-10")
        told = next(before_the_end)
        assert all(fact.account_id == account for fact in told.facts if isinstance(fact, Posting))
    seen = facts(since(lender, opened, account))
    # The share's posting, and that of the money, whose issuer the lender is; both of the account alone.
    assert {type(fact).__name__ for fact in seen} == {"Posting", "DeliverySettled"}
    ledger.client("investor-a").send(messages.RevokeView(ledger.client("investor-a").party, grant))
    left = [fact for fact in facts(since(lender, opened, account)) if isinstance(fact, Posting)]
    assert {fact.instrument_id for fact in left} == {ledger.seeded.euro}


def test_a_period_bounds_a_stream(ledger: Sandbox) -> None:
    account, lender = ledger.account("investor-b"), ledger.client("notary")
    regulator = ledger.client("regulator")
    before = ledger.node.height
    heights, times = [], []
    for number in range(3):
        broker = ledger.client("broker-b")
        broker.send(messages.PlaceEarmark(account, ledger.seeded.share, number + 1))
        heights.append(ledger.node.height)
        times.append(broker.header().moment.time_ms)
    ask = recipes.show(
        regulator,
        lender,
        regulator.time_ms() + DAY_MS,
        purpose=Purpose.INVESTIGATION,
        account=account,
        period_from_ms=times[1],
        period_until_ms=times[2],
    )
    grant = regulator.send(ask).created
    told = since(lender, before)
    assert [item.height for item in told if not isinstance(item.facts[0], ViewGranted)] == [heights[1]]
    regulator.send(messages.RevokeView(regulator.party, grant))
    assert [type(item.facts[0]).__name__ for item in since(lender, before)] == ["ViewGranted", "ViewRevoked"]


def test_one_account_of_a_relationship_is_not_the_other(ledger: Sandbox) -> None:
    """Two accounts of one client at one broker share their receipts; whoever may see one is told of that one."""
    broker, client = ledger.client("broker-a"), ledger.client("investor-a")
    kind = messages.AccountKind.SEGREGATED
    second = broker.send(messages.OpenAccount(client.party, broker.party, kind)).created
    first, share = ledger.account("investor-a"), ledger.seeded.share
    granted(ledger, "investor-a", "notary", second)
    before = ledger.node.height
    a, b, made = ledger.client("broker-a"), ledger.client("broker-b"), ledger.seeded
    for reference, account in (("R-1", first), ("R-2", second)):
        sides = {"seller": (b, ledger.account("broker-b")), "buyer": (a, account)}
        cash = {"buyer_cash": first}
        ask = recipes.dvp(
            made.market,
            reference,
            ledger.today,
            **sides,
            **cash,
            instrument=share,
            quantity=1,
            asset=made.euro,
            amount=1_00,
        )
        a.send(ask, cosigners=[b])
    earmark = broker.send(messages.PlaceEarmark(second, share, 1)).created
    other = broker.send(messages.PlaceEarmark(first, share, 1)).created
    broker.send(messages.ReleaseEarmark(other))
    broker.send(messages.ReleaseEarmark(earmark))
    told = facts(since(ledger.client("notary"), before))
    assert {fact.account_id for fact in told if isinstance(fact, Posting | EarmarkPlaced)} == {second}
    reduced = [fact.earmark_id for fact in told if isinstance(fact, EarmarkReduced)]
    assert reduced == [earmark]


def test_a_mandate_that_ends_ends_the_stream() -> None:
    with Sandbox() as ledger:
        broker = ledger.client("broker-a")
        user = SandboxKey.from_name(b"a clerk of the broker", "clerk")
        broker.send(messages.GrantMandate(broker.party, user.address, (900,), ()))
        clerk = Client(LocalConnection(ledger.node), user, party=broker.party)
        stream = clerk.watch(0, follow=True)
        next(stream)
        assert clerk.holdings(ledger.account("broker-a")).balances
        broker.send(messages.RevokeMandate(broker.party, user.address))
        for look in (
            lambda: list(clerk.watch(0, follow=False)),
            lambda: clerk.holdings(ledger.account("broker-a")),
            lambda: clerk.status(),
        ):
            with pytest.raises(LedgerError) as refused:
                look()
            assert refused.value.name == "NOT_RECOGNISED"


def test_replaced_keys_must_show_themselves_anew() -> None:
    with Sandbox() as ledger:
        broker = ledger.client("broker-a")
        old, new = broker.keys[0], SandboxKey.from_name(b"another key of the broker", "new")
        held = Client(LocalConnection(ledger.node), old, party=broker.party)
        policy = messages.single_key(new.public_key)
        broker.send(messages.RotateKeys(old.address, policy))
        with pytest.raises(LedgerError) as refused:
            held.holdings(ledger.account("broker-a"))
        assert refused.value.name == "NOT_RECOGNISED"


# ---- it is logged ----


def test_what_a_stream_shows_of_others_is_logged(ledger: Sandbox) -> None:
    log = ledger.node.read_log
    before = transfer(ledger, "S-11")
    first = log.head.entries + 1
    since(ledger.client("broker-b"), before)
    since(ledger.client("issuer-a"), before)
    assert list(log.entries(first)) == []
    since(ledger.client("regulator"), before)
    since(ledger.client("broker-a"), before)
    regulator, custodian = log.entries(first)
    assert (regulator.read, regulator.uses[0].basis) == ("watch", "SUPERVISION")
    assert (custodian.viewer, custodian.uses[0].basis) == (ledger.client("broker-a").party, "CUSTODY")
    assert since(ledger.client("regulator"), ledger.node.height) == []
    assert log.head.entries == first + 1


def test_facts_of_a_trade_go_to_both_sides_and_the_venue(ledger: Sandbox) -> None:
    before = ledger.node.height
    a, b, made = ledger.client("broker-a"), ledger.client("broker-b"), ledger.seeded
    terms = messages.TradeTerms(
        trade_reference="T-STREAM",
        venue=made.market,
        execution_time_ms=ledger.time_ms,
        trade_date=ledger.today,
        instrument_id=made.share,
        quantity=1,
        price=1,
        price_scale=0,
        amount=1,
        asset=made.euro,
        seller=a.party,
        buyer=b.party,
    )
    a.send(messages.RecordTrade(terms=terms, recorder=a.party))
    for viewer, sees in (
        ("broker-a", True),
        ("broker-b", True),
        ("depository", True),
        ("regulator", True),
        ("investor-a", False),
        ("issuer-a", False),
        ("exchange", False),
    ):
        told = facts(since(ledger.client(viewer), before))
        assert any(isinstance(fact, TradeRecorded) for fact in told) is sees, viewer


def test_matching_tells_neither_side_of_the_others_instruction(ledger: Sandbox) -> None:
    before = ledger.node.height
    a, b, made = ledger.client("broker-a"), ledger.client("broker-b"), ledger.seeded
    common = {
        "market": made.market,
        "method": messages.Method.DVP,
        "instrument_id": made.share,
        "quantity": 2,
        "trade_date": ledger.today,
        "settlement_date": ledger.today,
        "asset": made.euro,
        "amount": 2_00,
    }
    a.send(
        messages.Instruct(
            party=a.party,
            account=ledger.account("broker-a"),
            movement=messages.Movement.DELIVER,
            counterparty=b.party,
            reference="A-SIDE",
            hold=True,
            **common,
        )
    )
    b.send(
        messages.Instruct(
            party=b.party,
            account=ledger.account("broker-b"),
            movement=messages.Movement.RECEIVE,
            counterparty=a.party,
            reference="B-SIDE",
            **common,
        )
    )
    for client, account in ((a, "broker-a"), (b, "broker-b")):
        told = facts(since(client, before))
        accepted = [fact for fact in told if isinstance(fact, InstructionAccepted)]
        assert [fact.account for fact in accepted] == [ledger.account(account)]
        matched = [fact for fact in told if isinstance(fact, InstructionMatched)]
        assert [fact.instruction_id for fact in matched] == [accepted[0].instruction_id]
        assert not any(isinstance(fact, InstructionCancelled) for fact in told)
