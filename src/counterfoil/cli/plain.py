"""What the ledger answers as plain JSON: addresses as text, digests in hexadecimal, amounts as exact decimals.

An amount is a string with as many decimals as its instrument has ("12.50"); the instrument's scale stands beside its
name. A date is "2013-10-07", a moment an ISO 8601 instant in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from typing import Any

import msgspec

from counterfoil.node.reads_accounts import Label
from counterfoil.primitives.addresses import ADDRESS_LENGTH, AddressKind, to_text
from counterfoil.primitives.calendars import IsoDate, date_text, is_date
from counterfoil.primitives.codec import Fact, Message

KINDS: Mapping[str, AddressKind] = {
    **dict.fromkeys(("account", "account_id", "cash_account", "counterparty_account"), AddressKind.ACCOUNT),
    **dict.fromkeys(("seller_client", "buyer_client", "residue_account"), AddressKind.ACCOUNT),
    **dict.fromkeys(("source_account", "target_account", "treasury_account"), AddressKind.ACCOUNT),
    **dict.fromkeys(("issuance_account", "default_cash_account"), AddressKind.ACCOUNT),
    **dict.fromkeys(("instrument", "instrument_id", "asset", "token"), AddressKind.INSTRUMENT),
    **dict.fromkeys(("signer", "signers", "user", "address", "recovery", "proposer"), AddressKind.SIGNER),
    **dict.fromkeys(("approved", "missing", "by", "sealer", "node", "key"), AddressKind.SIGNER),
}
"""What an identity of twenty bytes is, by the name of its field; of any other name it is a party's."""

HEXADECIMAL = frozenset({"consensus_address"})
"""Twenty bytes that are no address of this ledger: they are an engine's."""
_SCOPES = {"ACCOUNT": "account", "REGISTER": "instrument"}
"""What a grant shows, by its scope; of any other scope it is a party."""

AMOUNTS = frozenset(
    {
        *("available", "earmarked", "outstanding", "quantity", "settled_quantity", "change", "balance_after"),
        *("remaining", "total", "registered", "ended", "minimum", "multiple", "settlement_unit"),
        *("available_change", "earmarked_change", "issued", "redeemed"),
    }
)
"""Quantities of the instrument that the same object, or the one around it, names."""
MONEY = frozenset({"amount", "settled_amount"})
"""Quantities of the settlement asset, where there is one; else of the instrument."""
DATES = frozenset(
    {
        "trade_date",
        "settlement_date",
        "business_date",
        "booking_date",
        "effective_from",
        "maturity_date",
        "date",
    }
)
DURATION_SUFFIXES = ("window_ms", "wait_ms", "age_max_ms", "interval_ms", "stale_after_ms")
"""Milliseconds that are no moment."""
DATE_SUFFIXES = ("_business_date", "_date")


class Scales:
    """Decimal places of the instruments of one answer, by their identity."""

    def __init__(self, labels: Mapping[bytes, Label] | None = None) -> None:
        self.labels: dict[bytes, Label] = dict(labels or {})

    @classmethod
    def of(cls, answer: object) -> Scales:
        """With every instrument that the answer itself describes."""
        found = cls()
        found.labels.update((label.instrument_id, label) for label in _labels(answer))
        return found

    def scale(self, instrument_id: bytes) -> int | None:
        label = self.labels.get(instrument_id)
        return label.scale if label is not None else None


def decimal(value: int, scale: int) -> str:
    """The exact decimal of a number of units of 10^-scale: (1250, 2) is 12.50."""
    if scale <= 0:
        return str(value)
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def grouped(value: int, scale: int = 0) -> str:
    """The same with the thousands apart, for people."""
    sign, text = ("-" if value < 0 else ""), decimal(abs(value), scale)
    whole, point, rest = text.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}"


def identifier(label: Label) -> str:
    """Its ISIN, or its address where it has none."""
    return label.isin or address_text("instrument", label.instrument_id)


def words(name: str) -> str:
    """The name of an enumeration's member as words."""
    return name.lower().replace("_", " ")


def thousands(text: str) -> str:
    """An exact decimal with the thousands apart."""
    if not text:
        return ""
    whole, point, rest = text.lstrip("-").partition(".")
    return f"{'-' if text.startswith('-') else ''}{int(whole):,}{point}{rest}"


def date_or_nothing(date: int) -> str:
    """2013-10-07, or nothing for what is no date."""
    return date_text(IsoDate(date)) if is_date(date) else ""


