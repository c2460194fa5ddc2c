"""Why the module refuses."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class HoldingsReject(RejectCode):
    """Rejects 5000 to 5999."""

    ACCOUNT_NOT_FOUND = (
        5001,
        "No account has this identity.",
        "Check the account; its servicer knows it.",
    )
    ACCOUNT_IS_CLOSED = (
        5002,
        "The account is closed.",
        "Use another account of the same owner.",
    )
    NOT_AUTHORISED_FOR_THE_ACCOUNT = (
        5003,
        "Too few of the account's signers have signed, and no user of its owner or servicer with a mandate for it.",
        "Have the account's signers sign, or a user whose mandate covers message, account and amount.",
    )
    ACCOUNT_IS_FROZEN_FOR_DEBITS = (
        5004,
        "An authority has frozen the account: nothing leaves it.",
        "Ask the account's servicer which order stands against it.",
    )
    ACCOUNT_IS_FROZEN_FOR_CREDITS = (
        5005,
        "An authority has frozen the account: nothing enters it.",
        "Ask the account's servicer which order stands against it, or name another account.",
    )
    INSUFFICIENT_AVAILABLE_QUANTITY = (
        5006,
        "The account holds less than that which is not earmarked.",
        "Provide the missing quantity, or release an earmark.",
    )
    ISSUANCE_ACCOUNT_ONLY_ISSUES = (
        5007,
        "An issuance account holds nothing: it stands against all that is issued.",
        "Name an own or treasury account of the issuer.",
    )
    SOURCE_IS_THE_TARGET = (
        5008,
        "The quantity would move from an account to itself.",
        "Name two accounts.",
    )
    QUANTITY_IS_OUT_OF_RANGE = (
        5009,
        "The quantity is less than one unit, or larger than any holding can be.",
        "State a quantity of one or more, below 2^63.",
    )
    ISSUED_QUANTITY_IS_TOO_LARGE = (
        5010,
        "More than 2^63 units of the instrument would be outstanding.",
        "Issue less, or use an instrument with a coarser scale.",
    )
    ISSUANCE_ACCOUNT_IS_WRONG = (
        5011,
        "The instrument's issuance account is not open, of another kind, or of another party than its issuer.",
        "Have the issuer's issuance account opened, under the identity that the instrument names.",
    )
    EARMARK_NOT_FOUND = (
        5013,
        "No live earmark has this identity: it was used, released, or has lapsed.",
        "Look at the account's statement.",
    )
    EARMARK_IS_TOO_SMALL = (
        5014,
        "The earmark covers less than this quantity.",
        "State at most what is earmarked.",
    )
    EXPIRY_IS_OUT_OF_RANGE = (
        5015,
        "The expiry lies not after the block's time, or after the year 9999.",
        "Give a later time, or 0 for none.",
    )
    REFERENCE_IS_TOO_LONG = (
        5016,
        "The reference is longer than 32 bytes.",
        "Give an identity or a digest.",
    )
    ADDRESS_IS_MALFORMED = (
        5020,
        "A wallet's address is 20 bytes.",
        "Leave it empty to be given an account identity.",
    )
    ADDRESS_HAS_NOT_SIGNED = (
        5021,
        "The key of the wallet's address has not signed.",
        "Have the owner's key sign the opening.",
    )
    ADDRESS_IS_NOT_A_BARE_KEY = (
        5022,
        "The address is that of a party's or user's keys on the ledger, which may be rotated.",
        "Use the address of a key of its own.",
    )
    ACCOUNT_EXISTS = (
        5023,
        "An account with this identity was opened before; identities are never given twice.",
        "Use another key.",
    )
    OWNER_MAY_NOT_HOLD_THIS_KIND = (
        5024,
        "The owner has no role that may own this kind of account.",
        "Issuers own issuance and treasury accounts, intermediaries omnibus and nominee accounts.",
    )
    OWNER_IS_NOT_VERIFIED = (
        5025,
        "The owner is an investor whose identity no licensed agent has verified.",
        "Have the identity verified and its hash recorded first.",
    )
    TOO_MANY_JOINT_HOLDERS = (
        5026,
        "An account has at most 8 holders beside its owner, and only own and segregated accounts have any.",
        "Leave some out, or open another kind of account.",
    )
    JOINT_HOLDERS_ARE_NOT_IN_ORDER = (
        5027,
        "Joint holders are named once each, in ascending order, and without the owner.",
        "Sort the list and remove what repeats.",
    )
    JOINT_HOLDER_IS_NOT_VERIFIED = (
        5028,
        "A joint holder is an investor whose identity no licensed agent has verified.",
        "Have the identity verified and its hash recorded first.",
    )
    SIGNERS_ARE_MALFORMED = (
        5029,
        "An account has at most 16 signers, each an address of 20 bytes, once each, in ascending order.",
        "Sort the list and remove what repeats.",
    )
    THRESHOLD_IS_OUT_OF_RANGE = (
        5030,
        "The threshold is not between 1 and the number of signers (0 where there are none).",
        "State how many of the signers must sign.",
    )
    NOBODY_DISPOSES_OF_THE_ACCOUNT = (
        5031,
        "The account has no signers, its owner none, and its servicer may not instruct.",
        "Name signers, or let the servicer instruct.",
    )
    DEFAULT_CASH_ACCOUNT_IS_NOT_OPEN = (
        5032,
        "The default cash account does not exist, is closed, or is an issuance account.",
        "Open it first, or leave it empty.",
    )
    SERVICER_MUST_AGREE = (
        5033,
        "New joint holders are real persons, whom the account's servicer must have identified; it has not signed.",
        "Have the servicer sign as well.",
    )
    ACCOUNT_IS_NOT_EMPTY = (
        5034,
        "The account still holds something, or something issued stands against it.",
        "Deliver or redeem what is in it first.",
    )
    HOLDER_HAS_NOT_AGREED = (
        5035,
        "A holder that the servicer did not admit has not signed: nobody gets an account unasked.",
        "Have the holder sign as well; for one without keys of its own, whoever admitted it.",
    )
    HOLDER_IS_NOT_VERIFIED = (
        5060,
        "A holder of the account is an investor whose verification is missing, withdrawn, or has lapsed: it may sell "
        "and withdraw, and buys nothing.",
        "Have the holder's agent record its verification anew.",
    )
    SERVICER_HAS_NO_LICENCE = (
        5061,
        "Accounts of investors are opened by licensed agents here, and no licence of the servicer is in force.",
        "Have an agent open the account whose licence the regulator has recorded.",
    )
    AUTHORITY_MAY_NOT_FREEZE = (
        5040,
        "Only a regulator, a depository or the account's servicer freezes an account.",
        "Ask one of them.",
    )
    ORDER_HASH_IS_MALFORMED = (
        5041,
        "The hash of the order is not 32 bytes.",
        "Give the SHA-256 digest of the order's text.",
    )
    FREEZE_FREEZES_NOTHING = (
        5042,
        "Neither debits nor credits are to be frozen.",
        "Set at least one of the two.",
    )
    FREEZE_EXISTS = (
        5043,
        "This order stands against the account already.",
        "Lift it first to change what it covers.",
    )
    TOO_MANY_FREEZES = (
        5044,
        "Sixteen orders stand against the account.",
        "Lift one that is void.",
    )
    FREEZE_NOT_FOUND = (
        5045,
        "This order does not stand against the account.",
        "Look at the account for the orders that do.",
    )
    AUTHORITY_MAY_NOT_UNFREEZE = (
        5046,
        "Only the authority that placed the order, or a regulator, lifts it.",
        "Ask the authority that placed it.",
    )
    NOT_A_HOLDERS_EARMARK = (
        5050,
        "The earmark belongs to a workflow or an authority, which alone ends it.",
        "Ask its owner: the pledgee, the offering, the instruction or the authority.",
    )
    EARMARK_OWNER_IS_NOT_A_PARTY = (
        5051,
        "The earmark is to be released by a party that does not exist.",
        "Name a party, or leave it empty to release it yourself.",
    )
    AUTHORITY_MAY_NOT_FORCE = (
        5052,
        "Only a regulator or the instrument's registrar transfers or freezes a holding without its owner.",
        "Ask the registrar.",
    )
    EARMARK_IS_OF_ANOTHER_HOLDING = (
        5053,
        "The earmark lies on another account or instrument.",
        "Name the earmark of the holding that is transferred.",
    )
    EARMARK_IS_NOT_A_FREEZE = (
        5054,
        "The earmark is not a freeze of the holding.",
        "Name the earmark that the freeze has made.",
    )
