"""Real networks of node processes on this machine, for tests: made, run, hurt and looked at."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.cli.messages import read_messages
from counterfoil.engine.cometbft.process import VARIABLE as ENGINE_VARIABLE
from counterfoil.machine.genesis import Genesis, Parameters
from counterfoil.modules.parties.records import Role
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import (
    PORTS_EACH,
    Place,
    create_network,
    grow_network,
    places_here,
)
from counterfoil.node.network.preparing import MESSAGES_NAME, prepare, read_prepared
from counterfoil.node.personas import party_key, sandbox_genesis
from counterfoil.node.reads_ledger import Status
from counterfoil.node.transfer import export_ledger
from counterfoil.node.transfer_format import ArgonCost
from counterfoil.sdk import (
    Client,
    FailoverConnection,
    Fixtures,
    Sandbox,
    persona_client,
    recipes,
    seed,
)
from counterfoil.sdk.client import status_at
from counterfoil.sdk.draft import Draft
from counterfoil.sdk.messages import EnrolParty, InstructBoth

LOCK = bytes(range(32))
CHEAP = ArgonCost(1, 8_192)
PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 60.0
GENESIS = sandbox_genesis("net", parameters=Parameters(id_window_ms=3_600_000))


def need_engine() -> None:
    """Build the engine where it is missing. Only outside continuous integration may a machine do without it."""
    if os.environ.get(ENGINE_VARIABLE):
        return
    done = subprocess.run([PROJECT / "scripts" / "engine.sh"], capture_output=True, text=True, check=False)
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"the engine could not be built: {done.stderr[-2_000:]}")
        pytest.skip(f"no engine here: {done.stderr[-200:]}")


def free_port(nodes: int) -> int:
    """The first of a run of ports that nobody uses now, below those that the system gives away by itself."""
    chance = random.Random()
    while True:
        first = chance.randrange(20_000, 32_000 - nodes * PORTS_EACH)
        if all(_is_free(first + PORTS_EACH * node + at) for node in range(nodes) for at in range(4)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Net:
    """One network's folder, and what tests ask of it."""

    def __init__(
        self,
        folder: Path,
        validators: int = 4,
        full_nodes: int = 0,
        *,
        genesis: Genesis | None = None,
        snapshot_interval: int = 10,
        spare_ports: int = 0,
        followers: int = 0,
        retain_blocks: int = 0,
        encrypted: bool = False,
        guards: Mapping[str, str] | None = None,
    ) -> None:
        """guards: which full nodes are sentries, and of which validators."""
        self.port = free_port(validators + full_nodes + followers + spare_ports)
        self.places = [
            place._replace(guards=(guards or {}).get(place.name, ""))
            for place in places_here(validators, full_nodes, self.port, followers)
        ]
        self.genesis = genesis or GENESIS
        create_network(
            folder,
            self.genesis,
            self.places,
            encrypted=encrypted,
            snapshot_interval=snapshot_interval,
            retain_blocks=retain_blocks,
        )
        self.control = Control(folder)
        self.names = [name for name in self.control.names() if not self.control.follows(name)]
        self.fixtures: Fixtures | None = None
        self.seeded_at = ""
        self.untouched: dict[str, Path] = {}
        """Copies of nodes' folders as they were before their first start."""

    @classmethod
    def grown(cls, folder: Path, validators: int, full_nodes: int, *, spare_ports: int = 0) -> Net:
        """A network that goes on where an embedded ledger ended, whose consortium has entered its validators."""
        folder.mkdir(parents=True)
        port = free_port(validators + full_nodes + spare_ports)
        places = places_here(validators, full_nodes, port)
        with Sandbox(folder=folder / "embedded") as alone:
            consensus_keys = enter_validators(alone, places, folder / "keys")
            export_ledger(alone.node, folder / "export", LOCK, cost=CHEAP)
            fixtures, header = alone.fixtures, alone.node.machine.last
        made = grow_network(
            folder / "net",
            folder / "export",
            LOCK,
            places,
            consensus_keys,
            encrypted=False,
            snapshot_interval=0,
        )
        net = cls.of(Control(folder / "net"), fixtures)
        net.port, net.places = port, places
        assert header is not None
        assert made.consensus_from == header.height + 1
        last = places[validators - 1].name
        net.untouched[last] = folder / last
        shutil.copytree(net.path(last), folder / last)
        return net

    @classmethod
    def of(cls, control: Control, fixtures: Fixtures | None) -> Net:
        """A network that was made elsewhere."""
        net = cls.__new__(cls)
        net.control, net.fixtures, net.seeded_at, net.untouched = control, fixtures, "", {}
        net.names = [name for name in control.names() if not control.follows(name)]
        return net

    @property
    def spare_port(self) -> int:
        return self.port + PORTS_EACH * len(self.places)

    def path(self, name: str) -> Path:
        return self.control.path(name)

    def up(self, *names: str) -> None:
        self.control.up(names or self.names, "--workers", "0", is_serving=self.is_serving)

    def down(self, *names: str) -> None:
        self.control.down(names or self.names)

    def is_serving(self, name: str) -> bool:
        return self.status(name) is not None

    def status(self, name: str) -> Status | None:
        """What a node says of itself; None where it does not answer."""
        return status_at(self.control.socket(name), 10.0)

    def connect(self, *names: str) -> FailoverConnection:
        addresses = [self.control.socket(name) for name in names or self.names]
        return FailoverConnection(addresses)

    def client(self, persona: str, *names: str) -> Client:
        return persona_client(self.connect(*names), persona)

    def seeded(self) -> Fixtures:
        """The seeded market of the sandbox, on this network."""
        self.fixtures = seed(self.connect)
        self.seeded_at = str(self.client("regulator").status().moment.height)
        return self.fixtures

    def agreed(self, *names: str, seconds: float = SECONDS) -> Status:
        """Wait until the nodes are at one height; they must have one root there, as at every height met meanwhile."""
        wanted = list(names or self.names)
        roots: dict[int, bytes] = {}
        give_up = time.monotonic() + seconds
        while True:
            told = {name: self.status(name) for name in wanted}
            for name, status in told.items():
                if status is not None:
                    known = roots.setdefault(status.moment.height, status.application_hash)
                    assert known == status.application_hash, f"{name} has another root"
            found = [status for status in told.values() if status is not None]
            if len(found) == len(wanted) and len({status.moment.height for status in found}) == 1:
                return found[0]
            if time.monotonic() > give_up:
                words = {name: self.control.last_words(name) for name in wanted}
                raise AssertionError(f"the nodes do not come together: {told}, {words}")
            time.sleep(0.2)

    def wait_for_height(self, name: str, height: int, seconds: float = SECONDS) -> Status:
        give_up = time.monotonic() + seconds
        while True:
            status = self.status(name)
            if status is not None and status.moment.height >= height:
                return status
            assert time.monotonic() < give_up, f"{name}: {status}, {self.control.last_words(name)}"
            time.sleep(0.2)


