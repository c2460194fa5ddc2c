"""The light client against foreign traces: single steps with their verdicts, then bisection and witnesses."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from counterfoil.state.light_blocks import LightBlock
from counterfoil.verify.light.client import NoSuchBlock, advance, find_fork, lead, trust_block
from counterfoil.verify.light.commits import Fraction
from counterfoil.verify.light.encoding import header_hash
from counterfoil.verify.light.json_form import parse_time, read_light_block, read_validators
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.steps import Rules, TrustedState, Verdict, check_step, judge

VERDICTS = {"SUCCESS": 44, "NOT_ENOUGH_TRUST": 42, "INVALID": 13}


def block_of(content: Any) -> LightBlock:
    return read_light_block(content["signed_header"], content["validator_set"]["validators"])


def trusted_by(content: Any) -> TrustedState:
    """A header with the validators of the next height, which is what the traces trust."""
    block = read_light_block(content["signed_header"], [])
    return TrustedState.at(block.header, read_validators(content["next_validator_set"]["validators"]))


def test_single_steps(shared_data: Path) -> None:
    files = sorted((shared_data / "vectors/light_client_mbt/model_based/single_step").glob("*.json"))
    assert len(files) == 41
    seen: Counter[str] = Counter()
    for file in files:
        trace = json.loads(file.read_text())
        trusted = trusted_by(trace["initial"])
        rules = Rules(trusting_period_ns=int(trace["initial"]["trusting_period"]), clock_drift_ns=0)
        for number, step in enumerate(trace["input"]):
            judged = judge(trusted, block_of(step["block"]), rules, parse_time(step["now"]))
            assert judged.verdict == step["verdict"], f"{file.name}, step {number}: {judged.reason}"
            if judged.verdict is Verdict.SUCCESS:
                trusted = trusted_by(step["block"])
            seen[judged.verdict] += 1
    assert seen == VERDICTS


class Script:
    """The blocks of a single-step trace by height, the last one where it has several, and when each is looked at."""

    def __init__(self, trace: Any) -> None:
        self.chain_id = ""
        self._blocks: dict[int, LightBlock] = {}
        self._times_ns: dict[int, list[int]] = {}
        self._rules = Rules(trusting_period_ns=int(trace["initial"]["trusting_period"]), clock_drift_ns=0)
        for step in trace["input"]:
            block = block_of(step["block"])
            self._blocks[block.header.height] = block
            self._times_ns.setdefault(block.header.height, []).append(parse_time(step["now"]))
        if step["verdict"] == Verdict.SUCCESS:  # bisection looks at its target first of all
            self._times_ns[block.header.height].insert(0, parse_time(trace["input"][0]["now"]))

    def light_block(self, height: int) -> LightBlock:
        if height not in self._blocks:
            raise NoSuchBlock(height)
        return self._blocks[height]

    def check(self, trusted: TrustedState, block: LightBlock) -> None:
        """Each time that a block is looked at is the script's next for its height."""
        times_ns = self._times_ns[block.header.height]
        check_step(trusted, block, self._rules, times_ns.pop(0) if len(times_ns) > 1 else times_ns[0])


NOT_HALVED = "MC4_4_faulty_Test2NotEnoughTrustSuccess.json"
"""It goes from 2 to 4 in a way that halving the gap does not: there is no block 3 in it."""


def test_bisection_over_the_single_steps(shared_data: Path) -> None:
    """Asked for the last block of a trace, bisection comes to the trace's last verdict: the blocks in between are its
    faulty primary's, and stand for those that are fetched."""
    ends: Counter[str] = Counter()
    for file in sorted((shared_data / "vectors/light_client_mbt/model_based/single_step").glob("*.json")):
        trace = json.loads(file.read_text())
        script, verdict = Script(trace), trace["input"][-1]["verdict"]
        target = block_of(trace["input"][-1]["block"])
        good = {
            block_of(step["block"]).header.height
            for step in trace["input"]
            if step["verdict"] == Verdict.SUCCESS
        }
        trusted = trusted_by(trace["initial"])
        if file.name == NOT_HALVED:
            with pytest.raises(NoSuchBlock):
                lead(script, trusted, target, script.check)
        elif verdict == Verdict.SUCCESS:
            led = lead(script, trusted, target, script.check)
            assert led[-1] is target, file.name
            assert {block.header.height for block in led} <= good, file.name
            ends["in between"] += len(led) > 1
        else:
            with pytest.raises(Invalid):
                lead(script, trusted, target, script.check)
        ends[verdict] += 1
    assert ends == {"SUCCESS": 28, "INVALID": 13, "in between": 5}


class ListedBlocks:
    """A provider over a trace's list of blocks."""

    def __init__(self, content: Any) -> None:
        self.chain_id: str = content["chain_id"]
        self._blocks = {block.header.height: block for block in map(block_of, content["lite_blocks"])}

    def light_block(self, height: int) -> LightBlock:
        if height not in self._blocks and height:
            raise NoSuchBlock(height)
        return self._blocks[height or max(self._blocks)]


def test_bisection_and_witnesses(shared_data: Path) -> None:
    folder = shared_data / "vectors/light_client_mbt/bisection"
    if not folder.is_dir():
        pytest.skip(f"this copy of the shared data has no {folder.name} traces")
    files = sorted(folder.rglob("*.json"))
    assert len(files) == 8
    for file in files:
        case = json.loads(file.read_text())
        if case.get("expected_output") == "error":
            with pytest.raises((Invalid, ForkFound)):
                follow(case)
        else:
            follow(case)


class ForkFound(Exception):
    pass


def follow(case: Any) -> None:
    """What a client does that begins with the trusted hash: advance, then ask the witnesses."""
    options, now_ns = case["trust_options"], parse_time(case["now"])
    primary = ListedBlocks(case["primary"])
    level = options["trust_level"]
    rules = Rules(
        trusting_period_ns=int(options["period"]),
        trust_level=Fraction(int(level["numerator"]), int(level["denominator"])),
    )
    first = primary.light_block(int(options["height"]))
    trusted = trust_block(first, primary.chain_id, bytes.fromhex(options["hash"]))
    target = primary.light_block(int(case["height_to_verify"]))
    trace = advance(primary, trusted, target, rules, now_ns)
    assert header_hash(trace[-1].header) == header_hash(target.header)
    for witness in case.get("witnesses") or ():
        if find_fork(trusted, trace, ListedBlocks(witness.get("value", witness)), rules, now_ns):
            raise ForkFound
