"""Which module answers which message: every module built on its shelves and its neighbours' interfaces, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from counterfoil.machine.genesis import Genesis
from counterfoil.modules import (
    approvals,
    cash,
    holdings,
    instruments,
    issuance,
    markets,
    parties,
    settlement,
    trades,
)
from counterfoil.modules.module import ActionContext, BlockRule, Module, Rule
from counterfoil.modules.parties.interface import Parties
from counterfoil.primitives.codec import Message
from counterfoil.state.state import State

MODULES: tuple[Module, ...] = (
    parties.MODULE,
    markets.MODULE,
    instruments.MODULE,
    holdings.MODULE,
    approvals.MODULE,
    issuance.MODULE,
    cash.MODULE,
    trades.MODULE,
    settlement.MODULE,
)
"""In the order in which their deadlines and retries run."""

TABLES = tuple(table for module in MODULES for table in module.tables)
