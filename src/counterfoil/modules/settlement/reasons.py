"""Why an instruction does not match, does not settle or was cancelled: ISO 20022's codes, in plain words.

The codes are those of the settlement status advice (sese.024): UnmatchedReason11Code, PendingReason24Code (on its
date) or FailingReason4Code (later), PendingReason6Code for a cancellation that waits, CancelledStatusReason16Code.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple


class ReasonKind(Enum):
    """Which of the message's statuses a code belongs to."""

    UNMATCHED = "Umtchd"
    PENDING = "Pdg"
    PENDING_CANCELLATION = "PdgCxl"
    CANCELLED = "Canc"


class Reason(StrEnum):
    """A code that this ledger gives, as it stands in an instruction's record."""

    NO_MATCH = "CMIS"
    AMOUNT_DIFFERS = "DMON"
    ACCOUNT_DIFFERS = "SAFE"
    YOUR_INSTRUCTION_IS_HELD = "PREA"
    COUNTERPARTY_INSTRUCTION_IS_HELD = "PRCY"
    BOTH_INSTRUCTIONS_ARE_HELD = "BOTH"
    SIGN_OFF_IS_AWAITED = "CVAL"
    LINKED_INSTRUCTION_IS_PENDING = "LINK"
    SETTLEMENT_DATE_IS_AHEAD = "FUTU"
    MARKET_DEADLINE_HAS_PASSED = "LATE"
    SECURITIES_ARE_BLOCKED = "SBLO"
    YOUR_ACCOUNT_IS_BLOCKED = "BLOC"
    COUNTERPARTY_IS_BLOCKED = "PRSY"
    LACK_OF_SECURITIES = "LACK"
    COUNTERPARTY_LACKS_SECURITIES = "CLAC"
    LACK_OF_MONEY = "MONY"
    COUNTERPARTY_LACKS_MONEY = "CMON"
    COUNTERPARTY_CONFIRMATION_IS_AWAITED = "CONF"
    CANCELLED_BY_YOURSELF = "CANI"
    CANCELLED_BY_THIRD_PARTY = "CTHP"
    CANCELLED_BY_THE_SYSTEM = "CANS"


NO_REASON = ""


class Explained(NamedTuple):
    """What a code means to whoever is told it, and what to do about it."""

    kind: ReasonKind
    words: str
    remedy: str


REASONS: dict[Reason, Explained] = {
    Reason.NO_MATCH: Explained(
        ReasonKind.UNMATCHED,
        "No instruction of your counterparty matches yours.",
        "Ask the counterparty to instruct, or compare each matching field with it.",
    ),
    Reason.AMOUNT_DIFFERS: Explained(
        ReasonKind.UNMATCHED,
        "Your counterparty's instruction agrees but for the amount, which differs by more than the market tolerates.",
        "Agree on the amount; whoever is wrong cancels and instructs again.",
    ),
    Reason.ACCOUNT_DIFFERS: Explained(
        ReasonKind.UNMATCHED,
        "Your counterparty's instruction agrees but for the securities account of one of the sides.",
        "Agree on the accounts, or name none for the other side.",
    ),
    Reason.YOUR_INSTRUCTION_IS_HELD: Explained(
        ReasonKind.PENDING,
        "Your instruction is on hold.",
        "Release it.",
    ),
    Reason.COUNTERPARTY_INSTRUCTION_IS_HELD: Explained(
        ReasonKind.PENDING,
        "Your counterparty's instruction is on hold.",
        "Ask the counterparty to release it.",
    ),
    Reason.BOTH_INSTRUCTIONS_ARE_HELD: Explained(
        ReasonKind.PENDING,
        "Your instruction and your counterparty's are on hold.",
        "Release yours, and ask the counterparty to release its own.",
    ),
    Reason.SIGN_OFF_IS_AWAITED: Explained(
        ReasonKind.PENDING,
        "The market's operator has not signed the settlement off.",
        "Wait for the operator, or ask it.",
    ),
    Reason.LINKED_INSTRUCTION_IS_PENDING: Explained(
        ReasonKind.PENDING,
        "An instruction that yours is linked to has not settled, or cannot settle together with it.",
        "Look at the linked instruction's reason, or remove the linkage.",
    ),
    Reason.SETTLEMENT_DATE_IS_AHEAD: Explained(
        ReasonKind.PENDING,
        "The intended settlement date has not come.",
        "Nothing to do: it is tried when the market opens on that date.",
    ),
    Reason.MARKET_DEADLINE_HAS_PASSED: Explained(
        ReasonKind.PENDING,
        "The market's day is closed, or its cut-off for this kind of settlement has passed.",
        "Nothing to do: it is tried when the market next opens.",
    ),
    Reason.SECURITIES_ARE_BLOCKED: Explained(
        ReasonKind.PENDING,
        "The instrument, or the money it is paid with, is not active or not accepted in settlement.",
        "Ask its issuer or registrar, or the market's operator; it is tried again then, or when the day next opens.",
    ),
    Reason.YOUR_ACCOUNT_IS_BLOCKED: Explained(
        ReasonKind.PENDING,
        "Nothing can settle over your account: frozen, its owner not active, or a holder's verification lapsed.",
        "Have the order lifted, the owner reinstated or verified; it is tried again then, or when the day next opens.",
    ),
    Reason.COUNTERPARTY_IS_BLOCKED: Explained(
        ReasonKind.PENDING,
        "Nothing can settle over the other side's account at present.",
        "Ask your counterparty; it is tried again then, or when the day next opens.",
    ),
    Reason.LACK_OF_SECURITIES: Explained(
        ReasonKind.PENDING,
        "Your account holds too little of the instrument that is not set aside for something else.",
        "Provide it, or allow settlement in parts; it is tried again when something arrives.",
    ),
    Reason.COUNTERPARTY_LACKS_SECURITIES: Explained(
        ReasonKind.PENDING,
        "Your counterparty's account holds too little of the instrument.",
        "Ask the counterparty, or allow settlement in parts; it is tried again when something arrives.",
    ),
    Reason.LACK_OF_MONEY: Explained(
        ReasonKind.PENDING,
        "Your cash account holds too little of the settlement asset.",
        "Provide money; it is tried again when some arrives.",
    ),
    Reason.COUNTERPARTY_LACKS_MONEY: Explained(
        ReasonKind.PENDING,
        "Your counterparty's cash account holds too little of the settlement asset.",
        "Ask the counterparty; it is tried again when some arrives.",
    ),
    Reason.COUNTERPARTY_CONFIRMATION_IS_AWAITED: Explained(
        ReasonKind.PENDING_CANCELLATION,
        "One side has asked for cancellation, the other has not.",
        "Ask the counterparty to cancel too.",
    ),
    Reason.CANCELLED_BY_YOURSELF: Explained(
        ReasonKind.CANCELLED,
        "Cancelled as you asked.",
        "Nothing to do.",
    ),
    Reason.CANCELLED_BY_THIRD_PARTY: Explained(
        ReasonKind.CANCELLED,
        "The market's operator refused to sign the settlement off.",
        "Read the operator's reason; instruct again if it can be met.",
    ),
    Reason.CANCELLED_BY_THE_SYSTEM: Explained(
        ReasonKind.CANCELLED,
        "Its recycling period is over: it did not settle within the business days that the market allows.",
        "Agree with the counterparty what is still owed, and instruct anew.",
    ),
}
