"""Each message: the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from counterfoil.modules.instruments.facts import (
    InstrumentAnnounced,
    InstrumentStatusChanged,
    RegistrarAppointed,
    TermsAmended,
    TermsInForce,
)
from counterfoil.modules.instruments.messages import (
    AmendTerms,
    AppointRegistrar,
    CancelInstrument,
    MatureInstrument,
    RedeemInstrument,
    ResumeInstrument,
    SuspendInstrument,
)
from counterfoil.modules.instruments.records import (
    AMENDMENTS_DUE,
    PENDING_AMENDMENTS_MAX,
    Identifier,
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    identifier_key,
)
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.markets.interface import MarketsReject
from counterfoil.modules.module import EVERY, PUBLIC
from counterfoil.modules.parties.interface import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import InvariantViolation, RejectCode, Rejected
from tests.unit.instruments.desk import (
    APPLE,
    BANK,
    DEPOSITORY,
    IBM,
    ISSUANCE,
    ISSUER,
    LATER,
    NOBODY,
    REGULATOR,
    SIEMENS,
    STRANGER,
    THIRD,
    TODAY,
    TOMORROW,
    TRUSTEE,
    Desk,
    announcement,
    facts_of,
    isin,
    money,
    terms,
)

Row = tuple[str, dict[str, Any], RejectCode | None]

ANNOUNCE: list[Row] = [
    ("valid", {}, None),
    ("registrar unknown", {"registrar": NOBODY}, PartiesReject.PARTY_NOT_FOUND),
    ("registrar's role", {"registrar": ISSUER}, PartiesReject.PARTY_LACKS_THE_ROLE),
    ("bank keeps shares", {"registrar": BANK}, PartiesReject.PARTY_LACKS_THE_ROLE),
    ("issuer unknown", {"issuer": NOBODY}, PartiesReject.PARTY_NOT_FOUND),
    ("issuer's role", {"issuer": STRANGER}, PartiesReject.PARTY_LACKS_THE_ROLE),
    ("market", {"market": "XXXX"}, MarketsReject.MARKET_NOT_FOUND),
    ("currency unknown", {"currency": "ABC"}, InstrumentsReject.CURRENCY_IS_WRONG),
    ("currency without minor unit", {"currency": "XAU"}, InstrumentsReject.CURRENCY_IS_WRONG),
    ("scale below", {"scale": -1}, InstrumentsReject.SCALE_IS_OUT_OF_RANGE),
    ("scale above", {"scale": 13}, InstrumentsReject.SCALE_IS_OUT_OF_RANGE),
    ("class too long", {"class_name": "x" * 65}, InstrumentsReject.CLASS_IS_MALFORMED),
    ("class padded", {"class_name": " x"}, InstrumentsReject.CLASS_IS_MALFORMED),
    ("campaign's control", {"campaign": "a\x1fb"}, InstrumentsReject.CLASS_IS_MALFORMED),
    ("issuance account", {"issuance_account": b"x"}, InstrumentsReject.ISSUANCE_ACCOUNT_IS_MALFORMED),
    ("class taken", {"class_name": "taken"}, InstrumentsReject.EQUITY_CLASS_IS_TAKEN),
    ("no name", {"name": ""}, InstrumentsReject.NAME_IS_MALFORMED),
    ("long name", {"name": "x" * 141}, InstrumentsReject.NAME_IS_MALFORMED),
    ("name with a tab", {"name": "a\tb"}, InstrumentsReject.NAME_IS_MALFORMED),
    ("name with delete", {"name": "a\x7f"}, InstrumentsReject.NAME_IS_MALFORMED),
    ("short name's slash", {"fisn": "IBM"}, InstrumentsReject.FISN_IS_MALFORMED),
    ("short name's length", {"fisn": "A" * 16 + "/SH"}, InstrumentsReject.FISN_IS_MALFORMED),
    ("classification", {"cfi": "ESVUFQ"}, InstrumentsReject.CFI_IS_WRONG),
    ("classification of a bond", {"cfi": "DBFTFB"}, InstrumentsReject.CFI_DOES_NOT_FIT_THE_KIND),
    (
        "many identifiers",
        {"identifiers": tuple(Identifier(f"S{i}", "1") for i in range(17))},
        InstrumentsReject.TOO_MANY_IDENTIFIERS,
    ),
    ("no identifier", {"identifiers": ()}, InstrumentsReject.IDENTIFIER_IS_MISSING),
    ("scheme", {"identifiers": (Identifier("figi", "1"),)}, InstrumentsReject.IDENTIFIER_IS_MALFORMED),
    ("no value", {"identifiers": (Identifier("FIGI", ""),)}, InstrumentsReject.IDENTIFIER_IS_MALFORMED),
    ("spaced", {"identifiers": (Identifier("FIGI", "B B"),)}, InstrumentsReject.IDENTIFIER_IS_MALFORMED),
    ("check digit", {"identifiers": isin("US4592001015")}, InstrumentsReject.ISIN_IS_WRONG),
    ("two ISINs", {"identifiers": (IBM, SIEMENS)}, InstrumentsReject.SCHEME_REPEATS),
    ("taken ISIN", {"identifiers": (APPLE,)}, InstrumentsReject.IDENTIFIER_IS_TAKEN),
    ("no settlement unit", {"settlement_unit": 0}, InstrumentsReject.DENOMINATION_IS_OUT_OF_RANGE),
    ("huge minimum", {"minimum": AMOUNT_MAX + 1}, InstrumentsReject.DENOMINATION_IS_OUT_OF_RANGE),
    ("negative multiple", {"multiple": -1}, InstrumentsReject.DENOMINATION_IS_OUT_OF_RANGE),
    ("residue", {"residue_account": b"x"}, InstrumentsReject.RESIDUE_ACCOUNT_IS_MALFORMED),
    ("maturity", {"maturity_date": 20240230}, InstrumentsReject.MATURITY_IS_NO_DATE),
    ("huge maturity", {"maturity_date": 10**30}, InstrumentsReject.MATURITY_IS_NO_DATE),
    ("nominal", {"nominal": -1}, InstrumentsReject.NOMINAL_IS_OUT_OF_RANGE),
    ("nominal scale", {"nominal_scale": 13}, InstrumentsReject.NOMINAL_IS_OUT_OF_RANGE),
    ("document", {"document_hash": b"x"}, InstrumentsReject.DOCUMENT_HASH_IS_MALFORMED),
]


@pytest.fixture
def desk() -> Desk:
    """A desk with another equity of class "taken" and Apple's ISIN."""
    desk = Desk()
    desk.announced(class_name="taken", identifiers=(APPLE,))
    return desk


