"""Why the rules about issues refuse. Numbers 6000 to 6999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class IssuanceReject(RejectCode):
    PAPERS_HASH_IS_MALFORMED = (
        6001,
        "The hash of the papers is not 32 bytes.",
        "Give the SHA-256 digest of the papers.",
    )
    APPROVERS_DO_NOT_FIT_THE_POLICY = (
        6002,
        "The approvers are not as many as the market's registration policy names.",
        "Name one party for each entry of the policy, in its order.",
    )
    APPROVER_REPEATS = (
        6003,
        "A party is named as approver twice.",
        "Each entry of the policy is filled by a party of its own.",
    )
    APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES = (
        6004,
        "A party is not what the registration policy demands in its place.",
        "Name the issuer itself, the market's own operator, or a party with the role that stands in the policy.",
    )
    PAPERS_ARE_USED = (
        6005,
        "A registration of this instrument rests on the same papers.",
        "Nothing needs to be done if it was sent twice; each further act rests on papers of its own.",
    )
    MONEY_IS_ONLY_MINTED = (
        6006,
        "Units of a money token come and go with the deposits behind them, not by registration or allotment.",
        "Register a money token with quantity 0 and without treasury account; mint and redeem it with cash messages.",
    )
    ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY = (
        6007,
        "The account is not a treasury account of the instrument's issuer.",
        "Name the issuer's treasury account.",
    )
    ISSUE_IS_ENCUMBERED = (
        6010,
        "Part of the issue is earmarked: pledged, frozen, or set aside for settlement or another purpose.",
        "Have every earmark on the instrument released first.",
    )
    ISSUE_IS_HELD_OUTSIDE_THE_TREASURY = (
        6011,
        "Part of the issue is not in the named treasury account.",
        "Buy it back into that account, or redeem it, first.",
    )
    INSTRUMENT_HAS_NOT_MATURED = (
        6012,
        "Holdings are redeemed only of a matured instrument.",
        "Wait until its maturity is recorded; what the issuer holds itself is ended by a reduction.",
    )
    LINES_ARE_NOT_IN_RANGE = (
        6020,
        "The list has no line, or more than 1,000.",
        "Split a longer list into several messages.",
    )
    ACCOUNT_REPEATS = (
        6021,
        "An account stands on the list twice.",
        "Give each account one line with its whole quantity.",
    )
    CONTROL_TOTAL_DIFFERS = (
        6022,
        "The quantities of the lines do not sum to the control total.",
        "Compare the list with the papers; correct the list or the total.",
    )
    REFERENCE_IS_MALFORMED = (
        6023,
        "The reference is empty, longer than 35 characters, or holds others than visible ASCII characters.",
        "Give the reference of the allotment list.",
    )
    SOURCE_MAY_NOT_ALLOT = (
        6024,
        "The account is neither the issuer's treasury nor that of an underwriter with something left to place.",
        "Name the account that was allotted to; what it holds beyond that is transferred by settlement.",
    )
    ONLY_THE_TREASURY_ALLOTS_TO_UNDERWRITERS = (
        6025,
        "An underwriter allots to investors, not to other underwriters.",
        "Let the issuer allot to each underwriter, or allot to investors.",
    )
    MORE_THAN_WAS_ALLOTTED = (
        6026,
        "The underwriter would allot on more than it has left to place.",
        "Allot at most what is left; what it holds beyond that is transferred by settlement.",
    )
    ACCOUNT_IS_NOT_AN_UNDERWRITERS = (
        6027,
        "The account's owner is neither a securities company nor a bank.",
        "Name an account that the underwriter itself owns.",
    )
    TOO_MANY_UNDERWRITERS = (
        6028,
        "The instrument would have more underwriting accounts than it may have at one time.",
        "Wait until some have placed what they were allotted.",
    )
    REFERENCE_IS_USED = (
        6029,
        "An allotment from this account bears the reference already.",
        "Nothing needs to be done if it was sent twice; else give another reference.",
    )
