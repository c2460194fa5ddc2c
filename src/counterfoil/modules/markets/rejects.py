"""Why the rules about markets refuse. Numbers 3000 to 3999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class MarketsReject(RejectCode):
    MARKET_NOT_FOUND = (3000, "There is no such market.", "Check the market's identifier code (MIC).")
    DATE_IS_INVALID = (
        3001,
        "The date is none, or business days cannot be counted from it.",
        "State a day of the calendar as yyyymmdd, near enough to be counted from.",
    )
    MARKET_CODE_IS_INVALID = (
        3002,
        "The market's code is not well formed, or stands for trading away from any venue.",
        "State a market identifier code: four capital letters or digits, none of XXXX, XOFF, BILT and SINT.",
    )
    MARKET_EXISTS = (3003, "There is a market with this code already.", "Amend its rulebook instead.")
    NAME_IS_INVALID = (
        3004,
        "The name is empty, too long, or has control characters.",
        "State a name of 1 to 64 characters.",
    )
    DATE_IS_AHEAD = (
        3005,
        "By the market's local clock that day has not begun.",
        "Wait until it has; no market runs ahead of its calendar.",
    )
    TIME_ZONE_IS_INVALID = (
        3006,
        "The time zone has no name, or its offsets from UTC are missing, not ascending, too many or too large.",
        "State the zone's name and the moments from which each offset holds, in ascending order.",
    )
    SCHEDULE_IS_INVALID = (
        3007,
        "The day's schedule lies outside its bounds, or closes before it opens.",
        "State minutes of the local day: open from -1440 to 1439, close later, up to 2879.",
    )
    SETTLEMENT_CYCLE_IS_INVALID = (
        3008,
        "The settlement cycle is outside its bounds.",
        "State 0 to 60 business days.",
    )
    MATCHING_IS_INVALID = (
        3009,
        "The matching fields do not ascend without repetition, or the tolerance is no amount.",
        "Name each field once, in the order of the numbers, and a tolerance of 0 or more.",
    )
    REGISTRATION_POLICY_IS_INVALID = (
        3010,
        "The registration policy names nobody, or does not ascend without repetition.",
        "Name each approver once, in the order of the numbers.",
    )
    CUT_OFF_IS_INVALID = (
        3011,
        "A cut-off lies outside the business day.",
        "State minutes of the local day, not before it opens and not after it closes.",
    )
    PARTIAL_MINIMUM_IS_INVALID = (
        3012,
        "The minimum of a partial settlement is no quantity.",
        "State a quantity, or 0 where partial settlement is not allowed.",
    )
    RECYCLING_IS_INVALID = (
        3013,
        "The recycling period is outside its bounds.",
        "State 0 to 250 business days.",
    )
    CALENDAR_IS_INVALID = (
        3014,
        "The calendar is too long, not ascending, contradicts itself, or closes every day.",
        "Correct its list of dates.",
    )
    EFFECTIVE_DATE_IS_PAST = (
        3015,
        "The change would take effect on a business date that has begun.",
        "State a later date: what is in force on a day does not change on that day.",
    )
    TOO_MANY_AMENDMENTS = (
        3016,
        "Too many rulebooks of this market, or versions of this calendar, wait for their date.",
        "State one of them anew by its date, or wait until one is in force.",
    )
    CURRENCY_IS_INVALID = (
        3017,
        "A currency's calendar needs a currency code, and the others have none.",
        "State an ISO 4217 code for a currency's calendar, and nothing for the others.",
    )
    DAY_IS_OPEN = (3018, "The market's business day is open.", "Close it first.")
    DAY_IS_NOT_OPEN = (3019, "The market's business day is closed already.", "Open the next one first.")
    DATE_HAS_BEEN = (
        3020,
        "That business date is past.",
        "Open the next business day; a day that was closed is never opened again.",
    )
    DATE_IS_A_HOLIDAY = (
        3021,
        "The market's settlement calendar is closed on that date.",
        "Open the next business day, or correct the calendar.",
    )
    BUSINESS_DAY_IS_SKIPPED = (
        3022,
        "There is a business day before that date which was not opened.",
        "Open and close the business days in turn.",
    )
    DATE_IS_NOT_THE_BUSINESS_DATE = (
        3023,
        "That is not the date of the open business day.",
        "State the market's business date.",
    )
    CLOSE_IS_IN_THIS_BLOCK = (
        3024,
        "The day before was closed in this very block, which is its last.",
        "Open the next day in a later block.",
    )
    ASSET_IS_INVALID = (3025, "An instrument's identifier has 20 bytes.", "Check the identifier.")
    ASSET_IS_ACCEPTED = (
        3026,
        "The market accepts this asset already, or still does on days before the stated date.",
        "To go on after an announced end, state a date no later than that end.",
    )
    ASSET_IS_NOT_ACCEPTED = (
        3027,
        "The market does not accept this asset, or its end is set already.",
        "Check the identifier.",
    )
    TOO_MANY_ASSETS = (
        3028,
        "The market accepts too many assets.",
        "Withdraw one that is no longer used.",
    )
    AUTHORITY_MAY_NOT_HAND_OVER = (
        3029,
        "A market is handed over by its operator, or by a regulator where the operator is not active.",
        "Let the operator hand it over; a regulator suspends or revokes it first.",
    )
    OPERATOR_RUNS_THE_MARKET = (
        3030,
        "The party runs the market already.",
        "Name the party that is to take it over.",
    )