@pytest.mark.parametrize(("_name", "fields", "reject"), ANNOUNCE, ids=[row[0] for row in ANNOUNCE])
def test_announce(desk: Desk, _name: str, fields: dict[str, Any], reject: RejectCode | None) -> None:
    message = announcement(**fields)
    assert desk.refused(message, message.registrar) is reject


def test_announce_without_the_registrar_signature(desk: Desk) -> None:
    assert desk.refused(announcement(), ISSUER) is PartiesReject.SIGNER_IS_NOT_AUTHORISED


def test_rejects_of_an_announcement_stand_in_order(desk: Desk) -> None:
    """Wrong in one cell and in all that come later, a message is still refused for the first."""
    rows = [row for row in ANNOUNCE if row[2] is not None and "registrar" not in row[1]]
    for at, (name, fields, reject) in enumerate(rows):
        later: dict[str, Any] = {}
        for _, other, _ in reversed(rows[at:]):
            later.update(other)
        message = announcement(**{**later, **fields})
        assert desk.refused(message, DEPOSITORY) is reject, name


MONEY: list[Row] = [
    ("valid", {}, None),
    ("issuer of shares", {"issuer": ISSUER}, PartiesReject.PARTY_LACKS_THE_ROLE),
    ("coarse", {"scale": 1}, InstrumentsReject.SCALE_IS_COARSER_THAN_THE_CURRENCY),
    ("finer", {"scale": 8}, None),
    ("yen", {"scale": 0, "currency": "JPY"}, None),
    ("dinar", {"currency": "KWD"}, InstrumentsReject.SCALE_IS_COARSER_THAN_THE_CURRENCY),
    ("face", {"quantity_type": QuantityType.FACE_AMOUNT}, InstrumentsReject.MONEY_COUNTS_UNITS),
    ("classified", {"cfi": "ESVUFR"}, InstrumentsReject.CFI_DOES_NOT_FIT_THE_KIND),
    ("with an identifier", {"identifiers": (Identifier("DTI", "4H95J0R2X"),)}, None),
]


