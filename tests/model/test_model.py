"""The ledger against its dictionary model: any sequence of messages, good and bad, of every module.

After each block the numbers of all results, every identity that was created and every record agree; at the end of a
game the modules' own full checks hold, and a replay leads to the same header.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from counterfoil.machine.transactions import Mode
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.settlement.messages import Allocate, Amend, Cancel, Instruct, InstructBoth
from tests.model.moves_keys import MOVES
from tests.model.playing import AHEAD, KINDS, Play
from tests.model.twin import COMPARED, Model

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
SEEDS = st.integers(0, 2**32)
TRADING = (Instruct, InstructBoth, Amend, Allocate, Cancel)
"""What a day mostly consists of."""
NOT_COMPARED = {45, 73, 83, 91, 92, 93, 94, 95, 96, 100, 101}
"""Tables that follow from others: counters, references and queues, which stand in what an instruction waits for."""


class LedgerAgainstModel(RuleBasedStateMachine):
    """Each step is a kind and a seed, so that a failing game shrinks to the steps that it needs."""

    @initialize()
    def open(self) -> None:
        self.play = Play()

    @rule(kind=st.sampled_from(KINDS), seed=SEEDS)
    def send(self, kind: type, seed: int) -> None:
        self.play.send([kind], seed)

    @rule(kind=st.sampled_from(TRADING), seed=SEEDS)
    def trade(self, kind: type, seed: int) -> None:
        self.play.send([kind], seed)

    @rule(
        kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=4), seed=SEEDS, mode=st.sampled_from(Mode)
    )
    def send_a_list(self, kinds: list[type], seed: int, mode: Mode) -> None:
        self.play.send(kinds, seed, mode)

    @rule(kind=st.sampled_from(KINDS), seed=SEEDS)
    def send_alone(self, kind: type, seed: int) -> None:
        self.play.close_block()
        self.play.send([kind], seed)
        self.play.close_block()

    @rule(seed=SEEDS)
    def send_again(self, seed: int) -> None:
        self.play.send_again(seed)

    @rule(seed=SEEDS)
    def send_out_of_time(self, seed: int) -> None:
        self.play.out_of_time(seed)

    @rule(seed=SEEDS)
    def another_engine(self, seed: int) -> None:
        self.play.another_engine(seed)

    @precondition(lambda self: self.play.twin.pending)
    @rule()
    def close_the_block(self) -> None:
        self.play.close_block()

    @rule(ms=st.sampled_from(AHEAD))
    def pass_time(self, ms: int) -> None:
        self.play.pass_time(ms)

    @rule()
    def turn_the_day(self) -> None:
        self.play.turn_the_day()

    @rule()
    def check_everything(self) -> None:
        self.play.check()

    def teardown(self) -> None:
        if hasattr(self, "play"):
            self.play.finish()


LedgerAgainstModel.TestCase.settings = settings(
    max_examples=2_000 if DEEP else 25,
    stateful_step_count=150 if DEEP else 40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLedgerAgainstModel = pytest.mark.slow(LedgerAgainstModel.TestCase)


@pytest.mark.slow
@pytest.mark.timeout(36_000 if DEEP else 300)
def test_long_games_exercise_every_message_and_agree() -> None:
    """Every kind is accepted, and refused in many ways."""
    accepted = dict.fromkeys(MESSAGES, 0)
    refused: dict[int, int] = {}
    games, steps = (400, 500) if DEEP else (24, 220)
    for game in range(games):
        play = Play()
        for step in range(steps):
            play.step(f"{game}/{step}")
        play.finish()
        for kind, count in play.twin.accepted.items():
            accepted[kind] += count
        for number, count in play.twin.refused.items():
            refused[number] = refused.get(number, 0) + count
    never = [kind.__name__ for kind, count in accepted.items() if not count]
    assert not never, f"never accepted: {never}"
    print(
        f"{sum(refused.values()):,} transactions, {refused[0]:,} accepted, {len(refused) - 1} kinds of reject"
    )
    assert len(refused) > 150


def test_every_kind_of_message_has_a_move_and_a_rule_of_the_model() -> None:
    without_move = [kind.__name__ for kind in MESSAGES if kind not in MOVES]
    assert not without_move, f"the model's games never send {without_move}: add a move"
    without_rule = [kind.__name__ for kind in MESSAGES if not hasattr(Model, kind.__name__)]
    assert not without_rule, f"the model does not know {without_rule}: add a rule"
    assert set(KINDS) == set(MESSAGES)


def test_every_table_is_compared_or_follows_from_others() -> None:
    play = Play()
    tables = set(play.twin.machine.state.tables) - {1}
    assert tables == set(COMPARED) | NOT_COMPARED
