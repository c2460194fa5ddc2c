"""What became of transactions that were handed in together, told as their blocks become durable.

One condition for all of them: a future for each transaction would cost more than taking it apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import overload

from counterfoil.machine.machine import Outcome


class Submission(Sequence["Answer"]):
    """The answers to so many transactions, in their order. One thread answers, any may wait.

    submitter: the party that sent them, empty where it has not said who it is.
    """

    def __init__(self, count: int, submitter: bytes = b"") -> None:
        self.submitter = submitter
        self._outcomes: list[tuple[int, Outcome] | BaseException | None] = [None] * count
        self._left = count
        self._changed = threading.Condition(threading.Lock())
        self._when_done: list[Callable[[], object]] = []

    def answer(self, index: int, outcome: tuple[int, Outcome] | BaseException) -> None:
        """Say what became of one transaction (height and outcome, or why nobody will know); `announce` tells it."""
        self._outcomes[index] = outcome
        self._left -= 1

    def announce(self) -> None:
        """Wake those who wait for what was answered."""
        with self._changed:
            self._changed.notify_all()
            told = self._when_done if not self._left else []
            if told:
                self._when_done = []
        for tell in told:
            tell()

    def call_when_done(self, tell: Callable[[], object]) -> None:
        """Have `tell` called once every transaction is answered: by the thread that answers, or here and now."""
        with self._changed:
            if self._left:
                self._when_done.append(tell)
                return
        tell()

    def results(self, timeout_s: float | None = None) -> list[tuple[int, Outcome]]:
        """(height, outcome) of each, once all are durable. Raises what `result` raises."""
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        return [
            self.result(None if give_up is None else max(0.0, give_up - time.monotonic()), index)
            for index in range(len(self))
        ]

    def result(self, timeout_s: float | None = None, index: int = 0) -> tuple[int, Outcome]:
        """(height, outcome) of one, once its block is durable; height 0 where it is in none.

        TimeoutError after `timeout_s`; EngineStopped where the engine stopped before it was decided.
        """
        found = self._outcomes[index]
        if found is None:
            with self._changed:
                if not self._changed.wait_for(lambda: self._outcomes[index] is not None, timeout_s):
                    raise TimeoutError
            found = self._outcomes[index]
        if isinstance(found, BaseException):
            raise found
        if found is None:
            raise TimeoutError
        return found

    def done(self, index: int = 0) -> bool:
        return self._outcomes[index] is not None

    def __len__(self) -> int:
        return len(self._outcomes)

    @overload
    def __getitem__(self, index: int) -> Answer: ...
    @overload
    def __getitem__(self, index: slice) -> list[Answer]: ...
    def __getitem__(self, index: int | slice) -> Answer | list[Answer]:
        if isinstance(index, slice):
            return [Answer(self, at) for at in range(*index.indices(len(self)))]
        return Answer(self, range(len(self))[index])


class Answer:
    """One transaction's place in its submission."""

    __slots__ = ("_index", "_submission")

    def __init__(self, submission: Submission, index: int) -> None:
        self._submission = submission
        self._index = index

    def result(self, timeout_s: float | None = None) -> tuple[int, Outcome]:
        """See `Submission.result`."""
        return self._submission.result(timeout_s, self._index)

    def done(self) -> bool:
        return self._submission.done(self._index)
