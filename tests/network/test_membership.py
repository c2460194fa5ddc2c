"""Who takes part in consensus is decided on the ledger, and the engine does as the ledger says."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.node.network.homes import consensus_key
from counterfoil.node.network.next_key import NextKeyFile
from counterfoil.sdk import messages, recipes
from counterfoil.sdk.client import Result
from counterfoil.sdk.draft import Draft
from counterfoil.verify.light.encoding import address_of_validator
from tests.model.later_program import REFUSED
from tests.model.opening import stranger
from tests.network.nets import PROJECT, Net, need_engine, running, signed_deals
from tests.network.test_faults import Traffic, make_twin, start_victim_at, stop

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(300)]
SECONDS = 60.0
DECIDE = ("exchange", "depository", "central-bank")


@pytest.fixture(scope="module", params=["founded", "grown up"])
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """Four validators and a full node; the tests of this file use it one after the other.

    Everything holds of a network that an embedded ledger became as of one that was founded as such.
    """
    need_engine()
    folder = tmp_path_factory.mktemp("members") / "n"
    grown = request.param == "grown up"
    made = Net.grown(folder, 4, 1, spare_ports=2) if grown else Net(folder, 4, 1, spare_ports=2)
    with running(made):
        if not grown:
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
    run(*words, *by, "--ledger", str(net.path("validator-1")))


def run(*words: str, refused: bool = False) -> str:
    """What a command says. refused: by the ledger."""
    line = [sys.executable, "-m", "counterfoil.cli.main", "network", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert (done.returncode == 1) == refused, done.stdout + done.stderr
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_engine_and_ledger_begin_with_the_same_validators(net: Net) -> None:
    agree(net, {address(net, f"validator-{number}") for number in range(1, 5)})


def test_a_feed_records_the_median_of_what_votes_tell(net: Net) -> None:
    """One of four lies, one is stopped: the value is between what the two others saw, and the same on every node."""
    members = [net.client(name, "validator-1") for name in DECIDE]
    expires_ms = members[0].time_ms() + 86_400_000
    feed = recipes.feed(
        "USD/EUR", "EUR per USD", 4, interval_ms=1, age_max_ms=600_000, stale_after_ms=3_600_000
    )
    members[0].send(recipes.motion(members, feed, expires_ms=expires_ms), cosigners=members[1:])
    net.down("validator-4")
    for name, value in (("validator-1", "0.9200"), ("validator-2", "0.9202"), ("validator-3", "0.0001")):
        run("observe", str(net.path(name)), "USD/EUR", value)
    give_up = time.monotonic() + SECONDS
    while not (line := net.client("exchange", "validator-1").feed("USD/EUR")).made_by:
        assert time.monotonic() < give_up, net.client("exchange", "validator-1").feed("USD/EUR")
        (draft,) = signed_deals(net, f"observed-{time.monotonic_ns()}", 1)
        net.client("broker-a", "validator-1").submit(draft)
    assert (line.value, line.made_by) == (9_200, 3)
    net.up("validator-4")
    net.agreed()
    told = {net.client("exchange", name).feed("USD/EUR").value for name in net.names}
    assert len(told) == 1


def signers(net: Net, height: int) -> set[str]:
    """Addresses of those whose signatures the engines hold for a block."""
    rpc = net.control.rpc("validator-1")
    try:
        commit = rpc.ask("commit", height=str(height))["signed_header"]["commit"]
        return {one["validator_address"] for one in commit["signatures"]}
    finally:
        rpc.close()


def until_signed_by(net: Net, name: str) -> int:
    """The height of a block that a node has signed with the key in its folder."""
    give_up = time.monotonic() + SECONDS
    while True:
        (draft,) = signed_deals(net, f"signed-{time.monotonic_ns()}", 1)
        net.client("broker-a", "validator-1").submit(draft)
        rpc = net.control.rpc("validator-1")
        try:
            height = int(rpc.status()["sync_info"]["latest_block_height"])
        finally:
            rpc.close()
        if address(net, name) in signers(net, height):
            return height
        assert time.monotonic() < give_up, f"{name} does not sign: {net.control.last_words(name)}"


@pytest.mark.parametrize("stopped", [True, False])
def test_a_node_that_is_killed_while_its_key_changes_takes_it_up_later(net: Net, stopped: bool) -> None:
    """The key is made before anybody is asked. stopped: when the ledger puts it on record; else killed just after."""
    name = "validator-3"
    before = address(net, name)
    key = NextKeyFile(net.path(name)).made()
    net.control.kill(name)
    net.up(name)
    until_signed_by(net, name)
    assert address(net, name) == before, "what is not on record is not taken up"
    if stopped:
        net.control.kill(name)
    members = [net.client(one, "validator-1") for one in DECIDE]
    party, change = members[0].find(name, "party"), NextKeyFile(net.path(name))
    possession = change.possession(members[0].connection.chain_id, party)
    ask = messages.RotateConsensusKey(party, key, possession)
    motion = recipes.motion(members, ask, expires_ms=members[0].time_ms() + 86_400_000)
    members[0].send(motion, cosigners=members[1:])
    if not stopped:
        net.control.kill(name)
    net.up(name)
    give_up = time.monotonic() + SECONDS
    while NextKeyFile(net.path(name)).waiting() is not None:
        assert time.monotonic() < give_up, net.control.last_words(name)
        time.sleep(0.2)
    assert consensus_key(net.path(name)) == key
    until_signed_by(net, name)
    assert before not in engine_set(net)
    net.agreed()


def test_a_full_node_becomes_a_validator_by_a_motion(net: Net) -> None:
    """It signs the blocks from then on."""
    command(net, "add-validator", str(net.path("full-1")), "exchange")
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


def test_a_validator_changes_its_key_and_signs_on(net: Net) -> None:
    """By one command, under the member's two pairs of eyes; the old key is in no set, no height is signed with both."""
    name = "full-1"
    before, height_before = address(net, name), until_signed_by(net, name)
    through = ["--as", "exchange"]
    if net.untouched:  # a grown-up network's other nodes bring nothing before a member has enrolled them
        through += ["--ledger", str(net.path("validator-1"))]
    run("rotate-key", str(net.path(name)), *through)
    after = address(net, name)
    assert after != before
    assert NextKeyFile(net.path(name)).waiting() is None
    agree(net, {address(net, one) for one in net.names})
    height = until_signed_by(net, name)
    seen = [signers(net, at) for at in range(height_before, height + 1)]
    assert before in seen[0]
    assert after in seen[-1]
    assert before not in engine_set(net)
    assert not any({before, after} <= one for one in seen)
    first = next(at for at, one in enumerate(seen) if after in one)
    assert not any(before in one for one in seen[first:])
    assert not net.client("exchange", "validator-1").validators().misbehaviours
    again = run("rotate-key", str(net.path(name)), *through, refused=True)
    assert "KEY_WAS_ROTATED_JUST_NOW" in again
    assert address(net, name) == after
    net.agreed()


