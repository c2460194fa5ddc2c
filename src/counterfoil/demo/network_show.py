"""The market day on a network: four validators, a full node and an issuer's follower.

One validator is killed in the middle and brought back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from counterfoil.demo.floor import DemoFailed, Floor, key_of
from counterfoil.demo.market import Market, found_market, issuer_name
from counterfoil.demo.market_day import Trading
from counterfoil.demo.plan import Plan, plan_generated
from counterfoil.demo.report import RowList, busiest_security, outcomes_table, settle_accounts
from counterfoil.demo.screen import LiveScreen
from counterfoil.demo.show import GENERATED_ZONE, demo_genesis, folder_for, verify_elsewhere
from counterfoil.gateways.trade_files.generator import DemoDay, DemoSettings
from counterfoil.node.ledger import GENESIS_NAME
from counterfoil.node.network.control import Control, NodeState
from counterfoil.node.network.creating import KEYS_FOLDER, create_network, places_here
from counterfoil.node.network.settings import NetworkSettings
from counterfoil.node.reads_ledger import Status
from counterfoil.node.transfer import replay_ledger
from counterfoil.sdk import Client, FailoverConnection, SocketConnection
from counterfoil.sdk.client import status_at

VALIDATORS, FULL_NODES, FOLLOWERS = 4, 1, 1
VICTIM = "validator-2"
"""The node to which the market's clients talk first."""
KILLED_AT, BROUGHT_BACK_AT = 0.35, 0.7
"""Parts of the trades."""
NETWORK_NAME = "network"
AGREE_SECONDS = 60.0
LOOK_SECONDS = 0.5
ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class NetworkWishes:
    """What somebody wants to see. port: first of the nodes' ports. keep: folder to keep everything in."""

    seed: int = 1
    trades: int = 1_000
    port: int = 26_600
    keep: Path | None = None


class Nodes:
    """The demonstration's nodes, looked at all the time by a thread of their own."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.names = [name for name in control.names() if not control.follows(name)]
        self.followers = [name for name in control.names() if control.follows(name)]
        self._states: list[NodeState] = []
        self._followed: list[tuple[str, Status | None]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Started, and stopped at the end whatever happens."""
        try:
            self.control.up(self.names, "--workers", "1", is_serving=self.is_serving)
            self._thread.start()
            yield
        finally:
            self._stopping.set()
            if self._thread.is_alive():
                self._thread.join()
            self.control.down([*self.followers, *self.names])

    def follow(self, owner: str) -> None:
        """Start the followers, for a member that is on the ledger already."""
        self.control.up(self.followers, "--as", owner, is_serving=self.is_serving)

    def is_serving(self, name: str) -> bool:
        return self.status(name) is not None

    def status(self, name: str) -> Status | None:
        """What a node says of itself; None where it does not answer."""
        return status_at(self.control.socket(name), ANSWER_SECONDS)

    def table(self) -> Table:
        """The nodes as they were when they were looked at last."""
        table = Table(box=SIMPLE_HEAD)
        for name in ("node", "", "height", "application hash", "peers"):
            table.add_column(name, justify="right" if name in ("height", "peers") else "left")
        for state in self._states:
            runs = "running" if state.height else "starting" if state.pid is not None else "[red]down[/red]"
            table.add_row(
                state.node.name,
                "catching up" if state.catching_up and state.height else runs,
                f"{state.height:,}" if state.height else "-",
                f"{state.application_hash[:16]}…" if state.height else "-",
                str(state.peers) if state.height else "-",
            )
        for name, status in self._followed:
            table.add_row(
                name,
                "follows" if status is not None else "[red]down[/red]",
                f"{status.moment.height:,}" if status is not None else "-",
                f"{status.application_hash.hex()[:16]}…" if status is not None else "-",
                "-",
            )
        return table

    def look(self) -> None:
        self._states = self.control.states(self.names)
        self._followed = [(name, self.status(name)) for name in self.followers]

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.look()


def show_network(wishes: NetworkWishes, console: Console) -> None:
    """Run it all. Errors: DemoFailed, PlanError, NetworkFailed, EngineMissing, StorageError."""
    began = time.monotonic()
    with (
        folder_for(wishes.keep, "counterfoil-network-", "network") as folder,
        RowList(folder / "report.csv") as listed,
    ):
        plan = plan_generated(
            DemoDay(DemoSettings(seed=wishes.seed, trades=wishes.trades, zone=GENERATED_ZONE))
        )
        places = places_here(VALIDATORS, FULL_NODES, wishes.port, FOLLOWERS)
        network = create_network(folder / NETWORK_NAME, demo_genesis(plan), places)
        nodes = Nodes(Control(folder / NETWORK_NAME))
        screen = LiveScreen(nodes.table, console)
        screen.line(f"[bold]Counterfoil[/bold]: {plan.title}, on a network")
        with screen.live():
            _run(plan, nodes, network, screen, listed, began)


