"""What is kept about settlement instructions while they live, and about net batches until they settle."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import ListRule, Reader, Table

NOTE_BYTES_MAX = 1_024
"""Of a note from one side to the other: room for a sentence or two beside what sealing adds."""
REFERENCE_LENGTH_MAX = 35
"""Characters of a reference: ISO 20022's Max35Text."""
TRADE_REFERENCE_LENGTH_MAX = 52
"""Characters of a trade's reference: Max52Text."""
NARRATIVE_LENGTH_MAX = 210
"""Characters of a stated reason: Max210Text."""
LINKAGES_MAX = 8
"""Linkages that one instruction names."""
LINKS_MAX = 64
"""Links of one instruction, those that others made to it included: all are looked at when it settles."""
TOGETHER_MAX = 16
"""Pairs of instructions that settle together, all or none."""
DATES_AHEAD_MAX = 3_653
"""Calendar days from the business date to an intended settlement date: ten years."""

TRANSACTION_TYPES = frozenset(
    (
        *(
            "BSBK",
            "COLI",
            "COLO",
            "MKDW",
            "MKUP",
            "NETT",
            "NSYN",
            "PAIR",
            "PLAC",
            "PORT",
            "REAL",
            "REDM",
            "REPU",
        ),
        *(
            "RODE",
            "RVPO",
            "SECB",
            "SECL",
            "SUBS",
            "SYND",
            "TBAC",
            "TRAD",
            "TRPO",
            "TRVO",
            "TURN",
            "BYIY",
            "CNCB",
        ),
        *(
            "OWNE",
            "FCTA",
            "OWNI",
            "RELE",
            "SBRE",
            "CORP",
            "CLAI",
            "AUTO",
            "SWIF",
            "SWIT",
            "CONV",
            "ETFT",
            "ISSU",
        ),
        *("SLRE", "INSP", "SBBK", "REDI"),
    )
)
"""SecuritiesTransactionType23Code of sese.023."""


class Movement(StrEnum):
    """Which way the instrument goes, seen from the instruction's account (ReceiveDelivery1Code)."""

    DELIVER = "DELI"
    RECEIVE = "RECE"


class Method(IntEnum):
    """FREE: against nothing. DVP: delivery if and only if payment. PVP: payment if and only if payment, where what is
    delivered is itself a money token."""

    FREE = 1
    DVP = 2
    PVP = 3


class Partial(StrEnum):
    """Whether a side lets its instruction settle in parts (SettlementTransactionCondition5Code, the two without a
    threshold of their own: the market's minimum holds)."""

    ALLOWED = "PART"
    NOT_ALLOWED = "NPAR"


class Priority(IntEnum):
    """What is tried first. RESERVED is for the market's operator."""

    RESERVED = 1
    TOP = 2
    HIGH = 3
    NORMAL = 4


class Position(StrEnum):
    """How an instruction stands to the one that it is linked to (ProcessingPosition): settle AFTER it, BEFORE it, WITH
    it (all or none), or merely name it."""

    AFTER = "AFTE"
    BEFORE = "BEFO"
    WITH = "WITH"
    INFORMATION = "INFO"


class Linkage(Record):
    """As instructed. reference: the account owner's own reference of the other instruction."""

    position: Position
    reference: str


class Link(Record):
    """As kept. instruction: the other instruction's id (32 bytes).

    Both ends know it: AFTER here is BEFORE there, WITH is WITH; only INFORMATION stands at one end. A link AFTER goes
    when the other instruction has wholly settled.
    """

    position: Position
    instruction: bytes


class ProcessingStatus(IntEnum):
    """ACCEPTED until cancellation is asked for (AckdAccptd, PdgCxl)."""

    ACCEPTED = 1
    PENDING_CANCELLATION = 2


class MatchingStatus(IntEnum):
    UNMATCHED = 1
    MATCHED = 2


class HoldStatus(IntEnum):
    """Of this side: HELD may match but not settle."""

    RELEASED = 1
    HELD = 2


class SettlementStatus(IntEnum):
    """PENDING: nothing settled yet. PARTIAL: a part is. What is wholly settled has left the state. Whether a pending
    one is failing (its intended date has passed) follows from the market's business date."""

    PENDING = 1
    PARTIAL = 2


class CancellationStatus(IntEnum):
    """REQUESTED: by this side; a matched instruction ends when the other side asks too."""

    NONE = 1
    REQUESTED = 2


class SignOffStatus(IntEnum):
    """Of the matched pair, kept with the delivering instruction."""

    NOT_REQUIRED = 1
    AWAITED = 2
    GIVEN = 3


class Moment(Record):
    """When something became so: height, block time (ms) and the market's business date."""

    height: int
    time_ms: int
    business_date: int


