"""Logins: password and one-time code, each code once, failures counted for every name alike, and nothing told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.custody.service.logins import (
    ENROLMENT_MS,
    FAILURES_MAX,
    IDLE_MS,
    REST_MS,
    REST_MS_MAX,
    SESSION_MS,
    Logins,
)
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.primitives.outcome import RejectCode
from tests.unit.custody.custodians import PASSWORD, Desk, code_of

STEP_MS = 30_000


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "custody")
    made.add("ben")
    yield made
    made.close()


@pytest.fixture
def logins(desk: Desk) -> Logins:
    return desk.custodian.logins


def test_password_and_code_together(desk: Desk, logins: Logins) -> None:
    token = logins.log_in("ben", PASSWORD, desk.code("ben"))
    assert len(token) == 32
    assert logins.user_of(token) == "ben"
    assert code_of(lambda: logins.user_of(bytes(32))) is CustodyRefusal.LOGIN_IS_NEEDED
    logins.log_out(token)
    assert code_of(lambda: logins.user_of(token)) is CustodyRefusal.LOGIN_IS_NEEDED


def test_a_code_serves_once(desk: Desk, logins: Logins) -> None:
    code = desk.code("ben")
    logins.log_in("ben", PASSWORD, code)
    assert code_of(lambda: logins.log_in("ben", PASSWORD, code)) is CustodyRefusal.LOGIN_FAILED
    desk.time_ms += STEP_MS
    assert code_of(lambda: logins.log_in("ben", PASSWORD, code)) is CustodyRefusal.LOGIN_FAILED
    logins.log_in("ben", PASSWORD, desk.code("ben"))
    desk.restart()
    reused = code_of(lambda: desk.custodian.logins.log_in("ben", PASSWORD, desk.code("ben")))
    assert reused is CustodyRefusal.LOGIN_FAILED, "not after a restart either"


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_a_step(desk: Desk, logins: Logins, steps: int, good: bool) -> None:
    desk.time_ms += steps * STEP_MS
    code = desk.code("ben")
    desk.time_ms -= steps * STEP_MS
    assert (code_of(lambda: logins.log_in("ben", PASSWORD, code)) is None) == good


@pytest.mark.parametrize("name", ["ben", "nobody", "", "x" * 3_000])
def test_failures_are_counted_alike_for_every_name(desk: Desk, logins: Logins, name: str) -> None:
    def wrong() -> RejectCode | None:
        return code_of(lambda: logins.log_in(name, PASSWORD + "!", "000000"))

    for _ in range(FAILURES_MAX):
        assert wrong() is CustodyRefusal.LOGIN_FAILED
    assert wrong() is CustodyRefusal.LOGIN_RESTS
    desk.time_ms += REST_MS
    assert wrong() is CustodyRefusal.LOGIN_FAILED
    desk.time_ms += REST_MS
    assert wrong() is CustodyRefusal.LOGIN_RESTS, "each rest is twice as long"
    desk.time_ms += REST_MS
    for _ in range(20):
        assert wrong() is CustodyRefusal.LOGIN_FAILED
        desk.time_ms += REST_MS_MAX


def test_a_rest_outlives_a_restart_and_ends_with_a_login(desk: Desk, logins: Logins) -> None:
    for _ in range(FAILURES_MAX):
        assert code_of(lambda: logins.log_in("ben", "wrong password", "000000"))
    desk.restart()
    logins = desk.custodian.logins
    assert code_of(lambda: logins.log_in("ben", PASSWORD, desk.code("ben"))) is CustodyRefusal.LOGIN_RESTS
    desk.time_ms += REST_MS
    logins.log_in("ben", PASSWORD, desk.code("ben"))
    assert code_of(lambda: logins.log_in("ben", "wrong password", "000000")) is CustodyRefusal.LOGIN_FAILED


@pytest.mark.parametrize(
    ("password", "code"),
    [("wrong password", None), (PASSWORD, "000000"), (PASSWORD, ""), (PASSWORD, "٣٣٣٣٣٣")],
)
def test_each_half_alone_is_nothing(desk: Desk, logins: Logins, password: str, code: str | None) -> None:
    used = desk.code("ben") if code is None else code
    assert code_of(lambda: logins.log_in("ben", password, used)) is CustodyRefusal.LOGIN_FAILED


def test_a_failure_with_the_right_code_does_not_use_it_up(desk: Desk, logins: Logins) -> None:
    code = desk.code("ben")
    assert code_of(lambda: logins.log_in("ben", "wrong password", code)) is CustodyRefusal.LOGIN_FAILED
    assert logins.log_in("ben", PASSWORD, code)


def test_a_login_ends(desk: Desk, logins: Logins) -> None:
    token = logins.log_in("ben", PASSWORD, desk.code("ben"))
    begun_ms = desk.time_ms
    while desk.time_ms < begun_ms + SESSION_MS:
        assert logins.user_of(token) == "ben"
        desk.time_ms += IDLE_MS
    desk.time_ms += 1
    assert code_of(lambda: logins.user_of(token)) is CustodyRefusal.LOGIN_IS_NEEDED
    token = logins.log_in("ben", PASSWORD, desk.code("ben"))
    desk.time_ms += IDLE_MS + 1
    assert code_of(lambda: logins.user_of(token)) is CustodyRefusal.LOGIN_IS_NEEDED


def test_enrolment(desk: Desk, logins: Logins) -> None:
    code = logins.invite("dan", administrator=False)
    short = code_of(lambda: logins.enrol("dan", code, "too short"))
    assert short is CustodyRefusal.PASSWORD_IS_TOO_SHORT
    failed = CustodyRefusal.ENROLMENT_FAILED
    assert code_of(lambda: logins.enrol("dan", "0000-0000-0000-0000", PASSWORD)) is failed
    assert code_of(lambda: logins.enrol("ben", code, PASSWORD)) is failed
    desk.enrol("dan", code)
    assert code_of(lambda: logins.enrol("dan", code, PASSWORD)) is failed, "a code serves once"
    assert logins.log_in("dan", PASSWORD, desk.code("dan"))


def test_enrolment_lapses_and_is_replaced(desk: Desk, logins: Logins) -> None:
    first = logins.invite("dan", administrator=False)
    second = logins.invite("dan", administrator=False)
    assert code_of(lambda: logins.enrol("dan", first, PASSWORD)) is CustodyRefusal.ENROLMENT_FAILED
    desk.time_ms += ENROLMENT_MS
    assert code_of(lambda: logins.enrol("dan", second, PASSWORD)) is CustodyRefusal.ENROLMENT_FAILED


def test_who_is_enrolled_anew_loses_what_it_had(desk: Desk, logins: Logins) -> None:
    token = logins.log_in("ben", PASSWORD, desk.code("ben"))
    code = logins.invite("ben", administrator=False)
    assert code_of(lambda: logins.user_of(token)) is CustodyRefusal.LOGIN_IS_NEEDED
    desk.time_ms += STEP_MS
    assert code_of(lambda: logins.log_in("ben", PASSWORD, desk.code("ben"))) is CustodyRefusal.LOGIN_FAILED
    desk.enrol("ben", code)
    assert logins.log_in("ben", PASSWORD, desk.code("ben"))


def test_guessing_enrolment_codes_rests_too(logins: Logins) -> None:
    logins.invite("dan", administrator=False)
    for _ in range(FAILURES_MAX):
        assert code_of(lambda: logins.enrol("dan", "0000-0000-0000-0000", PASSWORD))
    assert code_of(lambda: logins.enrol("dan", "0000-0000-0000-0000", PASSWORD)) is CustodyRefusal.LOGIN_RESTS
