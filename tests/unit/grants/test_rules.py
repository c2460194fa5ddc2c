"""Each message about grants: the valid rows first, then one row for each reject in order of precedence."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.modules.grants import facts
from counterfoil.modules.grants.messages import GrantView, RecordReadLog, RevokeView
from counterfoil.modules.grants.records import (
    CUSTODIANS,
    GRANT_MS_MAX,
    GRANTS_MAX,
    GRANTS_OF,
    NODES_MAX,
    READ_LOGS,
    GrantsOf,
    Purpose,
    ReadLog,
    Scope,
)
from counterfoil.modules.grants.rejects import GrantsReject
from counterfoil.modules.parties.interface import Mandate, PartyStatus
from counterfoil.modules.parties.permissions import SERVICERS
from counterfoil.modules.parties.records import MANDATES, PARTIES
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import RejectCode
from tests.unit.grants.desk import DAY_MS, Desk
from tests.unit.policy.world import EQUITY, NOW_MS, TOKEN, USER_OF_BROKER_A, account, party, signer

AUDIT, CUSTODY, INVESTIGATION, DISCLOSURE = Purpose
PARTY, ACCOUNT, REGISTER, MARKET = Scope


def ask(
    grantor: str = "broker-a",
    scope: Scope = PARTY,
    shown: bytes = b"",
    purpose: Purpose = AUDIT,
    grantee: str = "auditor",
    **more: Any,
) -> GrantView:
    fields = {"period_from_ms": 0, "period_until_ms": 0, "valid_until_ms": NOW_MS + DAY_MS, **more}
    return GrantView(party(grantor), party(grantee), scope, shown or party(grantor), purpose, **fields)


def of_account(name: str, grantor: str, purpose: Purpose = AUDIT, grantee: str = "auditor") -> GrantView:
    return ask(grantor, ACCOUNT, account(name), purpose, grantee)


@pytest.fixture
def desk() -> Desk:
    return Desk()


GRANTED: list[tuple[GrantView, tuple[str, ...]]] = [
    # An audit: of one's own, of what one keeps, by a regulator of anybody's
    (ask(), ("broker-a",)),
    (ask("client-a"), ("client-a",)),
    (ask("regulator", PARTY, party("broker-b")), ("regulator",)),
    (of_account("client-a's", "client-a"), ("client-a",)),
    (of_account("client-a's", "broker-a"), ("broker-a",)),
    (of_account("client-a's", "regulator"), ("regulator",)),
    (ask("issuer", REGISTER, EQUITY), ("issuer",)),
    (ask("depository", REGISTER, EQUITY), ("depository",)),
    (ask("regulator", REGISTER, TOKEN), ("regulator",)),
    (ask("exchange", MARKET, b"XMKT"), ("exchange",)),
    (ask("regulator", MARKET, b"XOTH"), ("regulator",)),
    # A second custodian: by the owner or by the first
    (of_account("client-a's", "client-a", CUSTODY, "broker-b"), ("client-a",)),
    (of_account("client-a's", "broker-a", CUSTODY, "operator"), ("broker-a", "client-a")),
    (of_account("joint", "broker-a", CUSTODY, "operator"), ("broker-a", "client-a", "joint-holder")),
    # An investigation: by a regulator
    (of_account("client-o's", "regulator", INVESTIGATION, "notary"), ("regulator",)),
    (ask("regulator", MARKET, b"XMKT", INVESTIGATION), ("regulator",)),
    # A disclosure: by the owner, to anybody
    (of_account("client-a's", "client-a", DISCLOSURE, "client-b"), ("client-a",)),
    (of_account("joint", "client-a", DISCLOSURE, "issuer"), ("client-a", "joint-holder")),
    # Its times
    (ask(period_from_ms=5, period_until_ms=6), ("broker-a",)),
    (ask(period_until_ms=AMOUNT_MAX), ("broker-a",)),
    (ask(valid_until_ms=NOW_MS + 1), ("broker-a",)),
    (ask(valid_until_ms=NOW_MS + GRANT_MS_MAX), ("broker-a",)),
]


@pytest.mark.parametrize(("message", "by"), GRANTED)
def test_granted(desk: Desk, message: GrantView, by: tuple[str, ...]) -> None:
    context = desk.act(message, *by)
    (grant_id,) = context.created
    found = desk.grants_books.grants.find(grant_id)
    assert found is not None
    assert (found.grantor, found.grantee, found.scope, found.shown) == (
        message.grantor,
        message.grantee,
        message.scope,
        message.shown,
    )
    assert found.granted_height == desk.height
    desk.next_block()


NOTHING = GrantsReject.NOTHING_TO_SHOW
NOT_CONSENTED = GrantsReject.HOLDER_HAS_NOT_CONSENTED
NOT_ELIGIBLE = GrantsReject.GRANTEE_IS_NOT_ELIGIBLE
REFUSED: list[tuple[RejectCode, GrantView, tuple[str, ...]]] = [
    (PartiesReject.PARTY_NOT_FOUND, ask("nobody at all"), ("broker-a",)),
    (PartiesReject.PARTY_IS_NOT_ACTIVE, ask("broker-s"), ("broker-s",)),
    (PartiesReject.SIGNER_IS_NOT_AUTHORISED, ask(), ("broker-b",)),
    # What is not there, not the grantor's to show, or not for this purpose is one answer
    (NOTHING, ask(shown=b"n" * 20), ("broker-a",)),
    (NOTHING, ask(shown=b"short"), ("broker-a",)),
    (NOTHING, ask(shown=party("broker-b")), ("broker-a",)),
    (NOTHING, ask(shown=party("client-a")), ("broker-a",)),
    (NOTHING, of_account("none", "broker-a"), ("broker-a",)),
    (NOTHING, of_account("client-o's", "broker-a"), ("broker-a",)),
    (NOTHING, of_account("three at b", "broker-a"), ("broker-a",)),
    (NOTHING, of_account("joint", "joint-holder"), ("joint-holder",)),
    (NOTHING, ask("issuer", REGISTER, b"n" * 20), ("issuer",)),
    (NOTHING, ask("other-issuer", REGISTER, EQUITY), ("other-issuer",)),
    (NOTHING, ask("exchange", MARKET, b"XOTH"), ("exchange",)),
    (NOTHING, ask("exchange", MARKET, b"XNON"), ("exchange",)),
    (NOTHING, ask("exchange", MARKET, b"\xff\xff\xff\xff"), ("exchange",)),
    (NOTHING, ask("regulator", MARKET, b"XMKT" + bytes(16)), ("regulator",)),
    (NOTHING, ask(purpose=CUSTODY, grantee="broker-b"), ("broker-a",)),
    (NOTHING, ask("issuer", REGISTER, EQUITY, DISCLOSURE, "client-a"), ("issuer",)),
    (NOTHING, of_account("client-a's", "broker-a", DISCLOSURE, "broker-b"), ("broker-a",)),
    (NOTHING, of_account("client-a's", "regulator", CUSTODY, "broker-b"), ("regulator",)),
    (NOTHING, of_account("client-a's", "client-a", INVESTIGATION), ("client-a",)),
    (GrantsReject.HOLDER_HAS_NOT_CONSENTED, of_account("joint", "client-a"), ("client-a",)),
    (GrantsReject.HOLDER_HAS_NOT_CONSENTED, of_account("joint", "client-a"), ("client-a", "client-b")),
    # A keeper shows another house only what its holders let it
    (NOT_CONSENTED, of_account("client-a's", "broker-a", CUSTODY, "broker-b"), ("broker-a",)),
    (NOT_CONSENTED, of_account("joint", "broker-a", CUSTODY, "broker-b"), ("broker-a", "client-a")),
    (NOT_CONSENTED, of_account("joint", "broker-a", CUSTODY, "broker-b"), ("broker-a", "joint-holder")),
    # Wrong grantees are one answer
    (NOT_ELIGIBLE, ask(grantee="nobody at all"), ("broker-a",)),
    (NOT_ELIGIBLE, ask(grantee="broker-b"), ("broker-a",)),
    (NOT_ELIGIBLE, of_account("client-a's", "client-a", CUSTODY, "client-b"), ("client-a",)),
    (NOT_ELIGIBLE, of_account("client-a's", "client-a", CUSTODY, "broker-s"), ("client-a",)),
    (NOT_ELIGIBLE, of_account("client-a's", "client-a", DISCLOSURE, "client-a"), ("client-a",)),
    (NOT_ELIGIBLE, of_account("client-a's", "client-a", DISCLOSURE, "client-s"), ("client-a",)),
    (NOT_ELIGIBLE, of_account("client-a's", "client-a", DISCLOSURE, "former"), ("client-a",)),
    (NOT_ELIGIBLE, of_account("client-a's", "client-a", DISCLOSURE, "applicant"), ("client-a",)),
    (NOT_ELIGIBLE, ask("regulator", MARKET, b"XMKT", INVESTIGATION, "broker-a"), ("regulator",)),
    (GrantsReject.PERIOD_IS_INVALID, ask(period_from_ms=-1), ("broker-a",)),
    (GrantsReject.PERIOD_IS_INVALID, ask(period_from_ms=2**63), ("broker-a",)),
    (GrantsReject.PERIOD_IS_INVALID, ask(period_until_ms=-1), ("broker-a",)),
    (GrantsReject.PERIOD_IS_INVALID, ask(period_until_ms=2**63), ("broker-a",)),
    (GrantsReject.PERIOD_IS_INVALID, ask(period_from_ms=5, period_until_ms=5), ("broker-a",)),
    (GrantsReject.VALIDITY_IS_INVALID, ask(valid_until_ms=NOW_MS), ("broker-a",)),
    (GrantsReject.VALIDITY_IS_INVALID, ask(valid_until_ms=0), ("broker-a",)),
    (GrantsReject.VALIDITY_IS_INVALID, ask(valid_until_ms=NOW_MS + GRANT_MS_MAX + 1), ("broker-a",)),
]


@pytest.mark.parametrize(("expected", "message", "by"), REFUSED)
def test_refused(desk: Desk, expected: RejectCode, message: GrantView, by: tuple[str, ...]) -> None:
    assert desk.refused(message, *by) is expected


def test_the_same_is_not_granted_twice(desk: Desk) -> None:
    desk.act(ask(), "broker-a")
    assert desk.refused(ask(period_from_ms=7), "broker-a") is GrantsReject.GRANT_EXISTS
    other = ask("regulator", PARTY, party("broker-a"))
    assert desk.refused(other, "regulator") is None
    assert desk.refused(replace(other, purpose=INVESTIGATION), "regulator") is None
    assert desk.refused(replace(other, shown=party("broker-b")), "regulator") is None


def test_a_grantor_has_a_limit_of_grants(desk: Desk) -> None:
    shelf = desk.books.shelf(GRANTS_OF)
    shelf.put(party("broker-a"), GrantsOf(GRANTS_MAX - 1))
    desk.books.accept()
    assert desk.refused(ask(), "broker-a") is None
    shelf.put(party("broker-a"), GrantsOf(GRANTS_MAX))
    desk.books.accept()
    assert desk.refused(ask(), "broker-a") is GrantsReject.TOO_MANY_GRANTS
    assert desk.refused(ask("broker-b"), "broker-b") is None


def test_two_pairs_of_eyes_where_the_member_demands_them(desk: Desk) -> None:
    shelf = desk.books.shelf(PARTIES)
    record = shelf.find(party("broker-a"))
    assert record is not None
    shelf.put(party("broker-a"), replace(record, four_eyes=(1000,)))
    desk.books.accept()
    assert desk.refused(ask(), "broker-a") is PartiesReject.MAKER_IS_MISSING
    assert desk.refused(ask(), USER_OF_BROKER_A) is PartiesReject.CHECKER_IS_MISSING
    assert desk.refused(RevokeView(party("broker-a"), b""), "broker-a") is GrantsReject.GRANT_NOT_FOUND


def test_a_client_without_a_signer_of_its_own_is_spoken_for_by_its_keeper(desk: Desk) -> None:
    shelf = desk.books.shelf(PARTIES)
    record = shelf.find(party("client-a"))
    assert record is not None
    shelf.put(party("client-a"), replace(record, signer=b""))
    desk.books.accept()
    message = of_account("client-a's", "broker-a", CUSTODY, "operator")
    assert desk.refused(message, "broker-a") is None


def test_a_mandate_for_one_account_grants_views_of_that_account(desk: Desk) -> None:
    user = b"u" * 20
    desk.books.shelf(MANDATES).put(party("client-a") + user, Mandate((1000,), (account("client-a's"),)))
    desk.books.accept()
    assert desk.refused(of_account("client-a's", "client-a", DISCLOSURE, "client-b"), user) is None
    assert desk.refused(ask("client-a"), user) is PartiesReject.MANDATE_LACKS_THE_ACCOUNT


# ---- the end ----


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("client-a", None),
        ("issuer", None),
        ("joint-holder", None),
        ("broker-a", None),
        ("regulator", None),
        ("broker-b", GrantsReject.GRANT_NOT_FOUND),
        ("other-client-a", GrantsReject.GRANT_NOT_FOUND),
    ],
)
def test_who_ends_a_grant(desk: Desk, by: str, expected: RejectCode | None) -> None:
    """Of a joint account shown by its owner to the issuer; broker-a stands above the owner."""
    message = of_account("joint", "client-a", DISCLOSURE, "issuer")
    (grant_id,) = desk.act(message, "client-a", "joint-holder").created
    assert desk.refused(RevokeView(party(by), grant_id), by) is expected


def test_a_joint_holder_does_not_end_what_the_servicer_granted(desk: Desk) -> None:
    (grant_id,) = desk.act(of_account("joint", "broker-a"), "broker-a").created
    revoke = RevokeView(party("joint-holder"), grant_id)
    assert desk.refused(revoke, "joint-holder") is GrantsReject.GRANT_NOT_FOUND


@pytest.mark.parametrize("grant_id", [b"", b"n" * 32, b"n" * 500])
def test_no_grant_to_end(desk: Desk, grant_id: bytes) -> None:
    found = desk.refused(RevokeView(party("broker-a"), grant_id), "broker-a")
    assert found is GrantsReject.GRANT_NOT_FOUND
    unsigned = desk.refused(RevokeView(party("broker-a"), grant_id), "broker-b")
    assert unsigned is PartiesReject.SIGNER_IS_NOT_AUTHORISED


def test_what_is_ended_can_be_granted_anew(desk: Desk) -> None:
    (grant_id,) = desk.act(ask(), "broker-a").created
    desk.next_block()
    desk.act(RevokeView(party("broker-a"), grant_id), "broker-a")
    desk.act(ask(), "broker-a")
    desk.next_block()


def test_a_grant_lapses_by_block_time(desk: Desk) -> None:
    first, second, third = (
        desk.act(ask(grantor, valid_until_ms=NOW_MS + later), grantor).created[0]
        for grantor, later in (("broker-a", 2_000), ("broker-b", 1_000), ("operator", DAY_MS))
    )
    assert desk.next_block(999) == []
    lapsed = desk.next_block(1, limit=1)
    assert [context.facts[0][0] for context in lapsed] == [facts.ViewLapsed(second)]
    assert [context.facts[0][0] for context in desk.next_block(DAY_MS, limit=1)] == [facts.ViewLapsed(first)]
    assert [context.facts[0][0] for context in desk.next_block(0)] == [facts.ViewLapsed(third)]
    assert desk.next_block(DAY_MS) == []
    desk.check()


# ---- who is told ----


@pytest.mark.parametrize(
    ("message", "by", "told"),
    [
        (ask(), ("broker-a",), "broker-a auditor"),
        (ask("regulator", PARTY, party("broker-b")), ("regulator",), "regulator auditor broker-b"),
        (
            of_account("client-a's", "broker-a", CUSTODY, "operator"),
            ("broker-a", "client-a"),
            "broker-a operator client-a",
        ),
        (
            of_account("joint", "client-a", DISCLOSURE, "issuer"),
            ("client-a", "joint-holder"),
            "client-a issuer joint-holder broker-a",
        ),
        (ask("regulator", REGISTER, EQUITY), ("regulator",), "regulator auditor issuer depository"),
        (ask("exchange", MARKET, b"XMKT"), ("exchange",), "exchange auditor"),
        (ask("regulator", MARKET, b"XMKT"), ("regulator",), "regulator auditor exchange"),
        # Nobody is warned of an investigation
        (of_account("client-a's", "regulator", INVESTIGATION), ("regulator",), "regulator auditor"),
        (ask("regulator", PARTY, party("broker-a"), INVESTIGATION), ("regulator",), "regulator auditor"),
    ],
)
def test_who_is_told(desk: Desk, message: GrantView, by: tuple[str, ...], told: str) -> None:
    expected = tuple(party(name) for name in told.split())
    context = desk.act(message, *by)
    (grant_id,) = context.created
    ((fact, stakeholders),) = context.facts
    assert isinstance(fact, facts.ViewGranted)
    assert stakeholders == expected
    ended = desk.act(RevokeView(message.grantor, grant_id), by[0])
    assert ended.facts == [(facts.ViewRevoked(grant_id, message.grantor), expected)]


# ---- logs of reads ----

NODE = b"the node's own key.."
HEAD = b"h" * 32


@pytest.mark.parametrize(
    ("expected", "message", "by"),
    [
        (None, RecordReadLog(party("broker-a"), NODE, 1, HEAD), ("broker-a", NODE)),
        (None, RecordReadLog(party("broker-a"), USER_OF_BROKER_A, 1, HEAD), (USER_OF_BROKER_A,)),
        (GrantsReject.NODE_HAS_NOT_SIGNED, RecordReadLog(party("broker-a"), NODE, 1, HEAD), ("broker-a",)),
        (
            PartiesReject.SIGNER_IS_NOT_AUTHORISED,
            RecordReadLog(party("broker-a"), NODE, 1, HEAD),
            ("broker-b", NODE),
        ),
        (
            GrantsReject.READ_LOG_IS_INVALID,
            RecordReadLog(party("broker-a"), NODE, 0, HEAD),
            ("broker-a", NODE),
        ),
        (
            GrantsReject.READ_LOG_IS_INVALID,
            RecordReadLog(party("broker-a"), NODE, 2**63, HEAD),
            ("broker-a", NODE),
        ),
        (
            GrantsReject.READ_LOG_IS_INVALID,
            RecordReadLog(party("broker-a"), NODE, 1, b"h"),
            ("broker-a", NODE),
        ),
    ],
)
def test_record_a_log_of_reads(
    desk: Desk, expected: RejectCode | None, message: RecordReadLog, by: tuple[str | bytes, ...]
) -> None:
    assert desk.refused(message, *by) is expected


def test_a_log_of_reads_only_grows(desk: Desk) -> None:
    broker, by = party("broker-a"), ("broker-a", NODE)
    context = desk.act(RecordReadLog(broker, NODE, 5, HEAD), *by)
    assert context.facts == [(facts.ReadLogRecorded(broker, NODE, 5, HEAD), (broker,))]
    desk.next_block()
    for entries in (4, 5):
        again = RecordReadLog(broker, NODE, entries, HEAD)
        assert desk.refused(again, *by) is GrantsReject.READ_LOG_DOES_NOT_GROW
    desk.act(RecordReadLog(broker, NODE, 6, HEAD), *by)
    desk.next_block()
    other = signer("broker-b")
    assert desk.refused(RecordReadLog(broker, other, 1, HEAD), "broker-a", other) is None


def test_a_party_has_a_limit_of_nodes(desk: Desk) -> None:
    broker = party("broker-a")
    for number in range(NODES_MAX):
        record = ReadLog(1, HEAD, NOW_MS)
        desk.books.shelf(READ_LOGS).put(broker + number.to_bytes(20, "big"), record)
    desk.books.accept()
    known = NODES_MAX // 2
    message = RecordReadLog(broker, NODE, 1, HEAD)
    assert desk.refused(message, "broker-a", NODE) is GrantsReject.TOO_MANY_NODES
    address = known.to_bytes(20, "big")
    assert desk.refused(RecordReadLog(broker, address, 2, HEAD), "broker-a", address) is None


def test_a_party_that_winds_down_still_shows_its_books(desk: Desk) -> None:
    shelf = desk.books.shelf(PARTIES)
    record = shelf.find(party("broker-a"))
    assert record is not None
    shelf.put(party("broker-a"), replace(record, status=PartyStatus.WINDING_DOWN))
    desk.books.accept()
    assert desk.refused(ask(), "broker-a") is None


def test_custodians_are_those_who_may_open_accounts() -> None:
    assert set(CUSTODIANS) == set(SERVICERS)
