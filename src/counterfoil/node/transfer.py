"""A whole ledger as one file, taken out, taken in, and replayed from its genesis."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from counterfoil.engine.decided import LOGGED_BLOCK, LoggedBlock
from counterfoil.engine.port import Log
from counterfoil.machine.genesis import chain_id, decode_genesis, genesis_digest
from counterfoil.node.ledger import (
    LAYOUTS,
    SECRET_SIZE,
    LedgerNode,
    NodeSecrets,
    Progress,
    open_ledger,
    write_identity,
)
from counterfoil.node.transfer_format import (
    VERSION,
    ArgonCost,
    Head,
    Lock,
    Opening,
    Sealing,
    TransferFileError,
    protection_for,
)
from counterfoil.primitives.codec import Malformed
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.state.headers import Header
from counterfoil.state.port import RecordStore
from counterfoil.storage.at_rest import VARIABLE, new_storage_key
from counterfoil.storage.folder import LedgerFolder, create_folder, open_folder
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore

BLOCKS_PER_WRITE = 50
CHANGES_PER_WRITE = 200_000
"""While blocks are replayed, the record store is written after so many, or after so many superseded versions."""
MEMORY_LOG_BYTES = 32 * 1024 * 1024
"""A ledger whose log is larger is replayed into an encrypted store in a temporary folder, a smaller one in memory."""


class ExportReport(NamedTuple):
    """file_bytes: size of the file. height, header: of the last block in it."""

    chain_id: str
    sandbox: bool
    height: int
    header: Header
    file_bytes: int


class ReplayReport(NamedTuple):
    """What was replayed: to which height, how many blocks and transactions, in how many seconds.

    checked: every module's full check over the whole state was made too.
    """

    chain_id: str
    sandbox: bool
    height: int
    header: Header
    blocks: int
    transactions: int
    seconds: float
    checked: bool


def export_ledger(
    node: LedgerNode,
    path: Path,
    lock: Lock,
    *,
    progress: Progress | None = None,
    cost: ArgonCost | None = None,
) -> ExportReport:
    """Write the ledger, as it stands now, to one new file that opens with a passphrase or a transport key.

    It holds the genesis file, the network secret, the node's sealing key and every block with header and seal. The
    node may go on working. The file appears whole or not at all. Errors: TransferFileError.
    """
    with node.engine.lock:
        last = node.machine.last
        if last is None:
            raise TransferFileError("The ledger is not founded; there is nothing to export.")
    refuse_without_beginning(node)
    head = Head(
        version=VERSION,
        chain_id=node.chain_id,
        sandbox=node.sandbox,
        height=last.height,
        last_header=last.digest().hex(),
        genesis=node.genesis_bytes.decode(),
        protection=protection_for(lock, cost or ArgonCost()),
        consensus_from=node.consensus_from,
    )
    with _new_file(path) as file:
        sealing = Sealing(file, head, lock)
        packed = node.secrets.packed()
        sealing.write(len(packed).to_bytes(4, "big") + packed)
        for place, payload in node.log.read_from(1):
            if place > last.number + 1:
                break
            sealing.write(len(payload).to_bytes(4, "big") + payload)
            if progress is not None:
                progress(place, last.number + 1)
        sealing.finish()
        size = file.tell()
    return ExportReport(node.chain_id, node.sandbox, last.height, last, size)


def refuse_without_beginning(node: LedgerNode) -> None:
    """TransferFileError where the folder's log does not begin with the founding, so that nothing can be replayed."""
    first = node.log.first_height()
    if first > 1:
        raise TransferFileError(
            f"This node's log begins with block number {first}: it was pruned, or founded from a snapshot. Take another"
            " node, or a copy from before."
        )


def read_head(path: Path) -> Head:
    """What an export says of itself, before anything of it is proven. Errors: TransferFileError."""
    with _open_file(path) as file:
        return Opening(file, str(path)).head


