"""Sealed bundles: what opens, and that everything else is refused in one way, at one cost, without a trace."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.machine.bundles import check_outside
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import (
    BUNDLE_BYTES_MAX,
    BundleContent,
    bundle_sign_prefix,
    encode_bundle,
    read_bundle,
)
from counterfoil.modules.holdings.messages import OpenAccount
from counterfoil.modules.holdings.records import AccountKind
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing import bundles as sealed_bundles
from counterfoil.sealing.bundles import place_of_bundle
from counterfoil.sealing.derivation import BUNDLE
from counterfoil.sealing.envelopes import seal_for, seal_transactions
from counterfoil.sealing.epochs import Epoch, first_root
from counterfoil.sealing.opening_keys import ENVELOPE_OVERHEAD, OpeningKey
from tests.model.desk import PARAMETERS, SECRETS, Desk, own
from tests.unit.viewkeys.world import BROKER_A, INVESTOR_A, NODE, OtherNode, World

OTHER = OtherNode(5)


class Bundles:
    """One good bundle, and everything that somebody may make of it."""

    def __init__(self, world: World) -> None:
        self.world, self.desk = world, world.desk
        message = OpenAccount(INVESTOR_A, BROKER_A, AccountKind.OWN)
        self.raw = self.desk.transaction(message, *own("broker-a"))
        self.time_ms = self.desk.next_time_ms()
        item = self.desk.engine.bundle([self.desk.prepared(self.raw)], self.time_ms)
        self.item, self.content = item, read_bundle(item)[1]

    def epoch(self) -> Epoch:
        sealed = self.desk.machine.sealed
        assert sealed is not None
        return sealed.epoch

    def signed(self, key: Any = NODE, **changes: Any) -> bytes:
        """The bundle with some of its content changed, and signed by whoever says that it gathered it."""
        content = encode(replace(self.content, gatherer=key.address, **changes))
        prefix = bundle_sign_prefix(self.desk.chain_id)
        return encode_bundle(content, key.public_key, key.sign(prefix + content))

    def sealed(self, plain: bytes, epoch: Epoch | None = None, **place: Any) -> bytes:
        """A sealed part of any content, bound to any place."""
        epoch = epoch or self.epoch()
        where = {
            "chain_id": self.desk.chain_id,
            "gatherer": NODE.address,
            "expiry_ms": self.content.expiry_ms,
            "epoch": epoch.number,
            **place,
        }
        return seal_for(epoch.bundle_key.public_key, BUNDLE, place_of_bundle(**where), plain)

    def open(self, item: bytes, time_ms: int | None = None) -> list[bytes]:
        """What counts of a bundle in a block of that time."""
        items = self.desk.engine.items
        found = items.in_force(items.open(item), self.time_ms if time_ms is None else time_ms)
        return [prepared.raw for prepared in found]


@pytest.fixture
def given() -> Bundles:
    return Bundles(World())


def test_a_bundle_opens_to_the_transactions_as_they_were_signed(given: Bundles) -> None:
    assert given.open(given.item) == [given.raw]
    assert given.content.key_epoch == 1
    (sealed_part,) = given.content.transactions
    assert given.raw not in given.item
    assert len(sealed_part) == len(encode((given.raw,))) + ENVELOPE_OVERHEAD


def test_who_gathered_it_is_known_without_a_root(given: Bundles) -> None:
    prefix = bundle_sign_prefix(given.desk.chain_id)
    _, content = check_outside(prefix, given.item)
    assert content.gatherer == NODE.address
    for bad in (
        given.item[:-1],
        encode_bundle(encode(given.content), OTHER.key.public_key, NODE.sign(prefix + encode(given.content))),
        given.signed(expiry_ms=0),
        given.signed(expiry_ms=-1),
        given.signed(expiry_ms=2**62),
        given.signed(key_epoch=-1),
        given.signed(transactions=(bytes(BUNDLE_BYTES_MAX),)),
    ):
        with pytest.raises(Rejected) as refused:
            check_outside(prefix, bad)
        assert refused.value.code is MachineReject.BUNDLE_IS_MALFORMED


ATTACKS: dict[str, Callable[[Bundles], bytes]] = {
    "garbage": lambda given: given.signed(transactions=(os.urandom(500),)),
    "empty": lambda given: given.signed(transactions=(b"",)),
    "nothing": lambda given: given.signed(transactions=()),
    "truncated": lambda given: given.signed(transactions=(given.content.transactions[0][:-1],)),
    "cut to its head": lambda given: given.signed(transactions=(given.content.transactions[0][:33],)),
    "longer": lambda given: given.signed(transactions=(given.content.transactions[0] + b"\0",)),
    "a bit flipped": lambda given: given.signed(
        transactions=(given.content.transactions[0][:-9] + b"\xff" + given.content.transactions[0][-8:],)
    ),
    "another suite": lambda given: given.signed(transactions=(b"\2" + given.content.transactions[0][1:],)),
    "a key of small order": lambda given: given.signed(
        transactions=(b"\1" + bytes(32) + given.content.transactions[0][33:],)
    ),
    "twice": lambda given: given.signed(transactions=given.content.transactions * 2),
    "under another gatherer": lambda given: given.signed(OTHER.key),
    "under another expiry": lambda given: given.signed(expiry_ms=given.content.expiry_ms + 1),
    "under an epoch to come": lambda given: given.signed(key_epoch=2),
    "under an epoch of no ledger": lambda given: given.signed(key_epoch=2**62 - 1),
    "as if it lay open": lambda given: given.signed(key_epoch=0),
    "in the clear": lambda given: given.signed(key_epoch=0, transactions=(given.raw,)),
    "sealed on another chain": lambda given: given.signed(
        transactions=(given.sealed(encode((given.raw,)), chain_id=given.desk.chain_id + "x"),)
    ),
    "sealed to somebody else": lambda given: given.signed(
        transactions=(given.sealed(encode((given.raw,)), Epoch(1, bytes(32))),)
    ),
    "not an array": lambda given: given.signed(transactions=(given.sealed(given.raw),)),
    "an array of something else": lambda given: given.signed(transactions=(given.sealed(encode((1, 2))),)),
    "not canonical": lambda given: given.signed(
        transactions=(given.sealed(b"\xdc\x00\x01" + encode((given.raw,))[1:]),)
    ),
    "nothing inside": lambda given: given.signed(transactions=(given.sealed(b""),)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_does_not_open_has_one_answer_and_leaves_no_trace(given: Bundles, attack: str) -> None:
    root, height = given.desk.machine.state.root(), given.desk.height
    with pytest.raises(Rejected) as refused:
        given.open(ATTACKS[attack](given))
    assert refused.value.code is MachineReject.BUNDLE_CANNOT_BE_OPENED
    assert refused.value.facts.keys() == {"gatherer"}
    assert (given.desk.machine.state.root(), given.desk.height) == (root, height)
    (outcome,) = given.desk.block([given.raw])
    assert not outcome.result.number, "no id was used up"


def test_whatever_is_wrong_costs_one_key_agreement(given: Bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none of them is opened over more bytes than came in, so that nothing is amplified."""
    tried: list[int] = []
    decrypt = OpeningKey.open

    def counted(self: OpeningKey, purpose: bytes, parts: tuple[bytes, ...], sealed: bytes) -> bytes | None:
        tried.append(len(sealed))
        return decrypt(self, purpose, parts, sealed)

    monkeypatch.setattr(sealed_bundles.OpeningKey, "open", counted)
    assert given.open(given.item) == [given.raw]
    for attack, make in ATTACKS.items():
        item = make(given)
        tried.clear()
        with pytest.raises(Rejected):
            given.open(item)
        assert len(tried) == 1, attack
        assert tried[0] <= len(item), attack


