"""Whom a verifier trusts, what it says, and that it needs nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from counterfoil.machine.genesis import Genesis, chain_id, encode_genesis, genesis_digest
from counterfoil.primitives.codec import Decoder
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Place
from counterfoil.verify import Describe, ProofRefused, Trust, verify_proof
from counterfoil.verify.tree_paths import top_of
from counterfoil.verify.verified import instant_text
from tests.model import tree_model
from tests.unit.state.small_ledger import (
    BY_OWNER,
    ITEMS,
    SEALER,
    START_MS,
    Action,
    Item,
    SmallLedger,
    Write,
    item,
    item_handle,
    item_key,
    owner_handle,
)

GOOD_KEY = SEALER.public_key.hex()


def _ledger(*, sandbox: bool = False) -> SmallLedger:
    ledger = SmallLedger(sandbox=sandbox)
    ledger.block([Action(tuple([Write(ITEMS, item_key(number), item(number, 5)) for number in range(6)]))])
    ledger.block([Action((Write(ITEMS, item_key(0), item(0, 6)),))], step=2)
    return ledger


DESCRIBE = Describe(
    record=lambda table, key, value: (
        f"item {int.from_bytes(key, 'big')}: {Decoder(Item).exact(value).amount}"
    ),
    handle=lambda table, key, value: Decoder(Item).exact(value).handle,
    list_name={7: "of items"}.__getitem__,
    fact=bytes.hex,
)


def _said(ledger: SmallLedger, file: bytes, describe: Describe | None = DESCRIBE) -> list[str]:
    return verify_proof(file, Trust.in_genesis(ledger.genesis_bytes)).sentences(describe)


def test_a_genesis_file_gives_the_same_name_and_digest_as_to_the_machine() -> None:
    data = encode_genesis(Genesis("market-one", 5, "", (GOOD_KEY,), sandbox=True))
    trust = Trust.in_genesis(data)
    assert trust.genesis == genesis_digest(data)
    assert trust.chain_id == chain_id("market-one", genesis_digest(data))
    assert trust.sealers == (SEALER.public_key,)
    assert trust.sandbox


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'"genesis"',
        b'{"name": "a", "sealers": []}',
        b'{"name": "a", "sealers": ["00"]}',
        b'{"name": "a", "sealers": ["zz"]}',
        b'{"name": "a", "sealers": 3}',
        b'{"name": "", "sealers": ["' + GOOD_KEY.encode() + b'"]}',
        b'{"name": "' + b"a" * 34 + b'", "sealers": ["' + GOOD_KEY.encode() + b'"]}',
        b'{"name": "a", "sandbox": 1, "sealers": ["' + GOOD_KEY.encode() + b'"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_genesis_file(data: bytes) -> None:
    with pytest.raises(ValueError, match="genesis file"):
        Trust.in_genesis(data)


def test_values_in_words() -> None:
    ledger = _ledger()
    ground, claim = _said(ledger, encode_proof(ledger.prover.records([ITEMS.prefix + item_key(0)], height=3)))
    assert ground.startswith(
        f"Ledger {ledger.chain_id}, proven from the header of block 4 of 2020-09-13 12:26:44.000 UTC"
    )
    assert (
        claim
        == "At height 3, when the last block was 2 of 2020-09-13 12:26:42.000 UTC: item 0: 5 (so since block 2)"
    )


def test_without_a_reader_values_are_told_as_they_are() -> None:
    ledger = _ledger()
    file = encode_proof(ledger.prover.records([ITEMS.prefix + item_key(0)]))
    assert "record 00000000 of table 150 was 9306c410" in _said(ledger, file, None)[1]


def test_absence_and_lists_in_words() -> None:
    ledger = _ledger()
    stranger, owner = item_handle(item_key(1)), owner_handle(0)
    absence = ledger.prover.absence(Place(BY_OWNER.number, owner, stranger), [ITEMS.prefix + item_key(1)])
    said = _said(ledger, encode_proof(absence))[1]
    assert f"the list of items of handle {owner.hex()} (no record in this proof says whose that is)" in said
    assert said.endswith(f"had no member of handle {stranger.hex()} (item 1: 5).")
    listing = _said(ledger, encode_proof(ledger.prover.listing(BY_OWNER.number, owner)))
    assert listing[1].endswith("had exactly 2 members.")
    assert sorted(listing[2:]) == ["item 0: 6 (so since block 4)", "item 3: 5 (so since block 2)"]


def test_receipts_headers_and_instants_in_words() -> None:
    ledger = _ledger()
    receipt = _said(ledger, encode_proof(ledger.prover.receipts(4, [0])))[1]
    assert "at position 0, for 7070" in receipt
    assert receipt.endswith("results of its messages: accepted; it was told no facts.")
    instant = _said(ledger, encode_proof(ledger.prover.header(instant_ms=START_MS + 3_999)))[1]
    assert instant.startswith(
        "At 2020-09-13 12:26:43.999 UTC, when the last block was 2 of 2020-09-13 12:26:42"
    )


def test_a_sandbox_says_so_first() -> None:
    ledger = _ledger(sandbox=True)
    assert _said(ledger, encode_proof(ledger.prover.header()))[0].startswith("This is a sandbox ledger")


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01 00:00:00.000 UTC"),
        (86_399_999, "1970-01-01 23:59:59.999 UTC"),
        (10**18, f"{10**18} ms since 1970"),
    ],
)
def test_instants(time_ms: int, text: str) -> None:
    assert instant_text(time_ms) == text


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 255, 256, 257, 300])
def test_all_leaves_known_need_no_siblings(count: int) -> None:
    leaves = [bytes([number % 256]) * 32 for number in range(count)]
    assert top_of(count, dict(enumerate(leaves)), b"") == tree_model.top(leaves)


def test_nothing_shown_leads_nowhere() -> None:
    with pytest.raises(ProofRefused):
        top_of(5, {}, b"")


def test_the_verifier_loads_no_storage_no_network_and_no_other_room() -> None:
    code = (
        "import sys, counterfoil.verify\n"
        "rooms = sorted({name.split('.')[1] for name in sys.modules if name.startswith('counterfoil.')})\n"
        "others = ('lmdb', 'socket', 'ssl', 'asyncio', 'numpy', 'sortedcontainers')\n"
        "print(rooms, [name for name in others if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['primitives', 'state', 'verify'] []"
