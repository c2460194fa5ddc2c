"""What a follower checks of a ledger whose transactions it does not execute, whichever engine decided it.

Order, headers, commits, and whose bundles these are: everything that can be known without the state. What it
cannot know is whether the rules led where the headers say; for that it relies on those who vouch for them.
"""

from __future__ import annotations

from hashlib import sha256

from counterfoil.engine.decided import DecidedBlock, items_digest
from counterfoil.machine.feed_items import FeedItemIsInvalid, check_commit_of
from counterfoil.machine.transactions import BUNDLE_BYTES_MAX, bundle_sign_prefix, read_bundle
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import Record
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import Header, history_leaf, push_peak, root_of_peaks, seal_message
from counterfoil.state.leaves import DIGEST
from counterfoil.state.light_blocks import Commit, LightBlock
from counterfoil.verify import Trust
from counterfoil.verify.light.commits import TWO_THIRDS, check_light_block
from counterfoil.verify.light.encoding import commit_hash, commit_info, header_hash, items_hash
from counterfoil.verify.light.refusals import Invalid, NotEnoughTrust, require
from counterfoil.verify.light.steps import TrustedState, check_signers

_MS_NS = 1_000_000
_NOTHING = sha256(b"").digest()


class FollowedBlock(Record):
    """One height as a follower fetches and keeps it.

    header: what the block led to, None where it had no effect. seal: of the embedded engine, empty otherwise.
    light_block, last_commit: CometBFT's of this height, and the commit of the height before as the block itself records
    it; None under the embedded engine, and for the founding.
    """

    block: DecidedBlock
    header: Header | None
    seal: bytes = b""
    light_block: LightBlock | None = None
    last_commit: Commit | None = None


class Checked(Record):
    """How far a follower has come: all that the next block is checked against.

    last: the last block. header: the last header at or before it. peaks: of the tree over all headers so far.
    vouched_height: headers up to there are sealed, or follow from an application hash that validators signed.
    """

    last: FollowedBlock | None = None
    header: Header | None = None
    peaks: tuple[tuple[int, bytes], ...] = ()
    vouched_height: int = 0

    @property
    def height(self) -> int:
        return self.last.block.height if self.last is not None else 0


class DoesNotFit(Exception):
    """The first block that does not follow from those before it, and why. Nothing of it is kept."""

    def __init__(self, height: int, reason: str) -> None:
        super().__init__(f"block {height} does not fit: {reason}")
        self.height = height
        self.reason = reason


def check_next(trust: Trust, checked: Checked, followed: FollowedBlock) -> Checked:
    """What has been checked once `followed` is too. Raises `DoesNotFit`."""
    try:
        return _Next(trust, checked, followed).check()
    except (Invalid, NotEnoughTrust) as refused:
        raise DoesNotFit(checked.height + 1, str(refused)) from None


