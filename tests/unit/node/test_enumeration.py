"""Identities that a transaction made cannot be guessed; the founding's can, and it gains nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import msgspec
import pytest

from counterfoil.node.reads import READS, answer_read
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.policy.errors import NotVisible
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import object_id
from counterfoil.sdk import Sandbox, messages
from tests.unit.node.cast import Cast

INVESTORS = ("client-a", "other-client-a", "client-b", "client-o", "three-brokers", "joint-holder", "moved")


def distance(one: bytes, other: bytes) -> int:
    """Bits in which two identities differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def test_the_same_request_makes_other_identities_every_time() -> None:
    """An identity is a digest over 128 random bits: whoever knows every word of a transaction does not know it."""
    with Sandbox() as ledger:
        broker = ledger.client("broker-a")
        ask = messages.OpenAccount(broker.party, broker.party, messages.AccountKind.OWN)
        drafts = [broker.draft(ask) for _ in range(2_000)]
        assert len({draft.id for draft in drafts}) == 2_000
        assert len({draft.body.nonce for draft in drafts}) == 2_000
        assert all(len(draft.body.nonce) == 16 for draft in drafts)
        made = broker.send(*[ask] * 60).objects
    assert len(set(made)) == 60
    differing = [distance(one, other) for one, other in combinations(made, 2)]
    assert 76 < sum(differing) / len(differing) < 84, "unrelated digests differ in half of their 160 bits"
    assert min(differing) > 40


