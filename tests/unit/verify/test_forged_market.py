"""A dishonest node of a real market: the wrong gap, an old tombstone, a neighbour's leaf, each with every digest
that it needs, as whoever runs the node can make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from counterfoil.modules.holdings.records import HOLDINGS, Holding
from counterfoil.primitives.codec import encode
from counterfoil.sdk import Sandbox, messages, recipes
from counterfoil.state.leaves import leaf_digest, value_digest
from counterfoil.state.proof_files import decode_proof, encode_proof
from counterfoil.state.proof_formats import Next, Proof, Standing
from counterfoil.state.rows import parse
from counterfoil.state.state import unpack_changes
from counterfoil.state.tree import DIGEST
from counterfoil.verify import ProofRefused, Trust, Verified, verify_proof
from tests.unit.verify.oracle import refit

with_ = msgspec.structs.replace


class Market:
    """Investor A held a share, sold all of it, and bought some again; B's never moved; broker A sold nothing."""

    def __init__(self) -> None:
        self.ledger = Sandbox()
        ledger, made = self.ledger, self.ledger.seeded
        self.node = ledger.node
        self.share, self.bond = made.share, made.bond
        self.account, self.other = ledger.account("investor-a"), ledger.account("investor-b")
        self.empty = self._empty_account()
        self.held = self.node.height
        self._move("OUT", "investor-a", "broker-b", 100_000)
        self.gone = self.node.height
        self._move("ELSEWHERE", "broker-a", "broker-b", 5)
        self._move("BACK", "broker-b", "investor-a", 77)
        self.back = self.node.height
        self._move("LATER", "broker-a", "broker-b", 5)
        self.view = SimpleNamespace(
            headers=[self.node.machine.header(n).header for n in range(self.node.machine.history.size)],
            state=self.node.state,
            history=self.node.machine.history,
        )

    def _empty_account(self) -> bytes:
        broker = self.ledger.client("broker-b")
        return broker.send(messages.OpenAccount(broker.party, broker.party, messages.AccountKind.OWN)).created

    def _move(self, reference: str, source: str, target: str, quantity: int) -> None:
        ledger, made = self.ledger, self.ledger.seeded
        by = {"investor-a": "broker-a", "investor-b": "broker-b"}
        sides = {
            side: (ledger.client(by.get(who, who)), ledger.account(who))
            for side, who in (("seller", source), ("buyer", target))
        }
        ask = recipes.dvp(
            made.market,
            reference,
            ledger.today,
            **sides,
            instrument=made.share,
            quantity=quantity,
            asset=made.euro,
            amount=1_00,
        )
        sides["seller"][0].send(ask, cosigners=[sides["buyer"][0]])

    def proof(self, kind: str, at: int | str = "", **asked: bytes) -> Proof:
        return decode_proof(self.ledger.client("regulator").proof(kind, at=at, **asked))

    def refit(self, proof: Proof) -> Proof:
        return refit(self.view, proof)  # type: ignore[arg-type]

    def verify(self, proof: Proof) -> Verified:
        return verify_proof(encode_proof(proof), Trust.in_genesis(self.node.genesis_bytes))

    def standing(self, account: bytes, height: int, after: int | None) -> Standing:
        """The version of a holding that block `height` made, said to be followed by the one of block `after`."""
        key = HOLDINGS.prefix + account + self.share
        rows = {parse(row).height: parse(row) for row in self.node.state.versions(HOLDINGS, key[1:])}
        row, following = rows[height], None
        hidden = value_digest(row.salt, key, row.value)
        place = row.slot
        if after is not None:
            then = rows[after]
            theirs = value_digest(then.salt, key, then.value)
            following = Next(after, theirs, self.change(key, after, then.previous, theirs))
            place = self.change(key, height, row.previous, hidden)
        return Standing(key, height, row.previous, row.salt, row.value, place, following)

    def change(self, key: bytes, height: int, previous: int, hidden: bytes) -> int:
        packed = self.node.state.blob("changes", height)
        assert packed is not None
        leaves = unpack_changes(packed)[2]
        return leaves.index(leaf_digest(height, previous, key, hidden)) // DIGEST


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    made = Market()
    yield made
    made.ledger.close()


def refused(market: Market, proof: Proof, reason: str | None = None) -> None:
    with pytest.raises(ProofRefused, match=reason):
        market.verify(proof)


