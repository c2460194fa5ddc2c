"""A party's own receipts out of the sealed ones: checked against the ledger's seal, opened with its view keys.

No execution key is needed, and no trust in the node that the receipts come from. What hangs below is found on the way:
who services accounts is told of each, whoever admits parties of those, and both when one of their keys is raised.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from counterfoil.machine.founding import PARTIES
from counterfoil.machine.genesis import GENESIS_HEIGHT, decode_genesis
from counterfoil.machine.wiring import MODULES
from counterfoil.modules.holdings.facts import AccountHeldJointly, AccountOpened
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.parties.facts import PartyApplied, PartyEnrolled
from counterfoil.modules.parties.founding import PartiesGenesis
from counterfoil.modules.viewkeys.facts import ViewKeyRaised, ViewKeysChanged
from counterfoil.primitives.codec import Decoder, Fact
from counterfoil.primitives.digests import object_id
from counterfoil.sealing.receipts import ReceiptKeys, open_own
from counterfoil.sealing.view_keys import HandedKey, ViewKey
from counterfoil.state.headers import Header
from counterfoil.state.receipts import Receipt, SealedReceipt
from counterfoil.verify import check_sealed_receipts

if TYPE_CHECKING:
    AnyFact = Fact
else:
    AnyFact = reduce(or_, [kind for module in MODULES for kind in module.facts])

_RECEIPT = Decoder(Receipt)
_FACT = msgspec.msgpack.Decoder(AnyFact)
WINDOWS_KEPT_MAX = 50_000
"""Receipt keys that stay in memory; the oldest half is let go beyond it."""


class OwnReceipt(NamedTuple):
    """place: its index among the block's receipts. facts: what it tells; none of a kind that this program knows not."""

    place: int
    receipt: Receipt
    facts: tuple[Fact, ...]


class OwnKeys:
    """The view keys that a party was handed, and those below that it has found so far. Blocks are taken in order."""

    def __init__(self, handed: Iterable[HandedKey]) -> None:
        self._handed: dict[bytes, tuple[list[int], list[ViewKey]]] = {}
        for one in sorted(handed, key=lambda one: (one.node, one.from_height)):
            heights, keys = self._handed.setdefault(one.node, ([], []))
            heights.append(one.from_height)
            keys.append(ViewKey(one.node, one.key))
        self._parent: dict[bytes, bytes] = {}
        self._counters: dict[bytes, int] = {}
        self._ready: dict[ViewKey, ReceiptKeys] = {}
        self.changed_at = 0
        """The last block in which somebody's key was raised: ask for one's own again if that was one's own."""

    def nodes(self) -> list[bytes]:
        """Every node whose receipts can be opened: what was handed, then what was found below."""
        return [*self._handed, *self._parent]

    def key(self, node: bytes, height: int) -> ViewKey | None:
        """The view key of a node in force for a block, or None."""
        handed = self._handed.get(node)
        if handed is not None:
            at = bisect_right(handed[0], height)
            return handed[1][at - 1] if at else None
        parent = self._parent.get(node)
        above = self.key(parent, height) if parent is not None else None
        return above.child(node, self._counters.get(node, 0)) if above is not None else None

    def receipt_keys(self, node: bytes, height: int) -> ReceiptKeys | None:
        key = self.key(node, height)
        if key is None:
            return None
        ready = self._ready.get(key)
        probe = ready if ready is not None and ready.serves(height) else None
        if probe is None:
            if len(self._ready) >= WINDOWS_KEPT_MAX:
                for old in list(self._ready)[: WINDOWS_KEPT_MAX // 2]:
                    del self._ready[old]
            probe = self._ready[key] = ReceiptKeys(key, height)
        return probe

    def hang(self, node: bytes, parent: bytes) -> list[bytes]:
        """Say that a node hangs under another (b"": the top); [node] where that is new and can be derived."""
        known = node in self._parent or node in self._handed
        if known or not (parent in self._handed or parent in self._parent):
            return []
        self._parent[node] = parent
        return [node]

    def take(self, fact: Fact, height: int) -> list[bytes]:
        """Learn from a fact of a receipt; the nodes whose key is another one because of it."""
        if isinstance(fact, AccountOpened):
            return self.hang(relationship_of(fact.servicer, fact.owner), fact.servicer)
        if isinstance(fact, AccountHeldJointly):
            return self.hang(relationship_of(fact.servicer, fact.owner, fact.account_id), fact.servicer)
        if isinstance(fact, PartyEnrolled | PartyApplied):
            return self.hang(fact.party, fact.sponsor)
        if isinstance(fact, ViewKeysChanged):
            self.changed_at = height
        if isinstance(fact, ViewKeyRaised) and self._counters.get(fact.node, 0) < fact.counter:
            self._counters[fact.node] = fact.counter
            return [fact.node, *(one for one in self._parent if self._is_below(one, fact.node))]
        return []

    def _is_below(self, node: bytes, upper: bytes) -> bool:
        at = self._parent.get(node)
        while at is not None and at != upper:
            at = self._parent.get(at)
        return at is not None


def hang_founders(keys: OwnKeys, genesis: bytes) -> None:
    """Say which parties the genesis file founds, and under whom: of those no receipt tells."""
    section = msgspec.convert(decode_genesis(genesis).sections.get(PARTIES, {}), PartiesGenesis)
    found: dict[str, bytes] = {}
    action = GENESIS_HEIGHT.to_bytes(32, "big")
    for number, entry in enumerate(section.parties):
        found[entry.name] = object_id(action, 0, number)[:20]
        keys.hang(found[entry.name], found.get(entry.sponsor, b""))


def open_block(keys: OwnKeys, header: Header, receipts: Sequence[SealedReceipt]) -> list[OwnReceipt]:
    """The party's own receipts of one block, in the order of their places, those for everybody among them.

    header: one that is known to be the ledger's. ProofRefused where the receipts are not all of its block. Take blocks
    in their order: what an earlier one tells may be needed to find what is below.
    """
    check_sealed_receipts(header, receipts)
    height = header.height
    found: dict[int, OwnReceipt] = {}
    for place, one in enumerate(receipts):
        if one.plaintext:
            found[place] = _taken_apart(place, one.plaintext)
    open_nodes = keys.nodes()
    waiting = [fact for one in found.values() for fact in one.facts]
    while open_nodes or waiting:
        for fact in waiting:
            open_nodes += keys.take(fact, height)
        waiting = []
        ready = [keys.receipt_keys(node, height) for node in dict.fromkeys(open_nodes)]
        for opened in open_own([one for one in ready if one is not None], height, receipts):
            if opened.place not in found:
                found[opened.place] = _taken_apart(opened.place, opened.plaintext)
                waiting += found[opened.place].facts
        open_nodes = []
    return [found[place] for place in sorted(found)]


def _taken_apart(place: int, plaintext: bytes) -> OwnReceipt:
    receipt: Receipt = _RECEIPT.exact(plaintext)
    facts = []
    for raw in receipt.facts:
        try:
            facts.append(_FACT.decode(raw))
        except msgspec.MsgspecError:
            continue
    return OwnReceipt(place, receipt, tuple(facts))
