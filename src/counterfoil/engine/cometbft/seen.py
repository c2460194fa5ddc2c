"""Items that this node has seen: taken apart once, their signatures checked once, whichever call brings them first.

They are kept under the digest of their complete bytes, so that two items can never be taken for each other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from hashlib import sha256

from counterfoil.engine.items import Admit, Items, OpenedItem, check, fill_in
from counterfoil.engine.signature_pool import PendingChecks, SignaturePool

KEPT_BYTES_MAX = 24 * 1024 * 1024
"""Of items, as they travel. Taken apart they are some ten times as large; what is let go is opened again if need be."""


class _Seen:
    __slots__ = ("checks", "digest", "item", "opened", "size")

    def __init__(self, item: bytes, digest: bytes, opened: OpenedItem, checks: PendingChecks | None) -> None:
        self.item = item
        self.digest = digest
        self.opened = opened
        self.checks = checks
        self.size = len(item)


class SeenItems:
    """Safe to use from several threads."""

    def __init__(self, items: Items, signatures: SignaturePool) -> None:
        self._items = items
        self._signatures = signatures
        self._guard = threading.Lock()
        self._seen: dict[bytes, _Seen] = {}
        self._bytes = 0

    def note(
        self, item: bytes, opened: OpenedItem | None = None, admit: Admit = lambda _content: None
    ) -> OpenedItem:
        """Take an item apart and let the workers begin with its signatures; raises `Rejected(BUNDLE_IS_MALFORMED)`.

        opened: where this node made the item itself, with its signatures checked. admit: of one that is new.
        """
        digest = sha256(item).digest()
        with self._guard:
            found = self._seen.get(digest)
        if found is None:
            checks = None
            if opened is None:
                opened = self._items.open(item, admit)
                checks = check(self._signatures, opened.prepared) if opened.prepared else None
            found = _Seen(item, digest, opened, checks)
            with self._guard:
                self._keep(found)
        return found.opened

    def opened(self, items: Iterable[bytes]) -> list[OpenedItem]:
        """Items ready to be executed: every signature inside is checked. Raises `Rejected(BUNDLE_IS_MALFORMED)`."""
        listed = list(items)
        digests = [sha256(item).digest() for item in listed]
        ready: list[OpenedItem] = []
        missing = [at for at, digest in enumerate(digests) if digest not in self._seen]
        for at in missing:
            self.note(listed[at])
        for item, digest in zip(listed, digests, strict=True):
            with self._guard:
                found = self._seen.get(digest)
            if found is None:  # let go already, to make room for the others
                opened = self._items.open(item)
                found = _Seen(item, digest, opened, check(self._signatures, opened.prepared))
            if found.checks is not None:
                fill_in(found.opened.prepared, found.checks.result())
                found.checks = None
            ready.append(found.opened)
        return ready

    def forget(self, items: Iterable[bytes]) -> None:
        """Of a block that was decided: they will not come again."""
        digests = [sha256(item).digest() for item in items]
        with self._guard:
            for digest in digests:
                found = self._seen.pop(digest, None)
                if found is not None:
                    self._bytes -= found.size

    def _keep(self, found: _Seen) -> None:
        if found.digest in self._seen:
            return
        self._seen[found.digest] = found
        self._bytes += found.size
        while self._bytes > KEPT_BYTES_MAX and len(self._seen) > 1:
            oldest = next(iter(self._seen))
            self._bytes -= self._seen.pop(oldest).size
