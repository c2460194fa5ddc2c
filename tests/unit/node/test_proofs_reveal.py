"""A proof shows what it proves: of nobody else's record is the salt, the identity or the value in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest

from counterfoil.modules.holdings.records import ACCOUNTS, HOLDINGS
from counterfoil.modules.instruments.records import INSTRUMENTS, TERMS, terms_key
from counterfoil.modules.settlement.records import INSTRUCTIONS
from counterfoil.modules.trades.records import BUYS, SELLS, TRADE_CLIENTS, TRADES
from counterfoil.node.reads import READS, answer_read
from counterfoil.node.refusals import Refused
from counterfoil.policy.errors import NotVisible
from counterfoil.primitives.codec import encode
from counterfoil.state.leaves import ARITY, DIGEST, SALT_SIZE, leaf_digest, value_digest
from counterfoil.state.proof_files import decode_proof
from counterfoil.state.proof_formats import Proof, ProofKind, Standing
from counterfoil.state.rows import Row, parse
from counterfoil.state.tables import LINKS
from tests.unit.node.cast import Cast
from tests.unit.policy.visibility_matrix import seen

VIEWERS = (
    "client-a",
    "three-brokers",
    "broker-a",
    "broker-b",
    "depository",
    "issuer",
    "trustee",
    "operator",
    "exchange",
    "regulator",
    "auditor-of-a",
    "auditor-of-the-register",
    "second-custodian",
)


class Asked(NamedTuple):
    """A question, who asked it, and the records (table and key) that its answer is about."""

    viewer: str
    params: dict[str, Any]
    about: frozenset[bytes]


def questions(cast: Cast, viewer: str) -> Iterator[tuple[dict[str, Any], frozenset[bytes]]]:
    """Every kind of proof about everything in the cast, and which records it must show the viewer and no other."""
    instruments = (cast.share, cast.other_share, cast.token)
    for account, instrument in product(cast.accounts.values(), instruments):
        holding = HOLDINGS.prefix + account + instrument
        of = {"account": account, "instrument": instrument}
        yield {"kind": "holding", **of}, frozenset({holding})
        yield (
            {"kind": "no-holding", **of},
            frozenset({INSTRUMENTS.prefix + instrument, ACCOUNTS.prefix + account}),
        )
    for account in cast.accounts.values():
        yield {"kind": "account", "account": account}, frozenset({ACCOUNTS.prefix + account})
    for instrument in instruments:
        holders = {
            HOLDINGS.prefix + key
            for key in cast.node.state.keys(HOLDINGS)
            if key[20:] == instrument and cast.node.state.find(HOLDINGS, key) is not None
        }
        yield (
            {"kind": "register", "instrument": instrument},
            frozenset(holders | {INSTRUMENTS.prefix + instrument}),
        )
        yield (
            {"kind": "terms", "instrument": instrument},
            frozenset({TERMS.prefix + terms_key(instrument, 1)}),
        )
    for trade in (cast.trade, cast.client_trade.created):
        clients = {
            TRADE_CLIENTS.prefix + trade + side
            for side, row in ((SELLS, "its seller's client"), (BUYS, "its buyer's client"))
            if viewer in seen(row) and cast.node.state.find(TRADE_CLIENTS, trade + side) is not None
        }
        yield {"kind": "trade", "business": trade}, frozenset({TRADES.prefix + trade} | clients)
    for business in (cast.sale, cast.purchase):
        yield {"kind": "instruction", "business": business}, frozenset({INSTRUCTIONS.prefix + business})
    yield {"kind": "header"}, frozenset()
    receipt = {"kind": "receipt", "business": cast.settled.id, "at": str(cast.settled.height)}
    yield receipt, frozenset()


@pytest.fixture(scope="module")
def proofs(cast: Cast) -> list[tuple[Asked, Proof, bytes]]:
    """Everything that the viewers are given, decoded, and as plain bytes."""
    made = []
    for viewer, (params, about) in ((name, one) for name in VIEWERS for one in questions(cast, name)):
        try:
            answer = READS["proof"].decode_answer(
                answer_read(cast.node, cast.viewer(viewer), "proof", encode(params))
            )
        except (NotVisible, Refused):
            continue
        proof = decode_proof(answer.file)
        made.append((Asked(viewer, params, about), proof, encode(proof)))
    return made


def shown(proof: Proof) -> set[bytes]:
    """The records whose values a proof shows, without the links that it says to stand between them."""
    parts: list[Standing] = [*proof.records, *proof.named, *(member.record for member in proof.members)]
    return {part.key for part in parts}


def test_every_kind_is_asked_for_and_given(proofs: list[tuple[Asked, Proof, bytes]]) -> None:
    given = {asked.params["kind"]: set[str]() for asked, _, _ in proofs}
    for asked, _, _ in proofs:
        given[asked.params["kind"]].add(asked.viewer)
    assert set(given) == {
        "holding", "no-holding", "register", "account", "terms", "trade", "instruction", "receipt", "header",
    }  # fmt: skip
    assert {kind for kind, viewers in given.items() if viewers == set(VIEWERS)} == {"terms", "header"}
    assert all(len(viewers) > 2 for viewers in given.values())
    assert len(proofs) > 300


def test_a_proof_shows_the_records_that_were_asked_for(proofs: list[tuple[Asked, Proof, bytes]]) -> None:
    for asked, proof, _ in proofs:
        assert shown(proof) == asked.about, asked
        links = {part.link.key for part in proof.members} | (
            {proof.gap.key} if proof.gap is not None else set()
        )
        assert all(key[:1] == LINKS.prefix for key in links)
        assert len(links) == {ProofKind.ABSENCE: 1, ProofKind.LIST: len(proof.members) + 1}.get(
            proof.kind, 0
        ), asked


def test_no_other_salt_is_in_it(cast: Cast, proofs: list[tuple[Asked, Proof, bytes]]) -> None:
    """A value hides behind its salt: whoever has no salt but of what is shown can open no other leaf, now or before."""
    salts = dict(_salts(cast))
    assert len(salts) > 300
    for asked, proof, plain in proofs:
        links = {part.link.key for part in proof.members} | (
            {proof.gap.key} if proof.gap is not None else set()
        )
        opened = {key for salt, key in salts.items() if salt in plain}
        assert opened == asked.about | links, asked


def _salts(cast: Cast) -> Iterator[tuple[bytes, bytes]]:
    """Of every version of every record that the ledger has: its salt, and its table and key."""
    state = cast.node.state
    for table in state.tables.values():
        for key in state.keys(table):
            for row in state.versions(table, key):
                yield parse(row).salt, table.prefix + key


def test_nobody_else_is_named_in_it(cast: Cast, proofs: list[tuple[Asked, Proof, bytes]]) -> None:
    """An identity, a handle or a name is in a proof where a record or receipt shown has it, and else nowhere."""
    things = dict(_things(cast))
    named_somewhere = 0
    for asked, proof, plain in proofs:
        said = b"".join(
            part.key + part.value
            for part in (*proof.records, *proof.named, *(member.record for member in proof.members))
        )
        said += b"".join(receipt.plaintext for receipt in proof.receipts)
        if proof.place is not None:
            said += proof.place.parent + proof.place.member
        for what, thing in things.items():
            assert (thing in plain) <= (thing in said), (asked, what)
            named_somewhere += thing in plain
    assert named_somewhere > 300, "they can be found where they are"


def _things(cast: Cast) -> Iterator[tuple[str, bytes]]:
    yield from ((f"the party {name}", party) for name, party in cast.parties.items())
    yield from ((f"the name {name}", name.encode()) for name in cast.parties if len(name) > 6)
    for name, identity in cast.accounts.items():
        account = cast.node.state.find(ACCOUNTS, identity)
        yield f"the account {name}", identity
        if account is not None:
            yield f"the handle of {name}", account.handle
            yield f"the list of the owner of {name}", account.owner_handle
            yield f"the relationship of {name}", account.relationship
    for name, identity in {"share": cast.share, "other share": cast.other_share, "token": cast.token}.items():
        instrument = cast.node.state.find(INSTRUMENTS, identity)
        assert instrument is not None
        yield f"the instrument {name}", identity
        yield f"the register of {name}", instrument.handle
    for name in ("trade", "sale", "purchase", "proposal"):
        yield f"the {name}", getattr(cast, name)
    yield from ((f"the grant to {name}", grant) for name, grant in cast.grants.items())


# ---- what may be guessed from the digests beside ----


def test_who_guesses_a_neighbours_value_rightly_cannot_tell(
    cast: Cast, proofs: list[tuple[Asked, Proof, bytes]]
) -> None:
    """The guesser is given all of a neighbour's record but its salt: key, heights and the value itself.

    With its salt the neighbour's digest is found among those of the proof: that is where a guess could be tried.
    """
    neighbours = {row.slot: (key, row) for key, row in _standing(cast)}
    tried = 0
    for asked, proof, _ in proofs:
        if asked.params["kind"] != "holding":
            continue
        own = proof.records[0]
        digests = {proof.siblings[at : at + DIGEST] for at in range(0, len(proof.siblings), DIGEST)}
        first = own.place // ARITY * ARITY
        for slot in range(first, first + ARITY):
            if slot == own.place or slot not in neighbours:
                continue
            key, row = neighbours[slot]
            assert _leaf(key, row, row.salt) in digests, "with the salt it is found"
            assert not {_leaf(key, row, salt) for salt in (own.salt, bytes(SALT_SIZE))} & digests
            tried += 1
    assert tried > 100


def _standing(cast: Cast) -> Iterator[tuple[bytes, Row]]:
    state = cast.node.state
    for table in state.tables.values():
        for key in state.keys(table):
            row = parse(state.row(table, key) or b"")
            if row.alive:
                yield table.prefix + key, row


def _leaf(key: bytes, row: Row, salt: bytes) -> bytes:
    return leaf_digest(row.height, row.previous, key, value_digest(salt, key, row.value))


def test_equal_values_do_not_look_equal(cast: Cast) -> None:
    """Nor does the same value look the same after a change, nor at two places: no two salts of a ledger are equal."""
    versions = list(_salts(cast))
    assert len({salt for salt, _ in versions}) == len(versions)


@pytest.mark.parametrize("viewer", ["broker-a", "client-a", "regulator", "broker-s"])
def test_receipts_are_found_in_whichever_block_they_are(cast: Cast, viewer: str) -> None:
    """Who proves what was decided need not know in which block; who may not see it is told the same as of nothing."""

    def asked(business: bytes, at: str) -> tuple[object, ...] | str:
        params = {"kind": "receipt", "business": business, "at": at}
        try:
            answer = READS["proof"].decode_answer(
                answer_read(cast.node, cast.viewer(viewer), "proof", encode(params))
            )
        except NotVisible as hidden:
            return str(hidden)
        return decode_proof(answer.file).receipts

    assert cast.settled.height < cast.node.height
    found = asked(cast.settled.id, "")
    assert found == asked(cast.settled.id, str(cast.settled.height))
    assert (found == asked(bytes(32), "")) == (viewer == "broker-s")
