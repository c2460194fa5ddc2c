"""What was used up and is remembered until it expires: transaction ids and business references.

Kept in memory, committed to by each block's header through what the block added, rebuilt at start from the blocks
inside the window. It is no record of the state, so that a flow of transactions never makes the state grow.
"""

from __future__ import annotations

from hashlib import sha256

from counterfoil.primitives.digests import IDS

KEY_SIZE = 32
_BUCKET_MS = 60_000


class Window:
    """Keys of 32 bytes (ids, digests of references), each until a block time of its own."""

    def __init__(self) -> None:
        self._expiry: dict[bytes, int] = {}
        self._buckets: dict[int, list[bytes]] = {}
        self._block: list[tuple[bytes, int]] = []
        self._action: list[tuple[bytes, int]] = []
        self._forgotten: list[tuple[int, list[tuple[bytes, int]]]] = []

    def __contains__(self, key: bytes) -> bool:
        return key in self._expiry

    def __len__(self) -> int:
        return len(self._expiry)

    @property
    def block_size(self) -> int:
        """How many keys the open block has used up so far."""
        return len(self._block)

    def use(self, key: bytes, expiry_ms: int) -> bool:
        """Use up a key until block time `expiry_ms`; False where it is used already. Part of the open action."""
        if key in self._expiry:
            return False
        self._expiry[key] = expiry_ms
        self._action.append((key, expiry_ms))
        return True

    def accept(self) -> None:
        if self._action:
            self._block += self._action
            self._action = []

    def reject(self) -> None:
        for key, _ in self._action:
            del self._expiry[key]
        self._action = []

    def discard_block(self) -> None:
        for key, _ in self._block:
            del self._expiry[key]
        self._block = []
        for bucket, keys in self._forgotten:
            self._buckets[bucket] = [key for key, _ in keys]
            self._expiry.update(keys)
        self._forgotten = []

    def set_aside(self) -> list[tuple[bytes, int]]:
        """Discard what the block used up, and return it for `bring_back`."""
        used = self._block
        self.discard_block()
        return used

    def bring_back(self, used: list[tuple[bytes, int]], time_ms: int) -> None:
        """Begin a block of that time with what was used up in it."""
        self.forget(time_ms)
        self._expiry.update(used)
        self._block = used

    def commit(self) -> tuple[bytes, bytes]:
        """(digest of what the block added, the packed additions to keep with the block)."""
        packed = b"".join(key + expiry.to_bytes(8, "big") for key, expiry in self._block)
        for key, expiry in self._block:
            self._buckets.setdefault(expiry // _BUCKET_MS, []).append(key)
        self._block = []
        self._forgotten = []
        return sha256(IDS + packed).digest(), packed

    def forget(self, time_ms: int) -> None:
        """Let go what expired before block time `time_ms`, a minute's worth at a time.

        Part of the open block: one that is discarded has let nothing go, however late its time was. Otherwise a clock
        that ran ahead for a moment would let what it made the ledger forget be used a second time.
        """
        for bucket in sorted(self._buckets):
            if (bucket + 1) * _BUCKET_MS > time_ms:
                return
            keys = self._buckets.pop(bucket)
            self._forgotten.append((bucket, [(key, self._expiry.pop(key)) for key in keys]))

    def restore(self, packed: bytes, time_ms: int) -> None:
        """Take up one block's packed additions again, as far as they have not expired at `time_ms`."""
        step = KEY_SIZE + 8
        for at in range(0, len(packed), step):
            key, expiry = packed[at : at + KEY_SIZE], int.from_bytes(packed[at + KEY_SIZE : at + step], "big")
            if (expiry // _BUCKET_MS + 1) * _BUCKET_MS > time_ms:
                self._expiry[key] = expiry
                self._buckets.setdefault(expiry // _BUCKET_MS, []).append(key)
