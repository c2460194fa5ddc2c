"""How the keys of rows lie on disk.

A readable key would tell who holds what, so that each component of a key is replaced by a 12-byte tag: keyed BLAKE2b
(RFC 7693) of the table, the component's number, and the key up to and including the component. Because the tag
covers what stands before it, whole leading components can be scanned, yet the same instrument under two accounts
has two unrelated tags. Leading bytes that a layout calls clear lie as they are, in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b

from counterfoil.state.port import TableLayout

TAG_SIZE = 12
"""96 bits: among 2^32 rows under one prefix two tags collide with probability 2^-33, and a collision is noticed."""

DISK_KEY_MAX = 511
"""The longest key that LMDB takes, in bytes."""

DiskKey = Callable[[bytes], bytes]


class UnknownTable(LookupError):
    """A table that was not among the layouts given when the store was opened."""


class DiskKeys:
    """`of[table](key)` is the key on disk: the table's number (one byte), then clear bytes, then tags.

    With an empty tag key (encryption off) the key itself stands behind the table's number.
    """

    def __init__(self, layouts: Mapping[int, TableLayout], tag_key: bytes) -> None:
        self.of: dict[int, DiskKey] = _Known()
        self.clear: dict[int, int] = {}
        self._layouts = dict(layouts)
        self._tag_key = tag_key
        for table, layout in self._layouts.items():
            check_layout(table, layout)
            self.of[table] = _tagged(table, layout, tag_key) if tag_key else _plain(table, layout)
            self.clear[table] = layout.clear

    def prefix(self, table: int, prefix: bytes) -> bytes:
        """What all disk keys of keys under `prefix` begin with; the prefix ends inside the clear bytes or at the
        end of a component, else ValueError."""
        if table not in self._layouts:
            raise UnknownTable(f"no layout was given for table {table}")
        layout = self._layouts[table]
        head = bytes([table])
        if not self._tag_key or len(prefix) <= layout.clear:
            return head + prefix
        end, sizes = layout.clear, []
        for size in layout.sizes:
            sizes.append(size)
            end = end + size if size else max(end, len(prefix))
            if end == len(prefix):
                return _tagged(table, TableLayout(layout.clear, tuple(sizes)), self._tag_key)(prefix)
        raise ValueError(
            f"table {table}: a prefix of {len(prefix)} bytes does not end where a component ends"
        )


class _Known(dict[int, DiskKey]):
    def __missing__(self, table: int) -> DiskKey:
        raise UnknownTable(f"no layout was given for table {table}")


def check_layout(table: int, layout: TableLayout) -> None:
    """ValueError for a layout that cannot be: only the last component may be "the rest"."""
    if not 1 <= table <= 255:
        raise ValueError(f"table numbers are 1 to 255, not {table}")
    if layout.clear < 0 or any(size < 0 for size in layout.sizes) or 0 in layout.sizes[:-1]:
        raise ValueError(f"table {table}: only the last component of a key can be of any size")


def check_key(table: int, layout: TableLayout, key: bytes) -> None:
    """ValueError for a key that does not fit its table's layout."""
    least = layout.clear + sum(layout.sizes)
    open_ended = bool(layout.sizes) and layout.sizes[-1] == 0
    if len(key) < least or (len(key) > least and not open_ended) or len(key) >= DISK_KEY_MAX:
        raise ValueError(f"table {table}: a key of {len(key)} bytes does not fit the table's layout")


def _plain(table: int, layout: TableLayout) -> DiskKey:
    head = bytes([table])
    least = layout.clear + sum(layout.sizes)
    most = DISK_KEY_MAX - 1 if layout.sizes and layout.sizes[-1] == 0 else least

    def disk_key(key: bytes) -> bytes:
        if not least <= len(key) <= most:
            check_key(table, layout, key)
        return head + key

    return disk_key


def _tagged(table: int, layout: TableLayout, tag_key: bytes) -> DiskKey:
    head, clear = bytes([table]), layout.clear
    least = clear + sum(layout.sizes)
    most = DISK_KEY_MAX - 1 if layout.sizes and layout.sizes[-1] == 0 else least
    hashers = [
        blake2b(digest_size=TAG_SIZE, key=tag_key, person=bytes([table, index]))
        for index in range(len(layout.sizes))
    ]
    ends = [clear + sum(layout.sizes[: index + 1]) for index in range(len(layout.sizes) - 1)]

    def checked(key: bytes) -> None:
        if not least <= len(key) <= most:
            check_key(table, layout, key)

    if not hashers:

        def all_clear(key: bytes) -> bytes:
            checked(key)
            return head + key

        return all_clear

    whole = hashers[-1].copy

    if len(hashers) == 1:

        def one(key: bytes) -> bytes:
            if not least <= len(key) <= most:
                check_key(table, layout, key)
            hasher = whole()
            hasher.update(key)
            return head + key[:clear] + hasher.digest()

        return one

    if len(hashers) == 2:
        end, first = ends[0], hashers[0].copy
        latest = (b"", b"")

        def two(key: bytes) -> bytes:
            nonlocal latest
            if not least <= len(key) <= most:
                check_key(table, layout, key)
            component, beginning = latest  # keys with one beginning often come in a row
            if component != key[:end]:
                component = key[:end]
                before = first()
                before.update(component)
                beginning = head + key[:clear] + before.digest()
                latest = (component, beginning)
            hasher = whole()
            hasher.update(key)
            return beginning + hasher.digest()

        return two

    leading = [(hasher.copy, end) for hasher, end in zip(hashers, ends, strict=False)]

    def several(key: bytes) -> bytes:
        checked(key)
        parts = [head, key[:clear]]
        for copy, end in leading:
            before = copy()
            before.update(key[:end])
            parts.append(before.digest())
        hasher = whole()
        hasher.update(key)
        parts.append(hasher.digest())
        return b"".join(parts)

    return several