def questions(identity: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every read that one identity can be put into, in every field of its size."""
    for name, read in READS.items():
        required = {field.name for field in msgspec.structs.fields(read.params) if field.required}
        for field in msgspec.structs.fields(read.params):
            if field.type is not bytes:
                continue
            params: dict[str, Any] = {field.name: identity}
            if "kind" in required:
                for kind in (
                    "account",
                    "holding",
                    "no-holding",
                    "register",
                    "trade",
                    "instruction",
                    "receipt",
                ):
                    yield name, {**params, "kind": kind}
            elif required <= {field.name}:
                yield name, params


def told(cast: Cast, viewer: str, name: str, params: dict[str, Any]) -> object:
    """What a viewer gets of a question: an answer (without its identity), or the refusal."""
    try:
        answer = READS[name].decode_answer(answer_read(cast.node, cast.viewer(viewer), name, encode(params)))
    except NotVisible as hidden:
        return str(hidden)
    except Refused as refused:
        return refused.code
    return msgspec.structs.replace(answer, moment=None)


@pytest.mark.parametrize(
    "viewer", ["nobody", "other-client-a", "operator", "notary", "central-bank", "auditor"]
)
def test_who_guesses_a_founding_identity_learns_nothing(cast: Cast, viewer: str) -> None:
    """The genesis file is public, and the founding counts: a founded investor's identity can be computed by anybody."""
    guessed = [object_id((1).to_bytes(32, "big"), 0, place)[:20] for place in range(60)]
    hits = [cast.parties[name] for name in INVESTORS]
    assert set(hits) <= set(guessed), "they can indeed be guessed"
    own = {cast.viewer(viewer)}
    sees = {"operator": {"client-o", "three-brokers"}, "other-client-a": {"other-client-a"}}.get(
        viewer, set()
    )
    known = {cast.parties[name] for name in sees}
    asked = 0
    for identity in hits:
        if identity in known | own:
            continue
        for name, params in questions(identity):
            nothing = {
                field: b"n" * len(identity) if value == identity else value for field, value in params.items()
            }
            assert told(cast, viewer, name, params) == told(cast, viewer, name, nothing), (name, params)
            asked += 1
    assert asked > 100


def test_beside_what_one_knows_lies_nothing(cast: Cast) -> None:
    """Identities that differ from a known one in a bit, or by one, lead nowhere, and say so as any others."""
    own = cast.accounts["client-a's"]
    number = int.from_bytes(own, "big")
    beside = near(own, 20)[1:] + [(number + step).to_bytes(20, "big") for step in (-2, -1, 1, 2)]
    answers = {str(told(cast, "client-a", "holdings", {"account": identity})) for identity in beside}
    assert len(answers) == 1
    assert "1090 NOT_VISIBLE" in answers.pop()


def test_who_knows_a_transaction_knows_its_own_objects_alone(cast: Cast) -> None:
    """From a transaction's id follow the identities that it created, which its authors know; they open nothing."""
    transaction = cast.settled.id
    made = [object_id(transaction, message, ordinal) for message in range(3) for ordinal in range(6)]
    assert set(cast.settled.objects) <= set(made)
    for identity in made:
        for name, params in questions(identity):
            nothing = {
                field: b"n" * len(identity) if value == identity else value for field, value in params.items()
            }
            assert told(cast, "notary", name, params) == told(cast, "notary", name, nothing)


@pytest.mark.parametrize("viewer", ["nobody", "client-b", "broker-b", "notary", "regulator"])
def test_results_are_for_who_has_the_transaction_and_not_for_who_knows_its_id(
    cast: Cast, viewer: str
) -> None:
    """The id is in the receipts of everybody whom it concerned, and the results name what it created for others."""
    whole = cast.settled_transaction
    assert told(cast, viewer, "result", {"transaction": whole})
    nothing = told(cast, viewer, "result", {"transaction": b"n" * 32})
    for less in (cast.settled.id, whole[:-1], whole + b"\0", b""):
        assert told(cast, viewer, "result", {"transaction": less}) == nothing


@pytest.mark.parametrize("viewer", ["nobody", "client-a", "broker-a", "operator", "notary", "auditor"])
def test_names_that_are_not_public_lead_nowhere_even_for_whoever_knows_them(cast: Cast, viewer: str) -> None:
    """Members are found by name; investors, and who has only applied, are not, whoever asks."""
    parties = dict(cast._records())
    hidden = [one.name for one in parties.values() if one.roles == (messages.Role.INVESTOR,) and one.name]
    public = [one.name for one in parties.values() if messages.Role.SECURITIES_COMPANY in one.roles]
    assert len(hidden) >= len(INVESTORS)
    for name in hidden:
        for text in (name, f" {name} ", name.upper(), name[:-1]):
            assert told(cast, viewer, "find", {"text": text}) is NodeRefusal.NAME_IS_UNKNOWN, text
    assert told(cast, viewer, "find", {"text": "x" * 9}) is NodeRefusal.NAME_IS_UNKNOWN
    assert all(
        told(cast, viewer, "find", {"text": name}) is not NodeRefusal.NAME_IS_UNKNOWN for name in public
    )


@pytest.mark.parametrize("viewer", ["nobody", "client-a", "client-o", "broker-a", "operator", "auditor-of-a"])
def test_a_tag_opens_nothing_to_whoever_does_not_keep_them(cast: Cast, viewer: str) -> None:
    """Not even to the person behind it, nor to its agents: an answer would tell that somebody else knows the person."""
    nowhere = told(cast, viewer, "person", {"tag": bytes(32)})
    assert "1090 NOT_VISIBLE" in str(nowhere)
    for tag in near(cast.tag, 32):
        assert told(cast, viewer, "person", {"tag": tag}) == nowhere
    for party in cast.parties.values():
        assert told(cast, viewer, "person", {"party": party}) == nowhere


def test_beside_a_tag_lies_nobody_even_for_the_registrar(cast: Cast) -> None:
    """Tags are values of a keyed function: from one of them no other follows, and none is listed."""
    own, *others = near(cast.tag, 32)
    assert "1090 NOT_VISIBLE" not in str(told(cast, "registrar", "person", {"tag": own}))
    assert {str(told(cast, "registrar", "person", {"tag": tag})) for tag in others} == {
        str(told(cast, "registrar", "person", {"tag": bytes(32)}))
    }
    assert not [name for name, read in READS.items() if "handle" in read.params.__struct_fields__]


def near(identity: bytes, size: int) -> list[bytes]:
    """An identity, and those that differ from it in one bit."""
    number = int.from_bytes(identity, "big")
    return [identity, *((number ^ (1 << bit)).to_bytes(size, "big") for bit in range(8 * size))]
