"""The custodian: each signature in the trail before it leaves, approvals by others, administration, and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from msgspec.structs import replace

from counterfoil.cli.describe import message_plain, message_text
from counterfoil.custody import signers
from counterfoil.custody.hardware import HardwareStore, TokenAddress
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.service import books as books_file
from counterfoil.custody.service import custodian as custodian_file
from counterfoil.custody.service.approvals import OPEN_REQUESTS_MAX
from counterfoil.custody.service.custodian import REQUESTS_A_MINUTE_MAX, SERVICE_KEY, service_key
from counterfoil.custody.service.protocol import AddKey, AddUser, Open, RemoveUser, SetPolicy
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.subjects import opening_request
from counterfoil.custody.service.vault import ModuleVault
from counterfoil.modules.approvals.messages import ApproveTransaction
from counterfoil.modules.custodians.interface import FIRST_HEAD, TrailEntry, UseKind, next_head
from counterfoil.node.protocol import authentication_bytes
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.digests import OPENING_SEED
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.primitives.signatures import SigningKey, verify
from counterfoil.sealing.derivation import NOTE, OPENING, ROOT, VIEW_KEY, info
from counterfoil.sealing.envelopes import seal_note, seal_view_keys
from counterfoil.sealing.handing import place_of_note, place_of_view_keys
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.storage import fault_points
from tests.unit.custody.custodians import CHAIN, NOW_MS, Desk, Ledger, code_of, document, instruct, signing
from tests.unit.custody.tokens import PIN, configure, destroy_tokens, make_token, module

DAY_MS = 86_400_000
BROKER, CLIENT = b"b" * 20, b"c" * 20
TRADES = {"messages": ["Instruct", "Cancel"]}
GUARDED = {**TRADES, "approvals": 1, "approvers": ["ann", "ben", "cid"]}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "custody")
    made.add("ben", "cid")
    yield made
    made.close()


def refused(desk: Desk, user: str, key: str, message: bytes) -> RejectCode | None:
    return code_of(lambda: desk.custodian.sign(user, key, message))


def kinds(desk: Desk) -> list[UseKind]:
    desk.custodian.record()
    return [entry.kind for entry in desk.ledger.entries]


def test_a_signature_and_its_entry(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(TRADES)
    message = signing(public_key)
    signature, number = desk.custodian.sign("ben", "desk", message)
    assert verify(public_key, message, signature)
    desk.custodian.answered(number)
    desk.custodian.record()
    entry = desk.ledger.entries[number - 1]
    subject = desk.custodian._reader.read(message)
    assert subject is not None
    assert entry == TrailEntry(
        NOW_MS,
        UseKind.TRANSACTION,
        address_of(public_key),
        subject.digest,
        desk.books.policy.digest,
        desk.books.tag("ben"),
    )
    assert desk.books.tag("ben") != desk.books.tag("cid")
    assert b"ben" not in b"".join(entry.user for entry in desk.ledger.entries), (
        "names stay with the custodian"
    )


def test_asking_again_for_the_same_is_one_entry_and_one_charge(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules({**TRADES, "quantity_a_day_max": 250})
    first = desk.custodian.sign("ben", "desk", signing(public_key))
    assert desk.custodian.sign("ben", "desk", signing(public_key)) == first
    assert refused(desk, "ben", "desk", signing(public_key, nonce=1)) is None
    assert refused(desk, "ben", "desk", signing(public_key, nonce=2)) is CustodyRefusal.LIMIT_IS_EXCEEDED
    assert refused(desk, "cid", "desk", signing(public_key, nonce=2)) is None, (
        "each user has a day of its own"
    )
    desk.time_ms += DAY_MS
    later = signing(public_key, nonce=3, expiry_ms=desk.time_ms + 1_000)
    assert refused(desk, "ben", "desk", later) is None
    desk.restart()
    again = signing(public_key, instruct(quantity=151), nonce=4, expiry_ms=desk.time_ms + 1_000)
    assert refused(desk, "ben", "desk", again) is CustodyRefusal.LIMIT_IS_EXCEEDED, (
        "a restart forgets no charge"
    )


@pytest.mark.parametrize(
    ("expected", "user", "key", "message"),
    [
        (CustodyRefusal.KEY_NOT_FOUND, "ben", "none", {}),
        (CustodyRefusal.KEY_NOT_FOUND, "ben", SERVICE_KEY, {}),
        (CustodyRefusal.KEY_NOT_FOUND, "cid", "desk", {}),
        (CustodyRefusal.IS_NOT_SIGNED_HERE, "ben", "desk", {"chain": "other-0123456789abcdef"}),
    ],
)
def test_what_is_not_signed(
    desk: Desk, expected: RejectCode, user: str, key: str, message: dict[str, Any]
) -> None:
    public_key = desk.key("desk")
    service_key(desk.books, desk.vault)
    desk.rules({**TRADES, "users": ["ben"]}, {"users": ["ben"], "messages": ["*"]})
    before = desk.books.entries
    assert refused(desk, user, key, signing(public_key, **message)) is expected
    assert desk.books.entries == before, "what is refused leaves no entry"


def test_a_user_sees_the_keys_it_may_use(desk: Desk) -> None:
    desk.key("desk")
    desk.key("savings", owner="ben")
    service_key(desk.books, desk.vault)
    desk.rules(
        {"users": ["@owner"], "messages": ["*"]}, {"users": ["cid"], "keys": ["desk"], "reading": True}
    )
    assert [line.name for line in desk.custodian.keys("ben")] == ["savings"]
    assert [line.name for line in desk.custodian.keys("cid")] == ["desk"]
    assert desk.custodian.keys("ann") == ()


# ---- the ledger's copy


def test_what_must_stand_first_waits_for_the_ledger(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules({**TRADES, "record_first": True})
    desk.custodian.record()
    desk.ledger.failing = True
    message = signing(public_key)
    assert refused(desk, "ben", "desk", message) is CustodyRefusal.LEDGER_DOES_NOT_ANSWER
    assert desk.ledger.entries[-1].kind is UseKind.ADMINISTRATION
    desk.ledger.failing = False
    signature, number = desk.custodian.sign("ben", "desk", message)
    assert verify(public_key, message, signature)
    assert len(desk.ledger.entries) == number, "it stands there before the answer"
    assert [entry.kind for entry in desk.ledger.entries].count(UseKind.TRANSACTION) == 1


def test_what_need_not_stand_first_is_signed_while_the_ledger_is_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_key = desk.key("desk")
    desk.rules(TRADES)
    desk.custodian.record()
    monkeypatch.setattr(custodian_file, "UNRECORDED_MAX", 3)
    desk.ledger.failing = True
    for nonce in range(3):
        assert refused(desk, "ben", "desk", signing(public_key, nonce=nonce)) is None
    assert refused(desk, "ben", "desk", signing(public_key, nonce=3)) is CustodyRefusal.LEDGER_DOES_NOT_ANSWER
    desk.ledger.failing = False
    assert refused(desk, "ben", "desk", signing(public_key, nonce=3)) is None
    assert kinds(desk).count(UseKind.TRANSACTION) == 4


def test_nothing_is_signed_before_the_trail_was_compared(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(TRADES)
    desk.custodian.record()
    desk.restart()
    desk.ledger.failing = True
    assert refused(desk, "ben", "desk", signing(public_key)) is CustodyRefusal.LEDGER_DOES_NOT_ANSWER


def test_a_store_that_was_rolled_back_signs_nothing(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(TRADES)
    desk.custodian.record()
    older = (desk.folder / "journal").read_bytes()
    desk.custodian.sign("ben", "desk", signing(public_key))
    desk.custodian.record()
    desk.books.close()
    (desk.folder / "journal").write_bytes(older)
    desk.restart()
    assert (
        refused(desk, "ben", "desk", signing(public_key, nonce=1)) is CustodyRefusal.TRAIL_IS_NOT_THE_LEDGERS
    )
    assert code_of(desk.custodian.record) is CustodyRefusal.TRAIL_IS_NOT_THE_LEDGERS


@pytest.mark.parametrize("change", ["fewer", "other"])
def test_another_ledger_is_found_out(desk: Desk, change: str) -> None:
    public_key = desk.key("desk")
    desk.rules(TRADES)
    desk.custodian.record()
    if change == "fewer":
        desk.ledger.entries.pop()
    else:
        desk.ledger.entries[0] = desk.ledger.entries[-1]
    desk.restart()
    assert refused(desk, "ben", "desk", signing(public_key)) is CustodyRefusal.TRAIL_IS_NOT_THE_LEDGERS


def test_what_the_ledger_took_before_the_custodian_died_is_not_sent_twice(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(TRADES)
    desk.custodian.sign("ben", "desk", signing(public_key))
    desk.ledger.record(0, FIRST_HEAD, tuple(desk.books.unrecorded))
    desk.restart()
    desk.custodian.record()
    assert kinds(desk)[-1] is UseKind.INTERRUPTED, "that it was not answered is known, and told"
    assert len(desk.ledger.entries) == desk.books.entries
    assert desk.books.head_after(desk.books.entries) == next_head(FIRST_HEAD, desk.ledger.entries)


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("record_first", [True, False])
@pytest.mark.parametrize("point", fault_points.CUSTODY_POINTS)
def test_dying_at_any_point_loses_no_use_of_a_key(desk: Desk, point: str, record_first: bool) -> None:
    """Whatever left the custodian stands in the trail after the restart; what may have left is said to be in doubt."""
    public_key = desk.key("desk")
    desk.rules({**TRADES, "record_first": record_first})
    desk.custodian.record()
    entries_before = len(desk.ledger.entries)
    left: list[bytes] = []

    def die(name: str) -> None:
        if name == point:
            raise Died

    message = signing(public_key)
    fault_points.install(die)
    try:
        signature, number = desk.custodian.sign("ben", "desk", message)
        left.append(signature)
        desk.custodian.answered(number)
        desk.custodian.record()
    except Died:
        pass
    finally:
        fault_points.install(None)
    desk.restart()
    desk.custodian.record()
    told = [entry.kind for entry in desk.ledger.entries[entries_before:]]
    if point == fault_points.BEFORE_INTENT:
        assert told == []
        assert not left
    elif point in (fault_points.BEFORE_RECORDING, fault_points.AFTER_RECORDING) and not record_first:
        assert told == [UseKind.TRANSACTION], "it was answered before the ledger was told"
    else:
        assert told == [UseKind.TRANSACTION, UseKind.INTERRUPTED]
    if left:
        assert UseKind.TRANSACTION in told, "what left is on the ledger"
    again, _ = desk.custodian.sign("ben", "desk", message)
    assert verify(public_key, message, again)
    assert kinds(desk)[entries_before:].count(UseKind.TRANSACTION) == 1, "asked for again, it is the same use"


def test_every_fault_point_lies_on_a_signatures_way(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules({**TRADES, "record_first": True})
    desk.custodian.record()
    reached: list[str] = []
    fault_points.install(reached.append)
    try:
        _, number = desk.custodian.sign("ben", "desk", signing(public_key))
        desk.custodian.answered(number)
    finally:
        fault_points.install(None)
    assert tuple(reached) == fault_points.CUSTODY_POINTS, "each once, in this order"


# ---- a journal that has grown long


def test_a_long_journal_is_shortened_to_what_still_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_key = desk.key("desk")
    desk.rules(
        {**TRADES, "quantity_a_day_max": 50_000}, {"messages": ["*"], "approvals": 1, "approvers": ["cid"]}
    )
    for nonce in range(300):
        desk.custodian.sign("ben", "desk", signing(public_key, nonce=nonce))
        desk.custodian.answered(desk.books.entries)
    other = signing(public_key, ApproveTransaction(bytes(32)))
    request = asked(desk, other)
    desk.custodian.decide("cid", request, True)
    refused_too = signing(public_key, ApproveTransaction(b"r" * 32))
    desk.custodian.decide("cid", asked(desk, refused_too), False)
    journal, entries = desk.folder / "journal", desk.books.entries
    long = journal.stat().st_size
    desk.custodian.tidy()
    assert journal.stat().st_size > long, "while it is short, it stays as it is"
    monkeypatch.setattr(books_file, "RENEWED_RECORDS_MIN", 600)
    desk.ledger.failing = True
    desk.custodian.sign("ben", "desk", signing(public_key, nonce=300))
    desk.custodian.answered(desk.books.entries)
    assert code_of(desk.custodian.tidy) is CustodyRefusal.LEDGER_DOES_NOT_ANSWER
    assert not desk.books.renew(), "never while the ledger lacks an entry"
    desk.ledger.failing = False
    desk.custodian.tidy()
    before = {name: vars(desk.books)[name] for name in ("users", "keys", "signed", "entries", "recorded")}
    assert journal.stat().st_size < long
    for _ in range(2):
        desk.restart()
        assert {name: vars(desk.books)[name] for name in before} == before
        assert desk.books.entries == entries + 1 == len(desk.ledger.entries)
        assert desk.books.spent_by("ben")["rule 0"].quantity == 30_100
        assert desk.custodian.sign("ben", "desk", signing(public_key, nonce=7))[1] == 7 + 1 + entries - 300
        assert refused(desk, "ben", "desk", refused_too) is CustodyRefusal.REQUEST_WAS_REFUSED
    assert refused(desk, "ben", "desk", other) is None, "an approval outlives it"
    desk.custodian.record()
    assert kinds(desk)[-1] is UseKind.TRANSACTION


def test_a_journal_is_written_anew_wholly_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.key("desk")
    desk.custodian.record()
    monkeypatch.setattr(books_file, "RENEWED_RECORDS_MIN", 1)
    whole = (desk.folder / "journal").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(KeyStoreError, match="No space left"):
        desk.books.renew()
    monkeypatch.undo()
    assert (desk.folder / "journal").read_bytes() == whole
    desk.key("more")
    desk.restart()
    assert set(desk.books.keys) == {"desk", "more"}


# ---- four eyes


def test_another_user_approves(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(GUARDED)
    message = signing(public_key)
    with pytest.raises(Rejected) as missing:
        desk.custodian.sign("ben", "desk", message)
    assert missing.value.code is CustodyRefusal.APPROVAL_IS_MISSING
    request = missing.value.facts["request"]
    assert isinstance(request, bytes)
    (line,) = desk.custodian.requests("cid")
    assert (line.request, line.user, line.needed, line.approved_by) == (request, "ben", 1, ())
    assert line.what == ""
    (shown,) = line.messages
    assert message_plain(shown)["quantity"] == 100, "the approver sees what it does"
    assert "quantity 100" in message_text(shown)
    assert "cfa1" in message_text(shown), "accounts as people know them"
    assert (
        code_of(lambda: desk.custodian.decide("ben", request, True))
        is CustodyRefusal.APPROVER_IS_THE_REQUESTER
    )
    desk.restart()
    desk.custodian.decide("cid", request, True)
    desk.custodian.decide("cid", request, True)
    signature, number = desk.custodian.sign("ben", "desk", message)
    assert verify(public_key, message, signature)
    desk.custodian.record()
    assert desk.ledger.entries[number - 1].approvers == (desk.books.tag("cid"),)


def asked(desk: Desk, message: bytes, user: str = "ben") -> bytes:
    with pytest.raises(Rejected) as missing:
        desk.custodian.sign(user, "desk", message)
    request = missing.value.facts["request"]
    assert isinstance(request, bytes)
    return request


def test_an_approval_is_for_these_bytes_this_user_and_this_key(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.key("other")
    desk.rules(GUARDED)
    message = signing(public_key)
    desk.custodian.decide("ann", asked(desk, message), True)
    missing = CustodyRefusal.APPROVAL_IS_MISSING
    assert refused(desk, "ben", "desk", signing(public_key, nonce=1)) is missing
    assert refused(desk, "cid", "desk", message) is missing
    assert refused(desk, "ben", "other", message) is missing
    assert refused(desk, "ben", "desk", message) is None


def test_two_approvals_are_two_users(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules({**GUARDED, "approvals": 2})
    message = signing(public_key)
    request = asked(desk, message)
    desk.custodian.decide("ann", request, True)
    desk.custodian.decide("ann", request, True)
    assert desk.custodian.requests("ben")[0].needed == 1
    assert refused(desk, "ben", "desk", message) is CustodyRefusal.APPROVAL_IS_MISSING
    desk.custodian.decide("cid", request, True)
    assert refused(desk, "ben", "desk", message) is None


def test_a_refusal_is_for_good(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(GUARDED)
    message = signing(public_key)
    request = asked(desk, message)
    desk.custodian.decide("cid", request, False)
    assert refused(desk, "ben", "desk", message) is CustodyRefusal.REQUEST_WAS_REFUSED
    assert code_of(lambda: desk.custodian.decide("ann", request, True)) is CustodyRefusal.REQUEST_NOT_FOUND


def test_an_approver_who_may_no_more_does_not_count(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(GUARDED)
    message = signing(public_key)
    desk.custodian.decide("cid", asked(desk, message), True)
    desk.rules({**GUARDED, "approvers": ["ann"]})
    assert refused(desk, "ben", "desk", message) is CustodyRefusal.APPROVAL_IS_MISSING
    desk.rules(GUARDED)
    desk.custodian.change("ann", RemoveUser("cid"))
    assert refused(desk, "ben", "desk", message) is CustodyRefusal.APPROVAL_IS_MISSING


def test_strangers_to_a_request_do_not_learn_of_it(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules({**GUARDED, "approvers": ["cid"]})
    request = asked(desk, signing(public_key))
    not_found = CustodyRefusal.REQUEST_NOT_FOUND
    assert code_of(lambda: desk.custodian.decide("ann", request, True)) is not_found
    assert code_of(lambda: desk.custodian.decide("cid", bytes(16), True)) is not_found
    assert desk.custodian.requests("ann") == ()
    desk.time_ms += 3_600_000
    assert code_of(lambda: desk.custodian.decide("cid", request, True)) is not_found, "it has expired"


def test_open_requests_are_bounded(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules(GUARDED)
    for nonce in range(OPEN_REQUESTS_MAX):
        asked(desk, signing(public_key, nonce=nonce))
    last = signing(public_key, nonce=10**6)
    assert refused(desk, "ben", "desk", last) is CustodyRefusal.TOO_MANY_OPEN_REQUESTS
    assert refused(desk, "cid", "desk", last) is CustodyRefusal.APPROVAL_IS_MISSING


# ---- administration


@pytest.mark.parametrize(
    ("expected", "user", "change"),
    [
        (CustodyRefusal.IS_NOT_AN_ADMINISTRATOR, "ben", AddUser("dan")),
        (CustodyRefusal.IS_NOT_AN_ADMINISTRATOR, "nobody", SetPolicy(document())),
        (CustodyRefusal.NAME_CANNOT_BE_USED, "ann", AddUser("No Name")),
        (CustodyRefusal.NAME_CANNOT_BE_USED, "ann", AddKey("No Name")),
        (CustodyRefusal.NAME_CANNOT_BE_USED, "ann", AddKey("desk")),
        (CustodyRefusal.USER_NOT_FOUND, "ann", AddKey("savings", "nobody")),
        (CustodyRefusal.USER_NOT_FOUND, "ann", RemoveUser("nobody")),
        (CustodyRefusal.POLICY_IS_INVALID, "ann", SetPolicy(b"{}")),
    ],
)
def test_changes_that_are_refused(desk: Desk, expected: RejectCode, user: str, change: Any) -> None:
    desk.key("desk")
    before = desk.books.entries
    assert code_of(lambda: desk.custodian.change(user, change)) is expected
    assert desk.books.entries == before


def test_where_there_are_two_administrators_the_other_one_approves(desk: Desk) -> None:
    desk.add("bea", administrator=True)
    change = SetPolicy(document(TRADES))
    before = desk.books.policy.digest
    with pytest.raises(Rejected) as missing:
        desk.custodian.change("ann", change)
    request = missing.value.facts["request"]
    assert isinstance(request, bytes)
    assert "SHA-256" in desk.custodian.requests("bea")[0].what
    assert code_of(lambda: desk.custodian.decide("ben", request, True)) is CustodyRefusal.REQUEST_NOT_FOUND
    assert desk.books.policy.digest == before
    desk.custodian.decide("bea", request, True)
    assert desk.custodian.change("ann", change) == desk.books.policy.digest != before
    again = code_of(lambda: desk.custodian.change("ann", change))
    assert again is CustodyRefusal.APPROVAL_IS_MISSING, "an approval serves once"
    assert kinds(desk)[-1] is UseKind.ADMINISTRATION


def test_a_user_who_was_removed_is_out(desk: Desk) -> None:
    token = desk.custodian.logins.log_in("ben", "a password of nobody", desk.code("ben"))
    assert desk.custodian.logins.user_of(token) == "ben"
    desk.custodian.change("ann", RemoveUser("ben"))
    assert code_of(lambda: desk.custodian.logins.user_of(token)) is CustodyRefusal.LOGIN_IS_NEEDED
    desk.time_ms += 60_000
    assert (
        code_of(lambda: desk.custodian.logins.log_in("ben", "a password of nobody", desk.code("ben")))
        is CustodyRefusal.LOGIN_FAILED
    )


def test_a_program_that_runs_wild_is_slowed(desk: Desk) -> None:
    for _ in range(REQUESTS_A_MINUTE_MAX):
        assert refused(desk, "ben", "desk", b"") is CustodyRefusal.KEY_NOT_FOUND
    assert refused(desk, "ben", "desk", b"") is CustodyRefusal.REQUESTS_ARE_TOO_FAST
    assert refused(desk, "cid", "desk", b"") is CustodyRefusal.KEY_NOT_FOUND
    desk.time_ms += 60_000
    assert refused(desk, "ben", "desk", b"") is CustodyRefusal.KEY_NOT_FOUND


def test_readers_greetings_stand_in_the_trail_too(desk: Desk) -> None:
    public_key = desk.key("desk")
    desk.rules({"reading": True})
    greeting = authentication_bytes(CHAIN, bytes(32), bytes(20), address_of(public_key))
    signature, _ = desk.custodian.sign("ben", "desk", greeting)
    assert verify(public_key, greeting, signature)
    assert kinds(desk)[-1] is UseKind.READING


def sealed_note(desk: Desk, public_key: bytes, text: bytes = b"on Thursday") -> Open:
    sealed = seal_note(public_key, CHAIN, BROKER, CLIENT, text)
    return Open("desk", NOTE, place_of_note(CHAIN, BROKER, CLIENT), sealed)


def test_what_is_sealed_to_a_key_opens_by_the_policy_and_stands_in_the_trail(desk: Desk) -> None:
    desk.key("desk")
    desk.rules({"opening": True, "users": ["ben"]}, {**TRADES, "users": ["cid"]})
    opening_key = desk.custodian.opening_key("ben", "desk")
    assert (
        opening_key
        == OpeningKey(SigningKey(desk.books.keys["desk"].secret).derived(info(OPENING))).public_key
    )
    ask = sealed_note(desk, opening_key)
    plain, number = desk.custodian.open("ben", ask)
    assert plain is not None
    assert plain.startswith(b"on Thursday")
    desk.custodian.answered(number)
    assert kinds(desk)[-1] is UseKind.OPENING
    assert desk.ledger.entries[-1].subject == sha256(opening_request(ask)).digest()
    assert desk.custodian.open("ben", ask) == (plain, number), "asked again: one entry"
    handed = seal_view_keys(opening_key, CHAIN, BROKER, ())
    keys = Open("desk", VIEW_KEY, place_of_view_keys(CHAIN, BROKER), handed)
    assert desk.custodian.open("ben", keys)[0] == b"\x90"
    assert desk.custodian.open("ben", sealed_note(desk, OpeningKey(bytes(31) + b"x").public_key))[0] is None
    refusal = code_of(lambda: desk.custodian.open("cid", ask))
    assert refusal is CustodyRefusal.POLICY_DOES_NOT_ALLOW_IT, "who may trade need not read"
    assert (
        code_of(lambda: desk.custodian.open("ben", replace(ask, key="other"))) is CustodyRefusal.KEY_NOT_FOUND
    )
    assert code_of(lambda: desk.custodian.opening_key("ben", "other")) is CustodyRefusal.KEY_NOT_FOUND


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": ROOT},
        {"purpose": b""},
        {"parts": ()},
        {"parts": (b"another ledger", b"a" * 20, b"b" * 20)},
        {"parts": (CHAIN.encode(), b"a" * 20)},
        {"parts": (CHAIN.encode(), b"a" * 20, b"short")},
    ],
)
def test_what_is_sealed_to_nodes_or_on_other_ledgers_is_not_opened(
    desk: Desk, changes: dict[str, Any]
) -> None:
    """A node's root least of all, were it wrapped to this key."""
    desk.key("desk")
    desk.rules({"opening": True})
    ask = replace(sealed_note(desk, desk.custodian.opening_key("ben", "desk")), **changes)
    before = desk.books.entries
    assert code_of(lambda: desk.custodian.open("ben", ask)) is CustodyRefusal.IS_NOT_SIGNED_HERE
    assert desk.books.entries == before


