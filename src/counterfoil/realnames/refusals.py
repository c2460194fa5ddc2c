"""Why the registrar turns a question away. Its texts never hold what was asked."""

from __future__ import annotations

from counterfoil.primitives.frames import Problem, problem_with
from counterfoil.primitives.outcome import RejectCode


class RegistrarRefusal(RejectCode):
    """Numbers 14900 to 14999, beside those of the module `identities`."""

    CALLER_IS_NOT_AN_AGENT = (
        14900,
        "The certificate is not in force, or its party has no licence to verify identities.",
        "Connect with a certificate of a licensed agent that is in force.",
    )
    TOO_FAST = (
        14901,
        "This agent has asked as often as it may for now.",
        "Ask again later; the registrar's operator sets how often an agent may ask.",
    )
    NUMBER_IS_MALFORMED = (
        14902,
        "The scheme or the number is not of the form that the registrar accepts.",
        "State the scheme, such as DE-STEUERID, and the number as it stands on the document.",
    )
    CASE_IS_MISSING = (
        14903,
        "The reference of the agent's own file on the client is missing, or longer than 64 characters.",
        "State it, so that the person can be told why its number was looked up.",
    )
    REQUEST_IS_MALFORMED = (
        14904,
        "The bytes are not a request of this version.",
        "Use the client of the ledger's version.",
    )
    LEDGER_IS_UNREACHABLE = (
        14905,
        "The registrar cannot reach the ledger at the moment.",
        "Ask again later; asking twice does nothing twice.",
    )
    REGISTRAR_FAILED = (
        14999,
        "The registrar failed on this request.",
        "Report it to the registrar's operator: this is its fault, not yours.",
    )


class Turned(Exception):
    """A question that the registrar does not answer."""

    def __init__(self, code: RegistrarRefusal, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    @property
    def problem(self) -> Problem:
        return problem_with(self.code, self.facts)
