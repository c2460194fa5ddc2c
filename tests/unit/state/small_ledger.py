"""A ledger without a market: a state with three tables, headers and seals, and the slow model beside it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from counterfoil.machine.genesis import Genesis, chain_id, encode_genesis, genesis_digest
from counterfoil.primitives.codec import Decoder, Record, encode
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.headers import CHUNK, Header, HeaderHistory, StoredHeader, history_leaf, seal_message
from counterfoil.state.proof_formats import Vouching
from counterfoil.state.proofs import CannotProve, Prover, Sources
from counterfoil.state.receipts import BlockResults, KeptReceipt, Receipt, ToldResult, receipt_leaf
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS, ListRule, Reader, Table
from counterfoil.state.tree import list_root
from counterfoil.state.window import Window
from counterfoil.storage.memory_store import MemoryStore
from tests.model.tree_model import TreeModel

SECRET = b"s" * 32
SEALER = SigningKey(b"k" * 32)
ALL = b"handle of it all"
START_MS = 1_600_000_000_000
STORED = Decoder(StoredHeader)


class Item(Record):
    """On the list of its owner and on the list of everything."""

    amount: int
    owner: bytes
    handle: bytes


class Note(Record):
    """On no list."""

    text: str


def _of_owner(_reader: Reader, _key: bytes, item: Item) -> tuple[bytes, bytes]:
    return item.owner, item.handle


def _of_all(_reader: Reader, _key: bytes, item: Item) -> tuple[bytes, bytes]:
    return ALL, item.handle


BY_OWNER = ListRule(number=7, name="items of an owner", place=_of_owner)
EVERYTHING = ListRule(number=8, name="all items", place=_of_all)
ITEMS = Table(number=150, name="items", record=Item, key_sizes=(4,), lists=(BY_OWNER, EVERYTHING))
NOTES = Table(number=151, name="notes", record=Note, key_sizes=(1, 0))
QUEUE = Table(number=152, name="queue", record=Note, key_sizes=(2,), clear=2, resident=True)
TABLES: tuple[Table[Any], ...] = (ITEMS, NOTES, QUEUE)


def owner_handle(owner: int) -> bytes:
    return sha256(b"owner" + bytes([owner])).digest()[:16]


def item_handle(key: bytes) -> bytes:
    return sha256(b"item" + key).digest()[:16]


def item_key(number: int) -> bytes:
    return number.to_bytes(4, "big")


def item(number: int, amount: int) -> Item:
    return Item(amount, owner_handle(number % 3), item_handle(item_key(number)))


class Write(NamedTuple):
    table: Table[Any]
    key: bytes
    record: Record | None


class Action(NamedTuple):
    """Writes that are kept together or, with `kept` false, taken back."""

    writes: tuple[Write, ...]
    kept: bool = True


Block = Sequence[Action]


def places(full_key: bytes, value: bytes) -> list[tuple[int, bytes, bytes]]:
    if full_key[0] != ITEMS.number:
        return []
    found: Item = ITEMS.decoder.exact(value)
    return [(BY_OWNER.number, found.owner, found.handle), (EVERYTHING.number, ALL, found.handle)]


class SmallLedger:
    """Blocks are applied to the state and to the model, whose roots must be the same."""

    def __init__(self, name: str = "small", sealer: SigningKey = SEALER, sandbox: bool = False) -> None:
        self.genesis_bytes = encode_genesis(self._genesis(name, sealer, sandbox))
        self.chain_id = chain_id(name, genesis_digest(self.genesis_bytes))
        self.sealer = sealer
        self.store = MemoryStore({table.number: table.layout for table in (LINKS, *TABLES)})
        self.model = TreeModel(SECRET, places)
        self.headers: list[Header] = []
        self.decided: list[tuple[int, Block]] = []
        self.state = State(self.store, TABLES, SECRET)
        self.history = HeaderHistory(self._chunk_leaves)
        self.state.found()
        self._commit(1, ())

    def _genesis(self, name: str, sealer: SigningKey, sandbox: bool) -> Genesis:
        return Genesis(name, START_MS, "", (sealer.public_key.hex(),), sandbox=sandbox)

    def _seal(self, header: Header) -> bytes:
        return self.sealer.sign(seal_message(self.chain_id, header.digest()))

    def _vouching(self, header: Header) -> Vouching:
        raise CannotProve("this ledger has no network")

    @property
    def height(self) -> int:
        return self.state.height

    @property
    def prover(self) -> Prover:
        genesis = genesis_digest(self.genesis_bytes)
        return Prover(Sources(self.state, self.history, self.stored, self.chain_id, genesis, self._vouching))

    def stored(self, number: int) -> StoredHeader:
        data = self.state.blob("header", number)
        assert data is not None
        stored: StoredHeader = STORED.exact(data)
        return stored

    def block(self, actions: Block, step: int = 1) -> Header:
        """Apply and commit a block, `step` heights after the last one."""
        height = self.height + step
        self.decided.append((height, actions))
        self.apply(actions)
        return self._commit(height, actions)

    def apply(self, actions: Block) -> None:
        books = self.state.books
        for action in actions:
            for table, key, record in action.writes:
                shelf = books.shelf(table)
                if record is not None:
                    shelf.put(key, record)
                elif shelf.find(key) is not None:
                    shelf.delete(key)
            if action.kept:
                books.accept()
            else:
                books.reject()

    def discard(self, actions: Block) -> None:
        self.apply(actions)
        self.state.books.discard_block()

    def _chunk_leaves(self, chunk: int) -> bytes:
        numbers = range(chunk * CHUNK, chunk * CHUNK + CHUNK)
        return b"".join(history_leaf(self.stored(number).header.digest()) for number in numbers)

    def reopen(self) -> int:
        """As after a crash: what was not flushed is replayed. Returns how many blocks that were."""
        before, self.state = self.headers, State(self.store, TABLES, SECRET)
        self.history = HeaderHistory(self._chunk_leaves)
        self.state.open()
        self.headers = []
        while (data := self.state.blob("header", len(self.headers))) is not None:
            header = STORED.exact(data).header
            self.headers.append(header)
            self.history.append(header.digest())
        replayed = 0
        if not self.headers:
            self.state.found()
            self._commit(1, (), replayed=True)
            replayed += 1
        for height, actions in [block for block in self.decided if block[0] > self.height]:
            self.apply(actions)
            self._commit(height, actions, replayed=True)
            replayed += 1
        assert self.headers == before
        return replayed

    def _commit(self, height: int, actions: Block, *, replayed: bool = False) -> Header:
        made = self.state.commit(height)
        if not replayed:
            wanted = {
                write.table.prefix + write.key: None if write.record is None else encode(write.record)
                for action in actions
                if action.kept
                for write in action.writes
            }
            self.model.commit(height, wanted)
        expected = self.model.roots[height]
        assert made.state_root == expected.state_root
        assert made.changes_root == expected.changes_root
        assert (made.slot_count, made.free_head) == (expected.slot_count, expected.free_head)
        assert made.change_count == expected.change_count
        kept = self._receipts(height, actions)
        self.state.keep_blob("receipts", height, encode(BlockResults((), kept)))
        leaves = [receipt_leaf(receipt.salt, receipt.plaintext) for receipt in kept]
        window = Window()
        for index in range(len(actions)):
            used = sha256(height.to_bytes(8, "big") + bytes([index])).digest()
            window.use(used, START_MS + height * 1000 + 600_000)
        window.accept()
        window_digest, packed = window.commit()
        header = Header(
            height=height,
            number=self.history.size,
            time_ms=START_MS + height * 1000,
            rule_version=1,
            state_root=made.state_root,
            slot_count=made.slot_count,
            free_head=made.free_head,
            changes_root=made.changes_root,
            change_count=made.change_count,
            receipts_root=list_root(b"".join(leaves)),
            receipt_count=len(leaves),
            history_root=self.history.root(),
            window_digest=window_digest,
            items_digest=bytes(32),
        )
        self.history.append(header.digest())
        self.headers.append(header)
        stored = StoredHeader(header, self._seal(header), packed)
        self.state.keep_blob("header", header.number, encode(stored))
        return header

    @staticmethod
    def _receipts(height: int, actions: Block) -> tuple[KeptReceipt, ...]:
        kept = []
        for position, _ in enumerate(actions):
            action = sha256(b"action" + height.to_bytes(8, "big") + bytes([position])).digest()
            receipt = Receipt(action, height, position, b"p" * 20, (ToldResult(0, 0),), ())
            kept.append(KeptReceipt(b"p" * 20, sha256(action).digest()[:16], encode(receipt)))
        return tuple(kept)
