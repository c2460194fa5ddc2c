"""Every legal sequence of calls, as CometBFT's grammar has them, leads the ledger where its decided blocks lead."""

from __future__ import annotations

import random

import pytest

from tests.conformance.abnf import Grammar
from tests.conformance.applications import KINDS, Application
from tests.conformance.driver import Driver
from tests.conformance.world import World


def test_the_grammar_is_read_as_it_is_meant(call_grammar: Grammar) -> None:
    finalise = ["<FinalizeBlock>", "<Commit>"]
    assert call_grammar.accepts("start", ["<Info>", "<InitChain>", *finalise])
    assert call_grammar.accepts("start", ["<Info>", *finalise, *finalise])
    assert not call_grammar.accepts("start", ["<Info>", "<Commit>", "<FinalizeBlock>"])
    assert not call_grammar.accepts("start", [*finalise])
    assert call_grammar.accepts(
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
    assert call_grammar.accepts("proposer", ["<PrepareProposal>", "<ProcessProposal>", "<ExtendVote>"])
    assert not call_grammar.accepts("non-proposer", ["<PrepareProposal>"])
    chance = random.Random(1)
    for rule in call_grammar.rules:
        for _ in range(20):
            assert call_grammar.accepts(rule, call_grammar.sentence(rule, chance))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_any_legal_sequence_of_calls(call_grammar: Grammar, kind: str, seed: int) -> None:
    """Starts and restarts, rounds with and without a proposal, votes at any moment; then replayed by another."""
    driver = Driver.of(KINDS[kind], World(1_000 + seed))
    chance = random.Random(seed)
    driver.run(["<Info>", "<InitChain>"])
    for _ in range(3):
        driver.run(call_grammar.sentence("consensus-exec", chance))
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
