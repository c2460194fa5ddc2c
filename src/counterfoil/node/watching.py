"""The live reads of one connection: each sends what comes, batch after batch, for as long as the client takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import msgspec

from counterfoil.engine.incidents import report
from counterfoil.node.hiding import Departures
from counterfoil.node.protocol import Failed, Told, Watch
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import Known, Recognised, Services
from counterfoil.node.streams import Position
from counterfoil.primitives.codec import encode

T = TypeVar("T")

log = logging.getLogger(__name__)

WATCHES_MAX: Final = 4
"""Of one connection."""
POLL_SECONDS: Final = 0.01
MARK_SECONDS: Final = 1.0
"""So often a stream without news says how far it looked: whoever comes back need not begin further behind."""
STALL_SECONDS: Final = 30.0
"""A reader that takes nothing for so long, with a full buffer on the way to it, is cut off."""


class Heights:
    """Wakes whoever waits for a block, with one look at the ledger for all of them."""

    def __init__(self, node: Known) -> None:
        self._node = node
        self._risen = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None

    async def beyond(self, height: int, seconds: float) -> None:
        """Until the ledger is higher than this, or for so long."""
        self._waiting += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                while self._node.height <= height:
                    await self._risen.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1

    async def _look(self) -> None:
        seen = -1
        while self._waiting:
            if self._node.height != seen:
                seen = self._node.height
                self._risen.set()
                self._risen = asyncio.Event()
            await asyncio.sleep(POLL_SECONDS)
        self._looking = None


class Watches:
    """send: sends one reply to the client. cut_off: hangs up without waiting for it."""

    def __init__(
        self,
        service: Services,
        pool: ThreadPoolExecutor,
        heights: Heights,
        departures: Departures,
        send: Callable[[object], Awaitable[None]],
        cut_off: Callable[[], None],
    ) -> None:
        self._service = service
        self._pool = pool
        self._heights = heights
        self._departures = departures
        self._send = send
        self._cut_off = cut_off
        self._running: dict[int, asyncio.Task[None]] = {}

    def begin(self, ask: Watch, who: Recognised) -> None:
        """Refused TOO_MUCH_AT_ONCE where the connection has as many as it may, or one of this number."""
        if len(self._running) >= WATCHES_MAX or ask.number in self._running:
            raise Refused(NodeRefusal.TOO_MUCH_AT_ONCE, watches_max=WATCHES_MAX)
        task = asyncio.create_task(self._watch(ask, who))
        self._running[ask.number] = task
        task.add_done_callback(lambda _: self._running.pop(ask.number, None))

    def end(self, number: int) -> None:
        """Of a watch; nothing where it has ended already."""
        task = self._running.pop(number, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        for number in tuple(self._running):
            self.end(number)

    async def _watch(self, ask: Watch, who: Recognised) -> None:
        try:
            await self._follow(ask, who)
        except TimeoutError:
            log.warning("a reader of a stream took nothing for %s seconds and was cut off", STALL_SECONDS)
            self._cut_off()
        except Refused as refused:
            await self._send(Failed(ask.number, refused.problem))
        except ConnectionError:
            pass
        except Exception as error:
            case = report(log, logging.ERROR, "a stream failed", error)
            await self._send(Failed(ask.number, Refused(NodeRefusal.NODE_FAILED, case=case).problem))

    async def _follow(self, ask: Watch, who: Recognised) -> None:
        loop = asyncio.get_running_loop()
        cursor = self._service.cursor(Position(ask.height, ask.place) if ask.height >= 0 else None, ask.about)
        began = loop.time()
        told_at, was_current = began - MARK_SECONDS, False
        while True:
            batch = await self._run(partial(self._service.watch, who, cursor))
            after, caught_up = batch.reached, batch.is_current and not was_current
            was_current = batch.is_current
            if batch.items or caught_up or loop.time() - told_at >= MARK_SECONDS:
                value = msgspec.Raw(encode(batch.items))
                told = Told(ask.number, after.height, after.place, batch.is_current, value)
                await self._departures.after(began)
                async with asyncio.timeout(STALL_SECONDS):
                    await self._send(told)
                began = told_at = loop.time()
            if batch.is_current:
                await self._heights.beyond(after.height, MARK_SECONDS)
                began = loop.time()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