class _Next:
    def __init__(self, trust: Trust, checked: Checked, followed: FollowedBlock) -> None:
        self._trust = trust
        self._checked = checked
        self._followed = followed
        self._block = followed.block

    def check(self) -> Checked:
        followed, checked = self._followed, self._checked
        require(self._block.height == checked.height + 1, f"it is of height {self._block.height}")
        if followed.light_block is not None:
            self._check_consensus(followed.light_block)
        else:
            self._check_embedded_or_founding()
        if self._block.feed_item:
            self._check_feed_item()
        for item in self._block.bundles:
            self._check_item(item)
        header, peaks, vouched = checked.header, list(checked.peaks), checked.vouched_height
        if followed.light_block is not None and header is not None:
            vouched = header.height
        if followed.header is not None:
            self._check_header(followed.header)
            header = followed.header
            push_peak(peaks, 1, history_leaf(header.digest()))
            if followed.seal:
                vouched = header.height
        return Checked(followed, header, tuple(peaks), vouched)

    # Who decided it

    def _check_embedded_or_founding(self) -> None:
        """Sealed by the embedded engine, or the founding of a network, which its first commit vouches for."""
        followed, last = self._followed, self._checked.last
        require(last is None or last.light_block is None, "it lacks a commit, though consensus had begun")
        header = followed.header
        if header is None:
            raise Invalid("it lacks a header")
        require(followed.last_commit is None, "it records a commit of no block")
        block = self._block
        require(not block.last_commit and not block.misbehaviour, "it tells of votes, and nobody voted")
        if self._trust.validators:
            require(
                not followed.seal and not block.items, "the founding of a network has neither seal nor items"
            )
            return
        message = seal_message(self._trust.chain_id, header.digest())
        require(
            any(verify(key, message, followed.seal) for key in self._trust.sealers),
            "its header is not sealed by a key that the genesis file names",
        )
        handover = self._trust.handover
        require(
            handover is None or block.height <= handover.header.height,
            "its sealer had handed the ledger over to a network before",
        )

    def _check_consensus(self, light: LightBlock) -> None:
        followed, header = self._followed, light.header
        require(not followed.seal, "it has both a seal and a commit")
        check_light_block(light, self._trust.chain_id)
        require(header.height == self._block.height, "its commit is of another height")
        check_signers(self._trusted(), light, TWO_THIRDS)
        in_force = self._checked.header
        require(
            in_force is not None and header.app_hash == in_force.digest(),
            "the application hash that its validators signed is not the last header's",
        )
        require(
            header.data_hash == items_hash(self._block.items), "its items are not those that were decided"
        )
        require(header.proposer == self._block.proposer, "another node put it together than it says")
        require(
            (header.evidence_hash in (b"", _NOTHING)) == (not self._block.misbehaviour),
            "it tells of misbehaviour where its header does not, or the other way round",
        )
        self._check_last_commit(light)

    def _trusted(self) -> TrustedState:
        """Who may sign the next block: those whom the one before names, or those with whom the network begins."""
        before = self._checked.last.light_block if self._checked.last is not None else None
        if before is not None:
            return TrustedState.after(before)
        start = self._trust.start(None)
        handover = self._trust.handover
        require(
            handover is None or handover.header == self._checked.header,
            "the ledger was handed over after another block than the last one",
        )
        return start._replace(height=self._checked.height)

    def _check_last_commit(self, light: LightBlock) -> None:
        before = self._checked.last.light_block if self._checked.last is not None else None
        recorded = self._followed.last_commit
        if before is None:
            require(recorded is None and not self._block.last_commit, "it records a commit of no block")
            return
        if recorded is None:
            raise Invalid("it lacks the commit of the block before")
        require(
            header_hash(before.header) == light.header.last_block.hash == recorded.block.hash,
            "it follows another block than the one before it",
        )
        require(
            commit_hash(recorded) == light.header.last_commit_hash,
            "it records another commit than its header",
        )
        require(
            self._block.last_commit == commit_info(recorded, before.validators),
            "the votes that it tells of are not those of the commit that it records",
        )

    # What is in it

    def _check_feed_item(self) -> None:
        """It belongs to the commit that the block records; its signatures were checked by those who voted for it."""
        try:
            check_commit_of(self._block.feed_item, self._block.last_commit)
        except FeedItemIsInvalid as invalid:
            raise Invalid(str(invalid)) from None

    def _check_item(self, item: bytes) -> None:
        """Each item is a bundle, signed by whoever gathered it; what is inside may be sealed."""
        require(len(item) <= BUNDLE_BYTES_MAX, "an item is too large")
        try:
            bundle, content = read_bundle(item)
        except Rejected:
            raise Invalid("an item is no bundle") from None
        message = bundle_sign_prefix(self._trust.chain_id) + bundle.content
        require(
            verify(bundle.key, message, bundle.signature), "the signature of a bundle's gatherer is wrong"
        )
        require(address_of(bundle.key) == content.gatherer, "another key than its gatherer's signed a bundle")

    # What it led to

    def _check_header(self, header: Header) -> None:
        before, block, light = self._checked.header, self._block, self._followed.light_block
        require(header.height == block.height, "its header is of another height")
        require(header.time_ms == block.time_ms, "its header has another time")
        require(
            header.number == (before.number + 1 if before is not None else 0), "its header has another number"
        )
        require(before is None or header.time_ms > before.time_ms, "its time is not after the last header's")
        require(
            before is None or header.rule_version >= before.rule_version,
            "its rules are older than the last header's",
        )
        require(header.items_digest == items_digest(block.items), "its header names other items")
        require(
            header.history_root == root_of_peaks(self._checked.peaks),
            "its header has another history before it",
        )
        digests = (header.state_root, header.changes_root, header.receipts_root, header.window_digest)
        require(all(len(digest) == DIGEST for digest in digests), "a digest in its header has a wrong size")
        if light is not None and before is not None and not self._trust.sandbox:
            decided_ms = light.header.at_ns // _MS_NS
            require(
                header.time_ms == max(before.time_ms + 1, decided_ms),
                "its header's time is not the one that its validators agreed on",
            )
