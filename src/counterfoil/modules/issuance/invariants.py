"""What is always true of issues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.instruments.interface import InstrumentKind, InstrumentStatus
from counterfoil.modules.issuance.books import IssuanceBooks
from counterfoil.modules.issuance.records import (
    ISSUES,
    PLACINGS,
    REGISTRATIONS,
    UNDERWRITERS_MAX,
    Issue,
    Placing,
    RegistrationAct,
)
from counterfoil.primitives.outcome import ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]

_ADDS = (RegistrationAct.INITIAL, RegistrationAct.FURTHER)


def check(books: IssuanceBooks, changed: Changes) -> None:
    """An issue changes by registrations alone and equals what holdings count; placings stay within bounds."""
    acts: dict[bytes, int] = {}
    net: dict[bytes, int] = {}
    for key, (old, new) in changed.get(REGISTRATIONS.number, {}).items():
        ensure(old is None and new is not None, "a registration is kept for ever as it took effect")
        instrument_id = key[:20]
        acts[instrument_id] = acts.get(instrument_id, 0) + 1
        signed = new.quantity if new.act in _ADDS else -new.quantity
        net[instrument_id] = net.get(instrument_id, 0) + signed
    for instrument_id, (before, now) in changed.get(ISSUES.number, {}).items():
        ensure(now is not None, "an issue is kept for ever")
        ensure(
            now.acts - (before.acts if before is not None else 0) == acts.pop(instrument_id, 0),
            "every change of an issue is a registration",
        )
        if before is not None:
            difference = now.registered - now.ended - before.registered + before.ended
            ensure(difference == net.get(instrument_id, 0), "an issue changes by what is registered")
        _check_issue(books, instrument_id, now)
    ensure(not acts, "every registration changes its issue")
    for placing in changed.get(PLACINGS.number, {}).values():
        _check_placing(placing[1])


def check_all(books: IssuanceBooks) -> None:
    """The same of every issue and placing."""
    for instrument_id, issue in books.issues.scan():
        _check_issue(books, instrument_id, issue)
    placings: dict[bytes, int] = {}
    for key, placing in books.placings.scan():
        _check_placing(placing)
        placings[key[:20]] = placings.get(key[:20], 0) + 1
    for instrument_id, count in placings.items():
        ensure(count <= UNDERWRITERS_MAX, "an instrument has no more underwriting accounts than the limit")
        found = books.issues.find(instrument_id)
        ensure(
            found is None or found.last is not RegistrationAct.EXIT,
            "nothing is placed of an issue that ended",
        )


def _check_issue(books: IssuanceBooks, instrument_id: bytes, issue: Issue) -> None:
    ensure(0 <= issue.ended <= issue.registered, "no more is ended than was registered")
    instrument = books.instruments.find(instrument_id)
    if instrument is None:
        ensure(False, "an issue is of an instrument")
        return
    ensure(instrument.status is not InstrumentStatus.ANNOUNCED, "an instrument with an issue is registered")
    if instrument.kind is InstrumentKind.MONEY_TOKEN:
        ensure(issue.registered == 0, "money is not registered in quantities")
    else:
        ensure(
            issue.registered - issue.ended == books.holdings.outstanding(instrument_id),
            "what is outstanding was registered and is not ended",
        )


def _check_placing(placing: Placing | None) -> None:
    ensure(
        placing is None or 0 <= placing.placed < placing.allotted,
        "an underwriter places less than it was allotted, or has done",
    )
