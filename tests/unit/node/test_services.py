"""The compose file that is written with a network: in the form of its specification, and about what is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from counterfoil.node.network.creating import create_network, places_here
from counterfoil.node.network.node_keys import NodeKeys
from counterfoil.node.personas import sandbox_genesis


def conforms(compose: Path) -> bool:
    """By the schema of the compose specification, as check-jsonschema carries it."""
    words = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(compose))
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def services(compose: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(compose)["services"]
    return found


@pytest.mark.parametrize("encrypted", [True, False])
def test_the_compose_file_is_one_and_names_what_is_there(tmp_path: Path, encrypted: bool) -> None:
    folder = tmp_path / "n"
    public = {"validator-2": NodeKeys.draw().stated("sandbox", "validator-2")}
    create_network(
        folder, sandbox_genesis(), places_here(2, 1, 26_400, 1), encrypted=encrypted, public=public
    )
    compose = folder / "compose.yaml"
    assert conforms(compose)
    named = services(compose)
    assert set(named) == {"validator-1", "full-1", "follower-1"}, "what runs here, and nobody else's"
    for name, service in named.items():
        mounted = [volume.split(":")[:2] for volume in service["volumes"]]
        assert all((folder / source).exists() for source, _ in mounted)
        targets = [target for _, target in mounted]
        paths = [word for word in service["command"] if word.startswith("/")]
        assert paths == [f"/nodes/{name}", *([f"/keys/{name}.key"] if encrypted else [])]
        assert set(paths) <= set(targets), "a command finds what it is given"
        if "env_file" in service:
            assert (folder / service["env_file"]).is_file()
    assert named["full-1"]["command"][:2] == ["counterfoil", "start"]
    assert named["follower-1"]["command"][:2] == ["counterfoil", "follow"]


def test_the_schema_would_find_a_mistake(tmp_path: Path) -> None:
    create_network(tmp_path / "n", sandbox_genesis(), places_here(1, 0, 26_400), encrypted=False)
    good = (tmp_path / "n" / "compose.yaml").read_text()
    for old, new in (("    volumes:", "    volume:"), ("stop_grace_period: 60s", "stop_grace_period: [60]")):
        assert good.count(old) == 1
        (tmp_path / "compose.yaml").write_text(good.replace(old, new))
        assert not conforms(tmp_path / "compose.yaml")
