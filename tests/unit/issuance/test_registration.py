"""Registration: for each message the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.issuance.facts import IssueRegistered
from counterfoil.modules.issuance.messages import (
    HoldingLine,
    RegisterExit,
    RegisterFurtherIssue,
    RegisterIssue,
    RegisterRedemption,
    RegisterReduction,
)
from counterfoil.modules.issuance.records import LINES_MAX, Issue, Registration, RegistrationAct
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.outcome import RejectCode
from tests.unit.issuance.world import (
    AMOUNT_TOO_LARGE,
    DATE,
    World,
    account,
    by,
    checker,
    instrument,
    maker,
    papers,
    party,
    signer,
)

THREE = (party("issuer"), party("regulator"), party("notary"))
ALL = by("issuer", "regulator", "notary")

REGISTER = RegisterIssue(instrument("share"), 1_000, account("treasury"), THREE, papers("1"))
FURTHER = RegisterFurtherIssue(instrument("share"), 500, account("treasury"), THREE, papers("2"))
REDUCE = RegisterReduction(instrument("share"), 400, account("treasury"), THREE, papers("2"))
EXIT = RegisterExit(instrument("share"), account("treasury"), THREE, papers("2"))
LINES = (HoldingLine(account("ann's"), 60), HoldingLine(account("treasury"), 40))
REDEEM = RegisterRedemption(instrument("bond"), LINES, 100, THREE, papers("2"))

Prepare = Callable[[World], object]
Row = tuple[RejectCode | None, dict[str, Any], tuple[bytes, ...], Prepare | None]


@pytest.fixture
def world() -> World:
    return World()


def without(name: str) -> tuple[bytes, ...]:
    return tuple(address for address in ALL if address not in by(name))


def check(world: World, message: Message, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
    assert world.refused(msgspec.structs.replace(message, **changes), *signers) is expected


APPROVAL: list[Row] = [
    (IssuanceReject.PAPERS_HASH_IS_MALFORMED, {"papers": b""}, ALL, None),
    (IssuanceReject.PAPERS_HASH_IS_MALFORMED, {"papers": bytes(33)}, ALL, None),
    (IssuanceReject.APPROVERS_DO_NOT_FIT_THE_POLICY, {"approvers": ()}, ALL, None),
    (IssuanceReject.APPROVERS_DO_NOT_FIT_THE_POLICY, {"approvers": THREE[:2]}, ALL, None),
    (IssuanceReject.APPROVERS_DO_NOT_FIT_THE_POLICY, {"approvers": (*THREE, party("bank"))}, ALL, None),
    (IssuanceReject.APPROVER_REPEATS, {"approvers": (THREE[0], THREE[1], THREE[1])}, ALL, None),
    (
        IssuanceReject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES,
        {"approvers": (party("other issuer"), *THREE[1:])},
        (*ALL, *by("other issuer")),
        None,
    ),
    (
        IssuanceReject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES,
        {"approvers": (THREE[0], party("depository"), THREE[2])},
        (*ALL, *by("depository")),
        None,
    ),
    (IssuanceReject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES, {"approvers": (*THREE[:2], b"?")}, ALL, None),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, without("issuer"), None),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, without("regulator"), None),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, without("notary"), None),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, (), None),
    (PartiesReject.PARTY_IS_NOT_ACTIVE, {}, ALL, lambda world: world.suspend("notary")),
    (PartiesReject.PARTY_IS_NOT_ACTIVE, {}, ALL, lambda world: world.suspend("operator")),
]

TREASURY: list[Row] = [
    (InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, {"quantity": 0}, ALL, None),
    (InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, {"quantity": -1}, ALL, None),
    (InstrumentsReject.QUANTITY_IS_TOO_LARGE, {"quantity": AMOUNT_TOO_LARGE}, (signer("issuer"), *ALL), None),
    (InstrumentsReject.QUANTITY_IS_BELOW_THE_MINIMUM, {"quantity": 9}, ALL, None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"treasury_account": account("nobody's")}, ALL, None),
    (
        IssuanceReject.ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY,
        {"treasury_account": account("issuer's own")},
        ALL,
        None,
    ),
    (
        IssuanceReject.ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY,
        {"treasury_account": account("other treasury")},
        ALL,
        None,
    ),
    (
        IssuanceReject.ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY,
        {"treasury_account": account("issuer's issuance")},
        ALL,
        None,
    ),
]

CREDIT: list[Row] = [
    (
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS,
        {},
        ALL,
        lambda world: world.freeze("treasury", credits=True),
    ),
    (HoldingsReject.ACCOUNT_IS_CLOSED, {}, ALL, lambda world: world.close("treasury")),
    (HoldingsReject.ISSUANCE_ACCOUNT_IS_WRONG, {}, ALL, lambda world: world.close("issuer's issuance")),
]


REGISTER_ROWS: list[Row] = [
    (None, {}, ALL, None),
    (None, {"quantity": AMOUNT_MAX}, ALL, None),
    (None, {"treasury_account": account("second treasury")}, ALL, None),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ALL, None),
    (
        InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED,
        {},
        ALL,
        lambda world: world.set_status("share", InstrumentStatus.ACTIVE),
    ),
    *APPROVAL,
    *TREASURY,
    *CREDIT,
]


@pytest.mark.parametrize("row", REGISTER_ROWS)
def test_register_issue(world: World, row: Row) -> None:
    check(world, REGISTER, row)


def registered(world: World) -> None:
    world.act(REGISTER, *ALL)
    world.end_block()


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, ALL, None),
        (None, {"quantity": AMOUNT_MAX - 1_000}, ALL, None),
        (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ALL, None),
        (
            InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
            {},
            ALL,
            lambda world: world.set_status("share", InstrumentStatus.SUSPENDED),
        ),
        *APPROVAL,
        (IssuanceReject.PAPERS_ARE_USED, {"papers": papers("1")}, ALL, None),
        *TREASURY,
        *CREDIT,
        (HoldingsReject.ISSUED_QUANTITY_IS_TOO_LARGE, {"quantity": AMOUNT_MAX - 999}, ALL, None),
    ],
)
def test_register_further_issue(world: World, row: Row) -> None:
    registered(world)
    check(world, FURTHER, row)


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, ALL, None),
        (None, {"quantity": 1_000}, ALL, None),
        (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ALL, None),
        (
            InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
            {},
            ALL,
            lambda world: world.set_status("share", InstrumentStatus.MATURED),
        ),
        *APPROVAL,
        (IssuanceReject.PAPERS_ARE_USED, {"papers": papers("1")}, ALL, None),
        *TREASURY,
        (
            HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
            {},
            ALL,
            lambda world: world.freeze("treasury", debits=True),
        ),
        (HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY, {"quantity": 1_001}, ALL, None),
        (
            HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
            {},
            ALL,
            lambda world: world.earmark("treasury", "share", 601),
        ),
    ],
)
def test_register_reduction(world: World, row: Row) -> None:
    registered(world)
    check(world, REDUCE, row)


def scatter(world: World, quantity: int, what: str = "share") -> None:
    """Move part of the treasury's holding to an investor, as a settled sale does."""
    source, target = (world.holdings.require_account(account(name)) for name in ("treasury", "ann's"))
    world.holdings.move(
        world.context(),
        instrument(what),
        world.instruments.require(instrument(what)),
        account("treasury"),
        source,
        account("ann's"),
        target,
        quantity,
        PostingReason.DELIVERED,
        b"",
    )
    world.keep()


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, ALL, None),
        (None, {}, ALL, lambda world: world.set_status("share", InstrumentStatus.SUSPENDED)),
        (None, {}, ALL, lambda world: world.set_status("share", InstrumentStatus.MATURED)),
        (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ALL, None),
        (InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION, {"instrument_id": instrument("bond")}, ALL, None),
        (
            InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION,
            {},
            ALL,
            lambda world: world.set_status("share", InstrumentStatus.CANCELLED),
        ),
        *APPROVAL,
        (IssuanceReject.PAPERS_ARE_USED, {"papers": papers("1")}, ALL, None),
        (IssuanceReject.ISSUE_IS_ENCUMBERED, {}, ALL, lambda world: world.earmark("treasury", "share", 1)),
        (HoldingsReject.ACCOUNT_NOT_FOUND, {"treasury_account": b""}, ALL, None),
        (
            IssuanceReject.ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY,
            {"treasury_account": account("ann's")},
            ALL,
            None,
        ),
        (
            IssuanceReject.ISSUE_IS_HELD_OUTSIDE_THE_TREASURY,
            {"treasury_account": account("second treasury")},
            ALL,
            None,
        ),
        (IssuanceReject.ISSUE_IS_HELD_OUTSIDE_THE_TREASURY, {}, ALL, lambda world: scatter(world, 1)),
        (
            HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
            {},
            ALL,
            lambda world: world.freeze("treasury", debits=True),
        ),
    ],
)
def test_register_exit(world: World, row: Row) -> None:
    registered(world)
    check(world, EXIT, row)


