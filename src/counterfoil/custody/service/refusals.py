"""Why the custodian refuses. Numbers 1300 to 1399. None of these texts, and no fact beside them, is secret."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class CustodyRefusal(RejectCode):
    REQUEST_IS_TOO_LARGE = (
        1300,
        "The request is larger than the custodian accepts from this client.",
        "Log in first, or sign smaller transactions.",
    )
    REQUEST_IS_MALFORMED = (
        1301,
        "The bytes are not a request of this protocol version.",
        "Use the program of the custodian's version.",
    )
    TOO_MANY_CLIENTS = (
        1302,
        "The custodian serves as many clients as it can.",
        "Close connections that are not used, or come back later.",
    )
    LOGIN_FAILED = (
        1303,
        "User name, password and code do not belong together, or the code was used before.",
        "Try again with the code that is shown next. After several failures the login rests for a while.",
    )
    LOGIN_RESTS = (
        1304,
        "After too many failures nobody logs in under this name for a while.",
        "Wait, or let an administrator enrol the user anew if it was not you.",
    )
    LOGIN_IS_NEEDED = (
        1305,
        "This needs a login, and there is none, or it has ended.",
        "Log in with `counterfoil custodian login`.",
    )
    REQUESTS_ARE_TOO_FAST = (
        1306,
        "The user has asked for more in a minute than the custodian serves.",
        "Wait a moment, and ask again.",
    )
    CERTIFICATE_IS_NOT_IN_FORCE = (
        1307,
        "The ledger does not know the certificate of this machine, or it is revoked, or out of its time; or the ledger "
        "cannot be asked.",
        "Ask whoever runs the certificate authority; `counterfoil ca list` shows what is on the ledger.",
    )
    IS_NOT_SIGNED_HERE = (
        1310,
        "The bytes are no transaction of the custodian's ledger, no reader's greeting, no name record, and nothing"
        " sealed for a member of it.",
        "Sign and open for the ledger that the custodian was set up for; it does neither to what it cannot read.",
    )
    KEY_NOT_FOUND = (
        1311,
        "There is no such key, or none that this user may see.",
        "Look at `counterfoil keys list`; an administrator says whose a key is.",
    )
    POLICY_DOES_NOT_ALLOW_IT = (
        1312,
        "No rule of the custodian's policy lets this user sign this with this key.",
        "Ask an administrator for a rule that names user, key, message, accounts and instruments.",
    )
    LIMIT_IS_EXCEEDED = (
        1313,
        "The transaction is above a limit of the rule that would allow it.",
        "Stay below the limit, wait until tomorrow where it is the day's, or ask for a higher one.",
    )
    APPROVAL_IS_MISSING = (
        1314,
        "The policy wants other users to approve this before the key signs it.",
        "Let them approve the request (counterfoil custodian approve), then ask again for the same.",
    )
    REQUEST_NOT_FOUND = (
        1315,
        "There is no such open request, or it is not this user's to decide.",
        "Look at `counterfoil custodian requests`.",
    )
    REQUEST_WAS_REFUSED = (
        1316,
        "A user who was to approve this has refused it.",
        "Talk to each other, and make a new transaction.",
    )
    APPROVER_IS_THE_REQUESTER = (
        1317,
        "Who asks for a signature cannot approve it too.",
        "Let another user approve it.",
    )
    TOO_MANY_OPEN_REQUESTS = (
        1319,
        "As many requests of this user wait for approval as may.",
        "Let some be decided, or wait until they expire.",
    )
    LEDGER_DOES_NOT_ANSWER = (
        1320,
        "The custodian cannot put its trail on the ledger, and this signature must stand there first.",
        "Ask again when the ledger can be reached; nothing has left the custodian.",
    )
    TRAIL_IS_NOT_THE_LEDGERS = (
        1321,
        "The custodian's trail is not what the ledger has of it: a store was rolled back, forked or changed.",
        "Nothing is signed. Compare the store and its copies with the ledger; restore the one that it continues.",
    )
    IS_NOT_AN_ADMINISTRATOR = (
        1330,
        "Only an administrator of the custodian may do this.",
        "Ask an administrator; `counterfoil custodian requests` shows what waits for one.",
    )
    NAME_CANNOT_BE_USED = (
        1331,
        "The name is taken, or is none that the custodian can use.",
        "Choose another: 1 to 64 of a-z, 0-9, dot, hyphen and underscore.",
    )
    POLICY_IS_INVALID = (
        1332,
        "The policy cannot be put in force; the details say where.",
        "Correct it as docs/how-to/run-a-custodian.md describes.",
    )
    USER_NOT_FOUND = (1333, "There is no such user.", "Check the name.")
    ENROLMENT_FAILED = (
        1334,
        "Name and enrolment code do not belong together, or the code has expired.",
        "Let an administrator enrol the user again.",
    )
    PASSWORD_IS_TOO_SHORT = (
        1335,
        "The password has fewer than 12 characters.",
        "Choose a longer one.",
    )
    CUSTODIAN_FAILED = (
        1339,
        "The custodian failed on this request.",
        "Report it to whoever runs it: this is its fault, not yours.",
    )
