"""A program that knows rule version 2, under which no mandate is granted any more; nothing else is changed."""

from __future__ import annotations

from typing import Any

from counterfoil.machine.machine import Machine
from counterfoil.modules.parties.messages import GrantMandate
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.outcome import Rejected

VERSIONS = (1, 2)
REFUSED = PartiesReject.MANDATE_NOT_FOUND


def install(machine: Machine) -> None:
    """Until version 2 is in force it does what the program before it does."""
    machine.rule_versions = VERSIONS
    rule, books = machine._rules[GrantMandate]

    def grant_mandate(books: Any, ask: GrantMandate, context: Any) -> None:
        if context.block.rule_version >= 2:
            raise Rejected(REFUSED)
        rule(books, ask, context)

    machine._rules = {**machine._rules, GrantMandate: (grant_mandate, books)}
