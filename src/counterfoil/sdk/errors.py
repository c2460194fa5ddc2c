"""What can go wrong, as exceptions that say what to do."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.node.protocol import Answered
from counterfoil.policy.errors import NotVisible as Hidden
from counterfoil.primitives.frames import Problem


class LedgerError(Exception):
    """Something was refused. `number` and `name` never change their meaning; `facts` are the details of this case."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    @property
    def number(self) -> int:
        return self.problem.number

    @property
    def name(self) -> str:
        return self.problem.name

    @property
    def explanation(self) -> str:
        return self.problem.explanation

    @property
    def resolution(self) -> str:
        return self.problem.resolution

    @property
    def facts(self) -> Mapping[str, str]:
        return self.problem.facts

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        text = f"{self.number} {self.name}: {self.explanation} {self.resolution}"
        return f"{text} ({told})" if told else text


class NotVisible(LedgerError):
    """Not there, or not for this viewer: the ledger does not say which."""


class TransactionRejected(LedgerError):
    """A transaction was rejected and left no effect. `answer`: the result of each of its messages."""

    def __init__(self, problem: Problem, answer: Answered) -> None:
        super().__init__(problem)
        self.answer = answer


class NodeUnreachable(ConnectionError):
    """No answer from the node. What was sent may have been taken in: send the same bytes again, or wait for its
    result; neither can do anything twice."""


def error_for(problem: Problem) -> LedgerError:
    return NotVisible(problem) if problem.number == Hidden.number else LedgerError(problem)
