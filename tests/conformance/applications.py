"""One ledger behind one interface, three times: the ABCI application in this process, over a socket, and the embedded
engine. Every requirement of the consensus engine is asked of each."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from counterfoil.engine.cometbft.application import LedgerApplication
from counterfoil.engine.cometbft.engine import CometBftEngine
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.proto.tendermint.crypto.keys_pb2 import PublicKey
from counterfoil.engine.cometbft.rpc import EngineRpc
from counterfoil.engine.cometbft.server import AbciServer
from counterfoil.engine.cometbft.snapshots import Snapshots
from counterfoil.engine.cometbft.wire import Inbound, framed
from counterfoil.engine.decided import DecidedBlock, items_digest
from counterfoil.engine.items import Items, check, fill_in
from counterfoil.engine.port import ENGINE_HEIGHT
from counterfoil.machine.failures import RulesFailed
from counterfoil.machine.feed_items import EXTENSION_BYTES_MAX
from counterfoil.machine.genesis import genesis_digest
from counterfoil.node.ledger import LAYOUTS, LedgerNode
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import Rejected
from counterfoil.state.port import RecordStore
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.differential.games import said_by
from tests.model.desk import SECRETS, Desk

PROPOSER = b"p" * 20
BYTES_MAX = 4 * 1024 * 1024
RATE_PER_SECOND = 100_000
"""Rates are tested by themselves: here one gatherer fills blocks."""


class Block(NamedTuple):
    """What is proposed and decided."""

    height: int
    time_ms: int
    items: tuple[bytes, ...]

    @property
    def hash(self) -> bytes:
        return items_digest((self.height.to_bytes(8, "big"), self.time_ms.to_bytes(8, "big"), *self.items))


class Application(Protocol):
    """What the suite asks."""

    node: LedgerNode

    def handshake(self) -> tuple[int, bytes]:
        """(height, application hash) from which the engine goes on; founds where nothing is decided yet."""

    def check(self, item: bytes) -> bool: ...
    def propose(self, height: int, time_ms: int, items: Sequence[bytes], bytes_max: int) -> Block: ...
    def judge(self, block: Block) -> bool: ...
    def extend(self, block: Block) -> bytes: ...
    def verify(self, block: Block, extension: bytes) -> bool: ...
    def finalise(self, block: Block) -> bytes:
        """The application hash after the block."""

    def commit(self) -> int:
        """The height from which blocks are kept at least."""

    def restarted(self) -> Application:
        """As after a power cut: what was not written is forgotten."""

    def close(self) -> None: ...


def books_of(application: Application) -> dict[str, Any]:
    """Everything that the ledger says of itself, as a reader finds it."""
    with application.node.engine.lock:
        return said_by(application.node)


class _NoEngine(EngineRpc):
    """Nothing is asked of an engine here."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))

    def offer(self, item: bytes) -> tuple[int, str]:
        return 0, ""


class Decided(Protocol):
    """Where a ledger stands that goes on under consensus: a desk's, or another embedded one."""

    @property
    def node(self) -> LedgerNode: ...


def network_node(
    desk: Decided, store: RecordStore | None = None, log: MemoryLog | None = None, *, logged: bool = False
) -> LedgerNode:
    """A node under consensus that goes on where a desk's ledger stands (or where its own store does). logged: with the
    blocks before in its log, where they are read from."""

    def make(node: LedgerNode) -> CometBftEngine:
        snapshots = Snapshots(None, node.store, node.secrets.network, node.chain_id)
        return CometBftEngine(
            node.machine,
            genesis_digest(node.genesis_bytes),
            node.log,
            node.sealer,
            node.clock,
            node.signatures,
            snapshots,
            _NoEngine(),
            Path("/nowhere"),
            rate_per_second=RATE_PER_SECOND,
            scheduled=False,
        )

    begun = store is not None
    node = LedgerNode(
        desk.node.genesis_bytes,
        desk.node.secrets,
        store or MemoryStore(LAYOUTS),
        log or MemoryLog(),
        workers=0,
        consensus_from=desk.node.height + 1,
        make_engine=make,
    )
    if not begun:
        node.machine.open()
        for block in desk.node.blocks():
            node.replaying.replay(block)
            node.log.append(block.header.number + 1, encode(block) if logged else b"")
        node.state.flush()
        node.engine.recover()
    else:
        node.take_up()
    return node


