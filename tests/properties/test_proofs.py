"""Whatever is so can be proven, now and as of every past block, and nothing else can."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.state.past_tree import NotHeld
from counterfoil.state.proof_files import decode_proof, encode_proof
from counterfoil.state.proof_formats import Place
from counterfoil.state.proofs import CannotProve
from tests.unit.state.random_blocks import BLOCKS
from tests.unit.state.small_ledger import START_MS, Block, SmallLedger, item_handle, item_key
from tests.unit.verify.oracle import KEYS, LISTS, check, genuine_proofs

STEPS = st.sampled_from((1, 1, 3))
CHAINS = st.lists(st.tuples(BLOCKS, STEPS), min_size=1, max_size=6)


def _ledger(chain: list[tuple[Block, int]]) -> SmallLedger:
    ledger = SmallLedger()
    for block, step in chain:
        ledger.block(block, step)
    return ledger


@settings(max_examples=settings().max_examples // 2)
@given(CHAINS)
def test_proofs_of_every_kind_as_of_every_height_hold(chain: list[tuple[Block, int]]) -> None:
    ledger = _ledger(chain)
    for height in range(1, ledger.height + 1):
        for proof in genuine_proofs(ledger, height):
            check(ledger, proof)
            assert decode_proof(encode_proof(proof)) == proof


@given(CHAINS, st.data())
def test_values_are_proven_where_there_are_any(chain: list[tuple[Block, int]], data: st.DataObject) -> None:
    ledger = _ledger(chain)
    height = data.draw(st.integers(1, ledger.height))
    for full_key in KEYS:
        value = ledger.model.value_at(full_key, height)
        if value is None:
            with pytest.raises(CannotProve):
                ledger.prover.records([full_key], height=height)
        else:
            verified = check(ledger, ledger.prover.records([full_key], height=height))
            assert [record.value for record in verified.records] == [value]


@given(CHAINS, st.data())
def test_who_is_on_a_list_is_on_it_and_nobody_else(
    chain: list[tuple[Block, int]], data: st.DataObject
) -> None:
    ledger = _ledger(chain)
    height = data.draw(st.integers(1, ledger.height))
    for number, parent in LISTS:
        listed = ledger.model.listed_at(number, parent, height)
        verified = check(ledger, ledger.prover.listing(number, parent, height=height))
        shown = {bytes([record.table]) + record.key: record.value for record in verified.records}
        assert shown == {full_key: ledger.model.value_at(full_key, height) for full_key in listed}
        for of in range(8):
            place = Place(number, parent, item_handle(item_key(of)))
            if place.member in listed.values():
                with pytest.raises(CannotProve):
                    ledger.prover.absence(place, height=height)
            else:
                check(ledger, ledger.prover.absence(place, height=height))


@given(CHAINS, st.data())
def test_proofs_against_a_header_that_is_a_few_blocks_old(
    chain: list[tuple[Block, int]], data: st.DataObject
) -> None:
    ledger = _ledger(chain)
    sealed = data.draw(st.sampled_from(ledger.headers))
    height = data.draw(st.integers(1, sealed.height))
    prover = ledger.prover
    for full_key in KEYS:
        if ledger.model.value_at(full_key, height) is not None:
            verified = check(ledger, prover.records([full_key], height=height, sealed=sealed.number))
            assert verified.sealed == sealed
    for number, parent in LISTS:
        check(ledger, prover.listing(number, parent, height=height, sealed=sealed.number))
    if sealed.height < ledger.height:
        with pytest.raises(CannotProve, match="the sealed header is of block"):
            prover.header(height=sealed.height + 1, sealed=sealed.number)


@given(CHAINS, st.data())
def test_an_instant_is_answered_by_the_last_block_then(
    chain: list[tuple[Block, int]], data: st.DataObject
) -> None:
    ledger = _ledger(chain)
    first, last = ledger.headers[0].time_ms, ledger.headers[-1].time_ms
    instant = data.draw(st.integers(first - 2, last + 2))
    if instant < first:
        with pytest.raises(CannotProve, match="founded after"):
            ledger.prover.header(instant_ms=instant)
    elif instant >= last:
        with pytest.raises(CannotProve, match="later than that instant"):
            ledger.prover.header(instant_ms=instant)
    else:
        verified = check(ledger, ledger.prover.header(instant_ms=instant))
        assert verified.instant_ms == instant
        assert verified.in_force.time_ms <= instant


@given(CHAINS)
def test_a_restart_loses_no_proof_but_those_against_older_headers(chain: list[tuple[Block, int]]) -> None:
    ledger = _ledger(chain)
    ledger.state.flush()
    before = [
        encode_proof(proof) for height in (1, ledger.height) for proof in genuine_proofs(ledger, height)
    ]
    ledger.reopen()
    after = [encode_proof(proof) for height in (1, ledger.height) for proof in genuine_proofs(ledger, height)]
    assert before == after
    live = [key for key in KEYS if ledger.model.value_at(key, 1) is not None]
    for full_key in live:
        with pytest.raises(NotHeld):
            ledger.prover.records([full_key], sealed=0)


def test_there_is_nothing_before_the_founding() -> None:
    ledger = _ledger([((), 1)])
    assert ledger.headers[0].time_ms == START_MS + 1000
    with pytest.raises(CannotProve):
        ledger.prover.header(height=0)
