"""The load generator, a process of its own: python -m bench.loader FILE SOCKET... [--size N] [--window N] [--pace N]

Reads signed transactions from a file, sends them to nodes in requests of `size` transactions over the node protocol,
and prints one JSON object: how many were acknowledged with success, how long it took, and how long each request
waited for its answer. window: requests under way at once; pace: transactions a second, 0 for as fast as they go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from pathlib import Path

import msgspec

from bench.ledger import key
from counterfoil.node.protocol import (
    ANSWERED_MANY,
    REPLY,
    Authenticate,
    Done,
    Failed,
    Greeting,
    Submit,
    authentication_bytes,
)
from counterfoil.primitives.frames import LENGTH_BYTES, frame, length_of

REQUESTS_AT_ONCE = 60
"""Of one connection; the node takes 64."""


class Load:
    """What is under way, and what came of it."""

    def __init__(self, party: bytes, raws: list[bytes], size: int, window: int, pace: float) -> None:
        self.party = party
        self.requests = [tuple(raws[at : at + size]) for at in range(0, len(raws), size)]
        self.next = 0
        self.window = asyncio.Semaphore(window)
        self.pace = pace / size if pace else 0.0
        self.waited: list[float] = []
        self.settled = 0
        self.refused: dict[str, int] = {}
        self.started = 0.0

    async def send_over(self, path: str, share: int) -> None:
        """One connection takes every next request in turn."""
        reader, writer = await asyncio.open_unix_connection(path)
        greeting = await _next(reader)
        if not isinstance(greeting, Greeting):
            raise RuntimeError(f"{path} is no node: {greeting}")
        writer.write(frame(self._shown(greeting)))
        shown = await _next(reader)
        if not isinstance(shown, Done):
            raise RuntimeError(f"{path} does not know the load: {shown}")
        free = asyncio.Semaphore(share)
        sent: dict[int, float] = {}
        finished = asyncio.Event()
        all_sent = False

        async def receive() -> None:
            while True:
                reply = await _next(reader)
                if not isinstance(reply, Done | Failed):
                    continue
                self.waited.append(time.perf_counter() - sent.pop(reply.number))
                self._count(reply)
                free.release()
                self.window.release()
                if all_sent and not sent:
                    finished.set()
                    return

        receiving = asyncio.create_task(receive())
        while self.next < len(self.requests):
            number, self.next = self.next, self.next + 1
            if self.pace:
                ahead = self.started + number / self.pace - time.perf_counter()
                if ahead > 0:
                    await asyncio.sleep(ahead)
            await free.acquire()
            await self.window.acquire()
            sent[number + 1] = time.perf_counter()
            writer.write(frame(Submit(number + 1, self.requests[number])))
            await writer.drain()
        all_sent = True
        if sent:
            await finished.wait()
        receiving.cancel()
        writer.close()

    def _shown(self, greeting: Greeting) -> Authenticate:
        """As the market's operator: strangers may not send much at once."""
        operator = key("operator")
        text = authentication_bytes(greeting.chain_id, greeting.challenge, self.party, operator.address)
        return Authenticate(0, self.party, operator.address, ((operator.public_key, operator.sign(text)),))

    def _count(self, reply: Done | Failed) -> None:
        if isinstance(reply, Failed):
            self.refused[reply.problem.name] = self.refused.get(reply.problem.name, 0) + 1
            return
        for answer in ANSWERED_MANY.decode(reply.value):
            if answer.number:
                name = answer.problems[0].name if answer.problems else str(answer.number)
                self.refused[name] = self.refused.get(name, 0) + 1
            else:
                self.settled += 1


async def _next(reader: asyncio.StreamReader) -> object:
    head = await reader.readexactly(LENGTH_BYTES)
    return REPLY.decode(await reader.readexactly(length_of(head)))


async def run(
    party: bytes, raws: list[bytes], paths: list[str], size: int, window: int, pace: float
) -> dict[str, object]:
    load = Load(party, raws, size, window, pace)
    connections = max(len(paths), -(-window // REQUESTS_AT_ONCE))
    load.started = time.perf_counter()
    await asyncio.gather(
        *(load.send_over(paths[at % len(paths)], REQUESTS_AT_ONCE) for at in range(connections))
    )
    seconds = time.perf_counter() - load.started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "settled": load.settled,
        "refused": load.refused,
        "seconds": seconds,
        "waited": sorted(load.waited),
        "cpu": usage.ru_utime + usage.ru_stime,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("sockets", nargs="+")
    parser.add_argument("--party", type=bytes.fromhex, required=True, help="the market's operator, hex")
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument("--pace", type=float, default=0.0)
    asked = parser.parse_args()
    raws: list[bytes] = msgspec.msgpack.decode(asked.file.read_bytes())
    print(
        json.dumps(asyncio.run(run(asked.party, raws, asked.sockets, asked.size, asked.window, asked.pace)))
    )


if __name__ == "__main__":
    main()
