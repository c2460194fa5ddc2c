"""Named places at which tests stop a process as a power failure would.

Without a handler `reached` does nothing. A test installs a handler in its own process, or starts a process with
COUNTERFOIL_FAULT_POINT=name or name:n, which kills itself (SIGKILL) when it reaches that place for the n-th time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

VARIABLE = "COUNTERFOIL_FAULT_POINT"

BEFORE_LOG_APPEND = "before-log-append"
AFTER_LOG_APPEND = "after-log-append"
BEFORE_LOG_SYNC = "before-log-sync"
AFTER_LOG_SYNC = "after-log-sync"
BEFORE_SEGMENT_CREATION = "before-segment-creation"
INSIDE_SEGMENT_CREATION = "inside-segment-creation"
AFTER_SEGMENT_CREATION = "after-segment-creation"
AFTER_PRUNING_MARK = "after-pruning-mark"
BEFORE_STORE_WRITE = "before-store-write"
INSIDE_STORE_WRITE = "inside-store-write"
AFTER_STORE_WRITE = "after-store-write"
INSIDE_FOLDER_CREATION = "inside-folder-creation"
BEFORE_FOLDER_RENAME = "before-folder-rename"
AFTER_FOLDER_RENAME = "after-folder-rename"
BEFORE_KEY_CHANGE = "before-key-change"
AFTER_KEY_CHANGE = "after-key-change"
BEFORE_SEGMENT_RESEALED = "before-segment-resealed"
AFTER_SEGMENT_RESEALED = "after-segment-resealed"
INSIDE_STORE_COPY = "inside-store-copy"
BEFORE_KEY_IN_FORCE = "before-key-in-force"
AFTER_KEY_IN_FORCE = "after-key-in-force"

BEFORE_INTENT = "before-intent"
AFTER_INTENT = "after-intent"
AFTER_SIGNING = "after-signing"
BEFORE_RECORDING = "before-recording"
AFTER_RECORDING = "after-recording"
BEFORE_ANSWER = "before-answer"
AFTER_ANSWER = "after-answer"
VAULT_ROW_WRITTEN = "vault-row-written"
VAULT_BLOB_WRITTEN = "vault-blob-written"
VAULT_ERASURE_BEGUN = "vault-erasure-begun"
VAULT_KEY_DESTROYED = "vault-key-destroyed"
VAULT_BLOB_DELETED = "vault-blob-deleted"
VAULT_KEY_DRAWN = "vault-key-drawn"
VAULT_KEYS_WRAPPED = "vault-keys-wrapped"

LOG_POINTS = (
    BEFORE_LOG_APPEND,
    AFTER_LOG_APPEND,
    BEFORE_LOG_SYNC,
    AFTER_LOG_SYNC,
    BEFORE_SEGMENT_CREATION,
    INSIDE_SEGMENT_CREATION,
    AFTER_SEGMENT_CREATION,
)
STORE_POINTS = (BEFORE_STORE_WRITE, INSIDE_STORE_WRITE, AFTER_STORE_WRITE)
FOLDER_POINTS = (INSIDE_FOLDER_CREATION, BEFORE_FOLDER_RENAME, AFTER_FOLDER_RENAME)
KEY_CHANGE_POINTS = (
    BEFORE_KEY_CHANGE,
    AFTER_KEY_CHANGE,
    BEFORE_SEGMENT_RESEALED,
    AFTER_SEGMENT_RESEALED,
    INSIDE_STORE_COPY,
    BEFORE_KEY_IN_FORCE,
    AFTER_KEY_IN_FORCE,
)
CUSTODY_POINTS = (
    BEFORE_INTENT,
    AFTER_INTENT,
    AFTER_SIGNING,
    BEFORE_RECORDING,
    AFTER_RECORDING,
    BEFORE_ANSWER,
    AFTER_ANSWER,
)
"""On a signature's way through the custodian: its entry, the signature, the ledger, the answer."""
PRUNING_POINTS = (AFTER_PRUNING_MARK,)
VAULT_POINTS = (
    VAULT_ROW_WRITTEN,
    VAULT_BLOB_WRITTEN,
    VAULT_ERASURE_BEGUN,
    VAULT_KEY_DESTROYED,
    VAULT_BLOB_DELETED,
    VAULT_KEY_DRAWN,
    VAULT_KEYS_WRAPPED,
)
"""On the way of personal data into their store, out of it, and under another key."""
ALL_POINTS = (
    LOG_POINTS
    + PRUNING_POINTS
    + STORE_POINTS
    + FOLDER_POINTS
    + KEY_CHANGE_POINTS
    + CUSTODY_POINTS
    + VAULT_POINTS
)

_handler: Callable[[str], None] | None = None


def reached(name: str) -> None:
    """Tell the installed handler, if there is one, that the process is at this place."""
    if _handler is not None:
        _handler(name)


def install(handler: Callable[[str], None] | None) -> None:
    """Have `handler` called at every fault point; None takes it away. It may raise, or end the process."""
    global _handler
    _handler = handler


def killer(wish: str) -> Callable[[str], None]:
    """A handler for `name` or `name:n` that kills this process at the n-th time (default 1)."""
    wanted, _, times = wish.partition(":")
    if wanted not in ALL_POINTS:
        raise ValueError(f"{VARIABLE}: there is no fault point {wanted}; known are {', '.join(ALL_POINTS)}")
    left = int(times or 1)

    def handle(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return handle


if os.environ.get(VARIABLE):
    install(killer(os.environ[VARIABLE]))
