"""Two ways of computing the same thing agree: stores, cuts, restarts, processes, snapshots, dry runs, orders."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Mode
from counterfoil.modules.cash.messages import Mint
from counterfoil.modules.holdings.messages import PlaceEarmark
from counterfoil.modules.parties.messages import GrantMandate, VerifyIdentity
from counterfoil.node.ledger import LAYOUTS, LedgerNode, create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import StoredHeader, seal_message
from counterfoil.state.snapshot import SnapshotDigest, restore_snapshot, write_snapshot
from counterfoil.storage.at_rest import VARIABLE
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.differential.games import blocks_of, played, said_by, state_roots
from tests.fuzz.mangling import mangled
from tests.model.desk import PARAMETERS, SECRETS, Desk, by, memory_node, party
from tests.model.hand import Hand
from tests.model.moves_grants import MOVES
from tests.model.opening import TUESDAY, Opening, papers, stranger
from tests.model.playing import KINDS
from tests.model.twin import Twin

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def fresh_node() -> LedgerNode:
    return memory_node(sandbox_genesis(parameters=PARAMETERS))


def taken_up(store: MemoryStore, log: MemoryLog | None = None) -> LedgerNode:
    """A node that opens what a store holds, as after a restart; with a log, what that has beyond it too."""
    genesis = played().twin.node.genesis_bytes
    node = LedgerNode(genesis, SECRETS, store, log or MemoryLog(), workers=0, scheduled=False)
    if log is None:
        node.machine.open()
    else:
        node.take_up()
    return node


def test_a_game_is_the_same_game_again() -> None:
    again = played.__wrapped__()
    assert [header.digest() for header in again.twin.headers] == [
        header.digest() for header in played().twin.headers
    ]


@pytest.mark.parametrize("encrypted", [True, False])
def test_disk_and_memory_say_the_same(
    tmp_path: Path, encrypted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted or not: the same headers while it is played back, and the same answers after a restart."""
    monkeypatch.setenv(VARIABLE, "77" * 32)
    play, folder = played(), tmp_path / "ledger"
    genesis = sandbox_genesis(parameters=PARAMETERS)
    create_ledger(folder, genesis, encrypted=encrypted, secrets=SECRETS)
    chance = random.Random(3)
    with open_ledger(folder, workers=0, scheduled=False, start=False) as node:
        assert node.genesis_bytes == play.twin.node.genesis_bytes
        for block in blocks_of(play)[1:]:
            header = node.engine.replay(block)
            assert header == block.header
            node.log.append(block.block.height, encode(block))
            if chance.random() < 0.2:
                node.state.flush(levels=chance.random() < 0.3)
        node.log.sync()
        assert said_by(node) == said_by(play.twin.node)
    with open_ledger(folder, workers=0, scheduled=False, start=False) as node:
        assert said_by(node) == said_by(play.twin.node)
        node.machine.check_everything()


