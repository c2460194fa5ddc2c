"""Why the rules about validators refuse. Numbers 16000 to 16999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class ValidatorsReject(RejectCode):
    KEY_IS_NOT_GOOD = (
        16000,
        "The consensus key is no tagged Ed25519 key that the ledger accepts.",
        "State the validator's key with its algorithm byte 01 before its 32 bytes.",
    )
    KEY_WAS_IN_USE = (
        16001,
        "The consensus key is or was a validator's.",
        "Draw a new key: one that served before is never put in force again.",
    )
    POWER_IS_NOT_IN_RANGE = (
        16002,
        "The voting power is not one that a validator may have.",
        "State a power from 1 to the limit.",
    )
    PARTY_IS_A_VALIDATOR = (
        16003,
        "The party is a validator already.",
        "Change its power or its key instead, or readmit it where it is suspended.",
    )
    PARTY_IS_NO_VALIDATOR = (
        16004,
        "The party is no validator.",
        "Check the party; who they are, the list of validators shows.",
    )
    TOO_MANY_VALIDATORS = (
        16005,
        "There are as many validators as there may be.",
        "Remove a validator first.",
    )
    VALIDATOR_IS_SUSPENDED = (
        16006,
        "The validator is suspended because it misbehaved.",
        "Readmit it by a motion, with a new key.",
    )
    VALIDATOR_IS_NOT_SUSPENDED = (
        16007,
        "The validator is not suspended.",
        "Nothing needs to be done.",
    )
    NOBODY_WOULD_BE_LEFT = (
        16008,
        "No validator with any power would be left, so that no block could be decided any more.",
        "Add another validator first.",
    )
    KEY_WAS_ROTATED_JUST_NOW = (
        16009,
        "The member has rotated this validator's key by itself only a moment ago.",
        "Wait an hour, or let the consortium decide it by a motion.",
    )
    KEY_IS_NOT_POSSESSED = (
        16010,
        "The consensus key has not signed that it is to be this party's on this ledger.",
        "Let whoever has the key sign it: `network add-validator` and `rotate-key` do, on the node's machine.",
    )