def test_what_is_true_is_proven(market: Market) -> None:
    """So that what follows fails for what was forged, and not for how it was made."""
    now = market.proof("holding", account=market.account, instrument=market.share)
    assert market.verify(now).records[0].value == encode(Holding(77, 0))
    assert market.refit(now) == now
    then = market.proof("holding", market.held, account=market.account, instrument=market.share)
    assert market.verify(then).records[0].value == encode(Holding(100_000, 0))
    assert market.refit(then) == then
    absent = market.proof("no-holding", market.gone, account=market.account, instrument=market.share)
    assert market.verify(absent).height == market.gone
    assert market.refit(absent) == absent
    never = market.proof("no-holding", account=market.empty, instrument=market.share)
    assert market.refit(never) == never


# ---- the wrong gap ----


def test_a_gap_of_another_place_on_the_same_register(market: Market) -> None:
    """Every gap of the register, for an account that lies in none of them."""
    listing = market.proof("register", instrument=market.share)
    absent = market.proof("no-holding", account=market.empty, instrument=market.share)
    named = market.proof("no-holding", market.gone, account=market.account, instrument=market.share)
    assert absent.place is not None
    assert named.place is not None
    for gap in (listing.gap, *(member.link for member in listing.members)):
        claim = with_(absent, gap=gap, place=named.place, named=named.named)
        refused(market, market.refit(claim))


def test_a_gap_of_another_register_or_of_another_list(market: Market) -> None:
    holder = market.proof("no-holding", market.gone, account=market.account, instrument=market.share)
    bonds = market.proof("register", instrument=market.bond)
    other = market.proof("no-holding", account=market.empty, instrument=market.bond)
    now = market.proof("no-holding", account=market.empty, instrument=market.share)
    assert holder.place is not None
    for gap in (bonds.gap, other.gap, *(member.link for member in bonds.members)):
        claim = with_(now, gap=gap, place=with_(holder.place), named=holder.named)
        refused(market, market.refit(claim), "does not cover the place")


def test_the_handle_of_another_account(market: Market) -> None:
    """The place of whoever holds nothing, said to be that of whoever does, with the records that name the handles."""
    empty = market.proof("no-holding", account=market.empty, instrument=market.share)
    holder = market.proof("account", account=market.account)
    instrument = next(one for one in empty.named if one.key[:1] != holder.records[0].key[:1])
    claim = market.refit(with_(empty, named=(instrument, holder.records[0])))
    verified = market.verify(claim)
    # Nothing false is said: the place is the empty account's, and the records shown do not name it.
    shown = {bytes([record.table]) + record.key: record.value for record in verified.named}
    assert verified.place is not None
    handle = market.node.machine.wired.holdings.account(market.account).handle  # type: ignore[union-attr]
    assert verified.place.member != handle
    assert all(verified.place.member not in value for value in shown.values() if handle in value)


# ---- an old tombstone ----


def test_an_absence_that_is_over(market: Market) -> None:
    """The gap from when it held nothing, shown for a time when it holds again, and for one when it still held."""
    gone = market.proof("no-holding", market.gone, account=market.account, instrument=market.share)
    for height in (market.held, market.back, market.node.height):
        template = market.proof("no-holding", height, account=market.empty, instrument=market.share)
        claim = with_(template, gap=gone.gap, place=gone.place, named=gone.named)
        refused(market, market.refit(claim))
        refused(market, with_(gone, height=height))


def test_a_holding_that_has_ended(market: Market) -> None:
    """What it held before it sold out, shown as what it holds now; and the end itself, shown as a value."""
    heights = [
        parse(row).height for row in market.node.state.versions(HOLDINGS, market.account + market.share)
    ][::-1]
    template = market.proof("holding", account=market.account, instrument=market.share)
    ended = next(height for height in heights if height == market.gone)
    began = heights[heights.index(ended) - 1]
    tried = 0
    for after in (ended, market.back):
        for height in (market.gone, market.node.height):
            try:
                claim = market.refit(
                    with_(template, records=(market.standing(market.account, began, after),), height=height)
                )
            except ValueError:
                continue  # there is no such change to point at
            refused(market, claim)
            tried += 1
    assert tried
    tombstone = market.standing(market.account, ended, market.back)
    for height in (ended, market.node.height):
        refused(market, market.refit(with_(template, records=(tombstone,), height=height)))
    skipping = market.standing(market.account, began, market.back)
    refused(market, market.refit(with_(template, records=(skipping,))), "not among those|is shown for")


