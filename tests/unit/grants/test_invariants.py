"""What is always true of grants is seen when it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from counterfoil.modules.grants.invariants import check, check_all
from counterfoil.modules.grants.messages import GrantView, RecordReadLog
from counterfoil.modules.grants.records import (
    GRANTS_MAX,
    GrantsOf,
    Lapse,
    Purpose,
    ReadLog,
    Scope,
    View,
    lapse_key,
    view_key,
)
from counterfoil.primitives.outcome import InvariantViolation
from tests.unit.grants.desk import DAY_MS, Desk
from tests.unit.policy.world import NOW_MS, party

NODE = b"n" * 20


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    broker, auditor = party("broker-a"), party("auditor")
    ask = GrantView(broker, auditor, Scope.PARTY, broker, Purpose.AUDIT, 0, 0, NOW_MS + DAY_MS)
    desk.act(ask, "broker-a")
    desk.act(RecordReadLog(broker, NODE, 5, bytes(32)), "broker-a", NODE)
    desk.next_block()
    return desk


def the_grant(desk: Desk) -> tuple[bytes, object]:
    ((key, _),) = desk.grants_books.views.scan()
    return key[40:], desk.grants_books.grants.find(key[40:])


def change_a_grant(desk: Desk) -> None:
    key, grant = the_grant(desk)
    desk.grants_books.grants.put(key, replace(grant, period_from_ms=1))


def forget_the_view(desk: Desk) -> None:
    add_a_grant(desk)
    desk.grants_books.views.delete(view_key(b"g" * 32, the_other(desk)))


def forget_the_lapse(desk: Desk) -> None:
    add_a_grant(desk)
    desk.grants_books.lapses.delete(lapse_key(b"g" * 32, the_other(desk)))


def the_other(desk: Desk) -> object:
    _, grant = the_grant_of_old(desk)
    return replace(grant, grantor=party("broker-b"), shown=party("broker-b"))


def the_grant_of_old(desk: Desk) -> tuple[bytes, object]:
    key = next(key for key, _ in desk.grants_books.lapses.scan() if key[8:] != b"g" * 32)
    return key[8:], desk.grants_books.grants.find(key[8:])


def add_a_grant(desk: Desk, *, counted: bool = True, **changed: object) -> None:
    grant = replace(the_other(desk), **changed)
    desk.grants_books.grants.put(b"g" * 32, grant)
    desk.grants_books.views.put(view_key(b"g" * 32, grant), View())
    desk.grants_books.lapses.put(lapse_key(b"g" * 32, grant), Lapse())
    if counted:
        desk.grants_books.grants_of.put(grant.grantor, GrantsOf(1))


def do_not_count(desk: Desk) -> None:
    add_a_grant(desk, counted=False)


def count_too_many(desk: Desk) -> None:
    desk.grants_books.grants_of.put(party("broker-a"), GrantsOf(2))


def grant_to_oneself(desk: Desk) -> None:
    add_a_grant(desk, grantor=party("auditor"))


def show_what_the_purpose_does_not(desk: Desk) -> None:
    add_a_grant(desk, purpose=Purpose.CUSTODY)


def grant_to_whom_it_is_not_for(desk: Desk) -> None:
    add_a_grant(desk, grantee=party("broker-a"))


def end_without_a_trace(desk: Desk) -> None:
    key, grant = the_grant(desk)
    desk.grants_books.grants.delete(key)
    desk.grants_books.grants_of.delete(grant.grantor)


def end_but_keep_the_lapse(desk: Desk) -> None:
    key, grant = the_grant(desk)
    end_without_a_trace(desk)
    desk.grants_books.views.delete(view_key(key, grant))


def shorten_a_log(desk: Desk) -> None:
    desk.grants_books.read_logs.put(party("broker-a") + NODE, ReadLog(4, bytes(32), NOW_MS))


def rewrite_a_log(desk: Desk) -> None:
    desk.grants_books.read_logs.put(party("broker-a") + NODE, ReadLog(5, b"h" * 32, NOW_MS))


def forget_a_log(desk: Desk) -> None:
    desk.grants_books.read_logs.delete(party("broker-a") + NODE)


SEEN_ALWAYS = (forget_the_view, forget_the_lapse, do_not_count, count_too_many, grant_to_oneself)
SEEN_ALWAYS += (show_what_the_purpose_does_not, grant_to_whom_it_is_not_for, end_without_a_trace)
SEEN_ALWAYS += (end_but_keep_the_lapse,)
SEEN_IN_THE_BLOCK = (*SEEN_ALWAYS, change_a_grant, shorten_a_log, rewrite_a_log, forget_a_log)


@pytest.mark.parametrize("broken", SEEN_IN_THE_BLOCK)
def test_seen_in_the_block(desk: Desk, broken: Callable[[Desk], None]) -> None:
    broken(desk)
    desk.books.accept()
    with pytest.raises(InvariantViolation):
        check(desk.grants_books, desk.changed())


@pytest.mark.parametrize("broken", SEEN_ALWAYS)
def test_seen_by_the_full_check(desk: Desk, broken: Callable[[Desk], None]) -> None:
    check_all(desk.grants_books)
    broken(desk)
    with pytest.raises(InvariantViolation):
        check_all(desk.grants_books)


def test_nobody_has_more_grants_than_the_limit(desk: Desk) -> None:
    broker = party("broker-a")
    before, now = GrantsOf(GRANTS_MAX), GrantsOf(GRANTS_MAX + 1)
    key, grant = the_grant(desk)
    changes = {120: {key: (None, grant)}, 123: {broker: (before, now)}}
    with pytest.raises(InvariantViolation, match="limit"):
        check(desk.grants_books, changes)
