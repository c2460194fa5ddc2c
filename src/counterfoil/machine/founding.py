"""Founding: what the genesis file's sections put on the books in block 1."""

from __future__ import annotations

import msgspec

from counterfoil.machine.genesis import Genesis
from counterfoil.machine.wiring import Wired
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties import PartiesGenesis
from counterfoil.modules.parties import found as found_parties


def found(wired: Wired, context: ActionContext, genesis: Genesis) -> None:
    """Raises ValueError that names the section where the genesis file does not fit, `Rejected` where it cannot be."""
    wired.governance.found(genesis.rule_version)
    unknown = sorted(name for name in genesis.sections if name != "parties")
    if unknown:
        raise ValueError(f"the genesis file has a section {unknown[0]!r} that no module knows")
    try:
        section = msgspec.convert(genesis.sections.get("parties", {}), PartiesGenesis)
    except msgspec.ValidationError as error:
        raise ValueError(f"the genesis file's section 'parties' is not valid: {error}") from None
    found_parties(wired.parties_books, context, section)