class InProcess:
    """The ABCI application, called as the server calls it."""

    def __init__(self, desk: Decided, node: LedgerNode | None = None) -> None:
        self.desk = desk
        self.node = node or network_node(desk)
        assert isinstance(self.node.engine, CometBftEngine)
        self.application: LedgerApplication = self.node.engine.application

    def ask(self, kind: str, request: Any) -> Any:
        return getattr(self.application, kind)(request)

    def handshake(self) -> tuple[int, bytes]:
        found = self.ask("info", abci.RequestInfo())
        if found.last_block_height:
            return found.last_block_height, found.last_block_app_hash
        request = abci.RequestInitChain(**self.founding())
        return self.node.consensus_from - 1, self.ask("init_chain", request).app_hash

    def founding(self) -> dict[str, Any]:
        """What the engine's genesis says."""
        digest = genesis_digest(self.node.genesis_bytes).hex()
        return {
            "chain_id": self.node.chain_id,
            "initial_height": self.node.consensus_from,
            "app_state_bytes": b'{"genesis": "%s"}' % digest.encode(),
            "validators": [
                abci.ValidatorUpdate(pub_key=PublicKey(ed25519=entry.key[1:]), power=entry.power)
                for entry in self.node.machine.validators(self.node.consensus_from + 1)
            ],
        }

    def check(self, item: bytes) -> bool:
        return self.ask("check_tx", abci.RequestCheckTx(tx=item)).code == 0

    def propose(self, height: int, time_ms: int, items: Sequence[bytes], bytes_max: int = BYTES_MAX) -> Block:
        request = abci.RequestPrepareProposal(
            height=height, txs=items, max_tx_bytes=bytes_max, proposer_address=PROPOSER
        )
        request.time.FromMilliseconds(time_ms)
        return Block(height, time_ms, tuple(self.ask("prepare_proposal", request).txs))

    def judge(self, block: Block) -> bool:
        request = abci.RequestProcessProposal(
            height=block.height, txs=block.items, hash=block.hash, proposer_address=PROPOSER
        )
        request.time.FromMilliseconds(block.time_ms)
        status = self.ask("process_proposal", request).status
        return bool(status == abci.ResponseProcessProposal.ProposalStatus.ACCEPT)

    def extend(self, block: Block) -> bytes:
        request = abci.RequestExtendVote(height=block.height, txs=block.items, hash=block.hash)
        return bytes(self.ask("extend_vote", request).vote_extension)

    def verify(self, block: Block, extension: bytes) -> bool:
        request = abci.RequestVerifyVoteExtension(
            height=block.height, hash=block.hash, vote_extension=extension, validator_address=PROPOSER
        )
        status = self.ask("verify_vote_extension", request).status
        return bool(status == abci.ResponseVerifyVoteExtension.VerifyStatus.ACCEPT)

    def finalise(self, block: Block) -> bytes:
        request = abci.RequestFinalizeBlock(
            height=block.height, txs=block.items, hash=block.hash, proposer_address=PROPOSER
        )
        request.time.FromMilliseconds(block.time_ms)
        response = self.ask("finalize_block", request)
        assert len(response.tx_results) == len(block.items)
        return bytes(response.app_hash)

    def commit(self) -> int:
        return int(self.ask("commit", abci.RequestCommit()).retain_height)

    def restarted(self) -> InProcess:
        assert isinstance(self.node.store, MemoryStore)
        assert isinstance(self.node.log, MemoryLog)
        self.node.signatures.close()
        return type(self)(self.desk, network_node(self.desk, self.node.store, self.node.log))

    def close(self) -> None:
        self.node.signatures.close()


class OverSocket(InProcess):
    """The same through the server, on a connection such as the engine makes."""

    def __init__(self, desk: Decided, node: LedgerNode | None = None) -> None:
        super().__init__(desk, node)
        self.server = AbciServer(self.application, 0)
        self.server.start()
        assert isinstance(self.server.address, int)
        self.connection = socket.create_connection(("127.0.0.1", self.server.address))
        self.inbound = Inbound(self.connection)

    def ask(self, kind: str, request: Any) -> Any:
        requests = (abci.Request(**{kind: request}), abci.Request(flush=abci.RequestFlush()))
        self.connection.sendall(b"".join(framed(one.SerializeToString()) for one in requests))
        answers = []
        for _ in requests:
            data = self.inbound.next()
            assert data is not None
            answers.append(abci.Response.FromString(data))
        assert answers[1].WhichOneof("value") == "flush"
        assert answers[0].WhichOneof("value") == kind, answers[0]
        return getattr(answers[0], kind)

    def restarted(self) -> InProcess:
        self.connection.close()
        self.server.close()
        return super().restarted()

    def close(self) -> None:
        self.connection.close()
        self.server.close()
        super().close()


