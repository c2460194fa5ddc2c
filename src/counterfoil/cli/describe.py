"""Records, lists and facts in the market's words, for the sentences of a verified proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from counterfoil.cli.plain import PARTS, Scales, address_text, grouped, plain, words
from counterfoil.machine.wiring import MESSAGES, MODULES, TABLES
from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.records import ACCOUNTS, HOLDINGS, Account, Direction, Holding
from counterfoil.modules.instruments.records import INSTRUMENTS, TERMS, Instrument, TermsVersion
from counterfoil.node.reads_accounts import Label
from counterfoil.primitives.codec import Fact, Malformed
from counterfoil.state.tables import Table
from counterfoil.verify import Describe, ProvenRecord

_TABLES: Mapping[int, Table[Any]] = {table.number: table for table in TABLES}
_LISTS: Mapping[int, str] = {rule.number: rule.name for table in TABLES for rule in table.lists}


_LONG, _SHORTENED = 40, 12
"""Characters from which a text without spaces is an identity, and what is shown of it."""


def describe(named: Iterable[ProvenRecord] = ()) -> Describe:
    """What this program's version knows of records and facts. `named`: records of the proof that say what others are,
    such as an instrument's, which names its issuance account."""
    decoded = {one.key: _decoded(INSTRUMENTS, one.value) for one in named if one.table == INSTRUMENTS.number}
    instruments = {key: instrument for key, instrument in decoded.items() if instrument is not None}
    scales = _scales(instruments)
    return Describe(
        record=lambda table, key, value: record_text(table, key, value, instruments),
        handle=_handle,
        list_name=lambda number: _LISTS.get(number, ""),
        fact=lambda encoded: fact_text(encoded, scales),
    )


def record_text(
    table: int, key: bytes, value: bytes, instruments: Mapping[bytes, Instrument] | None = None
) -> str:
    """One record in words; one of a table that is not known stays in hexadecimal. instruments: those known, by id."""
    known = _TABLES.get(table)
    if known is None:
        return f"record {key.hex()} of table {table} was {value.hex()}"
    record = _decoded(known, value)
    if record is None:
        return f"record {key.hex()} of {known.name} was {value.hex()}"
    if known is HOLDINGS:
        return _holding(key, record, (instruments or {}).get(key[20:]))
    if known is ACCOUNTS:
        return _account(key, record)
    if known is INSTRUMENTS:
        return _instrument(key, record)
    if known is TERMS:
        return _terms(key, record)
    return f"{known.name} {key.hex()}: {_fields(record, _scales(instruments or {}))}"


def fact_text(encoded: bytes, scales: Scales | None = None) -> str:
    """One fact in words. scales: of the instruments that are known; amounts of others say what they count."""
    try:
        fact = _fact_decoder().decode(encoded)
    except msgspec.MsgspecError:
        return encoded.hex()
    return f"{type(fact).__name__} ({_fields(fact, (scales or Scales()).for_people())})"


def message_plain(encoded: bytes) -> dict[str, Any]:
    """One message as JSON knows it, under its name."""
    message = _message_decoder().decode(encoded)
    return {"message": type(message).__name__, **plain(message)}


def message_text(encoded: bytes) -> str:
    """One message in words, nothing of it shortened: somebody is to decide about it."""
    message = _message_decoder().decode(encoded)
    shown = plain(message, Scales(in_words=True))
    told = (f"{words(name)} {value}" for name, value in shown.items() if value not in ("", None, []))
    return f"{type(message).__name__}: {', '.join(told)}"


def fact_line(fact: Fact, scales: Scales, names: Mapping[bytes, str]) -> str:
    """One fact on one line: identities shortened, instruments and members by their names, what is empty left out."""
    if isinstance(fact, Posting):
        label = scales.labels.get(fact.instrument_id)
        scale, unit = (label.scale, "") if label is not None else (0, f" {PARTS}")
        sign = "+" if fact.direction is Direction.CREDIT else "-"
        return (
            f"{sign}{grouped(fact.quantity, scale)}{unit} {words(fact.sub_balance.name)} of"
            f" {label.name if label is not None else fact.instrument_id.hex()[:12]}, {words(fact.reason.name)},"
            f" balance {grouped(fact.balance_after, scale)}"
        )
    told = []
    shown = plain(fact, scales.for_people())
    for field in msgspec.structs.fields(fact):
        value = getattr(fact, field.name)
        name = field.name if field.name in shown else field.name.removesuffix("_ms")
        if value in (b"", "", None, ()):
            continue
        known = names.get(value) if isinstance(value, bytes) else None
        label = scales.labels.get(value) if isinstance(value, bytes) else None
        text = known or (label.name if label is not None else _brief(shown.get(name, "")))
        told.append(f"{words(name.removesuffix('_id'))} {text}")
    return f"{type(fact).__name__}: {', '.join(told)}"


