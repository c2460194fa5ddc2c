"""Why the rules about markets refuse. Numbers 3000 to 3999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class MarketsReject(RejectCode):
    MARKET_NOT_FOUND = (3000, "There is no such market.", "Check the market's identifier code (MIC).")
    DATE_IS_INVALID = (
        3001,
        "The date is none, or business days cannot be counted from it.",
        "State a day of the calendar as yyyymmdd, near enough to be counted from.",
    )
