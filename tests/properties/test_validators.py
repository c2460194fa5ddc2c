"""Whatever the consortium decides and whoever misbehaves: our sets are those of an engine that applies our updates.

The engine here does what CometBFT 0.38 does with what an application tells it after a block (`updateState` in
state/execution.go): the updates of block H change the set of H + 2; it stops where they repeat a key, remove one that
is not there, or leave nobody.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.modules.validators.messages import (
    AddValidator,
    ReadmitValidator,
    RemoveValidator,
    RotateConsensusKey,
    SetVotingPower,
)
from tests.model.desk import DECIDING, Desk, by, party, replayed
from tests.model.opening import consensus_key, double_signed

NAMES = ("exchange", "notary", "trustee", "broker-a", "broker-b")
MEMBERS = by(*DECIDING)
CHANGES = ("add", "remove", "power", "rotate", "readmit")


class Engine:
    """Sets by height, as the engine has them."""

    def __init__(self) -> None:
        self.sets: dict[int, dict[bytes, int]] = {}

    def begin(self, height: int, found: dict[bytes, int]) -> None:
        self.sets[height] = self.sets[height + 1] = dict(found)

    def decided(self, height: int, updates: Any) -> None:
        following = dict(self.sets[height + 1])
        assert len({update.key for update in updates}) == len(updates), "a key is told twice"
        for update in updates:
            assert update.power >= 0
            if update.power:
                following[update.key] = update.power
            else:
                assert update.key in following, "what is not there cannot be removed"
                del following[update.key]
        assert following, "the set is empty"
        assert sum(following.values()) <= 2**63 // 8
        self.sets[height + 2] = following


@st.composite
def steps(draw: Any) -> list[tuple[list[tuple[str, str, int]], list[tuple[str, int]]]]:
    """For each block some changes (kind, whose, power), and who is reported for how long ago."""
    change = st.tuples(st.sampled_from(CHANGES), st.sampled_from(NAMES), st.integers(1, 5))
    report = st.tuples(st.sampled_from(NAMES), st.integers(0, 4))
    return draw(
        st.lists(
            st.tuples(st.lists(change, max_size=4), st.lists(report, max_size=2)), min_size=1, max_size=12
        )
    )


def message_of(kind: str, name: str, power: int, fresh: bytes) -> Any:
    whose = party(name)
    return {
        "add": AddValidator(whose, fresh, power),
        "remove": RemoveValidator(whose),
        "power": SetVotingPower(whose, power),
        "rotate": RotateConsensusKey(whose, fresh),
        "readmit": ReadmitValidator(whose, fresh, power),
    }[kind]


@pytest.mark.slow
@settings(suppress_health_check=list(HealthCheck))
@given(steps())
def test_the_engine_follows(found: list[tuple[list[tuple[str, str, int]], list[tuple[str, int]]]]) -> None:
    desk, engine = Desk(), Engine()
    desk.carry(AddValidator(party(NAMES[0]), consensus_key(NAMES[0]).public_key, 3))
    desk.carry(AddValidator(party(NAMES[1]), consensus_key(NAMES[1]).public_key, 2))
    keys = {name: [name] for name in NAMES}
    engine.begin(desk.height + 2, powers(desk, desk.height + 2))
    first, accepted = desk.height + 2, 0
    while desk.height < first - 1:
        desk.do(desk.motion(SetVotingPower(party(NAMES[0]), 3)), *MEMBERS)
    for changes, reports in found:
        raws = []
        for kind, name, power in changes:
            keys[name].append(f"{name} {desk.height} {len(raws)}")
            made = message_of(kind, name, power, consensus_key(keys[name][-1]).public_key)
            raws.append(desk.transaction(desk.motion(made), *MEMBERS))
        misbehaviour = [
            double_signed(key, max(1, desk.height - ago), desk.time_ms)
            for name, ago in reports
            for key in keys[name][-3:]
        ]
        height = desk.height
        outcomes = desk.decide(*misbehaviour, raws=raws)
        accepted += sum(not outcome.result.number for outcome in outcomes)
        if desk.height > height:
            engine.decided(desk.height, desk.machine.validator_updates(desk.height))
    for height in range(first, desk.height + 3):
        assert powers(desk, height) == engine.sets[height], height
    desk.machine.check_everything()
    again = replayed(desk)
    assert again.machine.last == desk.machine.last
    assert [again.machine.validator_updates(height) for height in range(first, desk.height + 1)] == [
        desk.machine.validator_updates(height) for height in range(first, desk.height + 1)
    ]


def powers(desk: Desk, height: int) -> dict[bytes, int]:
    return {entry.key: entry.power for entry in desk.machine.validators(height)}
