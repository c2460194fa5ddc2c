"""The recorded nodes' answers to `/commit` and `/validators`, served again on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.vectors.cometbft.recorded import raw, recorded

REAL = recorded()
Answer = Callable[[str, dict[str, int]], tuple[int, bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """An HTTP server on this machine for as long as the block lasts; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
            status, body = answer(parts.path.strip("/"), params)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def replay(method: str, params: dict[str, int]) -> tuple[int, bytes]:
    """As the recorded nodes answered, in pages of the size that is asked for."""
    height = params.get("height", REAL.last)
    if not REAL.first <= height <= REAL.last:
        text = f"height {height} must be less than or equal to the current blockchain height {REAL.last}"
        error = {"code": -32603, "message": "Internal error", "data": text}
        return 500, json.dumps({"jsonrpc": "2.0", "id": -1, "error": error}).encode()
    found = raw()["light_blocks"][height - REAL.first][method]
    if method == "validators":
        size, page = params["per_page"], params["page"]
        part = found["validators"][(page - 1) * size : page * size]
        found = {**found, "validators": part, "count": str(len(part))}
    return 200, json.dumps({"jsonrpc": "2.0", "id": -1, "result": found}).encode()
