"""What runs a network's nodes as services: a unit of systemd for each, and a compose file for containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from counterfoil.node.network.settings import NetworkSettings
from counterfoil.storage import files

HOME_ON_HOST = "/srv/counterfoil"
KEY_ON_HOST = "/etc/counterfoil"
_OWNER = """# Whose follower this is. As long as nobody is named, it checks and keeps blocks and answers what is public.
#COUNTERFOIL_OWNER="the member's name or address"
#COUNTERFOIL_OWNER_KEY="name of the key that speaks for the member"
#COUNTERFOIL_KEYS="where that key is: a folder, pkcs11:..., custodian:..."
#COUNTERFOIL_PASSPHRASE="of the key's file"
"""


def write_services(
    folder: Path, settings: NetworkSettings, beside: Mapping[str, Sequence[str]], *, encrypted: bool
) -> None:
    """Into the network's folder, for whoever moves the nodes to their hosts.

    beside: by each follower's name, the nodes on its host, whose sockets it asks.
    """
    units = folder / "systemd"
    units.mkdir()
    for name in _names(settings):
        files.write_new(
            units / f"counterfoil-{name}.service", _unit(settings, name, encrypted).encode(), mode=0o644
        )
    for name in settings.followers:
        files.write_new(units / f"{name}.env", _OWNER.encode())
    files.write_new(folder / "compose.yaml", _compose(settings, beside, encrypted).encode(), mode=0o644)


def _names(settings: NetworkSettings) -> list[str]:
    return [*(node.name for node in settings.nodes), *settings.followers]


def _command(settings: NetworkSettings, name: str) -> str:
    return "follow" if name in settings.followers else "start"


def _unit(settings: NetworkSettings, name: str, encrypted: bool) -> str:
    key = f" --storage-key {KEY_ON_HOST}/{name}.key" if encrypted else ""
    owner = f"EnvironmentFile=-{KEY_ON_HOST}/{name}.env\n" if name in settings.followers else ""
    return f"""[Unit]
Description=Counterfoil node {name}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/opt/counterfoil/bin/counterfoil {_command(settings, name)} {HOME_ON_HOST}/{name}{key}
Environment=COUNTERFOIL_ENGINE=/opt/counterfoil/bin/cometbft
{owner}User=counterfoil
Restart=always
RestartSec=2
TimeoutStopSec=60
KillMode=mixed
NoNewPrivileges=true
ProtectSystem=strict
ReadWritePaths={HOME_ON_HOST}/{name}
PrivateTmp=true

[Install]
WantedBy=multi-user.target
"""


def _compose(settings: NetworkSettings, beside: Mapping[str, Sequence[str]], encrypted: bool) -> str:
    """One service for each node; the image has the package and the engine (see docs/how-to/run-a-network.md)."""
    lines = [f"# Network {settings.chain_id}: docker compose up -d", "services:"]
    for name in _names(settings):
        key = f', "--storage-key", "/keys/{name}.key"' if encrypted else ""
        lines += [
            f"  {name}:",
            "    image: counterfoil",
            f'    command: ["counterfoil", "{_command(settings, name)}", "/nodes/{name}"{key}]',
            "    network_mode: host",
            "    restart: unless-stopped",
            "    stop_grace_period: 60s",
        ]
        if name in settings.followers:
            lines.append(f"    env_file: ./systemd/{name}.env")
        lines += ["    volumes:", f"      - ./{name}:/nodes/{name}"]
        lines += [f"      - ./{node}:/nodes/{node}:ro" for node in beside.get(name, ())]
        if encrypted:
            lines.append(f"      - ./storage-keys/{name}.key:/keys/{name}.key:ro")
    return "\n".join(lines) + "\n"
