"""A follower passes on a true proof where it answers the question, and refuses one of something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from counterfoil.machine.genesis import genesis_digest
from counterfoil.modules.instruments.records import INSTRUMENTS, TERMS, terms_key
from counterfoil.node.follower import create_follower, open_follower
from counterfoil.node.follower_service import FollowerService, Owner
from counterfoil.node.following import FollowedBlock
from counterfoil.node.network.creating import places_here
from counterfoil.node.proof_questions import BEHIND_MAX, is_of_moment, rests_on_word
from counterfoil.node.protocol import Answered
from counterfoil.node.reads_base import Moment
from counterfoil.node.reads_proofs import ProofFile, ProofOf, proof
from counterfoil.node.refusals import NodeRefusal, PassedOn, Refused
from counterfoil.node.service import Recognised
from counterfoil.primitives.calendars import add_days, date_text
from counterfoil.primitives.codec import encode
from counterfoil.sdk import Client, LedgerError, Sandbox, messages, recipes
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proofs import Prover, Sources
from counterfoil.verify import Trust, verify_proof
from tests.network.nets import enter_validators
from tests.vectors.cometbft.followed import ListedSource

OWNER = Recognised(bytes(20), bytes(20))
MOMENT = Moment(1, 1, "", True)


class Liar:
    """A node that gives a true proof of what `instead` asks, whatever it is asked; honest where that is None."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.instead: ProofOf | None = None
        self.is_away = False
        self.file: bytes | None = None

    def read(self, name: str, params: bytes) -> bytes:
        if self.is_away:
            raise Refused(NodeRefusal.NODES_ARE_AWAY)
        if self.file is not None:
            return encode(ProofFile(moment=MOMENT, kind="", file=self.file))
        told = encode(self.instead) if self.instead is not None else params
        try:
            return self.client.connection.read(name, told)
        except LedgerError as error:
            raise PassedOn(error.problem) from None

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
    day: str = ""
    """A business date that was closed."""


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
        _amend_terms(made, share)
        closed = made.advance_to_day_close()
        made.advance_to(add_days(closed, 1))
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
            date_text(closed),
        )


