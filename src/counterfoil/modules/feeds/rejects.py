"""Why the rules about feeds refuse. Numbers 17000 to 17999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class FeedsReject(RejectCode):
    NAME_IS_NOT_GOOD = (
        17000,
        "The name is not one that a feed may have.",
        "Use 1 to 20 capital letters, digits, dots, dashes and slashes.",
    )
    UNIT_IS_NOT_GOOD = (
        17001,
        "The unit is empty, too long or not printable, or the scale is out of range.",
        "Say in a few words what the value counts, and state 0 to 18 decimal places.",
    )
    UNIT_CANNOT_CHANGE = (
        17002,
        "A feed of this name is there, with another unit or scale.",
        "Give the new feed another name: what was recorded keeps its meaning.",
    )
    OBSERVERS_ARE_NOT_IN_RANGE = (
        17003,
        "The observers are too many, no active parties, or not in ascending order without repetition.",
        "Name up to 100 active parties in ascending order, or none for the validators.",
    )
    QUORUM_IS_NOT_IN_RANGE = (
        17004,
        "The quorum is below three, or above the number of observers.",
        "State a quorum from three, so that one observer that lies decides nothing, to the number of observers.",
    )
    TIMES_ARE_NOT_IN_RANGE = (
        17005,
        "An age or interval is out of range, or longer than a value holds.",
        "State times of at least a millisecond, none longer than the time after which a value is stale.",
    )
    DEVIATION_IS_NOT_IN_RANGE = (
        17006,
        "The permitted deviation is out of range, or none at all.",
        "State the deviation in basis points of the last value, in units of the scale, or both.",
    )
    TOO_MANY_FEEDS = (
        17007,
        "There are as many feeds as there may be.",
        "End a feed first.",
    )
    FEED_NOT_FOUND = (
        17010,
        "There is no feed of this name.",
        "Check the name; what is observed, the list of feeds shows.",
    )
    PARTY_DOES_NOT_OBSERVE = (
        17011,
        "The party is none of the feed's observers.",
        "Let one of them observe, or let the consortium define the feed anew.",
    )
    VALUE_IS_NOT_IN_RANGE = (
        17012,
        "The value is larger than the ledger can hold.",
        "Check the value and the feed's scale.",
    )
    OBSERVATION_IS_TOO_OLD = (
        17013,
        "The observation is older than the feed accepts.",
        "Observe again and send it at once.",
    )
    OBSERVATION_IS_AHEAD = (
        17014,
        "The observation's time is ahead of the ledger's.",
        "Set the clock of the machine that observes.",
    )
    OBSERVATION_IS_NOT_NEWER = (
        17015,
        "An observation of this party that is as new or newer waits for the next value.",
        "Nothing needs to be done.",
    )
    NO_VALUE_IS_DUE = (
        17016,
        "The feed had a value so short a time ago that the next is not due.",
        "Nothing needs to be done: observe again when the interval is over.",
    )
