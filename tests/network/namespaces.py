"""Network namespaces for tests: each node in one of its own, all on a bridge that is in another. Linux, as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

SUBNET = "10.213.7"


def need_tool(name: str, package: str) -> None:
    """Install a Debian package where its program is missing; in continuous integration nothing is left out."""
    if os.geteuid() or (shutil.which(name) is None and shutil.which("apt-get") is None):
        if os.environ.get("CI"):
            pytest.fail(f"{name} is needed, as root")
        pytest.skip(f"needs {name}, as root")
    if shutil.which(name) is None:
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
        subprocess.run(["apt-get", "install", "-qy", package], check=True, capture_output=True)


class Hosts:
    """One host for each name. Addresses stand in `addresses`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._tag = f"cf{os.getpid()}"
        self.hub = f"{self._tag}-hub"
        self.names = list(names)
        self.addresses = {name: f"{SUBNET}.{10 + at}" for at, name in enumerate(names)}

    def namespace(self, name: str) -> str:
        return f"{self._tag}-{self.names.index(name)}"

    def command(self, name: str) -> list[str]:
        """What stands before a command that is to run on a host."""
        return ["ip", "netns", "exec", self.namespace(name)]

    def make(self) -> None:
        _ip("netns", "add", self.hub)
        _ip("-n", self.hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self.hub, "link", "set", "bridge", "up")
        for at, name in enumerate(self.names):
            place = self.namespace(name)
            _ip("netns", "add", place)
            _ip("-n", place, "link", "set", "lo", "up")
            _ip(
                "-n",
                self.hub,
                "link",
                "add",
                f"port{at}",
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                place,
            )
            _ip("-n", self.hub, "link", "set", f"port{at}", "master", "bridge", "up")
            _ip("-n", place, "address", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            _ip("-n", place, "link", "set", "eth0", "up")

    def plug(self, name: str, *, connected: bool) -> None:
        """Pull a host's cable, or put it back."""
        _ip("-n", self.hub, "link", "set", f"port{self.names.index(name)}", "up" if connected else "down")

    def remove(self) -> None:
        for place in (*(self.namespace(name) for name in self.names), self.hub):
            subprocess.run(["ip", "netns", "del", place], check=False, capture_output=True)


@contextmanager
def hosts(names: Sequence[str]) -> Iterator[Hosts]:
    need_tool("ip", "iproute2")
    made = Hosts(names)
    try:
        made.make()
        yield made
    finally:
        made.remove()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
