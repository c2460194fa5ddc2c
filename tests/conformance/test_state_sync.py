"""A start by state sync as CometBFT's grammar has it: offers and chunks that come to nothing, one that comes to all,
and consensus from there on; killed in between, restarted after it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.primitives.outcome import InvariantViolation
from tests.conformance.abnf import Grammar
from tests.conformance.applications import KINDS, Application, InProcess
from tests.conformance.driver import Driver
from tests.conformance.syncing import (
    APPLY,
    OFFER,
    app_hash,
    apply,
    chunk,
    empty,
    giving,
    listed,
    offer,
    with_snapshots,
)
from tests.conformance.world import World

OFFER_WORD, CHUNK_WORD, INFO_WORD = "<OfferSnapshot>", "<ApplySnapshotChunk>", "<Info>"
NOT_VERIFIED = bytes(32)


class Joiner(Driver):
    """A node that has nothing, and what became of each thing that it was brought."""

    def __init__(self, kind: type[InProcess], world: World, giver: InProcess, folder: Path) -> None:
        super().__init__(empty(world, folder, kind), world)
        self.giver = giver
        self.folder = folder
        self.seen: Counter[str] = Counter()
        self.is_spoilt = False

    @property
    def node(self) -> InProcess:
        assert isinstance(self.application, InProcess)
        return self.application

    def sync(self, words: list[str]) -> list[str]:
        """Make the calls of a sentence of `state-sync`; more chunks where the snapshot has more. Returns all words."""
        groups: list[int] = []
        assert words[-1] == INFO_WORD
        for word in words[:-1]:
            if word == OFFER_WORD:
                groups.append(0)
            else:
                groups[-1] += 1
        for at, count in enumerate(groups[:-1]):
            groups[at] = self.attempt(count)
            assert self.node.node.machine.last is None, "nothing is left of what came to nothing"
            if self.world.chance.random() < 0.3:
                self.restart()
        groups[-1] = self.succeed(groups[-1])
        found = self.node.ask("info", abci.RequestInfo())
        snapshot = listed(self.giver)[-1]
        assert (found.last_block_height, found.last_block_app_hash) == (
            snapshot.height,
            app_hash(self.giver, snapshot.height),
        )
        self.height = snapshot.height + 1
        return [*(word for count in groups for word in (OFFER_WORD, *[CHUNK_WORD] * count)), INFO_WORD]

    def attempt(self, count: int) -> int:
        """One that comes to nothing: refused, left by its peers, or of another state than was verified. Returns how
        many chunks were brought."""
        chance, snapshot = self.world.chance, self.world.chance.choice(listed(self.giver))
        verified = app_hash(self.giver, snapshot.height)
        if not count and chance.random() < 0.7:
            self.offer_spoilt(snapshot, verified)
            return 0
        if count and chance.random() < 0.4:
            assert offer(self.node, snapshot, NOT_VERIFIED) == OFFER.ACCEPT
            self.seen["another state"] += 1
            self.is_spoilt = True
            return self.bring_all(snapshot, count, APPLY.REJECT_SNAPSHOT)
        assert offer(self.node, snapshot, verified) == OFFER.ACCEPT
        good = 0
        for _ in range(count):
            if good == snapshot.chunks - 1 or chance.random() < 0.2:
                self.bring_bad(snapshot, good)
                continue
            assert apply(self.node, good, chunk(self.giver, snapshot, good)).result == APPLY.ACCEPT
            good += 1
        self.seen["left"] += 1
        return count

    def offer_spoilt(self, snapshot: Any, verified: bytes) -> None:
        spoilt = self.world.chance.choice(["format", "hash", "metadata"])
        if spoilt == "format":
            snapshot.format += 1
        elif spoilt == "hash":
            snapshot.hash = self.world.chance.randbytes(32)
        else:
            snapshot.metadata = snapshot.metadata[:-1]
        refused = OFFER.REJECT_FORMAT if spoilt == "format" else OFFER.REJECT
        assert offer(self.node, snapshot, verified) == refused
        self.seen["refused"] += 1

    def succeed(self, count: int) -> int:
        """Takes up the newest snapshot with so many chunks brought, or more. Returns how many were."""
        snapshot = listed(self.giver)[-1]
        assert offer(self.node, snapshot, app_hash(self.giver, snapshot.height)) == OFFER.ACCEPT
        self.seen["taken up"] += 1
        self.is_spoilt = False
        return self.bring_all(snapshot, count, APPLY.ACCEPT)

    def bring_all(self, snapshot: Any, count: int, last: int) -> int:
        """The whole snapshot, with bad chunks in between where it has fewer than the count. last: what comes of it."""
        count = max(count, snapshot.chunks)
        order = [True] * (snapshot.chunks - 1) + [False] * (count - snapshot.chunks)
        self.world.chance.shuffle(order)
        good = 0
        for is_good in (*order, True):
            if is_good:
                answer = apply(self.node, good, chunk(self.giver, snapshot, good)).result
                good += 1
                assert answer == (last if good == snapshot.chunks else APPLY.ACCEPT)
            else:
                self.bring_bad(snapshot, good)
        return count

    def bring_bad(self, snapshot: Any, index: int) -> None:
        """A changed chunk, or one out of turn: it is to be fetched again, from somebody else."""
        data = chunk(self.giver, snapshot, index)
        if self.world.chance.random() < 0.5:
            data = data[:-1] + bytes([data[-1] ^ 1])
        else:
            index += 1
        answer = apply(self.node, index, data)
        assert answer.result == APPLY.RETRY
        assert (list(answer.refetch_chunks), list(answer.reject_senders)) == ([index], ["peer"])
        self.seen["bad chunk"] += 1

    def restart(self) -> None:
        """Where a state was written that was not the verified one, it has to begin with an empty folder."""
        if self.is_spoilt:
            with pytest.raises(InvariantViolation, match="begin again with an empty folder"):
                super().restart()
            self.application = empty(self.world, self.folder, type(self.node))
            self.is_spoilt = False
            self.seen["begun again"] += 1
            return
        self.node.application.snapshots.finish()  # which a process that is killed does not go on with
        super().restart()
        with_snapshots(self.node, self.folder)


@pytest.mark.parametrize("kind", ["in process", "over a socket"])
@pytest.mark.parametrize("seed", range(8))
def test_any_start_by_state_sync(call_grammar: Grammar, kind: str, seed: int, tmp_path: Path) -> None:
    """Whoever executed every block, under the embedded engine, has the same hash at every height."""
    world, chance = World(3_000 + seed), random.Random(seed)
    giver, before = giving(world, tmp_path / "giver", KINDS[kind])
    joiner = Joiner(KINDS[kind], world, giver, tmp_path / "joiner")
    words = joiner.sync(call_grammar.sentence("state-sync", chance))
    first = call_grammar.sentence("consensus-exec", chance)
    assert call_grammar.accepts("start", [*words, *first])
    joiner.run(first)
    for _ in range(2):
        joiner.restart()
        again = [INFO_WORD, *call_grammar.sentence("consensus-exec", chance)]
        assert call_grammar.accepts("recovery", again)
        joiner.run(again)
    other: Application = KINDS["embedded"](world.desk)
    try:
        other.handshake()
        synced_at = listed(giver)[-1].height
        own = zip(joiner.decided, joiner.hashes, strict=True)
        for block, found in (*((one, hash_) for one, hash_ in before if one.height <= synced_at), *own):
            assert other.finalise(block) == found
            other.commit()
        assert other.node.machine.last == joiner.node.node.machine.last
    finally:
        other.close()
        joiner.application.close()
        giver.close()


def test_every_way_that_comes_to_nothing_is_gone(call_grammar: Grammar, tmp_path: Path) -> None:
    world, chance, seen = World(4_000), random.Random(4_000), Counter[str]()
    giver, _ = giving(world, tmp_path / "giver")
    for number in range(20):
        joiner = Joiner(InProcess, world, giver, tmp_path / str(number))
        words = joiner.sync(call_grammar.sentence("state-sync", chance))
        assert call_grammar.accepts("state-sync", words)
        seen.update(joiner.seen)
        joiner.application.close()
    giver.close()
    assert set(seen) == {"refused", "left", "another state", "begun again", "bad chunk", "taken up"}, seen
