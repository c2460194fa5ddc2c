"""What the module tells, to everybody: reference data is public."""

from __future__ import annotations

from counterfoil.modules.instruments.records import InstrumentStatus, Terms
from counterfoil.primitives.codec import Fact


class InstrumentAnnounced(Fact, tag=450):
    """An instrument was announced with these terms; it is not registered yet."""

    instrument_id: bytes
    issuer: bytes
    registrar: bytes
    terms: Terms


class TermsAmended(Fact, tag=451):
    """New terms were accepted; they take effect when the market's business date reaches the date (yyyymmdd)."""

    instrument_id: bytes
    version: int
    effective_from: int
    terms: Terms


class TermsInForce(Fact, tag=452):
    """A version of the terms took effect."""

    instrument_id: bytes
    version: int


class InstrumentStatusChanged(Fact, tag=453):
    """The instrument's status changed. by: the party that asked, b"" where it followed from another step."""

    instrument_id: bytes
    before: InstrumentStatus
    after: InstrumentStatus
    by: bytes


class RegistrarAppointed(Fact, tag=454):
    """Another party keeps the reference data from now on. authority: who appointed it."""

    instrument_id: bytes
    before: bytes
    registrar: bytes
    authority: bytes
