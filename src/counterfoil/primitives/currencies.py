"""Currencies: the ISO 4217 list of active codes, as data.

The list is the one in force since January 2026 (Bulgaria's lev has left it). A code without a minor unit (gold, the
SDR, the testing code) names no money: amounts of it cannot be counted, so `check_currency` refuses it.
"""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.primitives.outcome import ensure


class Currency(NamedTuple):
    """One row of ISO 4217: `minor_unit` is the number of decimal places of an amount, None where there is none."""

    code: str
    numeric: int
    minor_unit: int | None


_ROWS: tuple[tuple[int | None, str], ...] = (
    (
        0,
        """
        BIF108 CLP152 DJF262 GNF324 ISK352 JPY392 KMF174 KRW410 PYG600 RWF646 UGX800 UYI940 VND704 VUV548
        XAF950 XOF952 XPF953
        """,
    ),
    (
        2,
        """
        AED784 AFN971 ALL008 AMD051 AOA973 ARS032 AUD036 AWG533 AZN944 BAM977 BBD052 BDT050 BMD060 BND096
        BOB068 BOV984 BRL986 BSD044 BTN064 BWP072 BYN933 BZD084 CAD124 CDF976 CHE947 CHF756 CHW948 CNY156
        COP170 COU970 CRC188 CUP192 CVE132 CZK203 DKK208 DOP214 DZD012 EGP818 ERN232 ETB230 EUR978 FJD242
        FKP238 GBP826 GEL981 GHS936 GIP292 GMD270 GTQ320 GYD328 HKD344 HNL340 HTG332 HUF348 IDR360 ILS376
        INR356 IRR364 JMD388 KES404 KGS417 KHR116 KPW408 KYD136 KZT398 LAK418 LBP422 LKR144 LRD430 LSL426
        MAD504 MDL498 MGA969 MKD807 MMK104 MNT496 MOP446 MRU929 MUR480 MVR462 MWK454 MXN484 MXV979 MYR458
        MZN943 NAD516 NGN566 NIO558 NOK578 NPR524 NZD554 PAB590 PEN604 PGK598 PHP608 PKR586 PLN985 QAR634
        RON946 RSD941 RUB643 SAR682 SBD090 SCR690 SDG938 SEK752 SGD702 SHP654 SLE925 SOS706 SRD968 SSP728
        STN930 SVC222 SYP760 SZL748 THB764 TJS972 TMT934 TOP776 TRY949 TTD780 TWD901 TZS834 UAH980 USD840
        USN997 UYU858 UZS860 VED926 VES928 WST882 XAD396 XCD951 XCG532 YER886 ZAR710 ZMW967 ZWG924
        """,
    ),
    (3, "BHD048 IQD368 JOD400 KWD414 LYD434 OMR512 TND788"),
    (4, "CLF990 UYW927"),
    (None, "XAG961 XAU959 XBA955 XBB956 XBC957 XBD958 XDR960 XPD964 XPT962 XSU994 XTS963 XUA965 XXX999"),
)


def _table() -> dict[str, Currency]:
    rows = [
        Currency(word[:3], int(word[3:]), minor_unit) for minor_unit, words in _ROWS for word in words.split()
    ]
    table = {row.code: row for row in sorted(rows)}
    ensure(len(table) == len(rows), "a currency stands twice in the table")
    return table


CURRENCIES: dict[str, Currency] = _table()
"""Every active code, in alphabetical order, those without a minor unit included."""


def is_currency(code: str) -> bool:
    """Whether amounts can be counted in `code`: an active ISO 4217 code that has a minor unit."""
    row = CURRENCIES.get(code)
    return row is not None and row.minor_unit is not None


def check_currency(code: str) -> str:
    """`code` itself, or ValueError where it is not active or has no minor unit."""
    minor_unit(code)
    return code


def minor_unit(code: str) -> int:
    """Decimal places of an amount of the currency (JPY 0, USD 2, KWD 3). ValueError as `check_currency`."""
    row = CURRENCIES.get(code)
    if row is None:
        raise ValueError(
            f"{code[:20]!a} is not an active ISO 4217 currency code (three capital letters, such as EUR)."
        )
    if row.minor_unit is None:
        raise ValueError(
            f"{code} has no minor unit in ISO 4217, so amounts of it cannot be counted as money."
        )
    return row.minor_unit
