"""The ABCI application by itself: admission, one execution a block, heights, what is refused at the handshake."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.engine.cometbft import application as module
from counterfoil.engine.cometbft.application import BUNDLE_UNITS
from counterfoil.engine.cometbft.proto.tendermint.abci import types_pb2 as abci
from counterfoil.engine.cometbft.proto.tendermint.crypto.keys_pb2 import PublicKey
from counterfoil.engine.items import Items
from counterfoil.engine.rates import REJECTED_UNITS, Rates
from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import encode_bundle, read_bundle
from counterfoil.modules.parties.messages import GrantMandate, RevokeMandate, SuspendParty
from counterfoil.node.ledger import SealingKey
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.sealing.opening_keys import OpeningKey
from tests.conformance.applications import BYTES_MAX, InProcess, books_of
from tests.conformance.world import PARAMETERS, World
from tests.model.desk import by, own, party


@pytest.fixture
def world() -> World:
    return World(500)


@pytest.fixture
def application(world: World) -> Any:
    made = InProcess(world.desk)
    made.handshake()
    yield made
    made.close()


def decide(application: InProcess, world: World, items: list[bytes], height: int = 0) -> bytes:
    height = height or application.application.next_height
    found = application.finalise(world.block(height, items))
    application.commit()
    return found


# Admission


def code(application: InProcess, item: bytes) -> int:
    return int(application.ask("check_tx", abci.RequestCheckTx(tx=item)).code)


def test_a_bundle_is_admitted_or_refused_by_number(application: InProcess, world: World) -> None:
    stranger = SealingKey(bytes(range(1, 33)))
    good = world.bundle()
    cases = {
        good: 0,
        world.garbage(): MachineReject.BUNDLE_IS_MALFORMED.number,
        b"": MachineReject.BUNDLE_IS_MALFORMED.number,
        b"x" * (4 * 1024 * 1024 + 1): MachineReject.BUNDLE_IS_MALFORMED.number,
        world.expired(): MachineReject.BUNDLE_HAS_EXPIRED.number,
        world.items.bundle(stranger, [], world.desk.time_ms): MachineReject.GATHERER_IS_NO_MEMBER.number,
        world.items.bundle(stranger, [], world.desk.time_ms, party("broker-a")): (
            MachineReject.GATHERER_IS_NO_MEMBER.number
        ),
        world.bad_signature(): 0,
    }
    for item, expected in cases.items():
        assert code(application, item) == expected
    changed = bytearray(good)
    changed[-1] ^= 1
    assert code(application, bytes(changed)) == MachineReject.BUNDLE_IS_MALFORMED.number


def test_nothing_is_opened_for_who_may_not_gather_and_nothing_twice(
    application: InProcess, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key agreement for what is wrong outside; one for each bundle of a gatherer, whatever is inside, and it is not
    made again when the engine asks once more, or proposes it."""
    opened: list[int] = []
    decrypt = OpeningKey.open

    def counted(self: OpeningKey, purpose: bytes, parts: tuple[bytes, ...], sealed: bytes) -> bytes | None:
        opened.append(len(sealed))
        return decrypt(self, purpose, parts, sealed)

    monkeypatch.setattr(OpeningKey, "open", counted)
    stranger, good = SealingKey(bytes(range(1, 33))), world.bundle(3)
    outside = {
        "garbage": world.garbage(),
        "too large": good + bytes(4 * 1024 * 1024),
        "expired": world.expired(),
        "a stranger's": world.items.bundle(stranger, [world.transaction()], world.desk.time_ms),
        "not signed by its gatherer": good[:-1] + bytes([good[-1] ^ 1]),
    }
    for what, item in outside.items():
        assert code(application, item), what
        assert not opened, what
    assert code(application, good) == code(application, good) == 0
    height = world.first_height
    assert application.propose(height, world.time_ms(height), [good], BYTES_MAX).items == (good,)
    assert len(opened) == 1
    for what, item in world.unopenable().items():
        opened.clear()
        assert code(application, item) == MachineReject.BUNDLE_CANNOT_BE_OPENED.number, what
        assert len(opened) == 1, what


def test_a_members_node_gathers_once_it_has_a_mandate_and_while_its_member_is_active(
    application: InProcess, world: World
) -> None:
    node = SealingKey(bytes(range(2, 34)))
    name = party("broker-a")
    first, second, third = (
        world.items.bundle(node, [world.transaction()], world.desk.time_ms, name) for _ in range(3)
    )
    assert code(application, first) == MachineReject.GATHERER_IS_NO_MEMBER.number
    assert not application.judge(world.block(world.first_height, [first]))
    grant = world.desk.transaction(GrantMandate(name, node.address), *own("broker-a"))
    decide(application, world, [world.sealed([grant])])
    assert code(application, first) == 0
    assert application.judge(world.block(application.application.next_height, [first]))
    decide(application, world, [first])
    suspend = world.desk.transaction(SuspendParty(party("regulator"), name, "test"), *own("regulator"))
    decide(application, world, [world.sealed([suspend])])
    assert code(application, second) == MachineReject.GATHERER_IS_NO_MEMBER.number
    assert not application.judge(world.block(application.application.next_height, [third]))


