"""The codes of the securities world, each checked by its own standard: ISIN, LEI, CFI, MIC.

Every `check_*` returns its argument unchanged or raises ValueError with a sentence for the person who typed it.
Nothing is trimmed, folded or corrected: the one accepted form is the one that is kept, compared and hashed.
Only ASCII is looked at, so that no Unicode table of the Python at hand can change a result.
"""

from __future__ import annotations

import re
from collections.abc import Callable

ISIN_LENGTH = 12
LEI_LENGTH = 20
CFI_LENGTH = 6
MIC_LENGTH = 4

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_MIC = re.compile(r"[A-Z0-9]{4}")
_SHOWN = 40
"""How much of a wrong code an error message repeats."""


# ---- ISIN: ISO 6166 ----


def isin_check_digit(body: str) -> str:
    """The check digit for the first eleven characters of an ISIN.

    ISO 6166 annex: letters become 10 to 35, the digits so written are weighted 2, 1, 2 … from the right (Luhn).
    It finds every single wrong digit, but not every wrong letter nor every two characters changed round.
    """
    if not _ISIN.fullmatch(body + "0"):
        raise ValueError(
            f"{_shown(body)} is not the beginning of an ISIN: two letters, nine letters or digits."
        )
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for position, digit in enumerate(reversed(digits)):
        weighted = int(digit) * (2 - position % 2)
        total += weighted // 10 + weighted % 10
    return str(-total % 10)


def check_isin(text: str) -> str:
    """An ISIN with a right check digit. Which two-letter prefixes are in use is not checked: the list grows."""
    if not _ISIN.fullmatch(text):
        raise ValueError(
            f"{_shown(text)} is not an ISIN: 12 characters, two capital letters, nine capital letters or digits, "
            "one check digit."
        )
    expected = isin_check_digit(text[:-1])
    if text[-1] != expected:
        raise ValueError(f"ISIN {text} has a wrong check digit: {text[-1]} where {expected} belongs.")
    return text


def is_isin(text: str) -> bool:
    return _holds(check_isin, text)


# ---- LEI: ISO 17442 ----


def lei_check_digits(body: str) -> str:
    """The two check digits for the first eighteen characters of an LEI: ISO/IEC 7064 MOD 97-10, "02" to "98"."""
    if not _LEI.fullmatch(body + "00"):
        raise ValueError(
            f"{_shown(body)} is not the beginning of an LEI: eighteen capital letters or digits."
        )
    number = int("".join(str(int(character, 36)) for character in body) + "00")
    return f"{98 - number % 97:02d}"


def check_lei(text: str) -> str:
    """An LEI with right check digits. 00, 01 and 99 never are, so that no entity has two codes."""
    if not _LEI.fullmatch(text):
        raise ValueError(
            f"{_shown(text)} is not an LEI: 20 characters, eighteen capital letters or digits, two check digits."
        )
    expected = lei_check_digits(text[:-2])
    if text[-2:] != expected:
        raise ValueError(f"LEI {text} has wrong check digits: {text[-2:]} where {expected} belongs.")
    return text


def is_lei(text: str) -> bool:
    return _holds(check_lei, text)


# ---- MIC: ISO 10383 ----


def check_mic(text: str) -> str:
    """A market identifier code by its form (it has no check digit, and the list of venues changes monthly)."""
    if not _MIC.fullmatch(text):
        raise ValueError(f"{_shown(text)} is not a MIC: four capital letters or digits, such as XNYS.")
    return text


def is_mic(text: str) -> bool:
    return _holds(check_mic, text)


NO_VENUES = frozenset({"XXXX", "XOFF", "BILT", "SINT"})
"""Codes of the list (country ZZ) that name no place: no market, off exchange, bilateral, systematic internaliser."""


# ---- CFI: ISO 10962:2021 ----

CFI_CATEGORIES: dict[str, str] = {
    "C": "collective investment vehicles",
    "D": "debt instruments",
    "E": "equities",
    "F": "futures",
    "H": "non-listed and complex listed options",
    "I": "spot",
    "J": "forwards",
    "K": "strategies",
    "L": "financing",
    "M": "others",
    "O": "listed options",
    "R": "entitlements (rights)",
    "S": "swaps",
    "T": "referential instruments",
}

