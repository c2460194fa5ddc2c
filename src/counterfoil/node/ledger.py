"""An open ledger: one folder on disk (or nothing but memory), its machine and its engine."""

from __future__ import annotations

import gc
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec

from counterfoil.engine.decided import LOGGED_BLOCK, LoggedBlock
from counterfoil.engine.embedded import RATE_PER_SECOND, EmbeddedEngine
from counterfoil.engine.items import Items, SealTransactions
from counterfoil.engine.port import Engine, Log
from counterfoil.engine.rates import Rates
from counterfoil.engine.replaying import Replaying
from counterfoil.engine.signature_pool import SignaturePool
from counterfoil.machine.genesis import (
    Genesis,
    GenesisHolder,
    chain_id,
    decode_genesis,
    encode_genesis,
    genesis_digest,
    secret_commitment,
)
from counterfoil.machine.machine import Machine
from counterfoil.machine.wiring import TABLES
from counterfoil.node.clock import SandboxClock, system_clock_ms
from counterfoil.node.key_epochs import Confirming
from counterfoil.node.network.settings import NodeSettings, read_settings
from counterfoil.node.personas import refuse_personas
from counterfoil.node.read_log import ReadLog, first_head
from counterfoil.node.read_log_volumes import FolderVolumes, MemoryVolumes
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import SigningKey
from counterfoil.sealing.envelopes import seal_transactions
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.sealing.ring import KeyRing
from counterfoil.state.headers import Header
from counterfoil.state.port import RecordStore, TableLayout
from counterfoil.state.proof_formats import Vouching
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS
from counterfoil.storage import files
from counterfoil.storage.errors import CorruptStorage
from counterfoil.storage.folder import LedgerFolder, create_folder, open_folder
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore

GENESIS_NAME = "genesis.json"
SECRETS_NAME = "node-secrets"
SECRET_SIZE = 32
SECRETS_LEAST = 3
_SECRETS_PURPOSE = b"node secrets"

Progress = Callable[[int, int], None]
"""Called with (done, of how many) on long work."""

MakeEngine = Callable[["LedgerNode"], Engine]

LAYOUTS: dict[int, TableLayout] = {table.number: table.layout for table in (LINKS, *TABLES)}


COLLECT_AFTER = (50_000, 20, 50)
"""Of a node's process, for each generation of objects, how many make the garbage collector look through them."""


def spare_collector() -> None:
    """For a process that is a node and little else: do not look through what the open ledger keeps, again and again.

    Records and transactions form no cycles; with the collector's usual settings a tenth of the time goes into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


class NodeSecrets(NamedTuple):
    """Of 32 bytes each. network: salts values, makes handles and the first root, the same at every node of the network.
    sealer: this node's signing key. opening: this node's key to which roots are wrapped. roots: of the epochs after the
    first that a node was given when it was invited, in their order; what came later is wrapped for it on the ledger.
    """

    network: bytes
    sealer: bytes
    opening: bytes
    roots: tuple[bytes, ...] = ()

    @classmethod
    def draw(cls) -> NodeSecrets:
        return cls(os.urandom(SECRET_SIZE), os.urandom(SECRET_SIZE), os.urandom(SECRET_SIZE))

    def packed(self) -> bytes:
        return b"".join((self.network, self.sealer, self.opening, *self.roots))

    @classmethod
    def unpacked(cls, data: bytes) -> NodeSecrets | None:
        """What `packed` gave; None for something else."""
        parts = [data[at : at + SECRET_SIZE] for at in range(0, len(data), SECRET_SIZE)]
        if len(parts) < SECRETS_LEAST or len(parts[-1]) != SECRET_SIZE:
            return None
        network, sealer, opening, *roots = parts
        return cls(network, sealer, opening, tuple(roots))


class SealingKey:
    """The node's own key, kept with its secrets."""

    def __init__(self, secret: bytes) -> None:
        self._key = SigningKey(secret)
        self.public_key: bytes = self._key.public_key
        self.address: bytes = address_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def key_ring(genesis: Genesis, chain: str, secrets: NodeSecrets) -> KeyRing | None:
    """The roots that a node with these secrets begins with; None where the ledger is not sealed."""
    if not genesis.sealed:
        return None
    node = SealingKey(secrets.sealer).address
    return KeyRing(chain, secrets.network, node, OpeningKey(secrets.opening), secrets.roots)


