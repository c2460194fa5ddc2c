"""What is always true of issues is seen when it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.issuance.invariants import check, check_all
from counterfoil.modules.issuance.messages import Allot, HoldingLine, RegisterIssue
from counterfoil.modules.issuance.records import (
    UNDERWRITERS_MAX,
    Issue,
    Placing,
    Registration,
    RegistrationAct,
)
from counterfoil.primitives.outcome import InvariantViolation
from tests.unit.issuance.world import DATE, World, account, by, identity, instrument, papers, party

SHARE = instrument("share")
THREE = (party("issuer"), party("regulator"), party("notary"))


@pytest.fixture
def world() -> World:
    world = World()
    ask = RegisterIssue(SHARE, 1_000, account("treasury"), THREE, papers("1"))
    world.act(ask, *by("issuer", "regulator", "notary"))
    lines = (HoldingLine(account("underwriter's"), 600),)
    world.act(Allot(SHARE, account("treasury"), True, lines, 600, "A", papers("a")), *by("issuer"))
    world.end_block()
    return world


def registration(act: RegistrationAct, quantity: int) -> Registration:
    return Registration(2, act, quantity, DATE, 2, THREE)


def change_the_issue(world: World) -> None:
    world.issuance.issues.put(SHARE, Issue(1_001, 0, 1, RegistrationAct.INITIAL))


def register_without_counting(world: World) -> None:
    world.issuance.registrations.put(SHARE + papers("2"), registration(RegistrationAct.FURTHER, 5))


def count_another_quantity(world: World) -> None:
    register_without_counting(world)
    world.issuance.issues.put(SHARE, Issue(1_000, 0, 2, RegistrationAct.FURTHER))


def register_without_issuing(world: World) -> None:
    register_without_counting(world)
    world.issuance.issues.put(SHARE, Issue(1_005, 0, 2, RegistrationAct.FURTHER))


def rewrite_a_registration(world: World) -> None:
    world.issuance.registrations.put(SHARE + papers("1"), registration(RegistrationAct.INITIAL, 5))


def forget_the_issue(world: World) -> None:
    world.issuance.issues.delete(SHARE)


def end_more_than_was_registered(world: World) -> None:
    world.issuance.registrations.put(SHARE + papers("2"), registration(RegistrationAct.REDUCTION, 1_001))
    world.issuance.issues.put(SHARE, Issue(1_000, 1_001, 2, RegistrationAct.REDUCTION))


def place_more_than_was_allotted(world: World) -> None:
    world.issuance.placings.put(SHARE + account("underwriter's"), Placing(600, 601))


def keep_what_is_placed(world: World) -> None:
    world.issuance.placings.put(SHARE + account("underwriter's"), Placing(600, 600))


def issue_what_is_not_an_instrument(world: World) -> None:
    world.issuance.issues.put(instrument("nothing"), Issue(0, 0, 1, RegistrationAct.INITIAL))
    world.issuance.registrations.put(
        instrument("nothing") + papers("1"), registration(RegistrationAct.INITIAL, 0)
    )


def register_money(world: World) -> None:
    world.set_status("bank euro", InstrumentStatus.ACTIVE)
    world.issuance.issues.put(instrument("bank euro"), Issue(5, 0, 1, RegistrationAct.INITIAL))
    world.issuance.registrations.put(
        instrument("bank euro") + papers("1"), registration(RegistrationAct.INITIAL, 5)
    )


def announce_again(world: World) -> None:
    world.set_status("share", InstrumentStatus.ANNOUNCED)
    world.issuance.issues.put(SHARE, Issue(1_000, 0, 1, RegistrationAct.FURTHER))


SEEN_IN_THE_BLOCK: tuple[Callable[[World], None], ...] = (
    change_the_issue,
    register_without_counting,
    count_another_quantity,
    register_without_issuing,
    rewrite_a_registration,
    forget_the_issue,
    end_more_than_was_registered,
    place_more_than_was_allotted,
    keep_what_is_placed,
    issue_what_is_not_an_instrument,
    register_money,
    announce_again,
)


@pytest.mark.parametrize("broken", SEEN_IN_THE_BLOCK)
def test_seen_in_the_block(world: World, broken: Callable[[World], None]) -> None:
    broken(world)
    world.keep()
    with pytest.raises(InvariantViolation):
        check(world.issuance, world.changed())


def issue_behind_the_back(world: World) -> None:
    world.holdings.issue(
        world.context(),
        SHARE,
        world.instruments.require(SHARE),
        account("ann's"),
        world.holdings.require_account(account("ann's")),
        1,
        PostingReason.ISSUED,
        b"",
    )


def gather_underwriters(world: World) -> None:
    for number in range(UNDERWRITERS_MAX):
        world.issuance.placings.put(SHARE + identity("account", str(number)), Placing(1, 0))


def place_after_the_end(world: World) -> None:
    world.issuance.issues.put(SHARE, Issue(1_000, 0, 2, RegistrationAct.EXIT))


@pytest.mark.parametrize(
    "broken",
    [
        change_the_issue,
        register_without_issuing,
        end_more_than_was_registered,
        place_more_than_was_allotted,
        keep_what_is_placed,
        issue_what_is_not_an_instrument,
        register_money,
        announce_again,
        issue_behind_the_back,
        gather_underwriters,
        place_after_the_end,
    ],
)
def test_seen_by_the_full_check(world: World, broken: Callable[[World], None]) -> None:
    check_all(world.issuance)
    broken(world)
    with pytest.raises(InvariantViolation):
        check_all(world.issuance)
