"""Rejects of admission and of the machine itself."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class MachineReject(RejectCode):
    """In order of precedence: the bytes, then time, then signatures, then what was used up."""

    TRANSACTION_IS_TOO_LARGE = (
        1001,
        "The transaction is larger than the ledger accepts.",
        "Split it into several transactions, or load its data in chunks.",
    )
    TRANSACTION_IS_MALFORMED = (
        1002,
        "The bytes are not the one canonical encoding of a transaction of this rule version.",
        "Build the transaction with the SDK of this ledger's version and send its bytes unchanged.",
    )
    TOO_MANY_SIGNERS = (
        1003,
        "The transaction names no signer, too many, or one twice, or it carries too many signatures.",
        "Name each signer once, and at least one; use a proposal on the ledger where more must approve.",
    )
    TOO_MANY_MESSAGES = (
        1004,
        "The transaction carries no message, or more messages than the ledger accepts.",
        "Send between one message and the limit in each transaction.",
    )
    TRANSACTION_HAS_EXPIRED = (
        1010,
        "The expiry of the transaction is not after the block's time.",
        "Build it again with a later expiry, and sign and send it again; the old one can no longer take effect.",
    )
    EXPIRY_IS_TOO_FAR = (
        1011,
        "The expiry of the transaction is later than the ledger remembers ids.",
        "Choose an expiry within the ledger's window, or collect the signatures with a proposal on the ledger.",
    )
    SIGNATURE_IS_WRONG = (
        1020,
        "A signature does not fit its key and the transaction's bytes on this ledger.",
        "Sign the body's own bytes with this ledger's chain id, and send them unchanged.",
    )
    SIGNER_IS_NOT_AUTHORISED = (
        1021,
        "The keys that signed do not reach the threshold of a named signer under the keys now in force.",
        "Add the missing signatures, or sign with the signer's present keys.",
    )
    TRANSACTION_IS_USED = (
        1030,
        "A transaction with this id was authorised before.",
        "Nothing needs to be done: ask for the first result of this id.",
    )
    MESSAGE_WAS_NOT_EXECUTED = (
        1040,
        "Another message of the same all-or-nothing transaction was rejected, so that none took effect.",
        "Look at the message that was rejected, correct it, and send the transaction again.",
    )
    BUNDLE_IS_MALFORMED = (
        1050,
        "The bytes are not the one canonical encoding of a bundle, or its gatherer's signature is wrong.",
        "Let the node that takes transactions in gather and sign the bundle.",
    )
    BUNDLE_HAS_EXPIRED = (
        1051,
        "The expiry of the bundle is not after the block's time.",
        "Nothing needs to be done: the node that gathered it gathers anew what has not expired itself.",
    )
    GATHERER_IS_NO_MEMBER = (
        1052,
        "The key that signed the bundle is neither that of a founding node or of one that holds the ledger's roots, nor"
        " a user's of the active party that it names.",
        "Send transactions to another node; or have the node admitted as a holder; or let a member grant its address a"
        " mandate, and name the member to the node.",
    )
    BUNDLE_CANNOT_BE_OPENED = (
        1053,
        "The sealed part of the bundle does not open to transactions under the key epoch that it names.",
        "Gather its transactions anew, sealed to the bundle key of the epoch in force; none of them took effect.",
    )
    VALIDATORS_DIFFER = (
        1054,
        "The validators with which a network is to begin are not those that the ledger has on record and in force.",
        "Let the consortium enter them and a block more be made, export the ledger anew, and found the network from"
        " that; or start the engine with the genesis file that was made with this ledger's network.",
    )
    SUBMISSION_IS_TOO_FAST = (
        1060,
        "This submitter has used up its rate of transactions.",
        "Send again after wait_ms milliseconds. Rejected messages count many times: look at why yours were; ask the "
        "operator for a higher rate if this is your normal flow.",
    )
    POOL_IS_FULL = (
        1061,
        "The node's pool of transactions that wait for a block is full, or your share of it.",
        "Send again a little later, or to another node; nothing was accepted.",
    )
    RULES_FAILED = (
        1099,
        "The ledger's own rules failed on this transaction, so that it was not put into a block.",
        "Report the transaction id to the operator: this is the ledger's fault, not yours.",
    )