def test_an_old_value_in_the_place_of_the_new_one(market: Market) -> None:
    template = market.proof("holding", account=market.account, instrument=market.share)
    now = template.records[0]
    old = market.standing(market.account, _first(market), market.gone)
    for forged in (
        with_(now, value=old.value),
        with_(now, value=old.value, salt=old.salt),
        with_(old, next=None, place=now.place),
        with_(now, height=old.height, previous=old.previous, salt=old.salt, value=old.value),
    ):
        refused(market, market.refit(with_(template, records=(forged,))))


def _first(market: Market) -> int:
    rows = list(market.node.state.versions(HOLDINGS, market.account + market.share))
    return parse(rows[-1]).height


# ---- a neighbour's leaf ----


def neighbours(market: Market) -> list[Standing]:
    """The holdings of everybody else on the register."""
    listing = market.proof("register", instrument=market.share)
    own = HOLDINGS.prefix + market.account + market.share
    return [member.record for member in listing.members if member.record.key != own]


def as_its_own(neighbour: Standing, own: Standing) -> Iterator[Standing]:
    """Every way in which a neighbour's leaf could be passed off as one's own."""
    yield with_(neighbour, key=own.key)
    yield with_(neighbour, key=own.key, salt=own.salt)
    yield with_(own, place=neighbour.place)
    yield with_(own, place=neighbour.place, value=neighbour.value, salt=neighbour.salt)
    yield with_(own, value=neighbour.value)
    yield with_(own, value=neighbour.value, salt=neighbour.salt)
    yield with_(neighbour, key=own.key, height=own.height, previous=own.previous)


def test_a_neighbours_leaf(market: Market) -> None:
    template = market.proof("holding", account=market.account, instrument=market.share)
    tried = 0
    for neighbour in neighbours(market):
        for forged in as_its_own(neighbour, template.records[0]):
            refused(market, market.refit(with_(template, records=(forged,))))
            tried += 1
    assert tried >= 21


FORGED_REGISTERS: dict[str, Callable[[Any], Any]] = {
    "one left out": lambda members: members[1:],
    "the last left out": lambda members: members[:-1],
    "one twice": lambda members: (members[0], *members),
    "in another order": lambda members: members[::-1],
    "two records crossed": lambda members: (
        with_(members[0], record=members[1].record),
        with_(members[1], record=members[0].record),
        *members[2:],
    ),
    "a neighbour's record and blind": lambda members: (
        with_(members[0], record=members[1].record, blind=members[1].blind),
        *members[1:],
    ),
    "a neighbour's balance": lambda members: (
        with_(members[0], record=with_(members[0].record, value=members[1].record.value)),
        *members[1:],
    ),
}


@pytest.mark.parametrize("how", FORGED_REGISTERS)
def test_a_register_that_is_not_whole_or_not_true(market: Market, how: str) -> None:
    listing = market.proof("register", instrument=market.share)
    assert len(listing.members) >= 4
    members = FORGED_REGISTERS[how](listing.members)
    refused(market, market.refit(with_(listing, members=members)))


def test_a_register_of_another_time(market: Market) -> None:
    """With investor A on it at a time when it held nothing, and without it at a time when it did."""
    gone, back = (market.proof("register", at, instrument=market.share) for at in (market.gone, market.back))
    assert len(gone.members) != len(back.members)
    for one, other in ((gone, back), (back, gone)):
        claim = with_(one, gap=other.gap, members=other.members)
        refused(market, market.refit(claim))
        refused(market, with_(other, height=one.height))


def test_a_receipt_that_was_told_to_somebody_else(market: Market) -> None:
    ledger = market.ledger
    before = ledger.node.height
    market._move("RECEIPTS", "broker-a", "broker-b", 3)
    height = before + 1
    action = next(ledger.client("regulator").watch(before, follow=False)).action
    proof = market.proof("receipt", height, business=action)
    assert len(proof.receipts) >= 4
    one, other = proof.receipts[:2]
    for forged in (
        with_(one, plaintext=other.plaintext),
        with_(one, plaintext=other.plaintext, salt=other.salt),
        with_(one, salt=other.salt),
        with_(one, place=other.place),
    ):
        refused(market, with_(proof, receipts=(forged,)))
        refused(market, with_(proof, receipts=(forged, *proof.receipts[1:])))
