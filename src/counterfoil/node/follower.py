"""A follower's folder: what it has checked of a ledger, kept for its owner and for everybody's continuity.

It executes nothing and recomputes no root. Blocks come from a source that is not believed; each is checked against
those before it, kept, and never given up again. Its folder is a ledger folder, encrypted as those are:

    genesis.json     whom it trusts; handover.json, once the ledger has gone over to a network
    log/             one record for each height: the block, and all that the next one is checked against
    headers/         the header alone of each block that was let go of
    receipts/        receipts that were fetched for its owner and found under a block's receipts root
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from counterfoil.node.following import Checked, DoesNotFit, FollowedBlock, check_next
from counterfoil.node.ledger import GENESIS_NAME
from counterfoil.primitives.codec import Decoder, Record, encode
from counterfoil.state.headers import Header
from counterfoil.state.leaves import root_digest
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_formats import Handover, ShownReceipt
from counterfoil.state.receipts import Receipt, receipt_leaf
from counterfoil.storage import files
from counterfoil.storage.errors import CorruptStorage
from counterfoil.storage.folder import LedgerFolder, create_folder, open_folder
from counterfoil.verify import ProofRefused, Trust
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.files import write_handover
from counterfoil.verify.tree_paths import top_of

HANDOVER_NAME = "handover.json"
RECEIPTS_NAME = "receipts"
HEADERS_NAME = "headers"
SYNC_BLOCKS = 100
"""While it catches up, so many blocks share one sync; what a crash takes is fetched again."""

_CHECKED = Decoder(Checked)
_RECEIPT = Decoder(Receipt)


class BlockSource(Protocol):
    """Where blocks come from: a node, a file, a test. What it gives is checked, not believed."""

    def followed_block(self, height: int) -> FollowedBlock:
        """`NoSuchBlock` where that height is not decided yet."""


class FetchedReceipts(Record):
    """Receipts of one block. siblings: what leads from their leaves to the block's receipts root, as in proofs."""

    height: int
    receipts: tuple[ShownReceipt, ...]
    siblings: bytes


class KeptHeader(Record):
    """What stays of a block that was let go of: its header, if it had one, and the embedded engine's seal."""

    header: Header | None
    seal: bytes


_RECEIPTS = Decoder(FetchedReceipts)
_KEPT = Decoder(KeptHeader)


