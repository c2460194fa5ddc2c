"""Light blocks from a node of a network, over the RPC of its CometBFT (`/commit` and `/validators`, v0.38)."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from counterfoil.sdk.errors import NodeUnreachable
from counterfoil.state.light_blocks import LightBlock
from counterfoil.verify.light.client import LATEST, NoSuchBlock
from counterfoil.verify.light.commits import VALIDATORS_MAX
from counterfoil.verify.light.json_form import read_light_block
from counterfoil.verify.light.refusals import Invalid

PER_PAGE = 100
"""As many validators as CometBFT puts on one page at most."""
TIMEOUT_SECONDS = 10
ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""A commit of ten thousand validators fits."""


class RpcProvider:
    """A provider of light blocks at an address such as http://127.0.0.1:26657. ValueError where it is none.

    Its methods raise `NodeUnreachable` where nobody answers, `NoSuchBlock` where the node does not have the height, and
    `Invalid` where it answers something else. What it answers is not believed: the light client checks it.
    """

    def __init__(self, address: str, timeout_seconds: int = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{address!r} is no address of a node, such as http://127.0.0.1:26657")
        self.address = address.rstrip("/")
        self._timeout = timeout_seconds

    def light_block(self, height: int) -> LightBlock:
        commit = self._ask("commit", **({} if height == LATEST else {"height": height}))
        try:
            signed = commit["signed_header"]
            found = int(signed["header"]["height"])
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid(f"{self.address} answers no commit: {error!r}") from None
        return read_light_block(signed, self._validators(found))

    def _validators(self, height: int) -> list[Any]:
        """All pages."""
        found: list[Any] = []
        total = 1
        while len(found) < total:
            page = self._ask("validators", height=height, page=len(found) // PER_PAGE + 1, per_page=PER_PAGE)
            try:
                total, part = int(page["total"]), list(page["validators"])
            except (KeyError, TypeError, ValueError) as error:
                raise Invalid(f"{self.address} answers no validators: {error!r}") from None
            if not part or total > VALIDATORS_MAX:
                raise Invalid(f"{self.address} answers no validators, or too many")
            found += part
        return found

    def _ask(self, method: str, **params: int) -> Any:
        address = f"{self.address}/{method}?{urlencode(params)}"
        try:
            try:
                with urlopen(address, timeout=self._timeout) as answer:
                    data = answer.read(ANSWER_BYTES_MAX + 1)
            except HTTPError as error:  # what the node refuses comes with status 500 and says why
                data = error.read(ANSWER_BYTES_MAX + 1)
        except (URLError, OSError) as error:
            raise NodeUnreachable(f"No node answers at {self.address}: {error}.") from None
        try:
            content = json.loads(data)
            refused = content.get("error")
            if refused is None:
                return content["result"]
        except (ValueError, KeyError, AttributeError, RecursionError):
            raise Invalid(f"{self.address} does not speak the RPC of CometBFT") from None
        raise NoSuchBlock(f"{self.address} does not have it: {refused}")