def import_ledger(
    path: Path,
    folder: Path,
    lock: Lock,
    *,
    encrypted: bool = True,
    key_file: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    sealer: bytes | None = None,
) -> Header:
    """Make a ledger folder from an export: every block is applied again, and its header and seal compared.

    Signatures are checked, roots are identical at every height. The folder is made whole or not at all. It is the same
    ledger with the same keys: only one of the two may go on. `sealer` gives the folder a signing key of its own, and an
    opening key, for a node of the network that goes on in its place: it has the roots of all key epochs until then, and
    those to come once it is admitted as a holder. Returns the last header. Errors: TransferFileError; StorageError as
    `create_folder`.
    """
    with _open_file(path) as file:
        opening = Opening(file, str(path))
        opening.unlock(lock)
        if opening.head.consensus_from:
            raise TransferFileError(
                f"{path} is of a network, which goes on without it; join it with `counterfoil network join`."
            )
        genesis_bytes, secrets = _identity(opening, path)

        def fill(place: LedgerFolder) -> None:
            clear = decode_genesis(genesis_bytes).sealed
            store, block_log = place.open_store(LAYOUTS), place.open_log(clear=clear)
            try:
                with (
                    _faults_named(path),
                    _node(genesis_bytes, secrets, store, block_log, workers) as node,
                ):
                    for logged, payload in _replayed(node, opening.blocks(), opening.head.height, progress):
                        block_log.append(logged.block.height, payload)
                        if logged.block.height % BLOCKS_PER_WRITE == 0:
                            block_log.sync()
                    _compare_end(node, opening.head, path)
                    block_log.sync()
                    node.engine.close()
                    last.append(_last(node))
                    own = secrets if sealer is None else _as_another(node, sealer)
                write_identity(place, genesis_bytes, own)
            finally:
                block_log.close()
                store.close()

        last: list[Header] = []
        create_folder(folder, encrypted=encrypted, key_file=key_file, fill=fill)
    return last[0]


