"""Instruments that exist from the founding on."""

from __future__ import annotations

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.records import (
    EquityClass,
    Instrument,
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    Rounding,
    Terms,
    TermsVersion,
    equity_class_key,
    terms_key,
)
from counterfoil.modules.module import ActionContext


def found_instrument(
    books: InstrumentsBooks,
    context: ActionContext,
    instrument_id: bytes,
    kind: InstrumentKind,
    class_name: str,
    issuer: bytes,
    market: str,
    currency: str,
    scale: int,
    issuance_account: bytes,
) -> Instrument:
    """Put an active instrument without identifiers on the books, divisible down to one unit of its scale."""
    terms = Terms(class_name, "", "", (), 1, 1, 1, Rounding.DOWN, b"", 0, 0, 0, b"")
    instrument = Instrument(
        kind=kind,
        status=InstrumentStatus.ACTIVE,
        issuer=issuer,
        registrar=issuer,
        market=market,
        class_name=class_name,
        campaign="",
        currency=currency,
        quantity_type=QuantityType.UNITS,
        scale=scale,
        settlement_unit=1,
        minimum=1,
        multiple=1,
        rounding=Rounding.DOWN,
        residue_account=b"",
        maturity_date=0,
        issuance_account=issuance_account,
        handle=context.handle(instrument_id),
        terms_version=1,
        latest_version=1,
    )
    books.instruments.put(instrument_id, instrument)
    books.terms.put(terms_key(instrument_id, 1), TermsVersion(0, context.time_ms, terms))
    if kind is InstrumentKind.EQUITY:
        books.equity_classes.put(equity_class_key(issuer, class_name, ""), EquityClass(instrument_id))
    return instrument
