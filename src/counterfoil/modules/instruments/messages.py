"""What can be asked about instruments. Numbers 400 to 449."""

from __future__ import annotations

from counterfoil.modules.instruments.records import InstrumentKind, QuantityType, Terms
from counterfoil.primitives.codec import Message


class AnnounceInstrument(Message, tag=400):
    """Announce an instrument; it lives once its registration has taken effect. Signed for the registrar.

    registrar: the party that keeps its reference data. issuer: the party that owes it. market: home market's code.
    class_name, campaign: "" where there are none. scale: decimal places of a quantity. issuance_account: the issuer's
    account, of kind ISSUANCE, against which it will be issued. Creates the instrument's id.
    """

    registrar: bytes
    issuer: bytes
    kind: InstrumentKind
    market: str
    class_name: str
    campaign: str
    currency: str
    quantity_type: QuantityType
    scale: int
    issuance_account: bytes
    terms: Terms


class AmendTerms(Message, tag=401):
    """Put other terms in the place of all present ones, from a business date (yyyymmdd) of the home market on.

    Signed for the registrar. From the present business date: at once.
    """

    instrument_id: bytes
    effective_from: int
    terms: Terms


class SuspendInstrument(Message, tag=402):
    """Stop all movement of an active instrument. authority: a regulator, or the registrar."""

    instrument_id: bytes
    authority: bytes


class ResumeInstrument(Message, tag=403):
    """End a suspension. authority: the party that suspended the instrument, or a regulator."""

    instrument_id: bytes
    authority: bytes


class MatureInstrument(Message, tag=404):
    """Record that the maturity date has come; then the instrument is only redeemed. Signed for the registrar."""

    instrument_id: bytes


class RedeemInstrument(Message, tag=405):
    """Record that every unit of a matured instrument was redeemed: its end. Signed for the registrar."""

    instrument_id: bytes


class CancelInstrument(Message, tag=406):
    """Withdraw an announcement before registration: the instrument's end. Signed for the registrar."""

    instrument_id: bytes


class AppointRegistrar(Message, tag=407):
    """Let another party keep the reference data from now on. Both sign: the one that appoints, and the new registrar.

    authority: the present registrar; a regulator where that one is not active. registrar: the new one.
    """

    instrument_id: bytes
    authority: bytes
    registrar: bytes
