"""Why a custodian's trail is refused. Numbers 15000 to 15999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class CustodiansReject(RejectCode):
    ENTRIES_ARE_INVALID = (
        15000,
        "The entries are none, more than 200, or have fields of another length than theirs.",
        "Send 1 to 200 entries as the custodian's service makes them.",
    )
    TRAIL_DOES_NOT_FOLLOW = (
        15001,
        "The ledger has another number of entries than these follow.",
        "Read the trail on the ledger and send what comes after it; where the ledger has more than the custodian, the"
        " custodian lost entries: find out how before it signs again.",
    )
    TRAIL_HAS_ANOTHER_HEAD = (
        15002,
        "The entries on the ledger are not those that the custodian has before these.",
        "Let nobody sign: the custodian's store, or a copy of it, was changed or forked. Compare it with the ledger.",
    )
