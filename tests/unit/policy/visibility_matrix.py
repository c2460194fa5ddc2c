"""Who may see what, as data. Written from the market's rules, not from the code, and run against it.

A row names everybody who sees; whoever of the cast is not named does not. `broker-a` and `broker-b` are siblings, and
so are the two issuers, the two exchanges, the two clients of broker-a, and the operator beside the brokers.

The tree: regulator over depository, exchange, other-exchange, broker-a, broker-b, broker-s, broker-w, trustee,
central-bank, operator, notary, auditor, data-protection,
registrar and everybody to whom something is granted; depository over
issuer and other-issuer; broker-a over client-a, other-client-a, former, moved and three-brokers; broker-b over client-b
and joint-holder; broker-s (suspended) over client-s; broker-w (winding down) over client-w; operator over client-o.
"""

from __future__ import annotations

CAST = (
    "nobody",  # has not said who it is
    "stranger",  # an identity that is no party
    "regulator",
    "depository",  # registrar of the equities
    "exchange",  # operates the market where the trade was made
    "other-exchange",
    "broker-a",
    "broker-b",
    "broker-s",  # suspended
    "client-a",
    "other-client-a",
    "client-b",
    "client-s",  # stopped because its broker is suspended
    "three-brokers",  # enrolled by broker-a; has accounts at broker-a, broker-b and the operator
    "joint-holder",  # enrolled by broker-b; holds client-a's second account jointly
    "former",  # terminated; was a client of broker-a
    "applicant",  # has applied to broker-a
    "issuer",
    "other-issuer",
    "trustee",  # issues the money token and keeps its register
    "central-bank",
    "operator",
    "client-o",
    "notary",
    "auditor",  # nothing was granted to it
    "registrar",  # attests who client-a and client-o are: one person
    "data-protection",  # watches who reads what
    "moved",  # enrolled by broker-a, where its account is closed; its account now is at broker-b
    "broker-w",  # winds down
    "client-w",
    "auditor-of-a",  # of broker-a, by broker-a
    "auditor-of-the-past",  # the same, but of a time that is over
    "auditor-expired",  # the same, but its grant has expired
    "auditor-revoked",  # the same, but its grant was revoked
    "auditor-of-the-register",  # of the equity's register, by the issuer
    "auditor-of-the-market",  # of the exchange's market, by the exchange
    "second-custodian",  # of client-a's account, by broker-a
    "lender",  # is shown client-a's account by client-a
    "investigator",  # of broker-b, by the regulator
)

EVERYBODY = " ".join(CAST)

PARTIES = " ".join(name for name in CAST if name not in ("nobody", "stranger"))

IN_BUSINESS = " ".join(
    name for name in PARTIES.split() if name not in ("broker-s", "client-s", "former", "applicant")
)