@pytest.mark.parametrize(("_name", "fields", "reject"), MONEY, ids=[row[0] for row in MONEY])
def test_announce_money(desk: Desk, _name: str, fields: dict[str, Any], reject: RejectCode | None) -> None:
    assert desk.refused(money(**fields), BANK) is reject


def test_an_announcement_is_public_and_is_found_by_its_identifiers(desk: Desk) -> None:
    context = desk.act(announcement(), DEPOSITORY)
    instrument_id = context.created[0]
    assert len(instrument_id) == 20
    assert desk.instruments.by_identifier("ISIN", "US4592001014") == instrument_id
    assert desk.instruments.by_identifier("ISIN", "US4592001015") is None
    assert desk.instruments.by_identifier("ISIN", "x" * 1_000) is None
    instrument = desk.instruments.require(instrument_id)
    assert instrument.status is InstrumentStatus.ANNOUNCED
    assert len(instrument.handle) == 16
    assert instrument.issuance_account == ISSUANCE
    ((fact, told),) = context.facts
    assert isinstance(fact, InstrumentAnnounced)
    assert told == (PUBLIC,)
    desk.check()


def test_classes_and_campaigns_are_instruments_of_their_own(desk: Desk) -> None:
    made = [
        desk.announced(class_name=class_name, campaign=campaign, identifiers=(Identifier("LOCAL", value),))
        for value, class_name, campaign in (("1", "a", "b"), ("2", "a", ""), ("3", "", "a"), ("4", "ab", ""))
    ]
    assert len(made) == 4
    same = announcement(class_name="a", campaign="b", identifiers=(Identifier("LOCAL", "5"),))
    assert desk.refused(same, DEPOSITORY) is InstrumentsReject.EQUITY_CLASS_IS_TAKEN
    desk.act(CancelInstrument(made[0]), DEPOSITORY)
    assert desk.refused(same, DEPOSITORY) is None
    desk.check()


# Amendments

Prepare = Callable[[Desk, bytes], object]


def _nothing(_desk: Desk, _instrument_id: bytes) -> None:
    """The plain case."""


def _end(desk: Desk, instrument_id: bytes) -> None:
    desk.act(CancelInstrument(instrument_id), DEPOSITORY)


def _pend(desk: Desk, instrument_id: bytes) -> None:
    desk.amended(instrument_id, LATER)


def _pend_many(desk: Desk, instrument_id: bytes) -> None:
    for _ in range(PENDING_AMENDMENTS_MAX):
        desk.amended(instrument_id, TOMORROW)


