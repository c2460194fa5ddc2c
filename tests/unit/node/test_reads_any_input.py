"""Whatever is asked: an answer, a refusal with a number, or NotVisible; never a failure of the node."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.node.protocol import REQUEST
from counterfoil.node.reads import READS, answer_read
from counterfoil.node.refusals import Refused
from counterfoil.node.service import Service
from counterfoil.policy.errors import NotVisible
from counterfoil.primitives.codec import Malformed, encode
from tests.unit.node.cast import Cast
from tests.unit.policy.visibility_matrix import CAST

MOMENTS = [
    "",
    "0",
    "1",
    "5",
    "40",
    "99999999999999999999999",
    "2024-01-02",
    "2024-01-03",
    "0000-00-00",
    "9999-12-31",
]
MOMENTS += [
    "2024-01-02T08:00:00Z",
    "2024-01-02T08:00:00",
    "9999-12-31T23:59:59+23:59",
    "0001-01-01T00:00:00-23:59",
    "²",
]
NUMBERS = [0, 1, -1, 2, 40, 10_000, 2**31, 2**62, 2**63, 2**64 - 1, -(2**63)]
TEXTS = [
    "",
    "XMKT",
    "XOTH",
    "XXXX",
    "\x00" * 4,
    "é" * 4,
    "broker-a",
    "XS0000000009",
    "cfa1",
    "x" * 5_000,
    "holding",
]

relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


def values(kind: Any, known: list[bytes]) -> st.SearchStrategy[Any]:
    if kind is bytes:
        return st.one_of(st.sampled_from(known), st.binary(max_size=40))
    if kind is int:
        return st.one_of(st.sampled_from(NUMBERS), st.integers(-(2**63), 2**64 - 1))
    return st.one_of(st.sampled_from(MOMENTS + TEXTS), st.text(max_size=30))


@pytest.mark.parametrize("name", READS)
@relaxed
@given(data=st.data())
def test_any_parameters(cast: Cast, name: str, data: st.DataObject) -> None:
    read = READS[name]
    identities = [
        b"",
        cast.share,
        cast.token,
        cast.trade,
        cast.sale,
        cast.proposal,
        cast.settled.id,
        *cast.settled.objects,
    ]
    known = [*identities, *cast.accounts.values(), *cast.parties.values()]
    params = {
        field.name: data.draw(values(field.type, known), label=field.name)
        for field in msgspec.structs.fields(read.params)
        if data.draw(st.booleans(), label=f"{field.name} given") or field.required
    }
    viewer = cast.viewer(data.draw(st.sampled_from(CAST), label="viewer"))
    with contextlib.suppress(Refused, NotVisible):
        answer = read.decode_answer(answer_read(cast.node, viewer, name, encode(params)))
        assert answer.moment.height <= cast.node.height


@relaxed
@given(data=st.binary(max_size=200))
def test_any_bytes_as_parameters_and_requests(cast: Cast, data: bytes) -> None:
    for name in READS:
        with contextlib.suppress(Refused, NotVisible):
            answer_read(cast.node, b"", name, data)
    with contextlib.suppress(Malformed):
        REQUEST.exact(data)


@relaxed
@given(
    transaction=st.binary(max_size=64),
    clock_ms=st.integers(-(2**63), 2**64 - 1),
    signer=st.binary(max_size=40),
    signatures=st.lists(st.tuples(st.binary(max_size=70), st.binary(max_size=70)), max_size=3),
)
def test_any_service(
    cast: Cast, transaction: bytes, clock_ms: int, signer: bytes, signatures: list[tuple[bytes, bytes]]
) -> None:
    service = Service(cast.node)
    assert service.wait(transaction, 0) is None
    assert service.try_out(transaction).number
    for party in (b"", cast.parties["broker-a"], transaction):
        with pytest.raises(Refused):
            service.recognise(bytes(32), party, signer, signatures)
    if clock_ms > 2_000_000_000_000:
        with pytest.raises(Refused):
            service.advance_clock(clock_ms)
