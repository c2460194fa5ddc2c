"""Why the rules about parties refuse. Numbers 2000 to 2999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class PartiesReject(RejectCode):
    PARTY_NOT_FOUND = (2000, "There is no such party.", "Check the party's identifier.")
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
