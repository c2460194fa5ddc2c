"""A network whose operators drew their own keys: the files they hand over, what is made of them, who takes a place."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from counterfoil.cli.failures import Exit
from counterfoil.cli.main import app
from counterfoil.custody.key_files import ArgonCost, KeyFileError
from counterfoil.machine.genesis import decode_genesis, network_validators
from counterfoil.node.ledger import SealingKey, open_ledger
from counterfoil.node.network.control import Control
from counterfoil.node.network.creating import create_network, read_hosts
from counterfoil.node.network.homes import consensus_key
from counterfoil.node.network.joining import invite, join
from counterfoil.node.network.node_keys import (
    Claim,
    NodeKeys,
    decode_public,
    encode_public,
    read_keys,
    read_public,
    write_keys,
)
from counterfoil.node.network.settings import read_network, read_settings
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.transfer_format import ArgonCost as TransferCost
from counterfoil.node.transfer_format import TransferFileError
from counterfoil.primitives.signatures import ED25519
from counterfoil.storage.errors import FolderRefused

CHEAP = ArgonCost(1, 8_192)
LOCK = "seven unusual words"
HOSTS = """
north  validator north.example.com  26600 2
south  validator south.example.com  26700 3
reader full      reader.example.com 26800
copy   follower  127.0.0.1          26900
"""
NAMES = ["north", "south", "reader"]
NAMED = ("sandbox", "south")
"""For which network and party a validator's key is, where that does not matter."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """south and reader draw their keys; the maker has north, makes the network, and invites."""
    folder = tmp_path_factory.mktemp("founding")
    (folder / "public").mkdir()
    for name in ("south", "reader"):
        write_keys(folder / f"{name}-keys", LOCK, "sandbox", name, cost=CHEAP)
        (folder / f"{name}-keys" / "public.json").rename(folder / "public" / f"{name}.json")
    public = read_public(folder / "public", NAMES)
    create_network(folder / "net", sandbox_genesis(), read_hosts(HOSTS), public=public, encrypted=False)
    invite(folder / "net" / "north", folder / "invitation", LOCK, cost=TransferCost(1, 8_192))
    return folder


def test_drawn_keys_are_read_back_and_lie_under_their_passphrase(tmp_path: Path) -> None:
    public = write_keys(tmp_path / "keys", LOCK, *NAMED, cost=CHEAP)
    secret = tmp_path / "keys" / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    keys = read_keys(tmp_path / "keys", LOCK)
    assert keys.stated(*NAMED) == public == decode_public((tmp_path / "keys" / "public.json").read_bytes())
    assert encode_public(keys, *NAMED) == (tmp_path / "keys" / "public.json").read_bytes()
    for one in (*keys.engine, keys.sealer, keys.opening):
        assert one not in secret.read_bytes()
    with pytest.raises(KeyFileError, match="does not open"):
        read_keys(tmp_path / "keys", "other unusual words")
    with pytest.raises(FolderRefused, match="something"):
        write_keys(tmp_path / "keys", LOCK, *NAMED, cost=CHEAP)
    with pytest.raises(KeyFileError, match="characters"):
        write_keys(tmp_path / "short", "short", *NAMED, cost=CHEAP)
    assert not (tmp_path / "short").exists(), "whole or not at all"
    secret.write_bytes(secret.read_bytes()[:-1])
    with pytest.raises(KeyFileError, match="damaged"):
        read_keys(tmp_path / "keys", LOCK)


def _changed(**fields: str) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **fields}).encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-10], "no public file of a node's keys"),
        (lambda data: data + b" " * (1 << 14), "too large"),
        (_changed(format="other"), "format"),
        (_changed(extra="field"), "no public file"),
        (_changed(node_id="00" * 20), "signature does not hold"),
        (_changed(node_id="00" * 19), "node_id has 19 bytes"),
        (_changed(validator_key="AB" * 32), "validator_key is not in lower-case"),
        (_changed(validator_key="00" * 32), "validator_key is no key"),
        (_changed(sealing_key="02" * 33), "sealing_key is no tagged key"),
        (_changed(opening_key="00" * 32), "opening_key is no key"),
        (_changed(possession=""), "possession is not in"),
        (_changed(party="north"), "signature does not hold"),
        (_changed(network="other"), "signature does not hold"),
        (_changed(signature=""), "signature is not in"),
        (_changed(signature="00" * 64), "signature does not hold"),
    ],
)
def test_a_damaged_public_file_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    (tmp_path / "north.json").write_bytes(change(encode_public(NodeKeys.draw(), *NAMED)))
    with pytest.raises(ValueError, match=words) as refused:
        read_public(tmp_path, NAMES)
    assert "north.json" in str(refused.value)


