"""Why the rules about real names refuse. Numbers 14000 to 14999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class IdentitiesReject(RejectCode):
    PUBLIC_KEY_IS_MALFORMED = (
        14000,
        "The public key of the registrar's function is not 32 bytes long.",
        "State the key that `counterfoil registrar init` shows.",
    )
    KEY_VERSION_IS_NOT_NEXT = (
        14001,
        "Key versions are counted: the next one is one more than the newest.",
        "State the next version.",
    )
    DEMAND_IS_OUT_OF_RANGE = (
        14002,
        "The time from which attestations are demanded is negative, or after the year 9999.",
        "State a time in milliseconds since 1970; one that has passed demands them at once.",
    )
    AGENT_MAY_NOT_BE_LICENSED = (
        14003,
        "The party has no role whose bearers verify who their clients are.",
        "License a depository, a securities company, a commercial bank or an operator.",
    )
    REFERENCE_IS_INVALID = (
        14004,
        "The licence's reference is empty, longer than 64 characters, or has characters that are not printable.",
        "State the reference under which the licence stands in the regulator's register.",
    )
    VALIDITY_IS_INVALID = (
        14005,
        "The licence would never be in force.",
        "Let it end after it begins and after now, or state 0 for no end.",
    )
    LICENCE_NOT_FOUND = (14006, "The agent has no licence.", "Check the agent.")
    REASON_IS_INVALID = (
        14007,
        "The reason is empty or longer than 200 characters.",
        "State a short reason, or a reference to where it is written.",
    )
    KEY_VERSION_IS_UNKNOWN = (
        14010,
        "No registrar was appointed with this key version.",
        "Attest under a version that a regulator has put in force.",
    )
    REGISTRAR_IS_ANOTHER = (
        14011,
        "Another registrar holds the key of this version.",
        "Let that registrar attest, or use your own version.",
    )
    TAG_IS_MALFORMED = (
        14012,
        "An identity tag is 32 bytes.",
        "Send what the registrar's function gives, unchanged.",
    )
    HANDLE_IS_MALFORMED = (14013, "A handle is 32 bytes.", "Send what the registrar gave, unchanged.")
    AGENT_HAS_NO_LICENCE = (
        14014,
        "No licence of the agent to verify identities is in force.",
        "Have the regulator record the licence first.",
    )
    OTHER_TAG_IS_UNKNOWN = (
        14015,
        "Nobody has the tag that is said to be of the same person.",
        "Leave it empty for a person who is new.",
    )
    TAGS_ARE_OF_TWO_PERSONS = (
        14016,
        "Both tags are known, as those of two persons.",
        "Attest each agent's handle anew under the tag that is right, and have its verification recorded anew.",
    )
    HANDLE_IS_IN_USE_FOR_ANOTHER_PERSON = (
        14017,
        "A party of the agent hangs on this handle, as another person.",
        "Have that party's verification withdrawn first.",
    )
    PARTY_IS_NO_INVESTOR = (
        14020,
        "Only investors are verified persons; members are known by their names and legal entity identifiers.",
        "Name a party that has the role of an investor.",
    )
    AGENT_IS_NOT_ABOVE = (
        14021,
        "The agent or authority stands nowhere above the party.",
        "Let the agent act that enrolled the party, or an authority above it.",
    )
    PARTY_IS_NOT_ADMITTED = (
        14022,
        "The party has only applied, or is terminated.",
        "Admit it first.",
    )
    ATTESTATION_NOT_FOUND = (
        14023,
        "No registrar's attestation for this agent has this handle, or it has lapsed.",
        "Ask the registrar again with the client's number, and use the handle within 30 days.",
    )
    HANDLE_IS_ANOTHER_PARTYS = (
        14024,
        "Another party of the same agent is this person.",
        "Use that party, or terminate it or have its verification withdrawn first.",
    )
    PARTY_IS_ANOTHER_PERSON = (
        14025,
        "The party is verified as another person.",
        "Withdraw that verification first, if it was wrong.",
    )
    EVIDENCE_HASH_IS_MALFORMED = (
        14026,
        "The hash of the evidence is not 32 bytes.",
        "State the salted hash that the store of personal data gave.",
    )
    POINTER_IS_TOO_LONG = (
        14027,
        "The sealed pointer is longer than 512 bytes.",
        "Point to where the record lies; the record itself stays off the ledger.",
    )
    EXPIRY_IS_OUT_OF_RANGE = (
        14028,
        "The verification would be over already, or hold for more than ten years.",
        "Let it expire after the block's time and within 3,660 days.",
    )
    VERIFICATION_NOT_FOUND = (14030, "The party was never verified.", "Check the party.")
    VERIFICATION_IS_WITHDRAWN = (
        14031,
        "The verification was withdrawn before.",
        "Nothing needs to be done.",
    )