@pytest.mark.parametrize(
    "row",
    [
        (None, {}, ALL, None),
        (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ALL, None),
        (
            IssuanceReject.INSTRUMENT_HAS_NOT_MATURED,
            {},
            ALL,
            lambda world: world.set_status("bond", InstrumentStatus.ACTIVE),
        ),
        *APPROVAL,
        (IssuanceReject.PAPERS_ARE_USED, {"papers": papers("1")}, ALL, None),
        (IssuanceReject.LINES_ARE_NOT_IN_RANGE, {"lines": ()}, ALL, None),
        (IssuanceReject.LINES_ARE_NOT_IN_RANGE, {"lines": LINES[:1] * (LINES_MAX + 1)}, ALL, None),
        (IssuanceReject.ACCOUNT_REPEATS, {"lines": LINES[:1] * 2}, ALL, None),
        (IssuanceReject.CONTROL_TOTAL_DIFFERS, {"total": 101}, ALL, None),
        (
            HoldingsReject.ACCOUNT_NOT_FOUND,
            {"lines": (HoldingLine(account("nobody's"), 100),)},
            ALL,
            None,
        ),
        (
            HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
            {},
            ALL,
            lambda world: world.freeze("ann's", debits=True),
        ),
        (
            HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
            {},
            ALL,
            lambda world: world.earmark("ann's", "bond", 1),
        ),
        (
            HoldingsReject.QUANTITY_IS_OUT_OF_RANGE,
            {"lines": (HoldingLine(account("ann's"), -1), HoldingLine(account("treasury"), 101))},
            ALL,
            None,
        ),
    ],
)
def test_register_redemption(world: World, row: Row) -> None:
    world.act(RegisterIssue(instrument("bond"), 1_000, account("treasury"), THREE, papers("1")), *ALL)
    scatter(world, 60, "bond")
    world.set_status("bond", InstrumentStatus.MATURED)
    world.end_block()
    check(world, REDEEM, row)


