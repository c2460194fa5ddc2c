"""The ledger as an ABCI 2.0 application: what each call of the engine means to it.

The engine's block store is the log. The record store is written lazily, many blocks at once; `Info` names the last
height that is written, from which the engine then replays, and nothing newer is ever released for pruning.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from counterfoil.engine.cometbft.books_lock import BooksLock
from counterfoil.engine.cometbft.execution import Decided, Execution, Reported
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.proto.tendermint.crypto.keys_pb2 import PublicKey
from counterfoil.engine.cometbft.seen import SeenItems
from counterfoil.engine.cometbft.snapshots import Snapshots
from counterfoil.engine.decided import LOGGED_BLOCK, DecidedBlock, LoggedBlock, items_digest
from counterfoil.engine.items import Items
from counterfoil.engine.port import ENGINE_HEIGHT, Log
from counterfoil.engine.rates import Rates, units
from counterfoil.machine.feed_items import (
    EXTENSION_BYTES_MAX,
    BlockIdFlag,
    ExtendedCommit,
    ExtendedVote,
    commit_bytes,
    encode_extension,
)
from counterfoil.machine.founding import require_validators
from counterfoil.machine.genesis import GENESIS_HEIGHT
from counterfoil.machine.machine import Machine
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import BUNDLE_BYTES_MAX, BundleContent, read_bundle
from counterfoil.modules.feeds.interface import Seen
from counterfoil.modules.validators.interface import Misbehaviour, MisbehaviourKind
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.primitives.signatures import ED25519
from counterfoil.state.headers import Header

log = logging.getLogger(__name__)

FLUSH_BLOCKS = 10
FLUSH_CHANGES = 200_000
"""The record store is written after so many blocks or so many superseded versions, whichever comes first."""
IDLE_SECONDS = 5.0
"""A network that made no block for so long gives its next block an old time: it is left empty, so that the one after,
with the time of now, takes what waits."""
BUNDLE_UNITS = 250
"""What a bundle costs its gatherer at least, whatever is inside: to be gossiped, opened and kept takes that much."""
VERSION = "counterfoil"
UNKNOWN_PATH = 1


class LedgerApplication:
    """One ledger's application. The engine asks over four connections; what touches the books takes turns."""

    def __init__(
        self,
        machine: Machine,
        genesis_digest: bytes,
        block_log: Log,
        seen: SeenItems,
        items: Items,
        snapshots: Snapshots,
        *,
        retain_blocks: int = 0,
        rates: Rates,
        clock: Callable[[], int],
    ) -> None:
        """retain_blocks: how many blocks the engine keeps at least, 0 for all. rates: of those who gather bundles.
        clock: of the node, which says how far a bundle's expiry may be."""
        self.machine = machine
        self.lock = BooksLock()
        self.execution = Execution(machine, items, seen)
        self.lock.clear = self.execution.clear_books
        self.snapshots = snapshots
        self.observed: Callable[[], Sequence[Seen]] = tuple
        self.on_decided: Callable[[Decided], None] = lambda decided: None
        self.height = 0
        self._genesis_digest = genesis_digest
        self._log = block_log
        self._seen = seen
        self._items = items
        self._rates = rates
        self._retain_blocks = retain_blocks
        self._clock = clock
        self._written_height = self._durable_height = 0
        self._blocks_unwritten = 0
        self._finalised: tuple[bytes, abci.ResponseFinalizeBlock, Decided] | None = None
        self._last_block_at = -IDLE_SECONDS
        self._cpu_seconds = 0.0

    @property
    def next_height(self) -> int:
        """Of the block that is being decided."""
        last = self.machine.last
        return max(self.height, last.height if last is not None else GENESIS_HEIGHT) + 1

    @property
    def idle_seconds(self) -> float:
        """Since the last block."""
        return time.monotonic() - self._last_block_at

    def cpu_seconds(self) -> float:
        """Processor time of the thread that decides, as of its last block."""
        return self._cpu_seconds

    def take_up(self) -> None:
        """Begin where the record store ends."""
        found = self.machine.state.entry("meta", ENGINE_HEIGHT)
        self.height = int.from_bytes(found, "big") if found is not None else 0
        self._written_height = self._durable_height = self.height
        last = self.machine.last
        if last is not None and self._log.last_height() and self._log.last_height() < last.number + 1:
            raise InvariantViolation(
                f"the block log ends with block number {self._log.last_height()}, before the record store's "
                f"{last.number + 1}: blocks are missing; restore the folder from a copy"
            )

    # The first connection: who is it

    def info(self, ask: abci.RequestInfo) -> abci.ResponseInfo:
        with self.lock.inside():
            last = self._last_committed()
            return abci.ResponseInfo(
                data=self.machine.chain_id,
                version=VERSION,
                app_version=self.machine.genesis.rule_version,
                last_block_height=self.height,
                last_block_app_hash=last.digest() if last is not None and self.height else b"",
            )

    def query(self, ask: abci.RequestQuery) -> abci.ResponseQuery:
        """`header`: the last header, or that of a number (8 bytes); headers are public. `block`: the block of that
        number as it is on record, where a sealer decided it before the engine's first, which gives its own to the same
        askers. Reads have their own door, which knows who asks."""
        with self.lock:
            last = self.machine.last
            number = int.from_bytes(ask.data, "big") if ask.data else last.number if last is not None else -1
            if last is None or len(ask.data) > 8 or not 0 <= number <= last.number:
                return _not_there()
            header = self.machine.header(number).header
            if ask.path == "header":
                return abci.ResponseQuery(value=encode(header), height=header.height)
            _, payload = next(self._log.read_from(number + 1), (0, b"")) if ask.path == "block" else (0, b"")
            if payload and LOGGED_BLOCK.trusted(payload).seal:
                return abci.ResponseQuery(value=payload, height=header.height)
            return _not_there()

    # The pool

    def check_tx(self, ask: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        """Form, expiry, the gatherer's membership, rate and signature; never the rules inside.

        What passes is handed to the workers, so that its signatures are checked when it is proposed.
        """
        try:
            self._admit(ask.tx, again=ask.type == abci.CheckTxType.RECHECK)
        except Rejected as rejected:
            return abci.ResponseCheckTx(code=rejected.number, log=str(rejected), codespace=VERSION)
        return abci.ResponseCheckTx()

    def _admit(self, item: bytes, *, again: bool) -> None:
        if len(item) > BUNDLE_BYTES_MAX:
            raise Rejected(MachineReject.BUNDLE_IS_MALFORMED, detail="it is too large")
        bundle, content = read_bundle(item)
        machine = self.machine
        last = machine.last
        now_ms = last.time_ms if last is not None else 0
        if content.expiry_ms <= now_ms:
            raise Rejected(MachineReject.BUNDLE_HAS_EXPIRED, block_time_ms=now_ms)
        window_ms = machine.parameters.id_window_ms
        if not machine.genesis.sandbox and content.expiry_ms > max(now_ms, self._clock()) + 2 * window_ms:
            raise Rejected(MachineReject.EXPIRY_IS_TOO_FAR, window_ms=window_ms)
        if not machine.may_gather(content.gatherer, bundle.key):
            raise Rejected(MachineReject.GATHERER_IS_NO_MEMBER, gatherer=content.gatherer)
        # before anything costs more than reading it
        if not again and not self._rates.would_take(content.gatherer, BUNDLE_UNITS):
            raise self._rates.too_fast(content.gatherer, BUNDLE_UNITS)

        def admit(content: BundleContent) -> None:
            """Charged to whoever signed it, not to whom a forgery names, and before anything is opened."""
            self._take_rate(content.gatherer, BUNDLE_UNITS, again=again)

        opened = self._seen.note(item, admit=admit)  # how many there are inside is known only now
        inside = sum(map(units, opened.prepared))
        self._take_rate(content.gatherer, inside - BUNDLE_UNITS, again=again)

    def _take_rate(self, gatherer: bytes, count: int, *, again: bool) -> None:
        if count > 0 and not again and not self._rates.take(gatherer, count):
            raise self._rates.too_fast(gatherer, count)

    # Consensus

    def init_chain(self, ask: abci.RequestInitChain) -> abci.ResponseInitChain:
        """Found the ledger, or find it as it was brought along: its last header is what the first block refers to."""
        with self.lock.inside():
            machine = self.machine
            if ask.chain_id != machine.chain_id:
                raise InvariantViolation(
                    f"the engine is of {ask.chain_id!r}, the ledger is {machine.chain_id!r}"
                )
            try:
                told = json.loads(ask.app_state_bytes or b"{}").get("genesis", "")
            except (ValueError, AttributeError):
                told = ""
            if told != self._genesis_digest.hex():
                raise InvariantViolation("the engine's genesis does not name the genesis file of this ledger")
            if machine.last is None:
                for height in range(GENESIS_HEIGHT, machine.founding_height + 1):
                    header = machine.found(height)
                    machine.keep(header, b"")
                    self._keep_on_record(DecidedBlock(height, header.time_ms, b"", (), b"", ()))
                    self._log.sync()
                    machine.state.flush(levels=height == machine.founding_height)
            last = self._last_committed()
            if last is None or last.height + 1 != ask.initial_height:
                raise InvariantViolation(
                    f"the engine begins with height {ask.initial_height}, the ledger ends with "
                    f"{last.height if last is not None else 0}"
                )
            named = {ED25519 + one.pub_key.ed25519: one.power for one in ask.validators}
            try:
                require_validators(machine.wired.validators, ask.initial_height, named)
            except Rejected as rejected:
                raise InvariantViolation(str(rejected)) from None
            return abci.ResponseInitChain(app_hash=last.digest())

    def _last_committed(self) -> Header | None:
        """The last header but for that of a block which the engine has not committed yet."""
        last = self.machine.last
        if last is None or self._finalised is None or self._finalised[2].header is None:
            return last
        return self.machine.header(last.number - 1).header

    def prepare_proposal(self, ask: abci.RequestPrepareProposal) -> abci.ResponsePrepareProposal:
        with self.lock.inside():
            if self._was_idle():
                return abci.ResponsePrepareProposal()
            commit = _extended_commit(ask.local_last_commit)
            chosen = self.execution.propose(
                ask.height,
                _time_ms(ask.time),
                ask.txs,
                ask.max_tx_bytes,
                Reported(_misbehaviour(ask.misbehavior), commit_bytes(commit)),
                commit,
            )
            return abci.ResponsePrepareProposal(txs=chosen)

    def _was_idle(self) -> bool:
        """Whether the block's time is of long ago. Once only: the next block comes at once."""
        return self.idle_seconds > IDLE_SECONDS and not self.machine.genesis.sandbox

    def process_proposal(self, ask: abci.RequestProcessProposal) -> abci.ResponseProcessProposal:
        """Accepted where the machine would execute it without a fault of ours; every vote rests on that."""
        with self.lock.inside():
            why = self.execution.judge(
                ask.height, _time_ms(ask.time), ask.txs, _reported(ask.misbehavior, ask.proposed_last_commit)
            )
            if why:
                log.error(
                    "the proposed block %d of %s is refused: %s", ask.height, ask.proposer_address.hex(), why
                )
            verdicts = abci.ResponseProcessProposal.ProposalStatus
            return abci.ResponseProcessProposal(status=verdicts.REJECT if why else verdicts.ACCEPT)

    def extend_vote(self, ask: abci.RequestExtendVote) -> abci.ResponseExtendVote:
        """What this node's owner observed; nothing where that cannot be read, since a vote waits for no price."""
        try:
            return abci.ResponseExtendVote(vote_extension=encode_extension(self.observed()))
        except (OSError, ValueError) as error:
            log.error("what was observed is left out of the vote on block %d: %s", ask.height, error)
            return abci.ResponseExtendVote()

    def verify_vote_extension(self, ask: abci.RequestVerifyVoteExtension) -> abci.ResponseVerifyVoteExtension:
        """Its size alone: what it says is judged where it is used."""
        verdicts = abci.ResponseVerifyVoteExtension.VerifyStatus
        fits = len(ask.vote_extension) <= EXTENSION_BYTES_MAX
        return abci.ResponseVerifyVoteExtension(status=verdicts.ACCEPT if fits else verdicts.REJECT)

    def finalize_block(self, ask: abci.RequestFinalizeBlock) -> abci.ResponseFinalizeBlock:
        """The application hash is the last header's digest, whether or not this block made one."""
        with self.lock.inside():
            key = sha256(ask.hash + ask.height.to_bytes(8, "big") + items_digest(ask.txs)).digest()
            if self._finalised is not None:  # asked again by an engine that was restarted before the commit
                if self._finalised[0] != key:
                    raise InvariantViolation(f"two blocks were decided at height {self._finalised[2].height}")
                return self._finalised[1]
            decided = self.execution.finalise(
                ask.height,
                _time_ms(ask.time),
                ask.txs,
                _reported(ask.misbehavior, ask.decided_last_commit),
            )
            if decided.header is not None:
                self._keep_on_record(_decided_block(ask, decided.time_ms))
            last = self.machine.last
            if last is None:
                raise InvariantViolation("a block was decided before the ledger was founded")
            response = abci.ResponseFinalizeBlock(
                tx_results=[abci.ExecTxResult() for _ in ask.txs],
                app_hash=last.digest(),
                validator_updates=[
                    abci.ValidatorUpdate(pub_key=PublicKey(ed25519=key[1:]), power=power)
                    for key, power in self.machine.validator_updates(ask.height)
                ],
            )
            self._finalised = (key, response, decided)
            return response

    def commit(self, ask: abci.RequestCommit) -> abci.ResponseCommit:
        with self.lock.inside():
            if self._finalised is None:
                raise InvariantViolation("nothing was decided that could be committed")
            decided, self._finalised = self._finalised[2], None
            self.height = decided.height
            self._last_block_at = time.monotonic()
            self._write_now_and_then()
            if decided.header is not None and self.snapshots.is_wanted(decided.header.height):
                self.write()
                self.snapshots.take(self.machine)
            retain = self._retain_height()
        self._rates.charge_useless(zip(decided.gatherers, decided.outcomes, strict=True))
        self._cpu_seconds = time.thread_time()
        self.on_decided(decided)
        return abci.ResponseCommit(retain_height=retain)

    def _retain_height(self) -> int:
        """The first height that the engine need not keep; 0 where it keeps everything.

        Evidence may be about older blocks: their headers, commits and validators stay in the engine as long as
        validators answer for them (its PruneBlocks and PruneStates see to that), only what is in the blocks goes.
        """
        if not self._retain_blocks:
            return 0
        return max(0, min(self.height - self._retain_blocks, self._durable_height))

    def _keep_on_record(self, block: DecidedBlock) -> None:
        """Beside the engine's own store, in the form that every engine's blocks have. It is synced before the record
        store is written; a block that is replayed to us must lead where it led before."""
        header = self.machine.last
        if header is None:
            raise InvariantViolation("a block on record has a header")
        number = header.number + 1
        if number <= self._log.last_height():
            before = next(iter(self._log.read_from(number)), None)
            if before is not None and LOGGED_BLOCK.trusted(before[1]).header != header:
                raise InvariantViolation(
                    f"block {header.height} leads to another header than before: the data or the rules differ"
                )
            return
        self._log.append(number, encode(LoggedBlock(block, header, b"")))

    def _write_now_and_then(self) -> None:
        self._blocks_unwritten += 1
        if self._blocks_unwritten >= FLUSH_BLOCKS or self.machine.state.unwritten_changes > FLUSH_CHANGES:
            self.write()

    def write(self, *, levels: bool = False) -> None:
        """Write the record store, as of the last committed block. What was written before is durable then."""
        if self._finalised is not None or not self.height:
            return
        self._log.sync()
        state = self.machine.state
        state.keep_entry("meta", ENGINE_HEIGHT, self.height.to_bytes(8, "big"))
        state.flush(levels=levels)
        self._durable_height, self._written_height = self._written_height, self.height
        self._blocks_unwritten = 0

    # Snapshots

    def list_snapshots(self, ask: abci.RequestListSnapshots) -> abci.ResponseListSnapshots:
        return abci.ResponseListSnapshots(
            snapshots=[
                abci.Snapshot(
                    height=one.height,
                    format=one.format,
                    chunks=one.chunks,
                    hash=one.hash,
                    metadata=one.metadata,
                )
                for one in self.snapshots.complete()
            ]
        )

    def load_snapshot_chunk(self, ask: abci.RequestLoadSnapshotChunk) -> abci.ResponseLoadSnapshotChunk:
        return abci.ResponseLoadSnapshotChunk(chunk=self.snapshots.chunk(ask.height, ask.format, ask.chunk))

    def offer_snapshot(self, ask: abci.RequestOfferSnapshot) -> abci.ResponseOfferSnapshot:
        offered: Any = ask.snapshot
        results = abci.ResponseOfferSnapshot.Result
        with self.lock.inside():
            if self.machine.last is not None:  # an engine that is told ABORT would wait for ever
                raise InvariantViolation(
                    "a snapshot was restored here, and the node ended before its engine had noted it: begin again"
                    " with an empty folder"
                )
            if not self.snapshots.is_known_format(offered.format):
                return abci.ResponseOfferSnapshot(result=results.REJECT_FORMAT)
            fits = self.snapshots.begin(
                offered.height, offered.chunks, offered.hash, offered.metadata, ask.app_hash
            )
            return abci.ResponseOfferSnapshot(result=results.ACCEPT if fits else results.REJECT)

    def apply_snapshot_chunk(self, ask: abci.RequestApplySnapshotChunk) -> abci.ResponseApplySnapshotChunk:
        results = abci.ResponseApplySnapshotChunk.Result
        with self.lock.inside():
            if not self.snapshots.accept(ask.index, ask.chunk):
                return abci.ResponseApplySnapshotChunk(
                    result=results.RETRY, refetch_chunks=[ask.index], reject_senders=[ask.sender]
                )
            if self.snapshots.is_complete:
                if not self.snapshots.restore(self.machine):
                    return abci.ResponseApplySnapshotChunk(result=results.REJECT_SNAPSHOT)
                self.take_up()
            return abci.ResponseApplySnapshotChunk(result=results.ACCEPT)


def _not_there() -> abci.ResponseQuery:
    return abci.ResponseQuery(code=UNKNOWN_PATH, log="there is a header of each number, and no more")


def _time_ms(time_stamp: Any) -> int:
    """Milliseconds since 1970 UTC, rounded down."""
    return int(time_stamp.seconds) * 1_000 + int(time_stamp.nanos) // 1_000_000


def _reported(found: Iterable[Any], last_commit: Any) -> Reported:
    return Reported(_misbehaviour(found), last_commit.SerializeToString(deterministic=True))


def _misbehaviour(found: Iterable[Any]) -> tuple[Misbehaviour, ...]:
    """What the engine has proven of validators, as the ledger has it."""
    return tuple(
        Misbehaviour(
            MisbehaviourKind(one.type),
            one.validator.address,
            one.height,
            _time_ms(one.time),
            one.total_voting_power,
        )
        for one in found
    )


def _extended_commit(told: Any) -> ExtendedCommit:
    votes = (
        ExtendedVote(
            vote.validator.address,
            vote.validator.power,
            BlockIdFlag(vote.block_id_flag),
            vote.vote_extension,
            vote.extension_signature,
        )
        for vote in told.votes
    )
    return ExtendedCommit(told.round, tuple(votes))


def _decided_block(ask: abci.RequestFinalizeBlock, time_ms: int) -> DecidedBlock:
    """The decided block in the form of every engine."""
    return DecidedBlock(
        ask.height,
        time_ms,
        ask.proposer_address,
        _misbehaviour(ask.misbehavior),
        ask.decided_last_commit.SerializeToString(deterministic=True),
        tuple(ask.txs),
    )
