"""What a proof consists of; docs/explanation/proofs.md says how it is checked and why that suffices.

A proof is made against one sealed header and speaks as of the end of one block, which may be any earlier one. The
header is sealed by the embedded engine's key, or by the validators whose commits lead to it. Runs of 32-byte digests
stand end to end in one byte string (`path`, `siblings`).
"""

from __future__ import annotations

from enum import StrEnum

from counterfoil.primitives.digests import EMPTY
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import LightBlock, Validator
from counterfoil.state.proof_parts import Part

FORMAT = "counterfoil-proof-1"


class ProofKind(StrEnum):
    """RECORDS: values of records. ABSENCE: that a list has no such member. LIST: all members of a list.

    RECEIPTS: receipts of one block. HEADER: which block was in force.
    """

    RECORDS = "records"
    ABSENCE = "absence"
    LIST = "list"
    RECEIPTS = "receipts"
    HEADER = "header"


class Next(Part):
    """The change of a record that followed the one shown: at which height, hidden value, place among its changes."""

    height: int
    hidden: bytes
    place: int


class Standing(Part):
    """A record's value from one change of it to the next.

    key: table number and key. height, previous: of this change and of the one before in the same life. With `next`,
    `place` is an index among the changes of block `height`; without, it is a slot of the state under the sealed
    header, and the value still stands there.
    """

    key: bytes
    height: int
    previous: int
    salt: bytes
    value: bytes
    place: int
    next: Next | None = None


class Block(Part):
    """An earlier block (or the sealed one itself, with an empty path) that something is shown to have happened in.

    path: from its header to the history root of the sealed header. changes, receipts: what leads from the leaves
    that the proof shows to the block's changes root and receipts root.
    """

    header: Header
    path: bytes = b""
    change_siblings: bytes = b""
    receipt_siblings: bytes = b""


class Place(Part):
    """Of which list and which member the proof speaks. number: the list rule's. member: empty for the whole list."""

    number: int
    parent: bytes
    member: bytes = b""


class Member(Part):
    """One member of a list: its link, what opens the link's commitment, and the record that it stands for."""

    link: Standing
    blind: bytes
    record: Standing


class ShownReceipt(Part):
    """One receipt. place: its index among the block's. sealed: digest of its sealed form, or zero bytes."""

    place: int
    salt: bytes
    plaintext: bytes
    sealed: bytes = EMPTY


class Handover(Part):
    """How a ledger of the embedded engine grew up: whom its sealer names to go on with it, after its last block.

    header: of that block; the network begins one height later. validators: in CometBFT's order. seal: by a key that the
    genesis file names, over `verify.light.handover.handover_message`.
    """

    header: Header
    validators: tuple[Validator, ...]
    seal: bytes


class Vouching(Part):
    """What makes a header believed that consensus decided: light blocks from where trust begins to one that names it.

    light_blocks: rising in height, each signed by enough of the one before; the last one's header carries the
    application hash. handover: where trust begins, if the ledger had the embedded engine first.
    """

    light_blocks: tuple[LightBlock, ...]
    handover: Handover | None = None


class Proof(Part):
    """See the module's text.

    seal: the embedded engine's, empty where `vouching` takes its place.
    genesis: digest of the ledger's genesis file. height: the end of that block is what is spoken of. instant_ms: the
    question's instant, where it was asked by time: block `height` was the last one then. siblings: what leads from
    the leaves in the state to the sealed header's state root. gap: the link before the place (ABSENCE) or before
    the list (LIST). named: records beside the question that name the handles in it, each as of its own time.
    """

    format: str
    kind: ProofKind
    chain_id: str
    genesis: bytes
    height: int
    sealed: Header
    seal: bytes = b""
    vouching: Vouching | None = None
    instant_ms: int | None = None
    blocks: tuple[Block, ...] = ()
    siblings: bytes = b""
    records: tuple[Standing, ...] = ()
    named: tuple[Standing, ...] = ()
    place: Place | None = None
    gap: Standing | None = None
    members: tuple[Member, ...] = ()
    receipts: tuple[ShownReceipt, ...] = ()
