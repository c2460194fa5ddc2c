"""Why the rules about parties refuse. Numbers 2000 to 2999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class PartiesReject(RejectCode):
    PARTY_NOT_FOUND = (
        2000,
        "There is no such party, or none that the signers may know of.",
        "Check the identifier. An investor or an applicant is found by those alone who sign for it, or admitted it.",
    )
    PARTY_IS_NOT_ACTIVE = (
        2001,
        "The party, or one above it, is not active.",
        "Have it activated or reinstated by whoever admitted or suspended it.",
    )
    PARTY_LACKS_THE_ROLE = (
        2002,
        "The party has none of the roles that may do this.",
        "Let a party with one of the roles do it; the table of permissions names them.",
    )
    SIGNER_IS_NOT_AUTHORISED = (
        2003,
        "Neither the party's own signer nor a user with its mandate has signed.",
        "Sign with the party's signer, or grant the user a mandate.",
    )
    MANDATE_IS_NOT_IN_FORCE = (
        2004,
        "The user's mandate is not in force at this time.",
        "Grant a mandate whose validity covers the time of the block.",
    )
    MANDATE_LACKS_THE_MESSAGE = (
        2005,
        "The user's mandate does not cover this kind of message.",
        "Grant a mandate that names it; administrative messages must be named one by one.",
    )
    MANDATE_LACKS_THE_ACCOUNT = (
        2006,
        "The user's mandate is for other accounts.",
        "Grant a mandate that names the account, or none for all.",
    )
    MANDATE_LIMIT_EXCEEDED = (
        2007,
        "The amount is above the limit of the user's mandate.",
        "Let a user with a higher limit sign, or split the message.",
    )
    MANDATE_IS_TO_CHECK_ONLY = (
        2008,
        "The user may check what others made, not send it alone.",
        "Let a user with a maker's mandate sign.",
    )
    MAKER_IS_MISSING = (
        2009,
        "Two pairs of eyes are demanded, and no signer has a maker's mandate for it.",
        "Let a user with a maker's mandate sign, besides the checker.",
    )
    CHECKER_IS_MISSING = (
        2010,
        "Two pairs of eyes are demanded, and no signer has a checker's mandate for it.",
        "Let a second user, with a checker's mandate, sign too.",
    )
    MAKER_IS_THE_CHECKER = (
        2011,
        "Maker and checker are the same user, or two that share a key.",
        "Let two users with different keys sign.",
    )
    ROLES_ARE_INVALID = (
        2012,
        "The roles are none, too many, or not in ascending order without repetition.",
        "Name one to four roles, in the order of their numbers.",
    )
    SPONSOR_MAY_NOT_ADMIT_THE_ROLE = (
        2013,
        "The sponsor may not admit parties with this role.",
        "Apply to a party that may; the role tree says who admits whom.",
    )
    NAME_IS_INVALID = (
        2014,
        "The name is empty, too long, or has control characters or blanks at its ends.",
        "State a public name or code of 1 to 64 characters; only an investor's may be left out.",
    )
    NAME_IS_TAKEN = (2015, "Another member has this name.", "Choose a name that no member has.")
    LEI_IS_INVALID = (
        2016,
        "The legal entity identifier is not well formed.",
        "State the 20 characters with their check digits, or nothing.",
    )
    LEI_IS_TAKEN = (2017, "Another party has this legal entity identifier.", "One entity is one party here.")
    ADDRESS_IS_INVALID = (
        2018,
        "A signer's address is not 20 bytes long.",
        "State the address of the signer's key or of its registered policy.",
    )
    TOO_MANY_APPLICATIONS = (
        2019,
        "Too many applications wait for this sponsor.",
        "Apply again when it has decided on some, or let it enrol you itself.",
    )
    SPONSOR_IS_ANOTHER = (
        2020,
        "The application was addressed to another party.",
        "Let the party decide to which the application was addressed.",
    )
    STATUS_DOES_NOT_ALLOW_IT = (
        2021,
        "The party's place in its life does not allow this step.",
        "Look at the party's status, and take the step that leads on from it.",
    )
    AUTHORITY_IS_NOT_ABOVE = (
        2022,
        "The authority stands nowhere above the party.",
        "Let the party act that admitted it, or one above that.",
    )
    AUTHORITY_DID_NOT_SUSPEND_IT = (
        2023,
        "The party was suspended by another authority.",
        "Let the authority that suspended it reinstate it, or one above that.",
    )
    REASON_IS_INVALID = (
        2024,
        "The reason is empty or longer than 200 characters.",
        "State a short reason, or a reference to where it is written.",
    )
    IDENTITY_IS_NOT_VERIFIED = (
        2025,
        "An investor becomes active only when a licensed agent has verified who it is.",
        "Let the agent that stands above it verify the identity first.",
    )
    IDENTITY_HASH_IS_INVALID = (
        2026,
        "The hash of an identity is not 32 bytes long.",
        "State the salted SHA-256 of the identity record.",
    )
    PARTY_HAS_PARTIES_BELOW = (
        2027,
        "Parties that it admitted are still alive.",
        "Terminate them first, or have them admitted elsewhere.",
    )
    PARTY_HAS_POSITIONS = (
        2028,
        "The party still has positions.",
        "Deliver, redeem or transfer what its accounts hold, then close them.",
    )
    MESSAGE_TYPES_ARE_INVALID = (
        2029,
        "The message types are too many, unknown, or not in ascending order without repetition.",
        "Name known message numbers in ascending order.",
    )
    MESSAGE_CANNOT_BE_NAMED = (
        2030,
        "An administrative message cannot be put under four eyes, which could lock the party out for ever.",
        "Give the party a signer of several keys instead.",
    )
    MANDATE_ACCOUNTS_ARE_INVALID = (
        2031,
        "The accounts are too many, not 20 bytes each, or not in ascending order without repetition.",
        "Name up to 64 accounts in ascending order, or none for all.",
    )
    MANDATE_LIMIT_IS_INVALID = (
        2032,
        "The limit is no amount.",
        "State a limit from 0 to the largest amount that the ledger holds.",
    )
    MANDATE_VALIDITY_IS_INVALID = (
        2033,
        "The mandate would never be in force.",
        "Let it end after it begins and after now, or state 0 for no end.",
    )
    MANDATE_NOT_FOUND = (2034, "The user has no mandate of this party.", "Check party and user.")
    POLICY_IS_INVALID = (
        2035,
        "The keys cannot be put in force: too many, repeated, not ascending, no good keys, or a wrong threshold.",
        "State 1 to 16 good keys in ascending order and a threshold from 1 to their number.",
    )
    SIGNER_IS_REGISTERED = (
        2036,
        "The address is registered already.",
        "Rotate its keys, or name its recovery approvers.",
    )
    SIGNER_NOT_FOUND = (
        2037,
        "The address is not registered.",
        "Register the signer first.",
    )
    RECOVERY_IS_INVALID = (
        2038,
        "The recovery approvers cannot be named: too many, not ascending addresses, the signer itself among them, "
        "or a wrong threshold.",
        "Name up to 8 other addresses in ascending order and a threshold from 1 to their number, or none and 0.",
    )
    KEYS_HAVE_NOT_SIGNED = (
        2039,
        "Fewer of the policy's keys have signed than its threshold demands.",
        "Sign with the keys themselves, each under its own address, so that nobody registers keys that do not work.",
    )
    CONSORTIUM_DECIDES = (
        2040,
        "No single party may do this: the members of the consortium decide it together.",
        "Propose it as a motion, and let as many members approve it as the decision rule demands.",
    )
    KEYS_ARE_IN_FORCE = (
        2060,
        "The keys that are to replace others are in force for the address already.",
        "Nothing needs to be recovered; sign with them.",
    )
    RECOVERY_NOT_FOUND = (
        2061,
        "There is no approval of a recovery that this signer could take back.",
        "Look at who has approved; only an approver takes its own back, and the address itself all of them.",
    )
    REGISTRAR_ATTESTS_IDENTITIES = (
        2070,
        "On this ledger an identity registrar attests who investors are; an agent's word alone counts no more.",
        "Ask the registrar for an attestation, and record the verification with it.",
    )
