"""Why the rules about money tokens refuse. Numbers 7000 to 7999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class CashReject(RejectCode):
    INSTRUMENT_IS_NOT_MONEY = (
        7001,
        "The instrument is no money token.",
        "Name a money token; securities are issued by registration.",
    )
    BANK_ENTRY_IS_MALFORMED = (
        7002,
        "The bank's reference is empty, longer than 70 characters, or holds others than visible ASCII characters.",
        "Give the reference as the bank's statement has it, without spaces.",
    )
    BOOKING_DATE_IS_NO_DATE = (
        7003,
        "The booking date is not a day written yyyymmdd.",
        "Give the date on which the bank booked the entry.",
    )
    BANK_ENTRY_IS_USED = (
        7004,
        "Tokens of this issuer were minted or redeemed against this bank entry before.",
        "Nothing needs to be done if it was sent twice; each deposit and each payment counts once, for ever.",
    )
    ANOTHER_TOKEN_HAS_THE_CURRENCY = (
        7005,
        "The issuer has another token of this currency outstanding, and the two would not be told apart.",
        "Mint that token, or redeem all of it first.",
    )
    REFERENCE_IS_MALFORMED = (
        7010,
        "The reference is empty, longer than 35 characters, or holds others than visible ASCII characters.",
        "Give a reference of your own.",
    )
    PAYEE_HASH_IS_MALFORMED = (
        7011,
        "The hash of the payee's data is not 32 bytes.",
        "Give the salted SHA-256 digest, or leave it empty for the data that the issuer has on file.",
    )
    REFERENCE_IS_USED = (
        7012,
        "A redemption from this account bears the reference already.",
        "Nothing needs to be done if it was sent twice; else give another reference.",
    )
    REDEMPTION_NOT_FOUND = (
        7020,
        "There is no open redemption with this identifier.",
        "Check the identifier; a redemption ends when it is paid or refused.",
    )
    REASON_IS_MALFORMED = (
        7021,
        "The reason is empty or longer than 200 characters.",
        "State the reason in a sentence.",
    )
