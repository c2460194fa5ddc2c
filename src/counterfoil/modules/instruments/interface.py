"""What other modules may ask about instruments."""

from __future__ import annotations

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.life import change_status
from counterfoil.modules.instruments.records import (
    IDENTIFIER_LENGTH_MAX,
    INSTRUMENTS,
    ISIN,
    SCHEME_LENGTH_MAX,
    TERMS,
    Identifier,
    Instrument,
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    Rounding,
    Terms,
    TermsVersion,
    identifier_key,
)
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected

__all__ = [
    "INSTRUMENTS",
    "ISIN",
    "TERMS",
    "Identifier",
    "Instrument",
    "InstrumentKind",
    "InstrumentStatus",
    "Instruments",
    "QuantityType",
    "Rounding",
    "Terms",
    "TermsVersion",
]

_ACTIVE = InstrumentStatus.ACTIVE


class Instruments:
    """Built over the module's books by the wiring."""

    __slots__ = ("_books", "_find")

    def __init__(self, books: InstrumentsBooks) -> None:
        self._books = books
        self._find = books.instruments.find

    def find(self, instrument_id: bytes) -> Instrument | None:
        return self._find(instrument_id)

    def require(self, instrument_id: bytes) -> Instrument:
        """Rejected INSTRUMENT_NOT_FOUND."""
        instrument = self._find(instrument_id)
        if instrument is None:
            raise Rejected(InstrumentsReject.INSTRUMENT_NOT_FOUND, instrument=instrument_id)
        return instrument

    def require_active(self, instrument_id: bytes) -> Instrument:
        """Rejected INSTRUMENT_NOT_FOUND or INSTRUMENT_IS_NOT_ACTIVE."""
        instrument = self._find(instrument_id)
        if instrument is None:
            raise Rejected(InstrumentsReject.INSTRUMENT_NOT_FOUND, instrument=instrument_id)
        if instrument.status is not _ACTIVE:
            raise Rejected(
                InstrumentsReject.INSTRUMENT_IS_NOT_ACTIVE,
                instrument=instrument_id,
                status=instrument.status.name,
            )
        return instrument

    def check_quantity(self, instrument: Instrument, quantity: int) -> None:
        """Whether a quantity can be transferred, by the denominations in force. Rejected 4003 to 4007."""
        if quantity <= 0:
            raise Rejected(InstrumentsReject.QUANTITY_IS_NOT_POSITIVE, quantity=quantity)
        if quantity > AMOUNT_MAX:
            raise Rejected(InstrumentsReject.QUANTITY_IS_TOO_LARGE, quantity=quantity)
        if quantity % instrument.settlement_unit:
            raise Rejected(
                InstrumentsReject.QUANTITY_IS_NOT_WHOLE_SETTLEMENT_UNITS,
                quantity=quantity,
                settlement_unit=instrument.settlement_unit,
            )
        if quantity < instrument.minimum:
            raise Rejected(
                InstrumentsReject.QUANTITY_IS_BELOW_THE_MINIMUM, quantity=quantity, minimum=instrument.minimum
            )
        if (quantity - instrument.minimum) % instrument.multiple:
            raise Rejected(
                InstrumentsReject.QUANTITY_IS_NOT_A_MULTIPLE,
                quantity=quantity,
                minimum=instrument.minimum,
                multiple=instrument.multiple,
            )

    def by_identifier(self, scheme: str, value: str) -> bytes | None:
        """The id of the live instrument that bears the identifier now, such as ("ISIN", "US4592001014")."""
        if len(scheme) > SCHEME_LENGTH_MAX or len(value) > IDENTIFIER_LENGTH_MAX:
            return None
        use = self._books.identifiers.find(identifier_key(scheme, value))
        return use.instrument_id if use is not None and use.in_force else None

    def registered(self, context: ActionContext, instrument_id: bytes) -> None:
        """Initial registration took effect: announced → active. Rejected INSTRUMENT_IS_NOT_ANNOUNCED."""
        instrument = self.require(instrument_id)
        if instrument.status is not InstrumentStatus.ANNOUNCED:
            raise Rejected(InstrumentsReject.INSTRUMENT_IS_NOT_ANNOUNCED, status=instrument.status.name)
        change_status(self._books, context, instrument_id, instrument, InstrumentStatus.ACTIVE)

    def exited(self, context: ActionContext, instrument_id: bytes) -> None:
        """Exit registration took effect: matured → redeemed, active or suspended → cancelled.

        Rejected INSTRUMENT_HAS_NO_REGISTRATION.
        """
        instrument = self.require(instrument_id)
        if instrument.status is InstrumentStatus.MATURED:
            change_status(self._books, context, instrument_id, instrument, InstrumentStatus.REDEEMED)
        elif instrument.status in (InstrumentStatus.ACTIVE, InstrumentStatus.SUSPENDED):
            change_status(self._books, context, instrument_id, instrument, InstrumentStatus.CANCELLED)
        else:
            raise Rejected(InstrumentsReject.INSTRUMENT_HAS_NO_REGISTRATION, status=instrument.status.name)