def test_neither_an_opening_nor_the_seed_of_opening_keys_is_ever_signed(desk: Desk) -> None:
    """Whoever had the key's signature over the seed could open at home, without policy or trail."""
    desk.key("desk")
    desk.rules({"opening": True, "messages": ["*"], "reading": True, "publication": True})
    ask = sealed_note(desk, desk.custodian.opening_key("ben", "desk"))
    for message in (opening_request(ask), signers._SEED, OPENING_SEED):
        assert refused(desk, "ben", "desk", message) is CustodyRefusal.IS_NOT_SIGNED_HERE


def test_an_opening_waits_for_the_approvals_that_the_policy_wants(desk: Desk) -> None:
    desk.key("desk")
    desk.rules({"opening": True, "approvals": 1, "approvers": ["cid"]})
    ask = sealed_note(desk, desk.custodian.opening_key("ben", "desk"))
    assert code_of(lambda: desk.custodian.open("ben", ask)) is CustodyRefusal.APPROVAL_IS_MISSING
    (line,) = desk.custodian.requests("cid")
    assert line.what.startswith("Open a note from cfp1")
    assert b"on Thursday" not in line.what.encode()
    desk.custodian.decide("cid", line.request, True)
    opened = desk.custodian.open("ben", ask)[0]
    assert opened is not None
    assert opened.startswith(b"on Thursday")


