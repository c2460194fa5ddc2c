"""Why the rules about grants refuse. Numbers 10000 to 10999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class GrantsReject(RejectCode):
    NOTHING_TO_SHOW = (
        10000,
        "There is nothing of this identity that the grantor may show for this purpose.",
        "Check scope and identity; the table of purposes says who may show what.",
    )
    HOLDER_HAS_NOT_CONSENTED = (
        10001,
        "A joint holder has not signed, or, where a keeper shows another house, a holder who speaks for itself.",
        "Let every holder who speaks for itself sign the grant too.",
    )
    GRANTEE_IS_NOT_ELIGIBLE = (
        10002,
        "The grantee is no other active party with a role that this purpose demands.",
        "Name an active party with one of the roles that the table of purposes names.",
    )
    PERIOD_IS_INVALID = (
        10003,
        "The period of the data shown begins before time did, or ends before it begins.",
        "State block times in milliseconds since 1970, the end after the beginning, or 0 for no end.",
    )
    VALIDITY_IS_INVALID = (
        10004,
        "The grant would end before it begins, or last longer than a grant may.",
        "Let it end after now and within 731 days; it can be given again.",
    )
    GRANT_EXISTS = (
        10005,
        "The grantor shows the same to the same party for the same purpose already.",
        "Revoke the grant in force first where another period or end is meant.",
    )
    TOO_MANY_GRANTS = (
        10006,
        "The grantor has as many grants in force as one party may have.",
        "Revoke grants that are not needed, or wait until some lapse.",
    )
    GRANT_NOT_FOUND = (
        10010,
        "There is no grant of this identifier that the party may end.",
        "Check the identifier; grantor, grantee, joint holders and those above the grantor may end a grant.",
    )
    NODE_HAS_NOT_SIGNED = (
        10020,
        "The node's own key has not signed.",
        "Let the node sign; give its key a mandate of the party for this message alone.",
    )
    READ_LOG_IS_INVALID = (
        10021,
        "The state of the log is none: no entries, or a head of other than 32 bytes.",
        "State the number of entries and the digest that the last of them leads to.",
    )
    READ_LOG_DOES_NOT_GROW = (
        10022,
        "The log does not have more entries than were recorded before.",
        "Nothing needs to be done where it is as long; a shorter log has lost entries, which is to be looked into.",
    )
    TOO_MANY_NODES = (
        10023,
        "The party has recorded logs of as many nodes as one party may have.",
        "Let another party record it, or keep fewer nodes.",
    )