def test_each_policy_names_its_own(world: World) -> None:
    unit = RegisterIssue(instrument("unit"), 100, account("treasury"), (party("depository"),), papers("1"))
    token = RegisterIssue(
        instrument("token"), 100, account("treasury"), (party("trustee"), party("operator")), papers("1")
    )
    assert world.refused(unit, *by("issuer")) is PartiesReject.SIGNER_IS_NOT_AUTHORISED
    other = msgspec.structs.replace(unit, approvers=(party("operator"),))
    assert world.refused(other, *by("operator")) is IssuanceReject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES
    stranger = msgspec.structs.replace(token, approvers=(party("trustee"), party("other operator")))
    signers = by("trustee", "operator", "other operator")
    assert world.refused(stranger, *signers) is IssuanceReject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES
    world.act(unit, *by("depository"))
    world.act(token, *by("trustee", "operator"))
    world.end_block()
    assert world.instruments.require(instrument("unit")).status is InstrumentStatus.ACTIVE
    assert world.held("treasury", "token") == (100, 0)


def test_users_with_mandates_sign_for_the_approvers(world: World) -> None:
    users = (maker("issuer"), maker("regulator"), maker("notary"))
    checkers = (checker("issuer"), checker("regulator"), checker("notary"))
    assert world.refused(REGISTER, *users, *checkers) is None


def test_registration_is_told_to_who_signed_and_kept_for_ever(world: World) -> None:
    context = world.act(REGISTER, *ALL)
    fact, told = next((fact, to) for fact, to in context.facts if isinstance(fact, IssueRegistered))
    assert told == (*THREE, party("depository"))
    assert fact == IssueRegistered(
        instrument("share"), RegistrationAct.INITIAL, 1, 1_000, 1_000, DATE, THREE, papers("1")
    )
    assert world.held("treasury", "share") == (1_000, 0)
    world.end_block()
    world.act(FURTHER, *ALL)
    world.act(msgspec.structs.replace(REDUCE, papers=papers("3")), *ALL)
    world.end_block()
    assert world.issuance.issues.find(instrument("share")) == Issue(1_500, 400, 3, RegistrationAct.REDUCTION)
    assert world.issuance.registrations.find(instrument("share") + papers("3")) == Registration(
        3, RegistrationAct.REDUCTION, 400, DATE, 3, THREE
    )
    assert world.holdings.outstanding(instrument("share")) == 1_100