class LedgerNode:
    """Everything that an open ledger consists of. Close it, or use it as a context manager.

    consensus_from: the first height that a consensus engine decided, 0 for none. make_engine: of a network's node, in
    place of the embedded engine.
    """

    def __init__(
        self,
        genesis_bytes: bytes,
        secrets: NodeSecrets,
        store: RecordStore,
        block_log: Log,
        *,
        folder: LedgerFolder | None = None,
        workers: int | None = None,
        scheduled: bool = True,
        clock: Callable[[], int] | None = None,
        seal: SealTransactions = seal_transactions,
        consensus_from: int = 0,
        make_engine: MakeEngine | None = None,
        rate_per_second: int = RATE_PER_SECOND,
    ) -> None:
        self.genesis_bytes = genesis_bytes
        self.genesis: Genesis = decode_genesis(genesis_bytes)
        self.chain_id = chain_id(self.genesis.name, genesis_digest(genesis_bytes))
        if self.genesis.secret_commitment != secret_commitment(secrets.network):
            raise InvariantViolation("the network secret is not the one that the genesis file commits to")
        self.secrets = secrets
        self.folder = folder
        self.store = store
        self.log = block_log
        self.sealer = SealingKey(secrets.sealer)
        self.ring = key_ring(self.genesis, self.chain_id, secrets)
        self.state = State(store, TABLES, secrets.network)
        self.machine = Machine(self.state, self.genesis, self.chain_id, secrets.network, self.ring)
        self.clock: Callable[[], int] = clock or (
            SandboxClock(self.genesis.time_ms) if self.genesis.sandbox else system_clock_ms
        )
        self.signatures = SignaturePool(workers)
        self.vouching: Callable[[Header], Vouching] | None = None
        self.consensus_from = consensus_from
        self.items = Items(self.machine, seal)
        self.replaying = Replaying(self.machine, self.items, self.signatures, consensus_from)
        self.engine: Engine = (
            make_engine(self)
            if make_engine is not None
            else EmbeddedEngine(
                self.machine,
                block_log,
                self.sealer,
                self.clock,
                self.signatures,
                rates=Rates(rate_per_second),
                scheduled=scheduled,
                items=self.items,
                replaying=self.replaying,
            )
        )
        self.engine.between_blocks = Confirming(self.engine, self.sealer, self.clock)

        self.read_log = ReadLog(
            FolderVolumes(folder) if folder is not None else MemoryVolumes(),
            first_head(self.chain_id, self.sealer.address),
            self.clock,
            lambda: self.state.height,
        )

    @property
    def embedded(self) -> EmbeddedEngine:
        """The engine, where this machine alone decides (or replays). TypeError on a network's node."""
        if not isinstance(self.engine, EmbeddedEngine):
            raise TypeError("this is a node of a network")
        return self.engine

    @property
    def sandbox(self) -> bool:
        return self.genesis.sandbox

    @property
    def height(self) -> int:
        return self.state.height

    def take_up(self, progress: Progress | None = None) -> int:
        """Open what the store holds and replay the log's tail; returns how many blocks were replayed."""
        self.machine.open()
        replayed = self.engine.recover(progress)
        if isinstance(self.clock, SandboxClock) and self.machine.last is not None:
            self.clock.advance_to(self.machine.last.time_ms)
        return replayed

    def blocks(self, place: int = 1) -> Iterator[LoggedBlock]:
        """Decided blocks with headers and seals from a place in the log on, which holds those with an effect alone."""
        for _, payload in self.log.read_from(place):
            block: LoggedBlock = LOGGED_BLOCK.trusted(payload)
            yield block

    def blocks_from(self, height: int) -> Iterator[LoggedBlock]:
        """The same from a height on."""
        machine = self.machine
        numbers = range(machine.history.size)
        first = bisect_left(numbers, height, key=lambda at: machine.header(at).header.height)
        return self.blocks(first + 1)

    def block_at(self, height: int) -> LoggedBlock | None:
        """The block of a height, where it had an effect and is in the log."""
        found = next(self.blocks_from(height), None)
        return found if found is not None and found.block.height == height else None

    def close(self) -> None:
        self.engine.close()
        self.read_log.close()
        self.signatures.close()
        self.log.close()
        self.store.close()
        if self.folder is not None:
            self.folder.close()

    def __enter__(self) -> LedgerNode:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def complete_genesis(draft: Genesis, secrets: NodeSecrets) -> bytes:
    """The genesis file for a draft: with the commitment to the network secret, and this node among the sealers and,
    on a sealed ledger, among the holders of roots.

    ValueError where one that is no sandbox's names a persona's key.
    """
    refuse_personas(draft)
    sealer = SealingKey(secrets.sealer).public_key.hex()
    sealers = draft.sealers if sealer in draft.sealers else (*draft.sealers, sealer)
    holders = draft.holders
    if draft.sealed and not any(holder.node == sealer for holder in holders):
        holders = (*holders, GenesisHolder(sealer, OpeningKey(secrets.opening).public_key.hex()))
    return encode_genesis(
        msgspec.structs.replace(
            draft,
            secret_commitment=secret_commitment(secrets.network),
            sealers=sealers,
            holders=holders,
        )
    )


