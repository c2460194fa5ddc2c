"""Books that are wrong are found: each invariant on records that no message could have made."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.modules.certificates import invariants
from counterfoil.modules.certificates.books import CertificatesBooks
from counterfoil.modules.certificates.records import (
    AUTHORITIES,
    CERTIFICATES,
    PARTY_CERTIFICATES,
    Authority,
    Certificate,
    PartyCertificate,
    Purpose,
)
from counterfoil.primitives.outcome import InvariantViolation
from tests.unit.certificates.test_rules import AUTHORITY, BROKER, NODE, World

GOOD_AUTHORITY = Authority(BROKER, b"authority", 0, 9)
GOOD = Certificate(AUTHORITY, BROKER, Purpose.NODE, b"\1", 0, 9)


@pytest.fixture(scope="module")
def books() -> CertificatesBooks:
    wired = World().machine.wired
    return next(books for _, books in wired.modules if isinstance(books, CertificatesBooks))


CASES: dict[str, tuple[int, bytes, Any, Any]] = {
    "an authority is gone": (AUTHORITIES.number, AUTHORITY, GOOD_AUTHORITY, None),
    "under another fingerprint": (AUTHORITIES.number, bytes(32), None, GOOD_AUTHORITY),
    "an authority changed": (AUTHORITIES.number, AUTHORITY, GOOD_AUTHORITY, GOOD_AUTHORITY),
    "an authority came back": (
        AUTHORITIES.number,
        AUTHORITY,
        replace(GOOD_AUTHORITY, withdrawn_ms=5),
        GOOD_AUTHORITY,
    ),
    "a certificate is gone": (CERTIFICATES.number, NODE, GOOD, None),
    "of no authority": (CERTIFICATES.number, NODE, None, replace(GOOD, authority=bytes(32))),
    "listed nowhere": (CERTIFICATES.number, bytes(32), None, GOOD),
    "of another party": (CERTIFICATES.number, NODE, replace(GOOD, party=bytes(20)), GOOD),
    "good again": (CERTIFICATES.number, NODE, replace(GOOD, revoked_ms=5), GOOD),
    "a list of what is not there": (
        PARTY_CERTIFICATES.number,
        BROKER + bytes(32),
        None,
        PartyCertificate(),
    ),
    "off the list": (PARTY_CERTIFICATES.number, BROKER + NODE, PartyCertificate(), None),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_books_are_found(books: CertificatesBooks, case: str) -> None:
    table, key, before, now = CASES[case]
    with pytest.raises(InvariantViolation):
        invariants.check(books, {table: {key: (before, now)}})


def test_what_messages_make_is_right(books: CertificatesBooks) -> None:
    invariants.check(books, {CERTIFICATES.number: {NODE: (None, books.certificates.find(NODE))}})
    invariants.check(books, {CERTIFICATES.number: {NODE: (GOOD, replace(GOOD, revoked_ms=5))}})
    invariants.check_all(books)


def test_the_full_check_goes_over_all_authorities(books: CertificatesBooks) -> None:
    world = World()
    own = next(one for _, one in world.machine.wired.modules if isinstance(one, CertificatesBooks))
    own.authorities.put(bytes(32), GOOD_AUTHORITY)
    with pytest.raises(InvariantViolation):
        invariants.check_all(own)
