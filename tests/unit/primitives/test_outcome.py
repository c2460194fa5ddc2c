from __future__ import annotations

import pytest

from counterfoil.primitives.outcome import InvariantViolation, RejectCode, Rejected, ensure


class SampleReject(RejectCode):
    TOO_LATE = (1, "The deadline has passed.", "Send it earlier.")
    TOO_EARLY = (2, "The day has not begun.", "Send it later.")


def test_a_reject_carries_its_number_and_its_two_sentences() -> None:
    code = SampleReject.TOO_LATE
    assert (code.number, code.explanation, code.resolution) == (
        1,
        "The deadline has passed.",
        "Send it earlier.",
    )
    assert Rejected(code).number == 1
    assert str(Rejected(code)) == "1 TOO_LATE: The deadline has passed. Send it earlier."


def test_what_the_asker_needs_to_know_is_told_and_bytes_are_readable() -> None:
    told = Rejected(SampleReject.TOO_EARLY, account=b"\xca\xfe", opens=20131007)
    assert told.facts == {"account": b"\xca\xfe", "opens": 20131007}
    assert str(told).endswith("Send it later. (account=cafe, opens=20131007)")


def test_ensure_stops_at_what_is_false() -> None:
    ensure(1, "one is true")
    with pytest.raises(InvariantViolation, match="books differ"):
        ensure(0, "books differ")


def test_the_two_kinds_of_failure_are_not_each_other() -> None:
    assert not issubclass(InvariantViolation, Rejected)
    assert not issubclass(Rejected, InvariantViolation | ValueError)
