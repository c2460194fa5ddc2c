"""Long stories: from the signatures that bring an instrument onto the ledger to the payment that ends it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from counterfoil.modules.approvals.facts import ProposalExecuted
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction
from counterfoil.modules.cash.facts import RedemptionLapsed
from counterfoil.modules.cash.messages import Mint, PayRedemption, RefuseRedemption, RequestRedemption
from counterfoil.modules.cash.records import Supply
from counterfoil.modules.cash.rejects import CashReject
from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.issuance.facts import IssueRegistered
from counterfoil.modules.issuance.messages import (
    Allot,
    HoldingLine,
    RegisterExit,
    RegisterIssue,
    RegisterReduction,
)
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.modules.parties.interface import PartyStatus
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import encode
from tests.unit.cash.world import ANN, BANK, BEN, CENTRAL_BANK, EURO, TRUSTEE, MoneyWorld
from tests.unit.issuance.world import (
    DATE,
    DAY_MS,
    MEMBERS,
    account,
    by,
    checker,
    instrument,
    maker,
    papers,
    party,
    signer,
)


@pytest.fixture
def world() -> MoneyWorld:
    return MoneyWorld()


def pay(world: MoneyWorld, source: str, target: str, what: str, amount: int) -> None:
    """A payment as settlement makes it."""
    world.holdings.move(
        world.context(),
        instrument(what),
        world.instruments.require(instrument(what)),
        account(source),
        world.holdings.require_account(account(source)),
        account(target),
        world.holdings.require_account(account(target)),
        amount,
        PostingReason.PAID,
        b"",
    )
    world.end_block()


def test_issuer_regulator_and_notary_register_one_after_another(world: MoneyWorld) -> None:
    approvers = (party("issuer"), party("regulator"), party("notary"))
    ask = RegisterIssue(instrument("share"), 1_000, account("treasury"), approvers, papers("prospectus"))
    named = (signer("issuer"), signer("regulator"), signer("notary"))
    assert world.refused(ask, signer("issuer")) is PartiesReject.SIGNER_IS_NOT_AUTHORISED

    propose = ProposeTransaction(encode((named, (ask,))), world.time_ms + 30 * DAY_MS)
    proposal_id = world.act(propose, signer("issuer")).created[0]
    world.end_block()
    world.time_ms += 10 * DAY_MS
    world.act(ApproveTransaction(proposal_id), signer("regulator"))
    world.end_block()
    assert world.instruments.require(instrument("share")).status is InstrumentStatus.ANNOUNCED
    world.time_ms += 10 * DAY_MS
    world.suspend("notary")
    last = ApproveTransaction(proposal_id)
    assert world.refused(last, signer("notary")) is PartiesReject.PARTY_IS_NOT_ACTIVE
    world.set_party("notary", *MEMBERS["notary"], PartyStatus.ACTIVE)
    context = world.act(last, signer("notary"))
    world.end_block()
    assert world.instruments.require(instrument("share")).status is InstrumentStatus.ACTIVE
    assert world.held("treasury", "share") == (1_000, 0)
    kinds = [type(fact) for fact, _ in context.facts]
    assert kinds.index(ProposalExecuted) < kinds.index(IssueRegistered)
    assert context.credited == [account("treasury") + instrument("share")]


def test_two_eyes_of_one_house_meet_on_the_ledger(world: MoneyWorld) -> None:
    """A maker enters a mint, a checker approves it an hour later."""
    ask = Mint(EURO, account("ann's"), 500, "ENTRY/1", DATE)
    named = (maker("trustee"), checker("trustee"))
    propose = ProposeTransaction(encode((named, (ask,))), world.time_ms + DAY_MS)
    proposal_id = world.act(propose, maker("trustee")).created[0]
    world.end_block()
    assert world.held("ann's", "trustee euro") == (0, 0)
    world.act(ApproveTransaction(proposal_id), checker("trustee"))
    world.end_block()
    assert world.held("ann's", "trustee euro") == (500, 0)

    twice = world.act(propose, maker("trustee")).created[0]
    refused = world.refused(ApproveTransaction(twice), checker("trustee"))
    assert refused is CashReject.BANK_ENTRY_IS_USED


def test_trustee_money_goes_round_and_out(world: MoneyWorld) -> None:
    """Deposit, payment to another investor, withdrawal in two steps of which one is refused first."""
    world.act(Mint(EURO, account("ann's"), 10_000, "BK1/000017", DATE), *TRUSTEE)
    world.act(Mint(EURO, account("ben's"), 5_000, "BK1/000018", DATE), *TRUSTEE)
    world.end_block()
    pay(world, "ann's", "ben's", "trustee euro", 4_000)
    wrong = world.act(RequestRedemption(EURO, account("ben's"), 9_000, "W-1"), *BEN).created[0]
    world.end_block()
    world.act(RefuseRedemption(wrong, "The account with the bank has another owner."), *TRUSTEE)
    right = world.act(RequestRedemption(EURO, account("ben's"), 9_000, "W-2", bytes(32)), *BEN).created[0]
    world.end_block()
    world.act(PayRedemption(right, "BK1/000019", DATE), *TRUSTEE)
    world.end_block()
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 15_000, 9_000, 0)
    assert world.held("ann's", "trustee euro") == (6_000, 0)
    assert world.held("ben's", "trustee euro") == (0, 0)
    assert world.holdings.outstanding(EURO) == 6_000


def test_one_issuers_money_is_never_anothers(world: MoneyWorld) -> None:
    """Three issuers of one currency: supplies, entries and redemptions stay apart."""
    bank, central = instrument("bank euro"), instrument("digital euro")
    for token, issuer, amount in ((EURO, TRUSTEE, 100), (bank, BANK, 200), (central, CENTRAL_BANK, 300)):
        world.act(Mint(token, account("ann's"), amount, "ENTRY/1", DATE), *issuer)
    world.end_block()
    assert [world.cash.supply(party(name), "EUR") for name in ("trustee", "bank", "central bank")] == [
        Supply(EURO, 0, 100, 0, 0),
        Supply(bank, 0, 200, 0, 0),
        Supply(central, 0, 300, 0, 0),
    ]
    redemption_id = world.act(RequestRedemption(bank, account("ann's"), 150, "W-1"), *ANN).created[0]
    ask = PayRedemption(redemption_id, "PAID/1", DATE)
    assert world.refused(ask, *TRUSTEE) is CashReject.REDEMPTION_NOT_FOUND
    assert world.refused(Mint(bank, account("ann's"), 100, "ENTRY/2", DATE), *TRUSTEE) is (
        PartiesReject.MAKER_IS_MISSING
    )
    world.act(ask, *BANK)
    world.end_block()
    held = [world.held("ann's", name) for name in ("trustee euro", "bank euro", "digital euro")]
    assert held == [(100, 0), (50, 0), (300, 0)]


def test_a_freeze_between_request_and_payment(world: MoneyWorld) -> None:
    world.act(Mint(EURO, account("ann's"), 500, "ENTRY/1", DATE), *TRUSTEE)
    redemption_id = world.act(RequestRedemption(EURO, account("ann's"), 500, "W-1"), *ANN).created[0]
    world.freeze("ann's", debits=True)
    ask = PayRedemption(redemption_id, "PAID/1", DATE)
    assert world.refused(ask, *TRUSTEE) is not None
    world.end_block()
    assert world.held("ann's", "trustee euro") == (0, 500)
    world.freeze("ann's")
    world.act(ask, *TRUSTEE)
    world.end_block()
    assert world.holdings.outstanding(EURO) == 0


def test_a_token_of_which_nothing_is_left_leaves_the_market(world: MoneyWorld) -> None:
    approvers = (party("trustee"), party("operator"))
    leave = RegisterExit(EURO, b"", approvers, papers("end"))
    signers = by("trustee", "operator")
    world.act(Mint(EURO, account("ann's"), 500, "ENTRY/1", DATE), *TRUSTEE)
    assert world.refused(leave, *signers) is IssuanceReject.MONEY_IS_ONLY_MINTED
    redemption_id = world.act(RequestRedemption(EURO, account("ann's"), 500, "W-1"), *ANN).created[0]
    assert world.refused(leave, *signers) is IssuanceReject.ISSUE_IS_ENCUMBERED
    world.act(PayRedemption(redemption_id, "PAID/1", DATE), *TRUSTEE)
    world.act(leave, *signers)
    world.end_block()
    assert world.instruments.require(EURO).status is InstrumentStatus.CANCELLED
    again = Mint(EURO, account("ann's"), 500, "ENTRY/2", DATE)
    assert world.refused(again, *TRUSTEE) is InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE
    successor = instrument("second trustee euro")
    world.act(Mint(successor, account("ann's"), 500, "ENTRY/2", DATE), *TRUSTEE)
    world.end_block()
    assert world.cash.supply(party("trustee"), "EUR") == Supply(successor, 0, 500, 0, 0)


def test_an_issue_that_is_not_placed_is_reduced(world: MoneyWorld) -> None:
    """Registered by the administrator, allotted to an underwriter, partly placed, the rest returned and ended."""
    unit, administrator = instrument("unit"), (party("depository"),)
    world.act(RegisterIssue(unit, 1_000, account("treasury"), administrator, papers("1")), *by("depository"))
    firm = (HoldingLine(account("underwriter's"), 1_000),)
    world.act(Allot(unit, account("treasury"), True, firm, 1_000, "F-1", papers("firm")), *by("issuer"))
    world.end_block()
    placed = (HoldingLine(account("ann's"), 300), HoldingLine(account("ben's"), 200))
    own = account("underwriter's")
    world.act(Allot(unit, own, False, placed, 500, "P-1", papers("book")), *by("underwriter"))
    back = (HoldingLine(account("treasury"), 500),)
    world.act(Allot(unit, own, False, back, 500, "P-2", papers("book")), *by("underwriter"))
    world.end_block()
    ask = RegisterReduction(unit, 500, account("treasury"), administrator, papers("2"))
    world.act(ask, *by("depository"))
    world.end_block()
    assert world.holdings.outstanding(unit) == 500
    assert [world.held(name, "unit") for name in ("treasury", "underwriter's", "ann's", "ben's")] == [
        (0, 0),
        (0, 0),
        (300, 0),
        (200, 0),
    ]
    assert list(world.issuance.placings.scan(unit)) == []


# ---- what nobody answers ----


def test_a_redemption_that_its_issuer_does_not_answer_lapses(world: MoneyWorld) -> None:
    """The issuer is suspended and can do nothing; the holder has the tokens back all the same."""
    home = world.instruments.require(EURO).market
    rulebook = world.markets.rulebook(home)
    world.markets_books.rulebooks.put(home.encode(), replace(rulebook, recycling_days=2))
    world.act(Mint(EURO, account("ann's"), 10_000, "BK1/1", DATE), *TRUSTEE)
    first = world.act(RequestRedemption(EURO, account("ann's"), 3_000, "W-1"), *ANN).created[0]
    world.end_block()
    assert world.open_day(home, DATE + 1) == []
    second = world.act(RequestRedemption(EURO, account("ann's"), 1_000, "W-2"), *ANN).created[0]
    world.suspend("trustee")
    assert world.open_day(home, DATE + 2) == []
    assert world.open_day(home, DATE + 3, is_open=False) == []
    assert world.held("ann's", "trustee euro") == (6_000, 4_000)
    (lapsed,) = world.open_day(home, DATE + 3)
    assert world.held("ann's", "trustee euro") == (9_000, 1_000)
    ((fact, told_to),) = [entry for entry in lapsed.facts if isinstance(entry[0], RedemptionLapsed)]
    assert fact == RedemptionLapsed(first, EURO, account("ann's"), 3_000, "W-1")
    assert told_to == (world.holdings.require_account(account("ann's")).relationship, party("trustee"))
    assert account("ann's") + EURO in lapsed.credited
    world.set_party("trustee", *MEMBERS["trustee"], PartyStatus.ACTIVE)
    world.keep()
    pay_late = PayRedemption(first, "BK1/2", DATE)
    assert world.refused(pay_late, *TRUSTEE) is CashReject.REDEMPTION_NOT_FOUND
    world.act(PayRedemption(second, "BK1/3", DATE), *TRUSTEE)
    world.end_block()
    assert world.cash.supply(party("trustee"), "EUR") == Supply(EURO, 0, 10_000, 1_000, 0)
    assert world.cash_books.open_redemptions.first() is None


def test_a_lapse_stands_in_nobodys_way(world: MoneyWorld) -> None:
    """Neither a frozen account nor a suspended token keeps it from happening, and a block takes its share."""
    home = world.instruments.require(EURO).market
    world.markets_books.rulebooks.put(home.encode(), replace(world.markets.rulebook(home), recycling_days=0))
    world.act(Mint(EURO, account("ann's"), 10_000, "BK1/1", DATE), *TRUSTEE)
    for number in range(5):
        world.act(RequestRedemption(EURO, account("ann's"), 1_000, f"W-{number}"), *ANN)
    world.freeze("ann's", debits=True, credits=True)
    world.set_status("trustee euro", InstrumentStatus.SUSPENDED)
    for left in (3_000, 1_000, 0):
        world.open_day(home, DATE + 1, limit=2)
        assert world.held("ann's", "trustee euro") == (10_000 - left, left)
