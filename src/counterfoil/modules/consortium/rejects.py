"""Why the consortium's rules refuse. Numbers 19000 to 19999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class ConsortiumReject(RejectCode):
    PARTIES_ARE_NOT_IN_RANGE = (
        19000,
        "No member is named, too many are, or one is named twice.",
        "Name each member in whose name you sign once.",
    )
    PARTY_IS_NO_MEMBER = (
        19001,
        "The party is no member of the consortium.",
        "Let a member bring or approve the motion; who they are, the list of members shows.",
    )
    CONTENT_IS_TOO_LARGE = (
        19002,
        "The motion's messages are larger than a motion may be.",
        "Split it into several motions.",
    )
    CONTENT_IS_MALFORMED = (
        19003,
        "The content is not the one encoding of a list of messages of this rule version.",
        "Encode the messages with the software of this ledger's version.",
    )
    MESSAGES_ARE_NOT_IN_RANGE = (
        19004,
        "The motion holds no message, or more than a motion may hold.",
        "Move between one message and a hundred.",
    )
    MESSAGE_CANNOT_BE_MOVED = (
        19005,
        "One of the messages is a party's own business, on which the consortium does not decide.",
        "Let the party whose business it is send it.",
    )
    EXPIRY_IS_PAST = (
        19006,
        "The motion's expiry is not after the block's time.",
        "Choose a later expiry.",
    )
    EXPIRY_IS_TOO_FAR = (
        19007,
        "The motion would wait longer than a motion may.",
        "Choose an earlier expiry; a motion that lapsed can be proposed again.",
    )
    TOO_MANY_OPEN_MOTIONS = (
        19008,
        "The member has as many open motions as one member may have.",
        "Wait until some are carried or lapse, or withdraw some.",
    )
    MOTION_NOT_FOUND = (
        19010,
        "There is no open motion with this identifier.",
        "Check the identifier; a motion ends when it is carried, withdrawn or lapses.",
    )
    MOTION_HAS_EXPIRED = (
        19011,
        "The motion's expiry has passed.",
        "Propose it again with a later expiry.",
    )
    MEMBER_HAS_APPROVED = (
        19012,
        "All of these members have approved the motion before.",
        "Nothing needs to be done: the approvals of the others are missing.",
    )
    APPROVAL_NOT_FOUND = (
        19013,
        "The member has not approved the motion.",
        "Nothing needs to be done.",
    )
    WEIGHT_IS_NOT_IN_RANGE = (
        19020,
        "The weight is neither one that a member may have, nor the end of a membership that there is.",
        "State a weight from 0 to the limit, or −1 for a member that is to leave.",
    )
    TOO_MANY_MEMBERS = (
        19021,
        "The consortium has as many members as it may have.",
        "End a membership first.",
    )
    MESSAGE_IS_NOT_DECIDED_HERE = (
        19022,
        "The number is of no message on which the consortium decides.",
        "Name the number of such a message, or 0 for all that have no rule of their own.",
    )
    RULE_IS_NOT_IN_RANGE = (
        19023,
        "The share is not between nothing and everything, no approval is demanded, or the roles do not ascend.",
        "State a numerator below its denominator, at least one approval, and each role once.",
    )
    RULE_COULD_NEVER_BE_MET = (
        19024,
        "A decision rule would demand more than all members together could give.",
        "Change the rule first, or keep enough members, with the roles that the rules demand.",
    )