class Embedded:
    """The embedded engine, which proposes to itself: what it puts into a block, and how a decided one is applied."""

    def __init__(self, desk: Desk, node: LedgerNode | None = None) -> None:
        self.desk = desk
        if node is None:
            node = LedgerNode(
                desk.node.genesis_bytes,
                SECRETS,
                MemoryStore(LAYOUTS),
                MemoryLog(),
                workers=0,
                scheduled=False,
            )
            for block in desk.node.blocks():
                node.embedded.replay(block)
                node.log.append(block.block.height, b"")
            node.state.flush()
        self.node = node
        self.items: Items = node.embedded.items

    def handshake(self) -> tuple[int, bytes]:
        last = self.node.machine.last
        assert last is not None
        found = self.node.state.entry("meta", ENGINE_HEIGHT)
        return int.from_bytes(found, "big") if found else last.height, last.digest()

    def check(self, item: bytes) -> bool:
        try:
            self.items.open(item)
        except Rejected:
            return False
        return True

    def propose(self, height: int, time_ms: int, items: Sequence[bytes], bytes_max: int = BYTES_MAX) -> Block:
        chosen: list[bytes] = []
        room = bytes_max
        for item in items:
            if self.check(item) and len(item) + 6 <= room:
                chosen.append(item)
                room -= len(item) + 6
        while True:
            try:
                self._execute(Block(height, time_ms, tuple(chosen)))
            except RulesFailed as failed:
                bad = failed.prepared.raw
                held = [[one.raw for one in self.items.open(item).prepared] for item in chosen]
                assert any(bad in raws for raws in held)
                chosen = [item for item, raws in zip(chosen, held, strict=True) if bad not in raws]
                continue
            finally:
                self.node.machine.discard()
            return Block(height, time_ms, tuple(chosen))

    def _execute(self, block: Block) -> int:
        opened = [self.items.open(item) for item in block.items]
        time_ms, _ = self.items.block_time_ms(block.time_ms, opened)
        bundles = [self.items.in_force(item, time_ms) for item in opened]
        flat = [prepared for bundle in bundles for prepared in bundle]
        fill_in(flat, check(self.node.signatures, flat).result())
        self.node.machine.execute(block.height, time_ms, bundles, items_digest(block.items))
        return time_ms

    def judge(self, block: Block) -> bool:
        try:
            self._execute(block)
        except Exception:
            return False
        finally:
            self.node.machine.discard()
        return True

    def extend(self, block: Block) -> bytes:
        return b""

    def verify(self, block: Block, extension: bytes) -> bool:
        return len(extension) <= EXTENSION_BYTES_MAX

    def finalise(self, block: Block) -> bytes:
        machine = self.node.machine
        time_ms = self._execute(block)
        if machine.has_effect or self.items.block_time_ms(0, map(self.items.open, block.items))[1]:
            header = machine.commit()
            self.node.embedded.make_durable(
                DecidedBlock(block.height, time_ms, PROPOSER, (), b"", block.items), header
            )
        else:
            machine.discard()
        self._height = block.height
        assert machine.last is not None
        return machine.last.digest()

    def commit(self) -> int:
        self.node.state.keep_entry("meta", ENGINE_HEIGHT, self._height.to_bytes(8, "big"))
        self.node.state.flush()
        return 0

    def restarted(self) -> Embedded:
        self.node.signatures.close()
        node = LedgerNode(
            self.desk.node.genesis_bytes, SECRETS, self.node.store, self.node.log, workers=0, scheduled=False
        )
        node.machine.open()
        return Embedded(self.desk, node)

    def close(self) -> None:
        self.node.signatures.close()


KINDS: dict[str, Any] = {"in process": InProcess, "over a socket": OverSocket, "embedded": Embedded}