def test_a_validator_leaves_by_a_motion_and_follows_as_a_full_node(net: Net) -> None:
    command(net, "remove-validator", "validator-3")
    agree(net, {address(net, name) for name in net.names if name != "validator-3"})
    net.agreed()


def test_who_signs_twice_is_on_record_and_suspended(net: Net) -> None:
    """The engine proves it, the ledger takes its power, and the engine goes on without it."""
    victim = "validator-4"
    traffic = Traffic(net, "suspended", "validator-1")
    net.down(victim)
    twin = make_twin(net, victim)
    net.up(victim)
    process = start_victim_at(twin, "--garbage")
    try:
        give_up = time.monotonic() + 2 * SECONDS
        while not net.client("exchange", "validator-1").validators().misbehaviours:
            traffic.send(1)
            time.sleep(0.5)  # the twin takes its time to come up
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


def test_who_was_suspended_is_readmitted_with_a_key_that_its_node_makes(net: Net) -> None:
    victim = "validator-4"
    before = address(net, victim)
    command(net, "add-validator", str(net.path(victim)), victim)
    until_signed_by(net, victim)
    assert address(net, victim) != before
    agree(net, {address(net, name) for name in ("validator-1", "validator-2", "full-1", victim)})
    net.agreed()


def test_a_rule_version_changes_what_is_decided_at_one_height_on_all_nodes(net: Net) -> None:
    """Under version 2 no mandate is granted. One node has the later program before: it decides as the others until the
    height, where these stop with a message that says what to do. With the later program they go on, each whenever it
    is installed, and all have one root and the same results."""
    processes = []
    try:
        net.down("full-1")
        processes.append(start_later_program(net, "full-1"))
        members = [net.client(name, "validator-1") for name in DECIDE]
        height = members[0].status().moment.height + 8
        ask = messages.ScheduleUpgrade(members[1].party, 2, height)
        motion = recipes.motion(members, ask, expires_ms=members[0].time_ms() + 86_400_000)
        members[0].send(motion, cosigners=members[1:])
        mandates = Mandates(net)
        others = [name for name in net.names if name != "full-1"]
        give_up = time.monotonic() + SECONDS
        while any(net.control.pid(name) is not None for name in others):
            assert time.monotonic() < give_up, {name: net.control.last_words(name) for name in net.names}
            mandates.grant_where_decided()
        assert all(refusals(net, name) for name in others)
        assert not refusals(net, "full-1")

        late = "validator-4"
        processes += [start_later_program(net, name) for name in others if name != late]
        early = [name for name in net.names if name != late]
        net.agreed(*early)
        for _ in range(3):
            mandates.grant()
        after = net.agreed(*early)
        assert after.moment.height >= height
        assert after.rule_version == 2
        stopped_before, give_up = refusals(net, late), time.monotonic() + SECONDS
        net.control.start(late, "--workers", "0")  # the old program, once more
        while refusals(net, late) == stopped_before or net.control.pid(late) is not None:
            assert time.monotonic() < give_up, net.control.last_words(late)
            time.sleep(0.2)
        processes.append(start_later_program(net, late))
        told = net.agreed(*net.names)
        assert (told.rule_version, told.application_hash) == (2, after.application_hash)
        mandates.check(height)
        until_signed_by(net, late)
        net.agreed()
    finally:
        for process in processes:
            stop(process)


