"""Money tokens: for each message the valid rows first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.modules.cash.facts import Minted, RedemptionPaid, RedemptionRefused, RedemptionRequested
from counterfoil.modules.cash.messages import Mint, PayRedemption, RefuseRedemption, RequestRedemption
from counterfoil.modules.cash.records import (
    BankEntry,
    EntryKind,
    Redemption,
    Supply,
    bank_entry_key,
    supply_key,
)
from counterfoil.modules.cash.rejects import CashReject
from counterfoil.modules.holdings.interface import EarmarkReason, Posting, PostingReason
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.outcome import RejectCode
from tests.unit.cash.world import ANN, BANK, EURO, TRUSTEE, MoneyWorld
from tests.unit.issuance.world import (
    AMOUNT_TOO_LARGE,
    DATE,
    account,
    by,
    checker,
    instrument,
    maker,
    party,
    signer,
)

MINT = Mint(EURO, account("ann's"), 5_000, "ENTRY/1", DATE)
REQUEST = RequestRedemption(EURO, account("ann's"), 3_000, "OUT-1", bytes(32))

Prepare = Callable[[MoneyWorld], object]
Row = tuple[RejectCode | None, dict[str, Any], tuple[bytes, ...], Prepare | None]


@pytest.fixture
def world() -> MoneyWorld:
    return MoneyWorld()


def check(world: MoneyWorld, message: Message, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
    assert world.refused(msgspec.structs.replace(message, **changes), *signers) is expected


ENTRIES: list[Row] = [
    (CashReject.BANK_ENTRY_IS_MALFORMED, {"bank_entry": ""}, TRUSTEE, None),
    (CashReject.BANK_ENTRY_IS_MALFORMED, {"bank_entry": "E" * 71}, TRUSTEE, None),
    (CashReject.BANK_ENTRY_IS_MALFORMED, {"bank_entry": "ENTRY 1"}, TRUSTEE, None),
    (CashReject.BANK_ENTRY_IS_MALFORMED, {"bank_entry": "ENTRY/Ⅰ"}, TRUSTEE, None),
    (CashReject.BANK_ENTRY_IS_MALFORMED, {"bank_entry": "ENTRY\0"}, TRUSTEE, None),
    (CashReject.BOOKING_DATE_IS_NO_DATE, {"booking_date": 20231131}, TRUSTEE, None),
    (CashReject.BOOKING_DATE_IS_NO_DATE, {"booking_date": -(2**63)}, TRUSTEE, None),
]


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, TRUSTEE, None),
        (None, {}, (maker("trustee"), checker("trustee")), None),
        (None, {"amount": AMOUNT_MAX}, TRUSTEE, None),
        (None, {"bank_entry": "E" * 70}, TRUSTEE, None),
        (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, TRUSTEE, None),
        (
            InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
            {},
            TRUSTEE,
            lambda world: world.set_status("trustee euro", InstrumentStatus.SUSPENDED),
        ),
        (
            CashReject.INSTRUMENT_IS_NOT_MONEY,
            {"instrument_id": instrument("share")},
            TRUSTEE,
            lambda world: world.set_status("share", InstrumentStatus.ACTIVE),
        ),
        (PartiesReject.PARTY_IS_NOT_ACTIVE, {}, TRUSTEE, lambda world: world.suspend("trustee")),
        (PartiesReject.MAKER_IS_MISSING, {}, BANK, None),
        (PartiesReject.MAKER_IS_MISSING, {}, (), None),
        (PartiesReject.MAKER_IS_MISSING, {}, (signer("trustee"),), None),
        (PartiesReject.CHECKER_IS_MISSING, {}, (maker("trustee"),), None),
        (PartiesReject.MAKER_IS_MISSING, {}, (checker("trustee"),), None),
        *ENTRIES,
        (InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, {"amount": 0}, TRUSTEE, None),
        (InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, {"amount": -5_000}, TRUSTEE, None),
        (InstrumentsReject.QUANTITY_IS_BELOW_THE_MINIMUM, {"amount": 9}, TRUSTEE, None),
        (HoldingsReject.ACCOUNT_NOT_FOUND, {"account_id": account("nobody's")}, TRUSTEE, None),
        (HoldingsReject.ACCOUNT_IS_CLOSED, {}, TRUSTEE, lambda world: world.close("ann's")),
        (
            HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS,
            {},
            TRUSTEE,
            lambda world: world.freeze("ann's", credits=True),
        ),
        (
            HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES,
            {"account_id": account("trustee's issuance")},
            TRUSTEE,
            None,
        ),
        (CashReject.BANK_ENTRY_IS_USED, {}, TRUSTEE, lambda world: world.act(MINT, *TRUSTEE)),
        (
            CashReject.BANK_ENTRY_IS_USED,
            {"account_id": account("ben's"), "amount": 70, "booking_date": 20240101},
            TRUSTEE,
            lambda world: world.act(MINT, *TRUSTEE),
        ),
        (None, {"bank_entry": "ENTRY/2"}, TRUSTEE, lambda world: world.act(MINT, *TRUSTEE)),
        (
            CashReject.ANOTHER_TOKEN_HAS_THE_CURRENCY,
            {"instrument_id": instrument("second trustee euro"), "bank_entry": "ENTRY/2"},
            TRUSTEE,
            lambda world: world.act(MINT, *TRUSTEE),
        ),
        (
            HoldingsReject.ISSUED_QUANTITY_IS_TOO_LARGE,
            {"amount": AMOUNT_MAX - 4_999, "bank_entry": "ENTRY/2"},
            TRUSTEE,
            lambda world: world.act(MINT, *TRUSTEE),
        ),
        (
            HoldingsReject.ISSUANCE_ACCOUNT_IS_WRONG,
            {},
            TRUSTEE,
            lambda world: world.close("trustee's issuance"),
        ),
    ],
)
def test_mint(world: MoneyWorld, row: Row) -> None:
    check(world, MINT, row)


def test_no_mandate_reaches_beyond_63_bits(world: MoneyWorld) -> None:
    ask = msgspec.structs.replace(MINT, amount=AMOUNT_TOO_LARGE)
    assert isinstance(world.refused(ask, *TRUSTEE), PartiesReject)


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, ANN, None),
        (None, {"amount": 5_000, "payee_hash": b"", "reference": "R" * 35}, ANN, None),
        (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ANN, None),
        (
            InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
            {},
            ANN,
            lambda world: world.set_status("trustee euro", InstrumentStatus.SUSPENDED),
        ),
        (
            CashReject.INSTRUMENT_IS_NOT_MONEY,
            {"instrument_id": instrument("share")},
            ANN,
            lambda world: world.set_status("share", InstrumentStatus.ACTIVE),
        ),
        (HoldingsReject.ACCOUNT_NOT_FOUND, {"account_id": account("nobody's")}, ANN, None),
        (HoldingsReject.ACCOUNT_NOT_FOUND, {}, by("ben"), None),
        (HoldingsReject.ACCOUNT_NOT_FOUND, {}, TRUSTEE, None),
        (CashReject.REFERENCE_IS_MALFORMED, {"reference": ""}, ANN, None),
        (CashReject.REFERENCE_IS_MALFORMED, {"reference": "R" * 36}, ANN, None),
        (CashReject.REFERENCE_IS_MALFORMED, {"reference": "OUT 1"}, ANN, None),
        (CashReject.PAYEE_HASH_IS_MALFORMED, {"payee_hash": bytes(31)}, ANN, None),
        (InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, {"amount": -1}, ANN, None),
        (InstrumentsReject.QUANTITY_IS_TOO_LARGE, {"amount": AMOUNT_TOO_LARGE}, ANN, None),
        (
            HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
            {},
            ANN,
            lambda world: world.freeze("ann's", debits=True),
        ),
        (HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY, {"amount": 5_001}, ANN, None),
        (
            HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
            {},
            ANN,
            lambda world: world.earmark("ann's", "trustee euro", 2_001),
        ),
        (
            HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
            {"instrument_id": instrument("bank euro")},
            ANN,
            None,
        ),
        (
            CashReject.REFERENCE_IS_USED,
            {},
            ANN,
            lambda world: world.act(msgspec.structs.replace(REQUEST, amount=10), *ANN),
        ),
        (
            None,
            {"reference": "OUT-2"},
            ANN,
            lambda world: world.act(msgspec.structs.replace(REQUEST, amount=10), *ANN),
        ),
    ],
)
def test_request_redemption(world: MoneyWorld, row: Row) -> None:
    world.act(MINT, *TRUSTEE)
    world.end_block()
    check(world, REQUEST, row)


@pytest.fixture
def requested(world: MoneyWorld) -> tuple[MoneyWorld, bytes]:
    """5,000 minted, 3,000 of them to be redeemed."""
    world.act(MINT, *TRUSTEE)
    redemption_id = world.act(REQUEST, *ANN).created[0]
    world.end_block()
    return world, redemption_id


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, TRUSTEE, None),
        (CashReject.REDEMPTION_NOT_FOUND, {"redemption_id": bytes(32)}, TRUSTEE, None),
        (
            InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
            {},
            TRUSTEE,
            lambda world: world.set_status("trustee euro", InstrumentStatus.SUSPENDED),
        ),
        (CashReject.REDEMPTION_NOT_FOUND, {}, BANK, None),
        (PartiesReject.MAKER_IS_MISSING, {}, ANN, None),
        (PartiesReject.CHECKER_IS_MISSING, {}, (maker("trustee"),), None),
        *ENTRIES,
        (
            HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
            {},
            TRUSTEE,
            lambda world: world.freeze("ann's", debits=True),
        ),
        (PartiesReject.PARTY_IS_NOT_ACTIVE, {}, TRUSTEE, lambda world: world.suspend("ann")),
        (CashReject.BANK_ENTRY_IS_USED, {"bank_entry": MINT.bank_entry}, TRUSTEE, None),
    ],
)
def test_pay_redemption(requested: tuple[MoneyWorld, bytes], row: Row) -> None:
    world, redemption_id = requested
    check(world, PayRedemption(redemption_id, "PAID/1", DATE), row)


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, TRUSTEE, None),
        (None, {"reason": "R" * 200}, TRUSTEE, None),
        (None, {}, TRUSTEE, lambda world: world.set_status("trustee euro", InstrumentStatus.SUSPENDED)),
        (None, {}, TRUSTEE, lambda world: world.freeze("ann's", debits=True, credits=True)),
        (None, {}, TRUSTEE, lambda world: world.suspend("ann")),
        (CashReject.REDEMPTION_NOT_FOUND, {"redemption_id": bytes(32)}, TRUSTEE, None),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, ANN, None),
        (CashReject.REASON_IS_MALFORMED, {"reason": ""}, TRUSTEE, None),
        (CashReject.REASON_IS_MALFORMED, {"reason": "R" * 201}, TRUSTEE, None),
    ],
)
def test_refuse_redemption(requested: tuple[MoneyWorld, bytes], row: Row) -> None:
    world, redemption_id = requested
    check(world, RefuseRedemption(redemption_id, "The payee's account is closed."), row)


RELATIONSHIP = relationship_of(party("underwriter"), party("ann"))


def told(context: Any) -> list[Any]:
    return [entry for entry in context.facts if type(entry[0]).__module__.endswith("cash.facts")]


def test_minted_money_is_backed_and_told(world: MoneyWorld) -> None:
    context = world.act(MINT, *TRUSTEE)
    assert told(context) == [
        (Minted(EURO, account("ann's"), 5_000, "ENTRY/1", DATE), (RELATIONSHIP, party("trustee")))
    ]
    world.end_block()
    assert world.held("ann's", "trustee euro") == (5_000, 0)
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 5_000, 0, 0)
    key = bank_entry_key(party("trustee"), "ENTRY/1")
    entry = BankEntry(EntryKind.DEPOSIT, EURO, account("ann's"), 5_000, DATE, world.height - 1)
    assert world.cash_books.bank_entries.find(key) == entry
    postings = [fact for fact, _ in context.facts if isinstance(fact, Posting)]
    assert {fact.reason for fact in postings} == {PostingReason.MINTED}
    assert {fact.reference for fact in postings} == {key[20:]}


def test_a_bank_entry_is_never_forgotten(requested: tuple[MoneyWorld, bytes]) -> None:
    world, redemption_id = requested
    world.act(PayRedemption(redemption_id, "PAID/1", DATE), *TRUSTEE)
    for _ in range(3):
        world.end_block()
        world.time_ms += 400 * 86_400_000
        world.window.forget(world.time_ms)
    for reference in ("ENTRY/1", "PAID/1"):
        again = msgspec.structs.replace(MINT, bank_entry=reference)
        assert world.refused(again, *TRUSTEE) is CashReject.BANK_ENTRY_IS_USED


def test_the_same_entry_at_two_issuers_is_two_entries(world: MoneyWorld) -> None:
    world.act(MINT, *TRUSTEE)
    world.act(msgspec.structs.replace(MINT, instrument_id=instrument("bank euro")), *BANK)
    world.end_block()
    assert world.held("ann's", "bank euro") == (5_000, 0)


def test_a_redemption_is_earmarked_then_paid(requested: tuple[MoneyWorld, bytes]) -> None:
    world, redemption_id = requested
    assert world.held("ann's", "trustee euro") == (2_000, 3_000)
    redemption = world.cash_books.redemptions.find(redemption_id)
    assert redemption == Redemption(
        EURO,
        account("ann's"),
        3_000,
        redemption.earmark_id if redemption else b"",
        "OUT-1",
        bytes(32),
        world.time_ms - 1_000,
        DATE,
    )
    earmark = world.holdings.earmark_of(redemption.earmark_id)
    assert earmark is not None
    assert earmark.reason is EarmarkReason.REDEMPTION
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 5_000, 0, 3_000)

    context = world.act(PayRedemption(redemption_id, "PAID/1", DATE), *TRUSTEE)
    assert told(context) == [
        (
            RedemptionPaid(redemption_id, EURO, account("ann's"), 3_000, "OUT-1", "PAID/1", DATE),
            (RELATIONSHIP, party("trustee")),
        )
    ]
    world.end_block()
    assert world.held("ann's", "trustee euro") == (2_000, 0)
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 5_000, 3_000, 0)
    again = PayRedemption(redemption_id, "PAID/2", DATE)
    assert world.refused(again, *TRUSTEE) is CashReject.REDEMPTION_NOT_FOUND


def test_a_refused_redemption_gives_the_tokens_back(requested: tuple[MoneyWorld, bytes]) -> None:
    world, redemption_id = requested
    context = world.act(RefuseRedemption(redemption_id, "No."), *TRUSTEE)
    assert told(context) == [
        (
            RedemptionRefused(redemption_id, EURO, account("ann's"), 3_000, "OUT-1", "No."),
            (RELATIONSHIP, party("trustee")),
        )
    ]
    assert context.credited == [account("ann's") + EURO]
    world.end_block()
    assert world.held("ann's", "trustee euro") == (5_000, 0)
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 5_000, 0, 0)


def test_a_request_is_told_to_holder_and_issuer(world: MoneyWorld) -> None:
    world.act(MINT, *TRUSTEE)
    context = world.act(REQUEST, *ANN)
    fact = RedemptionRequested(context.created[0], EURO, account("ann's"), 3_000, "OUT-1", bytes(32))
    assert told(context) == [(fact, (RELATIONSHIP, party("trustee")))]


def test_requested_and_paid_in_one_block_leaves_no_trace_but_the_entry(world: MoneyWorld) -> None:
    world.act(MINT, *TRUSTEE)
    redemption_id = world.act(REQUEST, *ANN).created[0]
    world.act(PayRedemption(redemption_id, "PAID/1", DATE), *TRUSTEE)
    world.end_block()
    assert list(world.cash_books.redemptions.scan()) == []


def test_settlement_assets_are_money_that_moves(world: MoneyWorld) -> None:
    assert world.cash.is_settlement_asset(EURO)
    assert world.cash.is_settlement_asset(instrument("digital euro"))
    assert not world.cash.is_settlement_asset(instrument("share"))
    assert not world.cash.is_settlement_asset(instrument("nothing"))
    world.set_status("trustee euro", InstrumentStatus.SUSPENDED)
    assert not world.cash.is_settlement_asset(EURO)
    world.set_status("share", InstrumentStatus.ACTIVE)
    assert not world.cash.is_settlement_asset(instrument("share"))
    assert world.cash.supply(party("bank"), "EUR") is None


def test_a_token_is_succeeded_when_all_of_it_is_redeemed(requested: tuple[MoneyWorld, bytes]) -> None:
    world, first = requested
    second = world.act(msgspec.structs.replace(REQUEST, amount=2_000, reference="OUT-2"), *ANN).created[0]
    world.act(PayRedemption(first, "PAID/1", DATE), *TRUSTEE)
    successor = msgspec.structs.replace(
        MINT, instrument_id=instrument("second trustee euro"), bank_entry="ENTRY/2"
    )
    assert world.refused(successor, *TRUSTEE) is CashReject.ANOTHER_TOKEN_HAS_THE_CURRENCY
    world.act(PayRedemption(second, "PAID/2", DATE), *TRUSTEE)
    world.act(successor, *TRUSTEE)
    world.end_block()
    key = supply_key(party("trustee"), "EUR")
    assert world.cash_books.supplies.find(key) == Supply(successor.instrument_id, 0, 5_000, 0, 0)
    assert world.refused(msgspec.structs.replace(MINT, bank_entry="ENTRY/3"), *TRUSTEE) is (
        CashReject.ANOTHER_TOKEN_HAS_THE_CURRENCY
    )


def test_money_with_which_the_ledger_was_founded_is_redeemed(world: MoneyWorld) -> None:
    world.found("ann's", "trustee euro", 4_000)
    world.end_block()
    redemption_id = world.act(REQUEST, *ANN).created[0]
    world.end_block()
    world.act(PayRedemption(redemption_id, "PAID/1", DATE), *TRUSTEE)
    world.end_block()
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 4_000, 0, 3_000, 0)
    other = msgspec.structs.replace(REQUEST, instrument_id=instrument("second trustee euro"), reference="X")
    world.found("ann's", "second trustee euro", 4_000)
    assert world.refused(other, *ANN) is CashReject.ANOTHER_TOKEN_HAS_THE_CURRENCY


def test_totals_are_lowered_before_they_outgrow_63_bits(world: MoneyWorld) -> None:
    world.act(msgspec.structs.replace(MINT, amount=AMOUNT_MAX), *TRUSTEE)
    ask = msgspec.structs.replace(REQUEST, amount=AMOUNT_MAX - 10)
    redemption_id = world.act(ask, *ANN).created[0]
    world.act(PayRedemption(redemption_id, "PAID/1", DATE), *TRUSTEE)
    world.end_block()
    world.act(msgspec.structs.replace(MINT, bank_entry="ENTRY/2"), *TRUSTEE)
    world.end_block()
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 5_010, 0, 0)
