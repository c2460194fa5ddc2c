"""What is always true of instruments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.life import ENDED, terms_of
from counterfoil.modules.instruments.records import (
    AMENDING_MARKETS,
    AMENDMENTS_DUE,
    EQUITY_CLASSES,
    IDENTIFIERS,
    INSTRUMENTS,
    TERMS,
    AmendingMarket,
    EquityClass,
    Identifier,
    IdentifierUse,
    Instrument,
    InstrumentKind,
    due_key,
    equity_class_key,
    identifier_key,
    in_force,
    terms_key,
)
from counterfoil.primitives.outcome import InvariantViolation, ensure

Changes = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: InstrumentsBooks, changed: Changes) -> None:
    """What was touched: identities are fixed, terms are kept, names lead to whom they name, amendments are due."""
    for instrument_id, (before, now) in changed.get(INSTRUMENTS.number, {}).items():
        ensure(now is not None, "an instrument is kept for ever")
        if before is not None:
            ensure(_fixed(before) == _fixed(now), "an instrument's identity does not change")
            ensure(before.status not in ENDED, "what has ended does not change")
        _check_instrument(books, instrument_id, now)
    for before, now in changed.get(TERMS.number, {}).values():
        ensure(
            before is None and now is not None, "a version of the terms is kept for ever as it was accepted"
        )
    for key, (_, use) in changed.get(IDENTIFIERS.number, {}).items():
        if use is not None:
            _check_use(books, key, use)
    for key, (_, equity_class) in changed.get(EQUITY_CLASSES.number, {}).items():
        if equity_class is not None:
            _check_class(books, key, equity_class)
    counts: dict[bytes, int] = {}
    for key, (before, now) in changed.get(AMENDMENTS_DUE.number, {}).items():
        if now is not None:
            _check_due(books, key)
        counts[key[:4]] = counts.get(key[:4], 0) + (now is not None) - (before is not None)
    for market, (before, now) in changed.get(AMENDING_MARKETS.number, {}).items():
        ensure(_count(now) - _count(before) == counts.pop(market, 0), "amendments that wait are counted")
    ensure(not any(counts.values()), "amendments that wait are counted")


def check_all(books: InstrumentsBooks) -> None:
    """The same of everything."""
    for instrument_id, instrument in books.everything(books.instruments):
        _check_instrument(books, instrument_id, instrument)
    for key, use in books.everything(books.identifiers):
        _check_use(books, key, use)
    for key, equity_class in books.everything(books.equity_classes):
        _check_class(books, key, equity_class)
    counts: dict[bytes, int] = {}
    for key, _ in books.amendments_due.scan():
        _check_due(books, key)
        counts[key[:4]] = counts.get(key[:4], 0) + 1
    waiting = {market: record.waiting for market, record in books.amending_markets.scan()}
    ensure(waiting == counts, "amendments that wait are counted")


def _fixed(instrument: Instrument) -> tuple[Any, ...]:
    return (
        instrument.kind,
        instrument.issuer,
        instrument.market,
        instrument.class_name,
        instrument.campaign,
        instrument.currency,
        instrument.quantity_type,
        instrument.scale,
        instrument.issuance_account,
        instrument.handle,
    )


def _check_instrument(books: InstrumentsBooks, instrument_id: bytes, instrument: Instrument) -> None:
    version = instrument.terms_version
    ensure(1 <= version <= instrument.latest_version, "the terms in force were accepted")
    terms = terms_of(books, instrument_id, version).terms
    ensure(in_force(instrument, terms, version) == instrument, "an instrument has the terms in force")
    if instrument.status in ENDED:
        return
    for identifier in terms.identifiers:
        use = _use(books, identifier)
        ensure(
            use is not None and use.instrument_id == instrument_id and use.in_force,
            "an instrument bears the identifiers of its terms",
        )
    for later in range(version + 1, instrument.latest_version + 1):
        accepted = terms_of(books, instrument_id, later)
        due = due_key(instrument.market, accepted.effective_from, instrument_id, later)
        ensure(books.amendments_due.find(due) is not None, "an amendment not in force is due")
        for identifier in accepted.terms.identifiers:
            use = _use(books, identifier)
            ensure(
                use is not None and use.instrument_id == instrument_id,
                "the identifiers of an amendment are kept for it",
            )
    if instrument.kind is InstrumentKind.EQUITY:
        key = equity_class_key(instrument.issuer, instrument.class_name, instrument.campaign)
        found = books.equity_classes.find(key)
        ensure(
            found is not None and found.instrument_id == instrument_id,
            "an equity is the only one of its class",
        )


def _check_use(books: InstrumentsBooks, key: bytes, use: IdentifierUse) -> None:
    instrument = _living(books, use.instrument_id, "an identifier names a live instrument")
    named_now = False
    named = False
    for version in range(instrument.terms_version, instrument.latest_version + 1):
        for identifier in terms_of(books, use.instrument_id, version).terms.identifiers:
            if identifier_key(identifier.scheme, identifier.value) == key:
                named = True
                named_now = named_now or version == instrument.terms_version
    ensure(named, "an identifier stands in its instrument's terms")
    ensure(use.in_force == named_now, "an identifier is in force with the terms that name it")


def _check_class(books: InstrumentsBooks, key: bytes, equity_class: EquityClass) -> None:
    instrument = _living(books, equity_class.instrument_id, "a class is that of a live instrument")
    ensure(
        equity_class_key(instrument.issuer, instrument.class_name, instrument.campaign) == key,
        "a class is its instrument's",
    )


def _check_due(books: InstrumentsBooks, key: bytes) -> None:
    instrument_id, version = key[8:28], int.from_bytes(key[28:], "big")
    instrument = _living(books, instrument_id, "an amendment is due of a live instrument")
    ensure(instrument.terms_version < version <= instrument.latest_version, "what is due is not in force yet")
    accepted = books.terms.find(terms_key(instrument_id, version))
    ensure(
        accepted is not None
        and due_key(instrument.market, accepted.effective_from, instrument_id, version) == key,
        "an amendment is due on its effective date",
    )


def _living(books: InstrumentsBooks, instrument_id: bytes, text: str) -> Instrument:
    instrument = books.instruments.find(instrument_id)
    if instrument is None or instrument.status in ENDED:
        raise InvariantViolation(text)
    return instrument


def _use(books: InstrumentsBooks, identifier: Identifier) -> IdentifierUse | None:
    return books.identifiers.find(identifier_key(identifier.scheme, identifier.value))


def _count(record: AmendingMarket | None) -> int:
    return record.waiting if record is not None else 0
