"""Every way to ask a node for something, and for each the questions by which somebody might learn what is hidden.

The table is data: for each read and each kind of request, pairs of requests whose replies must not be told apart,
neither by what they say nor by their size nor by their time: one about what is there and is not the viewer's, one
about what is not there (or is there less). A read without a question says why nobody can learn anything by it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import msgspec

from counterfoil.node.protocol import Read, Request, Submit, TryOut, Wait, Watch
from counterfoil.primitives.codec import encode
from counterfoil.sdk import messages
from tests.e2e.hidden_things import Served

Find = Callable[[Served], Any]
"""What is hidden from the viewer: an identity, or a text."""


class Question(NamedTuple):
    """label: which of a read's questions. make: the request about something, as a viewer. there: what is hidden.

    other: what is asked about in its place; by default random bytes (or letters) of the same length. same: whether both
    replies are the same bytes (else they name what was asked, and have the same length). of_two: the same request, of a
    ledger where much is hidden and of one where little is.
    """

    label: str
    make: Callable[[Served, Any], Request]
    there: Find
    other: Find | None = None
    viewer: str = "central-bank"
    same: bool = True
    of_two: bool = False

    def nowhere(self, served: Served, chance: Random) -> Any:
        if self.other is not None:
            return self.other(served)
        hidden = self.there(served)
        if isinstance(hidden, str):
            return "".join(chance.choices("abcdefghij", k=len(hidden)))
        return chance.randbytes(len(hidden))


def account(name: str) -> Find:
    return lambda served: served.cast.accounts[name]


def party(name: str) -> Find:
    return lambda served: served.cast.parties[name]


def of_cast(name: str) -> Find:
    return lambda served: getattr(served.cast, name)


def grant(name: str) -> Find:
    return lambda served: served.cast.grants[name]


def ask(
    label: str,
    read: str,
    field: str,
    there: Find,
    other: Find | None = None,
    viewer: str = "central-bank",
    **more: Any,
) -> Question:
    """A named read, with what is hidden as one of its parameters."""

    def make(served: Served, value: Any) -> Request:
        given = {name: one(served) if callable(one) else one for name, one in more.items()}
        return Read(1, read, msgspec.Raw(encode({**given, field: value})))

    return Question(label, make, there, other, viewer)


def whole(read: str, viewer: str = "central-bank") -> Question:
    """A list without parameters, of a ledger where much is hidden, and of one where little is."""
    return Question(
        "how much",
        lambda served, _: Read(1, read, msgspec.Raw(encode({}))),
        lambda served: b"",
        viewer=viewer,
        same=False,
        of_two=True,
    )


def moments(read: str) -> Question:
    """A list as of two moments: when much was there that is hidden, and when little was."""
    return ask(
        "at two moments",
        read,
        "at",
        lambda served: str(served.cast.granted_height),
        lambda served: str(served.cast.past_height),
    )._replace(same=False)


def signed(
    label: str, make: Callable[[Served, Any], Any], there: Find, other: Find | None = None
) -> Question:
    """A dry run of a transaction that the viewer has signed itself."""

    def request(served: Served, value: Any) -> Request:
        return TryOut(1, served.transaction("central-bank", make(served, value)))

    return Question(label, request, there, other, same=False)


def earmark(served: Served, value: bytes) -> object:
    return messages.PlaceEarmark(value, served.cast.share, 7)


def revoke(served: Served, value: bytes) -> object:
    return messages.RevokeView(served.cast.parties["central-bank"], value)


def suspend(served: Served, value: bytes) -> object:
    return messages.SuspendParty(served.cast.parties["central-bank"], value, "why")


def submitted(served: Served, value: bytes) -> Request:
    return Submit(1, (served.transaction("central-bank", revoke(served, value)),))


def claimed(served: Served, value: bytes) -> Request:
    return served.door("nobody").claim(
        "central-bank", value, served.cast.clients["central-bank"].keys[0].address
    )


def spoken_for(served: Served, value: bytes) -> Request:
    return served.door("nobody").claim("central-bank", served.cast.parties["central-bank"], value)


def stream(label: str, there: Find, viewer: str = "central-bank", height: int = 0) -> Question:
    return Question(label, lambda served, value: Watch(1, height, 0, value), there, viewer=viewer)


OF_B, OF_A = account("three at b"), account("client-a's")
ALIKE = "One answer for everybody who may ask it, from which nothing is left out."

QUESTIONS: dict[str, tuple[Question, ...] | str] = {
    # ---- named reads ----
    "holdings": (
        ask("of an account", "holdings", "account", OF_B),
        ask("of the past", "holdings", "account", OF_B, at=lambda served: str(served.cast.past_height)),
        ask("at a moment that is none", "holdings", "account", OF_B, at="999999"),
        ask("by a former member", "holdings", "account", account("former's"), viewer="former"),
        ask("by a suspended member", "holdings", "account", OF_A, viewer="broker-s"),
        ask("by one whose client moved", "holdings", "account", account("moved's"), viewer="broker-a"),
        ask("by one of three brokers", "holdings", "account", OF_B, viewer="broker-a"),
        ask("by an expired grant", "holdings", "account", OF_A, viewer="auditor-expired"),
        ask("by a revoked grant", "holdings", "account", OF_A, viewer="auditor-revoked"),
        ask("by nobody", "holdings", "account", OF_B, viewer="nobody"),
    ),
    "statement": (
        ask("of an account", "statement", "account", OF_B),
        ask("of a period", "statement", "account", OF_B, since="3", until="9"),
        ask("by a revoked grant", "statement", "account", OF_A, viewer="auditor-revoked"),
    ),
    "accounts": (
        ask("of an owner", "accounts", "owner", party("three-brokers")),
        ask("of a servicer", "accounts", "servicer", party("broker-b")),
    ),
    "history": (
        ask("of an account", "history", "account", OF_B),
        ask("of a party", "history", "party", party("client-b")),
        ask("of a register", "history", "instrument", of_cast("share")),
        ask("of a trade", "history", "business", of_cast("trade")),
        ask("of an instruction", "history", "business", of_cast("purchase")),
        ask("of a signer", "history", "signer", of_cast("signer")),
        ask("by a former member", "history", "account", account("moved's old"), viewer="former"),
        ask("by an expired grant", "history", "account", OF_A, viewer="auditor-expired"),
    ),
    "register": (
        ask("of an instrument", "register", "instrument", of_cast("share")),
        ask("by another issuer", "register", "instrument", of_cast("other_share"), viewer="issuer"),
        ask("by a holder", "register", "instrument", of_cast("share"), viewer="client-a"),
        ask(
            "behind an account that is not on it",
            "register",
            "after",
            account("former's"),
            viewer="issuer",
            instrument=of_cast("share"),
        ),
    ),
    "party": (
        ask("of an investor", "party", "party", party("client-b")),
        ask("by a sibling", "party", "party", party("client-b"), viewer="broker-a"),
    ),
    "parties": (ask("below a member", "parties", "below", party("broker-b")), whole("parties")),
    "find": (ask("an investor by its name", "find", "text", lambda served: "client-b")._replace(same=False),),
    "identity": (ask("of a person", "identity", "party", party("client-a")),),
    "identities": (ask("of an agent", "identities", "agent", party("broker-a")),),
    "person": (
        ask("of a party", "person", "party", party("client-a")),
        ask("of a tag", "person", "tag", of_cast("tag")),
        ask("by its agent", "person", "party", party("client-a"), party("other-client-a"), "broker-a"),
    ),
    "signer": (ask("of an investor", "signer", "signer", of_cast("signer")),),
    "custody_trail": (ask("of a custodian", "custody_trail", "custodian", party("broker-b")),),
    "certificates": (ask("of a party", "certificates", "party", party("client-o")), whole("certificates")),
    "trade": (
        ask("one that is not its own", "trade", "trade", of_cast("trade")),
        ask("by another exchange", "trade", "trade", of_cast("trade"), viewer="other-exchange"),
    ),
    "trades": (
        ask("of an account", "trades", "account", OF_B),
        ask("of a party", "trades", "party", party("broker-b")),
        whole("trades"),
    ),
    "instruction": (
        ask("one that is not its own", "instruction", "instruction", of_cast("purchase")),
        ask("of its counterparty", "instruction", "instruction", of_cast("purchase"), viewer="broker-a"),
    ),
    "instructions": (
        ask("of an account", "instructions", "account", OF_B),
        ask("of a party", "instructions", "party", party("broker-b")),
        ask("of a market", "instructions", "market", lambda served: "XMKT", lambda served: "XOTH"),
        whole("instructions"),
    ),
    "proposals": (
        ask(
            "that name a signer",
            "proposals",
            "signer",
            lambda served: served.cast.clients["issuer"].keys[0].address,
        ),
        whole("proposals"),
    ),
    "motions": (whole("motions"),),
    "feeds": (whole("feeds"), moments("feeds")),
    "grants": (whole("grants"), moments("grants")),
    "view_key_grants": (whole("view_key_grants"), moments("view_key_grants")),
    "receipts": (
        Question(
            "of a block",
            lambda served, height: Read(
                1, "receipts", msgspec.Raw(encode({"first_height": height, "last_height": height}))
            ),
            lambda served: served.cast.client_deals[0].height,
            lambda served: served.cast.allotted.height,
            same=False,
        ),
    ),
    "read-log": (whole("read-log"),),
    "view_keys": (whole("view_keys"),),
    "proof": (
        ask("of an account", "proof", "account", OF_B, kind="account"),
        ask("of a holding", "proof", "account", OF_B, kind="holding", instrument=of_cast("share")),
        ask("of none", "proof", "account", OF_B, kind="no-holding", instrument=of_cast("other_share")),
        ask("of a register", "proof", "instrument", of_cast("share"), kind="register"),
        ask("of a trade", "proof", "business", of_cast("trade"), kind="trade"),
        ask("of an instruction", "proof", "business", of_cast("purchase"), kind="instruction"),
        ask("of a receipt", "proof", "business", lambda served: served.cast.settled.id, kind="receipt"),
        ask(
            "of a receipt in its block",
            "proof",
            "business",
            lambda served: served.cast.settled.id,
            kind="receipt",
            at=lambda served: str(served.cast.settled.height),
        ),
    ),
    "result": (ask("of a transaction's id", "result", "transaction", lambda served: served.cast.settled.id),),
    **dict.fromkeys(("header", "markets", "instruments", "authorities", "consortium", "validators"), ALIKE),
    "status": "Public but for what waits, which is not looked at for whoever may not know it.",
    **dict.fromkeys(("registrars", "key_epochs", "sealed_receipts", "sealed_blocks", "personas"), ALIKE),
    "instrument": "What is announced is public, and so is that something is not.",
    "certificate": "To whoever names its fingerprint, which those alone know who were shown the certificate.",
    "opening_key": "To every party, of whomever it knows the id of: it is there to be written to.",
    "draft_key_epoch": "To whoever runs the ledger; there is one.",
    "draft_admission": "To whoever runs the ledger; its parameters are what is to be, not what is.",
    # ---- requests that are no named read ----
    "Watch": (
        stream("from now on", OF_B, height=-1),
        stream("about an account", OF_B),
        stream("about a trade", of_cast("trade"), height=20),
        stream("by a former member", OF_A, viewer="former", height=40),
        stream("by an expired grant", OF_A, viewer="auditor-expired", height=40),
        stream("by a sibling", OF_B, viewer="broker-a", height=60),
    ),
    "TryOut": (
        signed("with accounts that are hidden", earmark, OF_B, OF_A),
        signed("with a grant", revoke, grant("lender")),
        signed("with a party", suspend, party("client-b")),
    ),
    "Submit": (Question("with a grant", submitted, grant("lender"), same=False),),
    "Wait": (
        Question(
            "for a transaction's id",
            lambda served, value: Wait(1, value, 0),
            lambda served: served.cast.settled.id,
        ),
    ),
    "Authenticate": (
        Question("as a party", claimed, party("client-b"), viewer="nobody"),
        Question("by a signer", spoken_for, of_cast("signer"), viewer="nobody"),
    ),
    "Unwatch": "Answered with nothing, whatever stream it names.",
    "AdvanceClock": "Of a sandbox alone; answered with its time.",
}
"""By the name of the read, or the kind of request."""
