"""Stands in for the consensus engine in what it calls, and in which order."""

from __future__ import annotations

from typing import Any

from tests.conformance.applications import BYTES_MAX, Application, Block
from tests.conformance.world import World


class Driver:
    """Stands in for the engine: makes the calls of one sentence after the other, with blocks that fit them."""

    def __init__(self, application: Application, world: World) -> None:
        self.world = world
        self.application = application
        self.height = world.first_height
        self.decided: list[Block] = []
        self.hashes: list[bytes] = []
        self._proposed: list[Block] = []
        self.calls = 0

    @classmethod
    def of(cls, kind: Any, world: World) -> Driver:
        """Of an application that is to be founded, or was where the world begins."""
        return cls(kind(world.desk), world)

    def run(self, words: list[str]) -> None:
        for word in words:
            self.calls += 1
            getattr(
                self,
                {
                    "<Info>": "info",
                    "<InitChain>": "init_chain",
                    "<PrepareProposal>": "prepare",
                    "<ProcessProposal>": "process",
                    "<ExtendVote>": "extend",
                    "<VerifyVoteExtension>": "got_vote",
                    "<FinalizeBlock>": "finalise",
                    "<Commit>": "commit",
                }[word],
            )()

    def info(self) -> None:
        """Of a process that has come up (again): replay from where it says that it stands."""
        height, app_hash = self.application.handshake()
        if self.decided:
            assert app_hash == dict(zip(self._heights(), self.hashes, strict=True)).get(height, app_hash)
        for block, found in zip(self.decided, self.hashes, strict=True):
            if block.height > height:
                assert self.application.finalise(block) == found
                self.application.commit()

    def init_chain(self) -> None:
        self.application.handshake()

    def prepare(self) -> None:
        pool = [self.world.any_item() for _ in range(self.world.chance.randint(0, 4))]
        time_ms = self.world.time_ms(self.height)
        self._proposed.append(self.application.propose(self.height, time_ms, pool, BYTES_MAX))

    def process(self) -> None:
        """The block that was just proposed, or another's, good or bad."""
        if not self._proposed or self.world.chance.random() < 0.4:
            items = [self.world.any_item() for _ in range(self.world.chance.randint(0, 3))]
            block = self.world.block(self.height, items)
            if self.application.judge(block):
                self._proposed.append(block)
            return
        assert self.application.judge(self._proposed[-1])

    def extend(self) -> None:
        self.application.extend(self._block())

    def got_vote(self) -> None:
        self.application.verify(self._block(), self.world.chance.randbytes(20))

    def finalise(self) -> None:
        """One of the blocks that were accepted, or one that only others saw before."""
        block = self._block()
        self.hashes.append(self.application.finalise(block))
        self.decided.append(block)

    def commit(self) -> None:
        self.application.commit()
        self.height += 1
        self._proposed.clear()

    def restart(self) -> None:
        self.application = self.application.restarted()

    def _block(self) -> Block:
        if self._proposed:
            return self.world.chance.choice(self._proposed)
        return self.world.block(self.height, [self.world.bundle()])

    def _heights(self) -> list[int]:
        return [block.height for block in self.decided]
