"""What a network in earnest, which rests where nothing happens, makes of observations."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from counterfoil.cli.main import app
from counterfoil.machine.genesis import Genesis
from counterfoil.modules.parties import PartiesGenesis
from counterfoil.modules.parties.founding import DutyName, FoundingParty, FoundingSigner, FoundingUser
from counterfoil.modules.parties.records import Role
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import SealingKey
from counterfoil.node.network.observing import OBSERVATIONS_FILE
from counterfoil.sdk import Client, recipes
from counterfoil.sdk.messages import EnrolParty
from tests.network.nets import Net, need_engine, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
FEED = "USD/EUR"
NODES = ("validator-1", "validator-2", "validator-3")
REST_SECONDS = 8.0
"""Longer than a network takes until it rests."""
KEY, *TWO_KEYS = (SealingKey(bytes([number]) * 32) for number in (1, 2, 3))
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """Three validators, who observe; the regulator alone is the consortium, and has defined a feed."""
    need_engine()
    own, *two = (FoundingSigner((key.public_key.hex(),)) for key in (KEY, *TWO_KEYS))
    users = tuple(FoundingUser(one, DutyName.BOTH) for one in two)
    founding = PartiesGenesis((FoundingParty("Authority", ("regulator",), signer=own, users=users),))
    draft = Genesis(
        name="earnest",
        time_ms=system_clock_ms(),
        secret_commitment="",
        sealers=(),
        sections={"parties": msgspec.to_builtins(founding)},
    )
    made = Net(tmp_path_factory.mktemp("feeds") / "n", 3, genesis=draft, snapshot_interval=0)
    with running(made):
        asker = authority(made)
        feed = recipes.feed(
            FEED, "EUR per USD", 4, interval_ms=1, age_max_ms=DAY_MS // 24, stale_after_ms=DAY_MS
        )
        asker.send(recipes.motion([asker], feed, expires_ms=asker.time_ms() + DAY_MS))
        yield made


def authority(net: Net) -> Client:
    return Client(net.connect("validator-1"), *TWO_KEYS, party="Authority")


def happen(net: Net, number: int) -> int:
    """Anything at all; returns the height of its block."""
    asker = authority(net)
    ask = EnrolParty(asker.party, (Role.NOTARY,), f"Notary {number}", "", KEY.address, activate=True)
    return asker.send(ask).height


def observe(net: Net, name: str, value: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["network", "observe", str(net.path(name)), FEED, value])
    assert done.exit_code == code, done.output
    return done.output


def test_an_observation_waits_for_the_block_that_ends_the_rest_and_is_there_for_what_that_brings(
    net: Net,
) -> None:
    """It makes no block. The first block after a rest is empty, and its votes tell what was observed meanwhile: so the
    transactions of the next one, which ended the rest, find the new value on record."""
    happen(net, 1)
    time.sleep(REST_SECONDS)
    before = net.agreed().moment.height
    for name, value in zip(NODES, ("0.9200", "0.9201", "0.9300"), strict=True):
        assert FEED in observe(net, name, value)
    time.sleep(REST_SECONDS)
    assert net.agreed().moment.height == before
    assert authority(net).feed(FEED).made_by == 0
    height = happen(net, 2)
    line = authority(net).feed(FEED)
    assert (line.value, line.made_by, line.height) == (9_201, 3, height)
    net.agreed()


def test_what_is_no_observation_is_refused_before_anything_is_noted(net: Net, tmp_path: Path) -> None:
    file = net.path("validator-1") / OBSERVATIONS_FILE
    noted = file.read_bytes()
    assert json.loads(noted)[FEED]["value"] == 9_200
    observe(net, "validator-1", "a lot", code=2)
    observe(net, "validator-1", "NaN", code=2)
    observe(net, "validator-1", "0.92001", code=2)
    unknown = ["network", "observe", str(net.path("validator-1")), "GBP/EUR", "1"]
    assert CliRunner().invoke(app, unknown).exit_code == 1
    nowhere = ["network", "observe", str(tmp_path), FEED, "1"]
    assert CliRunner().invoke(app, nowhere).exit_code == 3
    assert file.read_bytes() == noted


def test_with_a_quorum_lacking_nothing_is_recorded(net: Net) -> None:
    """One of three observers is silent: the value stays what it was, and everything else goes on."""
    (net.path("validator-2") / OBSERVATIONS_FILE).unlink()
    observe(net, "validator-1", "0.9400")
    happen(net, 3)
    happen(net, 4)  # whose votes were cast after that
    before = authority(net).feed(FEED)
    for number in range(5, 8):
        assert happen(net, number) > before.height
    line = authority(net).feed(FEED)
    assert (line.value, line.height) == (before.value, before.height)
