"""What a follower answers by itself, what it passes on, and what it refuses to pass on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from counterfoil.engine.cometbft.rpc import EngineUnreachable
from counterfoil.machine.genesis import decode_genesis
from counterfoil.node.follower import FetchedReceipts, Follower, create_follower, open_follower
from counterfoil.node.follower_service import FollowerService, Owner
from counterfoil.node.following import FollowedBlock
from counterfoil.node.keeping_up import KeepingUp
from counterfoil.node.network.source import EngineSource, Sources, address_of_engine
from counterfoil.node.protocol import Answered, authentication_bytes
from counterfoil.node.reads_base import AsOf, Moment
from counterfoil.node.reads_ledger import SealedHeader, Status
from counterfoil.node.reads_proofs import ProofFile, ProofOf
from counterfoil.node.reads_receipts import OwnReceipts, ReceiptsFrom
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import NOBODY, Recognised
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import ANYBODY
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.proof_files import encode_proof
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.refusals import Invalid
from tests.unit.node.test_follower import BLOCKS, BUSY, LAST, REAL, ListedSource, block, handover
from tests.vectors.cometbft.replayed import newest_signed, prover, replayed

PARTY = bytes(range(20))
KEY = SigningKey(b"k" * 32)
SIGNER = address_of(KEY.public_key)
OWNER = Recognised(PARTY, SIGNER)
HEADER = encode(ProofOf(kind="header", at=str(BUSY)))
CLOCK_MS = 1_800_000_000_000


class Scripted:
    """Nodes whose every answer is written here; `asked` notes what reached them."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.asked: list[str] = []

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]:
        self.asked.append("submit")
        return [Answered(bytes(32), 7, 0, ()) for _ in transactions]

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        self.asked.append("wait")
        return None

    def read(self, name: str, params: bytes) -> bytes:
        self.asked.append(name)
        return self.answer

    def try_out(self, transaction: bytes) -> Answered:
        self.asked.append("try_out")
        return Answered(bytes(32), 0, 0, ())

    def advance_clock(self, time_ms: int) -> int:
        self.asked.append("advance_clock")
        return time_ms


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    path = tmp_path / "follower"
    create_follower(path, REAL.genesis, encrypted=False)
    with open_follower(path) as opened:
        opened.believe(handover())
        opened.catch_up(ListedSource(BLOCKS))
        yield opened


def service(
    follower: Follower, public: Scripted | None = None, own: Scripted | None = None
) -> FollowerService:
    owner = Owner(PARTY, SIGNER, own) if own is not None else None
    return FollowerService(follower, decode_genesis(REAL.genesis), lambda: CLOCK_MS, public, owner)


def fetched(height: int) -> FetchedReceipts:
    proof = prover(replayed()).receipts(height, [0], sealed=newest_signed())
    (shown,) = [found for found in proof.blocks if found.header.height == height]
    return FetchedReceipts(height, proof.receipts, shown.receipt_siblings)


def name_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.problem.name


# Who is recognised


def test_its_owner_alone_is_recognised(follower: Follower) -> None:
    made, challenge, stranger = service(follower, own=Scripted()), os.urandom(32), SigningKey(b"s" * 32)

    def shown(key: SigningKey, party: bytes = PARTY, signer: bytes = SIGNER, of: bytes = challenge) -> None:
        text = authentication_bytes(made.node.chain_id, of, party, signer)
        made.recognise(challenge, party, signer, ((key.public_key, key.sign(text)),))

    shown(KEY)
    for wrong in (
        lambda: shown(stranger),
        lambda: shown(stranger, signer=address_of(stranger.public_key)),
        lambda: shown(KEY, party=bytes(20)),
        lambda: shown(KEY, of=bytes(32)),
        lambda: made.recognise(challenge, PARTY, SIGNER, ()),
        lambda: service(follower).recognise(challenge, PARTY, SIGNER, ()),
    ):
        with pytest.raises(Refused) as refused:
            wrong()
        assert name_of(refused) == "NOT_RECOGNISED"


# What it answers itself


def test_its_status_is_that_of_the_last_signed_header(follower: Follower) -> None:
    told = msgspec.msgpack.decode(service(follower).read(NOBODY, "status", b"\x80"), type=Status)
    header = follower.vouched_header
    assert header is not None
    assert header.height == follower.vouched_height
    assert (told.moment.height, told.application_hash) == (header.height, header.digest())
    assert told.waiting == {}


def test_a_fresh_follower_has_nothing_to_tell(tmp_path: Path) -> None:
    create_follower(tmp_path / "fresh", REAL.genesis, encrypted=False)
    with open_follower(tmp_path / "fresh") as fresh, pytest.raises(Refused) as refused:
        service(fresh).read(NOBODY, "status", b"\x80")
    assert name_of(refused) == "MOMENT_IS_NOT_ON_RECORD"