def counted(number: int, one: str, many: str = "") -> str:
    """1 entry, 2 entries."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def instant(time_ms: int) -> str:
    """A moment in UTC: 2013-10-07T13:30:00.123Z. Moments beyond the calendar are given as the number."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    except OverflowError:
        return str(time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def address_text(name: str, identity: bytes) -> str:
    """An identity under a field's name: bech32m of its kind, or hexadecimal where it is no address."""
    if len(identity) != ADDRESS_LENGTH or name in HEXADECIMAL:
        return identity.hex()
    return to_text(KINDS.get(name, AddressKind.PARTY), identity)


def shown_text(scope: str, shown: bytes) -> str:
    """What a grant of a scope (its name) shows: an address, or a market's code."""
    if scope.upper() == "MARKET":
        return shown.decode("ascii", "replace")
    return address_text(_SCOPES.get(scope.upper(), "party"), shown)


def plain(value: Any, scales: Scales | None = None) -> Any:
    """A value as JSON knows it. `scales`: of instruments that the value does not describe itself."""
    known = Scales.of(value)
    if scales is not None:
        known.labels = {**scales.labels, **known.labels}
    return _plain("", value, known, None, None)


def as_json(value: Any, scales: Scales | None = None) -> str:
    """Indented JSON of one value."""
    return msgspec.json.format(msgspec.json.encode(plain(value, scales)), indent=2).decode()


def _plain(name: str, value: Any, scales: Scales, scale: int | None, money_scale: int | None) -> Any:
    if isinstance(value, msgspec.Struct):
        return _object(value, scales, scale, money_scale)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {
            field: _plain(field, item, scales, scale, money_scale)
            for field, item in zip(value._fields, value, strict=True)
        }
    if isinstance(value, tuple | list):
        return [_plain(name, item, scales, scale, money_scale) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(str(key), item, scales, scale, money_scale) for key, item in value.items()}
    if isinstance(value, bytes):
        return address_text(name, value) if value else ""
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, IntEnum) else value.value
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return _number(name, value, scale, money_scale)


def _number(name: str, value: int, scale: int | None, money_scale: int | None) -> int | str | None:
    if name in AMOUNTS and scale is not None:
        return decimal(value, scale)
    if name in MONEY and (money_scale is not None or scale is not None):
        return decimal(value, money_scale if money_scale is not None else scale or 0)
    if (name in DATES or name.endswith(DATE_SUFFIXES)) and is_date(value):
        return date_text(IsoDate(value))
    if (name in DATES or name.endswith(DATE_SUFFIXES)) and value == 0:
        return None
    return value


def _object(
    value: msgspec.Struct, scales: Scales, scale: int | None, money_scale: int | None
) -> dict[str, Any]:
    own = _scale_of(value, scales)
    scale = own if own is not None else scale
    asset = getattr(value, "asset", b"")
    money_scale = scales.scale(asset) if asset else money_scale
    made: dict[str, Any] = {}
    if isinstance(value, Message | Fact):
        made["kind"] = type(value).__name__
    for field in msgspec.structs.fields(value):
        item = getattr(value, field.name)
        if field.name == "price" and hasattr(value, "price_scale"):
            made["price"] = decimal(item, value.price_scale)
        elif field.name == "shown" and hasattr(value, "scope"):
            scope = value.scope
            made["shown"] = shown_text(scope if isinstance(scope, str) else scope.name, item)
        elif field.name.endswith("_ms") and not field.name.endswith(DURATION_SUFFIXES):
            made[field.name.removesuffix("_ms")] = instant(item) if item else None
        else:
            made[field.name] = _plain(field.name, item, scales, scale, money_scale)
    return made


def _scale_of(value: msgspec.Struct, scales: Scales) -> int | None:
    """Of the instrument that an object names: by its label, or by its identity."""
    if isinstance(value, Label):
        return value.scale
    for name in ("instrument", "label", "instrument_id"):
        named = getattr(value, name, None)
        if isinstance(named, Label):
            return named.scale
        if isinstance(named, bytes):
            return scales.scale(named)
    return None


def _labels(value: Any) -> Iterator[Label]:
    if isinstance(value, Label):
        yield value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _labels(getattr(value, field))
    elif isinstance(value, tuple | list):
        for item in value:
            if not isinstance(item, int | str | bytes):
                yield from _labels(item)
