"""Quantities: what moves, what is set aside, what is refused, and what every change tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from counterfoil.modules.holdings.facts import EarmarkPlaced, EarmarkReduced, Posting, TransferredByOrder
from counterfoil.modules.holdings.interface import (
    AccountKind,
    Direction,
    EarmarkReason,
    PostingReason,
    SubBalance,
)
from counterfoil.modules.holdings.messages import (
    CloseAccount,
    ForceTransfer,
    FreezeAccount,
    FreezeHolding,
    PlaceEarmark,
    ReleaseEarmark,
    UnfreezeHolding,
)
from counterfoil.modules.holdings.records import (
    HOLDINGS,
    TIME_MAX_MS,
    Holding,
    InstrumentTotals,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.messages import RedeemInstrument
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.parties.interface import PartiesReject, PartyStatus
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import InvariantViolation, RejectCode, Rejected
from tests.unit.holdings.desk import (
    ALICE,
    BOB,
    BROKER,
    DEPOSITORY,
    ISSUER,
    NOBODY,
    ORDER,
    REFERENCE,
    REGULATOR,
    Desk,
)

AVAILABLE, EARMARKED, ISSUED = SubBalance.AVAILABLE, SubBalance.EARMARKED, SubBalance.ISSUED
DEBIT, CREDIT = Direction.DEBIT, Direction.CREDIT
DELIVERED = PostingReason.DELIVERED


@pytest.fixture
def desk() -> Desk:
    return Desk()


def code_of(effect: Callable[[], object]) -> RejectCode | None:
    try:
        effect()
    except Rejected as rejected:
        return rejected.code
    return None


def postings(context: Any) -> list[tuple[Any, ...]]:
    """(account, sub-balance, direction, quantity, reason, balance after) of each posting told."""
    return [
        (fact.account_id, fact.sub_balance, fact.direction, fact.quantity, fact.reason, fact.balance_after)
        for fact, _ in context.facts
        if isinstance(fact, Posting)
    ]


# Moving


def test_a_move_is_a_double_entry_and_touches_two_holdings_only(desk: Desk) -> None:
    desk.moved(desk.alice, desk.bob, 10)
    desk.check()
    context = desk.moved(desk.alice, desk.bob, 100)
    touched = {number: list(shelf.touched) for number, shelf in desk.state.shelves.items() if shelf.touched}
    assert touched == {HOLDINGS.number: [desk.alice + desk.share, desk.bob + desk.share]}
    assert (desk.balance(desk.alice), desk.balance(desk.bob)) == ((890, 0), (110, 0))
    alice, bob = desk.account(desk.alice).relationship, desk.account(desk.bob).relationship
    assert context.facts == [
        (
            Posting(desk.alice, desk.share, AVAILABLE, DEBIT, 100, DELIVERED, REFERENCE, 890),
            (alice, ISSUER),
        ),
        (Posting(desk.bob, desk.share, AVAILABLE, CREDIT, 100, DELIVERED, REFERENCE, 110), (bob, ISSUER)),
    ]
    assert context.credited == [desk.bob + desk.share]
    desk.check()


def test_a_holding_of_nothing_ends(desk: Desk) -> None:
    desk.moved(desk.alice, desk.bob, 1_000)
    assert desk.books.holdings.find(desk.alice + desk.share) is None
    assert desk.books.contents.find(desk.alice) is None
    assert desk.balance(desk.bob) == (1_000, 0)
    desk.check()
    desk.moved(desk.bob, desk.alice, 1_000)
    assert desk.balance(desk.alice) == (1_000, 0)
    desk.check()


MOVES: list[tuple[str, Callable[[Desk], tuple[bytes, bytes, int]], RejectCode | None]] = [
    ("valid", lambda d: (d.alice, d.bob, 1_000), None),
    ("zero", lambda d: (d.alice, d.bob, 0), HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
    ("negative", lambda d: (d.alice, d.bob, -1), HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
    ("to itself", lambda d: (d.alice, d.alice, 1), HoldingsReject.SOURCE_IS_THE_TARGET),
    ("to issuance", lambda d: (d.alice, d.issuance, 1), HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES),
    ("from issuance", lambda d: (d.issuance, d.bob, 1), HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES),
    ("more than held", lambda d: (d.alice, d.bob, 1_001), HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
    ("huge", lambda d: (d.alice, d.bob, 2**80), HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
    ("of nothing", lambda d: (d.bob, d.alice, 1), HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
]


@pytest.mark.parametrize(("_name", "arguments", "reject"), MOVES, ids=[row[0] for row in MOVES])
def test_moves(desk: Desk, _name: str, arguments: Any, reject: RejectCode | None) -> None:
    assert code_of(lambda: desk.moved(*arguments(desk))) is reject
    desk.check()


def _nothing(_desk: Desk) -> None:
    """The plain case."""


def _close_bob(desk: Desk) -> None:
    desk.act(CloseAccount(desk.bob), BOB)


def _freeze(desk: Desk, debits: bool, credits_: bool) -> None:
    for account_id in (desk.alice, desk.bob):
        desk.act(FreezeAccount(account_id, REGULATOR, ORDER, debits, credits_), REGULATOR)


CHECKS: list[tuple[str, Callable[[Desk], object], str, int, RejectCode | None, RejectCode | None]] = [
    # what happened before, the account, the quantity, why it is not debited, why it is not credited
    ("valid", _nothing, "alice", 1_000, None, None),
    (
        "closed",
        _close_bob,
        "bob",
        0,
        HoldingsReject.ACCOUNT_IS_CLOSED,
        HoldingsReject.ACCOUNT_IS_CLOSED,
    ),
    (
        "issuance",
        _nothing,
        "issuance",
        1,
        HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES,
        HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES,
    ),
    (
        "debits frozen",
        lambda d: _freeze(d, True, False),
        "alice",
        1,
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
        None,
    ),
    (
        "credits frozen",
        lambda d: _freeze(d, False, True),
        "alice",
        1,
        None,
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS,
    ),
    (
        "owner stopped",
        lambda d: d.parties.stopped.append(ALICE),
        "alice",
        1,
        PartiesReject.PARTY_IS_NOT_ACTIVE,
        PartiesReject.PARTY_IS_NOT_ACTIVE,
    ),
    ("owner winding down", lambda d: d.parties.winding_down.append(ALICE), "alice", 1, None, None),
    ("too much", _nothing, "alice", 1_001, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY, None),
    ("of nothing", _nothing, "bob", 1, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY, None),
    ("anything at all", _nothing, "bob", 0, None, None),
]


@pytest.mark.parametrize(
    ("_name", "before", "name", "quantity", "no_debit", "no_credit"), CHECKS, ids=[row[0] for row in CHECKS]
)
def test_what_may_be_debited_and_credited(
    desk: Desk,
    _name: str,
    before: Callable[[Desk], object],
    name: str,
    quantity: int,
    no_debit: RejectCode | None,
    no_credit: RejectCode | None,
) -> None:
    before(desk)
    account_id = getattr(desk, name)
    asked = (account_id, desk.account(account_id), desk.share, quantity)
    assert code_of(lambda: desk.holdings.check_debit(*asked)) is no_debit
    assert code_of(lambda: desk.holdings.check_credit(*asked)) is no_credit


# Issuing and redeeming


def test_issuing_debits_the_issuance_account(desk: Desk) -> None:
    context = desk.issued(desk.bob, 500)
    assert postings(context) == [
        (desk.issuance, ISSUED, DEBIT, 500, PostingReason.ISSUED, 1_500),
        (desk.bob, AVAILABLE, CREDIT, 500, PostingReason.ISSUED, 500),
    ]
    assert desk.holdings.outstanding(desk.share) == 1_500
    assert desk.balance(desk.issuance) == (1_500, 0)
    desk.check()
    context = desk.redeemed(desk.bob, 200)
    assert postings(context) == [
        (desk.issuance, ISSUED, CREDIT, 200, PostingReason.REDEEMED, 1_300),
        (desk.bob, AVAILABLE, DEBIT, 200, PostingReason.REDEEMED, 300),
    ]
    assert desk.books.totals.find(desk.share) == InstrumentTotals(1_500, 200, 0, 2)
    desk.check()
    desk.redeemed(desk.bob, 300)
    desk.redeemed(desk.alice, 1_000)
    assert desk.books.totals.find(desk.share) == InstrumentTotals(1_500, 1_500, 0, 0)
    assert desk.books.holdings.find(desk.issuance + desk.share) is None
    assert desk.holdings.outstanding(desk.share) == 0
    desk.check()


def test_what_was_issued_in_all_may_outgrow_an_amount(desk: Desk) -> None:
    desk.redeemed(desk.alice, 999)
    desk.issued(desk.alice, AMOUNT_MAX - 1)
    assert desk.books.totals.find(desk.share) == InstrumentTotals(AMOUNT_MAX, 0, 0, 1)
    desk.check()
    assert code_of(lambda: desk.issued(desk.bob, 1)) is HoldingsReject.ISSUED_QUANTITY_IS_TOO_LARGE
    desk.redeemed(desk.alice, AMOUNT_MAX)
    desk.issued(desk.bob, 1)
    assert desk.books.totals.find(desk.share) == InstrumentTotals(1, 0, 0, 1)
    desk.check()


@pytest.mark.parametrize("quantity", [0, -1, AMOUNT_MAX + 1])
def test_issued_and_redeemed_quantities_are_amounts(desk: Desk, quantity: int) -> None:
    assert code_of(lambda: desk.issued(desk.bob, quantity)) is HoldingsReject.QUANTITY_IS_OUT_OF_RANGE
    assert code_of(lambda: desk.redeemed(desk.alice, quantity)) is HoldingsReject.QUANTITY_IS_OUT_OF_RANGE


def test_the_issuance_account_is_the_issuers(desk: Desk) -> None:
    assert code_of(lambda: desk.issued(desk.issuance, 1)) is HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES
    assert code_of(lambda: desk.redeemed(desk.issuance, 1)) is HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES
    wrong = (
        NOBODY,
        desk.opened(ISSUER, DEPOSITORY, AccountKind.TREASURY),
        desk.opened(party_of_another_issuer(desk), DEPOSITORY, AccountKind.ISSUANCE),
    )
    shelf, instrument = desk.instruments_books.instruments, desk.instruments.require(desk.share)
    for account_id in wrong:
        shelf.put(desk.share, structs.replace(instrument, issuance_account=account_id))
        desk.state.accept()
        assert code_of(lambda: desk.issued(desk.bob, 1)) is HoldingsReject.ISSUANCE_ACCOUNT_IS_WRONG
        assert code_of(lambda: desk.redeemed(desk.alice, 1)) is HoldingsReject.ISSUANCE_ACCOUNT_IS_WRONG
    shelf.put(desk.share, instrument)
    desk.state.accept()
    assert code_of(lambda: desk.redeemed(desk.alice, 1_001)) is HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY
    desk.check()


def party_of_another_issuer(desk: Desk) -> bytes:
    other = b"another issuer".ljust(20, b".")
    desk.parties.table[other] = desk.parties.table[ISSUER]
    return other


def test_an_instrument_ends_only_when_nothing_is_outstanding(desk: Desk) -> None:
    shelf, instrument = desk.instruments_books.instruments, desk.instruments.require(desk.share)
    matured = type(instrument.status).MATURED
    shelf.put(desk.share, structs.replace(instrument, status=matured))
    desk.state.accept()
    ask = RedeemInstrument(desk.share)
    assert desk.refused(ask, DEPOSITORY) is InstrumentsReject.INSTRUMENT_IS_OUTSTANDING
    desk.redeemed(desk.alice, 1_000)
    assert desk.refused(ask, DEPOSITORY) is None


# Earmarks


def test_what_is_earmarked_is_held_and_not_available(desk: Desk) -> None:
    earmark_id = desk.earmarked(desk.alice, 300)
    assert desk.balance(desk.alice) == (700, 300)
    assert desk.holdings.encumbered(desk.share) == 300
    assert code_of(lambda: desk.moved(desk.alice, desk.bob, 701)) is (
        HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY
    )
    desk.check()
    context = desk.released(earmark_id, 100)
    assert postings(context) == [
        (desk.alice, EARMARKED, DEBIT, 100, PostingReason.RELEASED, 200),
        (desk.alice, AVAILABLE, CREDIT, 100, PostingReason.RELEASED, 800),
    ]
    assert context.facts[-1][0] == EarmarkReduced(earmark_id, 200)
    assert context.credited == [desk.alice + desk.share]
    earmark = desk.holdings.earmark_of(earmark_id)
    assert earmark is not None
    assert earmark.quantity == 200
    desk.check()
    context = desk.moved_earmarked(earmark_id, desk.bob, 50)
    assert postings(context) == [
        (desk.alice, EARMARKED, DEBIT, 50, DELIVERED, 150),
        (desk.bob, AVAILABLE, CREDIT, 50, DELIVERED, 50),
    ]
    assert context.credited == [desk.bob + desk.share]
    desk.check()
    desk.moved(desk.alice, desk.bob, 800)
    assert desk.balance(desk.alice) == (0, 150)
    desk.moved_earmarked(earmark_id, desk.bob, 150)
    assert desk.holdings.earmark_of(earmark_id) is None
    assert desk.balance(desk.alice) == (0, 0)
    assert desk.balance(desk.bob) == (1_000, 0)
    assert desk.holdings.encumbered(desk.share) == 0
    desk.check()


def test_a_party_that_owns_an_earmark_is_told(desk: Desk) -> None:
    context = desk.act(PlaceEarmark(desk.alice, desk.share, 5, BROKER, REFERENCE), ALICE)
    placed, told = context.facts[-1]
    relationship = desk.account(desk.alice).relationship
    (earmark_id,) = context.created
    assert placed == EarmarkPlaced(
        earmark_id, desk.alice, desk.share, EarmarkReason.HOLDER, BROKER, 5, REFERENCE, 0
    )
    assert told == (relationship, ISSUER, BROKER)
    reduced, told = desk.released(earmark_id).facts[-1]
    assert reduced == EarmarkReduced(earmark_id, 0)
    assert told == (relationship, ISSUER, BROKER)


EARMARKS: list[tuple[str, Callable[[Desk], dict[str, Any]], RejectCode | None]] = [
    ("valid", lambda d: {}, None),
    ("zero", lambda d: {"quantity": 0}, HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
    ("issuance", lambda d: {"account_id": d.issuance}, HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES),
    ("reference", lambda d: {"reference": b"x" * 33}, HoldingsReject.REFERENCE_IS_TOO_LONG),
    ("expired", lambda d: {"expiry_ms": d.time_ms}, HoldingsReject.EXPIRY_IS_OUT_OF_RANGE),
    ("negative expiry", lambda d: {"expiry_ms": -1}, HoldingsReject.EXPIRY_IS_OUT_OF_RANGE),
    ("late expiry", lambda d: {"expiry_ms": TIME_MAX_MS + 1}, HoldingsReject.EXPIRY_IS_OUT_OF_RANGE),
    ("with expiry", lambda d: {"expiry_ms": d.time_ms + 1}, None),
    ("too much", lambda d: {"quantity": 1_001}, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
    ("of nothing", lambda d: {"account_id": d.bob}, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
]


@pytest.mark.parametrize(("_name", "fields", "reject"), EARMARKS, ids=[row[0] for row in EARMARKS])
def test_earmarks(desk: Desk, _name: str, fields: Any, reject: RejectCode | None) -> None:
    arguments = {"account_id": desk.alice, "quantity": 1_000, **fields(desk)}
    assert code_of(lambda: desk.earmarked(**arguments)) is reject
    desk.check()


def test_using_an_earmark(desk: Desk) -> None:
    earmark_id = desk.earmarked(desk.alice, 10)
    rows: list[tuple[Callable[[], object], RejectCode]] = [
        (lambda: desk.released(ORDER), HoldingsReject.EARMARK_NOT_FOUND),
        (lambda: desk.released(earmark_id, 0), HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
        (lambda: desk.released(earmark_id, 11), HoldingsReject.EARMARK_IS_TOO_SMALL),
        (lambda: desk.moved_earmarked(ORDER, desk.bob, 1), HoldingsReject.EARMARK_NOT_FOUND),
        (lambda: desk.moved_earmarked(earmark_id, desk.bob, 0), HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
        (lambda: desk.moved_earmarked(earmark_id, desk.bob, 11), HoldingsReject.EARMARK_IS_TOO_SMALL),
        (lambda: desk.moved_earmarked(earmark_id, desk.alice, 1), HoldingsReject.SOURCE_IS_THE_TARGET),
        (
            lambda: desk.moved_earmarked(earmark_id, desk.issuance, 1),
            HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES,
        ),
    ]
    for effect, reject in rows:
        assert code_of(effect) is reject
    desk.check()


def test_earmarks_lapse_by_the_block_time_in_order_and_bounded(desk: Desk) -> None:
    late = desk.earmarked(desk.alice, 1, expiry_ms=desk.time_ms + 2_000)
    early = [desk.earmarked(desk.alice, 10, expiry_ms=desk.time_ms + 1_000) for _ in range(3)]
    freeze = desk.earmarked(desk.alice, 100, EarmarkReason.FREEZE, owner=REGULATOR)
    desk.moved_earmarked(early[0], desk.bob, 10)
    assert desk.next_block(999) == []
    first, second = sorted(early[1:])
    (lapsed,) = desk.next_block(1, limit=1)
    assert postings(lapsed)[0][4] is PostingReason.EXPIRED
    assert desk.holdings.earmark_of(first) is None
    assert desk.holdings.earmark_of(second) is not None
    assert len(desk.next_block(5_000)) == 2
    assert desk.holdings.earmark_of(late) is None
    assert desk.balance(desk.alice) == (890, 100)
    desk.next_block(10**12)
    assert desk.holdings.earmark_of(freeze) is not None
    desk.check()


def test_a_freeze_with_an_expiry_is_our_mistake(desk: Desk) -> None:
    with pytest.raises(InvariantViolation):
        desk.earmarked(desk.alice, 1, EarmarkReason.FREEZE, expiry_ms=desk.time_ms + 1)


# The holder's own messages

PLACE: list[tuple[str, dict[str, Any], bytes, RejectCode | None]] = [
    ("valid", {}, ALICE, None),
    ("unknown account", {"account_id": NOBODY}, ALICE, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("unsigned", {}, BOB, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("instrument", {"instrument_id": NOBODY}, ALICE, InstrumentsReject.INSTRUMENT_NOT_FOUND),
    ("beneficiary", {"beneficiary": NOBODY}, ALICE, HoldingsReject.EARMARK_OWNER_IS_NOT_A_PARTY),
    ("quantity", {"quantity": -1}, ALICE, HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
    ("reference", {"reference": b"x" * 33}, ALICE, HoldingsReject.REFERENCE_IS_TOO_LONG),
    ("expiry", {"expiry_ms": 1}, ALICE, HoldingsReject.EXPIRY_IS_OUT_OF_RANGE),
    ("too much", {"quantity": 1_001}, ALICE, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
]


@pytest.mark.parametrize(("_name", "fields", "signer", "reject"), PLACE, ids=[row[0] for row in PLACE])
def test_place_earmark(
    desk: Desk, _name: str, fields: dict[str, Any], signer: bytes, reject: RejectCode | None
) -> None:
    message = PlaceEarmark(desk.alice, desk.share, 10)
    assert desk.refused(structs.replace(message, **fields), signer) is reject


def test_nothing_is_set_aside_in_a_frozen_account(desk: Desk) -> None:
    _freeze(desk, True, False)
    ask = PlaceEarmark(desk.alice, desk.share, 10)
    assert desk.refused(ask, ALICE) is HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS


def test_release_earmark(desk: Desk) -> None:
    own = desk.act(PlaceEarmark(desk.alice, desk.share, 10), ALICE).created[0]
    brokers = desk.act(PlaceEarmark(desk.alice, desk.share, 10, BROKER), ALICE).created[0]
    workflows = desk.earmarked(desk.alice, 10)
    rows: list[tuple[ReleaseEarmark, bytes, RejectCode | None]] = [
        (ReleaseEarmark(own), ALICE, None),
        (ReleaseEarmark(ORDER), ALICE, HoldingsReject.EARMARK_NOT_FOUND),
        (ReleaseEarmark(workflows), ALICE, HoldingsReject.NOT_A_HOLDERS_EARMARK),
        (ReleaseEarmark(own), BOB, HoldingsReject.EARMARK_NOT_FOUND),
        (ReleaseEarmark(brokers), ALICE, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
        (ReleaseEarmark(brokers), BROKER, None),
        (ReleaseEarmark(own, -1), ALICE, HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
        (ReleaseEarmark(own, 11), ALICE, HoldingsReject.EARMARK_IS_TOO_SMALL),
    ]
    for message, signer, reject in rows:
        assert desk.refused(message, signer) is reject
    desk.act(ReleaseEarmark(own, 4), ALICE)
    desk.act(ReleaseEarmark(brokers), BROKER)
    assert desk.balance(desk.alice) == (984, 16)
    desk.check()


@pytest.mark.parametrize("refused", [True, False])
def test_what_is_set_aside_for_one_that_is_gone_is_the_holders_to_release(desk: Desk, refused: bool) -> None:
    """Terminated, or an applicant that was never admitted. Who is only revoked may still be wound down in order."""
    set_aside = desk.act(PlaceEarmark(desk.alice, desk.share, 10, BROKER), ALICE).created[0]
    release = ReleaseEarmark(set_aside)
    table = desk.parties.table
    table[BROKER] = structs.replace(table[BROKER], status=PartyStatus.REVOKED)
    assert desk.refused(release, ALICE) is PartiesReject.SIGNER_IS_NOT_AUTHORISED
    table[BROKER] = structs.replace(table[BROKER], status=PartyStatus.TERMINATED)
    if refused:
        del table[BROKER]
    assert desk.refused(release, BOB) is HoldingsReject.EARMARK_NOT_FOUND
    desk.act(release, ALICE)
    assert desk.balance(desk.alice) == (1_000, 0)
    desk.check()


# By order

FORCE: list[tuple[str, Callable[[Desk], dict[str, Any]], bytes, RejectCode | None]] = [
    ("valid", lambda d: {}, REGULATOR, None),
    ("by the registrar", lambda d: {"authority": DEPOSITORY}, DEPOSITORY, None),
    ("instrument", lambda d: {"instrument_id": NOBODY}, REGULATOR, InstrumentsReject.INSTRUMENT_NOT_FOUND),
    ("by the issuer", lambda d: {"authority": ISSUER}, ISSUER, HoldingsReject.AUTHORITY_MAY_NOT_FORCE),
    ("unsigned", lambda d: {}, ISSUER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    ("order", lambda d: {"order_hash": b""}, REGULATOR, HoldingsReject.ORDER_HASH_IS_MALFORMED),
    ("source", lambda d: {"source_account": NOBODY}, REGULATOR, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("target", lambda d: {"target_account": NOBODY}, REGULATOR, HoldingsReject.ACCOUNT_NOT_FOUND),
    (
        "target issues",
        lambda d: {"target_account": d.issuance},
        REGULATOR,
        HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES,
    ),
    ("no earmark", lambda d: {"earmark_id": ORDER}, REGULATOR, HoldingsReject.EARMARK_NOT_FOUND),
    (
        "another's earmark",
        lambda d: {"source_account": d.bob, "target_account": d.alice, "earmark_id": d.earmarked(d.alice, 9)},
        REGULATOR,
        HoldingsReject.EARMARK_IS_OF_ANOTHER_HOLDING,
    ),
    (
        "a pledge",
        lambda d: {"earmark_id": d.earmarked(d.alice, 9, EarmarkReason.PLEDGE)},
        REGULATOR,
        HoldingsReject.EARMARK_IS_NOT_A_FREEZE,
    ),
    (
        "a regulator's freeze, by the registrar",
        lambda d: {
            "authority": DEPOSITORY,
            "earmark_id": d.act(FreezeHolding(REGULATOR, d.alice, d.share, 10, ORDER), REGULATOR).created[0],
        },
        DEPOSITORY,
        HoldingsReject.AUTHORITY_MAY_NOT_UNFREEZE,
    ),
    (
        "its own freeze, by the registrar",
        lambda d: {
            "authority": DEPOSITORY,
            "earmark_id": d.act(FreezeHolding(DEPOSITORY, d.alice, d.share, 10, ORDER), DEPOSITORY).created[
                0
            ],
        },
        DEPOSITORY,
        None,
    ),
    (
        "frozen",
        lambda d: {"earmark_id": d.earmarked(d.alice, 10, EarmarkReason.FREEZE)},
        REGULATOR,
        None,
    ),
    (
        "frozen in part",
        lambda d: {"earmark_id": d.earmarked(d.alice, 9, EarmarkReason.FREEZE)},
        REGULATOR,
        HoldingsReject.EARMARK_IS_TOO_SMALL,
    ),
    ("quantity", lambda d: {"quantity": 0}, REGULATOR, HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
    ("to itself", lambda d: {"target_account": d.alice}, REGULATOR, HoldingsReject.SOURCE_IS_THE_TARGET),
    ("too much", lambda d: {"quantity": 1_001}, REGULATOR, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
]


@pytest.mark.parametrize(("_name", "fields", "signer", "reject"), FORCE, ids=[row[0] for row in FORCE])
def test_force_transfer(
    desk: Desk, _name: str, fields: Any, signer: bytes, reject: RejectCode | None
) -> None:
    message = ForceTransfer(REGULATOR, desk.share, desk.alice, desk.bob, 10, ORDER)
    assert desk.refused(structs.replace(message, **fields(desk)), signer) is reject


def test_a_forced_transfer_passes_the_freezes_of_its_source_and_names_its_order(desk: Desk) -> None:
    desk.act(FreezeAccount(desk.alice, REGULATOR, ORDER, True, True), REGULATOR)
    desk.parties.stopped.append(ALICE)
    context = desk.act(ForceTransfer(REGULATOR, desk.share, desk.alice, desk.bob, 10, ORDER), REGULATOR)
    assert desk.balance(desk.bob) == (10, 0)
    assert {fact.reference for fact, _ in context.facts if isinstance(fact, Posting)} == {ORDER}
    fact, told = context.facts[-1]
    assert fact == TransferredByOrder(REGULATOR, desk.share, 10, ORDER)
    alice, bob = desk.account(desk.alice).relationship, desk.account(desk.bob).relationship
    assert told == (REGULATOR, alice, bob, ISSUER)
    desk.check()


FREEZE: list[tuple[str, dict[str, Any], bytes, RejectCode | None]] = [
    ("valid", {}, REGULATOR, None),
    ("by the registrar", {"authority": DEPOSITORY}, DEPOSITORY, None),
    ("instrument", {"instrument_id": NOBODY}, REGULATOR, InstrumentsReject.INSTRUMENT_NOT_FOUND),
    ("by the servicer", {"authority": BROKER}, BROKER, HoldingsReject.AUTHORITY_MAY_NOT_FORCE),
    ("unsigned", {}, BROKER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    ("order", {"order_hash": b""}, REGULATOR, HoldingsReject.ORDER_HASH_IS_MALFORMED),
    ("account", {"account_id": NOBODY}, REGULATOR, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("quantity", {"quantity": 0}, REGULATOR, HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
    ("too much", {"quantity": 1_001}, REGULATOR, HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY),
]


@pytest.mark.parametrize(("_name", "fields", "signer", "reject"), FREEZE, ids=[row[0] for row in FREEZE])
def test_freeze_holding(
    desk: Desk, _name: str, fields: dict[str, Any], signer: bytes, reject: RejectCode | None
) -> None:
    message = FreezeHolding(REGULATOR, desk.alice, desk.share, 10, ORDER)
    assert desk.refused(structs.replace(message, **fields), signer) is reject


def test_unfreeze_holding(desk: Desk) -> None:
    frozen = desk.act(FreezeHolding(DEPOSITORY, desk.alice, desk.share, 10, ORDER), DEPOSITORY).created[0]
    held = desk.earmarked(desk.alice, 10)
    rows: list[tuple[UnfreezeHolding, bytes, RejectCode | None]] = [
        (UnfreezeHolding(DEPOSITORY, frozen), DEPOSITORY, None),
        (UnfreezeHolding(REGULATOR, frozen, 5), REGULATOR, None),
        (UnfreezeHolding(DEPOSITORY, ORDER), DEPOSITORY, HoldingsReject.EARMARK_NOT_FOUND),
        (UnfreezeHolding(DEPOSITORY, held), DEPOSITORY, HoldingsReject.EARMARK_NOT_FOUND),
        (UnfreezeHolding(BROKER, frozen), BROKER, HoldingsReject.AUTHORITY_MAY_NOT_UNFREEZE),
        (UnfreezeHolding(DEPOSITORY, frozen), BROKER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
        (UnfreezeHolding(DEPOSITORY, frozen, -1), DEPOSITORY, HoldingsReject.QUANTITY_IS_OUT_OF_RANGE),
        (UnfreezeHolding(DEPOSITORY, frozen, 11), DEPOSITORY, HoldingsReject.EARMARK_IS_TOO_SMALL),
        (UnfreezeHolding(REGULATOR, held), REGULATOR, HoldingsReject.EARMARK_IS_NOT_A_FREEZE),
    ]
    for message, signer, reject in rows:
        assert desk.refused(message, signer) is reject
    refused = desk.refused(ReleaseEarmark(frozen), ALICE)
    assert refused is HoldingsReject.NOT_A_HOLDERS_EARMARK


# What always holds

Spoil = Callable[[Desk], None]


def _more(desk: Desk) -> None:
    desk.books.holdings.put(desk.bob + desk.share, Holding(1, 0))
    desk.books.contents.put(desk.bob, type(desk.books.contents.find(desk.alice))(1))  # type: ignore[call-arg]


def _uncounted(desk: Desk) -> None:
    desk.books.holdings.put(desk.alice + desk.share, Holding(899, 100))
    desk.books.holdings.put(desk.bob + desk.share, Holding(1, 0))


def _negative(desk: Desk) -> None:
    desk.books.holdings.put(desk.alice + desk.share, Holding(-1, 100))
    desk.books.holdings.put(desk.bob + desk.share, Holding(901, 0))


def _empty_holding(desk: Desk) -> None:
    desk.books.holdings.put(desk.bob + desk.share, Holding(0, 0))


def _earmarked_without_earmark(desk: Desk) -> None:
    desk.books.holdings.put(desk.alice + desk.share, Holding(899, 101))


def _earmark_without_holding(desk: Desk) -> None:
    ((earmark_id, earmark),) = desk.books.everything(desk.books.earmarks)
    desk.books.earmarks.put(earmark_id, structs.replace(earmark, account_id=desk.bob))


def _lost_earmark(desk: Desk) -> None:
    ((earmark_id, _),) = desk.books.everything(desk.books.earmarks)
    desk.books.earmarks.delete(earmark_id)


def _lost_expiry(desk: Desk) -> None:
    ((key, _),) = list(desk.books.expiries.scan())
    ((earmark_id, earmark),) = desk.books.everything(desk.books.earmarks)
    desk.books.expiries.delete(key)
    desk.books.earmarks.put(earmark_id, structs.replace(earmark, reference=b"touched"))


def _wrong_totals(desk: Desk) -> None:
    desk.books.totals.put(desk.share, structs.replace(totals_of(desk), issued=1_001))


def _wrong_earmarked_total(desk: Desk) -> None:
    desk.books.totals.put(desk.share, structs.replace(totals_of(desk), earmarked=99))


def _wrong_holders(desk: Desk) -> None:
    desk.books.totals.put(desk.share, structs.replace(totals_of(desk), holders=3))


def totals_of(desk: Desk) -> InstrumentTotals:
    found = desk.books.totals.find(desk.share)
    assert found is not None
    return found


def _new_owner(desk: Desk) -> None:
    desk.books.accounts.put(desk.alice, structs.replace(desk.account(desk.alice), owner=BOB))


def _closed_while_filled(desk: Desk) -> None:
    closed = type(desk.account(desk.alice).status).CLOSED
    desk.books.accounts.put(desk.alice, structs.replace(desk.account(desk.alice), status=closed))


def _forgotten(desk: Desk) -> None:
    desk.books.accounts.delete(desk.bob)


def _frozen_without_order(desk: Desk) -> None:
    desk.books.accounts.put(desk.alice, structs.replace(desk.account(desk.alice), frozen_debits=True))


def _miscounted_party(desk: Desk) -> None:
    desk.books.party_accounts.delete(BOB)


@pytest.mark.parametrize(
    "spoil",
    [
        _more,
        _uncounted,
        _negative,
        _empty_holding,
        _earmarked_without_earmark,
        _earmark_without_holding,
        _lost_earmark,
        _lost_expiry,
        _wrong_totals,
        _wrong_earmarked_total,
        _wrong_holders,
        _new_owner,
        _closed_while_filled,
        _forgotten,
        _frozen_without_order,
        _miscounted_party,
    ],
)
def test_what_breaks_an_invariant_is_found(desk: Desk, spoil: Spoil) -> None:
    desk.earmarked(desk.alice, 100, expiry_ms=desk.time_ms + 10)
    desk.check()
    spoil(desk)
    desk.state.accept()
    with pytest.raises(InvariantViolation):
        desk.check()
