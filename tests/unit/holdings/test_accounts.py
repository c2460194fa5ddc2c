"""Messages about accounts: the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from counterfoil.modules.holdings.facts import (
    AccountAmended,
    AccountClosed,
    AccountFrozen,
    AccountOpened,
    AccountUnfrozen,
)
from counterfoil.modules.holdings.interface import AccountKind, AccountStatus
from counterfoil.modules.holdings.messages import (
    AmendAccount,
    CloseAccount,
    FreezeAccount,
    OpenAccount,
    UnfreezeAccount,
)
from counterfoil.modules.holdings.records import FREEZES_MAX, REGULATOR_FREEZES_MAX, relationship_of
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.module import EVERY
from counterfoil.modules.parties.interface import PartiesReject, Role
from counterfoil.primitives.outcome import RejectCode, Rejected
from tests.unit.holdings.desk import (
    ALICE,
    BOB,
    BROKER,
    DEPOSITORY,
    ISSUER,
    KEY_1,
    KEY_2,
    KEY_3,
    NOBODY,
    ORDER,
    OTHER_ORDER,
    REGULATOR,
    UNVERIFIED,
    Desk,
)
from tests.unit.instruments.desk import party

KEYLESS = party("keyless")

OPEN: list[tuple[str, dict[str, Any], RejectCode | None]] = [
    ("valid", {}, None),
    ("servicer unknown", {"servicer": NOBODY}, PartiesReject.PARTY_NOT_FOUND),
    ("servicer's role", {"servicer": ISSUER}, PartiesReject.PARTY_LACKS_THE_ROLE),
    ("servicer's signature", {"servicer": DEPOSITORY}, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    ("wallet", {"address": KEY_1}, None),
    ("wallet's size", {"address": b"x"}, HoldingsReject.ADDRESS_IS_MALFORMED),
    ("wallet's signature", {"address": KEY_3}, HoldingsReject.ADDRESS_HAS_NOT_SIGNED),
    ("wallet of a party", {"address": BROKER}, HoldingsReject.ADDRESS_IS_NOT_A_BARE_KEY),
    ("wallet used", {"address": KEY_2}, HoldingsReject.ACCOUNT_EXISTS),
    ("owner unknown", {"owner": NOBODY}, PartiesReject.PARTY_NOT_FOUND),
    ("owner winding down", {"owner": BOB}, PartiesReject.PARTY_IS_NOT_ACTIVE),
    (
        "omnibus of an investor",
        {"kind": AccountKind.CLIENT_OMNIBUS},
        HoldingsReject.OWNER_MAY_NOT_HOLD_THIS_KIND,
    ),
    ("nominee investor", {"kind": AccountKind.NOMINEE}, HoldingsReject.OWNER_MAY_NOT_HOLD_THIS_KIND),
    ("issuing investor", {"kind": AccountKind.ISSUANCE}, HoldingsReject.OWNER_MAY_NOT_HOLD_THIS_KIND),
    ("treasury of an investor", {"kind": AccountKind.TREASURY}, HoldingsReject.OWNER_MAY_NOT_HOLD_THIS_KIND),
    ("omnibus of a broker", {"kind": AccountKind.CLIENT_OMNIBUS, "owner": BROKER}, None),
    ("treasury of an issuer", {"kind": AccountKind.TREASURY, "owner": ISSUER}, None),
    ("segregated", {"kind": AccountKind.SEGREGATED}, None),
    ("owner unverified", {"owner": UNVERIFIED}, HoldingsReject.OWNER_IS_NOT_VERIFIED),
    (
        "too many joint holders",
        {"joint_holders": tuple(bytes([at]) * 20 for at in range(9))},
        HoldingsReject.TOO_MANY_JOINT_HOLDERS,
    ),
    (
        "joint treasury",
        {"kind": AccountKind.TREASURY, "owner": ISSUER, "joint_holders": (ALICE,)},
        HoldingsReject.TOO_MANY_JOINT_HOLDERS,
    ),
    ("joint twice", {"joint_holders": (ISSUER, ISSUER)}, HoldingsReject.JOINT_HOLDERS_ARE_NOT_IN_ORDER),
    ("joint owner", {"joint_holders": (ALICE,)}, HoldingsReject.JOINT_HOLDERS_ARE_NOT_IN_ORDER),
    ("joint descending", {"joint_holders": (ISSUER, BROKER)}, HoldingsReject.JOINT_HOLDERS_ARE_NOT_IN_ORDER),
    ("joint unknown", {"joint_holders": (NOBODY,)}, PartiesReject.PARTY_NOT_FOUND),
    ("joint unverified", {"joint_holders": (UNVERIFIED,)}, HoldingsReject.JOINT_HOLDER_IS_NOT_VERIFIED),
    ("joint", {"joint_holders": (ISSUER,)}, None),
    (
        "too many signers",
        {"signers": tuple(bytes([at]) * 20 for at in range(17)), "threshold": 1},
        HoldingsReject.SIGNERS_ARE_MALFORMED,
    ),
    ("signer's size", {"signers": (b"x",), "threshold": 1}, HoldingsReject.SIGNERS_ARE_MALFORMED),
    ("signer twice", {"signers": (KEY_1, KEY_1), "threshold": 1}, HoldingsReject.SIGNERS_ARE_MALFORMED),
    ("threshold of none", {"threshold": 1}, HoldingsReject.THRESHOLD_IS_OUT_OF_RANGE),
    ("threshold 0", {"signers": (KEY_1,)}, HoldingsReject.THRESHOLD_IS_OUT_OF_RANGE),
    ("threshold above", {"signers": (KEY_1,), "threshold": 2}, HoldingsReject.THRESHOLD_IS_OUT_OF_RANGE),
    ("threshold negative", {"threshold": -1}, HoldingsReject.THRESHOLD_IS_OUT_OF_RANGE),
    ("owner disposes", {"servicer_instructs": False}, None),
    (
        "joint holders without signers",
        {"servicer_instructs": False, "joint_holders": (ISSUER,)},
        HoldingsReject.NOBODY_DISPOSES_OF_THE_ACCOUNT,
    ),
    (
        "cash account unknown",
        {"default_cash_account": NOBODY},
        HoldingsReject.DEFAULT_CASH_ACCOUNT_IS_NOT_OPEN,
    ),
]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.opened(ALICE, account_id=KEY_2)
    desk.parties.winding_down.append(BOB)
    return desk


@pytest.mark.parametrize(("_name", "fields", "reject"), OPEN, ids=[row[0] for row in OPEN])
def test_open(desk: Desk, _name: str, fields: dict[str, Any], reject: RejectCode | None) -> None:
    message = OpenAccount(**{"owner": ALICE, "servicer": BROKER, "kind": AccountKind.OWN, **fields})
    assert desk.refused(message, BROKER, KEY_1, KEY_2, ISSUER, UNVERIFIED) is reject


@pytest.mark.parametrize(
    ("owner", "joint", "signers", "agreed"),
    [
        (ALICE, (), (), True),
        (BROKER, (), (), True),
        (ISSUER, (), (), False),
        (ISSUER, (), (ISSUER,), True),
        (ISSUER, (), (ALICE,), False),
        (ALICE, (BOB,), (), True),
        (ALICE, (ISSUER,), (), False),
        (ALICE, (ISSUER,), (ISSUER,), True),
        (KEYLESS, (), (), False),
        (KEYLESS, (), (ISSUER,), False),
        (KEYLESS, (), (DEPOSITORY,), True),
        (ALICE, (KEYLESS,), (DEPOSITORY,), True),
    ],
)
def test_nobody_is_given_an_account_unasked(
    owner: bytes, joint: tuple[bytes, ...], signers: tuple[bytes, ...], agreed: bool
) -> None:
    """But a servicer acts for its clients; for another's client without keys, that one's sponsor agrees."""
    desk = Desk()
    desk._add_party(KEYLESS, Role.INVESTOR, identity_hash=ORDER, parent=DEPOSITORY, signer=b"")
    hidden = owner == KEYLESS
    refusal: RejectCode = PartiesReject.PARTY_NOT_FOUND if hidden else HoldingsReject.HOLDER_HAS_NOT_AGREED
    expected = None if agreed else refusal
    message = OpenAccount(owner, BROKER, AccountKind.OWN, joint_holders=joint)
    assert desk.refused(message, BROKER, *signers) is expected
    if joint:
        amended = AmendAccount(desk.alice, (), 0, joint, b"", True)
        assert desk.refused(amended, ALICE, BROKER, *signers) is expected
        desk.act(amended, ALICE, BROKER, ISSUER, DEPOSITORY)
        again = structs.replace(amended, signers=(KEY_1,), threshold=1)
        assert desk.refused(again, BROKER) is None, "who holds it already is not asked again"


def test_an_owner_without_signer_needs_somebody(desk: Desk) -> None:
    desk.without_signer(ALICE)
    message = OpenAccount(ALICE, BROKER, AccountKind.OWN, servicer_instructs=False)
    assert desk.refused(message, BROKER) is HoldingsReject.NOBODY_DISPOSES_OF_THE_ACCOUNT
    assert desk.refused(structs.replace(message, servicer_instructs=True), BROKER) is None


def test_the_default_cash_account_is_open_and_holds_money(desk: Desk) -> None:
    closed = desk.opened(ALICE)
    desk.act(CloseAccount(closed), ALICE)
    for account_id in (closed, desk.issuance):
        message = OpenAccount(ALICE, BROKER, AccountKind.OWN, default_cash_account=account_id)
        assert desk.refused(message, BROKER) is HoldingsReject.DEFAULT_CASH_ACCOUNT_IS_NOT_OPEN
    assert desk.refused(structs.replace(message, default_cash_account=desk.alice), BROKER) is None


def test_a_wallet_address_is_the_account_and_its_key_disposes_of_it(desk: Desk) -> None:
    context = desk.act(OpenAccount(ALICE, BROKER, AccountKind.OWN, address=KEY_1), BROKER, KEY_1)
    account = desk.account(KEY_1)
    assert (account.signers, account.threshold) == ((KEY_1,), 1)
    assert account.relationship == relationship_of(BROKER, ALICE)
    assert account.owner_handle == desk.account(desk.alice).owner_handle != account.handle
    assert context.facts == [
        (AccountOpened(KEY_1, ALICE, BROKER, AccountKind.OWN), (account.relationship, BROKER))
    ]
    desk.check()


def test_an_identity_is_given_out_where_no_address_is_named(desk: Desk) -> None:
    context = desk.act(OpenAccount(ALICE, BROKER, AccountKind.OWN), BROKER)
    (account_id,) = context.created
    assert len(account_id) == 20
    assert desk.account(account_id).opened_height == desk.height


# Who disposes

JOINT = {"joint_holders": (BOB,), "signers": (KEY_1, KEY_2), "threshold": 2}


@pytest.mark.parametrize(
    ("fields", "signers", "may"),
    [
        ({}, (ALICE,), True),
        ({}, (BROKER,), True),
        ({"servicer_instructs": False}, (BROKER,), False),
        ({"servicer_instructs": False}, (ALICE,), True),
        ({}, (BOB,), False),
        ({}, (), False),
        ({"signers": (KEY_1, KEY_2), "threshold": 2}, (KEY_1,), False),
        ({"signers": (KEY_1, KEY_2), "threshold": 2}, (KEY_1, KEY_1), False),
        ({"signers": (KEY_1, KEY_2), "threshold": 2}, (KEY_2, KEY_1), True),
        ({"signers": (KEY_1, KEY_2, KEY_3), "threshold": 2}, (KEY_3, KEY_1), True),
        ({"signers": (KEY_1, KEY_2), "threshold": 2}, (ALICE,), True),
        ({**JOINT, "servicer_instructs": False}, (ALICE,), False),
        ({**JOINT, "servicer_instructs": False}, (KEY_1, KEY_2), True),
        (JOINT, (BROKER,), True),
    ],
)
def test_who_disposes(fields: dict[str, Any], signers: tuple[bytes, ...], may: bool) -> None:
    desk = Desk()
    account_id = desk.opened(ALICE, **fields)
    desk.parties.asked.clear()
    found = None
    try:
        desk.holdings.authorise_account(
            desk.context(*signers), account_id, desk.account(account_id), CloseAccount, 7
        )
    except Rejected as rejected:
        found = rejected.code
    known = any(signer in (ALICE, BROKER, KEY_1, KEY_2, KEY_3) for signer in signers)
    refusal = HoldingsReject.NOT_AUTHORISED_FOR_THE_ACCOUNT if known else HoldingsReject.ACCOUNT_NOT_FOUND
    assert found is (None if may else refusal)
    for _, message_type, asked, amount in desk.parties.asked:
        assert (message_type, asked, amount) == (CloseAccount, account_id, 7)


def test_a_closed_or_unknown_account_is_not_to_be_had(desk: Desk) -> None:
    closed = desk.opened(ALICE)
    desk.act(CloseAccount(closed), ALICE)
    for account_id, code in (
        (NOBODY, HoldingsReject.ACCOUNT_NOT_FOUND),
        (closed, HoldingsReject.ACCOUNT_IS_CLOSED),
    ):
        with pytest.raises(Rejected) as found:
            desk.holdings.require_account(account_id)
        assert found.value.code is code
    assert desk.holdings.require_account(desk.alice) == desk.account(desk.alice)


# Amending

PLAIN: dict[str, Any] = {
    "signers": (),
    "threshold": 0,
    "joint_holders": (),
    "default_cash_account": b"",
    "servicer_instructs": True,
}

AMEND: list[tuple[str, dict[str, Any], tuple[bytes, ...], RejectCode | None]] = [
    ("valid", {}, (ALICE,), None),
    ("by the servicer", {}, (BROKER,), None),
    ("unknown", {"account_id": NOBODY}, (ALICE,), HoldingsReject.ACCOUNT_NOT_FOUND),
    ("unsigned", {}, (BOB,), HoldingsReject.ACCOUNT_NOT_FOUND),
    ("keys", {"signers": (KEY_1,), "threshold": 1}, (ALICE,), None),
    ("joint in order", {"joint_holders": (ALICE,)}, (ALICE,), HoldingsReject.JOINT_HOLDERS_ARE_NOT_IN_ORDER),
    ("signers", {"signers": (b"",)}, (ALICE,), HoldingsReject.SIGNERS_ARE_MALFORMED),
    ("threshold", {"threshold": 1}, (ALICE,), HoldingsReject.THRESHOLD_IS_OUT_OF_RANGE),
    ("joint unseen by the servicer", {"joint_holders": (BOB,)}, (ALICE,), HoldingsReject.SERVICER_MUST_AGREE),
    ("joint", {"joint_holders": (BOB,)}, (ALICE, BROKER), None),
]


@pytest.mark.parametrize(("_name", "fields", "signers", "reject"), AMEND, ids=[row[0] for row in AMEND])
def test_amend(
    _name: str, fields: dict[str, Any], signers: tuple[bytes, ...], reject: RejectCode | None
) -> None:
    desk = Desk()
    message = AmendAccount(**{"account_id": desk.alice, **PLAIN, **fields})
    assert desk.refused(message, *signers) is reject


def test_keys_are_rotated_by_the_signers_and_not_by_the_servicer() -> None:
    desk = Desk()
    desk.act(OpenAccount(ALICE, BROKER, AccountKind.OWN, address=KEY_1), BROKER, KEY_1)
    change = AmendAccount(**{"account_id": KEY_1, **PLAIN, "signers": (KEY_2, KEY_3), "threshold": 2})
    assert desk.refused(change, BROKER) is HoldingsReject.NOT_AUTHORISED_FOR_THE_ACCOUNT
    context = desk.act(change, KEY_1)
    account = desk.account(KEY_1)
    assert (account.signers, account.threshold) == ((KEY_2, KEY_3), 2)
    assert [type(fact) for fact, _ in context.facts] == [AccountAmended]
    assert desk.refused(change, KEY_1) is HoldingsReject.ACCOUNT_NOT_FOUND, "a stranger by now"
    assert desk.refused(change, KEY_2, KEY_3) is None
    desk.check()


def test_a_party_that_joins_or_leaves_an_account_is_counted() -> None:
    desk = Desk()
    desk.act(CloseAccount(desk.bob), BOB)
    assert not desk.holdings.holds_anything(BOB)
    joint = AmendAccount(**{"account_id": desk.alice, **PLAIN, "joint_holders": (BOB,)})
    desk.act(joint, ALICE, BROKER)
    assert desk.holdings.holds_anything(BOB)
    desk.check()
    desk.act(structs.replace(joint, joint_holders=()), BROKER)
    assert not desk.holdings.holds_anything(BOB)
    assert desk.holdings.holds_anything(BROKER)
    desk.check()


# Freezing

FREEZE: list[tuple[str, dict[str, Any], bytes, RejectCode | None]] = [
    ("valid", {}, REGULATOR, None),
    ("by a depository", {"authority": DEPOSITORY}, DEPOSITORY, None),
    ("by the servicer", {"authority": BROKER}, BROKER, None),
    ("unknown", {"account_id": NOBODY}, REGULATOR, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("by the issuer", {"authority": ISSUER}, ISSUER, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("by the owner", {"authority": ALICE}, ALICE, HoldingsReject.AUTHORITY_MAY_NOT_FREEZE),
    ("unsigned", {}, BROKER, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    ("order", {"order_hash": b"x"}, REGULATOR, HoldingsReject.ORDER_HASH_IS_MALFORMED),
    ("nothing", {"debits": False, "credits": False}, REGULATOR, HoldingsReject.FREEZE_FREEZES_NOTHING),
    ("twice", {"order_hash": OTHER_ORDER}, REGULATOR, HoldingsReject.FREEZE_EXISTS),
]


@pytest.mark.parametrize(("_name", "fields", "signer", "reject"), FREEZE, ids=[row[0] for row in FREEZE])
def test_freeze(_name: str, fields: dict[str, Any], signer: bytes, reject: RejectCode | None) -> None:
    desk = Desk()
    desk.act(FreezeAccount(desk.alice, BROKER, OTHER_ORDER, True, False), BROKER)
    message = FreezeAccount(desk.alice, REGULATOR, ORDER, True, True)
    assert desk.refused(structs.replace(message, **fields), signer) is reject


def test_freezes_are_bounded() -> None:
    desk = Desk()
    for number in range(FREEZES_MAX):
        desk.act(FreezeAccount(desk.alice, BROKER, bytes([number]) * 32, False, True), BROKER)
    one_more = FreezeAccount(desk.alice, BROKER, ORDER, True, False)
    assert desk.refused(one_more, BROKER) is HoldingsReject.TOO_MANY_FREEZES
    for number in range(REGULATOR_FREEZES_MAX):
        desk.act(FreezeAccount(desk.alice, REGULATOR, bytes([100 + number]) * 32, True, False), REGULATOR)
    one_more = FreezeAccount(desk.alice, REGULATOR, ORDER, True, False)
    assert desk.refused(one_more, REGULATOR) is HoldingsReject.TOO_MANY_FREEZES
    desk.check()


UNFREEZE: list[tuple[str, dict[str, Any], bytes, RejectCode | None]] = [
    ("valid", {}, BROKER, None),
    ("by a regulator", {"authority": REGULATOR}, REGULATOR, None),
    ("unknown", {"account_id": NOBODY}, BROKER, HoldingsReject.ACCOUNT_NOT_FOUND),
    ("no such order", {"order_hash": ORDER}, BROKER, HoldingsReject.FREEZE_NOT_FOUND),
    (
        "by another authority",
        {"authority": DEPOSITORY},
        DEPOSITORY,
        HoldingsReject.AUTHORITY_MAY_NOT_UNFREEZE,
    ),
    ("unsigned", {}, ALICE, PartiesReject.SIGNER_IS_NOT_AUTHORISED),
    ("by a stranger", {}, REGULATOR, HoldingsReject.ACCOUNT_NOT_FOUND),
]


@pytest.mark.parametrize(("_name", "fields", "signer", "reject"), UNFREEZE, ids=[row[0] for row in UNFREEZE])
def test_unfreeze(_name: str, fields: dict[str, Any], signer: bytes, reject: RejectCode | None) -> None:
    desk = Desk()
    desk.act(FreezeAccount(desk.alice, BROKER, OTHER_ORDER, True, False), BROKER)
    message = UnfreezeAccount(desk.alice, BROKER, OTHER_ORDER)
    assert desk.refused(structs.replace(message, **fields), signer) is reject


def test_an_account_is_frozen_as_long_as_any_order_stands() -> None:
    desk = Desk()
    first = desk.act(FreezeAccount(desk.alice, BROKER, ORDER, True, False), BROKER)
    desk.act(FreezeAccount(desk.alice, REGULATOR, OTHER_ORDER, True, True), REGULATOR)
    relationship = desk.account(desk.alice).relationship
    assert first.facts == [(AccountFrozen(desk.alice, BROKER, ORDER, True, False), (relationship, BROKER))]
    frozen = desk.account(desk.alice)
    assert (frozen.frozen_debits, frozen.frozen_credits) == (True, True)
    desk.check()
    lifted = desk.act(UnfreezeAccount(desk.alice, REGULATOR, ORDER), REGULATOR)
    assert lifted.credited == [desk.alice + EVERY]
    assert lifted.facts == [
        (AccountUnfrozen(desk.alice, REGULATOR, ORDER), (relationship, REGULATOR, BROKER))
    ]
    desk.act(UnfreezeAccount(desk.alice, REGULATOR, OTHER_ORDER), REGULATOR)
    freed = desk.account(desk.alice)
    assert (freed.frozen_debits, freed.frozen_credits, freed.freezes) == (False, False, ())
    desk.check()


# Closing

Prepare = Callable[[Desk], bytes]


def _empty(desk: Desk) -> bytes:
    return desk.bob


def _filled(desk: Desk) -> bytes:
    return desk.alice


def _issuing(desk: Desk) -> bytes:
    return desk.issuance


def _closed(desk: Desk) -> bytes:
    desk.act(CloseAccount(desk.bob), BOB)
    return desk.bob


def _emptied(desk: Desk) -> bytes:
    desk.moved(desk.alice, desk.bob, 1_000)
    return desk.alice


def _drained_issue(desk: Desk) -> bytes:
    desk.redeemed(desk.alice, 1_000)
    return desk.issuance


CLOSE: list[tuple[Prepare, tuple[bytes, ...], RejectCode | None]] = [
    (_empty, (BOB,), None),
    (_empty, (BROKER,), None),
    (_emptied, (ALICE,), None),
    (_drained_issue, (ISSUER,), None),
    (lambda _desk: NOBODY, (BOB,), HoldingsReject.ACCOUNT_NOT_FOUND),
    (_closed, (BOB,), HoldingsReject.ACCOUNT_IS_CLOSED),
    (_empty, (ALICE,), HoldingsReject.ACCOUNT_NOT_FOUND),
    (_filled, (ALICE,), HoldingsReject.ACCOUNT_IS_NOT_EMPTY),
    (_issuing, (ISSUER,), HoldingsReject.ACCOUNT_IS_NOT_EMPTY),
]


@pytest.mark.parametrize(("prepare", "signers", "reject"), CLOSE)
def test_close(prepare: Prepare, signers: tuple[bytes, ...], reject: RejectCode | None) -> None:
    desk = Desk()
    account_id = prepare(desk)
    assert desk.refused(CloseAccount(account_id), *signers) is reject


def test_a_closed_account_keeps_its_identity() -> None:
    desk = Desk()
    context = desk.act(CloseAccount(desk.bob), BOB)
    assert desk.account(desk.bob).status is AccountStatus.CLOSED
    assert context.facts == [(AccountClosed(desk.bob), (desk.account(desk.bob).relationship,))]
    with pytest.raises(Rejected) as found:
        desk.opened(BOB, account_id=desk.bob)
    assert found.value.code is HoldingsReject.ACCOUNT_EXISTS
    desk.check()