def test_an_opening_that_was_interrupted_is_said_to_be_in_doubt(desk: Desk) -> None:
    desk.key("desk")
    desk.rules({"opening": True})
    desk.custodian.open("ben", sealed_note(desk, desk.custodian.opening_key("ben", "desk")))
    desk.restart()
    assert kinds(desk)[-2:] == [UseKind.OPENING, UseKind.INTERRUPTED]


def test_keys_in_a_hardware_module_leave_no_secret_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configure(tmp_path / "softhsm")
    make_token(file, "custody")
    monkeypatch.setenv("SOFTHSM2_CONF", str(file))
    pkcs11.lib(str(module())).reinitialize()
    store = HardwareStore(TokenAddress(module(), "custody"), lambda: PIN)
    desk = Desk(tmp_path / "custody", vault=ModuleVault(store))
    own = service_key(desk.books, desk.vault)
    public_key = desk.key("desk")
    assert [key.secret for key in desk.books.keys.values()] == [b"", b""]
    assert {entry.name for entry in store.entries()} == {SERVICE_KEY, "desk"}
    desk.rules(TRADES)
    message = signing(public_key)
    assert verify(public_key, message, desk.custodian.sign("ann", "desk", message)[0])
    assert verify(own.public_key, b"trail", own.sign(b"trail"))
    destroy_tokens(file)
    before = desk.books.entries
    with pytest.raises(KeyStoreError, match="custody"):
        desk.custodian.sign("ann", "desk", signing(public_key, nonce=1))
    assert desk.books.entries == before + 1, "what was intended stays in the trail"
    desk.close()


def test_a_ledger_that_is_a_list_fails_when_it_should() -> None:
    """The double refuses what does not follow, as the ledger's rule does."""
    ledger = Ledger()
    entry = TrailEntry(1, UseKind.ADMINISTRATION, b"", bytes(32), bytes(32), bytes(16))
    with pytest.raises(AssertionError):
        ledger.record(1, FIRST_HEAD, (entry,))
