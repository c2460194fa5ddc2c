"""CometBFT's rule for signatures wherever it differs from the ledger's own, with CometBFT's own verdicts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from counterfoil.primitives import signatures as own
from counterfoil.primitives import vote_signatures
from counterfoil.primitives.signatures import ED25519, sign
from counterfoil.primitives.vote_signatures import is_validator_key, verify_vote
from tests.unit.primitives import ed25519_oracle as oracle
from tests.vectors.cometbft.crafted_votes import FILE, Crafted, votes

CRAFTED = list(votes())
RECORDED: list[dict[str, Any]] = json.loads(FILE.read_text())


@pytest.fixture(params=["libsodium as installed", "a libsodium that refuses all"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "a libsodium that refuses all":
        monkeypatch.setattr(vote_signatures, "_open", lambda *_: -1)


def test_cometbft_was_asked_about_these() -> None:
    asked = [(one.what, one.key.hex(), one.message.hex(), one.signature.hex()) for one in CRAFTED]
    assert asked == [(one["what"], one["key"], one["message"], one["signature"]) for one in RECORDED]
    assert all(one["alone"] == one["in_batch"] for one in RECORDED), "alone and in a batch alike"


@pytest.mark.usefixtures("library")
def test_the_verdicts_are_cometbfts() -> None:
    for vote, said in zip(CRAFTED, RECORDED, strict=True):
        assert verify_vote(ED25519 + vote.key, vote.message, vote.signature) is said["alone"], vote.what


def test_what_is_good_by_the_ledgers_own_rule_is_good_here_and_where_they_differ() -> None:
    differ: Counter[str] = Counter()
    for vote in CRAFTED:
        key = ED25519 + vote.key
        ours = own.verify(key, vote.message, vote.signature)
        theirs = verify_vote(key, vote.message, vote.signature)
        assert theirs or not ours
        if theirs and not ours:
            differ[vote.what] += 1
    assert differ == {
        "key and R of small order, S = 0": 196,
        "key with torsion, k = 0 mod 8": 7,
        "key with torsion, k = 1 mod 8": 7,
        "key of small order": 14,
        "R of small order": 14,
    }


def zip_215(vote: Crafted) -> bool:
    """The rule in plain integers."""
    r, s = vote.signature[:32], int.from_bytes(vote.signature[32:], "little")
    a_point, r_point = lenient(vote.key), lenient(r)
    if len(vote.signature) != 64 or a_point is None or r_point is None or s >= oracle.L:
        return False
    k = oracle.challenge(r, vote.key, vote.message)
    right = oracle.add(oracle.multiply(8, r_point), oracle.multiply(8 * k, a_point))
    return oracle.same(oracle.multiply(8 * s, oracle.BASE), right)


def lenient(encoding: bytes) -> oracle.Point | None:
    number = int.from_bytes(encoding, "little")
    sign_bit, y = number >> 255, number % 2**255 % oracle.P
    found = oracle.decode((y | sign_bit << 255).to_bytes(32, "little"))
    return found if found is not None else oracle.decode(y.to_bytes(32, "little"))


def test_the_verdicts_are_those_of_plain_integers() -> None:
    for vote in CRAFTED[::3]:
        assert verify_vote(ED25519 + vote.key, vote.message, vote.signature) is zip_215(vote), vote.what


@pytest.mark.usefixtures("library")
def test_an_ordinary_signature() -> None:
    key, signature = own.public_key_of(bytes(32)), sign(bytes(32), b"vote")
    assert verify_vote(key, b"vote", signature)
    assert not verify_vote(key, b"Vote", signature)
    assert not verify_vote(b"\x02" + key[1:], b"vote", signature)
    assert not verify_vote(key[1:], b"vote", signature)
    assert not is_validator_key(key + b"\0")


def test_foreign_edge_cases(shared_data: Path) -> None:
    """914 keys and signatures of low order, not canonical, or with the cofactor in the way."""
    file = shared_data / "vectors/ed25519/ed25519vectors.json"
    if not file.is_file():
        pytest.skip(f"this copy of the shared data has no {file.name}")
    cases = json.loads(file.read_text())
    for case in cases:
        key, signature = bytes.fromhex(case["A"]), bytes.fromhex(case["R"]) + bytes.fromhex(case["S"])
        vote = Crafted("", key, case["M"].encode(), signature)
        assert verify_vote(ED25519 + key, vote.message, signature) is zip_215(vote), case


def test_sign_input(shared_data: Path) -> None:
    for line in (shared_data / "vectors/ed25519/ed25519_sign.input").read_text().splitlines():
        _, public, message, signed = (bytes.fromhex(field) for field in line.split(":")[:4])
        assert verify_vote(ED25519 + public, message, signed[:64])


def test_wycheproof(shared_data: Path) -> None:
    """One of its cases lies where the two rules differ: an R of small order with x = 0 and the sign bit."""
    suite = json.loads((shared_data / "vectors/wycheproof/ed25519_test.json").read_text())
    differ = []
    for group in suite["testGroups"]:
        for case in group["tests"]:
            fields = (group["publicKey"]["pk"], case["msg"], case["sig"])
            vote = Crafted("", *(bytes.fromhex(field) for field in fields))
            good = verify_vote(ED25519 + vote.key, vote.message, vote.signature)
            assert good is zip_215(vote), case
            if good is not (case["result"] == "valid"):
                differ.append(case["tcId"])
    assert differ == [151]