def create_ledger(
    path: Path,
    draft: Genesis,
    *,
    encrypted: bool = True,
    key_file: Path | None = None,
    secrets: NodeSecrets | None = None,
) -> None:
    """Make a ledger folder and found the ledger in it, whole or not at all."""
    secrets = secrets or NodeSecrets.draw()
    genesis_bytes = complete_genesis(draft, secrets)

    def fill(folder: LedgerFolder) -> None:
        write_identity(folder, genesis_bytes, secrets)
        node = _node(folder, genesis_bytes, secrets, workers=0)
        try:
            node.embedded.found()
            node.engine.close()
        finally:
            node.log.close()
            node.store.close()

    create_folder(path, encrypted=encrypted, key_file=key_file, fill=fill)


def write_identity(folder: LedgerFolder, genesis_bytes: bytes, secrets: NodeSecrets) -> None:
    """What a folder has from its first moment: the genesis file, and the node's secrets under the storage key."""
    files.write_new(folder.path / GENESIS_NAME, genesis_bytes, mode=0o644)
    folder.keep(SECRETS_NAME, _SECRETS_PURPOSE, secrets.packed())


def open_ledger(
    path: Path,
    *,
    key_file: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    scheduled: bool = True,
    start: bool = True,
    clock: Callable[[], int] | None = None,
    rate_per_second: int | None = None,
) -> LedgerNode:
    """Open a ledger folder, recover what a crash left, and (with `start`) begin to take transactions.

    clock: milliseconds since 1970 UTC, in place of the system's (or of a sandbox ledger's own). rate_per_second: units
    of work that one submitter may ask for, in place of its engine's default.
    """
    folder = open_folder(path, key_file=key_file)
    try:
        genesis_bytes = read_genesis(folder)
        secrets = read_secrets(folder)
        settings = read_settings(path)
        node = _node(
            folder,
            genesis_bytes,
            secrets,
            workers=workers,
            scheduled=scheduled,
            clock=clock,
            consensus_from=settings.consensus_from if settings is not None else 0,
            make_engine=network_engine(settings, rate_per_second, scheduled=scheduled)
            if settings is not None
            else None,
            rate_per_second=rate_per_second,
        )
    except BaseException:
        folder.close()
        raise
    try:
        node.take_up(progress)
    except BaseException:
        node.signatures.close()
        node.log.close()
        node.store.close()
        folder.close()
        raise
    if start:
        try:
            node.engine.start()
        except BaseException:
            node.close()
            raise
    return node


