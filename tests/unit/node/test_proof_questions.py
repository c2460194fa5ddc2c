"""A follower passes on a true proof where it answers the question, and refuses one of something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from counterfoil.node.follower import create_follower, open_follower
from counterfoil.node.follower_service import FollowerService, Owner
from counterfoil.node.following import FollowedBlock
from counterfoil.node.network.creating import places_here
from counterfoil.node.proof_questions import BEHIND_MAX, is_of_moment
from counterfoil.node.protocol import Answered
from counterfoil.node.reads_proofs import ProofOf, proof
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import Recognised
from counterfoil.primitives.codec import encode
from counterfoil.sdk import Client, LedgerError, Sandbox, recipes
from counterfoil.verify import Trust, verify_proof
from tests.network.nets import enter_validators
from tests.vectors.cometbft.followed import ListedSource

OWNER = Recognised(bytes(20), bytes(20))


class Liar:
    """A node that gives a true proof of what `instead` asks, whatever it is asked; honest where that is None."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.instead: ProofOf | None = None

    def read(self, name: str, params: bytes) -> bytes:
        told = encode(self.instead) if self.instead is not None else params
        return self.client.connection.read(name, told)

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        raise NotImplementedError

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        raise NotImplementedError

    def try_out(self, transaction: bytes) -> Answered:
        raise NotImplementedError

    def advance_clock(self, time_ms: int) -> int:
        raise NotImplementedError


