"""Refusals of the node itself: of what is asked, not of what is signed. They never stand in a block."""

from __future__ import annotations

from counterfoil.primitives.frames import Problem
from counterfoil.primitives.outcome import RejectCode


class NodeRefusal(RejectCode):
    """Numbers 1070 to 1098 but 1090, beside the machine's: one table of numbers for whoever reads them."""

    FRAME_IS_TOO_LARGE = (
        1070,
        "The request is larger than the node accepts from this client.",
        "Authenticate first, send fewer transactions at once, or ask for smaller pages.",
    )
    FRAME_IS_MALFORMED = (
        1071,
        "The bytes are not a request of this protocol version.",
        "Use the SDK of the ledger's version.",
    )
    NOT_RECOGNISED = (
        1072,
        "The signatures do not show that the signer speaks for the party.",
        "Sign this connection's challenge with keys in force, as the party's signer or as a user with a mandate.",
    )
    READ_IS_UNKNOWN = (
        1073,
        "There is no read of this name.",
        "Look at the list of reads; ask a node of a version that knows it.",
    )
    PARAMETERS_ARE_WRONG = (
        1074,
        "The parameters do not fit this read.",
        "Correct the parameter that the details name.",
    )
    MOMENT_IS_NOT_ON_RECORD = (
        1075,
        "The ledger has no such moment: before its founding, after its last block, or a day that was not closed.",
        "Name a height, an instant with its zone, or a business date that the market has closed.",
    )
    NO_SANDBOX = (
        1076,
        "This is not a sandbox ledger: it has no clock to advance, no personas and no fixtures.",
        "Here a market's days open and close by its schedule, or as its operator sends OpenDay and CloseDay; make a"
        " sandbox ledger for trying things out.",
    )
    TOO_MANY_CLIENTS = (
        1077,
        "The node serves as many clients as it can.",
        "Close connections that are not used, or come back later.",
    )
    NODE_STOPPED = (
        1078,
        "The node does not take transactions any more.",
        "Ask its operator, or go to another node; what was acknowledged is safe.",
    )
    NAME_IS_UNKNOWN = (
        1079,
        "Nothing bears this name.",
        "Use the public name of a member, an ISIN, or an address as text; a member's name stands for its account where"
        " it owns a single open one, and its holdings list the addresses of all.",
    )
    TOO_MUCH_AT_ONCE = (
        1080,
        "The answer would be longer than one page.",
        "Ask for a shorter period or a smaller page.",
    )
    CANNOT_BE_PROVEN = (
        1081,
        "What is to be proven is not so, or not so yet; the details say which.",
        "Ask as of another moment, or for the proof of what is so.",
    )
    READ_CANNOT_BE_LOGGED = (
        1082,
        "What is another's is shown only once it is written down who looks, and that cannot be done now.",
        "Ask the node's operator to make room on its disk, or read from another node.",
    )
    ASKED_TOO_OFTEN = (
        1083,
        "Too much was asked for, too fast, that is not there or not for this party's eyes.",
        "Wait a minute; look for the mistake in the identities that are asked for.",
    )
    NODES_ARE_AWAY = (
        1084,
        "None of the nodes to which this follower passes questions answers.",
        "Bring one of them back, or name another at the follower's start; what is kept here can be read meanwhile.",
    )
    ANSWER_IS_NOT_PROVEN = (
        1085,
        "What a node answered does not prove what it should, so it is not passed on.",
        "Ask another node, and tell the operator of the one that answered.",
    )
    NO_OPENING_KEY = (
        1086,
        "The party has recorded no opening key, so that its view keys cannot be handed to it.",
        "Record the public half of an opening key first (counterfoil sealing record-opening).",
    )
    LEDGER_IS_NOT_SEALED = (
        1087,
        "This ledger is not sealed: there are no view keys and no sealed receipts.",
        "Read receipts and history as they are.",
    )
    HISTORY_IS_PRUNED = (
        1088,
        "This node has let go of what was told and done below a height; what was on the ledger then it still proves.",
        "Begin with the height that the details name, or ask a node that keeps everything.",
    )
    NODE_FAILED = (
        1089,
        "The node failed on this request.",
        "Report it to the node's operator: this is the node's fault, not yours.",
    )
    CERTIFICATE_IS_NOT_IN_FORCE = (
        1091,
        "The connection's certificate is not on the ledger, revoked or over, or its authority is not trusted any more.",
        "Connect with a certificate that is in force; whoever runs the certificate authority issues a new one.",
    )
    CERTIFICATE_IS_ANOTHERS = (
        1092,
        "The connection's certificate speaks in the name of a party that is neither this one nor above it.",
        "Connect with a certificate of the party, or of the member that admitted it.",
    )


class Refused(Exception):
    """A request that the node does not answer. `facts` tell the asker what it needs."""

    def __init__(self, code: NodeRefusal, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    @property
    def problem(self) -> Problem:
        code = self.code
        facts = {name: str(value) for name, value in self.facts.items()}
        return Problem(code.number, code.name, code.explanation, code.resolution, facts)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        text = f"{self.code.number} {self.code.name}: {self.code.explanation} {self.code.resolution}"
        return f"{text} ({told})" if told else text


class PassedOn(Refused):
    """A refusal by another node, passed on as it is."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(NodeRefusal.NODES_ARE_AWAY)
        self._problem = problem

    @property
    def problem(self) -> Problem:
        return self._problem

    def __str__(self) -> str:
        return f"{self._problem.number} {self._problem.name}: {self._problem.explanation}"
