"""What happened to instructions and batches. Tags 950 to 999.

Each side is told of its own instruction, by its account's relationship; quantities that moved are told by holdings.
"""

from __future__ import annotations

from counterfoil.modules.settlement.records import Link, Method, Movement, Partial, Priority
from counterfoil.modules.trades.interface import TradeTerms
from counterfoil.primitives.codec import Fact


class InstructionAccepted(Fact, tag=950):
    """An instruction is on the ledger. Fields as in the instruction."""

    instruction_id: bytes
    market: str
    party: bytes
    account: bytes
    movement: Movement
    method: Method
    instrument_id: bytes
    quantity: int
    asset: bytes
    amount: int
    counterparty: bytes
    trade_date: int
    settlement_date: int
    reference: str
    common_reference: str
    trade_reference: str
    business_date: int


class InstructionMatched(Fact, tag=951):
    """An instruction is matched, and irrevocable but by both sides."""

    instruction_id: bytes
    counterpart: bytes
    business_date: int


class InstructionPending(Fact, tag=952):
    """Why an instruction does not match or settle now, as an ISO 20022 code. Told when the reason changes."""

    instruction_id: bytes
    reason: str


class InstructionAmended(Fact, tag=953):
    """The process indicators of an instruction, as they are now."""

    instruction_id: bytes
    hold: bool
    priority: Priority
    partial: Partial
    links: tuple[Link, ...]


class InstructionSettled(Fact, tag=954):
    """An instruction has settled, wholly or in part.

    quantity, amount: of this settlement. open_quantity: what is left; 0 means that the instruction has ended.
    """

    instruction_id: bytes
    counterpart: bytes
    reference: str
    trade_reference: str
    quantity: int
    amount: int
    open_quantity: int
    business_date: int


class InstructionCancelled(Fact, tag=955):
    """An instruction has ended unsettled, or with its open rest given up. reason: an ISO 20022 code."""

    instruction_id: bytes
    reference: str
    reason: str
    narrative: str = ""


class CancellationRequested(Fact, tag=956):
    """One side of a matched pair has asked for cancellation. by: its instruction's id."""

    instruction_id: bytes
    by: bytes


class SettlementSignedOff(Fact, tag=957):
    """The market's operator lets the matched pair settle."""

    instruction_id: bytes


class DeliverySettled(Fact, tag=958):
    """A trade that both sides instructed together has settled in the block in which it came; told to both.

    Nothing of it is in the state: delivery_id and receipt_id are the identities of the two instructions that were
    born, matched, settled and ended here. terms: without the other side's client. settlement_date: as intended.
    """

    trade_id: bytes
    delivery_id: bytes
    receipt_id: bytes
    market: str
    terms: TradeTerms
    settlement_date: int
    business_date: int
    delivery_reference: str
    receipt_reference: str
    common_reference: str


class NotePassed(Fact, tag=959):
    """What the other side of an instruction wrote, for the receiver alone: told to its account's relationship.

    instruction_id: the receiver's own. note: sealed to a key of the receiver's; the ledger does not read it.
    """

    instruction_id: bytes
    note: bytes


class BatchOpened(Fact, tag=960):
    """A net settlement batch is announced."""

    batch_id: bytes
    market: str
    party: bytes
    reference: str
    settlement_date: int
    chunks: int


class BatchLoaded(Fact, tag=961):
    """A part of a batch was loaded. digest: of that part."""

    batch_id: bytes
    number: int
    legs: int
    digest: bytes


class BatchSettled(Fact, tag=962):
    """A batch has settled: told to the party that loaded it, and to every account that it changed.

    digest: commits to every leg. The net change of each account and instrument is told as a posting by holdings,
    whose reference is the batch.
    """

    batch_id: bytes
    digest: bytes
    legs: int
    business_date: int


class BatchCancelled(Fact, tag=963):
    """A batch was dropped unsettled."""

    batch_id: bytes
    reference: str


class BatchLapsed(Fact, tag=964):
    """A batch has ended because it was not settled for as long as the market keeps it."""

    batch_id: bytes
    reference: str