def test_a_bundle_of_the_last_epoch_opens_for_as_long_as_its_ids_may_be_used(given: Bundles) -> None:
    given.world.next_epoch()
    begun = given.world.viewkeys.epoch(2)
    assert begun is not None
    at_most = begun.from_ms + PARAMETERS.id_window_ms
    long = at_most + 2
    part = given.sealed(
        encode((given.raw,)), Epoch(1, first_root(SECRETS.network, given.desk.chain_id)), expiry_ms=long
    )
    item = given.signed(expiry_ms=long, transactions=(part,))
    assert given.open(item, at_most) == [given.raw]
    assert given.open(item, at_most + 1) == []
    assert given.open(given.item, given.content.expiry_ms) == [], "it has expired itself"
    given.world.next_epoch()
    assert given.open(given.item) == []
    assert given.desk.machine.bundles.read_again(given.item) == (given.raw,), "the past stays readable"


def test_what_is_gathered_after_a_change_is_sealed_to_the_new_epoch(given: Bundles) -> None:
    given.world.next_epoch()
    later = Bundles(given.world)
    assert later.content.key_epoch == 2
    assert later.open(later.item) == [later.raw]


def test_a_follower_gathers_with_the_public_key_of_the_epoch_alone(given: Bundles) -> None:
    recorded = given.world.viewkeys.epoch(1)
    assert recorded is not None
    place = place_of_bundle(given.desk.chain_id, OTHER.address, given.content.expiry_ms, 1)
    sealed_part = seal_transactions(recorded.bundle_key, place, [given.raw, given.raw])
    assert given.open(given.signed(OTHER.key, transactions=(sealed_part,))) == [given.raw, given.raw]


def test_a_ledger_that_is_not_sealed_takes_open_bundles_only() -> None:
    desk = Desk(genesis=replace(sandbox_genesis(parameters=PARAMETERS), sealed=False))
    raw = desk.transaction(OpenAccount(INVESTOR_A, BROKER_A, AccountKind.OWN), *own("broker-a"))
    item = desk.engine.bundle([desk.prepared(raw)], desk.next_time_ms())
    content = read_bundle(item)[1]
    assert content == BundleContent(NODE.address, content.expiry_ms, 0, (raw,))
    assert [one.raw for one in desk.machine.bundles.open(item)[2]] == [raw]
    assert desk.machine.bundles.read_again(item) == (raw,)
    changed = encode(replace(content, key_epoch=1))
    lied = encode_bundle(changed, NODE.public_key, NODE.sign(bundle_sign_prefix(desk.chain_id) + changed))
    with pytest.raises(Rejected) as refused:
        desk.machine.bundles.open(lied)
    assert refused.value.code is MachineReject.BUNDLE_CANNOT_BE_OPENED
    assert desk.machine.bundles.read_again(lied) == ()
