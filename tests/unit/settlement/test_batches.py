"""Net batches: loaded in parts, their digest signed, settled all or none; the arithmetic against Python's integers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.modules.holdings.interface import AccountKind, Posting
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement import legs
from counterfoil.modules.settlement.facts import (
    BatchCancelled,
    BatchLapsed,
    BatchLoaded,
    BatchSettled,
)
from counterfoil.modules.settlement.interface import BatchChunk, batch_digest
from counterfoil.modules.settlement.legs import (
    CHUNKS_MAX,
    LEGS_PER_CHUNK_MAX,
    Denominations,
    check_chunk,
    first_undeliverable,
    net,
)
from counterfoil.modules.settlement.messages import CancelBatch, LoadBatch, OpenBatch, SettleBatch
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.outcome import RejectCode, Rejected
from tests.unit.settlement.messages import both
from tests.unit.settlement.world import (
    MARKET,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    World,
    account,
    instrument,
    party,
    told,
)

Leg = tuple[bytes, bytes, int]
NOTHING = b"nothing".ljust(32)
EVERYBODY = ("depository", "seller", "buyer", "third")


def pack(moves: Sequence[Leg]) -> BatchChunk:
    """One part of a batch, as a clearing house packs it."""
    accounts = sorted({move[0] for move in moves})
    instruments = sorted({move[1] for move in moves})
    return BatchChunk(
        accounts=b"".join(accounts),
        instruments=b"".join(instruments),
        account_index=np.array([accounts.index(move[0]) for move in moves], dtype="<u4").tobytes(),
        instrument_index=np.array([instruments.index(move[1]) for move in moves], dtype="<u2").tobytes(),
        quantity=np.array([move[2] for move in moves], dtype="<i8").tobytes(),
    )


def leg(holder: str, what: str, quantity: int) -> Leg:
    return account(holder), instrument(what), quantity


SALE = pack([leg("seller's", "share", -100), leg("buyer's", "share", 100), leg("buyer's", "usd", -5_000)])
PAYMENT = pack([leg("seller's", "usd", 4_000), leg("third's", "usd", 1_000)])
OPEN = OpenBatch(MARKET, party("depository"), "N-1", MONDAY, 2)


@pytest.fixture
def world() -> World:
    world = World()
    world.give("seller's", "share", 1_000)
    world.give("buyer's", "usd", 5_000)
    world.end_block()
    return world


def load(world: World, *chunks: BatchChunk, **changes: Any) -> bytes:
    ask = msgspec.structs.replace(OPEN, chunks=len(chunks), **changes)
    batch_id = world.act(ask, "depository").created[0]
    for number, chunk in enumerate(chunks):
        world.act(LoadBatch(batch_id, number, chunk), "depository")
    return batch_id


def test_a_batch_settles_all_at_once(world: World) -> None:
    batch_id = load(world, SALE, PAYMENT)
    world.end_block()
    context = world.act(SettleBatch(batch_id, batch_digest([SALE, PAYMENT])), "depository", "seller", "buyer")

    assert world.held("buyer's", "share") == (100, 0)
    assert world.held("seller's", "usd") == (4_000, 0)
    assert world.held("third's", "usd") == (1_000, 0)
    assert world.held("buyer's", "usd") == (0, 0)
    postings = told(context, Posting)
    assert len(postings) == 5
    assert {posting.reference for posting in postings} == {batch_id}
    (settled,) = told(context, BatchSettled)
    assert (settled.legs, settled.digest) == (5, batch_digest([SALE, PAYMENT]))
    relationships = {
        world.holdings.require_account(account(name)).relationship
        for name in ("seller's", "buyer's", "third's")
    }
    assert {to for fact, tos in context.facts if fact is settled for to in tos} == {
        *relationships,
        party("depository"),
    }
    assert world.settlement_books.batches.find(batch_id) is None
    world.end_block()
    assert world.settlement_books.chunks.find(batch_id + bytes(4)) is None


def test_what_a_batch_brings_may_cover_what_it_takes(world: World) -> None:
    """The third party sells on what it only receives in the same batch."""
    chain = pack(
        [
            *(leg("seller's", "share", -50), leg("third's", "share", 50)),
            *(leg("third's", "share", -50), leg("buyer's", "share", 50)),
        ]
    )
    batch_id = load(world, chain)
    world.act(SettleBatch(batch_id, batch_digest([chain])), "depository", "seller")
    assert world.held("buyer's", "share") == (50, 0)
    assert world.held("third's", "share") == (0, 0)
    world.end_block()


def test_parts_come_in_any_order_and_a_batch_may_be_dropped(world: World) -> None:
    batch_id = world.act(OPEN, "depository").created[0]
    context = world.act(LoadBatch(batch_id, 1, PAYMENT), "depository")
    assert [fact.legs for fact in told(context, BatchLoaded)] == [2]
    world.end_block()
    context = world.act(CancelBatch(batch_id), "depository")
    assert len(told(context, BatchCancelled)) == 1
    world.end_block()
    assert world.settlement_books.chunks.find(batch_id + (1).to_bytes(4, "big")) is None


def test_a_settled_batch_wakes_what_waited(world: World) -> None:
    waiting = world.act(
        both(
            seller=party("third"),
            delivery_account=account("third's"),
            delivery_reference="X-1",
            quantity=50,
            amount=0,
            asset=b"",
        ),
        "third",
        "buyer",
    ).created[1]
    chunk = pack([leg("seller's", "share", -50), leg("third's", "share", 50)])
    world.act(SettleBatch(load(world, chunk), batch_digest([chunk])), "depository", "seller")
    world.end_block()
    assert world.settlement.find(waiting) is None


# ---- rejects ----

Prepare = Callable[[World], object]
Row = tuple[RejectCode | None, dict[str, Any], tuple[str, ...], Prepare | None]

OPENING: list[Row] = [
    (None, {}, ("depository",), None),
    (None, {"party": party("exchange"), "chunks": CHUNKS_MAX}, ("exchange",), None),
    (SettlementReject.REFERENCE_IS_MALFORMED, {"reference": ""}, ("depository",), None),
    (None, {"settlement_date": 20231008}, ("depository",), None),
    (SettlementReject.BATCH_SIZE_IS_INVALID, {"chunks": 0}, ("depository",), None),
    (SettlementReject.BATCH_SIZE_IS_INVALID, {"chunks": CHUNKS_MAX + 1}, ("depository",), None),
    (MarketsReject.MARKET_NOT_FOUND, {"market": "XXXX"}, ("depository",), None),
    (SettlementReject.DATE_IS_INVALID, {"settlement_date": 0}, ("depository",), None),
    (SettlementReject.DATE_IS_INVALID, {"settlement_date": 20231009}, ("depository",), None),
    (SettlementReject.BATCH_PARTY_HAS_NO_ROLE, {"party": party("seller")}, ("seller",), None),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ("seller",), None),
    (
        SettlementReject.REFERENCE_IS_USED,
        {},
        ("depository",),
        lambda world: world.act(OPEN, "depository"),
    ),
]


@pytest.mark.parametrize("row", OPENING)
def test_open_batch(world: World, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
    assert world.refused(msgspec.structs.replace(OPEN, **changes), *signers) is expected


def chunk_with(**changes: Any) -> BatchChunk:
    return msgspec.structs.replace(SALE, **changes)


MALFORMED = SettlementReject.CHUNK_IS_MALFORMED
TWENTY = bytes(range(20))

CHUNKS: list[tuple[RejectCode | None, BatchChunk]] = [
    (None, SALE),
    (MALFORMED, chunk_with(quantity=SALE.quantity[:-1])),
    (MALFORMED, chunk_with(account_index=SALE.account_index[:-4])),
    (MALFORMED, chunk_with(instrument_index=SALE.instrument_index + b"\0\0")),
    (SettlementReject.CHUNK_IS_TOO_LARGE, chunk_with(quantity=b"", account_index=b"", instrument_index=b"")),
    (
        SettlementReject.CHUNK_IS_TOO_LARGE,
        chunk_with(
            quantity=b"\1" * 8 * (LEGS_PER_CHUNK_MAX + 1),
            account_index=bytes(4 * (LEGS_PER_CHUNK_MAX + 1)),
            instrument_index=bytes(2 * (LEGS_PER_CHUNK_MAX + 1)),
        ),
    ),
    (MALFORMED, chunk_with(accounts=b"")),
    (MALFORMED, chunk_with(accounts=SALE.accounts[:-1])),
    (MALFORMED, chunk_with(accounts=TWENTY + TWENTY)),
    (MALFORMED, chunk_with(accounts=SALE.accounts[20:] + SALE.accounts[:20])),
    (MALFORMED, chunk_with(instruments=b"")),
    (MALFORMED, chunk_with(account_index=(2).to_bytes(4, "little") + SALE.account_index[4:])),
    (MALFORMED, chunk_with(account_index=b"\xff" * 4 + SALE.account_index[4:])),
    (MALFORMED, chunk_with(instrument_index=b"\xff\xff" + SALE.instrument_index[2:])),
    (SettlementReject.LEG_QUANTITY_IS_INVALID, chunk_with(quantity=bytes(8) + SALE.quantity[8:])),
    (
        SettlementReject.LEG_QUANTITY_IS_INVALID,
        chunk_with(quantity=(-(2**63)).to_bytes(8, "little", signed=True) + SALE.quantity[8:]),
    ),
]


@pytest.mark.parametrize("row", CHUNKS)
def test_load_a_chunk(world: World, row: tuple[RejectCode | None, BatchChunk]) -> None:
    expected, chunk = row
    batch_id = world.act(OPEN, "depository").created[0]
    assert world.refused(LoadBatch(batch_id, 0, chunk), "depository") is expected


def test_load_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = world.act(OPEN, "depository").created[0]
    first = LoadBatch(batch_id, 0, SALE)
    assert world.refused(first, "depository") is None
    assert world.refused(LoadBatch(NOTHING, 0, SALE), "depository") is SettlementReject.BATCH_NOT_FOUND
    assert world.refused(LoadBatch(b"", 0, SALE), "depository") is SettlementReject.BATCH_NOT_FOUND
    assert world.refused(first, "seller") is SettlementReject.BATCH_NOT_FOUND
    for number in (-1, 2, 2**63):
        wrong = LoadBatch(batch_id, number, SALE)
        assert world.refused(wrong, "depository") is SettlementReject.CHUNK_NUMBER_IS_INVALID
    world.act(first, "depository")
    assert world.refused(first, "depository") is SettlementReject.CHUNK_IS_LOADED
    monkeypatch.setattr("counterfoil.modules.settlement.rules_batch.LEGS_MAX", 4)
    too_many = LoadBatch(batch_id, 1, PAYMENT)
    assert world.refused(too_many, "depository") is SettlementReject.BATCH_IS_TOO_LARGE


def test_cancel_batch(world: World) -> None:
    batch_id = world.act(OPEN, "depository").created[0]
    assert world.refused(CancelBatch(batch_id), "depository") is None
    assert world.refused(CancelBatch(NOTHING), "depository") is SettlementReject.BATCH_NOT_FOUND
    assert world.refused(CancelBatch(batch_id), "seller") is SettlementReject.BATCH_NOT_FOUND


UNBALANCED = pack([leg("seller's", "share", -100), leg("buyer's", "share", 99)])
HUGE = pack(
    [
        *(leg("seller's", "share", AMOUNT_MAX), leg("seller's", "share", 1)),
        *(leg("buyer's", "share", -AMOUNT_MAX), leg("third's", "share", -1)),
    ]
)
BACK = pack([leg("seller's", "share", -100), leg("buyer's", "share", 100)])
TOO_MUCH = pack([leg("seller's", "share", -1_001), leg("buyer's", "share", 1_001)])
UNKNOWN = pack([leg("seller's", "share", -1), leg("nobody's", "share", 1)])
NO_INSTRUMENT = pack([leg("seller's", "nothing", -1), leg("buyer's", "nothing", 1)])

Loaded = tuple[BatchChunk, ...]
SettleRow = tuple[RejectCode | None, Loaded, tuple[str, ...], Prepare | None]


def denominated(what: str = "share", **changes: int) -> Prepare:
    return lambda world: world.change_instrument(what, **changes)


SETTLING: list[SettleRow] = [
    (None, (BACK,), EVERYBODY, None),
    (None, (BACK,), ("depository", "seller"), None),
    (SettlementReject.BATCH_NOT_FOUND, (), EVERYBODY, None),
    (SettlementReject.BATCH_NOT_FOUND, (BACK,), ("seller",), None),
    (SettlementReject.BATCH_IS_NOT_DUE, (BACK,), EVERYBODY, lambda world: world.set_day(20131004)),
    (
        SettlementReject.MARKET_DOES_NOT_SETTLE_NOW,
        (BACK,),
        EVERYBODY,
        lambda world: world.set_day(MONDAY, is_open=False),
    ),
    (
        SettlementReject.MARKET_DOES_NOT_SETTLE_NOW,
        (BACK,),
        EVERYBODY,
        lambda world: world.set_day(MONDAY, cut_off_dvp_ms=0),
    ),
    (SettlementReject.BATCH_DOES_NOT_NET_TO_ZERO, (UNBALANCED,), EVERYBODY, None),
    (SettlementReject.NET_IS_TOO_LARGE, (HUGE,), EVERYBODY, None),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, (NO_INSTRUMENT,), EVERYBODY, None),
    (
        InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
        (BACK,),
        EVERYBODY,
        lambda world: world.set_status("share", InstrumentStatus.SUSPENDED),
    ),
    (
        SettlementReject.ASSET_IS_NOT_ACCEPTED,
        (SALE, PAYMENT),
        EVERYBODY,
        lambda world: world.markets_books.accepted_assets.delete(MARKET.encode() + instrument("usd")),
    ),
    (None, (BACK,), EVERYBODY, denominated(settlement_unit=50, minimum=20, multiple=40)),
    (
        InstrumentsReject.QUANTITY_IS_NOT_WHOLE_SETTLEMENT_UNITS,
        (BACK,),
        EVERYBODY,
        denominated(settlement_unit=3),
    ),
    (InstrumentsReject.QUANTITY_IS_BELOW_THE_MINIMUM, (BACK,), EVERYBODY, denominated(minimum=101)),
    (
        InstrumentsReject.QUANTITY_IS_NOT_A_MULTIPLE,
        (BACK,),
        EVERYBODY,
        denominated(minimum=50, multiple=40),
    ),
    (
        InstrumentsReject.QUANTITY_IS_NOT_A_MULTIPLE,
        (SALE, PAYMENT),
        EVERYBODY,
        denominated("usd", multiple=3),
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, (UNKNOWN,), EVERYBODY, None),
    (
        HoldingsReject.ACCOUNT_IS_CLOSED,
        (BACK,),
        EVERYBODY,
        lambda world: world.close_account("buyer's"),
    ),
    (HoldingsReject.NOT_AUTHORISED_FOR_THE_ACCOUNT, (BACK,), ("depository",), None),
    (
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
        (BACK,),
        EVERYBODY,
        lambda world: world.change_account("seller's", frozen_debits=True),
    ),
    (
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS,
        (BACK,),
        EVERYBODY,
        lambda world: world.change_account("buyer's", frozen_credits=True),
    ),
    (PartiesReject.PARTY_IS_NOT_ACTIVE, (BACK,), EVERYBODY, lambda world: world.suspend("buyer")),
    (HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY, (TOO_MUCH,), EVERYBODY, None),
    (
        HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
        (BACK,),
        EVERYBODY,
        lambda world: world.pledge("seller's", "share", 901),
    ),
]


@pytest.mark.parametrize("row", SETTLING)
def test_settle_batch(world: World, row: SettleRow) -> None:
    expected, chunks, signers, prepare = row
    batch_id = load(world, *chunks) if chunks else NOTHING
    if prepare is not None:
        prepare(world)
        world.keep()
    message: Message = SettleBatch(batch_id, batch_digest(list(chunks)))
    assert world.refused(message, *signers) is expected


def test_an_issuance_account_takes_no_part(world: World) -> None:
    chunk = pack([leg("seller's", "share", -1), leg("issuer's issuance", "share", 1)])
    message = SettleBatch(load(world, chunk), batch_digest([chunk]))
    assert world.refused(message, *EVERYBODY) is HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES


def test_only_the_loaded_digest_settles(world: World) -> None:
    batch_id = world.act(OPEN, "depository").created[0]
    world.act(LoadBatch(batch_id, 0, SALE), "depository")
    message = SettleBatch(batch_id, batch_digest([SALE, PAYMENT]))
    assert world.refused(message, *EVERYBODY) is SettlementReject.BATCH_IS_NOT_COMPLETE
    world.act(LoadBatch(batch_id, 1, PAYMENT), "depository")
    assert world.refused(message, *EVERYBODY) is None
    other = SettleBatch(batch_id, batch_digest([PAYMENT, SALE]))
    assert world.refused(other, *EVERYBODY) is SettlementReject.DIGEST_DIFFERS


def test_an_earlier_date_is_caught_up(world: World) -> None:
    batch_id = load(world, BACK)
    world.set_day(TUESDAY)
    world.keep()
    assert world.refused(SettleBatch(batch_id, batch_digest([BACK])), *EVERYBODY) is None


ACCOUNTS = [bytes([number]) * 20 for number in (7, 3, 200, 41)]
INSTRUMENTS = [bytes([number]) * 20 for number in (9, 1, 77)]
QUANTITIES = st.one_of(
    st.integers(-5, 5),
    st.integers(-AMOUNT_MAX, AMOUNT_MAX),
    st.sampled_from((AMOUNT_MAX, -AMOUNT_MAX, 2**32, -(2**32), 2**32 - 1, 2**31)),
).filter(bool)
MOVES = st.lists(
    st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(INSTRUMENTS), QUANTITIES), min_size=1, max_size=30
)


def test_denominations_are_asked_of_what_nets_and_not_of_each_leg(world: World) -> None:
    """A member that hands ten odd lots on holds no more than before, and two legs make a round lot."""
    world.change_instrument("share", settlement_unit=100, minimum=100, multiple=100)
    chunk = pack(
        [
            *(leg("seller's", "share", -30), leg("third's", "share", 30), leg("third's", "share", -30)),
            *(leg("seller's", "share", -70), leg("buyer's", "share", 100)),
        ]
    )
    world.act(SettleBatch(load(world, chunk), batch_digest([chunk])), "depository", "seller")
    assert world.held("buyer's", "share") == (100, 0)
    world.end_block()


@given(MOVES, st.lists(st.tuples(*[st.integers(1, 4)] * 3), min_size=3, max_size=3))
def test_the_first_net_that_cannot_be_delivered_is_found(
    moves: list[Leg], denominations: list[tuple[int, int, int]]
) -> None:
    balanced = [*moves, *((ACCOUNTS[-1], what, -quantity) for _, what, quantity in moves)]
    try:
        nets = net([pack(balanced)])
    except Rejected:
        return
    asked = [Denominations(*one) for one in denominations[: len(nets.instruments)]]
    wrong = [
        position
        for position, (what, change) in enumerate(zip(nets.instrument, nets.change, strict=True))
        if abs(change) % asked[what].settlement_unit
        or abs(change) < asked[what].minimum
        or (abs(change) - asked[what].minimum) % asked[what].multiple
    ]
    assert first_undeliverable(nets, asked) == (wrong[0] if wrong else None)


# ---- lapsing ----


def test_a_batch_that_is_not_settled_lapses_with_all_its_parts(world: World) -> None:
    """Loaded in part, in whole, or for a date ahead: each by its own date, and its party is told."""
    world.set_rulebook(recycling_days=1)
    loading = world.act(OPEN, "depository").created[0]
    world.act(LoadBatch(loading, 1, PAYMENT), "depository")
    complete = load(world, BACK, reference="N-2")
    ahead = load(world, BACK, reference="N-3", settlement_date=TUESDAY)
    for day in (TUESDAY, WEDNESDAY):
        assert all(world.settlement_books.batches.find(one) for one in (loading, complete, ahead))
        world.set_day(day)
        world.end_block()
    told_of = [entry for context in world.lapsed for entry in context.facts]
    assert [told_to for _, told_to in told_of] == [(party("depository"),)] * 2
    expected = {loading: "N-1", complete: "N-2"}
    assert [fact for fact, _ in told_of] == [BatchLapsed(one, expected[one]) for one in sorted(expected)]
    world.set_day(THURSDAY)
    world.end_block()
    assert world.settlement_books.batches.find(ahead) is None
    for number in range(2):
        assert world.settlement_books.chunks.find(loading + number.to_bytes(4, "big")) is None
    assert world.settlement_books.open_batches.first() is None
    world.end_block()


@pytest.mark.parametrize("limit", [1, 3])
def test_lapsing_is_bounded_and_goes_on_in_the_next_block(world: World, limit: int) -> None:
    world.set_rulebook(recycling_days=0)
    for number in range(7):
        world.act(msgspec.structs.replace(OPEN, reference=f"N-{number}"), "depository")
    world.retry_limit = limit
    world.set_day(TUESDAY)
    left = 7
    while left:
        world.end_block()
        left = max(left - limit, 0)
        assert len(list(world.settlement_books.open_batches.scan())) == left


# ---- the arithmetic, against Python's integers ----


def slow_net(moves: Sequence[Leg]) -> dict[tuple[bytes, bytes], int] | SettlementReject:
    totals: dict[bytes, int] = {}
    nets: dict[tuple[bytes, bytes], int] = {}
    for holder, what, quantity in moves:
        totals[what] = totals.get(what, 0) + quantity
        nets[holder, what] = nets.get((holder, what), 0) + quantity
    if any(totals.values()):
        return SettlementReject.BATCH_DOES_NOT_NET_TO_ZERO
    if any(abs(quantity) > AMOUNT_MAX for quantity in nets.values()):
        return SettlementReject.NET_IS_TOO_LARGE
    return {key: quantity for key, quantity in nets.items() if quantity}


@given(MOVES, st.booleans(), st.integers(1, 5))
def test_nets_are_exact_for_every_input(moves: list[Leg], balanced: bool, parts: int) -> None:
    if balanced:
        moves = [*moves, *((ACCOUNTS[-1], what, -quantity) for _, what, quantity in moves)]
    size = -(-len(moves) // parts)
    chunks = [pack(moves[at : at + size]) for at in range(0, len(moves), size)]
    for chunk in chunks:
        check_chunk(chunk)
    expected = slow_net(moves)
    if isinstance(expected, SettlementReject):
        with pytest.raises(Rejected) as caught:
            net(chunks)
        assert caught.value.code is expected
        return
    found = net(chunks)
    assert {
        (found.accounts[holder], found.instruments[what]): change
        for holder, what, change in zip(found.account, found.instrument, found.change, strict=True)
    } == expected
    assert len(found.change) == len(expected)
    order = list(zip(found.account, found.instrument, strict=True))
    assert order == sorted(order)


def test_a_large_batch_of_a_clearing_house(world: World) -> None:
    chance = random.Random(7)
    holders = [f"member {number}" for number in range(40)]
    for name in holders:
        world.open_account(name, "seller", "depository", AccountKind.OWN)
        world.keep()
        world.give(name, "share", 10**9)
    world.end_block()
    moves: list[Leg] = []
    for _ in range(5_000):
        giver, taker = chance.sample(holders, 2)
        quantity = chance.randrange(1, 10_000)
        moves += [leg(giver, "share", -quantity), leg(taker, "share", quantity)]
    chance.shuffle(moves)
    chunks = [pack(moves[at : at + 2_500]) for at in range(0, len(moves), 2_500)]
    batch_id = load(world, *chunks)
    world.act(SettleBatch(batch_id, batch_digest(chunks)), "depository", "seller")
    for name in holders:
        change = sum(quantity for holder, _, quantity in moves if holder == account(name))
        assert world.held(name, "share") == (10**9 + change, 0)
    world.end_block()


def test_digests_are_injective() -> None:
    assert batch_digest([SALE]) != batch_digest([SALE, PAYMENT])
    assert legs.chunk_digest(chunk_with(accounts=SALE.accounts + b"a", instruments=SALE.instruments[1:])) != (
        legs.chunk_digest(SALE)
    )
