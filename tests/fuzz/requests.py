"""Good requests to a node, from which bad ones are made: frames of every kind, parameters of every read."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec

from counterfoil.node.protocol import (
    AdvanceClock,
    Authenticate,
    Read,
    Submit,
    TryOut,
    Unwatch,
    Wait,
    Watch,
)
from counterfoil.primitives.codec import encode
from tests.model.desk import Desk, party
from tests.model.opening import Opening


def good_requests(desk: Desk, transactions: list[bytes]) -> list[bytes]:
    """Payloads of frames."""
    params = msgspec.Raw(encode({}))
    return [
        encode(request)
        for request in (
            Authenticate(1, party("broker-a"), bytes(20), ((b"\1" + bytes(32), bytes(64)),)),
            Submit(2, tuple(transactions[:3])),
            Wait(3, bytes(32), 1),
            Read(4, "status", params),
            TryOut(5, transactions[0]),
            AdvanceClock(6, desk.time_ms),
            Watch(7, 1, 0, party("broker-a")),
            Unwatch(8, 7),
        )
    ]


def params_of(kind: type[Any], morning: Opening) -> Iterator[dict[str, Any]]:
    """Parameters of a read that may well be answered: each known value in each field, the rest as by default."""
    yield {}
    hints = typing.get_type_hints(kind)
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    values = {name: list(_values(name, hint, morning)) for name, hint in hints.items()}
    base = {name: values[name][0] for name in required}
    for name, found in values.items():
        for value in found:
            yield {**base, name: value}
    pairs = [name for name in ("account", "instrument") if name in values]
    for chosen in product(*(values[name][:6] for name in pairs)):
        for kinds in values.get("kind", [None]):
            more = {} if kinds is None else {"kind": kinds}
            yield {**base, **dict(zip(pairs, chosen, strict=True)), **more}


def _values(name: str, hint: Any, morning: Opening) -> Iterator[Any]:
    if hint is bytes:
        for found in (morning.accounts, morning.instruments, morning.objects, morning.parties):
            yield from found.values()
        yield from (party("broker-a"), party("regulator"), b"", bytes(20), bytes(32))
    elif hint is str:
        kinds = ("holding", "no-holding", "register", "account", "terms", "trade", "instruction", "receipt")
        if name == "kind":
            yield from kinds
        yield from ("", "XTST", "1", "40", "2024-01-02", "2024-01-02T08:00:10Z", "Broker A", "US4592001014")
        yield from (
            "99999999999999999999",
            "-1",
            "²",
            "9999-12-31T23:59:59+23:59",
            "0001-01-01T00:00:00-12:00",
        )
    elif hint is int:
        yield from (1, 0, 40, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 20_240_102)
    elif hint is bool:
        yield from (True, False)
    else:
        yield from (None, [], {})
