"""Rejects by their number, for results that only say the number."""

from __future__ import annotations

from functools import cache

from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.wiring import MODULES
from counterfoil.primitives.frames import Problem, problem_with
from counterfoil.primitives.outcome import RejectCode


@cache
def rejects() -> dict[int, RejectCode]:
    """Every reject of the rules, by number."""
    tables: list[type[RejectCode]] = [MachineReject, *(module.rejects for module in MODULES)]
    return {code.number: code for table in tables for code in table}


def problem_of_number(number: int) -> Problem:
    """What a number stands for; also where this program is older than the ledger's rules."""
    code = rejects().get(number)
    if code is not None:
        return problem_with(code)
    return Problem(
        number, "UNKNOWN", "This program does not know the reject of this number.", "Use a newer version."
    )
