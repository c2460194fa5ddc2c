"""Mandates and the member's own four-eyes messages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules.parties.interface import Duty
from counterfoil.modules.parties.messages import GrantMandate, NameFourEyes, RevokeMandate
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX
from tests.unit.parties.world import NOW_MS, World, by, makers_and_checkers, party, tags

ACCOUNTS = (b"a" * 20, b"b" * 20)
GRANT = GrantMandate(
    party("broker"), by("clerk"), (800, 900), ACCOUNTS, 1_000, NOW_MS, NOW_MS + 10_000, Duty.MAKER
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, ["broker"]),
        (None, {"message_types": (), "accounts": (), "valid_from_ms": 0, "valid_until_ms": 0}, ["broker"]),
        (None, {"amount_limit": 0, "duty": Duty.MAKER_AND_CHECKER}, ["broker"]),
        (PartiesReject.PARTY_NOT_FOUND, {"party": b""}, ["broker"]),
        (PartiesReject.MAKER_IS_MISSING, {}, ["clerk"]),
        (PartiesReject.MAKER_IS_MISSING, {}, makers_and_checkers("broker")),
        (PartiesReject.ADDRESS_IS_INVALID, {"user": b""}, ["broker"]),
        (PartiesReject.MESSAGE_TYPES_ARE_INVALID, {"message_types": (900, 800)}, ["broker"]),
        (PartiesReject.MESSAGE_TYPES_ARE_INVALID, {"message_types": (1, 800)}, ["broker"]),
        (PartiesReject.MESSAGE_TYPES_ARE_INVALID, {"message_types": tuple(range(200, 265))}, ["broker"]),
        (PartiesReject.MANDATE_ACCOUNTS_ARE_INVALID, {"accounts": ACCOUNTS[::-1]}, ["broker"]),
        (PartiesReject.MANDATE_ACCOUNTS_ARE_INVALID, {"accounts": (b"short",)}, ["broker"]),
        (
            PartiesReject.MANDATE_ACCOUNTS_ARE_INVALID,
            {"accounts": tuple(bytes((number,)) * 20 for number in range(65))},
            ["broker"],
        ),
        (PartiesReject.MANDATE_LIMIT_IS_INVALID, {"amount_limit": -1}, ["broker"]),
        (PartiesReject.MANDATE_LIMIT_IS_INVALID, {"amount_limit": AMOUNT_MAX + 1}, ["broker"]),
        (PartiesReject.MANDATE_VALIDITY_IS_INVALID, {"valid_from_ms": -1}, ["broker"]),
        (PartiesReject.MANDATE_VALIDITY_IS_INVALID, {"valid_until_ms": 2**64 - 1}, ["broker"]),
        (PartiesReject.MANDATE_VALIDITY_IS_INVALID, {"valid_until_ms": NOW_MS}, ["broker"]),
        (PartiesReject.MANDATE_VALIDITY_IS_INVALID, {"valid_from_ms": NOW_MS + 10_000}, ["broker"]),
    ],
)
def test_grant_mandate(world: World, expected: Any, changes: dict[str, Any], signers: list[str]) -> None:
    message = msgspec.structs.replace(GRANT, **changes)
    assert world.refused(message, *signers) is expected
    mandate = world.parties_books.mandates.find(party("broker") + by("clerk"))
    assert (mandate is not None) == (expected is None)
    if mandate is not None:
        assert mandate.duty is message.duty
        assert tags(world.facts) == ["MandateGranted"]
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "message", "signers"),
    [
        (None, RevokeMandate(party("broker"), by("broker maker")), ["broker"]),
        (
            PartiesReject.MAKER_IS_MISSING,
            RevokeMandate(party("broker"), by("broker maker")),
            ["broker maker"],
        ),
        (PartiesReject.MANDATE_NOT_FOUND, RevokeMandate(party("broker"), by("clerk")), ["broker"]),
        (PartiesReject.MANDATE_NOT_FOUND, RevokeMandate(party("broker"), b""), ["broker"]),
    ],
)
def test_revoke_mandate(world: World, expected: Any, message: RevokeMandate, signers: list[str]) -> None:
    assert world.refused(message, *signers) is expected
    found = world.parties_books.mandates.find(party("broker") + by("broker maker"))
    assert (found is None) == (expected is None)
    world.end_block()


@pytest.mark.parametrize(
    ("expected", "message_types", "signers"),
    [
        (None, (800, 900), ["broker"]),
        (None, (), ["broker"]),
        (PartiesReject.MAKER_IS_MISSING, (800,), ["broker maker"]),
        (PartiesReject.MESSAGE_TYPES_ARE_INVALID, (900, 800), ["broker"]),
        (PartiesReject.MESSAGE_TYPES_ARE_INVALID, (-1,), ["broker"]),
        (PartiesReject.MESSAGE_CANNOT_BE_NAMED, (230,), ["broker"]),
        (PartiesReject.MESSAGE_CANNOT_BE_NAMED, (212, 800), ["broker"]),
    ],
)
def test_name_four_eyes(world: World, expected: Any, message_types: Any, signers: list[str]) -> None:
    assert world.refused(NameFourEyes(party("broker"), message_types), *signers) is expected
    assert world.party("broker").four_eyes == (message_types if expected is None else ())
    world.end_block()


def test_a_mandate_is_accepted_by_the_users_own_signature_and_stays_so(world: World) -> None:
    key = party("broker") + by("clerk")
    for signers, accepted in ((("broker",), False), (("broker", "clerk"), True), (("broker",), True)):
        world.act(GRANT, *signers)
        mandate = world.parties_books.mandates.find(key)
        assert mandate is not None
        assert mandate.accepted is accepted
    world.act(RevokeMandate(party("broker"), by("clerk")), "broker")
    world.act(GRANT, "broker")
    mandate = world.parties_books.mandates.find(key)
    assert mandate is not None
    assert not mandate.accepted


def test_two_administrators_need_mandates_that_name_the_message(world: World) -> None:
    for user, duty in (("first", Duty.MAKER), ("second", Duty.CHECKER)):
        grant = GrantMandate(party("broker"), by(user), (230,), duty=duty)
        world.act(grant, "broker")
    assert world.refused(GRANT, "first") is PartiesReject.CHECKER_IS_MISSING
    assert world.refused(GRANT, "second") is PartiesReject.MAKER_IS_MISSING
    assert world.refused(GRANT, "first", "second") is None
    world.end_block()