class Follower:
    """An open follower. Close it, or use it as a context manager. One thread at a time."""

    def __init__(self, folder: LedgerFolder, trust: Trust) -> None:
        self.trust = trust
        self._folder = folder
        self._log = folder.open_log()
        self._receipts = folder.open_log(RECEIPTS_NAME)
        self._headers = folder.open_log(HEADERS_NAME)
        self._checked = Checked()
        self._vouched: Header | None = None
        if self._log.last_height():
            self._checked = self._record(self._log.last_height())
        if self.vouched_height:
            self._vouched = self.header_of(self.vouched_height)
        self._fetched_height = max((kept.height for kept in self.fetched()), default=0)

    @property
    def chain_id(self) -> str:
        return self.trust.chain_id

    @property
    def sandbox(self) -> bool:
        return self.trust.sandbox

    @property
    def height(self) -> int:
        """Of the last block that was checked and kept; 0 before the first."""
        return self._checked.height

    @property
    def vouched_height(self) -> int:
        """Headers up to there are signed; under consensus the last one is only when the next block is there."""
        return self._checked.vouched_height

    @property
    def header(self) -> Header | None:
        """The last header."""
        return self._checked.header

    @property
    def vouched_header(self) -> Header | None:
        """The header of `vouched_height`: the last one that is signed, or follows from one that is."""
        return self._vouched

    @property
    def blocks_from(self) -> int:
        """Of the first block that is kept whole; 0 where there is none."""
        return self._log.first_height()

    @property
    def fetched_height(self) -> int:
        """Of the last block of which receipts are kept; 0 where there are none."""
        return self._fetched_height

    def catch_up(
        self,
        source: BlockSource,
        height_max: int | None = None,
        progress: Callable[[int], None] = lambda height: None,
    ) -> int:
        """Check and keep what the source has beyond what is kept; returns how many blocks.

        Raises `DoesNotFit` at the first block that does not follow, with its height; what came before is kept. What
        the source raises is passed on likewise.
        """
        begun = self.height
        try:
            while height_max is None or self.height < height_max:
                try:
                    followed = source.followed_block(self.height + 1)
                except NoSuchBlock:
                    break
                self._keep(check_next(self.trust, self._checked, followed))
                progress(self.height)
        finally:
            self._log.sync()
        return self.height - begun

    def believe(self, handover: Handover) -> None:
        """Take note that the ledger goes over to a network, before its first block there. ValueError where it does not,
        or another handover is known already."""
        data = write_handover(handover)
        trust = self.trust.believing(data)
        if self.trust.handover is not None:
            if self.trust.handover != handover:
                raise ValueError("another handover is known already")
            return
        path = self._folder.path
        beside = path / f"{HANDOVER_NAME}.new"
        beside.unlink(missing_ok=True)
        files.write_new(beside, data, mode=0o644)
        os.replace(beside, path / HANDOVER_NAME)
        files.sync_directory(path)
        self.trust = trust

    def let_go(self, below: int) -> int:
        """Keep of the blocks below a height their headers alone, which are durable before anything goes.

        Receipts stay, and can be checked and shown as before. The log goes by whole segments; returns how many went.
        The last block stays in any case. Begun again after a crash it goes on.
        """
        for block in self.blocks(self._headers.last_height() + 1):
            if block.block.height >= min(below, self.height):
                break
            self._headers.append(block.block.height, encode(KeptHeader(block.header, block.seal)))
        self._headers.sync()
        return self._log.prune(self._headers.last_height() + 1)

    def blocks(self, first: int = 1) -> Iterator[FollowedBlock]:
        """Blocks that are kept whole, from a height on."""
        for _, payload in self._log.read_from(first):
            checked: Checked = _CHECKED.trusted(payload)
            if checked.last is not None:
                yield checked.last

    def keep_receipts(self, fetched: FetchedReceipts) -> tuple[Receipt, ...]:
        """Check receipts against the header of their block, and keep them. `DoesNotFit` where they are not its own.

        That there are no others for the same stakeholder is not shown by this.
        """
        receipts = self._checked_receipts(fetched)
        self._receipts.append(self._receipts.last_height() + 1, encode(fetched))
        self._receipts.sync()
        self._fetched_height = max(self._fetched_height, fetched.height)
        return receipts

    def fetched(self) -> Iterator[FetchedReceipts]:
        """What `keep_receipts` kept, in that order."""
        for _, payload in self._receipts.read_from(1):
            kept: FetchedReceipts = _RECEIPTS.trusted(payload)
            yield kept

    def receipts(self) -> Iterator[Receipt]:
        """Every receipt that is kept, in the order in which they were fetched."""
        for kept in self.fetched():
            for shown in kept.receipts:
                receipt: Receipt = _RECEIPT.trusted(shown.plaintext)
                yield receipt

    def close(self) -> None:
        self._log.close()
        self._receipts.close()
        self._headers.close()
        self._folder.close()

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, checked: Checked) -> None:
        self._log.append(checked.height, encode(checked))
        if checked.vouched_height != self._checked.vouched_height:
            sealed = checked.header is not None and checked.header.height == checked.vouched_height
            self._vouched = checked.header if sealed else self._checked.header
        self._checked = checked
        if checked.height % SYNC_BLOCKS == 0:
            self._log.sync()

    def header_of(self, height: int) -> Header | None:
        """The header of a block that was checked; None where that had no effect. CorruptStorage where there is none."""
        return self._kept(height).header

    def seal_of(self, height: int) -> bytes:
        """Of the embedded engine, over a checked block's header; empty where consensus vouches for it."""
        return self._kept(height).seal

    def light_block_of(self, height: int) -> LightBlock | None:
        """CometBFT's of a block that is kept whole; None where the embedded engine decided it, or it was let go of."""
        last = self._record(height).last if height >= self.blocks_from else None
        return last.light_block if last is not None else None

    def _kept(self, height: int) -> KeptHeader:
        if height >= self.blocks_from:
            last = self._record(height).last
            return KeptHeader(last.header, last.seal) if last is not None else KeptHeader(None, b"")
        for _, payload in self._headers.read_from(height):
            kept: KeptHeader = _KEPT.trusted(payload)
            return kept
        raise CorruptStorage(self._folder.path / HEADERS_NAME, "a header is missing", height=height)

    def _record(self, height: int) -> Checked:
        for _, payload in self._log.read_from(height):
            checked: Checked = _CHECKED.trusted(payload)
            return checked
        raise CorruptStorage(self._folder.log_path, "a block is missing", height=height)

    def _checked_receipts(self, fetched: FetchedReceipts) -> tuple[Receipt, ...]:
        height = fetched.height
        if not 0 < height <= self.vouched_height:
            raise DoesNotFit(height, "nobody has signed its header yet, as far as is known here")
        header = self.header_of(height)
        if header is None:
            raise DoesNotFit(height, "it had no effect, and so no receipts")
        leaves = {
            shown.place: receipt_leaf(shown.salt, shown.plaintext, shown.sealed) for shown in fetched.receipts
        }
        try:
            found = root_digest(
                header.receipt_count, 0, top_of(header.receipt_count, leaves, fetched.siblings)
            )
            receipts = tuple([_RECEIPT.exact(shown.plaintext) for shown in fetched.receipts])
        except (ProofRefused, ValueError) as error:
            raise DoesNotFit(height, f"its receipts cannot be checked: {error}") from None
        if found != header.receipts_root or any(receipt.height != height for receipt in receipts):
            raise DoesNotFit(height, "the receipts are not its own")
        return receipts


def create_follower(
    path: Path,
    genesis: bytes,
    *,
    handover: bytes = b"",
    encrypted: bool = True,
    key_file: Path | None = None,
) -> None:
    """Make a follower's folder for the ledger of a genesis file, whole or not at all. ValueError where it is none, or
    `handover` (a file's bytes, where there is one) is not its own.

    Raises as `create_folder`.
    """
    trust = Trust.in_genesis(genesis)
    if handover:
        trust.believing(handover)

    def fill(folder: LedgerFolder) -> None:
        files.write_new(folder.path / GENESIS_NAME, genesis, mode=0o644)
        if handover:
            files.write_new(folder.path / HANDOVER_NAME, handover, mode=0o644)

    create_folder(path, encrypted=encrypted, key_file=key_file, fill=fill)


def open_follower(path: Path, *, key_file: Path | None = None) -> Follower:
    """Open a follower's folder, as a crash or `close` left it. Raises as `open_folder`, and `CorruptStorage`."""
    folder = open_folder(path, key_file=key_file)
    try:
        return Follower(folder, _trust(folder))
    except BaseException:
        folder.close()
        raise


def _trust(folder: LedgerFolder) -> Trust:
    genesis, handover = folder.path / GENESIS_NAME, folder.path / HANDOVER_NAME
    try:
        trust = Trust.in_genesis(genesis.read_bytes())
        return trust.believing(handover.read_bytes()) if handover.exists() else trust
    except (OSError, ValueError) as error:
        raise CorruptStorage(genesis, f"whom to trust cannot be read: {error}; take it from a copy") from None