def enter_validators(alone: Sandbox, places: Sequence[Place], folder: Path) -> dict[str, bytes]:
    """Let an embedded ledger's consortium enter validators, each a party with its node's name; returns their keys."""
    regulator = alone.client("regulator")
    for place in places:
        if place.power:
            address = party_key(place.name).address
            regulator.send(
                EnrolParty(regulator.party, (Role.OPERATOR,), place.name, "", address, activate=True)
            )
    prepare(folder, places, regulator.connection.chain_id, lambda name: regulator.find(name, "party"))
    data = (folder / MESSAGES_NAME).read_bytes()
    asked = read_messages(data, lambda kind, name: regulator.find(name, kind))
    members = alone.clients("exchange", "depository", "central-bank")
    expires_ms = regulator.time_ms() + 86_400_000
    members[0].send(recipes.motion(members, *asked, expires_ms=expires_ms), cosigners=members[1:])
    return read_prepared(folder, places)


@contextmanager
def running(net: Net, names: Sequence[str] = ()) -> Iterator[Net]:
    """The network, stopped at the end whatever happens."""
    try:
        net.up(*names)
        yield net
    finally:
        for name in net.names:
            net.control.kill(name)


def deal(net: Net, reference: str, quantity: int = 1) -> InstructBoth:
    """A delivery of the seeded share from broker A to broker B, against the seeded euro."""
    made = net.fixtures
    assert made is not None
    a, b = net.client("broker-a"), net.client("broker-b")
    return recipes.dvp(
        made.market,
        reference,
        a.market(made.market).business_date,
        seller=(a, made.accounts["broker-a"]),
        buyer=(b, made.accounts["broker-b"]),
        instrument=made.share,
        quantity=quantity,
        asset=made.euro,
        amount=quantity * 100,
    )


def trade_until_it_joins(net: Net, name: str, deals: int = 12) -> None:
    """A block now and then, until a node that syncs its state answers: it needs two after its snapshot, and time to
    fetch that before the others let it go."""
    client = net.client("broker-a", "validator-1")
    for draft in signed_deals(net, "joining", deals):
        client.submit(draft)
        if net.status(name) is not None:
            break
        time.sleep(1.0)


def signed_deals(net: Net, prefix: str, count: int) -> list[Draft]:
    """Deals that both brokers have signed, ready to be sent to any node."""
    a, b = net.client("broker-a"), net.client("broker-b")
    first = deal(net, f"{prefix}-0")
    keys = (*a.keys, *b.keys)
    made = []
    for number in range(count):
        reference = f"{prefix}-{number}"
        message = replace(
            first,
            trade=replace(first.trade, trade_reference=reference),
            delivery=replace(first.delivery, reference=f"{reference}-S"),
            receipt=replace(first.receipt, reference=f"{reference}-B"),
        )
        made.append(a.draft(message, signers=[key.address for key in keys]).sign(*keys))
    return made