def test_public_files_are_those_of_the_host_list_and_name_every_key_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no public file"):
        read_public(tmp_path, NAMES)
    with pytest.raises(ValueError, match="cannot be read"):
        read_public(tmp_path / "nowhere", NAMES)
    keys = NodeKeys.draw()
    (tmp_path / "north.json").write_bytes(encode_public(keys, *NAMED))
    assert read_public(tmp_path, NAMES) == {"north": keys.stated(*NAMED)}
    twice = NodeKeys.draw()._replace(opening=keys.opening)
    (tmp_path / "south.json").write_bytes(encode_public(twice, *NAMED))
    with pytest.raises(ValueError, match=r"south.json: the key .* stands in .*north.json already"):
        read_public(tmp_path, NAMES)
    one = NodeKeys.draw()
    same = one._replace(sealer=one.engine.validator)
    (tmp_path / "south.json").write_bytes(encode_public(same, *NAMED))
    with pytest.raises(ValueError, match="every key is used once"):
        read_public(tmp_path, NAMES)
    (tmp_path / "south.json").rename(tmp_path / "copy.json")
    with pytest.raises(ValueError, match="no validator or full node 'copy'"):
        read_public(tmp_path, NAMES)
    (tmp_path / "copy.json").rename(tmp_path / "south.txt")
    with pytest.raises(ValueError, match=r"named NODE.json"):
        read_public(tmp_path, NAMES)


def test_the_network_names_everybodys_own_keys(folder: Path) -> None:
    genesis = decode_genesis((folder / "net" / "genesis.json").read_bytes())
    public = read_public(folder / "public", NAMES)
    network = read_network(folder / "net")
    assert network is not None
    south, reader = network.node("south"), network.node("reader")
    assert (south.id, south.validator_key) == (public["south"].node_id, public["south"].validator.hex())
    assert (reader.id, reader.validator_key) == (public["reader"].node_id, "")
    powers = {validator.key: validator.power for validator in network_validators(genesis)}
    assert powers[ED25519 + public["south"].validator] == 3
    assert genesis.sections["network"]["nodes"][1:] == [public[name].sealing.hex() for name in NAMES[1:]]
    assert list(genesis.holders[1:]) == [public[name].holder for name in NAMES[1:]]
    engine = json.loads((folder / "net" / "engine-genesis.json").read_bytes())
    assert [one["name"] for one in engine["validators"]] == ["north", "south"]


def test_the_maker_has_folders_of_its_own_nodes_and_no_secret_of_the_others(folder: Path) -> None:
    net = folder / "net"
    assert Control(net).names() == ["north", "copy"]
    assert not (net / "south").exists()
    assert sorted(path.name for path in (net / "systemd").iterdir()) == [
        "copy.env",
        "counterfoil-copy.service",
        "counterfoil-north.service",
    ]
    assert "south" not in (net / "compose.yaml").read_text()
    written = b"\n".join(path.read_bytes() for path in sorted(net.rglob("*")) if path.is_file())
    for name in ("south", "reader"):
        keys = read_keys(folder / f"{name}-keys", LOCK)
        assert keys.public.node_id.encode() in written, "what is public is there"
        for secret in (*keys.engine, keys.sealer, keys.opening):
            assert not any(form in written for form in _forms(secret))
    with open_ledger(net / "north", start=False, workers=0) as node:
        assert _forms(node.secrets.sealer)[0] in written, "the maker's own would be found"
    engine = json.loads((net / "north" / "engine" / "config" / "node_key.json").read_bytes())
    assert _forms(base64.b64decode(engine["priv_key"]["value"])[:32])[2] in written


def _forms(secret: bytes) -> tuple[bytes, bytes, bytes]:
    """As a file may have it: as it is, in hexadecimal, and at the start of what is in base 64."""
    return secret, secret.hex().encode(), base64.b64encode(secret[:30])


@pytest.mark.parametrize("name", ["south", "reader"])
def test_an_operator_takes_the_place_that_the_network_names(folder: Path, tmp_path: Path, name: str) -> None:
    keys = read_keys(folder / f"{name}-keys", LOCK)
    joined = join(
        folder / "invitation", tmp_path / "node", LOCK, name=name, port=0, encrypted=False, keys=keys
    )
    network, settings = read_network(folder / "net"), read_settings(tmp_path / "node")
    assert network is not None
    assert settings is not None
    assert joined.settings == read_network(tmp_path / "node") == network
    assert joined.trusted is None
    assert (settings.name, settings.monitor_port) == (name, network.node(name).p2p_port + 3)
    assert consensus_key(tmp_path / "node") == ED25519 + keys.public.validator
    with open_ledger(tmp_path / "node", start=False, workers=0) as node:
        assert node.sealer.public_key == keys.public.sealing
        assert node.secrets.opening == keys.opening
    engine = (tmp_path / "node" / "engine" / "config" / "genesis.json").read_bytes()
    assert engine == (folder / "net" / "engine-genesis.json").read_bytes()