def test_headers_are_known_by_height(follower: Follower) -> None:
    made = service(follower)

    def header(at: str) -> SealedHeader:
        return msgspec.msgpack.decode(made.read(NOBODY, "header", encode(AsOf(at=at))), type=SealedHeader)

    assert header("").header == follower.vouched_header
    assert header(str(BUSY)).header == BLOCKS[BUSY - 1].header
    assert header("2").seal == BLOCKS[1].seal
    quiet = next(
        one.block.height for one in BLOCKS[BUSY:] if one.header is None and one.block.height < LAST - 1
    )
    if quiet <= follower.vouched_height:
        assert header(str(quiet)).header.height < quiet
    for at in ("0", str(LAST + 1), "2024-01-02", "x"):
        with pytest.raises(Refused) as refused:
            header(at)
        assert name_of(refused) == "MOMENT_IS_NOT_ON_RECORD"


def test_receipts_are_its_owners(follower: Follower) -> None:
    first, second = fetched(2), fetched(BUSY)
    follower.keep_receipts(second)
    follower.keep_receipts(first)
    made = service(follower, own=Scripted())

    def kept(viewer: bytes, first: int = 1, last: int = 0) -> list[FetchedReceipts]:
        params = encode(ReceiptsFrom(first_height=first, last_height=last))
        return list(
            msgspec.msgpack.decode(made.read(Recognised(viewer), "receipts", params), type=OwnReceipts).blocks
        )

    assert kept(PARTY) == [first, second]
    assert kept(PARTY, 3) == [second]
    assert kept(PARTY, 1, BUSY - 1) == [first]
    for viewer in (ANYBODY, bytes(20)):
        with pytest.raises(NotVisible):
            kept(viewer)


# What it passes on


def test_questions_go_to_nodes_as_who_asks(follower: Follower) -> None:
    public, own = Scripted(b"\xc0"), Scripted(b"\xc0")
    made = service(follower, public, own)
    made.read(NOBODY, "list_markets", b"\x80")
    made.read(OWNER, "register", b"\x80")
    made.submit([b"one"], PARTY)
    made.submit([b"two"], ANYBODY)
    made.wait(bytes(32), 1)
    made.try_out(b"x")
    made.advance_clock(1)
    assert own.asked == ["register", "submit"]
    assert public.asked == ["list_markets", "submit", "wait", "try_out", "advance_clock"]
    ((height, outcome),) = made.submit([b"one"], PARTY).results(1)
    assert (height, outcome.result.number) == (7, 0)


