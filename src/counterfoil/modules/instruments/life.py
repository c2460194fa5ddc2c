"""The effects that several doors share: a status changes, terms take effect, an instrument ends."""

from __future__ import annotations

from msgspec import structs

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.facts import InstrumentStatusChanged, TermsInForce
from counterfoil.modules.instruments.records import (
    AmendingMarket,
    AmendmentDue,
    EquityClass,
    IdentifierUse,
    Instrument,
    InstrumentKind,
    InstrumentStatus,
    Terms,
    TermsVersion,
    due_key,
    equity_class_key,
    identifier_key,
    in_force,
    terms_key,
)
from counterfoil.modules.module import EVERY, PUBLIC, ActionContext
from counterfoil.primitives.outcome import InvariantViolation, ensure

ENDED = (InstrumentStatus.REDEEMED, InstrumentStatus.CANCELLED)


def change_status(
    books: InstrumentsBooks,
    context: ActionContext,
    instrument_id: bytes,
    instrument: Instrument,
    status: InstrumentStatus,
    by: bytes = b"",
) -> None:
    """Set the status, and set free what names the instrument when it ends."""
    if status in ENDED:
        _set_free(books, instrument_id, instrument)
    suspended_by = by if status is InstrumentStatus.SUSPENDED else b""
    books.instruments.put(instrument_id, with_status(instrument, status, suspended_by))
    if status is InstrumentStatus.ACTIVE and instrument.status is InstrumentStatus.SUSPENDED:
        context.credited.append(EVERY + instrument_id)
    fact = InstrumentStatusChanged(instrument_id=instrument_id, before=instrument.status, after=status, by=by)
    context.tell(fact, PUBLIC)


def with_status(instrument: Instrument, status: InstrumentStatus, suspended_by: bytes) -> Instrument:
    return structs.replace(instrument, status=status, suspended_by=suspended_by)


def with_registrar(instrument: Instrument, registrar: bytes) -> Instrument:
    """The instrument with another registrar, who may resume what the one before suspended."""
    by_registrar = instrument.suspended_by == instrument.registrar
    suspended_by = registrar if by_registrar else instrument.suspended_by
    return structs.replace(instrument, registrar=registrar, suspended_by=suspended_by)


def with_latest_version(instrument: Instrument, version: int) -> Instrument:
    """The instrument with one more accepted version of its terms, not in force yet."""
    return structs.replace(instrument, latest_version=version)


def terms_of(books: InstrumentsBooks, instrument_id: bytes, version: int) -> TermsVersion:
    found = books.terms.find(terms_key(instrument_id, version))
    if found is None:
        raise InvariantViolation("every version up to the latest has its terms")
    return found


def claim_identifiers(books: InstrumentsBooks, instrument_id: bytes, terms: Terms, now: bool) -> None:
    """Reserve the identifiers of accepted terms; what is in force already stays so."""
    for identifier in terms.identifiers:
        key = identifier_key(identifier.scheme, identifier.value)
        use = books.identifiers.find(key)
        if use is None or (now and not use.in_force):
            books.identifiers.put(key, IdentifierUse(instrument_id=instrument_id, in_force=now))


def claim_equity_class(books: InstrumentsBooks, instrument_id: bytes, instrument: Instrument) -> None:
    if instrument.kind is InstrumentKind.EQUITY:
        key = equity_class_key(instrument.issuer, instrument.class_name, instrument.campaign)
        books.equity_classes.put(key, EquityClass(instrument_id=instrument_id))


def take_effect(
    books: InstrumentsBooks,
    context: ActionContext,
    instrument_id: bytes,
    instrument: Instrument,
    version: int,
) -> None:
    """Put the next version of the terms into force: denominations, maturity and identifiers."""
    ensure(version == instrument.terms_version + 1, "versions take effect in the order of their numbers")
    before = terms_of(books, instrument_id, instrument.terms_version).terms
    terms = terms_of(books, instrument_id, version).terms
    claim_identifiers(books, instrument_id, terms, now=True)
    changed = in_force(instrument, terms, version)
    _drop_identifiers(books, instrument_id, before, changed)
    books.instruments.put(instrument_id, changed)
    context.tell(TermsInForce(instrument_id=instrument_id, version=version), PUBLIC)


def await_date(books: InstrumentsBooks, market: str, date: int, instrument_id: bytes, version: int) -> None:
    """Note that an amendment waits for the market's business date."""
    books.amendments_due.put(due_key(market, date, instrument_id, version), AmendmentDue())
    waiting = books.amending_markets.find(market.encode())
    books.amending_markets.put(market.encode(), AmendingMarket(waiting=waiting.waiting + 1 if waiting else 1))


def await_no_more(
    books: InstrumentsBooks, market: str, date: int, instrument_id: bytes, version: int
) -> None:
    books.amendments_due.delete(due_key(market, date, instrument_id, version))
    key = market.encode()
    waiting = books.amending_markets.find(key)
    if waiting is not None and waiting.waiting > 1:
        books.amending_markets.put(key, AmendingMarket(waiting=waiting.waiting - 1))
    else:
        books.amending_markets.delete(key)


def _drop_identifiers(
    books: InstrumentsBooks, instrument_id: bytes, dropped: Terms, instrument: Instrument
) -> None:
    """Set free the identifiers of superseded terms, save those that the terms in force or pending ones name."""
    kept = [
        identifier
        for version in range(instrument.terms_version, instrument.latest_version + 1)
        for identifier in terms_of(books, instrument_id, version).terms.identifiers
    ]
    current = terms_of(books, instrument_id, instrument.terms_version).terms.identifiers
    for identifier in dropped.identifiers:
        key = identifier_key(identifier.scheme, identifier.value)
        if identifier not in kept:
            books.identifiers.delete(key)
        elif identifier not in current:
            books.identifiers.put(key, IdentifierUse(instrument_id=instrument_id, in_force=False))


def _set_free(books: InstrumentsBooks, instrument_id: bytes, instrument: Instrument) -> None:
    """An ended instrument bears no identifier, and its class and campaign can be used again."""
    for version in range(instrument.terms_version, instrument.latest_version + 1):
        accepted = terms_of(books, instrument_id, version)
        for identifier in accepted.terms.identifiers:
            key = identifier_key(identifier.scheme, identifier.value)
            if books.identifiers.find(key) is not None:
                books.identifiers.delete(key)
        if version > instrument.terms_version:
            await_no_more(books, instrument.market, accepted.effective_from, instrument_id, version)
    if instrument.kind is InstrumentKind.EQUITY:
        books.equity_classes.delete(
            equity_class_key(instrument.issuer, instrument.class_name, instrument.campaign)
        )
