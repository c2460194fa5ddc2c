"""What a network is laid out as: host lists, settings, genesis, configuration, services, the engine's program."""

from __future__ import annotations

import json
import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from counterfoil.engine.cometbft.process import VARIABLE, VERSION, EngineMissing, find_engine
from counterfoil.engine.cometbft.rpc import EngineRefused
from counterfoil.machine.genesis import chain_id, decode_genesis, genesis_digest, network_validators
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import open_ledger
from counterfoil.node.network import joining
from counterfoil.node.network.control import Control, NetworkFailed, tail
from counterfoil.node.network.creating import (
    HostsError,
    Place,
    create_network,
    is_network_folder,
    places_here,
    read_hosts,
)
from counterfoil.node.network.homes import EVIDENCE_DAYS, consensus_key
from counterfoil.node.network.joining import invite, join
from counterfoil.node.network.next_key import NEXT_KEY_NAME, NextKeyFile
from counterfoil.node.network.settings import (
    ENGINE_FOLDER,
    NODE_FILE,
    encoded,
    name_member,
    path_from,
    read_follower,
    read_network,
    read_settings,
    socket_path,
)
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.transfer_format import ArgonCost, TransferFileError
from counterfoil.storage.errors import CorruptStorage, FolderRefused
from counterfoil.verify.light.steps import DAY_NS, TRUSTING_DAYS, Rules

CHEAP = ArgonCost(1, 8_192)
LOCK = "seven unusual words"
HASH = "0A" * 32


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "n"
    create_network(
        folder, sandbox_genesis("laid-out"), places_here(3, 1, 26_000), snapshot_interval=25, retain_blocks=77
    )
    return folder


