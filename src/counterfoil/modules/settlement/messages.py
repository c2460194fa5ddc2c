"""What members may ask about settlement. Tags 900 to 949."""

from __future__ import annotations

from counterfoil.modules.settlement.records import (
    BatchChunk,
    Linkage,
    Method,
    Movement,
    Partial,
    Priority,
)
from counterfoil.modules.trades.interface import TradeTerms
from counterfoil.primitives.codec import Message, Record


class Instruct(Message, tag=900):
    """One side's settlement instruction, with what sese.023 carries. It waits until the other side's matches it.

    market: whose rules hold. party: the member that instructs, owner or servicer of the account. cash_account: b"" for
    the account's default one, or itself where it has none. quantity, amount: in units of the instrument's and the
    asset's scale; amount 0 and asset b"" where free. counterparty: the other side's party; counterparty_account: b""
    where any of its accounts may match. trade: id of a live trade to link, or b"". reference: the member's own, used
    once within the ledger's reference window. client, counterparty_client: who stands behind the sides, or "".
    """

    market: str
    party: bytes
    account: bytes
    movement: Movement
    method: Method
    instrument_id: bytes
    quantity: int
    counterparty: bytes
    trade_date: int
    settlement_date: int
    reference: str
    cash_account: bytes = b""
    asset: bytes = b""
    amount: int = 0
    counterparty_account: bytes = b""
    transaction_type: str = "TRAD"
    common_reference: str = ""
    trade_reference: str = ""
    trade: bytes = b""
    client: str = ""
    counterparty_client: str = ""
    hold: bool = False
    partial: Partial = Partial.NOT_ALLOWED
    priority: Priority = Priority.NORMAL
    linkages: tuple[Linkage, ...] = ()


class Side(Record):
    """What only one side of a trade says: its accounts, its own reference and its process indicators."""

    account: bytes
    reference: str
    cash_account: bytes = b""
    hold: bool = False
    partial: Partial = Partial.NOT_ALLOWED
    priority: Priority = Priority.NORMAL
    linkages: tuple[Linkage, ...] = ()


class InstructBoth(Message, tag=901):
    """A trade and the instructions of both its sides, signed by both: matched from the start, and settled at once
    where it is due and provided for. The seller delivers, the buyer receives and pays."""

    market: str
    trade: TradeTerms
    settlement_date: int
    delivery: Side
    receipt: Side
    transaction_type: str = "TRAD"
    common_reference: str = ""


class Amend(Message, tag=902):
    """Change the process indicators of one's own instruction; None leaves one as it is. linkages: replaces all."""

    instruction_id: bytes
    hold: bool | None = None
    priority: Priority | None = None
    partial: Partial | None = None
    linkages: tuple[Linkage, ...] | None = None


class Allocate(Message, tag=903):
    """Set aside, before its date, what one's own instruction will need: securities for a delivery, money for a receipt.

    quantity: 0 for all that is not settled yet.
    """

    instruction_id: bytes
    quantity: int = 0


class Deallocate(Message, tag=904):
    """Let go what was set aside for one's own instruction."""

    instruction_id: bytes


class Cancel(Message, tag=905):
    """End one's own instruction: at once while it is unmatched; once matched when the other side asks too."""

    instruction_id: bytes


class SignOff(Message, tag=906):
    """The market's operator lets a matched pair settle, where the rulebook demands it. instruction_id: either one."""

    instruction_id: bytes


class RefuseSignOff(Message, tag=907):
    """The market's operator refuses; both instructions end. narrative: why, told to both sides."""

    instruction_id: bytes
    narrative: str


class OpenBatch(Message, tag=908):
    """Announce a set of net settlement legs. chunks: in how many parts it will be loaded."""

    market: str
    party: bytes
    reference: str
    settlement_date: int
    chunks: int


class LoadBatch(Message, tag=909):
    """One part of an open batch's legs. number: from 0; parts may come in any order."""

    batch_id: bytes
    number: int
    chunk: BatchChunk


class SettleBatch(Message, tag=910):
    """Settle all legs of a batch in one block, or none. digest: of the chunks as loaded, which is what is signed: by
    the party that loads, and for each account that pays or delivers."""

    batch_id: bytes
    digest: bytes


class InstructWithNote(Message, tag=912):
    """One side's instruction, with a note that is passed to the other side once they match.

    note: up to 1,024 bytes that the ledger does not read, sealed to a key that the receiver made.
    """

    instruction: Instruct
    note: bytes


class InstructBothWithNotes(Message, tag=913):
    """A trade and both instructions, with a note from either side to the other, passed at once; as above, b"" for none.

    to_receiver: from the side that delivers, to the one that receives and pays. to_deliverer: the other way.
    """

    both: InstructBoth
    to_receiver: bytes = b""
    to_deliverer: bytes = b""


class CancelBatch(Message, tag=911):
    """Drop a batch that is not settled."""

    batch_id: bytes