def rebuild_store(path: Path, *, key_file: Path | None = None, progress: Progress | None = None) -> int:
    """Discard a ledger's record store, which may be damaged, and make it again from the block log; every header is
    compared. Returns the height."""
    with open_folder(path, key_file=key_file) as folder:
        log = folder.open_log(clear=decode_genesis(read_genesis(folder)).sealed)
        first = log.first_height()
        log.close()
        if first > 1:
            raise CorruptStorage(
                folder.log_path,
                "it does not begin with the founding, so that no store can be made from it; restore a backup",
                height=first,
            )
        folder.discard_store()
    with open_ledger(path, key_file=key_file, progress=progress, start=False) as node:
        return node.height


def memory_ledger(
    draft: Genesis,
    *,
    workers: int = 0,
    secrets: NodeSecrets | None = None,
    scheduled: bool = True,
    start: bool = True,
) -> LedgerNode:
    """A scratch ledger that lives in memory alone, founded and started: for tests and trying things out."""
    secrets = secrets or NodeSecrets.draw()
    node = LedgerNode(
        complete_genesis(draft, secrets),
        secrets,
        MemoryStore(LAYOUTS),
        MemoryLog(),
        workers=workers,
        scheduled=scheduled,
    )
    node.embedded.found()
    if start:
        node.engine.start()
    return node


def _node(
    folder: LedgerFolder,
    genesis_bytes: bytes,
    secrets: NodeSecrets,
    *,
    workers: int | None,
    scheduled: bool = True,
    clock: Callable[[], int] | None = None,
    consensus_from: int = 0,
    make_engine: MakeEngine | None = None,
    rate_per_second: int | None = None,
) -> LedgerNode:
    store = folder.open_store(LAYOUTS)
    try:
        block_log = folder.open_log(clear=decode_genesis(genesis_bytes).sealed)
    except BaseException:
        store.close()
        raise
    return LedgerNode(
        genesis_bytes,
        secrets,
        store,
        block_log,
        folder=folder,
        workers=workers,
        scheduled=scheduled,
        clock=clock,
        consensus_from=consensus_from,
        make_engine=make_engine,
        rate_per_second=rate_per_second or RATE_PER_SECOND,
    )


def network_engine(
    settings: NodeSettings, rate_per_second: int | None = None, *, scheduled: bool
) -> MakeEngine:
    """What makes the engine of a network's node. ValueError where this installation lacks what networks need."""
    try:
        from counterfoil.node.network.engine import make_engine
    except ModuleNotFoundError as missing:
        raise ValueError(f"a network's node needs {missing.name}: install counterfoil[network]") from None
    return lambda node: make_engine(node, settings, rate_per_second, scheduled=scheduled)


def read_genesis(folder: LedgerFolder) -> bytes:
    """The exact bytes of the genesis file of a ledger's folder."""
    path = folder.path / GENESIS_NAME
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CorruptStorage(path, "the genesis file is missing; take it from a copy") from None


def read_secrets(folder: LedgerFolder) -> NodeSecrets:
    """The node's secrets, from the ledger's folder."""
    path = folder.path / SECRETS_NAME
    plain = folder.read_kept(SECRETS_NAME, _SECRETS_PURPOSE)
    if plain is None:
        raise CorruptStorage(path, "the node's secrets are missing or damaged; take the file from a copy")
    secrets = NodeSecrets.unpacked(plain)
    if secrets is None:
        raise CorruptStorage(path, "it does not hold the node's secrets")
    return secrets
