"""Why the rules about trades refuse. Numbers 8000 to 8999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class TradesReject(RejectCode):
    REFERENCE_IS_MALFORMED = (
        8000,
        "The trade reference is empty, too long, or not printable ASCII.",
        "Give a reference of 1 to 52 printable ASCII characters.",
    )
    VENUE_IS_MALFORMED = (
        8001,
        "The venue is not written as a market identifier code (MIC).",
        "Give four capital letters or digits; XOFF stands for a trade away from any venue.",
    )
    EXECUTION_TIME_IS_INVALID = (
        8002,
        "The time of execution is no time of the ledger.",
        "Give milliseconds since 1970 UTC, not negative.",
    )
    TRADE_DATE_IS_INVALID = (
        8003,
        "The trade date is not a date.",
        "Write a day of the calendar as yyyymmdd.",
    )
    QUANTITY_IS_INVALID = (
        8004,
        "The quantity of a trade must be positive and fit into 63 bits.",
        "State the traded quantity in units of the instrument's scale.",
    )
    PRICE_IS_INVALID = (
        8005,
        "The price is negative, does not fit into 63 bits, or has too many decimal places.",
        "State the price as an integer with a scale of 0 to 18.",
    )
    AMOUNT_IS_INVALID = (
        8006,
        "The amount is negative or does not fit into 63 bits.",
        "State the amount in units of the settlement asset's scale.",
    )
    ASSET_IS_INCONSISTENT = (
        8007,
        "An amount needs a settlement asset, and no amount needs none.",
        "Name the money token in which the amount is paid, or neither amount nor token.",
    )
    INSTRUMENT_IS_THE_ASSET = (
        8008,
        "What is sold and what it is paid with are the same.",
        "Name different instruments.",
    )
    SIDE_IS_NOT_A_PARTY = (
        8009,
        "Seller or buyer is not an active party.",
        "Check the identifiers; have the party activated.",
    )
    ASSET_IS_NOT_MONEY = (
        8010,
        "What the trade is paid with is not a settlement asset.",
        "Name an instrument that is a money token.",
    )
    CLIENT_ACCOUNT_IS_NOT_SERVED = (
        8011,
        "The client's account is neither owned nor serviced by the side that traded for it.",
        "Name an account that the side holds or keeps, or none.",
    )
    RECORDER_IS_NOT_INVOLVED = (
        8012,
        "The recorder is neither seller nor buyer nor the operator of the venue.",
        "Let one of these record the trade.",
    )
    REFERENCE_IS_USED = (
        8013,
        "The trade reference is used already: by the venue, where its operator signs, else by one of the sides.",
        "Look the earlier trade up; give a new trade a new reference.",
    )
    TRADE_NOT_FOUND = (
        8014,
        "There is no such live trade.",
        "Check the identifier; a settled or cancelled trade has left the ledger's state and is in the receipts.",
    )
    TRADE_IS_CONFIRMED = (
        8015,
        "The trade is confirmed already.",
        "There is nothing left to confirm.",
    )
    TRADE_IS_NOT_CONFIRMED = (
        8016,
        "The other side has not confirmed the trade yet.",
        "Let it be confirmed by the side that did not record it.",
    )
    IDENTITY_OF_THE_TRADE_CHANGES = (
        8017,
        "An amendment cannot change venue, reference, seller or buyer.",
        "Cancel the trade and record another one.",
    )
    NOTHING_CHANGES = (
        8018,
        "The terms are those that the trade has already.",
        "Send an amendment only where something differs.",
    )
    TRADE_HAS_INSTRUCTIONS = (
        8019,
        "Instructions that settle the trade are under way, or a part of it is settled.",
        "Cancel the instructions first; what is settled stays settled.",
    )
    PARTY_IS_NOT_INVOLVED = (
        8020,
        "The party is neither seller nor buyer, nor the venue's operator where that signed the trade.",
        "Let one of these ask.",
    )
    TRADE_HAS_TOO_MANY_INSTRUCTIONS = (
        8021,
        "More instructions would settle the trade than one trade may have.",
        "Let the live ones settle first, or instruct larger parts.",
    )
    TRADE_DOES_NOT_AGREE = (
        8022,
        "The instruction and the trade that it names differ in instrument, asset, trade date or side.",
        "Instruct what was traded, or name the right trade.",
    )
    QUANTITY_EXCEEDS_THE_TRADE = (
        8023,
        "The instruction's quantity is more than what of the trade is not settled.",
        "Instruct no more than the unsettled quantity.",
    )
    VERSION_IS_NOT_CURRENT = (
        8024,
        "The terms were amended, so that another version stands to be confirmed.",
        "Read the current terms, and confirm their version.",
    )
    TRADE_DATE_IS_NO_TRADING_DAY = (
        8025,
        "The venue did not trade on the trade date, by its trading calendar.",
        "Correct the date; where the venue traded, its operator sets the trading calendar right.",
    )
