"""A copy of the sealed ledger for everybody's continuity: kept by any member, checked by anybody, opened in part.

It may be a folder that `keep` fills from a node, or a copy of a validator's own folder, or of its backup. No key is
needed to check it; what it says is read by whoever has view keys, each its own part.

    genesis.json    the ledger's genesis file
    header.proof    the last header, as the validators of a network vouch for it (`counterfoil prove header`)
    log/            blocks as they were decided, with headers, and seals where one machine sealed them
    receipts/       sealed receipts, block by block (a validator's folder has them in its record store)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from counterfoil.engine.decided import LOGGED_BLOCK, LoggedBlock, items_digest
from counterfoil.machine.bundles import check_outside
from counterfoil.machine.genesis import GENESIS_HEIGHT, chain_id, decode_genesis, genesis_digest
from counterfoil.machine.transactions import bundle_sign_prefix
from counterfoil.node import reads
from counterfoil.node.ledger import GENESIS_NAME
from counterfoil.node.reads_sealed import Blocks
from counterfoil.primitives.codec import Decoder, Malformed, encode
from counterfoil.primitives.outcome import Rejected
from counterfoil.sdk.client import Client
from counterfoil.sdk.own_receipts import OwnKeys, OwnReceipt, open_block
from counterfoil.state.headers import Header, HeaderHistory
from counterfoil.state.receipts import SealedReceipts
from counterfoil.storage import files
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.cipher import Checksums
from counterfoil.storage.copies import BlobsCopy, read_log_copy
from counterfoil.storage.errors import StorageFailed
from counterfoil.storage.folder import LOG_NAME, store_directory
from counterfoil.verify import ProofRefused, Trust, check_seal, check_sealed_receipts, verify_proof

RECEIPTS_NAME = "receipts"
HEADER_PROOF_NAME = "header.proof"
_SEALED = Decoder(SealedReceipts)

Progress = Callable[[int, int], None]


class CopyRefused(Exception):
    """The copy is not one of this ledger, whole and unchanged; the text names the first block where it is not."""


@dataclass
class CopyReport:
    """What a copy holds, as anybody can tell.

    vouched_to: the last block that the ledger's sealer or validators vouch for, itself or by one after it.
    receipts_to: the last block whose receipts are held (a validator writes them somewhat later than its log).
    gatherers: bundles by who gathered them. epochs: bundles by key epoch. own: what the given view keys opened.
    """

    chain_id: str
    blocks: int = 0
    height: int = 0
    vouched_to: int = 0
    last: Header | None = None
    bundles: int = 0
    sealed_bytes: int = 0
    receipts: int = 0
    receipts_to: int = 0
    receipt_bytes: int = 0
    gatherers: dict[bytes, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    own: list[tuple[int, OwnReceipt]] = field(default_factory=list)


def keep(client: Client, genesis: bytes, path: Path, progress: Progress | None = None) -> int:
    """Fill a folder from a node, or bring one up to date; returns the height. Every block is checked before it is kept.

    genesis: the ledger's genesis file, from a source that is trusted. CopyRefused where the node gives something else.
    """
    trust = Trust.in_genesis(genesis)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = path / GENESIS_NAME
    if not place.exists():
        files.write_new(place, genesis, mode=0o644)
    elif place.read_bytes() != genesis:
        raise CopyRefused(f"{path} is a copy of another ledger")
    with _log_in(path / LOG_NAME) as blocks, _log_in(path / RECEIPTS_NAME) as receipts:
        check = _Check(trust, genesis)
        for number, payload in blocks.read_from(1):
            check.block(number, payload)
        newest, first = client.status().moment.height, check.report.height + 1
        while 0 < first <= newest:
            page = client.ask(reads.sealed_blocks, Blocks(first=first, last=newest))
            for payload in page.blocks:
                check.block(check.report.blocks + 1, payload)
            if check.report.vouched_to < check.report.height:
                proof = client.proof("header", at=check.report.height)
                check.vouched_by(proof)
                files.replace(path / HEADER_PROOF_NAME, proof)
            for payload in page.blocks:
                blocks.append(blocks.last_height() + 1, payload)
            if not page.blocks or 0 < page.next <= check.report.height:
                raise CopyRefused(f"the node shows no block from {first} on, and says that there are some")
            first = page.next
            if progress is not None:
                progress(check.report.height, newest)
        blocks.sync()
        missing = blocks.read_from(receipts.last_height() + 1)
        header, last = _next_header(missing), check.report.height
        while header is not None:
            shown = client.ask(reads.sealed_receipts, Blocks(first=header.height, last=last)).blocks
            if not shown:
                raise CopyRefused(f"the node shows no receipts from block {header.height} on")
            for block in shown:
                if header is None or block.header != header:
                    raise CopyRefused(f"the node shows receipts of another block {block.header.height}")
                data = encode(SealedReceipts(header.height, block.receipts))
                check.receipts(header, data)
                receipts.append(header.number + 1, data)
                header = _next_header(missing)
        receipts.sync()
        return last


def check_copy(
    path: Path, keys: OwnKeys | None = None, progress: Progress | None = None, proof: bytes | None = None
) -> CopyReport:
    """Check a copy with nothing but what it holds; with view keys, open what is their holder's too.

    Every header follows those before it, and is sealed or comes before one that validators vouch for; the items are
    the ones that it names; each bundle is signed by who gathered it; the receipts lead to the receipts root. State
    roots are not computed: that takes the roots of its key epochs. proof: of one of its headers, where the copy comes
    from a network and holds none. CopyRefused, or StorageError.
    """
    try:
        genesis = (path / GENESIS_NAME).read_bytes()
    except OSError as error:
        raise CopyRefused(f"{path} has no genesis file that can be read ({error.strerror})") from None
    try:
        trust = Trust.in_genesis(genesis)
        if not decode_genesis(genesis).sealed:
            raise CopyRefused(f"{path} is of a ledger that is not sealed: its blocks lie open")
    except ValueError as error:
        raise CopyRefused(f"{path}: {error}") from None
    check = _Check(trust, genesis)
    if proof is None and (path / HEADER_PROOF_NAME).exists():
        proof = (path / HEADER_PROOF_NAME).read_bytes()
    if proof is not None:
        check.vouched_by(proof)
    with _receipts_in(path) as receipts_of:
        for number, payload in read_log_copy(path / LOG_NAME):
            header = check.block(number, payload).header
            data = receipts_of(header)
            if data is not None:
                check.receipts(header, data, keys)
            if progress is not None:
                progress(header.height, 0)
    if not check.report.blocks:
        raise CopyRefused(f"{path} holds no block")
    check.demand_vouching()
    return check.report


class _Check:
    """Takes blocks in their order, from the founding on."""

    def __init__(self, trust: Trust, genesis: bytes) -> None:
        self._trust = trust
        self._prefix = bundle_sign_prefix(trust.chain_id)
        self._history = HeaderHistory(lambda chunk: b"")
        self._awaited: Header | None = None
        self.report = CopyReport(chain_id(decode_genesis(genesis).name, genesis_digest(genesis)))

    def block(self, number: int, payload: bytes) -> LoggedBlock:
        """number: in the log, which holds blocks with an effect and no others, counted from 1."""
        logged = _decoded(payload, f"number {number} in the log")
        block, header, report = logged.block, logged.header, self.report
        height = block.height
        if header.number + 1 != number or header.height != height or height <= report.height:
            raise CopyRefused(f"block {height} is not where it belongs")
        if report.blocks == 0 and height != GENESIS_HEIGHT:
            raise CopyRefused(f"the copy begins with block {height}, not with the founding")
        if header.number != self._history.size or header.history_root != self._history.root():
            raise CopyRefused(f"the header of block {height} does not follow those before it")
        if block.time_ms != header.time_ms or header.items_digest != items_digest(block.items):
            raise CopyRefused(f"block {height} does not hold what its header names")
        try:
            if logged.seal:
                check_seal(self._trust, header, logged.seal)
            for item in block.bundles:
                bundle, content = check_outside(self._prefix, item)
                report.bundles += 1
                report.sealed_bytes += len(bundle.content)
                report.gatherers[content.gatherer] = report.gatherers.get(content.gatherer, 0) + 1
                report.epochs[content.key_epoch] = report.epochs.get(content.key_epoch, 0) + 1
        except (ProofRefused, Rejected) as error:
            raise CopyRefused(f"block {height}: {error}") from None
        self._history.append(header.digest())
        report.blocks += 1
        report.height, report.last = height, header
        if logged.seal:
            report.vouched_to = height
        self._meet(header)
        return logged

    def vouched_by(self, proof: bytes) -> None:
        """Have the proof of a header stand for it and for all before it: each header names those."""
        try:
            self._awaited = verify_proof(proof, self._trust).in_force
        except ProofRefused as error:
            raise CopyRefused(f"the proof of the copy's last header: {error}") from None
        if self.report.last is not None:
            self._meet(self.report.last)

    def _meet(self, header: Header) -> None:
        awaited = self._awaited
        if awaited is not None and awaited.height == header.height:
            if awaited != header:
                raise CopyRefused(f"the header of block {header.height} is not the one that the proof proves")
            self.report.vouched_to = header.height
            self._awaited = None

    def demand_vouching(self) -> None:
        if self._awaited is not None:
            raise CopyRefused(
                f"the proof is of the header of block {self._awaited.height}, which the copy does not hold; take one of"
                f" block {self.report.height}: counterfoil prove header --at {self.report.height}"
            )
        if not self.report.vouched_to:
            raise CopyRefused(
                "the validators of a network vouch for these blocks, and the copy does not hold their word; give it:"
                f" counterfoil prove header --at {self.report.height}, then --proof FILE"
            )

    def receipts(self, header: Header, data: bytes, keys: OwnKeys | None = None) -> None:
        report = self.report
        try:
            held: SealedReceipts = _SEALED.exact(data)
            check_sealed_receipts(header, held.receipts)
            if keys is not None:
                own = open_block(keys, header, held.receipts)
                report.own += [(header.height, one) for one in own]
        except (ProofRefused, Malformed) as error:
            raise CopyRefused(f"the receipts of block {header.height}: {error}") from None
        report.receipts += len(held.receipts)
        report.receipt_bytes += len(data)
        report.receipts_to = header.height


def _decoded(payload: bytes, where: str = "a block") -> LoggedBlock:
    try:
        logged: LoggedBlock = LOGGED_BLOCK.exact(payload)
    except Malformed as error:
        raise CopyRefused(f"{where} cannot be read: {error}") from None
    return logged


def _next_header(blocks: Iterator[tuple[int, bytes]]) -> Header | None:
    """Of the next of some blocks that were checked and kept."""
    found = next(blocks, None)
    return _decoded(found[1]).header if found is not None else None


@contextmanager
def _log_in(directory: Path) -> Iterator[BlockLog]:
    directory.mkdir(exist_ok=True, mode=0o700)
    log = BlockLog(directory, Checksums())
    try:
        yield log
    finally:
        log.close()


@contextmanager
def _receipts_in(path: Path) -> Iterator[Callable[[Header], bytes | None]]:
    """Gives the sealed receipts of a block, which are asked in order; None where the copy has none of it."""
    if (path / RECEIPTS_NAME).is_dir():
        kept = read_log_copy(path / RECEIPTS_NAME)
        following = next(kept, None)

        def take(header: Header) -> bytes | None:
            nonlocal following
            while following is not None and following[0] <= header.number:
                following = next(kept, None)
            return following[1] if following is not None and following[0] == header.number + 1 else None

        yield take
        return
    try:
        blobs = BlobsCopy(store_directory(path), "sealed")
    except StorageFailed:
        yield lambda header: None
        return
    try:
        yield lambda header: blobs.blob(header.height)
    finally:
        blobs.close()