MATRIX: dict[str, str] = {
    # What is sealed, and by which keys
    "what is sealed": PARTIES,
    "key epochs": EVERYBODY,
    "the next key epoch, drawn up": "regulator depository operator",
    "view key of everything": "regulator",
    "view key of its own": PARTIES,
    "view key of what is below": IN_BUSINESS,
    "view key of a relationship that it services": " ".join(
        name for name in PARTIES.split() if name != "former"
    ),
    "view key that was granted": IN_BUSINESS,
    "view key that a suspended member granted of its own": IN_BUSINESS,
    "view key that a suspended member granted of another's": "",
    "view key that a former member granted": "",
    # Public facts
    "terms of the equity": EVERYBODY,
    "rulebook of the market": EVERYBODY,
    "name of broker-a": EVERYBODY,
    "name of broker-s": EVERYBODY,
    "name of the issuer": EVERYBODY,
    "consortium, validators and feeds": EVERYBODY,
    # Names that are not public
    "name of client-a": "client-a broker-a regulator",
    "name of applicant": "applicant broker-a regulator",
    "name of former": "former broker-a regulator",
    # Details of parties
    "details of broker-a": "broker-a regulator",
    "details of broker-s": "broker-s regulator",
    "details of client-a": "client-a broker-a regulator",
    "details of three-brokers": "three-brokers broker-a regulator",
    "details of client-s": "client-s regulator",
    "details of the issuer": "issuer depository regulator",
    "details of the regulator": "regulator",
    "details of former": "broker-a regulator",
    "history of former": "former broker-a regulator",
    "history of client-a": "client-a broker-a regulator",
    # Real names: client-a and client-o are one person
    "verification of client-a": "client-a broker-a regulator",
    "handle of client-a at broker-a": "broker-a regulator",
    "whom broker-a has asked about": "broker-a regulator",
    "person that client-a is": "registrar regulator",
    "registrars and licences": EVERYBODY,
    # Certificates: the operator runs the authority
    "authorities": EVERYBODY,
    "certificate of the exchange's node": EVERYBODY,
    "certificate of broker-a": "broker-a operator regulator",
    "certificate of broker-a, by its fingerprint": EVERYBODY,
    "certificate of client-o": "client-o operator regulator",
    "certificate that is not there": "",
    "history of broker-a": "broker-a regulator",
    "history of moved": "moved broker-a regulator",
    "history of client-s": "client-s regulator",
    "history of three-brokers": "three-brokers broker-a regulator",
    "details of moved": "moved broker-a regulator",
    "details of broker-w": "broker-w regulator",
    "details of client-w": "client-w broker-w regulator",
    # Accounts
    "account of client-a": "client-a broker-a regulator",
    "history of client-a's account": "client-a broker-a regulator",
    "joint account": "client-a joint-holder broker-a regulator",
    "history of the joint account": "client-a joint-holder broker-a regulator",
    "account of three-brokers at broker-a": "three-brokers broker-a regulator",
    "account of three-brokers at broker-b": "three-brokers broker-b regulator",
    "account of three-brokers at the operator": "three-brokers operator regulator",
    "account of broker-a at the depository": "broker-a depository regulator",
    "account of broker-b at the depository": "broker-b depository regulator",
    "account of client-s": "client-s broker-s regulator",
    "account of former": "broker-a regulator",
    "history of former's account": "former broker-a regulator",
    "issuance account of the equity": "issuer depository regulator",
    "account of client-o": "client-o operator regulator",
    "account of client-w": "client-w broker-w regulator",
    "old account of moved at broker-a": "moved broker-a regulator",
    "history of moved's old account": "moved broker-a regulator",
    "account of moved at broker-b": "moved broker-b regulator",
    "history of moved's account": "moved broker-b regulator",
    "history of three-brokers' account at broker-a": "three-brokers broker-a regulator",
    "history of three-brokers' account at broker-b": "three-brokers broker-b regulator",
    "history of three-brokers' account at the operator": "three-brokers operator regulator",
    "history of client-s's account": "client-s broker-s regulator",
    "history of client-w's account": "client-w broker-w regulator",
    "account that is not there": "",
    # Registers
    "register of the equity": "issuer depository regulator",
    "register of the other equity": "other-issuer depository regulator",
    "register of the money token": "trustee regulator",
    "register that is not there": "",
    # Business: client-a's broker sold on the exchange to broker-b, which bought for itself
    "trade": "broker-a client-a broker-b exchange regulator",
    "instruction of broker-a for client-a": "broker-a client-a exchange regulator",
    "instruction of broker-b for itself": "broker-b depository exchange regulator",
    "instruction of broker-s for client-s": "broker-s client-s exchange regulator",
    "instruction of broker-b for moved": "broker-b moved exchange regulator",
    # The exchange signed a trade of two clients: each side's is that side's business, and the exchange's, which sent it
    "trade of two clients": "broker-a client-a broker-b three-brokers exchange regulator",
    "its seller's client": "broker-a client-a exchange regulator",
    "its buyer's client": "broker-b three-brokers exchange regulator",
    # A transaction that waits for issuer, notary, and a user of broker-a
    "proposal": "issuer notary broker-a regulator",
    # Keys: client-b's signer, whose recovery approvers are the signers of issuer and notary
    "signer of client-b": "client-b issuer notary regulator",
    "history of client-b's signer": "client-b regulator",
    # What the ledger has of a custodian's trail
    "custody trail of broker-a": "broker-a regulator",
    # A motion before the consortium, whose members are depository, exchange, operator and broker-a
    "motion": "depository exchange operator broker-a regulator",
    # What a party has observed of a feed, before it is part of a value
    "observation of broker-a": "broker-a regulator",
    # Receipts
    "receipt for client-a at broker-a": "client-a broker-a regulator",
    "receipt for the joint account": "client-a joint-holder broker-a regulator",
    "receipt for three-brokers at broker-b": "three-brokers broker-b regulator",
    "receipt for three-brokers at broker-a": "three-brokers broker-a regulator",
    "receipt for three-brokers at the operator": "three-brokers operator regulator",
    "receipt for former at broker-a": "former broker-a regulator",
    "receipt for moved at broker-a": "moved broker-a regulator",
    "receipt for moved at broker-b": "moved broker-b regulator",
    "receipt for client-s at broker-s": "client-s broker-s regulator",
    "receipt for client-w at broker-w": "client-w broker-w regulator",
    "receipt for the issuer": "issuer depository regulator",
    "receipt for broker-a": "broker-a regulator",
    "receipt for a user of broker-a": "broker-a regulator",
    "receipt for everybody": EVERYBODY,
    # Grants: who gave it, who has it, whose business it shows (but of an investigation), those above who gave it
    "grant to the auditor of broker-a": "broker-a auditor-of-a regulator data-protection",
    "grant of client-a to the lender": "client-a lender broker-a regulator data-protection",
    "grant to the investigator of broker-b": "regulator investigator data-protection",
    "grant of broker-a's key to its auditor": "broker-a auditor-of-a regulator data-protection",
    "grant of broker-a's key that has ended": "broker-a auditor-revoked regulator data-protection",
    "grant of client-a's key to the lender": "client-a lender broker-a regulator data-protection",
    "grant of broker-b's key to its investigator": "regulator investigator data-protection",
    # What the node itself knows
    "reads at this node": "data-protection",
    "queues of the market": "exchange regulator",
    "how the node is": EVERYBODY,
    # Whoever subtracts its own knows what the others do, so that it is told to those alone who run the ledger
    "how much business the node does": "regulator depository operator",
}

