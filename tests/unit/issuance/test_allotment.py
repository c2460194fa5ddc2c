"""Allotment: the valid rows first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings.interface import Posting, PostingReason
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import InstrumentStatus
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.issuance.facts import AllotmentMade, Allotted
from counterfoil.modules.issuance.messages import Allot, HoldingLine, RegisterExit, RegisterIssue
from counterfoil.modules.issuance.records import LINES_MAX, UNDERWRITERS_MAX, Placing
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.primitives.outcome import RejectCode
from tests.unit.issuance.world import (
    World,
    account,
    by,
    checker,
    identity,
    instrument,
    maker,
    papers,
    party,
)

THREE = (party("issuer"), party("regulator"), party("notary"))
ISSUER, UNDERWRITER = by("issuer"), by("underwriter")


def line(name: str, quantity: int) -> HoldingLine:
    return HoldingLine(account(name), quantity)


PRIMARY = Allot(
    instrument("share"),
    account("treasury"),
    True,
    (line("underwriter's", 600), line("other underwriter's", 300)),
    900,
    "UW-1",
    papers("agreement"),
)
SECONDARY = Allot(
    instrument("share"),
    account("underwriter's"),
    False,
    (line("ann's", 250), line("ben's", 100)),
    350,
    "PL-1",
    papers("list"),
)

Prepare = Callable[[World], object]
Row = tuple[RejectCode | None, dict[str, Any], tuple[bytes, ...], Prepare | None]


@pytest.fixture
def world() -> World:
    world = World()
    ask = RegisterIssue(instrument("share"), 1_000, account("treasury"), THREE, papers("1"))
    world.act(ask, *by("issuer", "regulator", "notary"))
    world.end_block()
    return world


def many_placings(world: World) -> None:
    for number in range(UNDERWRITERS_MAX - 1):
        key = instrument("share") + identity("account", str(number))
        world.issuance.placings.put(key, Placing(10, 0))
    world.keep()


def use_reference(world: World) -> None:
    ask = msgspec.structs.replace(PRIMARY, to_underwriters=False, lines=(line("ann's", 100),), total=100)
    world.act(ask, *ISSUER)


PRIMARY_ROWS: list[Row] = [
    (None, {}, ISSUER, None),
    (None, {}, (maker("issuer"), checker("issuer")), None),
    (None, {"to_underwriters": False, "lines": (line("ann's", 900),)}, ISSUER, None),
    (None, {"reference": "R" * 35}, ISSUER, None),
    (InstrumentsReject.INSTRUMENT_NOT_FOUND, {"instrument_id": instrument("nothing")}, ISSUER, None),
    (
        InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
        {},
        ISSUER,
        lambda world: world.set_status("share", InstrumentStatus.SUSPENDED),
    ),
    (
        IssuanceReject.MONEY_IS_ONLY_MINTED,
        {"instrument_id": instrument("bank euro")},
        ISSUER,
        lambda world: world.set_status("bank euro", InstrumentStatus.ACTIVE),
    ),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {"source_account": account("nobody's")}, ISSUER, None),
    (HoldingsReject.NOT_AUTHORISED_FOR_THE_ACCOUNT, {}, by("regulator"), None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {}, UNDERWRITER, None),
    (IssuanceReject.PAPERS_HASH_IS_MALFORMED, {"papers": b"short"}, ISSUER, None),
    (IssuanceReject.REFERENCE_IS_MALFORMED, {"reference": ""}, ISSUER, None),
    (IssuanceReject.REFERENCE_IS_MALFORMED, {"reference": "R" * 36}, ISSUER, None),
    (IssuanceReject.REFERENCE_IS_MALFORMED, {"reference": "UW 1"}, ISSUER, None),
    (IssuanceReject.REFERENCE_IS_MALFORMED, {"reference": "UW‑1"}, ISSUER, None),
    (IssuanceReject.LINES_ARE_NOT_IN_RANGE, {"lines": ()}, ISSUER, None),
    (
        IssuanceReject.LINES_ARE_NOT_IN_RANGE,
        {"lines": PRIMARY.lines[:1] * (LINES_MAX + 1)},
        ISSUER,
        None,
    ),
    (IssuanceReject.ACCOUNT_REPEATS, {"lines": PRIMARY.lines[:1] * 2}, ISSUER, None),
    (IssuanceReject.CONTROL_TOTAL_DIFFERS, {"total": 899}, ISSUER, None),
    (IssuanceReject.CONTROL_TOTAL_DIFFERS, {"total": 2**64 - 1}, ISSUER, None),
    (
        IssuanceReject.SOURCE_MAY_NOT_ALLOT,
        {"source_account": account("issuer's own")},
        ISSUER,
        None,
    ),
    (
        IssuanceReject.SOURCE_MAY_NOT_ALLOT,
        {"source_account": account("other treasury")},
        by("other issuer"),
        None,
    ),
    (
        IssuanceReject.SOURCE_MAY_NOT_ALLOT,
        {"source_account": account("underwriter's")},
        UNDERWRITER,
        None,
    ),
    (
        InstrumentsReject.QUANTITY_IS_BELOW_THE_MINIMUM,
        {"lines": (line("underwriter's", 891), line("other underwriter's", 9))},
        ISSUER,
        None,
    ),
    (
        InstrumentsReject.QUANTITY_IS_NOT_POSITIVE,
        {"lines": (line("underwriter's", 1_000), line("other underwriter's", -100))},
        ISSUER,
        None,
    ),
    (
        HoldingsReject.ACCOUNT_NOT_FOUND,
        {"lines": (line("underwriter's", 600), line("nobody's", 300))},
        ISSUER,
        None,
    ),
    (
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS,
        {},
        ISSUER,
        lambda world: world.freeze("other underwriter's", credits=True),
    ),
    (
        IssuanceReject.ACCOUNT_IS_NOT_AN_UNDERWRITERS,
        {"lines": (line("underwriter's", 600), line("ann's", 300))},
        ISSUER,
        None,
    ),
    (IssuanceReject.TOO_MANY_UNDERWRITERS, {}, ISSUER, many_placings),
    (None, {"lines": PRIMARY.lines[:1], "total": 600}, ISSUER, many_placings),
    (
        HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS,
        {},
        ISSUER,
        lambda world: world.freeze("treasury", debits=True),
    ),
    (
        HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
        {},
        ISSUER,
        lambda world: world.earmark("treasury", "share", 101),
    ),
    (IssuanceReject.REFERENCE_IS_USED, {}, ISSUER, use_reference),
    (None, {"reference": "UW-2"}, ISSUER, use_reference),
    (
        HoldingsReject.SOURCE_IS_THE_TARGET,
        {"lines": (line("treasury", 900),), "to_underwriters": False},
        ISSUER,
        None,
    ),
]


@pytest.mark.parametrize("row", PRIMARY_ROWS)
def test_allot_from_the_treasury(world: World, row: Row) -> None:
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
    assert world.refused(msgspec.structs.replace(PRIMARY, **changes), *signers) is expected


SECONDARY_ROWS: list[Row] = [
    (None, {}, UNDERWRITER, None),
    (None, {"lines": (line("treasury", 600),), "total": 600}, UNDERWRITER, None),
    (HoldingsReject.ACCOUNT_NOT_FOUND, {}, ISSUER, None),
    (
        IssuanceReject.SOURCE_MAY_NOT_ALLOT,
        {"source_account": account("ann's")},
        by("ann"),
        None,
    ),
    (IssuanceReject.ONLY_THE_TREASURY_ALLOTS_TO_UNDERWRITERS, {"to_underwriters": True}, UNDERWRITER, None),
    (
        IssuanceReject.MORE_THAN_WAS_ALLOTTED,
        {"lines": (line("ann's", 601),), "total": 601},
        UNDERWRITER,
        None,
    ),
    (
        HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
        {},
        UNDERWRITER,
        lambda world: world.earmark("underwriter's", "share", 251),
    ),
]


@pytest.mark.parametrize("row", SECONDARY_ROWS)
def test_allot_on_to_investors(world: World, row: Row) -> None:
    world.act(PRIMARY, *ISSUER)
    world.end_block()
    expected, changes, signers, prepare = row
    if prepare is not None:
        prepare(world)
    assert world.refused(msgspec.structs.replace(SECONDARY, **changes), *signers) is expected


def test_an_issue_reaches_its_investors(world: World) -> None:
    world.act(PRIMARY, *ISSUER)
    world.end_block()
    key = instrument("share") + account("underwriter's")
    assert world.issuance.placings.find(key) == Placing(600, 0)
    world.act(SECONDARY, *UNDERWRITER)
    world.end_block()
    assert world.issuance.placings.find(key) == Placing(600, 350)
    rest = msgspec.structs.replace(SECONDARY, lines=(line("ben's", 250),), total=250, reference="PL-2")
    world.act(rest, *UNDERWRITER)
    world.end_block()
    assert world.issuance.placings.find(key) is None
    more = msgspec.structs.replace(rest, reference="PL-3")
    assert world.refused(more, *UNDERWRITER) is IssuanceReject.SOURCE_MAY_NOT_ALLOT
    held = [world.held(name, "share") for name in ("treasury", "underwriter's", "ann's", "ben's")]
    assert held == [(100, 0), (0, 0), (250, 0), (350, 0)]


def test_a_second_allotment_adds_to_what_an_underwriter_places(world: World) -> None:
    world.act(PRIMARY, *ISSUER)
    world.act(SECONDARY, *UNDERWRITER)
    again = msgspec.structs.replace(PRIMARY, lines=(line("underwriter's", 100),), total=100, reference="UW-2")
    world.act(again, *ISSUER)
    world.end_block()
    placing = world.issuance.placings.find(instrument("share") + account("underwriter's"))
    assert placing == Placing(700, 350)


def test_what_an_underwriter_bought_is_not_its_to_allot(world: World) -> None:
    """Only what was allotted is placed free of payment; what was bought besides goes through settlement."""
    world.act(PRIMARY, *ISSUER)
    direct = msgspec.structs.replace(
        PRIMARY, to_underwriters=False, lines=(line("underwriter's", 100),), total=100, reference="D-1"
    )
    world.act(direct, *ISSUER)
    world.end_block()
    ask = msgspec.structs.replace(SECONDARY, lines=(line("ann's", 650),), total=650)
    assert world.held("underwriter's", "share") == (700, 0)
    assert world.refused(ask, *UNDERWRITER) is IssuanceReject.MORE_THAN_WAS_ALLOTTED


def test_everybody_learns_its_own_part_only(world: World) -> None:
    world.act(PRIMARY, *ISSUER)
    context = world.act(SECONDARY, *UNDERWRITER)
    (allotment_id,) = context.created
    ann, ben = (relationship_of(party("underwriter"), party(name)) for name in ("ann", "ben"))
    source = relationship_of(party("depository"), party("underwriter"))
    told = [(fact, to) for fact, to in context.facts if not isinstance(fact, Posting)]
    assert told == [
        (
            AllotmentMade(
                allotment_id,
                instrument("share"),
                account("underwriter's"),
                False,
                2,
                350,
                "PL-1",
                papers("list"),
            ),
            (source, party("issuer")),
        ),
        (
            Allotted(allotment_id, instrument("share"), account("ann's"), False, 250, papers("list")),
            (ann,),
        ),
        (
            Allotted(allotment_id, instrument("share"), account("ben's"), False, 100, papers("list")),
            (ben,),
        ),
    ]
    postings = [(fact, to) for fact, to in context.facts if isinstance(fact, Posting)]
    assert all(fact.reason is PostingReason.ALLOTTED for fact, _ in postings)
    assert all(fact.reference == allotment_id for fact, _ in postings)
    assert [to[0] for _, to in postings] == [source, ann, source, ben]


def test_placings_end_with_the_issue(world: World) -> None:
    world.act(PRIMARY, *ISSUER)
    for name, owner in (("underwriter's", "underwriter"), ("other underwriter's", "other underwriter")):
        quantity = world.held(name, "share")[0]
        back = Allot(
            instrument("share"),
            account(name),
            False,
            (line("treasury", quantity - 100),),
            quantity - 100,
            "B",
            papers("back"),
        )
        world.act(back, *by(owner))
    world.end_block()
    ask = RegisterExit(instrument("share"), account("treasury"), THREE, papers("2"))
    signers = by("issuer", "regulator", "notary")
    assert world.refused(ask, *signers) is IssuanceReject.ISSUE_IS_HELD_OUTSIDE_THE_TREASURY
    for name, owner in (("underwriter's", "underwriter"), ("other underwriter's", "other underwriter")):
        moved = world.context()
        world.holdings.move(
            moved,
            instrument("share"),
            world.instruments.require(instrument("share")),
            account(name),
            world.holdings.require_account(account(name)),
            account("treasury"),
            world.holdings.require_account(account("treasury")),
            100,
            PostingReason.DELIVERED,
            owner.encode(),
        )
    world.end_block()
    assert len(list(world.issuance.placings.scan())) == 2
    world.act(ask, *signers)
    world.end_block()
    assert list(world.issuance.placings.scan()) == []
