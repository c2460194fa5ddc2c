"""Why the rules about settlement refuse. Numbers 9000 to 9999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class SettlementReject(RejectCode):
    REFERENCE_IS_MALFORMED = (
        9000,
        "A reference is empty where one is needed, too long, or not printable ASCII.",
        "Give printable ASCII: up to 35 characters, 52 for a trade's reference.",
    )
    TRANSACTION_TYPE_IS_UNKNOWN = (
        9001,
        "The transaction type is none of ISO 20022's codes.",
        "Give a code of the list, such as TRAD.",
    )
    AMOUNT_IS_INVALID = (
        9002,
        "The amount is negative or does not fit into 63 bits.",
        "State the amount in units of the settlement asset's scale.",
    )
    METHOD_IS_INCONSISTENT = (
        9003,
        "Free of payment takes neither amount nor asset; against payment takes both.",
        "Choose the method that fits, or complete amount and asset.",
    )
    INSTRUMENT_IS_THE_ASSET = (
        9004,
        "What is delivered and what it is paid with are the same.",
        "Name different instruments.",
    )
    DATE_IS_INVALID = (
        9005,
        "A date is none, the settlement date is before the trade date, or it lies more than ten years ahead.",
        "Write days of the calendar as yyyymmdd.",
    )
    PAYMENT_METHOD_DOES_NOT_FIT = (
        9006,
        "Money against money is payment versus payment; anything else against money is delivery versus payment.",
        "Choose the method by what is delivered.",
    )
    ASSET_IS_NOT_ACCEPTED = (
        9007,
        "The market does not accept this settlement asset.",
        "Use a money token that the market's operator has accepted.",
    )
    SETTLEMENT_DATE_IS_NO_BUSINESS_DAY = (
        9008,
        "The market, or the currency's payment system, is closed on the intended settlement date.",
        "Choose the next business day.",
    )
    PARTY_DOES_NOT_HOLD_THE_ACCOUNT = (
        9009,
        "The instructing party neither owns nor services the account.",
        "Instruct for an account that the party holds or keeps.",
    )
    TRADE_DOES_NOT_AGREE = (
        9010,
        "The trade's sides are not the parties of the accounts, or its dates do not fit the instruction.",
        "Let the seller's account deliver and the buyer's receive, on or after the trade date.",
    )
    SIDES_USE_THE_SAME_ACCOUNT = (
        9011,
        "Delivering and receiving account are the same.",
        "Name two securities accounts.",
    )
    PRIORITY_IS_RESERVED = (
        9012,
        "The reserved priority is for the market's operator.",
        "Use top, high or normal priority.",
    )
    REFERENCE_IS_USED = (
        9013,
        "The member has used this reference already.",
        "Look the earlier instruction up; give a new one a new reference.",
    )
    TOO_MANY_LINKAGES = (
        9014,
        "The instruction names more linkages than one may have.",
        "Name at most 8.",
    )
    LINKED_INSTRUCTION_NOT_FOUND = (
        9015,
        "None of the member's live instructions bears the linked reference.",
        "Link to a live instruction of the same member; drop the linkage if that one has settled.",
    )
    LINKAGE_IS_CIRCULAR = (
        9016,
        "The instruction would be linked to itself or to the same instruction twice.",
        "Name each other instruction once.",
    )
    TOO_MANY_LINKS = (
        9017,
        "One of the linked instructions would have more links than one may have.",
        "Link at most 64 instructions to one.",
    )
    INSTRUCTION_NOT_FOUND = (
        9020,
        "There is no such live instruction.",
        "Check the identifier; a settled or cancelled one has left the state and is in the receipts.",
    )
    NOTHING_CHANGES = (
        9021,
        "The instruction stands as asked already.",
        "Send an amendment only where something differs.",
    )
    CANCELLATION_IS_REQUESTED = (
        9022,
        "This side has asked for cancellation already.",
        "Wait for the other side to cancel too.",
    )
    NOTHING_TO_ALLOCATE = (
        9023,
        "The instruction receives free of payment: it needs nothing of this account.",
        "Allocate securities to deliveries, and money to receipts against payment.",
    )
    INSTRUCTION_IS_ALLOCATED = (
        9024,
        "Something is set aside for the instruction already.",
        "Deallocate first to set aside another quantity.",
    )
    ALLOCATION_IS_OUT_OF_RANGE = (
        9025,
        "The quantity to be set aside is negative, or more than what is not settled yet.",
        "State 0 for all that is open, or less than it.",
    )
    INSTRUCTION_IS_NOT_ALLOCATED = (
        9026,
        "Nothing is set aside for the instruction.",
        "There is nothing to let go.",
    )
    INSTRUCTION_IS_NOT_MATCHED = (
        9027,
        "The instruction is not matched.",
        "Wait until the other side's instruction matches it.",
    )
    SIGN_OFF_IS_NOT_AWAITED = (
        9028,
        "The settlement needs no sign-off, or has it already.",
        "There is nothing to sign off.",
    )
    NARRATIVE_IS_MALFORMED = (
        9029,
        "The reason is empty or too long.",
        "State it in 1 to 210 characters.",
    )
    BATCH_PARTY_HAS_NO_ROLE = (
        9040,
        "Net batches are loaded by the market's operator, a depository, an exchange or an operator.",
        "Let one of these load the batch.",
    )
    BATCH_SIZE_IS_INVALID = (
        9041,
        "A batch has 1 to 1,024 parts.",
        "Choose a number of parts in that range.",
    )
    BATCH_NOT_FOUND = (
        9042,
        "There is no such open batch.",
        "Check the identifier; a settled or cancelled batch is in the receipts.",
    )
    CHUNK_NUMBER_IS_INVALID = (
        9043,
        "The batch has no part of that number.",
        "Number the parts from 0.",
    )
    CHUNK_IS_LOADED = (
        9044,
        "That part of the batch is loaded already.",
        "Load the parts that are missing.",
    )
    CHUNK_IS_MALFORMED = (
        9045,
        "The part's tables or arrays have a wrong length, are out of order, or point outside the tables.",
        "Pack them as the module's documentation says.",
    )
    CHUNK_IS_TOO_LARGE = (
        9046,
        "The part has no legs, or more than one part may have.",
        "Load 1 to 65,536 legs at a time.",
    )
    LEG_QUANTITY_IS_INVALID = (
        9047,
        "A leg's quantity is zero, or does not fit into 63 bits.",
        "Leave out what nets to nothing.",
    )
    BATCH_IS_NOT_COMPLETE = (
        9048,
        "Not all parts of the batch are loaded.",
        "Load the missing parts first.",
    )
    DIGEST_DIFFERS = (
        9049,
        "The signed digest is not that of the loaded parts.",
        "Compute the digest over the parts as loaded; if they are wrong, cancel the batch and load it again.",
    )
    BATCH_IS_NOT_DUE = (
        9050,
        "The batch's settlement date has not come.",
        "Settle it on or after that business date.",
    )
    MARKET_DOES_NOT_SETTLE_NOW = (
        9051,
        "The market's day is closed, or its cut-off has passed.",
        "Settle the batch when the market is open.",
    )
    BATCH_DOES_NOT_NET_TO_ZERO = (
        9052,
        "The legs of an instrument do not sum to zero.",
        "Deliver exactly as much as is received, of each instrument.",
    )
    NET_IS_TOO_LARGE = (
        9053,
        "A net position does not fit into 63 bits.",
        "Check the quantities of the legs.",
    )
    NOTE_IS_MALFORMED = (
        9055,
        "The note to the other side is empty, or has more than 1,024 bytes.",
        "Shorten it, or send what is longer in another way and its digest here.",
    )
    BATCH_IS_TOO_LARGE = (
        9054,
        "The loaded parts have more legs than one batch may settle.",
        "Split the batch.",
    )