GRANTEES: dict[str, tuple[str, ...]] = {
    "auditor-of-a": (
        *(
            "details of broker-a",
            "history of broker-a",
            "custody trail of broker-a",
            "account of client-a",
            "history of client-a's account",
        ),
        *("joint account", "history of the joint account", "account of three-brokers at broker-a"),
        *("account of broker-a at the depository", "account of former", "history of former's account"),
        *("old account of moved at broker-a", "history of moved's old account"),
        *("trade", "trade of two clients", "its seller's client", "instruction of broker-a for client-a"),
        "receipt for the joint account",
        *("receipt for client-a at broker-a", "receipt for former at broker-a", "receipt for broker-a"),
        *("receipt for three-brokers at broker-a", "receipt for moved at broker-a"),
        "history of three-brokers' account at broker-a",
        *("whom broker-a has asked about", "certificate of broker-a"),
        "observation of broker-a",
    ),
    "auditor-of-the-past": (),
    "auditor-expired": (),
    "auditor-revoked": (),
    "auditor-of-the-register": ("register of the equity",),
    "auditor-of-the-market": (
        *("trade", "instruction of broker-a for client-a", "instruction of broker-b for itself"),
        *("trade of two clients", "its seller's client", "its buyer's client"),
        *("instruction of broker-s for client-s", "instruction of broker-b for moved"),
    ),
    "second-custodian": (
        *("account of client-a", "history of client-a's account", "trade"),
        *("trade of two clients", "its seller's client", "instruction of broker-a for client-a"),
    ),
    "lender": (
        *("account of client-a", "history of client-a's account", "trade"),
        *("trade of two clients", "its seller's client", "instruction of broker-a for client-a"),
    ),
    "investigator": (
        *("account of three-brokers at broker-b", "account of broker-b at the depository"),
        *("account of moved at broker-b", "history of moved's account"),
        *("trade", "instruction of broker-b for itself", "receipt for three-brokers at broker-b"),
        *("trade of two clients", "its buyer's client", "instruction of broker-b for moved"),
        *("history of three-brokers' account at broker-b", "receipt for moved at broker-b"),
    ),
}
"""To whom something was granted → the rows that it sees by that, beside what everybody and it itself sees."""