AMEND: list[tuple[str, Prepare, dict[str, Any], tuple[bytes, ...], RejectCode | None]] = [
    ("valid", _nothing, {}, (DEPOSITORY,), None),
    ("today", _nothing, {"effective_from": TODAY}, (DEPOSITORY,), None),
    ("unknown", _nothing, {"instrument_id": NOBODY}, (DEPOSITORY,), InstrumentsReject.INSTRUMENT_NOT_FOUND),
    ("ended", _end, {}, (DEPOSITORY,), InstrumentsReject.INSTRUMENT_HAS_ENDED),
    ("another's signature", _nothing, {}, (ISSUER,), PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    (
        "no date",
        _nothing,
        {"effective_from": 20240132},
        (DEPOSITORY,),
        InstrumentsReject.EFFECTIVE_DATE_IS_WRONG,
    ),
    (
        "past",
        _nothing,
        {"effective_from": 20240104},
        (DEPOSITORY,),
        InstrumentsReject.EFFECTIVE_DATE_IS_WRONG,
    ),
    ("overtaking", _pend, {}, (DEPOSITORY,), InstrumentsReject.EFFECTIVE_DATE_IS_BEFORE_A_PENDING_ONE),
    ("same day as a pending one", _pend, {"effective_from": LATER}, (DEPOSITORY,), None),
    ("too many", _pend_many, {}, (DEPOSITORY,), InstrumentsReject.TOO_MANY_PENDING_AMENDMENTS),
    ("terms", _nothing, {"terms": terms(name="")}, (DEPOSITORY,), InstrumentsReject.NAME_IS_MALFORMED),
    (
        "taken ISIN",
        _nothing,
        {"terms": terms(identifiers=(APPLE,))},
        (DEPOSITORY,),
        InstrumentsReject.IDENTIFIER_IS_TAKEN,
    ),
]


@pytest.mark.parametrize(
    ("_name", "prepare", "fields", "signers", "reject"), AMEND, ids=[row[0] for row in AMEND]
)
def test_amend(
    desk: Desk,
    _name: str,
    prepare: Prepare,
    fields: dict[str, Any],
    signers: tuple[bytes, ...],
    reject: RejectCode | None,
) -> None:
    instrument_id = desk.announced()
    prepare(desk, instrument_id)
    message = structs.replace(AmendTerms(instrument_id, TOMORROW, terms(name="IBM")), **fields)
    assert desk.refused(message, *signers) is reject


def test_an_amendment_of_today_is_in_force_at_once(desk: Desk) -> None:
    instrument_id = desk.active()
    context = desk.amended(instrument_id, TODAY, minimum=100, multiple=10, settlement_unit=5)
    assert [type(fact) for fact in facts_of([context])] == [TermsAmended, TermsInForce]
    instrument = desk.instruments.require(instrument_id)
    assert (instrument.minimum, instrument.multiple, instrument.settlement_unit) == (100, 10, 5)
    assert instrument.terms_version == instrument.latest_version == 2
    desk.check()


def test_amendments_take_effect_on_their_business_date(desk: Desk) -> None:
    instrument_id = desk.active()
    other = desk.active(market="XOTH", class_name="other", identifiers=(SIEMENS,))
    desk.amended(instrument_id, TOMORROW, identifiers=(Identifier("FIGI", "BBG1"),), minimum=10)
    desk.amended(instrument_id, LATER, identifiers=(Identifier("FIGI", "BBG2"), IBM), minimum=20)
    desk.amended(other, TOMORROW, identifiers=(SIEMENS,), minimum=7)
    assert desk.next_block() == []
    assert desk.instruments.by_identifier("FIGI", "BBG1") is None
    taken = announcement(class_name="third", identifiers=(Identifier("FIGI", "BBG2"),))
    assert desk.refused(taken, DEPOSITORY) is InstrumentsReject.IDENTIFIER_IS_TAKEN

    desk.markets.dates["XTST"] = TOMORROW
    assert facts_of(desk.next_block()) == [TermsInForce(instrument_id, 2)]
    assert desk.instruments.require(instrument_id).minimum == 10
    assert desk.instruments.require(other).minimum == 1
    assert desk.instruments.by_identifier("FIGI", "BBG1") == instrument_id
    assert desk.instruments.by_identifier("ISIN", IBM.value) is None
    kept = announcement(class_name="third", identifiers=(IBM,))
    assert desk.refused(kept, DEPOSITORY) is InstrumentsReject.IDENTIFIER_IS_TAKEN

    desk.markets.dates.update(XTST=LATER, XOTH=LATER)
    assert facts_of(desk.next_block()) == [TermsInForce(other, 2), TermsInForce(instrument_id, 3)]
    assert desk.instruments.by_identifier("FIGI", "BBG1") is None
    assert desk.instruments.by_identifier("ISIN", IBM.value) == instrument_id
    assert desk.instruments_books.amending_markets.first() is None
    desk.check()


def test_amendments_of_a_day_are_bounded_in_each_block_and_keep_their_order(desk: Desk) -> None:
    instrument_id = desk.active()
    for minimum in (10, 20, 30):
        desk.amended(instrument_id, TOMORROW, minimum=minimum)
    desk.markets.dates["XTST"] = TOMORROW
    assert facts_of(desk.next_block(limit=2)) == [
        TermsInForce(instrument_id, 2),
        TermsInForce(instrument_id, 3),
    ]
    desk.amended(instrument_id, TOMORROW, minimum=40)
    assert desk.instruments.require(instrument_id).minimum == 20
    assert facts_of(desk.next_block()) == [TermsInForce(instrument_id, 4), TermsInForce(instrument_id, 5)]
    assert desk.instruments.require(instrument_id).minimum == 40
    desk.check()


def test_an_instrument_that_ends_sets_its_names_free(desk: Desk) -> None:
    instrument_id = desk.announced()
    desk.amended(instrument_id, LATER, identifiers=(SIEMENS,))
    desk.act(CancelInstrument(instrument_id), DEPOSITORY)
    assert list(desk.state.shelf(AMENDMENTS_DUE).scan()) == []
    desk.check()
    desk.announced()
    desk.announced(class_name="b", identifiers=(SIEMENS,))
    desk.check()


# Status

Ask = Callable[[bytes], Any]


def _active(desk: Desk, instrument_id: bytes) -> None:
    context = desk.context()
    desk.run(lambda: desk.instruments.registered(context, instrument_id), context)


def _suspended(desk: Desk, instrument_id: bytes) -> None:
    _active(desk, instrument_id)
    desk.act(SuspendInstrument(instrument_id, DEPOSITORY), DEPOSITORY)


def _suspended_by_regulator(desk: Desk, instrument_id: bytes) -> None:
    _active(desk, instrument_id)
    desk.act(SuspendInstrument(instrument_id, REGULATOR), REGULATOR)


def _due(desk: Desk, instrument_id: bytes) -> None:
    _active(desk, instrument_id)
    desk.amended(instrument_id, TODAY, maturity_date=TODAY)


def _matured(desk: Desk, instrument_id: bytes) -> None:
    _due(desk, instrument_id)
    desk.act(MatureInstrument(instrument_id), DEPOSITORY)


def _matured_and_outstanding(desk: Desk, instrument_id: bytes) -> None:
    _matured(desk, instrument_id)
    desk.outstanding[instrument_id] = 1


def _due_tomorrow(desk: Desk, instrument_id: bytes) -> None:
    _active(desk, instrument_id)
    desk.amended(instrument_id, TODAY, maturity_date=TOMORROW)


STATUS: list[tuple[str, Prepare, Any, bytes, RejectCode | InstrumentStatus]] = [
    ("suspend", _active, lambda i: SuspendInstrument(i, DEPOSITORY), DEPOSITORY, InstrumentStatus.SUSPENDED),
    (
        "suspend by regulator",
        _active,
        lambda i: SuspendInstrument(i, REGULATOR),
        REGULATOR,
        InstrumentStatus.SUSPENDED,
    ),
    (
        "suspend nothing",
        _active,
        lambda i: SuspendInstrument(NOBODY, DEPOSITORY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_NOT_FOUND,
    ),
    (
        "suspend by issuer",
        _active,
        lambda i: SuspendInstrument(i, ISSUER),
        ISSUER,
        InstrumentsReject.AUTHORITY_MAY_NOT_SUSPEND,
    ),
    (
        "suspend unsigned",
        _active,
        lambda i: SuspendInstrument(i, REGULATOR),
        DEPOSITORY,
        PartiesReject.SIGNER_IS_NOT_AUTHORISED,
    ),
    (
        "suspend the announced",
        _nothing,
        lambda i: SuspendInstrument(i, DEPOSITORY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
    ),
    ("resume", _suspended, lambda i: ResumeInstrument(i, DEPOSITORY), DEPOSITORY, InstrumentStatus.ACTIVE),
    (
        "resume by regulator",
        _suspended,
        lambda i: ResumeInstrument(i, REGULATOR),
        REGULATOR,
        InstrumentStatus.ACTIVE,
    ),
    (
        "resume nothing",
        _suspended,
        lambda i: ResumeInstrument(NOBODY, DEPOSITORY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_NOT_FOUND,
    ),
    (
        "resume the active",
        _active,
        lambda i: ResumeInstrument(i, DEPOSITORY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_IS_NOT_SUSPENDED,
    ),
    (
        "resume against the regulator",
        _suspended_by_regulator,
        lambda i: ResumeInstrument(i, DEPOSITORY),
        DEPOSITORY,
        InstrumentsReject.AUTHORITY_MAY_NOT_RESUME,
    ),
    (
        "resume unsigned",
        _suspended,
        lambda i: ResumeInstrument(i, DEPOSITORY),
        ISSUER,
        PartiesReject.SIGNER_IS_NOT_AUTHORISED,
    ),
    ("mature", _due, MatureInstrument, DEPOSITORY, InstrumentStatus.MATURED),
    (
        "mature nothing",
        _due,
        lambda i: MatureInstrument(NOBODY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_NOT_FOUND,
    ),
    ("mature unsigned", _due, MatureInstrument, ISSUER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    (
        "mature the announced",
        _nothing,
        MatureInstrument,
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION,
    ),
    ("mature a share", _active, MatureInstrument, DEPOSITORY, InstrumentsReject.INSTRUMENT_HAS_NOT_MATURED),
    (
        "mature early",
        _due_tomorrow,
        MatureInstrument,
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_HAS_NOT_MATURED,
    ),
    ("redeem", _matured, RedeemInstrument, DEPOSITORY, InstrumentStatus.REDEEMED),
    (
        "redeem nothing",
        _matured,
        lambda i: RedeemInstrument(NOBODY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_NOT_FOUND,
    ),
    ("redeem unsigned", _matured, RedeemInstrument, ISSUER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    ("redeem the active", _active, RedeemInstrument, DEPOSITORY, InstrumentsReject.INSTRUMENT_IS_NOT_MATURED),
    (
        "redeem what is held",
        _matured_and_outstanding,
        RedeemInstrument,
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_IS_OUTSTANDING,
    ),
    ("cancel", _nothing, CancelInstrument, DEPOSITORY, InstrumentStatus.CANCELLED),
    (
        "cancel nothing",
        _nothing,
        lambda i: CancelInstrument(NOBODY),
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_NOT_FOUND,
    ),
    ("cancel unsigned", _nothing, CancelInstrument, ISSUER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    (
        "cancel the active",
        _active,
        CancelInstrument,
        DEPOSITORY,
        InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED,
    ),
]


@pytest.mark.parametrize(
    ("_name", "prepare", "ask", "signer", "expected"), STATUS, ids=[row[0] for row in STATUS]
)
def test_status(
    desk: Desk,
    _name: str,
    prepare: Prepare,
    ask: Ask,
    signer: bytes,
    expected: RejectCode | InstrumentStatus,
) -> None:
    instrument_id = desk.announced()
    prepare(desk, instrument_id)
    if isinstance(expected, RejectCode):
        assert desk.refused(ask(instrument_id), signer) is expected
        return
    before = desk.instruments.require(instrument_id).status
    context = desk.act(ask(instrument_id), signer)
    assert context.facts == [(InstrumentStatusChanged(instrument_id, before, expected, signer), (PUBLIC,))]
    assert desk.instruments.require(instrument_id).status is expected
    resumed = expected is InstrumentStatus.ACTIVE
    assert context.credited == ([EVERY + instrument_id] if resumed else [])
    desk.check()


# What other modules ask


@pytest.mark.parametrize(
    ("fields", "quantity", "reject"),
    [
        ({}, 1, None),
        ({}, AMOUNT_MAX, None),
        ({}, 0, InstrumentsReject.QUANTITY_IS_NOT_POSITIVE),
        ({}, -5, InstrumentsReject.QUANTITY_IS_NOT_POSITIVE),
        ({}, AMOUNT_MAX + 1, InstrumentsReject.QUANTITY_IS_TOO_LARGE),
        ({"settlement_unit": 5}, 6, InstrumentsReject.QUANTITY_IS_NOT_WHOLE_SETTLEMENT_UNITS),
        ({"settlement_unit": 5, "minimum": 100}, 95, InstrumentsReject.QUANTITY_IS_BELOW_THE_MINIMUM),
        ({"minimum": 100, "multiple": 10}, 105, InstrumentsReject.QUANTITY_IS_NOT_A_MULTIPLE),
        ({"minimum": 100, "multiple": 10}, 110, None),
        ({"minimum": 105, "multiple": 10}, 115, None),
    ],
)
def test_quantities(desk: Desk, fields: dict[str, Any], quantity: int, reject: RejectCode | None) -> None:
    instrument = desk.instruments.require(desk.active(**fields))
    found = None
    try:
        desk.instruments.check_quantity(instrument, quantity)
    except Rejected as rejected:
        found = rejected.code
    assert found is reject


def test_only_the_active_is_active(desk: Desk) -> None:
    instrument_id = desk.announced()
    with pytest.raises(Rejected) as found:
        desk.instruments.require_active(instrument_id)
    assert found.value.code is InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE
    with pytest.raises(Rejected) as found:
        desk.instruments.require_active(NOBODY)
    assert found.value.code is InstrumentsReject.INSTRUMENT_NOT_FOUND
    with pytest.raises(Rejected) as found:
        desk.instruments.require(NOBODY)
    assert found.value.code is InstrumentsReject.INSTRUMENT_NOT_FOUND
    _active(desk, instrument_id)
    assert desk.instruments.require_active(instrument_id).status is InstrumentStatus.ACTIVE
    assert desk.instruments.find(NOBODY) is None


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (_nothing, InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION),
        (_end, InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION),
        (_active, InstrumentStatus.CANCELLED),
        (_suspended, InstrumentStatus.CANCELLED),
        (_matured, InstrumentStatus.REDEEMED),
    ],
)
def test_exit(desk: Desk, prepare: Prepare, expected: RejectCode | InstrumentStatus) -> None:
    instrument_id = desk.announced()
    prepare(desk, instrument_id)
    context = desk.context()
    if isinstance(expected, RejectCode):
        with pytest.raises(Rejected) as found:
            desk.run(lambda: desk.instruments.exited(context, instrument_id), context)
        assert found.value.code is expected
        return
    desk.run(lambda: desk.instruments.exited(context, instrument_id), context)
    assert desk.instruments.require(instrument_id).status is expected
    assert desk.instruments.by_identifier("ISIN", IBM.value) is None
    desk.check()


def test_registration_comes_once(desk: Desk) -> None:
    instrument_id = desk.active()
    with pytest.raises(Rejected) as found:
        desk.instruments.registered(desk.context(), instrument_id)
    assert found.value.code is InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED


# Another registrar


def _gone(desk: Desk, _: bytes) -> None:
    desk.parties.stopped.append(DEPOSITORY)


def _leaving(desk: Desk, _: bytes) -> None:
    desk.parties.winding_down.append(DEPOSITORY)


def _cancelled(desk: Desk, instrument_id: bytes) -> None:
    desk.act(CancelInstrument(instrument_id), DEPOSITORY)


def _next_is_stopped(desk: Desk, _: bytes) -> None:
    desk.parties.stopped.append(TRUSTEE)


BOTH, FROM_ABOVE = (DEPOSITORY, TRUSTEE), (REGULATOR, TRUSTEE)
APPOINT: list[tuple[str, Prepare, dict[str, Any], tuple[bytes, ...], RejectCode | None]] = [
    ("by the registrar", _active, {}, BOTH, None),
    ("before registration", _nothing, {}, BOTH, None),
    ("when it has matured", _matured, {}, BOTH, None),
    ("by a regulator, when it is gone", _gone, {"authority": REGULATOR}, FROM_ABOVE, None),
    ("by a regulator, when it winds down", _leaving, {"authority": REGULATOR}, FROM_ABOVE, None),
    ("of nothing", _nothing, {"instrument_id": NOBODY}, BOTH, InstrumentsReject.INSTRUMENT_NOT_FOUND),
    ("of what has ended", _cancelled, {}, BOTH, InstrumentsReject.INSTRUMENT_HAS_ENDED),
    (
        "by a regulator, from one that is active",
        _active,
        {"authority": REGULATOR},
        FROM_ABOVE,
        InstrumentsReject.AUTHORITY_MAY_NOT_APPOINT,
    ),
    (
        "by the next one alone",
        _gone,
        {"authority": TRUSTEE},
        BOTH,
        InstrumentsReject.AUTHORITY_MAY_NOT_APPOINT,
    ),
    ("without its signature", _active, {}, (TRUSTEE,), PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    (
        "without the regulator's",
        _gone,
        {"authority": REGULATOR},
        BOTH,
        PartiesReject.SIGNER_IS_NOT_AUTHORISED,
    ),
    (
        "of itself",
        _active,
        {"registrar": DEPOSITORY},
        BOTH,
        InstrumentsReject.REGISTRAR_KEEPS_THE_INSTRUMENT,
    ),
    ("of one that is stopped", _next_is_stopped, {}, BOTH, PartiesReject.PARTY_IS_NOT_ACTIVE),
    (
        "of one that keeps no securities",
        _active,
        {"registrar": BANK},
        (DEPOSITORY, BANK),
        PartiesReject.PARTY_LACKS_THE_ROLE,
    ),
    ("of one that does not sign", _active, {}, BOTH[:1], PartiesReject.SIGNER_IS_NOT_AUTHORISED),
]


@pytest.mark.parametrize(
    ("_name", "prepare", "changes", "signers", "expected"), APPOINT, ids=[row[0] for row in APPOINT]
)
def test_appoint(
    desk: Desk,
    _name: str,
    prepare: Prepare,
    changes: dict[str, Any],
    signers: tuple[bytes, ...],
    expected: RejectCode | None,
) -> None:
    instrument_id = desk.announced()
    prepare(desk, instrument_id)
    ask = structs.replace(AppointRegistrar(instrument_id, DEPOSITORY, TRUSTEE), **changes)
    if expected is not None:
        assert desk.refused(ask, *signers) is expected
        return
    context = desk.act(ask, *signers)
    fact = RegistrarAppointed(instrument_id, DEPOSITORY, TRUSTEE, ask.authority)
    assert context.facts == [(fact, (PUBLIC,))]
    assert desk.instruments.require(instrument_id).registrar == TRUSTEE
    desk.check()


def test_money_may_be_kept_by_a_commercial_bank(desk: Desk) -> None:
    instrument_id = desk.announced(
        **{name: getattr(money(), name) for name in ("kind", "issuer", "terms")}, scale=2
    )
    desk.act(AppointRegistrar(instrument_id, DEPOSITORY, BANK), DEPOSITORY, BANK)
    assert desk.instruments.require(instrument_id).registrar == BANK


def test_what_is_the_registrars_is_the_next_ones(desk: Desk) -> None:
    """It resumes what the one before suspended, not what a regulator did; and an identifier is free again."""
    instrument_id = desk.announced()
    _suspended(desk, instrument_id)
    _gone(desk, instrument_id)
    desk.act(AppointRegistrar(instrument_id, REGULATOR, TRUSTEE), *FROM_ABOVE)
    desk.act(ResumeInstrument(instrument_id, TRUSTEE), TRUSTEE)
    for ask in (SuspendInstrument(instrument_id, DEPOSITORY), AmendTerms(instrument_id, TODAY, terms())):
        assert desk.refused(ask, DEPOSITORY) is not None
    desk.act(AmendTerms(instrument_id, TODAY, terms(identifiers=(SIEMENS,))), TRUSTEE)
    assert desk.instruments.by_identifier("ISIN", IBM.value) is None

    desk.act(SuspendInstrument(instrument_id, REGULATOR), REGULATOR)
    desk.act(AppointRegistrar(instrument_id, TRUSTEE, THIRD), TRUSTEE, THIRD)
    assert desk.refused(ResumeInstrument(instrument_id, THIRD), THIRD) is (
        InstrumentsReject.AUTHORITY_MAY_NOT_RESUME
    )


# What always holds


def _spoil_fixed(desk: Desk, instrument_id: bytes) -> None:
    shelf = desk.instruments_books.instruments
    shelf.put(instrument_id, structs.replace(desk.instruments.require(instrument_id), scale=3))


def _spoil_terms(desk: Desk, instrument_id: bytes) -> None:
    shelf = desk.instruments_books.instruments
    shelf.put(instrument_id, structs.replace(desk.instruments.require(instrument_id), minimum=3))


def _spoil_delete(desk: Desk, instrument_id: bytes) -> None:
    desk.instruments_books.instruments.delete(instrument_id)


def _spoil_version(desk: Desk, instrument_id: bytes) -> None:
    desk.instruments_books.terms.delete(instrument_id + (1).to_bytes(4, "big"))


def _spoil_identifier(desk: Desk, instrument_id: bytes) -> None:
    shelf, key = desk.instruments_books.identifiers, identifier_key("ISIN", IBM.value)
    use = shelf.find(key)
    assert use is not None
    shelf.put(key, structs.replace(use, in_force=False))


def _spoil_class(desk: Desk, instrument_id: bytes) -> None:
    shelf = desk.instruments_books.equity_classes
    for key, record in list(shelf.live.items()):
        if record is not None and record.instrument_id == instrument_id:
            shelf.put(key, structs.replace(record, instrument_id=NOBODY))


def _spoil_due(desk: Desk, instrument_id: bytes) -> None:
    ((key, _),) = list(desk.instruments_books.amendments_due.scan())
    desk.instruments_books.amendments_due.delete(key)


def _spoil_count(desk: Desk, instrument_id: bytes) -> None:
    ((key, record),) = list(desk.instruments_books.amending_markets.scan())
    desk.instruments_books.amending_markets.put(key, structs.replace(record, waiting=2))


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil_fixed,
        _spoil_terms,
        _spoil_delete,
        _spoil_version,
        _spoil_identifier,
        _spoil_class,
        _spoil_due,
        _spoil_count,
    ],
)
def test_what_breaks_an_invariant_is_found(desk: Desk, spoil: Prepare) -> None:
    instrument_id = desk.active(kind=InstrumentKind.EQUITY)
    desk.amended(instrument_id, LATER)
    desk.check()
    spoil(desk, instrument_id)
    desk.state.accept()
    with pytest.raises(InvariantViolation):
        desk.check()