def test_without_nodes_only_its_own_answers_are_given(follower: Follower) -> None:
    made = service(follower)
    for ask in (
        lambda: made.read(NOBODY, "register", b"\x80"),
        lambda: made.submit([b"one"], ANYBODY),
        lambda: made.wait(bytes(32), 1),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert name_of(refused) == "NODES_ARE_AWAY"


def proof_answer(file: bytes) -> bytes:
    return encode(ProofFile(moment=Moment(1, 1, "x", True), kind="header", file=file))


def test_a_proof_is_checked_before_it_is_passed_on(follower: Follower) -> None:
    proof = prover(replayed()).header(height=BUSY, sealed=newest_signed())
    good = encode_proof(proof)
    own = Scripted(proof_answer(good))
    made = service(follower, own=own)
    assert made.read(OWNER, "proof", HEADER) == own.answer
    seal_less = msgspec.structs.replace(proof.sealed, state_root=bytes(32))
    for forged in (
        b"",
        good[:-1] + bytes([good[-1] ^ 1]),
        encode_proof(msgspec.structs.replace(proof, sealed=seal_less)),
    ):
        own.answer = proof_answer(forged)
        with pytest.raises(Refused) as refused:
            made.read(OWNER, "proof", HEADER)
        assert name_of(refused) == NodeRefusal.ANSWER_IS_NOT_PROVEN.name


def test_a_proof_of_another_history_than_is_kept_is_refused(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where two thirds of the validators signed it: what is kept here was signed too."""
    own = Scripted(proof_answer(encode_proof(prover(replayed()).header(height=BUSY, sealed=newest_signed()))))
    monkeypatch.setattr(follower, "header_of", lambda height: BLOCKS[1].header)
    with pytest.raises(Refused, match="not the one that is kept here") as refused:
        service(follower, own=own).read(OWNER, "proof", HEADER)
    assert name_of(refused) == NodeRefusal.ANSWER_IS_NOT_PROVEN.name


# Keeping up


class Turning(ListedSource):
    """Sources of which each in turn gives blocks or trouble."""

    def __init__(self, *plans: list[FollowedBlock] | Exception) -> None:
        super().__init__(BLOCKS)
        self.plans = list(plans)
        self.turns = 0

    @property
    def address(self) -> str:
        return f"source {self.turns}"

    def next(self) -> None:
        self.turns += 1

    def followed_block(self, height: int) -> FollowedBlock:
        plan = self.plans[min(self.turns, len(self.plans) - 1)]
        if isinstance(plan, Exception):
            raise plan
        if height > len(plan):
            raise NoSuchBlock(height)
        return plan[height - 1]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Follower]:
    create_follower(tmp_path / "empty", REAL.genesis, encrypted=False)
    with open_follower(tmp_path / "empty") as opened:
        opened.believe(handover())
        yield opened


def test_it_goes_on_at_another_source_where_one_lies_or_is_silent(empty: Follower) -> None:
    lying = [*BLOCKS[: BUSY - 1], block(BUSY, items=()), *BLOCKS[BUSY:]]
    source = Turning(EngineUnreachable("gone"), Invalid("no answer of ours"), lying, list(BLOCKS))
    keeping_up = KeepingUp(empty, source)
    troubles = []
    while not keeping_up.is_caught_up:
        keeping_up._step()
        troubles.append(keeping_up.trouble)
    assert [bool(trouble) for trouble in troubles] == [True, True, True, False]
    assert "its items are not those" in troubles[2]
    assert (empty.height, source.turns) == (LAST, 3)


def test_receipts_are_fetched_up_to_the_last_signed_header_and_only_once(empty: Follower) -> None:
    asked: list[tuple[int, int]] = []
    moment = Moment(LAST, 1, "x", True)

    def fetch(first: int, last: int) -> OwnReceipts:
        asked.append((first, last))
        blocks = tuple(fetched(height) for height in (2, BUSY) if first <= height)
        if first == 1:
            return OwnReceipts(moment=moment, blocks=blocks[:1], next_height=3)
        return OwnReceipts(moment=moment, blocks=blocks, next_height=0)

    keeping_up = KeepingUp(empty, Turning(list(BLOCKS)), fetch)
    for _ in range(4):
        keeping_up._step()
    assert asked == [(1, empty.vouched_height), (3, empty.vouched_height)]
    assert [one.height for one in empty.fetched()] == [2, BUSY]
    again = KeepingUp(empty, Turning(list(BLOCKS)), fetch)
    again._step()
    assert asked[2:] == [(BUSY + 1, empty.vouched_height)]
    assert [one.height for one in empty.fetched()] == [2, BUSY]


def test_receipts_that_are_not_the_blocks_own_are_not_kept(empty: Follower) -> None:
    wrong = msgspec.structs.replace(fetched(BUSY), siblings=bytes(32))
    moment = Moment(LAST, 1, "x", True)
    answers: list[OwnReceipts | Refused] = [
        OwnReceipts(moment=moment, blocks=(wrong,), next_height=0),
        Refused(NodeRefusal.NODES_ARE_AWAY),
        OwnReceipts(moment=moment, blocks=(fetched(BUSY),), next_height=0),
    ]

    def fetch(first: int, last: int) -> OwnReceipts:
        answer = answers.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer

    keeping_up = KeepingUp(empty, Turning(list(BLOCKS)), fetch)
    keeping_up._step()
    assert "do not fit" in keeping_up.receipts_trouble or "does not fit" in keeping_up.receipts_trouble
    assert not list(empty.fetched())
    keeping_up._step()
    assert "NODES_ARE_AWAY" in keeping_up.receipts_trouble
    keeping_up._step()
    assert not keeping_up.receipts_trouble
    assert [one.height for one in empty.fetched()] == [BUSY]


# What an engine may answer


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"response": None},
        {"response": {"last_block_height": "x"}},
        {"response": {"last_block_height": str(LAST)}, "block": None},
        {"response": {"last_block_height": str(LAST)}, "block": {"header": 7}},
    ],
)
def test_an_engine_that_answers_something_else_is_invalid(
    answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = EngineSource("http://127.0.0.1:1", 2, lambda: 1)
    monkeypatch.setattr(source._rpc, "ask", lambda method, **params: answer)
    with pytest.raises(Invalid):
        source.followed_block(5)


def test_a_height_that_the_application_lacks_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    source = EngineSource("http://127.0.0.1:1", 2, lambda: 1)
    answer = {"response": {"last_block_height": "4"}}
    monkeypatch.setattr(source._rpc, "ask", lambda method, **params: answer)
    with pytest.raises(NoSuchBlock):
        source.followed_block(5)


def test_addresses_of_engines() -> None:
    assert address_of_engine("http://node.example.com:26601") == ("node.example.com", 26601)
    for wrong in ("", "node:1", "https://node:1", "http://node", "http://:1"):
        with pytest.raises(ValueError):
            address_of_engine(wrong)
    with pytest.raises(ValueError):
        Sources([])
