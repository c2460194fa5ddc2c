"""A follower that keeps up: a thread that takes new blocks from its sources, and its owner's receipts from nodes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from counterfoil.engine.cometbft.rpc import EngineUnreachable
from counterfoil.node.follower import BlockSource, Follower
from counterfoil.node.following import DoesNotFit
from counterfoil.node.reads_receipts import OwnReceipts
from counterfoil.node.refusals import Refused
from counterfoil.state.port import StoreFailed
from counterfoil.verify.light.refusals import Invalid

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
"""How often it looks for more once it has all."""
TROUBLE_SECONDS = 2.0
"""How long it waits after a source has failed, before it asks the next one."""
BLOCKS_AT_ONCE = 100
"""Blocks that it takes before it looks for receipts and asks whether it shall stop."""
CAUGHT_UP_SECONDS = 30.0
"""So long after it last had all that a source had, it counts as caught up."""


class RotatingSource(BlockSource, Protocol):
    """Several sources, one of which is asked."""

    @property
    def address(self) -> str: ...
    def next(self) -> None:
        """Go on at another one."""


FetchReceipts = Callable[[int, int], OwnReceipts]
"""Asks a node for the owner's receipts from one height to another. Raises `Refused`."""


class KeepingUp:
    """Of one follower. Close it before the follower. failure: what ended it, which only our own disk does."""

    def __init__(
        self, follower: Follower, source: RotatingSource, fetch: FetchReceipts | None = None
    ) -> None:
        self.failure: BaseException | None = None
        self.trouble = ""
        self.receipts_trouble = ""
        self._follower = follower
        self._source = source
        self._fetch = fetch
        self._had_all_at: float | None = None
        self._fetched_to = follower.fetched_height
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterfoil-following", daemon=True)

    @property
    def is_caught_up(self) -> bool:
        """Whether it had all that a source had, not long ago."""
        had = self._had_all_at
        return had is not None and time.monotonic() - had < CAUGHT_UP_SECONDS

    @property
    def fetched_to(self) -> int:
        """Up to this height the owner's receipts have been asked for since the start."""
        return self._fetched_to

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> KeepingUp:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._stopping.wait(self._step())
        except BaseException as error:
            log.critical("the follower stopped: %s", error)
            self.failure = error

    def _step(self) -> float:
        """Take what there is; returns how long to wait before the next look."""
        follower = self._follower
        try:
            taken = follower.catch_up(self._source, follower.height + BLOCKS_AT_ONCE)
        except StoreFailed:
            raise
        except (DoesNotFit, Invalid, EngineUnreachable) as error:
            self._note_trouble(str(error), serious=not isinstance(error, EngineUnreachable))
            self._source.next()
            return TROUBLE_SECONDS
        if taken < BLOCKS_AT_ONCE:
            self._had_all_at = time.monotonic()
            self.trouble = ""
        self._fetch_receipts()
        return PAUSE_SECONDS if taken < BLOCKS_AT_ONCE else 0

    def _note_trouble(self, trouble: str, *, serious: bool) -> None:
        if trouble != self.trouble:
            log.log(logging.ERROR if serious else logging.WARNING, "%s: %s", self._source.address, trouble)
        self.trouble = trouble

    def _fetch_receipts(self) -> None:
        """What is new for the owner, up to the last block whose header is signed."""
        follower, fetch = self._follower, self._fetch
        if fetch is None or self._fetched_to >= follower.vouched_height:
            return
        try:
            answer = fetch(self._fetched_to + 1, follower.vouched_height)
            for block in answer.blocks:
                if block.height > follower.fetched_height:
                    follower.keep_receipts(block)
        except (Refused, DoesNotFit) as error:
            if str(error) != self.receipts_trouble:
                log.warning("receipts could not be fetched: %s", error)
            self.receipts_trouble = str(error)
            return
        self._fetched_to = (
            answer.next_height - 1
            if answer.next_height
            else min(follower.vouched_height, answer.moment.height)
        )
        self.receipts_trouble = ""
