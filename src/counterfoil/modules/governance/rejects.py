"""Why a message about the chain itself is refused."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class GovernanceReject(RejectCode):
    """In order of precedence within each message."""

    VERSION_IS_NOT_NEWER = (
        1401,
        "The rule version is not above the one in force.",
        "Name the version of the rules that is to come into force.",
    )
    HEIGHT_IS_PAST = (
        1402,
        "The height at which the upgrade would take effect is not ahead of this block.",
        "Choose a height far enough ahead for every member to install the new program.",
    )
    UPGRADE_IS_SCHEDULED = (
        1403,
        "Another upgrade is scheduled already.",
        "Cancel the scheduled one first, or wait until it has taken effect.",
    )
    NO_UPGRADE_IS_SCHEDULED = (
        1404,
        "There is no scheduled upgrade to cancel.",
        "Nothing needs to be done.",
    )