def test_exit_ends_the_instrument(world: World) -> None:
    registered(world)
    world.act(EXIT, *ALL)
    world.end_block()
    assert world.instruments.require(instrument("share")).status is InstrumentStatus.CANCELLED
    assert world.held("treasury", "share") == (0, 0)
    assert world.issuance.issues.find(instrument("share")) == Issue(1_000, 1_000, 2, RegistrationAct.EXIT)
    again = msgspec.structs.replace(EXIT, papers=papers("3"))
    assert world.refused(again, *ALL) is InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION


def test_a_matured_bond_is_redeemed_in_full_and_leaves(world: World) -> None:
    world.act(RegisterIssue(instrument("bond"), 100, account("treasury"), THREE, papers("1")), *ALL)
    scatter(world, 60, "bond")
    world.set_status("bond", InstrumentStatus.MATURED)
    leave = RegisterExit(instrument("bond"), b"", THREE, papers("3"))
    assert world.refused(leave, *ALL) is HoldingsReject.ACCOUNT_NOT_FOUND
    world.act(REDEEM, *ALL)
    world.end_block()
    assert world.held("ann's", "bond") == (0, 0)
    assert world.held("treasury", "bond") == (0, 0)
    world.act(leave, *ALL)
    world.end_block()
    assert world.instruments.require(instrument("bond")).status is InstrumentStatus.REDEEMED
    assert world.issuance.issues.find(instrument("bond")) == Issue(100, 100, 3, RegistrationAct.EXIT)


def test_an_issue_with_which_the_ledger_was_founded_grows_and_leaves(world: World) -> None:
    share, treasury = world.instruments.require(instrument("share")), account("treasury")
    found = world.holdings.require_account(treasury)
    context = world.context()
    reason = PostingReason.FOUNDED
    world.holdings.issue(context, instrument("share"), share, treasury, found, 300, reason, b"")
    world.set_status("share", InstrumentStatus.ACTIVE)
    world.end_block()
    world.act(msgspec.structs.replace(FURTHER, papers=papers("1")), *ALL)
    world.end_block()
    assert world.issuance.issues.find(instrument("share")) == Issue(800, 0, 1, RegistrationAct.FURTHER)
    world.act(EXIT, *ALL)
    world.end_block()
    assert world.issuance.issues.find(instrument("share")) == Issue(800, 800, 2, RegistrationAct.EXIT)


def test_totals_are_lowered_before_they_outgrow_63_bits(world: World) -> None:
    registered(world)
    rest = AMOUNT_MAX - 1_000
    world.act(msgspec.structs.replace(FURTHER, quantity=rest), *ALL)
    world.act(msgspec.structs.replace(REDUCE, quantity=AMOUNT_MAX, papers=papers("3")), *ALL)
    world.end_block()
    world.act(msgspec.structs.replace(FURTHER, quantity=77, papers=papers("4")), *ALL)
    world.end_block()
    assert world.issuance.issues.find(instrument("share")) == Issue(77, 0, 4, RegistrationAct.FURTHER)


def test_money_is_registered_without_quantity(world: World) -> None:
    approvers = (party("trustee"), party("operator"))
    ask = RegisterIssue(instrument("trustee euro"), 0, b"", approvers, papers("1"))
    signers = by("trustee", "operator")
    for changes in ({"quantity": 100}, {"treasury_account": account("treasury")}, {"quantity": -1}):
        wrong = msgspec.structs.replace(ask, **changes)
        assert world.refused(wrong, *signers) is IssuanceReject.MONEY_IS_ONLY_MINTED
    world.act(ask, *signers)
    world.end_block()
    token = instrument("trustee euro")
    assert world.instruments.require(token).status is InstrumentStatus.ACTIVE
    assert world.issuance.issues.find(token) == Issue(0, 0, 1, RegistrationAct.INITIAL)
    more = RegisterFurtherIssue(token, 100, account("treasury"), approvers, papers("2"))
    assert world.refused(more, *signers) is IssuanceReject.MONEY_IS_ONLY_MINTED
    less = RegisterReduction(token, 100, account("treasury"), approvers, papers("2"))
    assert world.refused(less, *signers) is IssuanceReject.MONEY_IS_ONLY_MINTED
    leave = RegisterExit(token, b"", approvers, papers("2"))
    assert world.refused(leave, *signers) is None