def _run(
    plan: Plan,
    nodes: Nodes,
    network: NetworkSettings,
    screen: LiveScreen,
    listed: RowList,
    began: float,
) -> None:
    control = nodes.control
    addresses = [control.socket(name) for name in [VICTIM, *_others(nodes)]]
    with nodes.running():
        screen.heading("The network is up")
        screen.line(
            f"{VALIDATORS} validators, a full node and an issuer's follower of {network.chain_id}, each a process"
        )
        screen.heading("The market is founded")
        floor = Floor(lambda: FailoverConnection(addresses))
        market = found_market(plan, floor, screen)
        issuer = issuer_name(next(one for one in plan.securities.values() if one.listed))
        nodes.follow(issuer)
        screen.line(f"A follower checks every block from the first on, for the {issuer}")
        screen.heading("The market runs")
        trading = Trading(market, listed.refused)
        with _mishap(nodes, trading, plan.tally.trades, screen):
            run = trading.run_days(screen)
        with screen.step("Accounts compared") as step:
            compared = settle_accounts(market, run, listed)
            step.said = f"{compared:,} holdings are what the trades say, to the unit"
        screen.line("")
        screen.table(outcomes_table(listed.outcomes))
        screen.heading("The nodes agree")
        with screen.step("Roots compared") as step:
            agreed = _agreement(nodes)
            root = agreed.state_root.hex()[:16]
            count = len(nodes.names) + len(nodes.followers)
            step.said = f"{count} nodes, one root at height {agreed.moment.height:,}: {root}…"
        nodes.look()
        screen.table(nodes.table())
        screen.heading("A stranger checks")
        proof = control.folder.with_name("register.proof")
        with screen.step("Register proven complete") as step:
            data = market.floor.regulator.proof(
                "register", instrument=market.securities[busiest_security(market)]
            )
            proof.write_bytes(data)
            step.said = f"{len(data) / 1024:,.0f} KiB, signed by the validators"
        verify_elsewhere(screen, proof, control.folder / GENESIS_NAME)
        screen.heading("The issuer looks at its own node")
        with screen.step("Receipts fetched and checked") as step:
            blocks, receipts = _issuers_receipts(nodes, market, issuer)
            step.said = f"{receipts:,} from {blocks:,} blocks, each under a root that the validators signed"
    with screen.step("Replayed by one machine") as step:
        report = replay_ledger(
            control.path(VICTIM),
            key_file=control.folder / KEYS_FOLDER / f"{VICTIM}.key",
            check=True,
            progress=step.at,
        )
        if report.header.digest() != agreed.application_hash:
            raise DemoFailed("The replay led to another root; this is an error of the program.")
        step.said = f"{report.blocks:,} decided blocks in the embedded engine: the same root"
    screen.line(f"\n[bold]Done in {time.monotonic() - began:.0f} s.[/bold]")


def _others(nodes: Nodes) -> list[str]:
    return [name for name in nodes.names if name != VICTIM]


@contextmanager
def _mishap(nodes: Nodes, trading: Trading, trades: int, screen: LiveScreen) -> Iterator[None]:
    """While the market runs, the node that its clients talk to is killed, and brought back later."""
    finished = threading.Event()
    happened: list[str] = []
    failures: list[BaseException] = []

    def entered(part: float) -> bool:
        return len(trading.run.entered) + trading.run.refused >= part * trades

    def work() -> None:
        try:
            while not entered(KILLED_AT) and not finished.wait(0.1):
                pass
            nodes.control.kill(VICTIM)
            screen.line(f"[red]✗[/red] {VICTIM} is killed; its clients go on at another node")
            happened.append("killed")
            while not entered(BROUGHT_BACK_AT) and not finished.wait(0.1):
                pass
            nodes.control.up([VICTIM], "--workers", "1", is_serving=nodes.is_serving)
            screen.line(f"[green]✓[/green] {VICTIM} is back")
            happened.append("back")
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
    if failures:
        raise failures[0]
    if happened != ["killed", "back"]:
        raise DemoFailed("The mishap did not happen; take more trades.")


def _agreement(nodes: Nodes) -> Status:
    """Every node at the same height with the same root. DemoFailed where two differ, or one does not get there."""
    give_up = time.monotonic() + AGREE_SECONDS
    while True:
        found = {name: nodes.status(name) for name in [*nodes.names, *nodes.followers]}
        told = [status for status in found.values() if status is not None]
        by_height: dict[int, set[bytes]] = {}
        for status in told:
            by_height.setdefault(status.moment.height, set()).add(status.application_hash)
        if any(len(hashes) > 1 for hashes in by_height.values()):
            raise DemoFailed("Two nodes have different books at one height; this is an error of the program.")
        if len(told) == len(found) and len(by_height) == 1:
            return told[0]
        if time.monotonic() > give_up:
            silent = [name for name, status in found.items() if status is None]
            raise DemoFailed(f"The nodes do not come together: {silent or by_height}")
        time.sleep(LOOK_SECONDS)


def _issuers_receipts(nodes: Nodes, market: Market, issuer: str) -> tuple[int, int]:
    """How many blocks told the issuer something, and how many receipts its follower keeps of them."""
    (follower,) = nodes.followers
    party = market.floor.regulator.party_id(issuer)
    give_up = time.monotonic() + AGREE_SECONDS
    with Client(SocketConnection(nodes.control.socket(follower)), key_of(issuer), party=party) as client:
        while not (blocks := client.read("receipts").blocks):
            if time.monotonic() > give_up:
                raise DemoFailed("The issuer's follower has no receipts; this is an error of the program.")
            time.sleep(LOOK_SECONDS)
    return len(blocks), sum(len(block.receipts) for block in blocks)
