"""Light blocks over CometBFT's RPC: what real nodes answered, served again, and answers that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counterfoil.sdk import light_provider
from counterfoil.sdk.errors import NodeUnreachable
from counterfoil.sdk.light_provider import RpcProvider
from counterfoil.verify.light.client import LATEST, NoSuchBlock, advance, fetch, trust_block
from counterfoil.verify.light.encoding import header_hash
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.steps import SECOND_NS, Rules
from tests.vectors.cometbft.recorded import recorded
from tests.vectors.cometbft.served import Answer, replay, serving

REAL = recorded()


@pytest.mark.parametrize("per_page", [1, 2, 100])
def test_real_answers(monkeypatch: pytest.MonkeyPatch, per_page: int) -> None:
    monkeypatch.setattr(light_provider, "PER_PAGE", per_page)
    with serving(replay) as address:
        provider = RpcProvider(address + "/")
        for height in (REAL.first, 13, REAL.last):
            assert provider.light_block(height) == REAL.light_block(height)
        assert provider.light_block(LATEST) == REAL.light_blocks[-1]
        for height in (REAL.first - 1, REAL.last + 1):
            with pytest.raises(NoSuchBlock, match="current blockchain height"):
                provider.light_block(height)


def test_a_light_client_over_it() -> None:
    with serving(replay) as address:
        provider = RpcProvider(address)
        first = provider.light_block(REAL.first)
        trusted = trust_block(first, first.header.chain_id, header_hash(REAL.light_blocks[0].header))
        target = fetch(provider, LATEST)
        trace = advance(provider, trusted, target, Rules(), target.header.at_ns + SECOND_NS)
    assert trace[-1] == REAL.light_blocks[-1]


def _answering(result: Any) -> Answer:
    return lambda method, params: (200, json.dumps({"result": result}).encode())


@pytest.mark.parametrize(
    "answer",
    [
        lambda method, params: (200, b""),
        lambda method, params: (404, b"<html>not found</html>"),
        lambda method, params: (200, b"[]"),
        lambda method, params: (200, b"[" * 100_000),
        lambda method, params: (200, b"{}"),
        _answering(None),
        _answering([]),
        _answering({"signed_header": {"header": {"height": "x"}}}),
        _answering({"signed_header": {"header": {"height": "5"}}, "total": "0", "validators": []}),
        _answering({"signed_header": {"header": {"height": "5"}}, "total": "99999999", "validators": [1]}),
        _answering({"signed_header": {"header": {"height": "5"}}, "total": "x", "validators": [1]}),
    ],
)
def test_answers_that_are_none(answer: Answer) -> None:
    with serving(answer) as address, pytest.raises(Invalid):
        RpcProvider(address).light_block(5)


def test_nobody_there() -> None:
    with serving(replay) as address:
        pass
    with pytest.raises(NodeUnreachable, match="No node answers at"):
        RpcProvider(address).light_block(5)


@pytest.mark.parametrize("address", ["", "127.0.0.1:26657", "file:///etc/passwd", "http://"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is no address of a node"):
        RpcProvider(address)
