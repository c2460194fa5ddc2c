"""What a node logs: lines that a machine reads too, in which nothing that the ledger keeps private stands."""

from __future__ import annotations

import io
import json
import logging

import pytest

from counterfoil.machine.rejects import MachineReject
from counterfoil.node.logs import LogLevel, begin_logging
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.storage.errors import StorageFull

PARTY = bytes(range(20))
ADDRESS = "cfp1qqqsyqcyq5rqwzqfpg9scrgwpugpzysn0qklzv"
log = logging.getLogger("counterfoil.engine.embedded")


def lines(level: LogLevel = LogLevel.INFO) -> io.StringIO:
    stream = io.StringIO()
    begin_logging(as_json=True, level=level, stream=stream)
    return stream


def only(stream: io.StringIO) -> dict[str, str]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, str] = json.loads(line)
    return found


def test_a_line_is_one_object() -> None:
    stream = lines()
    log.warning("block %d\nof %s", 7, "engine")
    told = only(stream)
    assert set(told) == {"time", "level", "room", "message"}
    assert (told["level"], told["room"]) == ("warning", "engine.embedded")
    assert told["message"] == "block 7\nof engine"
    assert told["time"].endswith("Z")
    assert told["time"][10] == "T"


def test_as_text_it_is_one_line_too() -> None:
    stream = io.StringIO()
    begin_logging(as_json=False, stream=stream)
    log.error("the disk is %s", "full")
    assert stream.getvalue().endswith(" error engine.embedded: the disk is full\n")


def test_what_is_below_the_level_is_not_logged() -> None:
    stream = lines(LogLevel.ERROR)
    log.warning("not this")
    log.error("this")
    assert only(stream)["message"] == "this"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            Rejected(MachineReject.GATHERER_IS_NO_MEMBER, gatherer=PARTY, amount=1_234_567),
            f"{MachineReject.GATHERER_IS_NO_MEMBER.number} GATHERER_IS_NO_MEMBER",
        ),
        (ValueError("Broker A holds 1,234,567"), "ValueError"),
        (
            InvariantViolation("the sum of block 9 is wrong"),
            "InvariantViolation: the sum of block 9 is wrong",
        ),
        (InvariantViolation(f"{PARTY!r} has too much"), "InvariantViolation: … has too much"),
        (StorageFull("log"), "StorageFull: "),
    ],
)
def test_an_error_is_told_by_its_kind(error: BaseException, said: str) -> None:
    stream = lines()
    log.error("it failed: %s", error)
    told = only(stream)["message"]
    assert told.startswith(f"it failed: {said}")
    assert "1234567" not in told.replace(",", "")
    assert PARTY.hex() not in told
    assert "Broker" not in told


def test_a_trace_adds_the_kind_and_no_values() -> None:
    stream = lines()
    try:
        raise KeyError("Broker A")
    except KeyError as error:
        log.error("a request failed: %s", "Read", exc_info=error)
    assert only(stream)["message"] == "a request failed: Read (KeyError)"


@pytest.mark.parametrize("identity", [PARTY.hex(), repr(PARTY), ADDRESS])
def test_what_looks_like_an_identity_is_left_out(identity: str) -> None:
    stream = lines()
    log.error("of %s at height 12", identity)
    assert only(stream)["message"] == "of … at height 12"


def test_a_line_that_cannot_be_written_is_not_printed_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    begin_logging(as_json=False, stream=stream)
    stream.close()
    log.error("of %s", ADDRESS)
    assert capsys.readouterr() == ("", "")
