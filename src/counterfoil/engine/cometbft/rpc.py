"""What this node asks of its own engine over JSON-RPC, on the engine's unix socket or a port."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
ALREADY_KNOWN = "tx already exists in cache"
"""What the engine says of an item that it has in its pool, or had not long ago."""


class EngineUnreachable(Exception):
    """The engine gives no answer, or none that can be read."""


class EngineRefused(Exception):
    """The engine's own error: `message` and `data` as it says them."""

    def __init__(self, message: str, data: str) -> None:
        super().__init__(f"{message}: {data}" if data else message)
        self.data = data


class EngineRpc:
    """To one engine. Safe to use from several threads; one request at a time. `address`: a socket, or (host, port)."""

    def __init__(self, address: Path | tuple[str, int], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._guard = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a call; `EngineRefused` or `EngineUnreachable`."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        with self._guard:
            answer = self._exchange(body)
        if answer.get("error"):
            error = answer["error"]
            raise EngineRefused(str(error.get("message", "")), str(error.get("data", "")))
        return answer.get("result")

    def offer(self, item: bytes) -> tuple[int, str]:
        """Put an item into the pool of the network. (0, "") where it is taken or known; else (code, why not)."""
        try:
            result = self.ask("broadcast_tx_sync", tx=base64.b64encode(item).decode())
        except EngineRefused as refused:
            if ALREADY_KNOWN in refused.data:
                return 0, ""
            return -1, str(refused)
        return int(result["code"]), str(result["log"])

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("status")
        return found

    def close(self) -> None:
        with self._guard:
            self._hang_up()

    def _exchange(self, body: str) -> dict[str, Any]:
        fresh = self._connection is None
        try:
            return self._sent(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._hang_up()
            if fresh or isinstance(error, TimeoutError):
                raise EngineUnreachable(f"no answer from the engine at {self._address}: {error}") from None
        try:  # the engine hangs up on connections that were idle
            return self._sent(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._hang_up()
            raise EngineUnreachable(f"no answer from the engine at {self._address}: {error}") from None

    def _sent(self, body: str) -> dict[str, Any]:
        if self._connection is None:
            self._connection = (
                _UnixConnection(self._address, self._timeout_seconds)
                if isinstance(self._address, Path)
                else http.client.HTTPConnection(*self._address, timeout=self._timeout_seconds)
            )
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        data = self._connection.getresponse().read(ANSWER_BYTES_MAX)
        answer = json.loads(data)
        if not isinstance(answer, dict):
            raise ValueError("what answers is no engine")
        return answer

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
