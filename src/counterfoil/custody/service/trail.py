"""The custodian's trail, and its copy on the ledger: compared, continued, and never ahead of what is durable here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.events import Recorded
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.modules.custodians.interface import ENTRIES_MAX, TrailEntry, next_head
from counterfoil.primitives.outcome import Rejected
from counterfoil.storage.fault_points import AFTER_RECORDING, BEFORE_RECORDING, reached


class RecorderFailed(Exception):
    """The ledger could not be asked or told; its text is one word why. Whether anything was taken in is not known."""


class Recorder(Protocol):
    """The way to the ledger's copy. Both raise `RecorderFailed`."""

    def read(self) -> tuple[int, bytes]:
        """How many entries the ledger has, and their head."""
        ...

    def record(self, after: int, head: bytes, entries: Sequence[TrailEntry]) -> None:
        """Returns when the entries stand on the ledger, durably."""
        ...


class Trail:
    """`agree` before anything else; then `record` whenever the ledger is to have all of it."""

    def __init__(self, books: CustodianBooks, recorder: Recorder) -> None:
        self._books = books
        self._recorder = recorder
        self._agreed = False

    def agree(self) -> None:
        """Compare with the ledger, and take up what it has and this store does not know that it has.

        Refused TRAIL_IS_NOT_THE_LEDGERS where the ledger has entries that are not here: this store was rolled back, or
        another one signs in its name.
        """
        if self._agreed:
            return
        books = self._books
        try:
            entries, head = self._recorder.read()
        except RecorderFailed as failed:
            raise Rejected(CustodyRefusal.LEDGER_DOES_NOT_ANSWER, reason=failed) from None
        if books.head_after(entries) != head:
            raise Rejected(CustodyRefusal.TRAIL_IS_NOT_THE_LEDGERS, on_the_ledger=entries, here=books.entries)
        if entries > books.recorded.entries:
            books.write(Recorded(entries, head))
        self._agreed = True

    def record(self) -> None:
        """Returns when the ledger has every entry. Refused where it cannot be reached, or has others."""
        self.agree()
        books = self._books
        while books.unrecorded:
            before, entries = books.recorded, tuple(islice(books.unrecorded, ENTRIES_MAX))
            reached(BEFORE_RECORDING)
            try:
                self._recorder.record(before.entries, before.head, entries)
            except RecorderFailed as failed:
                self._agreed = False
                raise Rejected(CustodyRefusal.LEDGER_DOES_NOT_ANSWER, reason=failed) from None
            reached(AFTER_RECORDING)
            books.write(Recorded(before.entries + len(entries), next_head(before.head, entries)))