class Instruction(Record):
    """Key: instruction id (32 bytes). One side's instruction, while it lives.

    market: whose rulebook and business date hold. party: the member that instructs, owner or servicer of the account;
    its references are its own. account, cash_account (b"" where free): where the instrument and the money move.
    quantity, amount: as instructed, in units of the instrument's and the asset's scale. counterparty: the other
    side's party; counterparty_account: b"" where any of its accounts may match. transaction_type: ISO 20022's code.
    trade: id of the linked trade or b"". entry: number that rises with each instruction. counterpart: the other
    instruction once matched. earmark: what the holder allocated (securities for a delivery, money for a receipt).
    reason: the code of why it does not match or settle now. queue: where it waits, as the queue's table number and
    key: an unmatched one in MATCHING, a pair (kept with the delivering instruction) in one of the others; b"" where
    nothing that could arrive is waited for. note: what is to be passed to the other side once they match.
    """

    market: str
    party: bytes
    account: bytes
    cash_account: bytes
    movement: Movement
    method: Method
    transaction_type: str
    instrument_id: bytes
    quantity: int
    asset: bytes
    amount: int
    counterparty: bytes
    counterparty_account: bytes
    trade_date: int
    settlement_date: int
    reference: str
    common_reference: str
    trade_reference: str
    trade: bytes
    client: str
    counterparty_client: str
    priority: Priority
    partial: Partial
    links: tuple[Link, ...]
    relationship: bytes
    account_handle: bytes
    handle: bytes
    entry: int
    accepted: Moment
    processing: ProcessingStatus
    matching: MatchingStatus
    hold: HoldStatus
    settlement: SettlementStatus
    cancellation: CancellationStatus
    sign_off: SignOffStatus
    reason: str
    counterpart: bytes = b""
    matched: Moment | None = None
    settled_quantity: int = 0
    settled_amount: int = 0
    earmark: bytes = b""
    queue: bytes = b""
    note: bytes = b""


class InstructionReference(Record):
    """Key: digest of party and reference (32 bytes). Which live instruction bears the reference."""

    instruction: bytes


class Waiting(Record):
    """A place in one of the queues.

    MATCHING: key is digest of the matching fields (32), movement (1), entry (8): an unmatched instruction.
    WAITING: account (20), instrument (20), order (13): a pair that lacks quantity there; least: the smallest rise of
    the available quantity with which a new attempt makes sense is to `least` units. With `EVERY` in the place of either
    it waits until an order against the account is lifted, or the instrument's suspension ends; with a party in the
    account's place, until that is reinstated or verified.
    DUE: market (4), date (4), order (13): a pair to be tried when the market's business date reaches that date.
    READY: order (13): a pair that nothing is known to stand against.
    The order is priority (1), intended settlement date (4), entry (8). instruction: the unmatched or delivering one.
    """

    instruction: bytes
    least: int = 0


class Recycled(Record):
    """Key: market (4), the later of intended settlement date and business date of entry (4), entry number (8).

    A live instruction, found when its recycling period is over.
    """

    instruction: bytes


class Risen(Record):
    """Key: account (20), instrument (20). What waits there is still to be tried, from after the order `after` on."""

    after: bytes


class Counters(Record):
    """Key: one byte 0. The last entry number given."""

    entries: int


class Batch(Record):
    """Key: batch id (32 bytes). A set of net settlement legs that settles all together.

    party: who loads and settles it. reference: its own. chunks: how many there will be; loaded, legs: how many chunks
    and legs there are so far. settlement_date: the business date on which it may settle.
    """

    market: str
    party: bytes
    reference: str
    settlement_date: int
    chunks: int
    loaded: int
    legs: int
    opened: Moment


class OpenBatchPlace(Record):
    """Key: market (4), the later of settlement date and business date of announcement (4), batch id (32). A batch that
    has neither settled nor ended."""


class BatchChunk(Record):
    """Key: batch id (32), chunk number (4, big-endian, from 0). One part of a batch's legs, packed little-endian.

    accounts, instruments: identifiers (20 bytes each), end to end, ascending. Leg i moves quantity[i] (8 bytes, signed)
    into account account_index[i] (4 bytes) of instrument instrument_index[i] (2 bytes); negative is out of it.
    """

    accounts: bytes
    instruments: bytes
    account_index: bytes
    instrument_index: bytes
    quantity: bytes


def _place_among_instructions(_reader: Reader, _key: bytes, instruction: Instruction) -> tuple[bytes, bytes]:
    return instruction.account_handle, instruction.handle


INSTRUCTIONS_OF_ACCOUNT = ListRule(
    number=90, name="instructions of an account", place=_place_among_instructions
)

INSTRUCTIONS = Table(
    number=90, name="instructions", record=Instruction, key_sizes=(32,), lists=(INSTRUCTIONS_OF_ACCOUNT,)
)
INSTRUCTION_REFERENCES = Table(
    number=91, name="instruction_references", record=InstructionReference, key_sizes=(32,), resident=True
)
MATCHING = Table(number=92, name="matching", record=Waiting, key_sizes=(32, 1, 8), resident=True)
WAITING = Table(number=93, name="waiting", record=Waiting, key_sizes=(20, 20, 13), resident=True)
DUE = Table(number=94, name="due", record=Waiting, key_sizes=(4, 4, 13), clear=8, resident=True)
READY = Table(number=95, name="ready", record=Waiting, key_sizes=(13,), resident=True)
RISEN = Table(number=96, name="risen", record=Risen, key_sizes=(20, 20), resident=True)
COUNTERS = Table(number=97, name="settlement_counters", record=Counters, key_sizes=(1,), resident=True)
BATCHES = Table(number=98, name="batches", record=Batch, key_sizes=(32,))
BATCH_CHUNKS = Table(number=99, name="batch_chunks", record=BatchChunk, key_sizes=(32, 4))
RECYCLED = Table(number=100, name="recycled", record=Recycled, key_sizes=(4, 4, 8), clear=8, resident=True)

OPEN_BATCHES = Table(
    number=101, name="open_batches", record=OpenBatchPlace, key_sizes=(4, 4, 32), clear=8, resident=True
)

COUNTERS_KEY = b"\0"
