"""A custodian's trail on the ledger: the valid row first, then one row for each reject, each differing in one cell."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.custodians.facts import KeyUsed, TrailRecorded
from counterfoil.modules.custodians.interface import FIRST_HEAD, next_head
from counterfoil.modules.custodians.messages import RecordTrail
from counterfoil.modules.custodians.records import TRAILS, Trail, TrailEntry, UseKind
from counterfoil.modules.custodians.rejects import CustodiansReject
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.outcome import InvariantViolation
from tests.model.desk import Desk, by, own, party

CUSTODIAN = party("broker-a")
KEY = own("investor-a")[0].address
ENTRY = TrailEntry(1_700_000_000_000, UseKind.TRANSACTION, KEY, b"t" * 32, b"p" * 32, b"u" * 16, (b"v" * 16,))
ADMINISTERED = TrailEntry(1, UseKind.ADMINISTRATION, b"", b"s" * 32, b"p" * 32, b"u" * 16)
RECORD = RecordTrail(CUSTODIAN, 0, FIRST_HEAD, (ENTRY, ADMINISTERED))


def entry(**changes: Any) -> dict[str, Any]:
    return {"entries": (ENTRY, msgspec.structs.replace(ENTRY, **changes))}


def trail(desk: Desk) -> Trail | None:
    return desk.machine.state.find(TRAILS, CUSTODIAN)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("expected", "changes", "signers"),
    [
        (None, {}, by("broker-a")),
        (None, {"entries": (ENTRY,) * 200}, by("broker-a")),
        (PartiesReject.PARTY_NOT_FOUND, {"custodian": bytes(20)}, by("broker-a")),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"custodian": party("issuer-a")}, by("issuer-a")),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, by("broker-b")),
        (CustodiansReject.ENTRIES_ARE_INVALID, {"entries": ()}, by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, {"entries": (ENTRY,) * 201}, by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(time_ms=0), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(time_ms=2**62), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(key=b""), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(kind=UseKind.ADMINISTRATION), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(subject=bytes(31)), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(policy=b""), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(user=bytes(20)), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(approvers=(bytes(15),)), by("broker-a")),
        (CustodiansReject.ENTRIES_ARE_INVALID, entry(approvers=(bytes(16),) * 17), by("broker-a")),
        (CustodiansReject.TRAIL_DOES_NOT_FOLLOW, {"after": 1}, by("broker-a")),
        (CustodiansReject.TRAIL_DOES_NOT_FOLLOW, {"after": -1}, by("broker-a")),
        (CustodiansReject.TRAIL_HAS_ANOTHER_HEAD, {"head": b"h" * 32}, by("broker-a")),
        (CustodiansReject.TRAIL_HAS_ANOTHER_HEAD, {"head": b""}, by("broker-a")),
    ],
)
def test_record_trail(
    desk: Desk, expected: Any, changes: dict[str, Any], signers: tuple[SandboxKey, ...]
) -> None:
    message = msgspec.structs.replace(RECORD, **changes)
    outcome = desk.send(message, *signers)
    assert outcome.result.number == (expected.number if expected is not None else 0)
    if expected is None:
        assert trail(desk) == Trail(len(message.entries), next_head(FIRST_HEAD, message.entries))
    else:
        assert trail(desk) is None


def test_a_trail_goes_on_where_it_ended(desk: Desk) -> None:
    desk.do(RECORD, *by("broker-a"))
    head = next_head(FIRST_HEAD, RECORD.entries)
    again = desk.send(RECORD, *by("broker-a"))
    assert again.rejects[0].code is CustodiansReject.TRAIL_DOES_NOT_FOLLOW
    assert again.rejects[0].facts["recorded"] == 2
    more = RecordTrail(CUSTODIAN, 2, head, (ENTRY,))
    desk.do(more, *by("broker-a"))
    assert trail(desk) == Trail(3, next_head(FIRST_HEAD, (ENTRY, ADMINISTERED, ENTRY)))
    forked = RecordTrail(CUSTODIAN, 3, head, (ENTRY,))
    assert desk.send(forked, *by("broker-a")).rejects[0].code is CustodiansReject.TRAIL_HAS_ANOTHER_HEAD


def test_the_owner_of_a_key_is_told_and_nobody_else(desk: Desk) -> None:
    told: dict[bytes, list[str]] = {}

    class Listening:
        height, time_ms, signers = 9, 9, (own("broker-a")[0].address,)

        def tell(self, fact: Any, *stakeholders: bytes) -> None:
            for one in stakeholders:
                told.setdefault(one, []).append(type(fact).__name__)

    rule, books = desk.machine.wired.rules[RecordTrail]
    context: Any = Listening()
    rule(books, RECORD, context)
    desk.machine.state.books.reject()
    assert told == {CUSTODIAN: [TrailRecorded.__name__], KEY: [KeyUsed.__name__]}


def test_heads_depend_on_every_entry_and_their_order() -> None:
    other = msgspec.structs.replace(ENTRY, user=b"w" * 16)
    heads = {
        next_head(FIRST_HEAD, entries)
        for entries in ((ENTRY,), (other,), (ENTRY, other), (other, ENTRY), (ENTRY, ENTRY), ())
    }
    assert len(heads) == 6
    assert next_head(next_head(FIRST_HEAD, (ENTRY,)), (other,)) == next_head(FIRST_HEAD, (ENTRY, other))


@pytest.mark.parametrize("after", [None, Trail(2, b"h" * 32), Trail(1, b"h" * 32)])
def test_a_trail_that_does_not_grow_stops_the_ledger(desk: Desk, after: Trail | None) -> None:
    module, books = next(pair for pair in desk.machine.wired.modules if pair[0].name == "custodians")
    changed = {TRAILS.number: {CUSTODIAN: (Trail(2, bytes(32)), after)}}
    with pytest.raises(InvariantViolation):
        module.invariants[0](books, changed)
