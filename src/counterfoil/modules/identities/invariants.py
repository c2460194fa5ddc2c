"""What must hold of real names after every block, whatever was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.checks import lapse_key
from counterfoil.modules.identities.records import (
    ATTESTATION_LAPSES,
    ATTESTATIONS,
    PERSON_PARTIES,
    TAGS,
    VERIFICATIONS,
    Attestation,
    Verification,
)
from counterfoil.primitives.outcome import ensure

Changed = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: IdentitiesBooks, changed: Changed) -> None:
    """For what changed: verifications, links and attestations belong together, and a tag keeps its person."""
    for party_id, (_, now) in changed.get(VERIFICATIONS.number, {}).items():
        ensure(now is not None, "a verification stays")
        _check_verification(books, party_id, now)
    for key, (_, now) in changed.get(PERSON_PARTIES.number, {}).items():
        found = books.verifications.find(key[20:])
        belongs = found is not None and found.person == key[:20]
        ensure(belongs == (now is not None), "a link and its verification do not belong together")
    for at, (_, now) in changed.get(ATTESTATIONS.number, {}).items():
        if now is not None:
            _check_attestation(books, at, now)
    for key, (_, now) in changed.get(ATTESTATION_LAPSES.number, {}).items():
        attestation = books.attestations.find(key[8:])
        waits = attestation is not None and lapse_key(attestation.lapses_ms, key[8:]) == key
        ensure(waits == (now is not None), "a lapse and its attestation do not belong together")
    for before, now in changed.get(TAGS.number, {}).values():
        ensure(now is not None, "a tag stays")
        ensure(before is None or before.person == now.person, "a tag changed its person")


def check_all(books: IdentitiesBooks) -> None:
    """Over all that lapses: the others have no order in which rules could go through them."""
    for key, _ in books.lapses.scan():
        attestation = books.attestations.find(key[8:])
        ensure(attestation is not None, "what lapses is there")
        if attestation is not None:
            _check_attestation(books, key[8:], attestation)


def _check_verification(books: IdentitiesBooks, party_id: bytes, verification: Verification) -> None:
    ensure(books.parties.find(party_id) is not None, "a verification is of a party that exists")
    ensure(verification.verified_ms < verification.expires_ms, "a verification that never held")
    ensure(
        not verification.withdrawn_ms or verification.withdrawn_ms >= verification.verified_ms,
        "a verification was withdrawn before it was made",
    )
    link = books.person_parties.find(verification.person + party_id)
    ensure(link is not None and link.agent == verification.agent, "a verified party hangs on its person")


def _check_attestation(books: IdentitiesBooks, at: bytes, attestation: Attestation) -> None:
    ensure(bool(attestation.party) != bool(attestation.lapses_ms), "an attestation is used, or lapses")
    if attestation.lapses_ms:
        waits = books.lapses.find(lapse_key(attestation.lapses_ms, at))
        ensure(waits is not None, "an attestation that nobody used lapses")