CFI_GROUPS: dict[str, tuple[str, ...]] = {
    row[:2]: tuple(letters.replace("-", "") for letters in row[3:].split())
    for row in (
        "CB CMO GIJ - QSUY",
        "CE CMO GIJ BCDEFKLMRV SU",
        "CF CMO GIJ BEHIMP QSUY",
        "CH ADELMNRS - - -",
        "CI CMO GIJ BCDEFKLMRV QSUY",
        "CM - - - QSUY",
        "CP CMO GIJ BCDEFKLMRV QSUY",
        "CS CMO BGLM BMR SU",
        "DA FVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DB CFKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DC FKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DD ABCGMNTWY CFVZ CGJNOPQSTU ABCDEFGLPQRT",
        "DE ABCDEM DFMVY CMRST BCDIMNST",
        "DG FVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DM BMP - - BMNR",
        "DN FVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DS ABCDM DFMVY FMV BCDIMNST",
        "DT FKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DW FKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR",
        "DY FKVZ CGJNOPQSTU - BMNR",
        "EC ENRV TU FOP BMNR",
        "ED CFLMPS BDNR ACDFNPQU BMNR",
        "EF ENRV ACEGNRT ACFNPQU BMNR",
        "EL ENRV TU FOP BMNR",
        "EM - - - BMNR",
        "EP ENRV ACEGNRT ACFNPQU BMNR",
        "ES ENRV TU FOP BMNR",
        "EY ABCDEM DMY EFMV BCDGIMNST",
        "FC AEHIMNPS CNP NS -",
        "FF BCDFIMNOSVW CNP NS -",
        "HC IMUVW ABCDEFGHI ABDGLMPV CEP",
        "HE BFIMORS ABCDEFGHI ABDGLMPV CEP",
        "HF BCDEFMQRTUVWY JKL ABDGLMPV CEP",
        "HM MP ABCDEFGHIJKL ABDGLMPV ACENP",
        "HR ACDEFGHMOR ABCDEFGHI ABCDFGLMPV CEP",
        "HT ABCFGHIJKMNOPRSTW ABCDEFGHI ABDGLMPV CEP",
        "IF - - - P",
        "IT AJKMNPST - - -",
        "JC ABCDGIO - CFS CP",
        "JE BFIOS - CFS CP",
        "JF FJKLNORSTUVW - CFRS CP",
        "JR IMO - CFS CP",
        "JT ABCGHIJKMNPST - CFS CP",
        "KC - - - -",
        "KE - - - -",
        "KF - - - -",
        "KM - - - -",
        "KR - - - -",
        "KT - - - -",
        "KY - - - -",
        "LL ABJKMNPST - - CP",
        "LR CGS FNOT - DHT",
        "LS CDEGKLMPTW NOT - DFHT",
        "MC ABHMSUW TU - BMNR",
        "MM EIMNPRST - - -",
        "OC ABE BCDFIMNOSTW CENP NS",
        "OM - - - -",
        "OP ABE BCDFIMNOSTW CENP NS",
        "RA - - - BMNR",
        "RD AMPSW - - BMNR",
        "RF BCDIMST MNT CMP ABEM",
        "RM - - - -",
        "RP BCFIMPS - - BMNR",
        "RS BCFIMPS - - BMNR",
        "RW BCDIMST CNT BCP ABEM",
        "SC BIMUV CMT CLS ACP",
        "SE BIMS CDLMPTV - CEP",
        "SF ACM - - CP",
        "SM MP - - CEP",
        "SR ACDGHMZ CDIY CS DN",
        "ST ABCGHIJKMNPQST CT - CEP",
        "TB CDEFIMT - - -",
        "TC CLMN - - -",
        "TD CFKLMPS - - -",
        "TI CDEFMRT CEFMP GMNP -",
        "TM - - - -",
        "TR FMNRV ADMNQSW - -",
        "TT AEHIMNPS - - -",
    )
}
"""Category and group letters → the letters that each of the four attributes may have besides X.

The code list of the standard's maintenance agency (SIX), edition of 7 May 2021; `-` where the attribute does not
apply to the group, so that only X stands there.
"""


def check_cfi(text: str) -> str:
    """A classification whose category, group and four attributes all stand in ISO 10962:2021.

    X (not applicable, or not known) is allowed for every attribute, never for category or group.
    """
    if len(text) != CFI_LENGTH or not text.isascii() or not text.isalpha() or not text.isupper():
        raise ValueError(f"{_shown(text)} is not a CFI: six capital letters, such as ESVUFR.")
    if text[0] not in CFI_CATEGORIES:
        raise ValueError(f"CFI {text}: there is no category {text[0]}.")
    attributes = CFI_GROUPS.get(text[:2])
    if attributes is None:
        raise ValueError(
            f"CFI {text}: category {text[0]} ({CFI_CATEGORIES[text[0]]}) has no group {text[1]}."
        )
    for position, (letter, allowed) in enumerate(zip(text[2:], attributes, strict=True), start=1):
        if letter != "X" and letter not in allowed:
            choice = ", ".join((*allowed, "X"))
            raise ValueError(
                f"CFI {text}: attribute {position} of group {text[:2]} is one of {choice}, not {letter}."
            )
    return text


def is_cfi(text: str) -> bool:
    return _holds(check_cfi, text)


def _holds(check: Callable[[str], str], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
