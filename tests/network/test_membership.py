"""Who takes part in consensus is decided on the ledger, and the engine does as the ledger says."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.node.network.homes import consensus_key
from counterfoil.node.network.observing import note
from counterfoil.sdk import messages, recipes
from counterfoil.verify.light.encoding import address_of_validator
from tests.network.nets import PROJECT, Net, need_engine, running, signed_deals
from tests.network.test_faults import Traffic, make_twin, start_victim_at, stop

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
SECONDS = 60.0
DECIDE = ("exchange", "depository", "central-bank")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """Four validators and a full node; the tests of this file use it one after the other."""
    need_engine()
    made = Net(tmp_path_factory.mktemp("members") / "n", 4, 1, spare_ports=2)
    with running(made):
        made.seeded()
        yield made


def engine_set(net: Net, name: str = "validator-1") -> dict[str, int]:
    """Address and power of each validator of the next block, as the engine has them."""
    rpc = net.control.rpc(name)
    try:
        told = rpc.ask("validators", page="1", per_page="100")["validators"]
        return {one["address"]: int(one["voting_power"]) for one in told}
    finally:
        rpc.close()


def ledger_set(net: Net, name: str = "validator-1") -> dict[str, int]:
    """The same as the ledger has them: of the present records, which are in force two blocks later."""
    found = net.client("exchange", name).validators().validators
    return {one.consensus_address.hex().upper(): one.power for one in found if one.power}


def agree(net: Net, expected: set[str]) -> None:
    """Engine and ledger have these validators, on every node, once some blocks have passed."""
    give_up = time.monotonic() + SECONDS
    number = 0
    while True:
        number += 1
        (draft,) = signed_deals(net, f"agree-{time.monotonic_ns()}-{number}", 1)
        net.client("broker-a", "validator-1").submit(draft)
        told = engine_set(net)
        if told == ledger_set(net) and set(told) == expected:
            return
        assert time.monotonic() < give_up, f"the engine has {told}, the ledger {ledger_set(net)}"


def address(net: Net, name: str) -> str:
    return address_of_validator(consensus_key(net.path(name))).hex().upper()


def command(net: Net, *words: str) -> None:
    """A command of the consortium at a running node, signed by three of its members."""
    by = ("--as", DECIDE[0], *(part for name in DECIDE[1:] for part in ("--cosign", name)))
    line = [sys.executable, "-m", "counterfoil.cli.main", "network", *words, *by]
    line += ["--ledger", str(net.path("validator-1"))]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_engine_and_ledger_begin_with_the_same_validators(net: Net) -> None:
    agree(net, {address(net, f"validator-{number}") for number in range(1, 5)})


def test_a_feed_records_the_median_of_what_votes_tell(net: Net) -> None:
    """One of four lies, one is silent: the value is between what the two others saw, and the same on every node."""
    members = [net.client(name, "validator-1") for name in DECIDE]
    expires_ms = members[0].time_ms() + 86_400_000
    feed = recipes.feed(
        "USD/EUR", "EUR per USD", 4, interval_ms=1, age_max_ms=600_000, stale_after_ms=3_600_000
    )
    members[0].send(recipes.motion(members, feed, expires_ms=expires_ms), cosigners=members[1:])
    now_ms = members[0].time_ms()
    for name, value in (("validator-1", 9_200), ("validator-2", 9_202), ("validator-3", 1)):
        note(net.path(name), "USD/EUR", value, now_ms)
    give_up = time.monotonic() + SECONDS
    while not (line := net.client("exchange", "validator-1").feed("USD/EUR")).made_by:
        assert time.monotonic() < give_up, net.client("exchange", "validator-1").feed("USD/EUR")
        (draft,) = signed_deals(net, f"observed-{time.monotonic_ns()}", 1)
        net.client("broker-a", "validator-2").submit(draft)
    assert (line.value, line.made_by) == (9_200, 3)
    net.agreed()
    told = {net.client("exchange", name).feed("USD/EUR").value for name in net.names}
    assert len(told) == 1


def test_a_full_node_becomes_a_validator_by_a_motion(net: Net) -> None:
    """It signs the blocks from then on."""
    command(net, "add-validator", str(net.path("full-1")), "broker-a")
    everybody = {address(net, name) for name in net.names}
    agree(net, everybody)
    rpc = net.control.rpc("validator-1")
    give_up = time.monotonic() + SECONDS
    try:
        while True:
            signed: list[Any] = rpc.ask("commit")["signed_header"]["commit"]["signatures"]
            if address(net, "full-1") in {one["validator_address"] for one in signed}:
                break
            assert time.monotonic() < give_up, "the new validator does not sign"
            (draft,) = signed_deals(net, f"signs-{time.monotonic_ns()}", 1)
            net.client("broker-a", "validator-1").submit(draft)
    finally:
        rpc.close()
    net.agreed()


def test_a_validator_leaves_by_a_motion_and_follows_as_a_full_node(net: Net) -> None:
    command(net, "remove-validator", "validator-3")
    agree(net, {address(net, name) for name in net.names if name != "validator-3"})
    net.agreed()


def test_who_signs_twice_is_on_record_and_suspended(net: Net) -> None:
    """The engine proves it, the ledger takes its power, and the engine goes on without it."""
    victim = "validator-4"
    traffic = Traffic(net, "suspended")
    net.down(victim)
    twin = make_twin(net, victim)
    net.up(victim)
    process = start_victim_at(twin, "--garbage")
    try:
        give_up = time.monotonic() + 2 * SECONDS
        while not net.client("exchange", "validator-1").validators().misbehaviours:
            traffic.send(1)
            assert time.monotonic() < give_up, "nothing was reported"
    finally:
        stop(process)
    told = net.client("exchange", "validator-1").validators()
    (line,) = {(one.consensus_address.hex().upper(), one.kind) for one in told.misbehaviours}
    assert line == (address(net, victim), "DUPLICATE_VOTE")
    assert any(one.suspended for one in told.misbehaviours)
    assert {one.name: one.status for one in told.validators}[victim] == "SUSPENDED"
    agree(net, {address(net, name) for name in ("validator-1", "validator-2", "full-1")})
    traffic.check_once()


def test_a_scheduled_rule_version_stops_every_node_that_does_not_know_it(net: Net) -> None:
    """At one height, with a message that says what to do; here none of the programs knows it."""
    members = [net.client(name, "validator-1") for name in DECIDE]
    height = members[0].status().moment.height + 6
    ask = messages.ScheduleUpgrade(members[1].party, 2, height)
    motion = recipes.motion(members, ask, expires_ms=members[0].time_ms() + 86_400_000)
    members[0].send(motion, cosigners=members[1:])
    client = net.client("broker-a", "validator-1")
    give_up = time.monotonic() + SECONDS
    words = "install the program that knows it"
    while not all(words in (net.path(name) / "node.log").read_text(errors="replace") for name in net.names):
        assert time.monotonic() < give_up, {name: net.control.last_words(name) for name in net.names}
        try:
            (draft,) = signed_deals(net, f"until-{time.monotonic_ns()}", 1)
            client.submit(draft)
        except Exception:
            time.sleep(0.2)