class Asked(NamedTuple):
    """A ledger, and one question of each kind and more, by name."""

    sandbox: Sandbox
    questions: dict[str, ProofOf]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A seeded market with two deals and two that wait, two feeds and a set of validators."""
    with Sandbox() as made:
        fixtures, (a, b) = made.fixtures, made.clients("broker-a", "broker-b")
        assert fixtures is not None
        results = [
            a.send(
                recipes.dvp(
                    fixtures.market,
                    reference,
                    a.market(fixtures.market).business_date,
                    seller=(a, fixtures.accounts["broker-a"]),
                    buyer=(b, fixtures.accounts["broker-b"]),
                    instrument=fixtures.share,
                    quantity=quantity,
                    asset=fixtures.euro,
                    amount=500,
                ),
                cosigners=[b],
            )
            for reference, quantity in (("one", 5), ("two", 5), ("waits", 10**6), ("waits too", 10**6))
        ]
        members = made.clients("exchange", "depository", "central-bank")
        feeds = [recipes.feed(name, "EUR", 2, observers=members) for name in ("ONE", "TWO")]
        expires_ms = a.time_ms() + 86_400_000
        members[0].send(recipes.motion(members, *feeds, expires_ms=expires_ms), cosigners=members[1:])
        enter_validators(made, places_here(2, 0), tmp_path_factory.mktemp("keys") / "keys")
        for feed in feeds:  # a block each, until the validators are in force
            members[0].send(recipes.motion(members, feed, expires_ms=expires_ms), cosigners=members[1:])
        one, two = fixtures.accounts["broker-a"], fixtures.accounts["broker-b"]
        share, bond = fixtures.share, fixtures.bond
        investor, other = fixtures.accounts["investor-a"], fixtures.accounts["investor-b"]
        early, late = (str(result.height) for result in results[:2])
        (trade, delivery, receipt), (second, *_) = (result.messages[0].objects for result in results[2:])
        empty = _before_anything_was_held(made.client("regulator"), investor, other, fixtures.euro)
        yield Asked(
            made,
            {
                "a holding": ProofOf(kind="holding", account=one, instrument=share),
                "another account's": ProofOf(kind="holding", account=two, instrument=share),
                "of another instrument": ProofOf(kind="holding", account=one, instrument=bond),
                "as it was": ProofOf(kind="holding", account=one, instrument=share, at=early),
                "as it was later": ProofOf(kind="holding", account=one, instrument=share, at=late),
                "nothing held": ProofOf(
                    kind="no-holding", account=investor, instrument=fixtures.euro, at=empty
                ),
                "nothing held by another": ProofOf(
                    kind="no-holding", account=other, instrument=fixtures.euro, at=empty
                ),
                "a register": ProofOf(kind="register", instrument=share),
                "another register": ProofOf(kind="register", instrument=bond),
                "an account": ProofOf(kind="account", account=one),
                "another account": ProofOf(kind="account", account=two),
                "terms": ProofOf(kind="terms", instrument=share),
                "other terms": ProofOf(kind="terms", instrument=bond),
                "a trade": ProofOf(kind="trade", business=trade),
                "another trade": ProofOf(kind="trade", business=second),
                "an instruction": ProofOf(kind="instruction", business=delivery),
                "another instruction": ProofOf(kind="instruction", business=receipt),
                "a receipt": ProofOf(kind="receipt", business=results[0].id, at=early),
                "another receipt": ProofOf(kind="receipt", business=results[1].id, at=late),
                "a feed": ProofOf(kind="feed", name="ONE"),
                "another feed": ProofOf(kind="feed", name="TWO"),
                "validators": ProofOf(kind="validators"),
                "a header": ProofOf(kind="header", at=early),
                "another header": ProofOf(kind="header", at=late),
            },
        )


def _before_anything_was_held(regulator: Client, one: bytes, other: bytes, instrument: bytes) -> str:
    """The first height as of which it can be proven that neither account holds anything of an instrument."""
    for height in range(1, regulator.status().moment.height):
        try:
            for account in (one, other):
                regulator.proof("no-holding", account=account, instrument=instrument, at=height)
        except LedgerError:
            continue
        return str(height)
    raise AssertionError("no such height")


@pytest.fixture(scope="module")
def served(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FollowerService, Liar]]:
    """A follower that has checked every block, and whose node is a liar when it is told to be one."""
    node = asked.sandbox.node
    folder = tmp_path_factory.mktemp("follower") / "f"
    create_follower(folder, node.genesis_bytes, encrypted=False)
    blocks = [FollowedBlock(one.block, one.header, one.seal) for one in node.blocks()]
    liar = Liar(asked.sandbox.client("regulator"))
    with open_follower(folder) as follower:
        follower.catch_up(ListedSource(blocks))
        owner = Owner(OWNER.party, OWNER.signer, liar)
        yield FollowerService(follower, node.genesis, lambda: 0, None, owner), liar


def test_a_true_proof_of_what_was_asked_is_passed_on(
    asked: Asked, served: tuple[FollowerService, Liar]
) -> None:
    service, liar = served
    liar.instead = None
    trust = Trust.in_genesis(asked.sandbox.node.genesis_bytes)
    for name, question in asked.questions.items():
        answer = service.read(OWNER, "proof", encode(question))
        assert verify_proof(proof.decode_answer(answer).file, trust), name


def test_a_true_proof_of_anything_else_is_refused(asked: Asked, served: tuple[FollowerService, Liar]) -> None:
    service, liar = served
    for name, question in asked.questions.items():
        for other, instead in asked.questions.items():
            if other == name or {other, name} in SAME:
                continue
            liar.instead = instead
            with pytest.raises(Refused) as refused:
                service.read(OWNER, "proof", encode(question))
            assert refused.value.code is NodeRefusal.ANSWER_IS_NOT_PROVEN, f"{name}: answered with {other}"


SAME = (
    # now is not long after then, and a node may be some blocks behind
    {"a holding", "as it was"},
    {"a holding", "as it was later"},
)
"""Questions of which the one's answer is one of the other as well."""


def test_a_node_that_is_far_behind_does_not_answer_for_now(
    asked: Asked, served: tuple[FollowerService, Liar]
) -> None:
    service, liar = served
    liar.instead = None
    file = proof.decode_answer(service.read(OWNER, "proof", encode(asked.questions["a holding"]))).file
    found = verify_proof(file, Trust.in_genesis(asked.sandbox.node.genesis_bytes))
    now, last = ProofOf(kind="holding"), found.height + BEHIND_MAX
    assert is_of_moment(now, found, lambda height: height, last)
    assert not is_of_moment(now, found, lambda height: height, last + 1)
    then = ProofOf(kind="holding", at=str(found.height + 1))
    assert is_of_moment(then, found, lambda height: found.height, last)
    assert not is_of_moment(then, found, lambda height: height, last)
    assert not is_of_moment(ProofOf(kind="holding", at="1"), found, lambda height: height, last)