def test_replaying_a_part_and_after_a_restart_the_rest_is_replaying_all() -> None:
    blocks = blocks_of(played())
    whole = fresh_node()
    for block in blocks:
        whole.engine.replay(block)
    for cut in (1, 2, len(blocks) // 3, len(blocks) // 2, len(blocks) - 1):
        first = fresh_node()
        for block in blocks[:cut]:
            first.engine.replay(block)
        first.state.flush(levels=cut % 2 == 0)
        assert isinstance(first.store, MemoryStore)
        second = taken_up(first.store)
        assert second.height == cut
        for block in blocks[cut:]:
            second.engine.replay(block)
        assert said_by(second) == said_by(whole)


def test_where_the_store_is_written_changes_nothing() -> None:
    chance = random.Random(9)
    blocks = blocks_of(played())
    node = fresh_node()
    for block in blocks:
        node.engine.replay(block)
        if chance.random() < 0.4:
            node.state.flush(levels=chance.random() < 0.5)
    assert said_by(node) == said_by(played().twin.node)


def test_many_restarts_change_nothing() -> None:
    """Each time with some blocks that only the log has."""
    chance = random.Random(4)
    blocks, log = blocks_of(played()), MemoryLog()
    node = fresh_node()
    store = node.store
    assert isinstance(store, MemoryStore)
    for block in blocks:
        node.engine.replay(block)
        log.append(block.block.height, encode(block))
        if chance.random() < 0.15:
            node.state.flush()
        if chance.random() < 0.1 and store.height():
            node = taken_up(store, log)
            assert node.machine.last == block.header
    assert said_by(node) == said_by(played().twin.node)


REPLAY = """
import sys
import msgspec
from counterfoil.engine.decided import LOGGED_BLOCK
from counterfoil.node.personas import sandbox_genesis
from tests.differential.games import state_roots
from tests.model.desk import PARAMETERS, memory_node

node = memory_node(sandbox_genesis(parameters=PARAMETERS))
for payload in msgspec.msgpack.decode(open(sys.argv[1], "rb").read()):
    node.engine.replay(LOGGED_BLOCK.exact(payload))
names = [name for name in ("a", "b", "c", "d", "e", "f", "g", "h")]
print(node.machine.last.digest().hex(), "".join({name: None for name in set(names)}))
"""


def test_processes_that_hash_strings_otherwise_agree(tmp_path: Path) -> None:
    """A set of strings has another order in each of them; no root has."""
    payloads = [payload for _, payload in played().twin.node.log.read_from(1)]
    file = tmp_path / "blocks"
    file.write_bytes(encode(payloads))
    last = played().twin.machine.last
    assert last is not None
    orders = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        said = subprocess.run(
            [sys.executable, "-c", REPLAY, str(file)],
            cwd=PROJECT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert said[0] == last.digest().hex()
        orders.add(said[1])
    assert len(orders) > 1, "the processes did hash otherwise"


def test_a_snapshot_and_the_rest_is_a_replay() -> None:
    """Taken at any height; two nodes that have replayed differently take the same one."""
    blocks = blocks_of(played())
    for cut in (3, len(blocks) // 2, len(blocks) - 2):
        one, other = fresh_node(), fresh_node()
        for block in blocks[:cut]:
            one.engine.replay(block)
            other.engine.replay(block)
            other.state.flush(levels=True)
        chunks = list(snapshot_of(one))
        assert digest_of(chunks) == digest_of(list(snapshot_of(other)))
        store = MemoryStore(LAYOUTS)
        last = restore_snapshot(
            store,
            one.state.tables.values(),
            chunks,
            one.chain_id,
            sealed,
            one.machine.window_span_ms,
        )
        assert last == one.machine.last
        joined = taken_up(store)
        for block in blocks[cut:]:
            assert joined.engine.replay(block) == block.header
        assert state_roots(joined) == state_roots(played().twin.node)


def snapshot_of(node: LedgerNode) -> list[bytes]:
    machine = node.machine
    return list(
        write_snapshot(
            node.state, machine.header, machine.history.size, node.chain_id, machine.window_span_ms
        )
    )


def digest_of(chunks: list[bytes]) -> bytes:
    digest = SnapshotDigest()
    for chunk in chunks:
        digest.add(chunk)
    return digest.digest()


def sealed(stored: StoredHeader) -> bool:
    node = played().twin.node
    message = seal_message(node.chain_id, stored.header.digest())
    return any(verify(bytes.fromhex(key), message, stored.seal) for key in node.genesis.sealers)


def test_a_dry_run_foretells_what_happens() -> None:
    """Alone in the next block, where no deadline comes between."""
    opening = Opening(Twin()).everything()
    hand, twin = Hand(opening), opening.desk
    tried = 0
    for step in range(250):
        hand.chance = random.Random(f"dry {step}")
        made = MOVES[hand.chance.choice(KINDS)](hand)
        if made is None:
            continue
        raw = hand.sign([made[0]], made[1])
        prepared = twin.prepared(raw)
        if prepared.reject is not None:
            continue
        before = twin.books()
        foretold = twin.machine.try_out(prepared, twin.next_time_ms())
        assert twin.books() == before
        (outcome,) = twin.block([raw])
        assert foretold.result == outcome.result
        tried += not outcome.result.number
        if not step % 10:
            twin.settle_down()
    assert tried > 60


def test_admission_refuses_what_execution_would_refuse() -> None:
    """What the engine answers at once, without a block, is what the machine says of it inside one."""
    desk = Opening().everything().desk
    chance = random.Random(2)
    good = [
        desk.transaction((), *by("broker-a")),
        desk.signed(
            desk.body((), ()),
        ),
    ]
    good += played().sent[:50]
    refused = 0
    for _ in range(400):
        raw = mangled(good, chance)
        prepared = desk.prepared(raw)
        (outcome,) = desk.machine.execute(desk.height + 1, desk.next_time_ms(), [[prepared]], bytes(32))
        desk.machine.discard()
        if prepared.reject is not None:
            refused += 1
            assert outcome.result.number == prepared.reject.number
        else:
            assert outcome.result.number != MachineReject.TRANSACTION_IS_MALFORMED.number
    assert refused > 200


def independent(desk: Desk, opening: Opening) -> list[bytes]:
    """Transactions that touch nothing in common: each account and each reference comes once."""
    accounts, share = opening.accounts, opening.instruments["share"]
    return [
        desk.transaction(PlaceEarmark(accounts["a"], share, 11), *by("broker-a")),
        desk.transaction(PlaceEarmark(accounts["ib"], share, 12), *by("broker-b")),
        desk.transaction(
            Mint(opening.instruments["eur"], accounts["ia"], 500, "E77", TUESDAY), *by("central-bank")
        ),
        desk.transaction(GrantMandate(party("issuer-a"), stranger("one").address), *by("issuer-a")),
        desk.transaction(GrantMandate(party("issuer-b"), stranger("two").address), *by("issuer-b")),
        desk.transaction(
            VerifyIdentity(party("broker-a"), party("investor-a"), papers("x")), *by("broker-a")
        ),
    ]


def test_the_order_of_independent_transactions_does_not_matter() -> None:
    """Not to the books, nor to their root; only receipts stand in the order of execution."""
    chance = random.Random(1)
    seen = set()
    for _ in range(6):
        opening = Opening().everything()
        opening.desk.pass_time()
        raws = independent(opening.desk, opening)
        chance.shuffle(raws)
        assert not any(outcome.result.number for outcome in opening.desk.block(raws))
        last = opening.desk.machine.last
        assert last is not None
        seen.add((last.state_root, last.changes_root, last.slot_count, last.free_head))
    assert len(seen) == 1


def test_a_list_each_on_its_own_does_what_single_transactions_do() -> None:
    """To holdings, earmarks and balances; identities differ, since they follow from the transaction's."""
    one, other = Opening().everything(), Opening().everything()

    def messages(opening: Opening) -> list[PlaceEarmark]:
        account, share = opening.accounts["a"], opening.instruments["share"]
        return [PlaceEarmark(account, share, quantity) for quantity in (5, 10**9, 7, 0, 3_000, 9_000)]

    outcome = one.desk.send(messages(one), *by("broker-a"), mode=Mode.EACH_ON_ITS_OWN)
    singles = [other.desk.send(message, *by("broker-a")) for message in messages(other)]
    assert [result.number for result in outcome.result.messages] == [
        single.result.number for single in singles
    ]
    for number in (50, 54):
        assert one.desk.books()[number] == other.desk.books()[number]