def replay_ledger(
    folder: Path,
    *,
    key_file: Path | None = None,
    check: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ReplayReport:
    """Apply every block of a ledger folder again from its genesis, into a scratch store, and compare every header.

    The folder itself stays as it is. The last header is compared with the folder's own record store too, so that the
    books that are served and the replayed ones are the same. With `check`, every module looks over the whole state at
    the end. Errors: InvariantViolation names the first block that differs; StorageError.
    """
    with open_ledger(folder, key_file=key_file, workers=0, scheduled=False, start=False) as own:
        refuse_without_beginning(own)
        last = own.machine.last
        blocks = 0 if last is None else last.number + 1
        payloads = (payload for place, payload in own.log.read_from(1) if place <= blocks)
        height, size = last.height if last is not None else 0, _size_of(folder)
        return _replay(
            own.genesis_bytes,
            own.secrets,
            payloads,
            height,
            size,
            own,
            check,
            workers,
            progress,
            own.consensus_from,
        )


def replay_export(
    path: Path,
    lock: Lock,
    *,
    check: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ReplayReport:
    """The same for an export, without making a folder of it. Errors: InvariantViolation; TransferFileError."""
    with _open_file(path) as file:
        opening = Opening(file, str(path))
        opening.unlock(lock)
        genesis_bytes, secrets = _identity(opening, path)
        size = os.fstat(file.fileno()).st_size
        height = opening.head.height
        with _faults_named(path):
            report = _replay(
                genesis_bytes,
                secrets,
                opening.blocks(),
                height,
                size,
                None,
                check,
                workers,
                progress,
                opening.head.consensus_from,
            )
        if report.header.digest().hex() != opening.head.last_header:
            raise TransferFileError(
                f"{path} does not end with the block that it names; export the ledger again."
            )
    return report


def _replay(
    genesis_bytes: bytes,
    secrets: NodeSecrets,
    payloads: Iterator[bytes],
    height: int,
    log_bytes: int,
    own: LedgerNode | None,
    check: bool,
    workers: int | None,
    progress: Progress | None,
    consensus_from: int,
) -> ReplayReport:
    with (
        _scratch_store(log_bytes) as store,
        _node(genesis_bytes, secrets, store, MemoryLog(), workers, consensus_from) as node,
    ):
        began, blocks, transactions = time.monotonic(), 0, 0
        for logged, _ in _replayed(node, payloads, height, progress):
            blocks += 1
            transactions += len(node.machine.block_results(logged.block.height).results)
        header = _last(node)
        if own is not None and own.machine.last != header:
            raise InvariantViolation(
                f"the log leads to another state at height {header.height} than the record store holds"
            )
        if check:
            node.machine.check_everything()
        seconds = time.monotonic() - began
    return ReplayReport(
        node.chain_id, node.sandbox, header.height, header, blocks, transactions, seconds, check
    )


@contextmanager
def _node(
    genesis_bytes: bytes,
    secrets: NodeSecrets,
    store: RecordStore,
    block_log: Log,
    workers: int | None,
    consensus_from: int = 0,
) -> Iterator[LedgerNode]:
    """A node that applies what others decided. Only its signature workers end with it."""
    node = LedgerNode(
        genesis_bytes,
        secrets,
        store,
        block_log,
        workers=workers,
        scheduled=False,
        consensus_from=consensus_from,
    )
    try:
        yield node
    finally:
        node.signatures.close()


def _replayed(
    node: LedgerNode, payloads: Iterator[bytes], height: int, progress: Progress | None
) -> Iterator[tuple[LoggedBlock, bytes]]:
    """Apply blocks one after the other on an empty node; each is yielded after its header and seal were compared."""
    state = node.machine.state
    since = 0
    for payload in payloads:
        logged: LoggedBlock = LOGGED_BLOCK.exact(payload)
        node.replaying.replay(logged)
        yield logged, payload
        since += 1
        if since >= BLOCKS_PER_WRITE or state.unwritten_changes > CHANGES_PER_WRITE:
            state.flush()
            since = 0
        if progress is not None:
            progress(logged.block.height, height)


def _last(node: LedgerNode) -> Header:
    last = node.machine.last
    if last is None:
        raise InvariantViolation("there is no block, not even a founding")
    return last


def _as_another(node: LedgerNode, sealer: bytes) -> NodeSecrets:
    """Secrets of a node of its own that knows what this one knows."""
    sealed = node.machine.sealed
    roots = sealed.ring.roots_to(sealed.epoch.number) if sealed is not None else ()
    return NodeSecrets(node.secrets.network, sealer, os.urandom(SECRET_SIZE), roots)


def _identity(opening: Opening, path: Path) -> tuple[bytes, NodeSecrets]:
    head = opening.head
    genesis_bytes = head.genesis.encode()
    try:
        genesis = decode_genesis(genesis_bytes)
    except ValueError as error:
        raise TransferFileError(f"{path}: {error}.") from None
    if chain_id(genesis.name, genesis_digest(genesis_bytes)) != head.chain_id:
        raise TransferFileError(
            f"{path} names another ledger than its genesis file; it was put together wrongly."
        )
    secrets = NodeSecrets.unpacked(opening.read(int.from_bytes(opening.read(4), "big")))
    if secrets is None:
        raise TransferFileError(f"{path} is damaged; copy the file again.")
    return genesis_bytes, secrets


def _compare_end(node: LedgerNode, head: Head, path: Path) -> None:
    last = node.machine.last
    if last is None or last.height != head.height or last.digest().hex() != head.last_header:
        raise TransferFileError(f"{path} does not end with the block that it names; export the ledger again.")


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    """What replay refuses in a file is the file's fault."""
    try:
        yield
    except (InvariantViolation, Malformed, Rejected) as error:
        raise TransferFileError(f"{path} does not replay: {error}.") from error


@contextmanager
def _scratch_store(log_bytes: int) -> Iterator[RecordStore]:
    """A store for a while: in memory, or on disk under a key that is forgotten with it."""
    if log_bytes <= MEMORY_LOG_BYTES:
        yield MemoryStore(LAYOUTS)
        return
    with tempfile.TemporaryDirectory(prefix="counterfoil-replay-") as temporary:
        path, environment = Path(temporary) / "scratch", {VARIABLE: new_storage_key().hex()}
        create_folder(path, environment=environment)
        with open_folder(path, environment=environment) as folder:
            store = folder.open_store(LAYOUTS)
            try:
                yield store
            finally:
                store.close()


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "log").glob("*"))


@contextmanager
def _open_file(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise TransferFileError(f"There is no file {path}.") from None
    except OSError as error:
        raise TransferFileError(f"{path} cannot be read: {error.strerror}.") from None
    with file:
        yield file


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, put in its place when it is complete and durable."""
    if path.exists():
        raise TransferFileError(f"There is a file {path} already; choose another name.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except FileExistsError:
        raise TransferFileError(f"There is a file {path} already; choose another name.") from None
    except OSError as error:
        raise TransferFileError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        beside.unlink(missing_ok=True)