def _amend_terms(made: Sandbox, instrument: bytes) -> None:
    """Put other terms in the place of the first, at once."""
    node = made.node
    found = node.state.find(INSTRUMENTS, instrument)
    before = node.state.find(TERMS, terms_key(instrument, found.terms_version))
    registrar = next(
        client
        for client in made.clients("depository", "broker-a", "exchange", "issuer-a", "issuer-b")
        if client.party == found.registrar
    )
    terms = replace(before.terms, document_hash=sha256(b"the second text").digest())
    registrar.send(
        messages.AmendTerms(instrument, made.client("regulator").market(found.market).business_date, terms)
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


class Served(NamedTuple):
    """A follower, the node that it passes questions on to, and the three that it knows, by themselves."""

    service: FollowerService
    liar: Liar
    witnesses: list[Liar]


@pytest.fixture(scope="module")
def _followed(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A follower that has checked every block, and whose nodes are liars when they are told to be."""
    node = asked.sandbox.node
    folder = tmp_path_factory.mktemp("follower") / "f"
    create_follower(folder, node.genesis_bytes, encrypted=False)
    blocks = [FollowedBlock(one.block, one.header, one.seal) for one in node.blocks()]
    liar, *witnesses = (Liar(asked.sandbox.client("regulator")) for _ in range(4))
    with open_follower(folder) as follower:
        follower.catch_up(ListedSource(blocks))
        owner = Owner(OWNER.party, OWNER.signer, liar, witnesses)
        yield Served(FollowerService(follower, node.genesis, lambda: 0, None, owner), liar, witnesses)


@pytest.fixture
def served(_followed: Served) -> Served:
    """All honest, all there."""
    for one in (_followed.liar, *_followed.witnesses):
        one.instead, one.file, one.is_away = None, None, False
    return _followed


def test_a_true_proof_of_what_was_asked_is_passed_on(asked: Asked, served: Served) -> None:
    service = served.service
    trust = Trust.in_genesis(asked.sandbox.node.genesis_bytes)
    for name, question in asked.questions.items():
        answer = service.read(OWNER, "proof", encode(question))
        assert verify_proof(proof.decode_answer(answer).file, trust), name


def test_a_true_proof_of_anything_else_is_refused(asked: Asked, served: Served) -> None:
    service, liar = served.service, served.liar
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


class Told(NamedTuple):
    """Headers as a test has them."""

    last_height: int
    force: int | None = None

    def in_force(self, height: int) -> int:
        return height if self.force is None else self.force

    def in_force_at(self, time_ms: int) -> int:
        raise NotImplementedError


def test_a_node_that_is_far_behind_does_not_answer_for_now(asked: Asked, served: Served) -> None:
    service = served.service
    file = proof.decode_answer(service.read(OWNER, "proof", encode(asked.questions["a holding"]))).file
    found = verify_proof(file, Trust.in_genesis(asked.sandbox.node.genesis_bytes))
    now, last = ProofOf(kind="holding"), found.height + BEHIND_MAX
    assert is_of_moment(now, found, Told(last))
    assert not is_of_moment(now, found, Told(last + 1))
    then = ProofOf(kind="holding", at=str(found.height + 1))
    assert is_of_moment(then, found, Told(last, found.height))
    assert not is_of_moment(then, found, Told(last))
    assert not is_of_moment(ProofOf(kind="holding", at="1"), found, Told(last))


def answered(served: Served, question: ProofOf) -> int:
    """The height of what is passed on."""
    file = proof.decode_answer(served.service.read(OWNER, "proof", encode(question))).file
    return verify_proof(file, served.service.node.trust).height


def refusal(served: Served, question: ProofOf) -> str:
    with pytest.raises(Refused) as refused:
        served.service.read(OWNER, "proof", encode(question))
    assert refused.value.code is NodeRefusal.ANSWER_IS_NOT_PROVEN
    return str(refused.value)


def test_an_instant_is_a_height_by_the_followers_own_headers(asked: Asked, served: Served) -> None:
    """A proof as of the block before, or after, is another moment's, however the instant is written."""
    node = asked.sandbox.node
    headers = [node.machine.header(number).header for number in range(node.machine.history.size)]
    holding = asked.questions["a holding"]
    for before, at, after in zip(headers[-5:-2], headers[-4:-1], headers[-3:], strict=True):
        for time_ms in (at.time_ms, after.time_ms - 1):
            moment = datetime.fromtimestamp(time_ms // 1_000, tz=UTC).replace(
                microsecond=time_ms % 1_000 * 1_000
            )
            instant = moment.isoformat()
            served.liar.instead = None
            assert answered(served, replace(holding, at=instant)) == at.height
            for other in (before, after):
                served.liar.instead = replace(holding, at=str(other.height))
                assert "not the moment" in refusal(served, replace(holding, at=instant))


def test_two_nodes_must_say_which_height_a_business_date_is(asked: Asked, served: Served) -> None:
    dated = replace(asked.questions["a holding"], at=asked.day)
    closed_at = answered(served, dated)
    served.liar.instead = replace(dated, at=str(closed_at - 3))
    assert "another node says otherwise" in refusal(served, dated)
    served.liar.instead = None
    served.witnesses[0].instead = replace(dated, at=str(closed_at - 3))
    assert f"as of block {closed_at - 3}" in refusal(served, dated)


def test_two_nodes_must_say_that_terms_are_the_last_ones(asked: Asked, served: Served) -> None:
    """The follower's own node shows the terms before, which are truly proven to have been."""
    question = asked.questions["terms"]
    assert answered(served, question)
    served.liar.file = terms_before(asked, question.instrument)
    assert verify_proof(served.liar.file, served.service.node.trust).records
    assert "another node says otherwise" in refusal(served, question)
    served.witnesses[0].file = served.witnesses[1].file = served.liar.file
    assert answered(served, question), "two of its nodes lie together: no more is asked of them than this"


def test_one_node_is_not_enough_where_no_proof_tells(asked: Asked, served: Served) -> None:
    """Whoever is away, refuses, or proves nothing has said nothing."""
    question, dated = asked.questions["terms"], replace(asked.questions["a holding"], at=asked.day)
    served.witnesses[0].is_away = True
    assert answered(served, question)
    assert answered(served, dated)
    served.witnesses[1].file = b"nothing"
    for one, what in ((question, "nothing else was there"), (dated, "which block that date is")):
        assert what in refusal(served, one)
        assert "2 nodes must say, and 1 did" in refusal(served, one)
    assert answered(served, asked.questions["a holding"]), "a proof tells"


@pytest.mark.parametrize(
    ("name", "rests"),
    [
        ("a feed", True),
        ("a trade", True),
        ("terms", True),
        ("a holding", False),
        ("a register", False),
        ("validators", False),
        ("a receipt", False),
        ("an instruction", False),
    ],
)
def test_what_rests_on_the_word_of_nodes(asked: Asked, served: Served, name: str, rests: bool) -> None:
    """A feed that has no value, a trade of which neither client is shown, terms; whatever else, as of a date."""
    question = asked.questions[name]
    file = proof.decode_answer(served.service.read(OWNER, "proof", encode(question))).file
    found = verify_proof(file, served.service.node.trust)
    assert rests_on_word(question, found) == rests
    assert rests_on_word(replace(question, at=asked.day), found)


def terms_before(asked: Asked, instrument: bytes) -> bytes:
    """A proof, as of now, of an instrument's first terms."""
    node = asked.sandbox.node
    sources = Sources(
        node.state,
        node.machine.history,
        node.machine.header,
        node.chain_id,
        genesis_digest(node.genesis_bytes),
        node.vouching,
    )
    return encode_proof(
        Prover(sources).records([TERMS.prefix + terms_key(instrument, 1)], height=node.height)
    )