def _brief(value: Any) -> str:
    """Long identities cut short."""
    if isinstance(value, str) and len(value) >= _LONG and " " not in value:
        return value[:_SHORTENED] + "…"
    if isinstance(value, list):
        return "[" + ", ".join(_brief(item) for item in value) + "]"
    if isinstance(value, dict):
        told = (f"{words(name)} {_brief(item)}" for name, item in value.items() if item not in ("", None, []))
        return "{" + ", ".join(told) + "}"
    return str(value)


@cache
def _fact_decoder() -> msgspec.msgpack.Decoder[Any]:
    return _decoder_of(kind for module in MODULES for kind in module.facts)


@cache
def _message_decoder() -> msgspec.msgpack.Decoder[Any]:
    return _decoder_of(MESSAGES)


def _decoder_of(kinds: Iterable[type[msgspec.Struct]]) -> msgspec.msgpack.Decoder[Any]:
    union: Any = None
    for kind in kinds:
        union = kind if union is None else union | kind
    return msgspec.msgpack.Decoder(union)


def _holding(key: bytes, holding: Holding, held: Instrument | None) -> str:
    """held: what it is of, where that is known; else quantities are told as the ledger has them, without decimals."""
    account, instrument = address_text("account", key[:20]), address_text("instrument", key[20:])
    scale = held.scale if held is not None else 0
    unit = "units" if held is not None else "smallest parts of a unit"
    available, earmarked = grouped(holding.available, scale), grouped(holding.earmarked, scale)
    if held is not None and held.issuance_account == key[:20]:
        return f"the issuance account {account} stood against {available} units issued of instrument {instrument}"
    marked = f", {earmarked} earmarked" if holding.earmarked else ""
    return f"account {account} held {available} {unit} available{marked} of instrument {instrument}"


def _account(key: bytes, account: Account) -> str:
    owner, servicer = address_text("owner", account.owner), address_text("servicer", account.servicer)
    status = account.status.name.lower()
    kind = account.kind.name.lower().replace("_", " ")
    return f"account {address_text('account', key)} was {status}, {kind}, owned by {owner}, serviced by {servicer}"


def _instrument(key: bytes, instrument: Instrument) -> str:
    kind = instrument.kind.name.lower().replace("_", " ")
    return (
        f"instrument {address_text('instrument', key)} was {instrument.status.name.lower()}: {kind} of "
        f"{address_text('issuer', instrument.issuer)} in {instrument.currency}, {instrument.scale} decimal places"
    )


def _terms(key: bytes, version: TermsVersion) -> str:
    names = ", ".join(f"{one.scheme} {one.value}" for one in version.terms.identifiers)
    return (
        f"version {int.from_bytes(key[20:], 'big')} of the terms of {address_text('instrument', key[:20])}: "
        f"{version.terms.name}{f' ({names})' if names else ''}"
    )


def _scales(instruments: Mapping[bytes, Instrument]) -> Scales:
    """For people, of instruments whose records are known."""
    labels = {
        key: Label(key, "", "", one.kind.name, one.currency, one.scale) for key, one in instruments.items()
    }
    return Scales(labels, in_words=True)


def _fields(record: msgspec.Struct, scales: Scales) -> str:
    told = {
        name: value
        for name, value in plain(record, scales).items()
        if value not in ("", None, [], 0) and name != "kind"
    }
    return ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in told.items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{name.replace('_', ' ')} {_short(item)}" for name, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    return str(value)


def _handle(table: int, _key: bytes, value: bytes) -> bytes | None:
    """The handle that a record commits to, where it has one."""
    known = _TABLES.get(table)
    if known is None:
        return None
    handle = getattr(_decoded(known, value), "handle", None)
    return handle if isinstance(handle, bytes) else None


def _decoded(table: Table[Any], value: bytes) -> Any:
    """The record, or None where this version of the program does not know its form."""
    try:
        return table.decoder.exact(value)
    except Malformed:
        return None
