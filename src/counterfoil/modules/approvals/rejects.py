"""Why the rules about proposals refuse. Numbers 1500 to 1999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class ApprovalsReject(RejectCode):
    CONTENT_IS_TOO_LARGE = (
        1500,
        "The proposed transaction is larger than a proposal may be.",
        "Split it into several proposals.",
    )
    CONTENT_IS_MALFORMED = (
        1501,
        "The content is not the one canonical encoding of signers and messages of this rule version.",
        "Build the proposal with the SDK of this ledger's version.",
    )
    SIGNERS_ARE_NOT_IN_RANGE = (
        1502,
        "The proposal names no signer, too many, one twice, or one that is not an address of twenty bytes.",
        "Name each signer once by its address.",
    )
    MESSAGES_ARE_NOT_IN_RANGE = (
        1503,
        "The proposal holds no message, or more messages than a proposal may.",
        "Propose between one message and the limit.",
    )
    PROPOSAL_INSIDE_A_PROPOSAL = (
        1504,
        "A proposed message is itself about a proposal.",
        "Propose the messages themselves; proposals are entered, approved and withdrawn directly.",
    )
    EXPIRY_IS_PAST = (
        1505,
        "The proposal's expiry is not after the block's time.",
        "Choose a later expiry.",
    )
    EXPIRY_IS_TOO_FAR = (
        1506,
        "The proposal's expiry is later than a proposal may stay open.",
        "Choose an expiry within the limit, and propose again if the signatures take longer.",
    )
    PROPOSER_IS_NOT_NAMED = (
        1507,
        "None of those who signed is named by the proposal.",
        "Let one of the named signers enter it.",
    )
    TOO_MANY_OPEN_PROPOSALS = (
        1508,
        "The proposer has as many open proposals as one proposer may have.",
        "Wait until some are approved or lapse, or withdraw some.",
    )
    PROPOSAL_NOT_FOUND = (
        1510,
        "There is no open proposal with this identifier.",
        "Check the identifier; a proposal ends when it is executed, withdrawn or lapses.",
    )
    PROPOSAL_HAS_EXPIRED = (
        1511,
        "The proposal's expiry has passed.",
        "Enter it again with a later expiry.",
    )
    SIGNER_IS_NOT_NAMED = (
        1512,
        "Not given any more: a proposal that names none of those who signed is to them as none, PROPOSAL_NOT_FOUND.",
        "Sign with one of the addresses that the proposal names.",
    )
    SIGNER_HAS_APPROVED = (
        1513,
        "All of those who signed, as far as the proposal names them, have approved it before.",
        "Nothing needs to be done: the approvals of the others are missing.",
    )
