"""The log of reads: who looked at what is another's, by which right; written before anything is shown.

It is this node's own: a chain of entries beside the ledger, each of which commits to all before it. How far the chain
is gets recorded on the ledger now and then (`read_log_recording`), after which no earlier entry can be changed, added
or left out without its showing. Old volumes make room for new ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from counterfoil.node.read_log_volumes import Volumes
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import Subject
from counterfoil.primitives.codec import Decoder, Malformed, Record, encode
from counterfoil.primitives.digests import READ_LOG, digest
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.errors import StorageError

VOLUME_BYTES: Final = 16 << 20
"""A volume that has reached so many bytes is closed; the last one is read as a whole at every start."""
VOLUMES_KEPT: Final = 64
"""Older volumes are deleted: the log takes a gigabyte at most. Who must keep it longer copies them in time."""
PARAMS_BYTES_MAX: Final = 1_024
"""Of longer parameters the log keeps the digest."""
SUBJECTS_NAMED_MAX: Final = 16
"""Of one use of a right; the others are counted. What a list showed can be read again as of its height."""


class Looked(Record):
    """What was looked at. kind: of subject. about: identities (20 or 32 bytes) and codes that say which."""

    kind: str
    about: tuple[bytes, ...]


class Use(Record):
    """One right that was used. basis, purpose: names; grant: its id where it was one.

    count: how many subjects it was used for; looked: the first of them.
    """

    basis: str
    purpose: str
    grant: bytes
    count: int
    looked: tuple[Looked, ...]


class ReadEntry(Record):
    """One request that showed what is another's.

    number: from 1 on. previous: the digest that the entries before lead to. time_ms: of the node's clock. height: the
    last block then. viewer: the party that read; signer: the address that spoke for it. read: the name of the read;
    params: as they were asked, or their digest where they are long.
    """

    number: int
    previous: bytes
    time_ms: int
    height: int
    viewer: bytes
    signer: bytes
    read: str
    params: bytes
    uses: tuple[Use, ...]


class Head(NamedTuple):
    """How far the log is: its number of entries, and the digest that they lead to."""

    entries: int
    digest: bytes


class LogTampered(InvariantViolation):
    """The log of reads is not what was written, or not what the ledger says of it."""


_ENTRY = Decoder(ReadEntry)


def first_head(chain_id: str, node: bytes) -> Head:
    """Where the chain of a node on a ledger begins."""
    return Head(0, digest(READ_LOG, chain_id.encode(), node))


def next_head(head: Head, payload: bytes) -> Head:
    return Head(head.entries + 1, digest(READ_LOG, head.digest, payload))


class _Waiting:
    """An entry on its way to the disk."""

    def __init__(self, make: Callable[[Head], ReadEntry]) -> None:
        self.make = make
        self.is_done = False
        self.error: Exception | None = None


class ReadLog:
    """One node's log. Safe to use from several threads; those that come together share one sync."""

    def __init__(
        self,
        volumes: Volumes,
        begin: Head,
        clock: Callable[[], int],
        height: Callable[[], int],
        *,
        volume_bytes: int = VOLUME_BYTES,
        volumes_kept: int = VOLUMES_KEPT,
    ) -> None:
        self._volumes = volumes
        self._begin = begin
        self._clock = clock
        self._height = height
        self._volume_bytes = volume_bytes
        self._volumes_kept = volumes_kept
        self._queue: list[_Waiting] = []
        self._queueing = threading.Lock()
        self._writing = threading.Lock()
        self._head, self._size = self._take_up()

    @property
    def head(self) -> Head:
        """Of the entries that are durable."""
        return self._head

    def note(self, viewer: Viewer, read: str, params: bytes) -> None:
        """Write down what a request is about to show of others'; returns when it is durable.

        Nothing where only public things and the viewer's own were looked at. Refused READ_CANNOT_BE_LOGGED where it
        cannot be written: then nothing may be shown.
        """
        if not viewer.used:
            return
        uses = tuple(
            Use(
                right.basis.name,
                right.purpose.name if right.purpose is not None else "",
                right.grant,
                len(subjects),
                tuple(_looked(subject) for subject in list(subjects)[:SUBJECTS_NAMED_MAX]),
            )
            for right, subjects in viewer.used.items()
        )
        asked = params if len(params) <= PARAMS_BYTES_MAX else sha256(params).digest()

        def make(head: Head) -> ReadEntry:
            return ReadEntry(
                head.entries + 1,
                head.digest,
                self._clock(),
                self._height(),
                viewer.party,
                viewer.signer,
                read,
                asked,
                uses,
            )

        self._write(_Waiting(make))

    def entries(self, first: int = 1) -> Iterator[ReadEntry]:
        """Entries from a number on, as far as they are kept and durable when reading begins."""
        last = self._head.entries
        for _, payload in self._payloads(first):
            entry = _entry(payload)
            if entry.number > last:
                return
            yield entry

    def check(self, recorded: Sequence[Head] = ()) -> Head:
        """Follow the whole chain as it is kept, and compare it with what was recorded of it on the ledger.

        Returns the first head that is kept. LogTampered where an entry does not fit, where recorded entries are
        missing, or where the chain does not lead to a recorded digest.
        """
        known = {one.entries: one.digest for one in recorded}
        numbers = self._volumes.numbers()
        if numbers and numbers[0] > 1 and len(numbers) < self._volumes_kept:
            raise LogTampered(f"volumes of the log of reads before entry {numbers[0]} are missing")
        head = first = None
        for number, payload in self._payloads(1):
            entry = _entry(payload)
            if head is None:
                head = first = Head(numbers[0] - 1, entry.previous)
                if number == 1 and head != self._begin:
                    raise LogTampered("the log of reads begins as another ledger's or node's")
                _compare(head, known)
            if (entry.number, entry.previous) != (head.entries + 1, head.digest):
                raise LogTampered(f"entry {number} of the log of reads does not follow the one before")
            head = next_head(head, payload)
            _compare(head, known)
        head = head or self._begin
        longest = max(known, default=0)
        if head.entries < longest:
            raise LogTampered(
                f"the log of reads ends with entry {head.entries}, and {longest} were recorded on the ledger"
            )
        return first or self._begin

    def close(self) -> None:
        with self._writing:
            self._volumes.close()

    def closed_volumes(self) -> Iterator[BlockLog]:
        """Those that are not written to any more, opened one by one; what comes goes to a new one, under the storage
        key of now."""
        with self._writing:
            if self._volumes.numbers():
                self._volumes.begin(self._head.entries + 1)
                self._size = 0
        yield from self._volumes.closed()

    # ---- writing ----

    def _write(self, waiting: _Waiting) -> None:
        with self._queueing:
            self._queue.append(waiting)
        with self._writing:
            if not waiting.is_done:
                with self._queueing:
                    batch, self._queue = self._queue, []
                self._write_all(batch)
        if waiting.error is not None:
            raise Refused(NodeRefusal.READ_CANNOT_BE_LOGGED) from waiting.error

    def _write_all(self, batch: list[_Waiting]) -> None:
        """Append every entry that can be, and sync once. A failed sync is every entry's."""
        head, written = self._head, []
        for waiting in batch:
            waiting.is_done = True
            try:
                payload = encode(waiting.make(head))
                self._make_room(head, len(payload))
                self._volumes.newest.append(head.entries + 1, payload)
            except (StorageError, OSError) as error:
                waiting.error = error
                continue
            head, self._size = next_head(head, payload), self._size + len(payload)
            written.append(waiting)
        try:
            if written:
                self._volumes.newest.sync()
                self._head = head
        except (StorageError, OSError) as error:
            for waiting in written:
                waiting.error = error

    def _make_room(self, head: Head, size: int) -> None:
        """Begin the next volume where the last one is full or there is none, and delete the oldest."""
        numbers = self._volumes.numbers()
        if numbers and (not self._size or self._size + size <= self._volume_bytes):
            return
        self._volumes.begin(head.entries + 1)
        self._size = 0
        for number in numbers[: max(0, len(numbers) + 1 - self._volumes_kept)]:
            self._volumes.drop(number)

    # ---- reading ----

    def _take_up(self) -> tuple[Head, int]:
        """(head, bytes in the newest volume) of what is there."""
        head, size = self._begin, 0
        for number in self._volumes.numbers()[-2:]:
            size = 0
            for found, payload in self._volumes.read(number, number):
                head = next_head(Head(found - 1, _entry(payload).previous), payload)
                size += len(payload)
        return head, size

    def _payloads(self, first: int) -> Iterator[tuple[int, bytes]]:
        """(number, payload) of what is kept; a volume that makes room in the meantime is passed over."""
        numbers = self._volumes.numbers()
        for at, number in enumerate(numbers):
            if at + 1 < len(numbers) and numbers[at + 1] <= first:
                continue
            try:
                yield from self._volumes.read(number, max(first, number))
            except StorageError:
                if number in self._volumes.numbers():
                    raise


def _entry(payload: bytes) -> ReadEntry:
    try:
        entry: ReadEntry = _ENTRY.exact(payload)
    except Malformed:
        raise LogTampered("an entry of the log of reads is not in its form") from None
    return entry


def _compare(head: Head, known: dict[int, bytes]) -> None:
    if known.get(head.entries, head.digest) != head.digest:
        raise LogTampered(
            f"the log of reads up to entry {head.entries} is not the one that was recorded on the ledger"
        )


def _looked(subject: Subject) -> Looked:
    return Looked(type(subject).__name__, tuple(_identities(subject)))


def _identities(value: object) -> Iterator[bytes]:
    """Every identity and code that a subject names, in order."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, tuple):
        for item in value:
            yield from _identities(item)
    else:
        for name in getattr(value, "__dataclass_fields__", ()):
            yield from _identities(getattr(value, name))