def too_fast(application: InProcess, item: bytes) -> bool:
    number = code(application, item)
    assert number in (0, MachineReject.SUBMISSION_IS_TOO_FAST.number)
    return number != 0


def with_rates(world: World, per_second: int) -> tuple[InProcess, list[int]]:
    """An application and the clock of its rates, in milliseconds."""
    application, clock = InProcess(world.desk), [1_000_000]
    application.application._rates = Rates(per_second, lambda: clock[0])
    application.handshake()
    return application, clock


def test_a_gatherer_has_a_rate_which_checking_again_does_not_touch(world: World) -> None:
    application, clock = with_rates(world, BUNDLE_UNITS // 5)
    for _ in range(20):  # what others forge in its name is not charged to it
        bundle, _content = read_bundle(world.bundle(1))
        forged = encode_bundle(bundle.content, bundle.key, bytes(64))
        assert code(application, forged) == MachineReject.BUNDLE_IS_MALFORMED.number
    answers = [too_fast(application, world.bundle(1)) for _ in range(4)]
    assert answers == [False, False, True, True], "a bundle of one costs as much as one of a hundred"
    again = abci.RequestCheckTx(tx=world.bundle(4), type=abci.CheckTxType.RECHECK)
    assert application.ask("check_tx", again).code == 0
    clock[0] += 5_000
    assert [too_fast(application, world.bundle(1)) for _ in range(2)] == [False, True]
    application.close()


def test_a_bundle_costs_what_is_inside(world: World) -> None:
    application, _ = with_rates(world, BUNDLE_UNITS // 5)
    inside = BUNDLE_UNITS + BUNDLE_UNITS // 5
    assert not too_fast(application, world.sealed([world.transaction() for _ in range(inside)]))
    assert too_fast(application, world.bundle(1)), "of twice its least cost four fifths are left"
    application.close()


def test_a_gatherer_pays_for_what_is_rejected_once_it_was_decided(world: World) -> None:
    application, clock = with_rates(world, BUNDLE_UNITS)
    useless = [
        world.desk.transaction(RevokeMandate(party("broker-a"), bytes([at]) * 20), *by("broker-a"))
        for at in range(100)
    ]
    item = world.sealed(useless)
    assert not too_fast(application, item)
    assert not too_fast(application, world.bundle(1))
    decide(application, world, [item])
    assert too_fast(application, world.bundle(1))
    clock[0] += 1_000 * (100 * REJECTED_UNITS // BUNDLE_UNITS - 8)
    assert too_fast(application, world.bundle(1))
    clock[0] += 2_000
    assert not too_fast(application, world.bundle(1))
    application.close()


# Execution


def count_executions(application: InProcess, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    machine, heights = application.node.machine, []
    execute = machine.execute

    def counted(height: int, *rest: Any) -> Any:
        heights.append(height)
        return execute(height, *rest)

    monkeypatch.setattr(machine, "execute", counted)
    return heights


def test_a_block_is_executed_once_from_proposal_to_decision(
    application: InProcess, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody reads meanwhile: the block is set aside and brought back."""
    executed = count_executions(application, monkeypatch)
    block = application.propose(
        world.first_height, world.time_ms(world.first_height), [world.bundle()], BYTES_MAX
    )
    assert application.judge(block)
    books_of(application)
    assert application.judge(block)
    books_of(application)
    application.finalise(block)
    application.commit()
    assert executed == [world.first_height]
    application.node.machine.check_everything()


def test_a_bundle_that_no_block_takes_leaves_the_pool_once_it_has_expired(
    application: InProcess, world: World
) -> None:
    """A stranger's is refused while it is in force; afterwards it does nothing, and a block carries it away."""
    stranger, height = SealingKey(bytes(range(1, 33))), world.first_height
    raw, at = world.transaction(), world.desk.time_ms
    fresh = world.items.bundle(stranger, [raw], at)
    old = world.items.bundle(stranger, [raw], at - PARAMETERS.id_window_ms - 1)
    block = application.propose(height, world.time_ms(height), [fresh, old], BYTES_MAX)
    assert block.items == (old,)
    assert application.judge(block)
    assert not application.judge(world.block(height, [fresh]))
    before = application.node.machine.last
    decide(application, world, [old])
    assert application.node.machine.last is before


def test_another_proposal_takes_its_place(
    application: InProcess, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = count_executions(application, monkeypatch)
    blocks = [world.block(world.first_height, [world.bundle()]) for _ in range(2)]
    assert application.judge(blocks[0])
    assert application.judge(blocks[1])
    application.finalise(blocks[0])
    application.commit()
    assert len(executed) == 3
    other = InProcess(world.desk)
    other.handshake()
    assert other.finalise(blocks[0]) == application.node.machine.last.digest()  # type: ignore[union-attr]
    other.close()


def test_a_decided_block_that_cannot_be_executed_stops_the_node(application: InProcess, world: World) -> None:
    before = books_of(application)
    with pytest.raises(Exception, match="BUNDLE_IS_MALFORMED"):
        application.finalise(world.block(world.first_height, [b"no bundle"]))
    assert books_of(application) == before


def test_the_engine_may_ask_again_before_the_commit_and_only_for_the_same_block(
    application: InProcess, world: World
) -> None:
    """As it does when it was restarted in between, and this process was not."""
    block = world.block(world.first_height, [world.bundle()])
    first = application.finalise(block)
    assert application.handshake()[0] == world.first_height - 1
    assert application.finalise(block) == first
    with pytest.raises(InvariantViolation, match="two blocks were decided"):
        application.finalise(world.block(world.first_height, [world.bundle()]))
    application.commit()
    with pytest.raises(InvariantViolation, match="nothing was decided"):
        application.commit()
    assert application.ask("info", abci.RequestInfo()).last_block_height == world.first_height


def test_nothing_newer_than_what_is_written_is_released(world: World) -> None:
    application = InProcess(world.desk)
    application.application._retain_blocks = 3
    application.handshake()
    retained = []
    for height in range(world.first_height, world.first_height + 25):
        application.finalise(world.block(height, [world.bundle()]))
        retained.append(application.commit())
        store = application.node.store
        assert retained[-1] <= max(store.height(), 0)
        assert retained[-1] <= height - 3
    assert max(retained) > 0
    assert retained == sorted(retained)
    application.close()


# The handshake


STRANGER = abci.ValidatorUpdate(pub_key=PublicKey(ed25519=bytes(range(32))), power=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chain_id": "other-1"}, "the engine is of 'other-1'"),
        ({"app_state_bytes": b'{"genesis": "00"}'}, "does not name the genesis file"),
        ({"app_state_bytes": b"rubbish"}, "does not name the genesis file"),
        ({"app_state_bytes": b"[1]"}, "does not name the genesis file"),
        ({"initial_height": 7}, "begins with height 7"),
        ({"validators": [STRANGER]}, "1054 VALIDATORS_DIFFER"),
    ],
)
def test_an_engine_of_another_ledger_is_refused(world: World, change: dict[str, Any], words: str) -> None:
    application = InProcess(world.desk)
    fields = application.founding()
    with pytest.raises(InvariantViolation, match=words):
        application.ask("init_chain", abci.RequestInitChain(**{**fields, **change}))
    application.close()


def test_headers_are_public_and_nothing_else_is_told(application: InProcess, world: World) -> None:
    decide(application, world, [world.bundle()])
    last = application.node.machine.last
    assert last is not None
    told = application.ask("query", abci.RequestQuery(path="header"))
    assert told.height == last.height
    first = application.ask("query", abci.RequestQuery(path="header", data=bytes(8)))
    assert first.height == 1
    for path, data in (("header", b"\xff" * 8), ("header", b"x" * 9), ("holdings", b""), ("/store", b"x")):
        assert application.ask("query", abci.RequestQuery(path=path, data=data)).code == module.UNKNOWN_PATH


def test_an_idle_networks_next_block_is_left_empty_so_that_time_catches_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = InProcess(world.desk)
    application.handshake()
    machine = application.node.machine
    item, height = world.bundle(), world.first_height
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(machine, "genesis", replace(machine.genesis, sandbox=False))
    time_ms = world.time_ms(height)
    assert application.propose(height, time_ms, [item], BYTES_MAX).items == ()
    application.finalise(world.block(height, []))
    application.commit()
    now[0] += module.IDLE_SECONDS - 1
    assert application.propose(height + 1, time_ms + 1, [item], BYTES_MAX).items == (item,)
    now[0] += 2
    assert application.propose(height + 1, time_ms + 1, [item], BYTES_MAX).items == ()
    application.close()


def test_a_sandboxs_clock_is_moved_by_ticks_alone(application: InProcess, world: World) -> None:
    items, seal = Items(world.desk.machine), world.desk.node.sealer
    last = application.node.machine.last
    assert last is not None
    there = last.time_ms + 600_000
    decide(application, world, [items.bundle(seal, [], there)])
    assert application.node.machine.last.time_ms == there  # type: ignore[union-attr]
    decide(application, world, [items.bundle(seal, [], there - 60_000), world.bundle(1)])
    assert application.node.machine.last.time_ms == there + 1  # type: ignore[union-attr]


def test_an_outdated_program_stops_at_the_block_and_judges_nothing(
    application: InProcess, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may know better: it neither refuses the block nor goes on, whichever call comes first."""
    block = world.block(world.first_height, [world.bundle()])
    monkeypatch.setattr(application.node.machine, "rule_versions", (99,))
    for call in (application.judge, application.finalise):
        with pytest.raises(ProgramIsOutdated, match="install the program"):
            call(block)
    with pytest.raises(ProgramIsOutdated):
        application.propose(
            world.first_height, world.time_ms(world.first_height), list(block.items), BYTES_MAX
        )
    monkeypatch.undo()
    assert application.judge(block), "and goes on once it is replaced"
