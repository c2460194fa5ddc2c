"""What the ledger answers as plain JSON: addresses as text, digests in hexadecimal, amounts as exact decimals.

An amount is a string with as many decimals as its instrument has ("12.50"); the instrument's scale stands beside its
name. Where the scale is not known it is a number, of the smallest parts of a unit. A date is "2013-10-07", a moment an
ISO 8601 instant in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import msgspec

from counterfoil.node.reads_accounts import Label
from counterfoil.node.told import Measured, own_objects
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
        *("available_change", "earmarked_change", "issued", "redeemed", "open_quantity"),
        *("allotted", "placed", "founded", "deposited", "paid", "requested"),
    }
)
"""Quantities of the instrument that the same object, or the one around it, names, or that an object which it names is
about."""
MONEY = frozenset({"amount", "settled_amount"})
"""Quantities of the settlement asset, where there is one; else of the instrument."""
VALUES = frozenset({"value", "deviation_units"})
"""Of a feed: the same object, or the one around it, says its decimals or names it."""
SCALED_BY = {"price": "price_scale", "nominal": "nominal_scale"}
"""Prices, and the field of the same object that says their decimals."""
COUNTS = frozenset({("MotionApproved", "total"), ("ReadLogPage", "total")})
"""(kind, field) of what only looks like an amount: weights, entries."""
PARTS = "smallest parts of a unit"
"""What amounts count where their scale is not known."""
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
    """How many decimals the numbers of one answer have.

    labels: of instruments, by their identity. measured: of what the objects are (instructions, trades, earmarks) of
    which facts state amounts. feeds: decimal places of feeds, by name. in_words: whether people read it, who are told
    of an amount without a scale what it counts.
    """

    def __init__(
        self,
        labels: Mapping[bytes, Label] | None = None,
        measured: Iterable[Measured] = (),
        feeds: Mapping[str, int] | None = None,
        in_words: bool = False,
    ) -> None:
        self.labels: dict[bytes, Label] = dict(labels or {})
        self.measured: dict[bytes, Measured] = {one.object_id: one for one in measured}
        self.feeds: dict[str, int] = dict(feeds or {})
        self.in_words = in_words

    def over(self, answer: object) -> Scales:
        """With every instrument and object that an answer itself describes; most facts describe none."""
        parts = list(_parts(answer))
        if not parts:
            return self
        found = Scales(self.labels, self.measured.values(), self.feeds, self.in_words)
        found.labels.update((one.instrument_id, one) for one in parts if isinstance(one, Label))
        found.measured.update((one.object_id, one) for one in parts if isinstance(one, Measured))
        return found

    def for_people(self) -> Scales:
        if self.in_words:
            return self
        return Scales(self.labels, self.measured.values(), self.feeds, in_words=True)

    def scale(self, instrument_id: bytes) -> int | None:
        label = self.labels.get(instrument_id)
        return label.scale if label is not None else None


class _Unit(NamedTuple):
    """Decimal places of an object's quantities, of its money and of its feed's values; None where not known."""

    quantity: int | None = None
    money: int | None = None
    value: int | None = None


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
    """A value as JSON knows it. `scales`: of what the value does not describe itself."""
    return _plain("", value, (scales or Scales()).over(value), _Unit())


def as_json(value: Any, scales: Scales | None = None) -> str:
    """Indented JSON of one value."""
    return msgspec.json.format(msgspec.json.encode(plain(value, scales)), indent=2).decode()


def _plain(name: str, value: Any, scales: Scales, unit: _Unit) -> Any:
    if isinstance(value, msgspec.Struct):
        return _object(value, scales, unit)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {
            field: _plain(field, item, scales, unit) for field, item in zip(value._fields, value, strict=True)
        }
    if isinstance(value, tuple | list):
        return [_plain(name, item, scales, unit) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(str(key), item, scales, unit) for key, item in value.items()}
    if isinstance(value, bytes):
        return address_text(name, value) if value else ""
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, IntEnum) else value.value
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return _number(name, value, scales, unit)


def _number(name: str, value: int, scales: Scales, unit: _Unit) -> int | str | None:
    if name in AMOUNTS:
        return _amount(value, unit.quantity, scales)
    if name in MONEY:
        return _amount(value, unit.money if unit.money is not None else unit.quantity, scales)
    if name in VALUES and unit.value is not None:
        return decimal(value, unit.value)
    if (name in DATES or name.endswith(DATE_SUFFIXES)) and is_date(value):
        return date_text(IsoDate(value))
    if (name in DATES or name.endswith(DATE_SUFFIXES)) and value == 0:
        return None
    return value


def _amount(value: int, scale: int | None, scales: Scales) -> int | str:
    if scale is not None:
        return decimal(value, scale)
    return f"{value} {PARTS}" if scales.in_words and value else value


def _object(value: msgspec.Struct, scales: Scales, around: _Unit) -> dict[str, Any]:
    unit, kind = _unit_of(value, scales, around), type(value).__name__
    made: dict[str, Any] = {}
    if isinstance(value, Message | Fact):
        made["kind"] = kind
    for field in msgspec.structs.fields(value):
        item = getattr(value, field.name)
        if hasattr(value, SCALED_BY.get(field.name, "")):
            made[field.name] = decimal(item, getattr(value, SCALED_BY[field.name]))
        elif (kind, field.name) in COUNTS:
            made[field.name] = item
        elif field.name == "shown" and hasattr(value, "scope"):
            scope = value.scope
            made["shown"] = shown_text(scope if isinstance(scope, str) else scope.name, item)
        elif field.name.endswith("_ms") and not field.name.endswith(DURATION_SUFFIXES):
            made[field.name.removesuffix("_ms")] = instant(item) if item else None
        else:
            made[field.name] = _plain(field.name, item, scales, unit)
    return made


def _unit_of(value: msgspec.Struct, scales: Scales, around: _Unit) -> _Unit:
    """By what an object names, its instrument or an object of the ledger; else that of the object around it."""
    quantity, money = _scale_of(value, scales), around.money
    asset = getattr(value, "asset", b"")
    if asset:
        money = scales.scale(asset)
    for name in own_objects(value) if isinstance(value, Fact) else ():
        measured = scales.measured.get(name)
        if measured is not None and quantity is None:
            quantity = scales.scale(measured.instrument_id)
            money = scales.scale(measured.asset) if measured.asset else money
    of_feed = scales.feeds.get(getattr(value, "name", ""))
    own = getattr(value, "scale", None)
    return _Unit(
        quantity if quantity is not None else around.quantity,
        money,
        own if isinstance(own, int) else of_feed if of_feed is not None else around.value,
    )


def _scale_of(value: msgspec.Struct, scales: Scales) -> int | None:
    """Of the instrument that an object is or names: by what it says itself, by its label, or by its identity."""
    own = getattr(value, "scale", None)
    if isinstance(own, int):
        return own
    for name in ("instrument", "label", "instrument_id"):
        named = getattr(value, name, None)
        if isinstance(named, Label):
            return named.scale
        if isinstance(named, bytes):
            return scales.scale(named)
    return None


def _parts(value: Any) -> Iterator[Label | Measured]:
    if isinstance(value, Label | Measured):
        yield value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _parts(getattr(value, field))
    elif isinstance(value, tuple | list):
        for item in value:
            if not isinstance(item, int | str | bytes):
                yield from _parts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _parts(item)