OF_THE_PAST: dict[str, tuple[str, ...]] = {
    "auditor-of-the-past": (
        *("history of broker-a", "history of client-a's account", "history of the joint account"),
        *("history of former's account", "history of moved's old account"),
        "history of three-brokers' account at broker-a",
        *("instruction of broker-a for client-a",),
    ),
}
"""To whom the past alone was granted → the rows that show it entries of that time where they are read as histories."""


def seen(row: str, *, as_history: bool = False) -> set[str]:
    """Everybody who sees a row. as_history: by a read that goes back through all that happened."""
    granted = {grantee for grantee, rows in GRANTEES.items() if row in rows}
    past = {grantee for grantee, rows in OF_THE_PAST.items() if as_history and row in rows}
    return set(MATRIX[row].split()) | granted | past


WHILE_SUSPENDED: dict[str, dict[str, str]] = {
    # What an office showed while it was held, it does not show while its holder is suspended.
    "exchange": {
        "trade": "broker-a client-a broker-b regulator",
        "instruction of broker-b for itself": "broker-b depository regulator",
        "motion": "depository operator broker-a regulator",
    },
    "depository": {
        "register of the equity": "issuer regulator",
        "the next key epoch, drawn up": "regulator operator",
        "how much business the node does": "regulator operator",
        "what is sealed": PARTIES,
        "view key of its own": PARTIES,
        "view key of what is below": " ".join(
            name for name in IN_BUSINESS.split() if name not in ("depository", "issuer", "other-issuer")
        ),
        "details of the issuer": "issuer regulator",
        "account of broker-a at the depository": "broker-a depository regulator",
    },
    "broker-a": {
        "account of client-a": "client-a broker-a regulator",
        "details of client-a": "client-a regulator",
        "details of broker-a": "broker-a regulator",
        "trade": "broker-a client-a broker-b exchange regulator",
    },
    "registrar": {
        "person that client-a is": "regulator",
    },
    "operator": {
        "certificate of broker-a": "broker-a regulator",
        "certificate of client-o": "client-o regulator",
    },
    "issuer": {
        "register of the equity": "issuer depository regulator",
        "details of the issuer": "issuer depository regulator",
    },
    "regulator": {
        "details of broker-a": "broker-a",
        "account of client-a": "client-a broker-a",
        "details of the regulator": "regulator",
        "motion": "",
        "consortium, validators and feeds": EVERYBODY,
    },
}
"""Who is suspended → the rows that it changes, or that it must not change. Suspending the regulator, which nobody on
the ledger can, stands for a top whose powers rest: then everybody below is stopped, and reads only its own."""

GRANTEES_WHILE_SUSPENDED: dict[str, dict[str, str]] = {
    # Who is stopped still sees what it is a side of, and so does whom it showed that; an office that rests shows none.
    "operator": {"certificate of broker-a": "auditor-of-a"},
    "exchange": {
        "trade": "auditor-of-a investigator second-custodian lender",
        "instruction of broker-b for itself": "investigator",
    },
    "depository": {
        "register of the equity": "auditor-of-the-register",
        "account of broker-a at the depository": "auditor-of-a",
    },
    "broker-a": {
        "account of client-a": "auditor-of-a second-custodian lender",
        "details of broker-a": "auditor-of-a",
        "trade": "auditor-of-a auditor-of-the-market investigator second-custodian lender",
    },
    "issuer": {"register of the equity": "auditor-of-the-register"},
    "auditor-of-a": {"details of broker-a": "", "account of client-a": "second-custodian lender"},
}
"""Who is suspended → those of the grantees that then see a row; none where a row of `WHILE_SUSPENDED` is not named."""

PERIODS: tuple[tuple[int, int, int, int, bool], ...] = (
    # The grant's period (0 at its end: without end), the time of which data is asked, whether it is shown
    (0, 0, 50, 60, True),
    (100, 200, 50, 99, False),
    (100, 200, 50, 100, True),
    (100, 200, 120, 130, True),
    (100, 200, 199, 900, True),
    (100, 200, 200, 900, False),
    (100, 0, 50, 99, False),
    (100, 0, 99, 100, True),
    (100, 0, 900, 900, True),
    (0, 200, 0, 0, True),
    (0, 200, 200, 200, False),
)
"""Block times: a state has the time from its block until the next one."""
