"""A trail grows at its end, and only there."""

from __future__ import annotations

from counterfoil.modules.custodians.books import CustodiansBooks
from counterfoil.modules.custodians.facts import KeyUsed, TrailRecorded
from counterfoil.modules.custodians.interface import FIRST_HEAD, next_head
from counterfoil.modules.custodians.messages import RecordTrail
from counterfoil.modules.custodians.records import (
    ADDRESS_SIZE,
    APPROVERS_MAX,
    DIGEST_SIZE,
    ENTRIES_MAX,
    USER_TAG_SIZE,
    Trail,
    TrailEntry,
    UseKind,
)
from counterfoil.modules.custodians.rejects import CustodiansReject
from counterfoil.modules.module import ActionContext
from counterfoil.primitives.outcome import Rejected


def record_trail(books: CustodiansBooks, ask: RecordTrail, context: ActionContext) -> None:
    """The ledger chains the entries itself, so that a head that it has was made from entries that it has seen."""
    books.parties.authorise(context, ask.custodian, RecordTrail)
    if not 0 < len(ask.entries) <= ENTRIES_MAX or not all(_is_well_made(entry) for entry in ask.entries):
        raise Rejected(CustodiansReject.ENTRIES_ARE_INVALID, limit=ENTRIES_MAX)
    before = books.trails.find(ask.custodian) or Trail(0, FIRST_HEAD)
    if ask.after != before.entries:
        raise Rejected(CustodiansReject.TRAIL_DOES_NOT_FOLLOW, recorded=before.entries)
    if ask.head != before.head:
        raise Rejected(CustodiansReject.TRAIL_HAS_ANOTHER_HEAD, recorded=before.entries)

    trail = Trail(before.entries + len(ask.entries), next_head(before.head, ask.entries))
    books.trails.put(ask.custodian, trail)
    context.tell(TrailRecorded(ask.custodian, trail.entries, trail.head), ask.custodian)
    for number, entry in enumerate(ask.entries, before.entries + 1):
        if entry.key:
            context.tell(KeyUsed(ask.custodian, number, entry), entry.key)


def _is_well_made(entry: TrailEntry) -> bool:
    return (
        0 < entry.time_ms < 2**62
        and len(entry.key) == (0 if entry.kind is UseKind.ADMINISTRATION else ADDRESS_SIZE)
        and len(entry.subject) == len(entry.policy) == DIGEST_SIZE
        and len(entry.user) == USER_TAG_SIZE
        and len(entry.approvers) <= APPROVERS_MAX
        and all(len(approver) == USER_TAG_SIZE for approver in entry.approvers)
    )
