"""Who may sign what for whom: roles, mandates, and two pairs of eyes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules.cash.messages import Mint
from counterfoil.modules.parties.interface import Duty, Mandate, PartyStatus, Role, Signer
from counterfoil.modules.parties.messages import GrantMandate, WindDownParty
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement.messages import Instruct
from counterfoil.modules.trades.messages import RecordTrade
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import KeyPolicy, single_key
from tests.unit.parties.world import NOW_MS, World, by, key_of, party

ACCOUNT, OTHER_ACCOUNT = b"a" * 20, b"b" * 20
CLERK = Mandate((800, 900), (ACCOUNT,), 1_000, NOW_MS, NOW_MS + 3_600_000, Duty.MAKER)


@pytest.fixture
def world() -> World:
    return World()


def asked(
    world: World,
    who: str,
    message: type[Message],
    *signers: str,
    account: bytes = ACCOUNT,
    amount: int = 1_000,
) -> Any:
    try:
        world.parties.authorise(world.context(*signers), party(who), message, account, amount)
    except Rejected as rejected:
        return rejected.code
    return None


def mandate(world: World, user: str, record: Mandate, who: str = "broker") -> None:
    world.parties_books.mandates.put(party(who) + by(user), record)


@pytest.mark.parametrize(
    ("expected", "changes", "message", "account", "amount"),
    [
        (None, {}, Instruct, ACCOUNT, 1_000),
        (None, {"message_types": ()}, Instruct, ACCOUNT, 1_000),
        (None, {"accounts": ()}, Instruct, b"", 1_000),
        (None, {"valid_until_ms": 0}, Instruct, ACCOUNT, 1_000),
        (None, {"duty": Duty.MAKER_AND_CHECKER}, Instruct, ACCOUNT, 1_000),
        (
            PartiesReject.MANDATE_IS_NOT_IN_FORCE,
            {"valid_from_ms": NOW_MS + 3_600_000},
            Instruct,
            ACCOUNT,
            1_000,
        ),
        (PartiesReject.MANDATE_IS_NOT_IN_FORCE, {"valid_until_ms": NOW_MS + 1}, Instruct, ACCOUNT, 1_000),
        (PartiesReject.MANDATE_LACKS_THE_MESSAGE, {"message_types": (800,)}, Instruct, ACCOUNT, 1_000),
        (PartiesReject.MANDATE_LACKS_THE_ACCOUNT, {}, Instruct, OTHER_ACCOUNT, 1_000),
        (PartiesReject.MANDATE_LACKS_THE_ACCOUNT, {}, Instruct, b"", 1_000),
        (PartiesReject.MANDATE_LIMIT_EXCEEDED, {}, Instruct, ACCOUNT, 1_001),
        (PartiesReject.MANDATE_IS_TO_CHECK_ONLY, {"duty": Duty.CHECKER}, Instruct, ACCOUNT, 1_000),
    ],
)
def test_mandates(
    world: World, expected: Any, changes: dict[str, Any], message: type[Message], account: bytes, amount: int
) -> None:
    mandate(world, "clerk", msgspec.structs.replace(CLERK, **changes))
    assert asked(world, "broker", message, "clerk", account=account, amount=amount) is expected


@pytest.mark.parametrize(
    ("expected", "who", "signers"),
    [
        (None, "broker", ["broker"]),
        (None, "broker", ["stranger", "broker"]),
        (PartiesReject.PARTY_NOT_FOUND, "nobody", ["broker"]),
        (PartiesReject.PARTY_LACKS_THE_ROLE, "auditor", ["auditor"]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", []),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", ["regulator"]),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, "broker", ["ann"]),
    ],
)
def test_own_signer(world: World, expected: Any, who: str, signers: list[str]) -> None:
    assert asked(world, who, Instruct, *signers) is expected


@pytest.mark.parametrize("status", [status for status in PartyStatus if status is not PartyStatus.ACTIVE])
def test_only_an_active_party_sends(world: World, status: PartyStatus) -> None:
    world.change("broker", status=status)
    assert asked(world, "broker", RecordTrade, "broker") is PartiesReject.PARTY_IS_NOT_ACTIVE
    expected = None if status is PartyStatus.WINDING_DOWN else PartiesReject.PARTY_IS_NOT_ACTIVE
    assert asked(world, "broker", Instruct, "broker") is expected


def test_nobody_sends_below_one_that_is_stopped(world: World) -> None:
    world.change("regulator", status=PartyStatus.SUSPENDED)
    assert asked(world, "ann", Instruct, "ann") is PartiesReject.PARTY_IS_NOT_ACTIVE


def test_an_investor_without_a_signer_signs_by_users_only(world: World) -> None:
    world.change("ann", signer=b"")
    assert asked(world, "ann", Instruct) is PartiesReject.PARTY_NOT_FOUND
    assert asked(world, "ann", Instruct, "ann maker") is None


FOUR_EYES_ROWS = [
    (None, ["m", "c"], {}),
    (None, ["c", "m"], {}),
    (None, ["m", "both"], {}),
    (None, ["both", "c"], {}),
    (PartiesReject.MAKER_IS_MISSING, ["broker"], {}),
    (PartiesReject.MAKER_IS_MISSING, ["c"], {}),
    (PartiesReject.MAKER_IS_MISSING, ["c", "broker"], {}),
    (PartiesReject.CHECKER_IS_MISSING, ["m"], {}),
    (PartiesReject.CHECKER_IS_MISSING, ["m", "broker"], {}),
    (PartiesReject.CHECKER_IS_MISSING, ["m", "c"], {"c": {"amount_limit": 999}}),
    (PartiesReject.CHECKER_IS_MISSING, ["m", "c"], {"c": {"valid_until_ms": NOW_MS}}),
    (PartiesReject.MAKER_IS_MISSING, ["m", "c"], {"m": {"message_types": (900,)}}),
    (PartiesReject.MAKER_IS_THE_CHECKER, ["both"], {}),
]


def four_eyes(world: World, who: str, changes: dict[str, dict[str, Any]]) -> None:
    for user, duty in (("m", Duty.MAKER), ("c", Duty.CHECKER), ("both", Duty.MAKER_AND_CHECKER)):
        record = msgspec.structs.replace(Mandate((), (), duty=duty), **changes.get(user, {}))
        mandate(world, user, record, who)


@pytest.mark.parametrize(("expected", "signers", "changes"), FOUR_EYES_ROWS)
def test_four_eyes_that_the_ledger_demands(
    world: World, expected: Any, signers: list[str], changes: dict[str, Any]
) -> None:
    world.change("broker", roles=(Role.TRUSTEE,))
    four_eyes(world, "broker", changes)
    assert asked(world, "broker", Mint, *signers) is expected


@pytest.mark.parametrize(("expected", "signers", "changes"), FOUR_EYES_ROWS)
def test_four_eyes_that_the_member_named(
    world: World, expected: Any, signers: list[str], changes: dict[str, Any]
) -> None:
    world.change("broker", four_eyes=(800,))
    if "m" in changes:
        changes = {"m": {"message_types": (700,)}}
    four_eyes(world, "broker", changes)
    assert asked(world, "broker", RecordTrade, *signers) is expected
    assert asked(world, "broker", Instruct, "broker") is None


def test_one_key_is_one_pair_of_eyes(world: World) -> None:
    """Two users whose keys were rotated to the same key are one, and so are two policies that share a key."""
    world.change("broker", four_eyes=(800,))
    four_eyes(world, "broker", {})
    signers = world.parties_books.signers
    signers.put(by("c"), Signer(single_key(key_of("m").public_key)))
    assert asked(world, "broker", RecordTrade, "m", "c") is PartiesReject.MAKER_IS_THE_CHECKER
    shared = tuple(sorted((key_of("m").public_key, key_of("x").public_key)))
    signers.put(by("c"), Signer(KeyPolicy(1, shared)))
    assert asked(world, "broker", RecordTrade, "m", "c") is PartiesReject.MAKER_IS_THE_CHECKER
    signers.put(by("c"), Signer(single_key(key_of("x").public_key)))
    assert asked(world, "broker", RecordTrade, "m", "c") is None
    assert asked(world, "broker", RecordTrade, "m", "both", "c") is None


def test_administrative_messages(world: World) -> None:
    """The own signer is enough; users need mandates that name the message, one to make and one to check."""
    assert asked(world, "broker", GrantMandate, "broker") is None
    assert (
        asked(world, "broker", GrantMandate, "broker maker", "broker checker")
        is PartiesReject.MAKER_IS_MISSING
    )
    mandate(world, "m", Mandate((230,), (), duty=Duty.MAKER))
    mandate(world, "c", Mandate((230,), (), duty=Duty.CHECKER))
    assert asked(world, "broker", GrantMandate, "m", account=b"") is PartiesReject.CHECKER_IS_MISSING
    assert asked(world, "broker", GrantMandate, "m", "c", account=b"") is None
    assert asked(world, "broker", WindDownParty, "m", "c", account=b"") is PartiesReject.MAKER_IS_MISSING
    assert asked(world, "broker", WindDownParty, "broker", account=b"") is None


def test_a_message_that_no_table_lists_is_nobodys(world: World) -> None:
    class Unlisted(Message, tag=299, frozen=True):
        pass

    assert asked(world, "regulator", Unlisted, "regulator") is PartiesReject.PARTY_LACKS_THE_ROLE


@pytest.mark.parametrize("malformed", [b"", b"x", bytes(19), bytes(21), bytes(500)])
def test_what_can_be_no_identifier_is_not_found(world: World, malformed: bytes) -> None:
    assert world.parties.find(malformed) is None
    assert world.parties.policy(malformed) is None
    assert not world.parties.has_role(malformed, Role.REGULATOR)
    assert not world.parties.is_active(malformed)
    assert not world.parties.is_above(party("regulator"), malformed)
    assert not world.parties.is_above(malformed, party("ann"))
    for ask in (world.parties.require, world.parties.require_active, world.parties.require_in_business):
        with pytest.raises(Rejected) as caught:
            ask(malformed)
        assert caught.value.code is PartiesReject.PARTY_NOT_FOUND
    with pytest.raises(Rejected):
        world.parties.authorise(world.context("ann"), malformed, Instruct)
    assert world.parties.find_by_name("x" * 10_000) is None


def test_the_role_tree(world: World) -> None:
    above = world.parties.is_above
    assert above(party("regulator"), party("ann"))
    assert above(party("broker"), party("ann"))
    assert not above(party("operator"), party("ann"))
    assert not above(party("ann"), party("broker"))
    assert not above(party("ann"), party("ann"))
    assert world.parties.has_role(party("ann"), Role.ISSUER, Role.INVESTOR)
    assert world.parties.require_role(party("ann"), Role.ISSUER, Role.INVESTOR).name == "ann"
    with pytest.raises(Rejected) as caught:
        world.parties.require_role(party("ann"), Role.ISSUER)
    assert caught.value.code is PartiesReject.PARTY_NOT_FOUND
