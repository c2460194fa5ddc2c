"""Applying decided blocks: deadlines, what the engine reports, transactions, retries, invariants, one commitment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from counterfoil.machine.bundles import BundleReader
from counterfoil.machine.executed import Executed, SetAside
from counterfoil.machine.failures import ProgramIsOutdated, RulesFailed
from counterfoil.machine.feed_items import (
    ExtendedCommit,
    make_feed_item,
    read_feed_item,
    without_forged,
)
from counterfoil.machine.founding import founding_nodes, steps
from counterfoil.machine.genesis import GENESIS_HEIGHT, RULE_VERSION, Genesis
from counterfoil.machine.ordering import chosen, in_order
from counterfoil.machine.receipts import BlockReceipts, ReceiptBook, finished
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.sealed_ledger import SealedLedger
from counterfoil.machine.transactions import Body, Mode, Prepared, Reader
from counterfoil.machine.wiring import MESSAGES, Wired, wire
from counterfoil.modules.feeds.interface import Observed
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.validators.interface import Misbehaviour, SetEntry, ValidatorUpdate
from counterfoil.modules.viewkeys.records import KEY_EPOCHS
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import Decoder, encode
from counterfoil.primitives.digests import OBJECT, keyed
from counterfoil.primitives.outcome import InvariantViolation, Rejected, ensure
from counterfoil.primitives.signatures import met
from counterfoil.sealing.epochs import FIRST_EPOCH, Epoch
from counterfoil.sealing.ring import KeyRing
from counterfoil.state.headers import CHUNK, CHUNK_LEAVES, CHUNK_ROOT, Header, HeaderHistory, StoredHeader
from counterfoil.state.port import StoreFailed
from counterfoil.state.receipts import BlockResults, MessageResult, SealedReceipts, TransactionResult
from counterfoil.state.state import State
from counterfoil.state.tree import list_root
from counterfoil.state.window import Window

_NOT_EXECUTED = MessageResult(MachineReject.MESSAGE_WAS_NOT_EXECUTED.number)
_BARE_ADDRESSES_MAX = 200_000
_BLOCK_RESULTS_KEPT = 16
"""Blocks whose results stay taken apart, so that many repeated transactions cost one reading."""


class Outcome(NamedTuple):
    """What became of one transaction: its result, and the rejects with their facts for the asker's eyes.

    authorised: every named signer's threshold was met, so that the id is used up and the result is kept for ever.
    """

    result: TransactionResult
    rejects: tuple[Rejected, ...]
    authorised: bool = False


RULE_VERSIONS = (RULE_VERSION,)
"""The rule versions that this program knows."""
STORED_HEADER = Decoder(StoredHeader)
BLOCK_RESULTS = Decoder(BlockResults)


class Machine:
    """One ledger's rules over its state. Blocks are executed, then committed or discarded.

    secret: the network's (32 bytes). ring: the node's roots, on a ledger that is sealed.
    """

    def __init__(
        self, state: State, genesis: Genesis, chain_id: str, secret: bytes, ring: KeyRing | None
    ) -> None:
        self.state = state
        self.genesis = genesis
        self.chain_id = chain_id
        self.parameters = genesis.parameters
        self.rule_versions: tuple[int, ...] = RULE_VERSIONS
        self.window = Window()
        self.history = HeaderHistory(
            lambda chunk: self.state.require_entry("meta", CHUNK_LEAVES + chunk.to_bytes(8, "big"))
        )
        self.last: Header | None = None
        self.reader = Reader(chain_id, MESSAGES)
        self.wired: Wired = wire(state, self.reader.proposal, self.reader.motion)
        ensure((ring is not None) == genesis.sealed, "a ledger has roots if and only if it is sealed")
        self.sealed = (
            SealedLedger(ring, self.wired.viewkeys, chain_id, self.parameters.id_window_ms)
            if ring is not None
            else None
        )
        self.bundles = BundleReader(chain_id, self.reader, self.sealed)
        first = ring.require(FIRST_EPOCH) if ring is not None else None
        self._founding = steps(self.wired, state, genesis, first)
        self._founding_nodes = frozenset(
            address_of(key) for key in (*founding_nodes(genesis), *map(bytes.fromhex, genesis.sealers))
        )
        self._secret = secret
        self._rules = self.wired.rules
        self._policy = self.wired.parties.policy
        self._block_results: dict[int, BlockResults] = {}
        self._bare_addresses: dict[bytes, bytes] = {}
        self._executed: Executed | None = None

    # Founding and opening

    @property
    def founding_height(self) -> int:
        """The height of the last founding block: 1, unless the genesis file brings a large register."""
        return GENESIS_HEIGHT - 1 + len(self._founding)

    def found(self, height: int) -> Header:
        """Make one founding block, from the genesis file's sections; the first is `GENESIS_HEIGHT`."""
        if self.genesis.rule_version not in self.rule_versions:
            raise ProgramIsOutdated(self.genesis.rule_version, height, self.rule_versions)
        if height == GENESIS_HEIGHT:
            self.state.found()
        block = self._block_context(
            height, self.genesis.time_ms + height - GENESIS_HEIGHT, self.genesis.rule_version
        )
        self._founding[height - GENESIS_HEIGHT](ActionContext(block, height.to_bytes(32, "big"), 0, ()))
        self.state.books.accept()
        book = ReceiptBook(height)
        epoch = self.sealed.epoch if self.sealed is not None else None
        self._executed = Executed(block, sha256(b"").digest(), book, [], [], epoch)
        self._check_invariants()
        return self.commit()

    def open(self) -> None:
        """Take up the ledger as the store holds it. InvariantViolation where its tree is not the last header's.

        `ProgramIsOutdated` where its last block was made under rules that this program does not know.
        """
        self.state.open()
        last = self.state.last_blob("header")
        if last is None:
            return
        newest = self.header(last).header
        if newest.rule_version not in self.rule_versions:
            raise ProgramIsOutdated(newest.rule_version, newest.height, self.rule_versions)
        number = last + 1
        chunks = [
            self.state.require_entry("meta", CHUNK_ROOT + index.to_bytes(8, "big"))
            for index in range(number // CHUNK)
        ]
        tail = [self.header(earlier).header for earlier in range(number - number % CHUNK, number)]
        self.history.resume(chunks, [header.digest() for header in tail])
        self.last = newest
        if self.sealed is not None:
            self.sealed.take_up_roots()
        if self.state.root() != self.last.state_root:
            raise InvariantViolation(
                f"the record store's tree does not lead to the root of block {self.last.height}: make the store again "
                "from the block log"
            )
        for earlier in range(number - 1, -1, -1):
            stored = self.header(earlier)
            if stored.header.time_ms + self.window_span_ms < self.last.time_ms:
                break
            self.window.restore(stored.window, self.last.time_ms)

    @property
    def window_span_ms(self) -> int:
        """Nothing that a block used up is remembered for longer than this."""
        return max(self.parameters.id_window_ms, self.parameters.reference_window_ms) + 120_000

    def header(self, number: int) -> StoredHeader:
        data = self.state.blob("header", number)
        if data is None:
            raise InvariantViolation(f"header {number} is missing from the store")
        stored: StoredHeader = STORED_HEADER.trusted(data)
        return stored

    # Blocks

    def execute(
        self,
        height: int,
        time_ms: int,
        bundles: Sequence[Sequence[Prepared]],
        items_digest: bytes,
        misbehaviour: Sequence[Misbehaviour] = (),
        feed_item: bytes = b"",
        last_commit: bytes = b"",
    ) -> list[Outcome]:
        """Apply one block's transactions, without committing. Outcomes stand in the order of `bundles`, flattened.

        Every `Prepared` must have its signatures checked. misbehaviour, last_commit: as the engine reports them with
        the block, the latter as CometBFT's CommitInfo (encoded). feed_item: the block's first item where it is one,
        else b"". Raises `FeedItemIsInvalid`, `RulesFailed`, `ProgramIsOutdated`, `InvariantViolation` or `StoreFailed`.
        """
        last = self.last
        ensure(
            last is not None and height > last.height and time_ms > last.time_ms, "height and time only rise"
        )
        ensure(self._executed is None, "the block before is neither committed nor discarded")
        block = self._block_context(height, time_ms, self._rules_at(height))
        observed = self._observed(height, feed_item, last_commit) if feed_item else ()
        book = ReceiptBook(height)
        epoch = self.sealed.epoch if self.sealed is not None else None
        self.window.forget(time_ms)
        results: list[TransactionResult] = []
        expiries: list[int] = []
        self._executed = Executed(block, items_digest, book, results, expiries, epoch)
        position = self._run_block_rules(
            self.wired.deadlines, block, book, b"deadline", 0, self.parameters.deadline_actions_max
        )
        if misbehaviour or observed:
            position = self._take_in(misbehaviour, observed, block, book, position)
        flat = [prepared for bundle in bundles for prepared in bundle]
        outcomes: list[Outcome | None] = [None] * len(flat)
        for index in in_order(flat, self.wired.urgent):
            prepared = flat[index]
            try:
                outcome = self._execute(prepared, block, book, position)
            except StoreFailed:
                self.discard()
                raise
            except Exception as error:
                self.discard()
                raise RulesFailed(prepared, error) from error
            outcomes[index] = outcome
            if outcome.authorised and prepared.body is not None:
                results.append(outcome.result)
                expiries.append(prepared.body.expiry_ms)
            position += 1
        self._run_block_rules(
            self.wired.retries, block, book, b"retry", position, self.parameters.retry_actions_max
        )
        self._check_invariants()
        return [outcome for outcome in outcomes if outcome is not None]

    def chosen(
        self, bundles: Sequence[Sequence[Prepared]], sizes: Sequence[int], bytes_max: int
    ) -> list[int]:
        """The places of the bundles that a block of `bytes_max` bytes takes, in its order: for whoever proposes one."""
        return chosen(bundles, sizes, bytes_max, self.wired.urgent)

    def feed_item(self, height: int, commit: ExtendedCommit) -> bytes:
        """What the proposer of the block at a height puts first into it, of the extended commit of the block before;
        b"" where there is nothing to tell, or what can be used is of too little power."""
        validators = self.wired.validators.at(height - 1)
        return make_feed_item(without_forged(commit, self.chain_id, height, validators))

    def validators(self, height: int) -> tuple[SetEntry, ...]:
        """The validators of the block at a height, past or coming, by what is decided so far."""
        return self.wired.validators.at(height)

    def consensus_key_from(self, key: bytes) -> int | None:
        """The first height at which a validator's tagged key is in force; None where it was never put on record."""
        return self.wired.validators.key_from(key)

    def validator_updates(self, height: int) -> tuple[ValidatorUpdate, ...]:
        """What the block at a height, executed or committed, changed of the validators: what its engine is told."""
        return self.wired.validators.updates(height)

    def may_gather(self, gatherer: bytes, key: bytes) -> bool:
        """Whether a node with this key may bring bundles: a founding node, or one that holds the roots, in its own name
        (the key's address), or a node that an active party has made one of its users, in the party's name."""
        address = self._bare_address(key)
        if gatherer == address:
            return address in self._founding_nodes or self.wired.viewkeys.holder(address) is not None
        parties = self.wired.parties
        return parties.is_active(gatherer) and parties.speaks_for(gatherer, address)

    @property
    def has_effect(self) -> bool:
        """Whether the executed block changed anything at all; one that did not makes no header."""
        return bool(
            self.window.block_size or any(shelf.touched for shelf in self.state.books.shelves.values())
        )

    def commit(self) -> Header:
        """Commit the executed block and return its header; `keep` stores it with the engine's seal."""
        if self._executed is None:
            raise InvariantViolation("no block was executed")
        block, items_digest, book, results, expiries, epoch = self._executed
        salts = epoch.salts if epoch is not None else self._secret
        receipts = self._receipts(book, block.height, epoch, salts)
        begins_epoch = bool(self.state.books.shelves[KEY_EPOCHS.number].touched)
        commitment = self.state.commit(block.height, salts)
        window_digest, window_packed = self.window.commit()
        header = Header(
            height=block.height,
            number=self.history.size,
            time_ms=block.time_ms,
            rule_version=block.rule_version,
            state_root=commitment.state_root,
            slot_count=commitment.slot_count,
            free_head=commitment.free_head,
            changes_root=commitment.changes_root,
            change_count=commitment.change_count,
            receipts_root=list_root(b"".join(receipts.leaves)),
            receipt_count=len(receipts.leaves),
            history_root=self.history.root(),
            window_digest=window_digest,
            items_digest=items_digest,
        )
        self.history.append(header.digest())
        if (finished := self.history.finished_chunk) is not None:
            for entry in finished.entries():
                self.state.keep_entry(*entry)
        self.last = header
        height8 = block.height.to_bytes(8, "big")
        keep_entry = self.state.keep_entry
        for place, (result, expiry) in enumerate(zip(results, expiries, strict=True)):
            keep_entry("result", expiry.to_bytes(8, "big") + result.id, height8 + place.to_bytes(4, "big"))
        self.state.keep_blob("receipts", block.height, encode(BlockResults(tuple(results), receipts.kept)))
        if self.sealed is not None:
            self.state.keep_blob(
                "sealed", block.height, encode(SealedReceipts(block.height, receipts.sealed))
            )
            if begins_epoch:
                self.sealed.take_up_roots()
        self._window_packed = window_packed
        self._executed = None
        return header

    def _receipts(self, book: ReceiptBook, height: int, epoch: Epoch | None, salts: bytes) -> BlockReceipts:
        salt_key = keyed(salts, b"receipt" + height.to_bytes(8, "big"), 32)
        if self.sealed is None or epoch is None:
            return finished(book, salt_key)
        return self.sealed.seal(book, epoch, height, salt_key, self.state.books.shelves)

    def keep(self, header: Header, seal: bytes) -> None:
        """Store a committed header with the engine's signature."""
        stored = StoredHeader(header, seal, self._window_packed)
        self.state.keep_blob("header", header.number, encode(stored))

    def discard(self) -> None:
        """Take back an executed block, without trace."""
        self.state.books.reject()
        self.window.reject()
        self.state.books.discard_block()
        self.window.discard_block()
        self._executed = None

    def set_aside(self) -> SetAside:
        """Take the executed block off the books, as `discard` does, so that they are those of the last commit again.

        `bring_back` makes it the executed block once more, without executing it, as long as no other was committed.
        """
        if self._executed is None:
            raise InvariantViolation("no block was executed")
        executed, self._executed = self._executed, None
        return SetAside(executed, self.state.books.set_aside(), self.window.set_aside())

    def bring_back(self, aside: SetAside) -> None:
        ensure(self._executed is None, "the block before is neither committed nor discarded")
        last = self.last
        ensure(last is not None and aside.executed.block.height > last.height, "another block was committed")
        self.state.books.bring_back(aside.changes)
        self.window.bring_back(aside.used, aside.executed.block.time_ms)
        self._executed = aside.executed

    def try_out(self, prepared: Prepared, time_ms: int) -> Outcome:
        """A dry run: what the transaction would do now, with its effects taken back."""
        ensure(self._executed is None, "a dry run happens between blocks")
        height = self.state.height + 1
        block = self._block_context(height, time_ms, self._rules_at(height))
        try:
            return self._execute(prepared, block, ReceiptBook(block.height), 0)
        finally:
            self.discard()

    def first_result(self, expiry_ms: int, transaction: bytes) -> tuple[int, TransactionResult] | None:
        """(height, result) of the first authorised execution of an id, however long ago."""
        found = self.state.entry("result", expiry_ms.to_bytes(8, "big") + transaction)
        if found is None:
            return None
        height, place = int.from_bytes(found[:8], "big"), int.from_bytes(found[8:], "big")
        return height, self.block_results(height).results[place]

    def block_results(self, height: int) -> BlockResults:
        results = self._block_results.get(height)
        if results is None:
            data = self.state.blob("receipts", height)
            if data is None:
                raise InvariantViolation(f"the receipts of block {height} are missing from the store")
            results = BLOCK_RESULTS.trusted(data)
            if len(self._block_results) == _BLOCK_RESULTS_KEPT:
                del self._block_results[next(iter(self._block_results))]
            self._block_results[height] = results
        return results

    def check_everything(self) -> None:
        """Every module's full check over the whole state; slow, for tests and on command."""
        for module, books in self.wired.modules:
            for check in module.full_checks:
                check(books)

    # One transaction

    def _execute(self, prepared: Prepared, block: BlockContext, book: ReceiptBook, position: int) -> Outcome:
        body = prepared.body
        try:
            if prepared.reject is not None or body is None:
                raise prepared.reject or Rejected(MachineReject.TRANSACTION_IS_MALFORMED)
            if body.expiry_ms <= block.time_ms:
                raise Rejected(MachineReject.TRANSACTION_HAS_EXPIRED, block_time_ms=block.time_ms)
            if body.expiry_ms > block.time_ms + self.parameters.id_window_ms:
                raise Rejected(MachineReject.EXPIRY_IS_TOO_FAR, window_ms=self.parameters.id_window_ms)
            self._authorise(prepared, body)
            if not self.window.use(prepared.id, body.expiry_ms):
                raise Rejected(MachineReject.TRANSACTION_IS_USED)
        except Rejected as rejected:
            return Outcome(TransactionResult(prepared.id, rejected.number, ()), (rejected,))
        self.window.accept()
        contexts: list[ActionContext] = []
        if body.mode is Mode.ALL_OR_NOTHING:
            results, rejects = self._run_together(prepared.id, body, block, contexts)
        else:
            results, rejects = self._run_each(prepared.id, body, block, contexts)
        number = next(
            (result.number for result in results if result.number != _NOT_EXECUTED.number and result.number),
            0,
        )
        book.add(prepared.id, position, contexts, results, body.signers)
        return Outcome(TransactionResult(prepared.id, number, results), rejects, authorised=True)

    def _authorise(self, prepared: Prepared, body: Body) -> None:
        """Every named signer's threshold is met under the keys in force."""
        good = prepared.good
        ensure(good is not None, "signatures are checked before a block is executed")
        signed: list[list[bytes]] = [[] for _ in body.signers]
        for item, fits in zip(prepared.signatures, good or (), strict=True):
            if not fits:
                raise Rejected(MachineReject.SIGNATURE_IS_WRONG, key=item.key)
            signed[item.signer].append(item.key)
        for address, keys in zip(body.signers, signed, strict=True):
            policy = self._policy(address)
            if policy is not None:
                if not met(policy, keys):
                    raise Rejected(MachineReject.SIGNER_IS_NOT_AUTHORISED, signer=address)
            elif len(keys) != 1 or self._bare_address(keys[0]) != address:
                raise Rejected(MachineReject.SIGNER_IS_NOT_AUTHORISED, signer=address)

    def _bare_address(self, key: bytes) -> bytes:
        address = self._bare_addresses.get(key)
        if address is None:
            if len(self._bare_addresses) >= _BARE_ADDRESSES_MAX:
                self._bare_addresses.clear()
            address = self._bare_addresses[key] = address_of(key)
        return address

    def _run_together(
        self, action: bytes, body: Body, block: BlockContext, contexts: list[ActionContext]
    ) -> tuple[tuple[MessageResult, ...], tuple[Rejected, ...]]:
        results: list[MessageResult] = []
        for index, message in enumerate(body.messages):
            context = ActionContext(block, action, index, body.signers)
            rejected = self._apply(message, context)
            if rejected is not None:
                self._take_back()
                contexts.clear()
                results = [_NOT_EXECUTED] * len(body.messages)
                results[index] = MessageResult(rejected.number)
                return tuple(results), (rejected,)
            contexts.append(context)
            results.append(MessageResult(0, tuple(context.created)))
        self._keep(contexts, block)
        return tuple(results), ()

    def _run_each(
        self, action: bytes, body: Body, block: BlockContext, contexts: list[ActionContext]
    ) -> tuple[tuple[MessageResult, ...], tuple[Rejected, ...]]:
        results: list[MessageResult] = []
        rejects: list[Rejected] = []
        for index, message in enumerate(body.messages):
            context = ActionContext(block, action, index, body.signers)
            rejected = self._apply(message, context)
            if rejected is not None:
                self._take_back()
                rejects.append(rejected)
                results.append(MessageResult(rejected.number))
                continue
            self._keep((context,), block)
            contexts.append(context)
            results.append(MessageResult(0, tuple(context.created)))
        return tuple(results), tuple(rejects)

    def _apply(self, message: Any, context: ActionContext) -> Rejected | None:
        rule, books = self._rules[type(message)]
        try:
            rule(books, message, context)
        except Rejected as rejected:
            return rejected
        return None

    def _keep(self, contexts: Iterable[ActionContext], block: BlockContext) -> None:
        self.state.books.accept()
        self.window.accept()
        for context in contexts:
            for place in context.credited:
                block.credited[place] = None

    def _take_back(self) -> None:
        self.state.books.reject()
        self.window.reject()

    # Around transactions

    def _run_block_rules(
        self,
        rules: Sequence[tuple[Any, Any]],
        block: BlockContext,
        book: ReceiptBook,
        purpose: bytes,
        position: int,
        limit: int,
    ) -> int:
        for rule, books in rules:
            position = self._run_acts(rule(books, block, limit), block, book, purpose, position)
        return position

    def _run_acts(
        self,
        acts: Iterable[Callable[[ActionContext], None]],
        block: BlockContext,
        book: ReceiptBook,
        purpose: bytes,
        position: int,
    ) -> int:
        """Each an action of its own, with its receipts; one that is rejected leaves no effect. The next position."""
        for act in acts:
            action = _own_action(purpose, block.height, position)
            context = ActionContext(block, action, 0, ())
            if self._act(act, context):
                self._keep((context,), block)
                if context.facts:
                    book.add(action, position, (context,))
            else:
                self._take_back()
            position += 1
        return position

    def _observed(self, height: int, feed_item: bytes, last_commit: bytes) -> tuple[Observed, ...]:
        validators = self.wired.validators.at(height - 1)
        return read_feed_item(feed_item, self.chain_id, height, last_commit, validators)

    def _take_in(
        self,
        misbehaviour: Sequence[Misbehaviour],
        observed: tuple[Observed, ...],
        block: BlockContext,
        book: ReceiptBook,
        position: int,
    ) -> int:
        """What the engine brings beside transactions: what it has proven of validators, then what they observed."""
        wired = self.wired
        reports = (partial(wired.validators.report, found) for found in misbehaviour)
        position = self._run_acts(reports, block, book, b"misbehaviour", position)
        if observed:
            takes_in = (partial(wired.feeds.take_in, observed),)
            position = self._run_acts(takes_in, block, book, b"feed", position)
        return position

    def _act(self, act: Callable[[ActionContext], None], context: ActionContext) -> bool:
        try:
            act(context)
        except Rejected:
            return False
        return True

    def _check_invariants(self) -> None:
        changed = {
            number: shelf.changes() for number, shelf in self.state.books.shelves.items() if shelf.touched
        }
        for module, books in self.wired.modules:
            for check in module.invariants:
                check(books, changed)

    def _rules_at(self, height: int) -> int:
        version = self.wired.governance.version_at(height)
        if version not in self.rule_versions:
            raise ProgramIsOutdated(version, height, self.rule_versions)
        return version

    def _block_context(self, height: int, time_ms: int, rule_version: int) -> BlockContext:
        return BlockContext(
            height,
            time_ms,
            rule_version,
            self.state.handle,
            self.window,
            self.parameters.reference_window_ms,
            self.genesis.sandbox,
            self.chain_id,
        )


def _own_action(purpose: bytes, height: int, position: int) -> bytes:
    return sha256(OBJECT + purpose + height.to_bytes(8, "big") + position.to_bytes(4, "big")).digest()
