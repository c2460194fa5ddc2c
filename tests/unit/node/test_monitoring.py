"""Health, readiness and figures of a node, as a monitor on its machine reads them."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from counterfoil.engine.port import EngineStopped
from counterfoil.node import health
from counterfoil.node.health import NodeWatch
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger
from counterfoil.node.monitoring import Check, Monitor
from counterfoil.node.network.engine_state import others_height
from counterfoil.node.personas import party_key, sandbox_genesis
from counterfoil.policy.subjects import BusinessCounts, NodeHealth, Subject
from counterfoil.sdk import Client, LocalConnection, persona_client, recipes, seed

CLIENTS = 3


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LedgerNode]:
    create_ledger(tmp_path / "l", sandbox_genesis("watched"), encrypted=False)
    with open_ledger(tmp_path / "l", workers=0) as opened:
        yield opened


class Seen(NamedTuple):
    answers: bool = True
    height: int = 12
    peers: int = 3
    catching_up: bool = False
    others_height: int = 12


def asked(monitor: Monitor, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{monitor.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def failing(told: str) -> list[str]:
    return [check["name"] for check in json.loads(told)["checks"] if not check["passes"]]


def figures(monitor: Monitor) -> dict[str, Any]:
    code, text = asked(monitor, "/metrics")
    assert code == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_ledger_that_works_is_live_and_ready(node: LedgerNode) -> None:
    with Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor:
        assert asked(monitor, "/live") == (200, '{"live":true}')
        code, told = asked(monitor, "/ready")
        assert (code, json.loads(told)["ready"], failing(told)) == (200, True, [])
        assert asked(monitor, "/")[0] == 404
        assert asked(monitor, "/ready", "POST")[0] == 501


def test_one_that_failed_is_neither(node: LedgerNode) -> None:
    with Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor:
        node.engine.failure = EngineStopped("of Broker A")
        assert asked(monitor, "/live")[0] == 503
        code, told = asked(monitor, "/ready")
        assert (code, failing(told)) == (503, ["working"])
        assert "Broker" not in told
        assert figures(monitor)[("counterfoil_failed",)] == 1


@pytest.mark.parametrize(
    ("seen", "fails"),
    [
        (Seen(), []),
        (Seen(answers=False, peers=0), ["engine", "caught_up", "peers"]),
        (Seen(catching_up=True), ["caught_up"]),
        (Seen(peers=0), ["peers"]),
        (Seen(others_height=0), []),
        (Seen(others_height=12 + health.BEHIND_BLOCKS_MAX), []),
        (Seen(others_height=13 + health.BEHIND_BLOCKS_MAX), ["caught_up"]),
        (Seen(height=0, others_height=0), []),
    ],
)
def test_a_networks_node_is_ready_where_its_engine_is(node: LedgerNode, seen: Seen, fails: list[str]) -> None:
    with Monitor(NodeWatch(node, lambda: CLIENTS, lambda: seen), 0) as monitor:
        code, told = asked(monitor, "/ready")
        assert (code, failing(told)) == (503 if fails else 200, fails)
    alone = NodeWatch(node, lambda: CLIENTS, lambda: Seen(peers=0), alone=True)
    assert all(check.passes for check in alone.checks())


def test_a_node_that_nobody_can_help_is_told_what_to_do(node: LedgerNode) -> None:
    """Its engine has peers and says that it takes no old blocks: nobody has the one after its last."""
    watch = NodeWatch(node, lambda: CLIENTS, lambda: Seen(height=40, others_height=91))
    (check,) = [check for check in watch.checks() if not check.passes]
    assert check.name == "caught_up"
    assert "51 blocks behind" in check.said
    assert "stays at block 40" in check.said
    assert "join it anew from a snapshot" in check.said


def peer(height: int) -> dict[str, Any]:
    return {"node_address": "id@127.0.0.1:1", "peer_state": {"round_state": {"height": str(height)}}}


@pytest.mark.parametrize(
    ("peers", "height"),
    [
        ([], 0),
        ([peer(0)], 0),
        ([peer(92)], 91),
        ([peer(92), peer(92), peer(41)], 91),
        ([peer(92), peer(1_000_000), peer(92)], 91),
        ([peer(1_000_000), {"node_address": "", "peer_state": None}], 999_999),
    ],
    ids=["alone", "new peer", "one", "three", "one lies", "one without a state"],
)
def test_how_far_others_are_is_what_two_of_them_say(peers: list[dict[str, Any]], height: int) -> None:
    assert others_height(peers) == height


def test_a_full_disk_and_an_unwritten_store_are_not_ready(
    node: LedgerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = NodeWatch(node, lambda: CLIENTS)
    monkeypatch.setattr(health, "DISK_LEAST_BYTES", 1 << 62)
    assert [check.name for check in watch.checks() if not check.passes] == ["disk"]
    monkeypatch.undo()
    seed(lambda: LocalConnection(node))
    monkeypatch.setattr(health, "UNWRITTEN_BLOCKS_MAX", -1)
    assert [check.name for check in watch.checks() if not check.passes] == ["store"]


HEALTH: dict[str, tuple[str, ...]] = {
    "info": ("program", "chain_id", "kind"),
    **dict.fromkeys(("ready", "failed"), ()),
    "check": ("check",),
    **dict.fromkeys(("height", "blocks", "block_time_seconds", "records", "rule_version"), ()),
    **dict.fromkeys(("held_from_height", "stored_height", "waits", "decided_blocks_total"), ()),
    **dict.fromkeys(("deciding_cpu_seconds_total", "disk_free_bytes"), ()),
    "disk_bytes": ("of",),
}
"""Of figures that anybody on the machine sees: the labels. None is a member, an account, an instrument or a kind of
business, and none counts what somebody does."""
BUSINESS: dict[str, tuple[str, ...]] = {
    "waiting_transactions": (),
    "transactions_total": ("outcome",),
    "clients": (),
}
"""Of those that are shown to whoever runs the ledger alone."""


def labels_of(found: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """By figure (without those of the process itself), its labels."""
    own = [key for key in found if key[0].startswith("counterfoil_")]
    return {key[0].removeprefix("counterfoil_"): tuple(label for label, _ in key[1:]) for key in own}


def run_for(node: LedgerNode, persona: str, *, mandated: bool = True) -> bytes:
    """The party of a persona, which lets the node act for it."""
    party = persona_client(LocalConnection(node), persona).party
    client = Client(LocalConnection(node), party_key(persona), party=party)
    if mandated:
        client.send(recipes.node_of(client, node.sealer.address))
    return client.party


@pytest.mark.parametrize(
    ("persona", "mandated", "sees"),
    [
        ("regulator", True, True),
        ("depository", True, True),
        ("broker-a", True, False),
        ("exchange", True, False),
        ("issuer-a", True, False),
        ("data-protection", True, False),
        ("regulator", False, False),
        ("", False, False),
    ],
)
def test_sums_are_shown_where_the_policy_lets_the_nodes_operator_see_them(
    node: LedgerNode, persona: str, mandated: bool, sees: bool
) -> None:
    """Whoever names a regulator without its mandate sees no more than anybody."""
    seed(lambda: LocalConnection(node))
    operator = run_for(node, persona, mandated=mandated) if persona else b""
    with Monitor(NodeWatch(node, lambda: CLIENTS, operator=operator), 0) as monitor:
        found = labels_of(figures(monitor))
    want = HEALTH | (BUSINESS if sees else {})
    assert {name: sorted(labels) for name, labels in found.items()} == {
        name: sorted(labels) for name, labels in want.items()
    }


def test_the_policy_is_asked_for_every_figure_and_check(
    node: LedgerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_about: list[Subject] = []

    def may_see(self: NodeWatch, subject: Subject) -> bool:
        asked_about.append(subject)
        return False

    monkeypatch.setattr(NodeWatch, "may_see", may_see)
    with Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor:
        assert labels_of(figures(monitor)) == {}
        assert json.loads(asked(monitor, "/ready")[1])["checks"] == []
    assert set(asked_about) == {NodeHealth(), BusinessCounts()}


def test_what_anybody_sees_of_the_ledger_is_in_its_public_header(node: LedgerNode) -> None:
    """Beside it, figures tell of the machine and of the process alone: nothing by which a member learns of another."""
    seed(lambda: LocalConnection(node))
    with Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor:
        found = figures(monitor)
    status = Client(LocalConnection(node)).status()
    header = {
        "height": status.moment.height,
        "blocks": status.blocks,
        "block_time_seconds": status.moment.time_ms / 1_000,
        "records": status.records,
        "rule_version": status.rule_version,
    }
    assert {name: found[(f"counterfoil_{name}",)] for name in header} == header
    of_the_node = {"info", "ready", "failed", "check", "held_from_height", "stored_height", "waits"}
    of_the_node |= {"decided_blocks_total", "deciding_cpu_seconds_total", "disk_free_bytes", "disk_bytes"}
    assert set(labels_of(found)) == set(header) | of_the_node


def test_what_a_check_says_is_masked_as_a_line_of_the_log(
    node: LedgerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower's checks repeat what its source and the nodes that it asks have said."""
    account = "cfa1" + "q" * 38
    said = f"ANSWER_IS_NOT_PROVEN (account={account}, digest={'ab' * 32}, bytes={bytes(range(20))!r})"
    monkeypatch.setattr(NodeWatch, "checks", lambda self: [Check("source", False, said)])
    with Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor:
        code, told = asked(monitor, "/ready")
    assert code == 503
    assert json.loads(told)["checks"][0]["said"].startswith("ANSWER_IS_NOT_PROVEN (account=…")
    assert account not in told
    assert "abab" not in told
    assert "x0b" not in told


