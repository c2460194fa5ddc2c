"""Whether terms are well-formed, by the standards that they quote."""

from __future__ import annotations

import re

from counterfoil.modules.instruments.books import InstrumentsBooks
from counterfoil.modules.instruments.records import (
    CLASS_LENGTH_MAX,
    IDENTIFIER_LENGTH_MAX,
    IDENTIFIERS_MAX,
    ISIN,
    NAME_LENGTH_MAX,
    SCALE_MAX,
    SCHEME_LENGTH_MAX,
    Identifier,
    InstrumentKind,
    Terms,
    identifier_key,
)
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.primitives.calendars import is_date
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.identifiers import is_cfi, is_isin
from counterfoil.primitives.outcome import Rejected

CFI_CATEGORY = {
    InstrumentKind.EQUITY: "E",
    InstrumentKind.BOND: "D",
    InstrumentKind.FUND_UNIT: "C",
    InstrumentKind.RIGHT: "R",
}
"""The first letter of a classification (ISO 10962); a money token has none."""

_FISN = re.compile(r"[A-Z0-9][A-Z0-9 .&'%+-]{0,14}/[A-Z0-9 .,&'%+/-]{1,19}")
_SCHEME = re.compile(rf"[A-Z0-9]{{1,{SCHEME_LENGTH_MAX}}}")
_VALUE = re.compile(rf"[!-~]{{1,{IDENTIFIER_LENGTH_MAX}}}")


def is_class(text: str) -> bool:
    """Whether a text can name a class or campaign; "" can."""
    return len(text) <= CLASS_LENGTH_MAX and _is_clean(text)


def check_terms(books: InstrumentsBooks, kind: InstrumentKind, terms: Terms, instrument_id: bytes) -> None:
    """Refuse malformed terms, and identifiers that another instrument bears. Rejected 4020 to 4034, in that order.

    instrument_id: whose terms they are to be; b"" before it is announced.
    """
    if not terms.name or len(terms.name) > NAME_LENGTH_MAX or not _is_clean(terms.name):
        raise Rejected(InstrumentsReject.NAME_IS_MALFORMED)
    if terms.fisn and not _FISN.fullmatch(terms.fisn):
        raise Rejected(InstrumentsReject.FISN_IS_MALFORMED)
    if terms.cfi and not is_cfi(terms.cfi):
        raise Rejected(InstrumentsReject.CFI_IS_WRONG)
    if terms.cfi and terms.cfi[0] != CFI_CATEGORY.get(kind):
        raise Rejected(InstrumentsReject.CFI_DOES_NOT_FIT_THE_KIND, cfi=terms.cfi, kind=kind.name)
    _check_identifiers(books, kind, terms.identifiers, instrument_id)
    for denomination in (terms.settlement_unit, terms.minimum, terms.multiple):
        if not 1 <= denomination <= AMOUNT_MAX:
            raise Rejected(InstrumentsReject.DENOMINATION_IS_OUT_OF_RANGE, denomination=denomination)
    if len(terms.residue_account) not in (0, 20):
        raise Rejected(InstrumentsReject.RESIDUE_ACCOUNT_IS_MALFORMED)
    if terms.maturity_date and not is_date(terms.maturity_date):
        raise Rejected(InstrumentsReject.MATURITY_IS_NO_DATE, date=terms.maturity_date)
    if not (0 <= terms.nominal <= AMOUNT_MAX and 0 <= terms.nominal_scale <= SCALE_MAX):
        raise Rejected(InstrumentsReject.NOMINAL_IS_OUT_OF_RANGE)
    if len(terms.document_hash) not in (0, 32):
        raise Rejected(InstrumentsReject.DOCUMENT_HASH_IS_MALFORMED)


def _check_identifiers(
    books: InstrumentsBooks, kind: InstrumentKind, identifiers: tuple[Identifier, ...], instrument_id: bytes
) -> None:
    if len(identifiers) > IDENTIFIERS_MAX:
        raise Rejected(InstrumentsReject.TOO_MANY_IDENTIFIERS, identifiers=len(identifiers))
    if not identifiers and kind is not InstrumentKind.MONEY_TOKEN:
        raise Rejected(InstrumentsReject.IDENTIFIER_IS_MISSING)
    schemes: list[str] = []
    for identifier in identifiers:
        if not _SCHEME.fullmatch(identifier.scheme) or not _VALUE.fullmatch(identifier.value):
            raise Rejected(InstrumentsReject.IDENTIFIER_IS_MALFORMED)
        if identifier.scheme == ISIN and not is_isin(identifier.value):
            raise Rejected(InstrumentsReject.ISIN_IS_WRONG, isin=identifier.value)
        if identifier.scheme in schemes:
            raise Rejected(InstrumentsReject.SCHEME_REPEATS, scheme=identifier.scheme)
        schemes.append(identifier.scheme)
        use = books.identifiers.find(identifier_key(identifier.scheme, identifier.value))
        if use is not None and use.instrument_id != instrument_id:
            raise Rejected(
                InstrumentsReject.IDENTIFIER_IS_TAKEN, scheme=identifier.scheme, value=identifier.value
            )


def _is_clean(text: str) -> bool:
    """No control characters, no space at either end."""
    return text == text.strip(" ") and not any(character < " " or character == "\x7f" for character in text)
