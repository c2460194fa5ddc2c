"""Why the module refuses."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class InstrumentsReject(RejectCode):
    """Rejects 4000 to 4999."""

    INSTRUMENT_NOT_FOUND = (
        4001,
        "No instrument has this identity.",
        "Look the instrument up by its ISIN or another identifier.",
    )
    INSTRUMENT_IS_NOT_ACTIVE = (
        4002,
        "The instrument is announced, suspended, matured, redeemed or cancelled, so it does not move.",
        "Wait for its registration or the end of its suspension; a matured instrument is only redeemed.",
    )
    QUANTITY_IS_NOT_POSITIVE = (
        4003,
        "A quantity is at least one unit of the instrument's scale.",
        "State a quantity of one or more.",
    )
    QUANTITY_IS_TOO_LARGE = (
        4004,
        "The quantity is larger than any holding can be.",
        "State a quantity below 2^63.",
    )
    QUANTITY_IS_NOT_WHOLE_SETTLEMENT_UNITS = (
        4005,
        "The quantity is not a whole number of the instrument's settlement units.",
        "Round the quantity to the settlement unit.",
    )
    QUANTITY_IS_BELOW_THE_MINIMUM = (
        4006,
        "The quantity is smaller than the instrument's minimum denomination.",
        "State at least the minimum denomination.",
    )
    QUANTITY_IS_NOT_A_MULTIPLE = (
        4007,
        "The quantity is not the minimum denomination plus a whole number of its multiple.",
        "Round the quantity to the instrument's denomination.",
    )
    CURRENCY_IS_WRONG = (
        4010,
        "The currency is no active ISO 4217 code in which amounts are counted.",
        "Give a code such as EUR.",
    )
    SCALE_IS_OUT_OF_RANGE = (
        4011,
        "The scale is not between 0 and 12 decimal places.",
        "Give the number of decimal places of a quantity.",
    )
    SCALE_IS_COARSER_THAN_THE_CURRENCY = (
        4012,
        "A money token counts the minor units of its currency or finer.",
        "Give at least the currency's number of decimal places.",
    )
    MONEY_COUNTS_UNITS = (
        4013,
        "A money token's quantity is its amount of money, so its quantity type is units.",
        "Set the quantity type to units.",
    )
    CLASS_IS_MALFORMED = (
        4014,
        "Class or campaign is longer than 64 characters, begins or ends with a space, or holds a control character.",
        "Shorten or clean it.",
    )
    ISSUANCE_ACCOUNT_IS_MALFORMED = (
        4015,
        "The issuance account's identity is not 20 bytes.",
        "Open the issuer's issuance account first and name it.",
    )
    EQUITY_CLASS_IS_TAKEN = (
        4016,
        "The issuer has a live equity instrument of this class and campaign, and the two would not be told apart.",
        "Issue more of that instrument, or name another class or campaign.",
    )
    NAME_IS_MALFORMED = (
        4020,
        "The name is empty, longer than 140 characters, begins or ends with a space, or holds a control character.",
        "Give the instrument's full name.",
    )
    FISN_IS_MALFORMED = (
        4021,
        "The short name is not one of ISO 18774: issuer, a slash, description, at most 35 characters.",
        "Give a name such as ACME/SH, or leave it empty.",
    )
    CFI_IS_WRONG = (
        4022,
        "The classification stands not in ISO 10962.",
        "Give six letters such as ESVUFR, or leave it empty.",
    )
    CFI_DOES_NOT_FIT_THE_KIND = (
        4023,
        "The classification's category belongs to another kind of instrument.",
        "Give E for equity, D for a bond, C for a fund unit, R for a right; a money token has none.",
    )
    TOO_MANY_IDENTIFIERS = (
        4024,
        "An instrument has at most 16 identifiers at one time.",
        "Leave out those that nobody uses.",
    )
    IDENTIFIER_IS_MISSING = (
        4025,
        "A security needs at least one identifier, so that people can name it.",
        "Give its ISIN, or an identifier of a local scheme.",
    )
    IDENTIFIER_IS_MALFORMED = (
        4026,
        "A scheme is 1 to 12 capital letters or digits, a value 1 to 35 visible ASCII characters.",
        "Correct the identifier.",
    )
    ISIN_IS_WRONG = (
        4027,
        "The ISIN has a wrong form or a wrong check digit.",
        "Compare it with the numbering agency's record.",
    )
    SCHEME_REPEATS = (
        4028,
        "The instrument is given two identifiers of one scheme.",
        "Keep one for each scheme; earlier ones stay in the history.",
    )
    IDENTIFIER_IS_TAKEN = (
        4029,
        "Another live instrument bears the identifier, or will from a date that is announced.",
        "Correct the identifier, or amend the other instrument first.",
    )
    DENOMINATION_IS_OUT_OF_RANGE = (
        4030,
        "Settlement unit, minimum and multiple denomination are each one or more, and below 2^63.",
        "Give 1 where there is no restriction.",
    )
    RESIDUE_ACCOUNT_IS_MALFORMED = (
        4031,
        "The owner of the residue is not an account's identity of 20 bytes.",
        "Name an account, or leave it empty for the issuer.",
    )
    MATURITY_IS_NO_DATE = (
        4032,
        "The maturity date is not a day written yyyymmdd.",
        "Correct the date, or give 0 where there is none.",
    )
    NOMINAL_IS_OUT_OF_RANGE = (
        4033,
        "The nominal value is not between 0 and 2^63, or its scale not between 0 and 12.",
        "Give the nominal value of one unit and its decimal places.",
    )
    DOCUMENT_HASH_IS_MALFORMED = (
        4034,
        "The hash of the terms' text is not 32 bytes.",
        "Give the SHA-256 digest, or leave it empty.",
    )
    INSTRUMENT_HAS_ENDED = (
        4040,
        "The instrument is redeemed or cancelled; nothing about it changes any more.",
        "Announce another instrument.",
    )
    EFFECTIVE_DATE_IS_WRONG = (
        4041,
        "The effective date is not a day written yyyymmdd, or lies before the market's business date.",
        "Give the business date or a later day.",
    )
    EFFECTIVE_DATE_IS_BEFORE_A_PENDING_ONE = (
        4042,
        "An amendment accepted earlier takes effect later than this one.",
        "Give its date or a later day; versions take effect in the order of their numbers.",
    )
    TOO_MANY_PENDING_AMENDMENTS = (
        4043,
        "The instrument has 16 amendments that are not in force yet.",
        "Wait until one takes effect.",
    )
    AUTHORITY_MAY_NOT_SUSPEND = (
        4050,
        "Only a regulator or the instrument's registrar suspends it.",
        "Ask the registrar.",
    )
    INSTRUMENT_IS_NOT_SUSPENDED = (
        4051,
        "The instrument is not suspended.",
        "Nothing needs to be done.",
    )
    AUTHORITY_MAY_NOT_RESUME = (
        4052,
        "Only who suspended the instrument, or a regulator, resumes it.",
        "Ask the party that suspended it.",
    )
    INSTRUMENT_HAS_NO_REGISTRATION = (
        4060,
        "The instrument's registration has not taken effect, or it has ended.",
        "Register it first.",
    )
    INSTRUMENT_HAS_NOT_MATURED = (
        4061,
        "The instrument has no maturity date, or the market's business date has not reached it.",
        "Wait for the maturity date.",
    )
    INSTRUMENT_IS_NOT_MATURED = (
        4062,
        "Only a matured instrument is recorded as redeemed.",
        "Record its maturity first.",
    )
    INSTRUMENT_IS_OUTSTANDING = (
        4063,
        "Units of the instrument are still held.",
        "Redeem every holding first.",
    )
    INSTRUMENT_IS_NOT_ANNOUNCED = (
        4064,
        "The instrument is past its announcement.",
        "Use exit registration for an instrument that was registered.",
    )
    AUTHORITY_MAY_NOT_APPOINT = (
        4070,
        "A registrar is appointed by the present one, or by a regulator where that one is not active.",
        "Let the registrar appoint the next; a regulator suspends or revokes it first.",
    )
    REGISTRAR_KEEPS_THE_INSTRUMENT = (
        4071,
        "The party is the instrument's registrar already.",
        "Name the party that is to take it over.",
    )
