"""What runs a network's nodes as services: a unit of systemd for each, and a compose file for containers."""

from __future__ import annotations

from pathlib import Path

from counterfoil.node.network.settings import NetworkNode, NetworkSettings
from counterfoil.storage import files

HOME_ON_HOST = "/srv/counterfoil"
KEY_ON_HOST = "/etc/counterfoil"


def write_services(folder: Path, settings: NetworkSettings, *, encrypted: bool) -> None:
    """Into the network's folder, for whoever moves the nodes to their hosts."""
    units = folder / "systemd"
    units.mkdir()
    for node in settings.nodes:
        files.write_new(
            units / f"counterfoil-{node.name}.service", _unit(node, encrypted).encode(), mode=0o644
        )
    files.write_new(folder / "compose.yaml", _compose(settings, encrypted).encode(), mode=0o644)


def _unit(node: NetworkNode, encrypted: bool) -> str:
    key = f" --storage-key {KEY_ON_HOST}/{node.name}.key" if encrypted else ""
    return f"""[Unit]
Description=Counterfoil node {node.name}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/opt/counterfoil/bin/counterfoil start {HOME_ON_HOST}/{node.name}{key}
Environment=COUNTERFOIL_ENGINE=/opt/counterfoil/bin/cometbft
User=counterfoil
Restart=always
RestartSec=2
TimeoutStopSec=60
KillMode=mixed
NoNewPrivileges=true
ProtectSystem=strict
ReadWritePaths={HOME_ON_HOST}/{node.name}
PrivateTmp=true

[Install]
WantedBy=multi-user.target
"""


def _compose(settings: NetworkSettings, encrypted: bool) -> str:
    """One service for each node; the image has the package and the engine (see docs/how-to/run-a-network.md)."""
    lines = [f"# Network {settings.chain_id}: docker compose up -d", "services:"]
    for node in settings.nodes:
        key = f', "--storage-key", "/keys/{node.name}.key"' if encrypted else ""
        lines += [
            f"  {node.name}:",
            "    image: counterfoil",
            f'    command: ["counterfoil", "start", "/nodes/{node.name}"{key}]',
            "    network_mode: host",
            "    restart: unless-stopped",
            "    stop_grace_period: 60s",
            "    volumes:",
            f"      - ./{node.name}:/nodes/{node.name}",
        ]
        if encrypted:
            lines.append(f"      - ./storage-keys/{node.name}.key:/keys/{node.name}.key:ro")
    return "\n".join(lines) + "\n"
