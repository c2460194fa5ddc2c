"""What must hold of parties after every block, whatever was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import is_named
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.parties.records import (
    ADDRESS_SIZE,
    APPLICATIONS,
    PARTIES,
    RECOVERY_VOTES,
    SIGNERS,
    Party,
    PartyStatus,
)
from counterfoil.primitives.outcome import ensure

Changed = Mapping[int, Mapping[bytes, tuple[Any, Any]]]

_BELOW = tuple(
    status for status in PartyStatus if status not in (PartyStatus.APPLIED, PartyStatus.TERMINATED)
)


def check(books: PartiesBooks, changed: Changed) -> None:
    """For each party that changed: its place in the tree, its names, and the counts of its sponsor."""
    parties = changed.get(PARTIES.number, {})
    below: dict[bytes, int] = {}
    waiting: dict[bytes, int] = {}
    for party_id, (before, now) in parties.items():
        if now is not None:
            _check_party(books, party_id, now)
        if before is not None and now is not None:
            ensure(before.parent == now.parent, "a party changed its place in the role tree")
        for party, step in ((before, -1), (now, 1)):
            if party is not None and party.parent:
                below[party.parent] = below.get(party.parent, 0) + step * (party.status in _BELOW)
                applied = party.status is PartyStatus.APPLIED
                waiting[party.parent] = waiting.get(party.parent, 0) + step * applied
    for sponsor_id in below:
        before, now = parties.get(sponsor_id, (None, None))
        risen = _counts(now) if now is not None else (0, 0)
        fallen = _counts(before) if before is not None else (0, 0)
        ensure(risen[0] - fallen[0] == below[sponsor_id], "a sponsor's count of parties below is wrong")
        ensure(risen[1] - fallen[1] == waiting[sponsor_id], "a sponsor's count of applications is wrong")
    for key, (_, now) in changed.get(APPLICATIONS.number, {}).items():
        party = books.parties.find(key[8:])
        applied = party is not None and party.status is PartyStatus.APPLIED
        ensure(applied == (now is not None), "an application and its party do not belong together")

    _check_votes(books, changed)


def _check_votes(books: PartiesBooks, changed: Changed) -> None:
    """A vote belongs to an approver of a signer, and none outlives the keys that it was to replace."""
    for key, (_, now) in changed.get(RECOVERY_VOTES.number, {}).items():
        if now is not None:
            signer = books.signers.find(key[:ADDRESS_SIZE])
            ensure(
                signer is not None and key[ADDRESS_SIZE:] in signer.recovery,
                "a recovery that nobody may approve",
            )
    for address, (before, now) in changed.get(SIGNERS.number, {}).items():
        if before is not None and now is not None and before.policy != now.policy:
            ensure(
                not any(books.recovery_votes.find(address + approver) for approver in now.recovery),
                "an approval outlived the keys that it was to replace",
            )


def _check_party(books: PartiesBooks, party_id: bytes, party: Party) -> None:
    if party.parent:
        ensure(books.parties.find(party.parent) is not None, "a party stands below nobody that exists")
        Parties(books).is_above(b"", party_id)
    ensure(
        (party.status is PartyStatus.SUSPENDED) == bool(party.suspended_by), "a suspension without authority"
    )
    ensure((party.status is PartyStatus.APPLIED) == (party.lapses_ms > 0), "an application that cannot lapse")
    ensure(party.below >= 0 and party.applications >= 0, "a count below nothing")
    if party.status in _BELOW:
        if is_named(party.roles):
            named = books.names.find(party.name.encode())
            ensure(named is not None and named.party == party_id, "a party's name is another's")
        if party.lei:
            named = books.leis.find(party.lei.encode())
            ensure(named is not None and named.party == party_id, "a party's LEI is another's")


def _counts(party: Party) -> tuple[int, int]:
    return party.below, party.applications


def check_all(books: PartiesBooks) -> None:
    """Over every name and every application: each belongs to the party that it says."""
    for name, named in list(books.names.scan()):
        party = books.parties.find(named.party)
        ensure(
            party is not None and party.name.encode() == name and party.status in _BELOW,
            "a name that no living party bears",
        )
        if party is not None:
            _check_party(books, named.party, party)
    waiting: dict[bytes, int] = {}
    for key, application in list(books.applications.scan()):
        party = books.parties.find(key[8:])
        ensure(
            party is not None
            and party.status is PartyStatus.APPLIED
            and party.parent == application.parent
            and party.lapses_ms == int.from_bytes(key[:8], "big"),
            "an application without its party",
        )
        waiting[application.parent] = waiting.get(application.parent, 0) + 1
    for sponsor_id, count in waiting.items():
        sponsor = books.parties.find(sponsor_id)
        ensure(sponsor is not None and sponsor.applications == count, "a count of applications is wrong")