class Mandates:
    """Mandates that a broker grants one after the other, each to somebody else, and what came of each."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.results: dict[bytes, tuple[Draft, Result]] = {}
        self._client = net.client(
            "broker-a", "validator-1"
        )  # of a network that grew up, the only one that gathers
        self._count = 0

    def grant(self) -> None:
        draft = self._draft()
        (result,) = self._client.submit_many([draft])
        assert result.height, f"not decided at all: {result}"
        self.results[draft.id] = (draft, result)

    def grant_where_decided(self) -> None:
        """Nothing is, between the height and the later program: what was sent then is sent again later."""
        try:
            self.grant()
        except Exception:
            time.sleep(0.2)

    def check(self, height: int) -> None:
        """Granted below the height, refused from it on, whichever node is asked for the first result."""
        found = sorted((result.height, result.number) for _, result in self.results.values())
        assert {number for at, number in found if at < height} == {0}
        assert {number for at, number in found if at >= height} == {REFUSED.number}
        for name in self.net.names:
            client = self.net.client("broker-a", name)
            for draft, result in self.results.values():
                (again,) = client.submit_many([draft])
                assert (again.height, again.number) == (result.height, result.number), name

    def _draft(self) -> Draft:
        client = self._client
        self._count += 1
        clerk = stranger(f"clerk {self._count}").address
        return client.draft(messages.GrantMandate(client.party, clerk, (900,))).sign(*client.keys)


def refusals(net: Net, name: str) -> int:
    """How often a node has said that it needs a later program."""
    return (
        (net.path(name) / "node.log").read_text(errors="replace").count("install the program that knows it")
    )


def start_later_program(net: Net, name: str) -> subprocess.Popen[bytes]:
    return start_victim_at(net.path(name), "--later-program")
