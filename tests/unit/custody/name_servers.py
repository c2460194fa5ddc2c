"""A real name server (BIND) on loopback with signed zones of many fates, and one between it and us that lies."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.query

from tests.unit.custody.tokens import servers

ALGORITHMS = {"good": "ED25519", "old": "ECDSAP256SHA256", "tools": "ECDSAP256SHA256"}
ZONES = ("good", "old", "wrongkey", "plain", "nosig")
"""Zones below `test`: signed; signed long ago; signed with a key that the parent does not name; not signed, which the
parent proves; and one whose parent says that it is signed, which it is not."""

_HEAD = """$TTL 300
@ IN SOA ns.test. hostmaster.test. 1 3600 600 86400 300
@ IN NS ns.test.
"""


class NameServer:
    """records: by zone, lines to stand in it. Zones are signed with BIND's own tools; parent: more words for `test`."""

    def __init__(self, folder: Path, records: dict[str, list[str]], *parent: str) -> None:
        servers()
        self.folder = folder
        self.port = _free_port()
        dsset: list[str] = []
        for zone in ZONES:
            dsset += self._make(zone, records.get(zone, []))
        self._make_parent(dsset, records.get("", []), parent)
        self._start()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    @property
    def anchor(self) -> str:
        """The trust anchor of `test`."""
        (line,) = (self.folder / "dsset-test.").read_text().splitlines()[:1]
        return line

    def _make(self, zone: str, lines: list[str]) -> list[str]:
        """One zone; what its parent says of it."""
        name = f"{zone}.test"
        text = _HEAD + "\n".join(lines) + "\n"
        (self.folder / f"{name}.zone").write_text(text)
        if zone == "plain":
            return []
        self._keys(name, ALGORITHMS.get(zone, "ED25519"))
        past = ["-s", "20200101000000", "-e", "20200201000000", "-P"] if zone == "old" else []
        self._sign(name, *past)
        parents = (self.folder / f"dsset-{name}.").read_text().splitlines()
        if zone == "wrongkey":
            parents = [
                re.sub(r"(.*)([0-9A-F])$", lambda m: m[1] + format(int(m[2], 16) ^ 1, "X"), line)
                for line in parents
            ]
        if zone == "nosig":
            (self.folder / f"{name}.zone.signed").write_text(text)
        return parents

    def _make_parent(self, dsset: list[str], lines: list[str], more: tuple[str, ...]) -> None:
        delegations = [f"{zone}.test. IN NS ns.test." for zone in ZONES]
        text = [_HEAD, "ns.test. IN A 127.0.0.1", *delegations, *dsset, *lines]
        (self.folder / "test.zone").write_text("\n".join(text) + "\n")
        self._keys("test", "ECDSAP256SHA256")
        self._sign("test", *more)

    def _keys(self, name: str, algorithm: str) -> None:
        for more in (["-f", "KSK"], []):
            self._run("dnssec-keygen", "-a", algorithm, *more, "-n", "ZONE", name)

    def _sign(self, name: str, *more: str) -> None:
        self._run("dnssec-signzone", "-S", "-o", f"{name}.", *more, f"{name}.zone")

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)

    def _start(self) -> None:
        zones = "".join(
            f'zone "{name}" {{ type primary; file "{file}"; }};\n'
            for name, file in (
                ("test", "test.zone.signed"),
                *(
                    (f"{zone}.test", f"{zone}.test.zone{'' if zone == 'plain' else '.signed'}")
                    for zone in ZONES
                ),
            )
        )
        (self.folder / "named.conf").write_text(
            f'options {{ directory "{self.folder}"; listen-on port {self.port} {{ 127.0.0.1; }};'
            " listen-on-v6 { none; };"
            f" recursion no; dnssec-validation no; pid-file none; session-keyfile none; notify no; max-udp-size 1232;"
            " minimal-responses no; };\n"
            f"controls {{ }};\n{zones}"
        )
        named = shutil.which("named") or "/usr/sbin/named"
        log = (self.folder / "named.log").open("wb")
        self._process = subprocess.Popen(
            [named, "-f", "-c", "named.conf"], cwd=self.folder, stdout=log, stderr=log
        )
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            try:
                answer = dns.query.udp(dns.message.make_query("test.", "SOA"), "127.0.0.1", 0.5, self.port)
                if answer.answer:
                    return
            except Exception:
                time.sleep(0.1)
        raise AssertionError((self.folder / "named.log").read_text())


Change = Callable[[dns.message.Message], object]
"""What is done to an answer on its way. Bytes are sent as they are, a list one after the other, None not at all."""


class Liar:
    """Between us and the name server: answers by UDP are changed on their way, and by TCP where `tcp` says so."""

    def __init__(self, port: int, change: Change, *, tcp: bool = True) -> None:
        self._upstream = port
        self._change = change
        # TCP first: of its ports many are taken, by the connections that other tests have just closed.
        self._tcp = socket.create_server(("127.0.0.1", 0)) if tcp else None
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self._tcp.getsockname()[1] if self._tcp is not None else 0))
        self.port = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve_udp, daemon=True)]
        if self._tcp is not None:
            self._threads.append(threading.Thread(target=self._serve_tcp, daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._udp.close()
        if self._tcp is not None:
            self._tcp.shutdown(socket.SHUT_RDWR)
            self._tcp.close()

    def _answers(self, data: bytes) -> list[bytes]:
        question = dns.message.from_wire(data)
        answer = dns.query.tcp(question, "127.0.0.1", 5, self._upstream)
        changed = self._change(answer)
        if changed is None:
            return []
        listed = changed if isinstance(changed, list) else [changed]
        return [one if isinstance(one, bytes) else one.to_wire(max_size=65_535) for one in listed]

    def _serve_udp(self) -> None:
        while True:
            try:
                data, source = self._udp.recvfrom(65_535)
                for answer in self._answers(data):
                    self._udp.sendto(answer, source)
            except OSError:
                return

    def _serve_tcp(self) -> None:
        assert self._tcp is not None
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
                for answer in self._answers(connection.recv(size, socket.MSG_WAITALL)):
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)


def truncated(answer: dns.message.Message) -> dns.message.Message:
    answer.flags |= dns.flags.TC
    answer.answer.clear()
    return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