def test_a_ledger_that_is_busy_is_told_of_without_sums_and_at_once(node: LedgerNode) -> None:
    watch = NodeWatch(node, lambda: CLIENTS, operator=run_for(node, "regulator"))
    assert watch.may_see(BusinessCounts())
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with node.engine.lock:
            held.set()
            let_go.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)
    with Monitor(watch, 0) as monitor:
        assert "waiting_transactions" not in labels_of(figures(monitor))
        assert asked(monitor, "/ready")[0] == 200
    let_go.set()
    holder.join()
    assert watch.may_see(BusinessCounts())


def test_figures_count_what_was_decided_and_name_nobody(node: LedgerNode) -> None:
    operator = run_for(node, "regulator")
    with Monitor(NodeWatch(node, lambda: CLIENTS, operator=operator), 0) as monitor:
        before = figures(monitor)
        seed(lambda: LocalConnection(node))
        after, text = figures(monitor), asked(monitor, "/metrics")[1]
    accepted = ("counterfoil_transactions_total", ("outcome", "accepted"))
    assert after[accepted] - before[accepted] > 10
    assert after[("counterfoil_waits",)] == 0
    assert after[("counterfoil_height",)] == node.height
    assert after[("counterfoil_decided_blocks_total",)] >= node.height - 1 - before[("counterfoil_height",)]
    assert after[("counterfoil_clients",)] == CLIENTS
    assert after[("counterfoil_disk_bytes", ("of", "log"))] > 0
    assert "process_resident_memory_bytes" in text
    labels = {label for key in after for label, _ in key[1:]}
    assert labels == {"program", "chain_id", "kind", "outcome", "of", "check"}
    told = text.replace(node.chain_id, "")
    assert not re.search(r"cf[a-z]1|XS00|Broker|[0-9a-f]{24}", told), (
        "a name or an identity is in the figures"
    )


def test_every_figure_is_in_the_table_of_the_how_to(node: LedgerNode) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/how-to/watch-a-node.md").read_text()
    described = set(re.findall(r"`counterfoil_([a-z_]+?)(?:_total)?(?:\{[^`]*\})?`", page))
    told = {figure.name for figure in NodeWatch(node, lambda: 0, lambda: Seen()).figures()}
    assert told <= described, sorted(told - described)


def test_it_listens_on_this_machine_alone(node: LedgerNode) -> None:
    with (
        Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor,
        socket.socket() as other,
        pytest.raises(OSError),
    ):
        other.settimeout(2)
        other.connect(("127.0.0.2", monitor.port))


def test_without_the_library_health_is_told_all_the_same(
    node: LedgerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with Monitor(NodeWatch(node, lambda: CLIENTS), 0) as monitor:
        assert asked(monitor, "/ready")[0] == 200
        code, said = asked(monitor, "/metrics")
        assert code == 501
        assert "counterfoil[metrics]" in said
