"""A client that lies about whom its business concerns: who is told comes from the ledger, never from what it says.

Every message of a day is sent with one of the identities that it names exchanged for another of its kind: another
party, another's account, somebody else's instrument, business or signer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.holdings.records import ACCOUNTS, RELATIONSHIPS
from counterfoil.modules.instruments.records import INSTRUMENTS
from counterfoil.modules.parties.records import PARTIES, SIGNERS
from counterfoil.modules.settlement.records import INSTRUCTIONS
from counterfoil.modules.trades.records import TRADES
from counterfoil.node.receipts_of import found_in, receipts_of_block
from counterfoil.primitives.codec import Message
from counterfoil.state.receipts import Receipt
from tests.model.desk import Desk
from tests.model.opening import Opening
from tests.model.samples import samples
from tests.unit.node.test_facts_told import Reader, hexes

KINDS = (PARTIES, ACCOUNTS, RELATIONSHIPS, INSTRUMENTS, SIGNERS, TRADES, INSTRUCTIONS)
OTHERS = 2
"""Other identities of its kind that are put in the place of each."""
PARTS = 3

Lie = tuple[str, Message, tuple[SandboxKey, ...]]


def others(desk: Desk, identity: bytes) -> list[bytes]:
    """Some of the same kind, spread over all that there are."""
    for table in KINDS:
        keys = sorted(desk.machine.state.keys(table))
        if identity in keys:
            keys.remove(identity)
            return keys[:: max(1, len(keys) // OTHERS)][:OTHERS]
    return []


def lies(desk: Desk, value: Any) -> Iterator[tuple[str, Any]]:
    """(where, the value with one identity in it exchanged), of a message and all that is inside it."""
    if isinstance(value, bytes):
        for other in others(desk, value):
            yield "", other
    elif isinstance(value, tuple):
        for place, part in enumerate(value):
            for where, changed in lies(desk, part):
                yield f"[{place}]{where}", (*value[:place], changed, *value[place + 1 :])
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            for where, changed in lies(desk, getattr(value, name)):
                yield f".{name}{where}", replace(value, **{name: changed})


class Told:
    """The day, with every lie of it: those refused when they were told, those accepted at the end of the day."""

    def __init__(self, part: int) -> None:
        self.opening = Opening().everything()
        self.desk = self.opening.desk
        self.desk.pass_time()
        self.refused: list[tuple[str, frozenset[bytes], list[Receipt]]] = []
        self.accepted: list[Lie] = []
        self.kinds: Counter[str] = Counter()
        for number, (message, keys) in enumerate(samples(self.opening)):
            if number % PARTS == part:
                for where, changed in list(lies(self.desk, message)):
                    self._tell((f"{type(message).__name__}{where}", changed, keys))
        for lie in self.accepted:
            self.desk.send(lie[1], *lie[2])

    def _tell(self, lie: Lie) -> None:
        what, message, keys = lie
        self.kinds[type(message).__name__] += 1
        if not self.desk.try_out(message, *keys).result.number:
            self.accepted.append(lie)
            return
        outcome = self.desk.send(message, *keys)
        assert outcome.result.number, what
        found = (
            found_in(index, kept).receipt
            for index, kept in enumerate(receipts_of_block(self.desk.node, self.desk.height))
        )
        mine = [receipt for receipt in found if receipt.action == outcome.result.id]
        self.refused.append((what, frozenset(key.address for key in keys), mine))


@cache
def told(part: int) -> Told:
    return Told(part)


@pytest.mark.parametrize("part", range(PARTS))
def test_whoever_is_named_falsely_hears_nothing_of_what_is_refused(part: int) -> None:
    """The signers alone do, and no fact."""
    day = told(part)
    assert len(day.refused) > 50
    for what, signers, receipts in day.refused:
        heard = {receipt.stakeholder for receipt in receipts}
        assert heard == signers, f"{what}: told to {hexes(heard - signers)}, not to {hexes(signers - heard)}"
        assert not any(receipt.facts for receipt in receipts), what


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_accepted_is_told_to_whom_it_concerns_and_to_nobody_else(part: int) -> None:
    """Naming somebody else is no lie where the rules allow it: then that one is concerned."""
    day = told(part)
    assert day.accepted
    compared = 0
    for fact, heard, expected in Reader(day.desk.node).told():
        assert heard == expected, (
            f"{type(fact).__name__}: told to {hexes(heard - expected)}, not to {hexes(expected - heard)}: {fact}"
        )
        compared += 1
    assert compared > 100


def test_most_kinds_of_message_were_lied_with() -> None:
    kinds = {kind for part in range(PARTS) for kind in told(part).kinds}
    assert len(kinds) > 60, sorted(kinds)
