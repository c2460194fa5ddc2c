"""What is kept about an instrument: its identity, its terms by version, and who is called what."""

from __future__ import annotations

from enum import IntEnum

from msgspec import structs

from counterfoil.primitives.codec import Record
from counterfoil.primitives.digests import REFERENCE, digest
from counterfoil.state.tables import Table

NAME_LENGTH_MAX = 140
"""Characters: what ISO 20022 calls Max140Text, the length of an instrument's description."""
CLASS_LENGTH_MAX = 64
"""Characters of a class or campaign: it is read beside the issuer's name, not instead of it."""
IDENTIFIERS_MAX = 16
"""Of one instrument at one time: the numbering agencies of the places where it is known."""
SCHEME_LENGTH_MAX = 12
IDENTIFIER_LENGTH_MAX = 35
"""Characters: ISO 20022's Max35Text."""
SCALE_MAX = 12
"""Decimal places: at 12, holdings up to nine million units still fit into 63 bits."""
PENDING_AMENDMENTS_MAX = 16
"""Of one instrument: what one day may have to put into force for it."""

ISIN = "ISIN"
"""The scheme whose values are checked by ISO 6166."""


class InstrumentKind(IntEnum):
    """What sort of right a unit is. A money token is a settlement asset: its issuer owes its currency."""

    EQUITY = 1
    BOND = 2
    FUND_UNIT = 3
    RIGHT = 4
    MONEY_TOKEN = 5


class InstrumentStatus(IntEnum):
    """Life of an instrument; only an active one moves, and the last two are final."""

    ANNOUNCED = 1
    ACTIVE = 2
    SUSPENDED = 3
    MATURED = 4
    REDEEMED = 5
    CANCELLED = 6


class QuantityType(IntEnum):
    """What a quantity counts: units (shares, fund units, money), or face amount in the instrument's currency."""

    UNITS = 1
    FACE_AMOUNT = 2


class Rounding(IntEnum):
    """How an entitlement to a fraction below the instrument's scale becomes a quantity."""

    DOWN = 1
    UP = 2
    HALF_EVEN = 3


class Identifier(Record):
    """A name given by a numbering agency: scheme such as "ISIN" or "FIGI", and the value in that scheme."""

    scheme: str
    value: str


class Terms(Record):
    """What may be amended, as of an effective date. Quantities count units of the instrument's scale.

    fisn, cfi: ISO 18774 and ISO 10962, "" where there is none. settlement_unit: every quantity that settles is a
    whole number of it. minimum, multiple: the smallest denomination, and the steps above it. rounding and
    residue_account (b"": the issuer's own): what becomes of fractions, and who owns what is left over.
    maturity_date: 0 where there is none. nominal: of one unit, in units of 10^-nominal_scale of the currency.
    document_hash: SHA-256 of the terms' full text, b"" where there is none.
    """

    name: str
    fisn: str
    cfi: str
    identifiers: tuple[Identifier, ...]
    settlement_unit: int
    minimum: int
    multiple: int
    rounding: Rounding
    residue_account: bytes
    maturity_date: int
    nominal: int
    nominal_scale: int
    document_hash: bytes


class Instrument(Record):
    """Key: instrument id. What is fixed for ever, the registrar, the status, and those terms that every movement needs.

    issuer, registrar: parties; the registrar can be another some day. market: the home market's code, whose business
    date decides about effective dates.
    scale: decimal places of a quantity. handle: secret; it decides the place of its register (16 bytes).
    issuance_account: the account whose negative balance stands against all holdings. terms_version: in force;
    latest_version: accepted. suspended_by: the party that suspended it, else b"".
    """

    kind: InstrumentKind
    status: InstrumentStatus
    issuer: bytes
    registrar: bytes
    market: str
    class_name: str
    campaign: str
    currency: str
    quantity_type: QuantityType
    scale: int
    settlement_unit: int
    minimum: int
    multiple: int
    rounding: Rounding
    residue_account: bytes
    maturity_date: int
    issuance_account: bytes
    handle: bytes
    terms_version: int
    latest_version: int
    suspended_by: bytes = b""


class TermsVersion(Record):
    """Key: instrument id, version (4 bytes, from 1). Kept for ever. effective_from: date (yyyymmdd)."""

    effective_from: int
    accepted_time_ms: int
    terms: Terms


class IdentifierUse(Record):
    """Key: scheme, ":", value. Who bears the identifier; in_force is false while its effective date lies ahead."""

    instrument_id: bytes
    in_force: bool


class EquityClass(Record):
    """Key: issuer, digest of class and campaign (32). The one live instrument of that class and campaign."""

    instrument_id: bytes


class AmendmentDue(Record):
    """Key: market (4), effective date (4), instrument id, version (4). An amendment that is not in force yet."""


class AmendingMarket(Record):
    """Key: market (4). How many amendments wait for that market's business date."""

    waiting: int


INSTRUMENTS = Table(number=40, name="instruments", record=Instrument, key_sizes=(20,))
TERMS = Table(number=41, name="terms", record=TermsVersion, key_sizes=(20, 4))
IDENTIFIERS = Table(number=42, name="identifiers", record=IdentifierUse, key_sizes=(0,))
EQUITY_CLASSES = Table(number=43, name="equity classes", record=EquityClass, key_sizes=(20, 32))
AMENDMENTS_DUE = Table(
    number=44, name="amendments due", record=AmendmentDue, key_sizes=(4, 4, 20, 4), clear=8, resident=True
)
AMENDING_MARKETS = Table(
    number=45, name="amending markets", record=AmendingMarket, key_sizes=(4,), clear=4, resident=True
)


def terms_key(instrument_id: bytes, version: int) -> bytes:
    return instrument_id + version.to_bytes(4, "big")


def identifier_key(scheme: str, value: str) -> bytes:
    return f"{scheme}:{value}".encode()


def equity_class_key(issuer: bytes, class_name: str, campaign: str) -> bytes:
    return issuer + digest(REFERENCE, b"equity class", class_name.encode(), campaign.encode())


def due_key(market: str, date: int, instrument_id: bytes, version: int) -> bytes:
    return market.encode() + date.to_bytes(4, "big") + instrument_id + version.to_bytes(4, "big")


def in_force(instrument: Instrument, terms: Terms, version: int) -> Instrument:
    """The instrument with another version of its terms in force."""
    return structs.replace(
        instrument,
        settlement_unit=terms.settlement_unit,
        minimum=terms.minimum,
        multiple=terms.multiple,
        rounding=terms.rounding,
        residue_account=terms.residue_account,
        maturity_date=terms.maturity_date,
        terms_version=version,
    )
