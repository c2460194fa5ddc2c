"""Games of the whole market: after each block the sealed receipts are what the explanation page says, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.modules.viewkeys import MODULE as VIEWKEYS
from counterfoil.modules.viewkeys.messages import ConfirmKeyEpoch
from counterfoil.primitives.codec import Decoder
from counterfoil.state.receipts import SealedReceipts
from counterfoil.state.tree import list_root
from tests.model import sealing_oracle as oracle
from tests.model.desk import SECRETS, Desk, by, memory_node, party
from tests.model.moves_keys import NODES, next_epoch
from tests.model.playing import Play
from tests.model.twin import Twin

_SEALED = Decoder(SealedReceipts)
GAMES, STEPS = 3, 160
KEYS = tuple(VIEWKEYS.rules)


class Watched:
    """A game whose every block is looked at once it is committed."""

    def __init__(self) -> None:
        self.play = Play()
        self.desk: Desk = self.play.twin
        self.roots = {1: oracle.first_root(SECRETS.network, self.desk.chain_id)}
        self.epoch = 1
        self.seen = self.desk.height
        self.compared = 0

    def look(self) -> None:
        """The books are compared after each block, so that at most one was made since."""
        machine, height = self.desk.machine, self.desk.height
        if height == self.seen:
            return
        assert height == self.seen + 1
        kept = machine.block_results(height).receipts
        blob = machine.state.blob("sealed", height)
        assert blob is not None
        shown = _SEALED.exact(blob).receipts
        receipts = [(one.stakeholder, one.plaintext) for one in kept]
        made = oracle.sealed(self.roots[self.epoch], self.epoch, height, self.desk.books(), receipts)
        leaves = []
        for one, own, (envelope, salt) in zip(shown, kept, made, strict=True):
            assert one.sealed == envelope
            if envelope:
                assert own.salt == salt
                assert not one.plaintext
            else:
                assert (one.plaintext, one.salt) == (own.plaintext, own.salt)
            leaves.append(oracle.leaf(own.salt, own.plaintext, envelope))
            assert one.leaf() == leaves[-1]
        assert machine.last is not None
        assert list_root(b"".join(leaves)) == machine.last.receipts_root
        self.compared += len(leaves)
        self.seen = height
        sealed = machine.sealed
        assert sealed is not None
        self.epoch = machine.wired.viewkeys.epoch_in_force
        self.roots[self.epoch] = sealed.ring.require(self.epoch).root


def begin_epoch(twin: Twin, root: bytes) -> None:
    """Propose it and have every holder confirm it, unless the game has put something in the way."""
    twin.close()
    twin.block([twin.transaction(next_epoch(twin, root, party("regulator")), *by("regulator"))])
    waiting = twin.machine.wired.viewkeys.proposed()
    if waiting is not None:
        number, proposed = waiting
        by_address = {node.address: node for node in NODES}
        for one in proposed.wrappings:
            said = ConfirmKeyEpoch(one.holder, number, proposed.commitment)
            twin.block([twin.transaction(said, by_address[one.holder])])


def played(game: int) -> Watched:
    watched = Watched()
    compare = watched.play.twin.compare_books

    def compare_and_look() -> None:
        compare()
        watched.look()

    watched.play.twin.compare_books = compare_and_look  # type: ignore[method-assign]
    for step in range(STEPS):
        seed = f"sealed {game}/{step}"
        if step % 40 == 39:
            begin_epoch(watched.play.twin, watched.play.chance(seed).randbytes(32))
        elif step % 4 == 0:
            watched.play.send([watched.play.chance(seed).choice(KEYS)], seed)
        else:
            watched.play.step(seed)
    watched.play.close_block()
    return watched


@pytest.mark.slow
@pytest.mark.parametrize("game", range(GAMES))
def test_every_receipt_is_sealed_as_the_page_says(game: int) -> None:
    watched = played(game)
    assert watched.compared > 100
    assert watched.epoch > 1, "some epochs began"
    counters = watched.desk.books()[135].values()
    assert sum(one.counter for one in counters) > 3, "some keys were raised"
    _replayed_with_restarts(watched.desk)


def _replayed_with_restarts(desk: Desk) -> None:
    """The same from the log, where everything that is remembered between blocks is forgotten after each."""
    node = memory_node(desk.node.genesis)
    for block in desk.node.blocks():
        node.engine.replay(block)
        sealed: Any = node.machine.sealed
        sealed._recipients = type(sealed._recipients)(node.machine.wired.viewkeys)
    assert node.machine.last == desk.machine.last
    for height in range(1, node.height + 1):
        assert node.machine.state.blob("sealed", height) == desk.machine.state.blob("sealed", height)
