"""What an operator watches of a node: health, readiness and figures, over HTTP on this machine alone.

    GET /live      200 while the process does its work, 503 once something of ours has failed
    GET /ready     200 where it serves as it should, else 503; which checks pass, as JSON
    GET /metrics   figures in Prometheus' text format

Who may see it: whoever is on the machine, as a rule its operator and the collector that the operator runs there. The
port does not know who asks, so the policy is asked what the node's operator may see: every check and figure names its
subject. Nothing in it is about a member, an account or an instrument: heights, sizes, times; and sums over everybody
where the node is run for a party that runs the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from counterfoil.engine.incidents import masked
from counterfoil.policy.subjects import NodeHealth, Subject

REQUEST_SECONDS_MAX = 5.0
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Check(NamedTuple):
    """One thing that must be so for a node to be ready. said: how it is, in words. Its subject is `NodeHealth`."""

    name: str
    passes: bool
    said: str


class Figure(NamedTuple):
    """One metric without its prefix `counterfoil_`. counts: it only ever rises while the process runs.

    labels: (name, value), from a small set that does not grow with the ledger. subject: what the policy is asked about.
    """

    name: str
    text: str
    value: float
    counts: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    subject: Subject = NodeHealth()


class Watched(Protocol):
    """A process that is watched. Asked from several threads; none of it waits for the ledger."""

    @property
    def failure(self) -> BaseException | None:
        """What ended its work."""

    def may_see(self, subject: Subject) -> bool:
        """Whether the policy lets the process's operator see it."""

    def checks(self) -> list[Check]: ...
    def figures(self) -> list[Figure]: ...


class MetricsMissing(Exception):
    """The library that writes Prometheus' format is not installed; the text says what to do."""

    def __init__(self) -> None:
        super().__init__("the metrics need prometheus-client: install counterfoil[metrics]")


class Monitor:
    """Serves one process's health until it is closed. port: on 127.0.0.1 (0 for any that is free)."""

    def __init__(self, watched: Watched, port: int) -> None:
        self._watched = watched
        self._exposition = _Exposition(watched)
        handler = type("Handler", (_Handler,), {"answers": self._answers()})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="counterfoil-monitor", daemon=True
        )

    def __enter__(self) -> Monitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answers(self) -> dict[str, Answer]:
        return {"/live": self._live, "/ready": self._ready, "/metrics": self._metrics}

    def _live(self) -> tuple[HTTPStatus, str, bytes]:
        live = self._watched.failure is None
        return _status(live), JSON, msgspec.json.encode({"live": live})

    def _ready(self) -> tuple[HTTPStatus, str, bytes]:
        checks = _shown_checks(self._watched)
        ready = all(check.passes for check in checks)
        told = {"ready": ready, "checks": [check._asdict() for check in checks]}
        return _status(ready), JSON, msgspec.json.encode(told)

    def _metrics(self) -> tuple[HTTPStatus, str, bytes]:
        try:
            return HTTPStatus.OK, *self._exposition.text()
        except MetricsMissing as missing:
            return HTTPStatus.NOT_IMPLEMENTED, TEXT, f"{missing}\n".encode()


Answer = Callable[[], tuple[HTTPStatus, str, bytes]]


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS_MAX
    answers: ClassVar[dict[str, Answer]] = {}

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        if answer is None:
            status, kind, body = HTTPStatus.NOT_FOUND, TEXT, b"/live, /ready, /metrics\n"
        else:
            status, kind, body = answer()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Whoever watches asks every few seconds: that is not worth a line."""


class _Exposition:
    """The figures as Prometheus reads them, with those of the process itself."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._registry: Any = None

    def text(self) -> tuple[str, bytes]:
        """(content type, body). `MetricsMissing` where the library is not there."""
        try:
            from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector
            from prometheus_client.exposition import generate_latest
        except ModuleNotFoundError:
            raise MetricsMissing from None
        if self._registry is None:
            registry = CollectorRegistry()
            registry.register(self)
            ProcessCollector(registry=registry)
            self._registry = registry
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)

    def describe(self) -> list[Any]:
        """As a collector says beforehand what it collects; the figures differ with what is open."""
        return []

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        families: dict[str, Any] = {}
        figures = [*self._watched.figures(), *_of_checks(self._watched)]
        seen = {subject: self._watched.may_see(subject) for subject in {one.subject for one in figures}}
        for figure in figures:
            if not seen[figure.subject]:
                continue
            family = families.get(figure.name)
            if family is None:
                kind = CounterMetricFamily if figure.counts else GaugeMetricFamily
                names = [name for name, _ in figure.labels]
                family = families[figure.name] = kind(f"counterfoil_{figure.name}", figure.text, labels=names)
            family.add_metric([value for _, value in figure.labels], figure.value)
        return families.values()


def _shown_checks(watched: Watched) -> list[Check]:
    """In words as a log has them: a follower's checks repeat what others said."""
    checks = watched.checks() if watched.may_see(NodeHealth()) else []
    return [check._replace(said=masked(check.said)) for check in checks]


def _of_checks(watched: Watched) -> list[Figure]:
    checks = _shown_checks(watched)
    return [
        Figure("ready", "Whether the node serves as it should.", all(check.passes for check in checks)),
        Figure("failed", "Whether something of ours has ended the node's work.", watched.failure is not None),
        *(
            Figure(
                "check", "Whether a check of readiness passes.", check.passes, labels=(("check", check.name),)
            )
            for check in checks
        ),
    ]


def _status(good: bool) -> HTTPStatus:
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
