"""Who may see what, as data. Written from the market's rules, not from the code, and run against it.

A row names everybody who sees; whoever of the cast is not named does not. `broker-a` and `broker-b` are siblings, and
so are the two issuers, the two exchanges, the two clients of broker-a, and the operator beside the brokers.

The tree: regulator over depository, exchange, other-exchange, broker-a, broker-b, broker-s, trustee, central-bank,
operator, notary, auditor, registrar; depository over issuer and other-issuer; broker-a over client-a, other-client-a,
former and three-brokers; broker-b over client-b and joint-holder; broker-s (suspended) over client-s; operator over
client-o.
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
)

EVERYBODY = " ".join(CAST)

MATRIX: dict[str, str] = {
    # Public facts
    "terms of the equity": EVERYBODY,
    "rulebook of the market": EVERYBODY,
    "name of broker-a": EVERYBODY,
    "name of broker-s": EVERYBODY,
    "name of the issuer": EVERYBODY,
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
    # Receipts
    "receipt for client-a at broker-a": "client-a broker-a regulator",
    "receipt for three-brokers at broker-b": "three-brokers broker-b regulator",
    "receipt for former at broker-a": "former broker-a regulator",
    "receipt for the issuer": "issuer depository regulator",
    "receipt for broker-a": "broker-a regulator",
    "receipt for a user of broker-a": "broker-a regulator",
    "receipt for everybody": EVERYBODY,
}

WHILE_SUSPENDED: dict[str, dict[str, str]] = {
    # What an office showed while it was held, it does not show while its holder is suspended.
    "exchange": {
        "trade": "broker-a client-a broker-b regulator",
        "instruction of broker-b for itself": "broker-b depository regulator",
    },
    "depository": {
        "register of the equity": "issuer regulator",
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
    },
}
"""Who is suspended → the rows that it changes, or that it must not change. Suspending the regulator, which nobody on
the ledger can, stands for a top whose powers rest: then everybody below is stopped, and reads only its own."""