def test_other_keys_or_another_name_take_no_place(folder: Path, tmp_path: Path) -> None:
    south = read_keys(folder / "south-keys", LOCK)
    node = south.engine._replace(node=bytes(32))
    for name, keys, words in (
        ("south", NodeKeys.draw(), "node id, validator key, sealing key, opening key"),
        ("south", south._replace(engine=node), r"\(node id\)"),
        ("south", NodeKeys.draw(south.engine.validator), "node id, sealing key, opening key"),
        ("south", south._replace(opening=bytes(32)), r"\(opening key\)"),
        ("north", south, "these keys are those of 'south'"),
        ("west", south, "no node 'west', it has north, south, reader; these keys are those of 'south'"),
    ):
        with pytest.raises(TransferFileError, match=words):
            join(folder / "invitation", tmp_path / "node", LOCK, name=name, port=0, keys=keys)
    assert not (tmp_path / "node").exists()


def _signed_by(keys: NodeKeys, data: bytes, **fields: str) -> bytes:
    """A public file with other fields, under a sealing key's own signature."""
    content = {**json.loads(data), **fields, "signature": ""}
    signed = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    content["signature"] = SealingKey(keys.sealer).sign(signed).hex()
    return json.dumps(content).encode()


def test_nobody_hands_over_anothers_validator_key_as_its_own(tmp_path: Path) -> None:
    """Whoever copies it into a file of its own cannot let it sign for its own party."""
    thief, owner = NodeKeys.draw(), NodeKeys.draw()
    stolen = owner.public.validator.hex()
    own, others = encode_public(thief, *NAMED), encode_public(owner, "sandbox", "north")
    assert decode_public(_signed_by(thief, own)) == thief.stated(*NAMED)
    for possession in (json.loads(own)["possession"], json.loads(others)["possession"]):
        taken = _signed_by(thief, own, validator_key=stolen, possession=possession)
        with pytest.raises(ValueError, match="has not signed that it is to be this party's"):
            decode_public(taken)


@pytest.mark.parametrize("named", [("other", "south"), ("sandbox", "north")])
def test_a_key_is_founded_for_the_names_that_it_has_signed(tmp_path: Path, named: tuple[str, str]) -> None:
    public = {"south": NodeKeys.draw().stated(*named)}
    with pytest.raises(ValueError, match="public file of south: its validator key is for .* not for 'south'"):
        create_network(tmp_path / "net", sandbox_genesis(), read_hosts(HOSTS), public=public)
    assert not (tmp_path / "net").exists()


def test_the_maker_needs_a_node_of_its_own(tmp_path: Path) -> None:
    public = {name: NodeKeys.draw().stated("sandbox", name) for name in NAMES}
    with pytest.raises(ValueError, match="take the public file of that node away"):
        create_network(tmp_path / "net", sandbox_genesis(), read_hosts(HOSTS), public=public)
    assert not (tmp_path / "net").exists()


def test_keys_are_used_for_one_folder(tmp_path: Path) -> None:
    with pytest.raises(TransferFileError), Claim(tmp_path, Path("first")):
        raise TransferFileError("no folder came of it")
    with Claim(tmp_path, Path("first")):
        pass
    with pytest.raises(FolderRefused, match="already: first"):
        Claim(tmp_path, Path("second"))
    with pytest.raises(FolderRefused, match="cannot be written"):
        Claim(tmp_path / "nowhere", Path("first"))


def test_the_commands_lead_from_keys_to_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_keys, "__kwdefaults__", {"cost": CHEAP})

    def run(*words: str | Path, code: int = Exit.DONE) -> str:
        environment = {"COLUMNS": "200", "COUNTERFOIL_PASSPHRASE": LOCK}
        done = CliRunner(env=environment).invoke(app, ["network", *(str(word) for word in words)])
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    hosts, public, net, given = (tmp_path / name for name in ("hosts", "public", "net", "given"))
    hosts.write_text(HOSTS)
    public.mkdir()
    run("keys", tmp_path / "south-keys", "--network", "sandbox-network", "--party", "south")
    (public / "south.json").write_bytes((tmp_path / "south-keys" / "public.json").read_bytes())
    refused = Exit.USAGE
    assert "with --grow" in run("create", "--hosts", hosts, "--prepared", public, net, code=refused)
    assert "needs --hosts" in run("create", "--public", public, net, code=refused)
    words = ("create", "--hosts", hosts, "--public", public)
    assert "on record" in run(*words, "--grow", hosts, "--prepared", public, net, code=refused)
    (public / "east.json").write_text("{}")
    assert "east.json: the host list has no" in run(*words, net, code=refused)
    (public / "east.json").unlink()
    assert "Invite: south" in run(*words, "--unencrypted", net)
    run("invite", net / "north", given)
    place = ("join", given, tmp_path / "south", "--keys", tmp_path / "south-keys", "--unencrypted")
    assert "leave out --host" in run(*place, "--port", "27000", code=refused)
    assert "has no node 'other'" in run(*place, "--name", "other", code=Exit.NOT_PROVEN)
    assert "validator, power 3, south.example.com:26700" in run(*place)
    again = ("join", given, tmp_path / "two", "--keys", tmp_path / "south-keys", "--name", "south")
    assert "signs twice" in run(*again, code=Exit.UNAVAILABLE)
