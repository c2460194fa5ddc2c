"""Every legal sequence of calls, as CometBFT's grammar has them, leads the ledger where its decided blocks lead."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.abnf import Grammar
from tests.conformance.applications import BYTES_MAX, KINDS, Application, Block
from tests.conformance.world import World

VECTOR = "abci_call_grammar_abnf.txt"


@pytest.fixture(scope="module")
def grammar(shared_data: Path) -> Grammar:
    path = shared_data / "vectors" / VECTOR
    if not path.is_file():
        pytest.skip(f"no vector at {path}")
    return Grammar(path.read_text())


def test_the_grammar_is_read_as_it_is_meant(grammar: Grammar) -> None:
    finalise = ["<FinalizeBlock>", "<Commit>"]
    assert grammar.accepts("start", ["<Info>", "<InitChain>", *finalise])
    assert grammar.accepts("start", ["<Info>", *finalise, *finalise])
    assert not grammar.accepts("start", ["<Info>", "<Commit>", "<FinalizeBlock>"])
    assert not grammar.accepts("start", [*finalise])
    assert grammar.accepts(
        "start",
        [
            "<OfferSnapshot>",
            "<OfferSnapshot>",
            "<ApplySnapshotChunk>",
            "<Info>",
            "<ProcessProposal>",
            *finalise,
        ],
    )
    assert grammar.accepts("proposer", ["<PrepareProposal>", "<ProcessProposal>", "<ExtendVote>"])
    assert not grammar.accepts("non-proposer", ["<PrepareProposal>"])
    chance = random.Random(1)
    for rule in grammar.rules:
        for _ in range(20):
            assert grammar.accepts(rule, grammar.sentence(rule, chance))


class Driver:
    """Stands in for the engine: makes the calls of one sentence after the other, with blocks that fit them."""

    def __init__(self, kind: Any, world: World) -> None:
        self.world = world
        self.application: Application = kind(world.desk)
        self.height = world.first_height
        self.decided: list[Block] = []
        self.hashes: list[bytes] = []
        self._proposed: list[Block] = []
        self.calls = 0

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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_any_legal_sequence_of_calls(grammar: Grammar, kind: str, seed: int) -> None:
    """Starts and restarts, rounds with and without a proposal, votes at any moment; then replayed by another."""
    driver = Driver(KINDS[kind], World(1_000 + seed))
    chance = random.Random(seed)
    driver.run(["<Info>", "<InitChain>"])
    for _ in range(3):
        driver.run(grammar.sentence("consensus-exec", chance))
        driver.restart()
        driver.run(["<Info>"])
    assert driver.calls > 20
    other: Application = KINDS["embedded" if kind != "embedded" else "in process"](driver.world.desk)
    try:
        other.handshake()
        for block, found in zip(driver.decided, driver.hashes, strict=True):
            assert other.finalise(block) == found
            other.commit()
    finally:
        other.close()
        driver.application.close()