class ToldByEngine:
    """An engine that is at a height and names every block alike, each a given while after it was made."""

    def __init__(self, height: int, age_ms: int = 0) -> None:
        self.height, self.age_ms = height, age_ms

    def status(self) -> dict[str, Any]:
        return {"sync_info": {"latest_block_height": str(self.height)}}

    def ask(self, method: str, height: str) -> dict[str, Any]:
        if int(height) > self.height:
            raise EngineRefused("Internal error", "height must be less than or equal to the current")
        made = datetime.fromtimestamp((system_clock_ms() - self.age_ms) // 1_000, tz=UTC)
        header = {"time": made.strftime("%Y-%m-%dT%H:%M:%S.5Z")}
        return {"signed_header": {"header": header, "commit": {"block_id": {"hash": HASH}}}}

    def close(self) -> None:
        pass


def test_a_host_list_is_read_line_by_line() -> None:
    text = """
    # a comment
    north validator north.example.com 26600 3   # the strongest
    reader full 192.0.2.7
    gate sentry gate.example.com 26600 north
    """
    assert read_hosts(text) == [
        Place("north", 3, "north.example.com", 26_600),
        Place("reader", 0, "192.0.2.7", 26_600),
        Place("gate", 0, "gate.example.com", 26_600, guards="north"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("north", "line 1"),
        ("a full h\nnorth judge host", "line 2"),
        ("north validator host x", "line 1"),
        ("north validator host 26600 -1", "positive"),
        ("no/rth validator host", "letters"),
        ("a full h\na full h", "one name"),
        ("a validator h\nb sentry h 26600", "line 2"),
        ("a full h\nb sentry h 26600 a", "no validator here"),
    ],
)
def test_a_host_list_that_cannot_be_read_names_its_line(text: str, words: str) -> None:
    with pytest.raises(HostsError, match=words):
        read_hosts(text)


def test_a_network_needs_a_validator_and_a_new_folder(tmp_path: Path, network: Path) -> None:
    with pytest.raises(ValueError, match="validator"):
        create_network(tmp_path / "n", sandbox_genesis(), places_here(0, 2))
    with pytest.raises(FolderRefused, match="something"):
        create_network(network, sandbox_genesis(), places_here(1, 0))
    with pytest.raises(ValueError, match="section"):
        create_network(
            tmp_path / "m",
            msgspec.structs.replace(
                sandbox_genesis(), sections={**sandbox_genesis().sections, "weather": {}}
            ),
            places_here(1, 0),
        )
    assert not (tmp_path / "m").exists(), "whole or not at all"


def test_both_genesis_files_name_the_same_ledger_and_validators(network: Path) -> None:
    genesis_bytes = (network / "genesis.json").read_bytes()
    genesis = decode_genesis(genesis_bytes)
    engine = json.loads((network / "engine-genesis.json").read_bytes())
    assert genesis.sealers == ()
    assert engine["chain_id"] == chain_id(genesis.name, genesis_digest(genesis_bytes))
    assert engine["app_state"] == {"genesis": genesis_digest(genesis_bytes).hex()}
    assert engine["initial_height"] == "2"
    described = read_network(network)
    assert described is not None
    keys = {node.validator_key for node in described.nodes if node.power}
    assert {validator.key[1:].hex() for validator in network_validators(genesis)} == keys
    assert len(engine["validators"]) == len(keys) == 3
    assert is_network_folder(network)
    assert not is_network_folder(network / "full-1")


def test_every_node_has_keys_of_its_own_that_nobody_else_reads(network: Path) -> None:
    names = ["validator-1", "validator-2", "validator-3", "full-1"]
    secrets: list[Any] = []
    for name in names:
        config = network / name / "engine" / "config"
        for file in (
            config / "node_key.json",
            config / "priv_validator_key.json",
            network / name / "node-secrets",
        ):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        secrets.append((config / "priv_validator_key.json").read_text())
        secrets.append((config / "node_key.json").read_text())
        with open_ledger(network / name, start=False, workers=0) as node:
            secrets.append(node.sealer.public_key)
            assert node.machine.last is None, "founded when the engine says so"
    assert len(set(secrets)) == len(secrets)


def test_the_configuration_is_what_was_measured(network: Path) -> None:
    own = tomllib.loads((network / "validator-2" / "engine" / "config" / "config.toml").read_text())
    assert (
        own["proxy_app"] == f"unix://{socket_path(network / 'validator-2' / 'engine', 'application.socket')}"
    )
    assert own["consensus"]["create_empty_blocks"] is False
    assert own["consensus"]["timeout_commit"] == "200ms"
    assert own["mempool"]["recheck"] is False
    assert own["mempool"]["max_tx_bytes"] == 4 * 1024 * 1024
    assert own["tx_index"]["indexer"] == "null"
    assert own["p2p"]["laddr"] == "tcp://127.0.0.1:26010"
    assert own["p2p"]["persistent_peers"].count("@127.0.0.1:") == 3
    assert "26010" not in own["p2p"]["persistent_peers"]


@pytest.mark.parametrize(
    ("snapshots", "retain", "words"),
    [
        (10, 30, ""),
        (10, 29, "29 blocks are too few for a snapshot every 10:.* Keep 30 or more"),
        (1_000, 1_000, "Keep 3,000 or more, or take snapshots more often"),
        (0, 500, "keep all blocks, or let snapshots be taken"),
        (0, 0, ""),
        (1_000, 0, ""),
    ],
)
def test_blocks_are_kept_until_a_joiner_has_its_snapshot(
    tmp_path: Path, snapshots: int, retain: int, words: str
) -> None:
    def made() -> None:
        create_network(
            tmp_path / "n",
            sandbox_genesis(),
            places_here(1, 0, 26_200),
            encrypted=False,
            snapshot_interval=snapshots,
            retain_blocks=retain,
        )

    if not words:
        made()
        return
    with pytest.raises(ValueError, match=words):
        made()
    assert not (tmp_path / "n").exists()


def test_hosts_elsewhere_are_listened_for(tmp_path: Path) -> None:
    places = [Place("a", 1, "a.example.com", 26_600), Place("b", 0, "b.example.com", 26_600)]
    create_network(tmp_path / "n", sandbox_genesis(), places, encrypted=False)
    own = tomllib.loads((tmp_path / "n" / "a" / "engine" / "config" / "config.toml").read_text())
    assert own["p2p"]["laddr"] == "tcp://0.0.0.0:26600"
    assert own["p2p"]["external_address"] == "a.example.com:26600"
    assert "tcp://127.0.0.1:26601" in own["rpc"]["laddr"], "a validator's engine answers no stranger"
    reader = tomllib.loads((tmp_path / "n" / "b" / "engine" / "config" / "config.toml").read_text())
    assert "tcp://b.example.com:26601" in reader["rpc"]["laddr"]
    unit = (tmp_path / "n" / "systemd" / "counterfoil-a.service").read_text()
    assert "counterfoil start /srv/counterfoil/a\n" in unit
    assert (tmp_path / "n" / "compose.yaml").read_text().count("image: counterfoil") == 2


def test_a_follower_finds_the_nodes_beside_it_wherever_it_is_put(tmp_path: Path) -> None:
    create_network(tmp_path / "n", sandbox_genesis(), places_here(1, 1, 26_300, 1), encrypted=False)
    moved = (tmp_path / "n").rename(tmp_path / "srv")
    follower = read_follower(moved / "follower-1")
    assert follower is not None
    assert [path_from(moved / "follower-1", one) for one in follower.nodes] == [
        moved / "validator-1" / "socket",
        moved / "full-1" / "socket",
    ]
    assert path_from(moved, "/etc/node.json") == Path("/etc/node.json")
    compose = (moved / "compose.yaml").read_text().partition("  follower-1:")[2]
    assert compose.count("/nodes/full-1:ro") == 1, "its socket is in there"
    assert "env_file: ./systemd/follower-1.env" in compose


def test_a_follower_on_a_host_of_its_own_is_told_whose_it_is_and_whom_it_asks(tmp_path: Path) -> None:
    places = [
        Place("a", 1, "a.example.com", 26_600),
        Place("b", 0, "b.example.com", 26_600),
        Place("alone", 0, "c.example.com", 26_600, follows=True),
        Place("beside", 0, "b.example.com", 26_610, follows=True),
    ]
    create_network(tmp_path / "n", sandbox_genesis(), places, encrypted=False)
    alone, beside = (read_follower(tmp_path / "n" / name) for name in ("alone", "beside"))
    assert alone is not None
    assert beside is not None
    assert (alone.nodes, beside.nodes) == ((), ("../b/socket",))
    assert alone.engines == ("http://b.example.com:26601",)
    unit = (tmp_path / "n" / "systemd" / "counterfoil-alone.service").read_text()
    assert "EnvironmentFile=-/etc/counterfoil/alone.env\n" in unit
    environment = tmp_path / "n" / "systemd" / "alone.env"
    assert all(line.startswith("#") for line in environment.read_text().splitlines())
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600, "a passphrase may be entered there"
    assert "EnvironmentFile" not in (tmp_path / "n" / "systemd" / "counterfoil-b.service").read_text()


def test_what_listens_beyond_its_machine_is_what_the_page_says(tmp_path: Path) -> None:
    """docs/explanation/on-the-wire.md: the peers' port of every node, and the RPC of engines that do not vote."""
    places = [Place("a", 1, "a.example.com", 26_600), Place("b", 0, "b.example.com", 26_600)]
    create_network(tmp_path / "n", sandbox_genesis(), places, encrypted=False)
    beyond: dict[str, set[str]] = {}
    for name in ("a", "b"):
        text = (tmp_path / "n" / name / "engine" / "config" / "config.toml").read_text()
        listening = {
            f"{section}.{key}": str(value)
            for section, values in tomllib.loads(text).items()
            if isinstance(values, dict)
            for key, value in values.items()
            if key.endswith(("laddr", "listen_addr")) and value
        }
        assert set(listening) == {"p2p.laddr", "rpc.laddr", "instrumentation.prometheus_listen_addr"}
        beyond[name] = {
            key
            for key, value in listening.items()
            for one in value.split(",")
            if not one.removeprefix("tcp://").startswith(("unix://", "127.0.0.1:"))
        }
    assert beyond == {"a": {"p2p.laddr"}, "b": {"p2p.laddr", "rpc.laddr"}}


def test_settings_are_read_back_and_a_member_is_named(tmp_path: Path, network: Path) -> None:
    settings = read_settings(network / "full-1")
    assert settings is not None
    assert (settings.name, settings.consensus_from, settings.retain_blocks) == ("full-1", 2, 77)
    name_member(network / "full-1", bytes(range(20)))
    assert read_settings(network / "full-1") == msgspec.structs.replace(
        settings, member=bytes(range(20)).hex()
    )
    assert read_settings(tmp_path) is None
    with pytest.raises(FolderRefused):
        name_member(tmp_path, bytes(20))
    (tmp_path / "node.json").write_text("{}")
    with pytest.raises(CorruptStorage, match="description of a network"):
        read_settings(tmp_path)


def test_an_invitation_is_for_one_ledger_and_opens_with_its_passphrase(tmp_path: Path, network: Path) -> None:
    key = network / "storage-keys" / "validator-1.key"
    invite(network / "validator-1", tmp_path / "invitation", LOCK, key_file=key, cost=CHEAP)
    with pytest.raises(TransferFileError, match="already"):
        invite(network / "validator-1", tmp_path / "invitation", LOCK, key_file=key, cost=CHEAP)
    arguments: dict[str, Any] = {"name": "new", "port": 29_000, "from_genesis": True, "encrypted": False}
    with pytest.raises(TransferFileError, match="does not open"):
        join(tmp_path / "invitation", tmp_path / "new", "other unusual words", **arguments)
    joined = join(tmp_path / "invitation", tmp_path / "new", LOCK, **arguments)
    assert joined.trusted is None
    with open_ledger(tmp_path / "new", start=False, workers=0) as node:
        assert node.sealer.address == joined.address
        assert node.genesis_bytes == (network / "genesis.json").read_bytes()
    own = tomllib.loads((tmp_path / "new" / "engine" / "config" / "config.toml").read_text())
    assert own["p2p"]["persistent_peers"].count("@") == 4
    changed = bytearray((tmp_path / "invitation").read_bytes())
    changed[-1] ^= 1
    (tmp_path / "changed").write_bytes(changed)
    with pytest.raises(TransferFileError):
        join(tmp_path / "changed", tmp_path / "other", LOCK, **arguments)
    with pytest.raises(TransferFileError, match="answer"):
        join(tmp_path / "invitation", tmp_path / "late", LOCK, name="late", port=29_010, encrypted=False)


def test_nodes_that_are_not_here_are_named(network: Path, tmp_path: Path) -> None:
    control = Control(network)
    with pytest.raises(NetworkFailed, match="validator-9"):
        control.names(["validator-9"])
    assert [state.pid for state in control.states()] == [None] * 4
    assert control.last_words("full-1") == "it said nothing"
    with pytest.raises(FolderRefused, match="network create"):
        Control(tmp_path)
    assert tail(tmp_path / "absent", 3) == []


def program(path: Path, says: str, code: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_the_engines_program_is_the_pinned_version_or_refused(tmp_path: Path) -> None:
    good = program(tmp_path / "good", f"v{VERSION}+abcdef")
    assert find_engine({VARIABLE: str(good)}) == good
    for other in (program(tmp_path / "old", "0.34.0"), program(tmp_path / "broken", "", 1)):
        with pytest.raises(EngineMissing, match=VERSION):
            find_engine({VARIABLE: str(other)})
    with pytest.raises(EngineMissing, match="make engine"):
        find_engine({VARIABLE: str(tmp_path / "absent")})
    (tmp_path / "text").write_text("no program")
    with pytest.raises(EngineMissing, match="cannot be run"):
        find_engine({VARIABLE: str(tmp_path / "text")})


def test_a_next_key_is_made_once_and_takes_the_present_ones_place(network: Path) -> None:
    folder = network / "validator-3"
    present, change = consensus_key(folder), NextKeyFile(folder)
    assert change.waiting() is None
    made = change.made()
    assert made != present
    change.give_up()
    again = change.made()
    assert again not in (made, present)
    assert change.made() == change.waiting() == again
    file = folder / ENGINE_FOLDER / "config" / NEXT_KEY_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    change.take()
    assert change.waiting() is None
    assert consensus_key(folder) == again


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"pub_key": {"value": "x"}}'])
def test_a_damaged_next_key_is_named(network: Path, data: bytes) -> None:
    folder = network / "validator-2"
    file = folder / ENGINE_FOLDER / "config" / NEXT_KEY_NAME
    file.write_bytes(data)
    with pytest.raises(CorruptStorage, match=NEXT_KEY_NAME):
        NextKeyFile(folder).waiting()
    file.unlink()


def test_a_folder_that_was_moved_to_its_host_is_opened_there(tmp_path: Path) -> None:
    """Its engine then finds the application, and the node its engine; nothing else in the configuration changes."""
    create_network(tmp_path / "n", sandbox_genesis("moved"), places_here(1, 0, 26_100), encrypted=False)
    config = Path(ENGINE_FOLDER) / "config" / "config.toml"
    before = tomllib.loads((tmp_path / "n" / "validator-1" / config).read_text())
    here = tmp_path / "n" / "validator-1"
    for place in (tmp_path / "srv", tmp_path / ("a-long-name-" * 12)):
        here = here.rename(place)
        open_ledger(place, workers=0, start=False).close()
        after = tomllib.loads((place / config).read_text())
        home = place / ENGINE_FOLDER
        assert after["proxy_app"] == f"unix://{socket_path(home, 'application.socket')}"
        assert after["rpc"]["laddr"] == f"unix://{socket_path(home, 'rpc.socket')},tcp://127.0.0.1:26101"
        assert after["p2p"] == before["p2p"]
        assert {**after, "proxy_app": "", "rpc": ""} == {**before, "proxy_app": "", "rpc": ""}


@pytest.mark.parametrize(("interval", "height"), [(0, 5_000), (1_000, 999)])
def test_nobody_waits_for_a_snapshot_that_is_not_taken(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: int, height: int
) -> None:
    node = network / "full-1"
    before = (node / NODE_FILE).read_bytes()
    settings = read_settings(node)
    assert settings is not None
    (node / NODE_FILE).write_bytes(encoded(msgspec.structs.replace(settings, snapshot_interval=interval)))
    try:
        invite(node, tmp_path / "invitation", LOCK, cost=CHEAP)
    finally:
        (node / NODE_FILE).write_bytes(before)
    monkeypatch.setattr(joining, "EngineRpc", lambda *_, **__: ToldByEngine(height))
    arguments: dict[str, Any] = {"name": "new", "port": 27_000, "encrypted": False}
    for trusted in (None, (7, HASH)):
        with pytest.raises(TransferFileError, match="take all blocks instead"):
            join(tmp_path / "invitation", tmp_path / "new", LOCK, trusted=trusted, **arguments)
    assert not (tmp_path / "new").exists()


def test_a_trusted_block_is_one_that_the_nodes_have(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(network / "full-1", tmp_path / "invitation", LOCK, cost=CHEAP)
    monkeypatch.setattr(joining, "EngineRpc", lambda *_, **__: ToldByEngine(5_000))
    arguments: dict[str, Any] = {"name": "new", "port": 27_000, "encrypted": False}
    for trusted, words in (((7, "11" * 32), "another block 7"), ((5_001, HASH), "have no block 5,001")):
        with pytest.raises(TransferFileError, match=words):
            join(tmp_path / "invitation", tmp_path / "new", LOCK, trusted=trusted, **arguments)
    joined = join(tmp_path / "invitation", tmp_path / "new", LOCK, trusted=(7, HASH), **arguments)
    assert joined.trusted == (7, HASH)
    own = tomllib.loads((tmp_path / "new" / "engine" / "config" / "config.toml").read_text())
    assert (own["statesync"]["trust_height"], own["statesync"]["trust_hash"]) == (7, HASH)


@pytest.mark.parametrize(("height", "words"), [(5_000, "let something be decided"), (7, "name a newer one")])
def test_a_block_that_is_too_old_vouches_for_nothing(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, height: int, words: str
) -> None:
    """A network that rested over the holidays is joined from its last block; after two weeks the engine refuses it."""
    invite(network / "full-1", tmp_path / "invitation", LOCK, cost=CHEAP)
    arguments: dict[str, Any] = {"name": "new", "port": 27_000, "encrypted": False, "trusted": (height, HASH)}
    day_ms = 86_400_000
    monkeypatch.setattr(
        joining, "EngineRpc", lambda *_, **__: ToldByEngine(5_000, TRUSTING_DAYS * day_ms + 2_000)
    )
    with pytest.raises(TransferFileError, match=f"14 days old.*{words}.*--from-genesis"):
        join(tmp_path / "invitation", tmp_path / "new", LOCK, **arguments)
    young = ToldByEngine(5_000, TRUSTING_DAYS * day_ms - 60_000)
    monkeypatch.setattr(joining, "EngineRpc", lambda *_, **__: young)
    assert join(tmp_path / "invitation", tmp_path / "new", LOCK, **arguments).trusted == (height, HASH)


def test_validators_answer_for_longer_than_a_block_is_trusted(network: Path) -> None:
    engine = json.loads((network / "engine-genesis.json").read_bytes())
    own = tomllib.loads((network / "full-1" / "engine" / "config" / "config.toml").read_text())
    answering_ns = int(engine["consensus_params"]["evidence"]["max_age_duration"])
    assert answering_ns == EVIDENCE_DAYS * DAY_NS == 21 * DAY_NS
    assert own["statesync"]["trust_period"] == "336h0m0s"
    assert Rules().trusting_period_ns == 14 * DAY_NS < answering_ns


def test_a_state_is_taken_only_where_two_engines_answer_others(tmp_path: Path) -> None:
    places = [Place("a", 1, "a.example.com", 26_600), Place("b", 0, "b.example.com", 26_600)]
    create_network(tmp_path / "n", sandbox_genesis(), places, encrypted=False)
    invite(tmp_path / "n" / "b", tmp_path / "invitation", LOCK, cost=CHEAP)
    arguments: dict[str, Any] = {"name": "new", "port": 27_000, "encrypted": False}
    for trusted in (None, (7, HASH)):
        with pytest.raises(TransferFileError, match="needs 2 nodes"):
            join(tmp_path / "invitation", tmp_path / "new", LOCK, trusted=trusted, **arguments)
