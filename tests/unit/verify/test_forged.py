"""The named tricks, each with every digest that it needs, and the reason for which each is refused."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.headers import seal_message
from counterfoil.state.leaves import leaf_digest, value_digest
from counterfoil.state.past_tree import NotHeld
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Next, Place, Proof, ProofKind, Standing
from counterfoil.state.proofs import CannotProve
from counterfoil.state.rows import parse
from counterfoil.state.state import unpack_changes
from counterfoil.verify import ProofRefused, verify_proof
from tests.unit.state.small_ledger import (
    BY_OWNER,
    ITEMS,
    SEALER,
    START_MS,
    Action,
    SmallLedger,
    Write,
    item,
    item_handle,
    item_key,
    owner_handle,
)
from tests.unit.verify.oracle import check, refit, trust_in

OWNER = owner_handle(0)
KEY = ITEMS.prefix + item_key(0)
with_ = msgspec.structs.replace


def _ledger(name: str = "small") -> SmallLedger:
    """Item 0: born in block 2, changed in 3, ended in 4, back in 6, changed in 7, ended in 9. Items 3, 6, 9 stay."""
    ledger = SmallLedger(name)

    def block(**changes: int | None) -> None:
        numbers = {int(name[1:]): amount for name, amount in changes.items()}
        ledger.block(
            [
                Action(
                    tuple(
                        [
                            Write(ITEMS, item_key(number), None if amount is None else item(number, amount))
                            for number, amount in numbers.items()
                        ]
                    )
                )
            ]
        )

    block(i0=1, i3=1, i6=1, i9=1, i1=1)
    block(i0=2)
    block(i0=None, i3=2)
    block(i1=2)
    block(i0=3)
    block(i0=4)
    block(i1=3)
    block(i0=None)
    block(i1=4, i12=1)
    return ledger


LEDGER = _ledger()


def _shown(height: int, after: int | None, *, key: bytes = KEY, ledger: SmallLedger = LEDGER) -> Standing:
    """The version of block `height`, said to be followed by the one of block `after`."""
    rows = {parse(row).height: parse(row) for row in ledger.state.versions(ITEMS, key[1:])}
    row = rows[height]
    following = None
    if after is not None:
        then = rows[after]
        hidden = value_digest(then.salt, key, then.value)
        following = Next(after, hidden, _place(ledger, key, after, then.previous, hidden))
    hidden = value_digest(row.salt, key, row.value)
    place = row.slot if after is None else _place(ledger, key, height, row.previous, hidden)
    return Standing(key, height, row.previous, row.salt, row.value, place, following)


def _place(ledger: SmallLedger, key: bytes, height: int, previous: int, hidden: bytes) -> int:
    packed = ledger.state.blob("changes", height)
    assert packed is not None
    run = unpack_changes(packed)[2]
    return run.index(leaf_digest(height, previous, key, hidden)) // 32


def _records(height: int, *shown: Standing) -> Proof:
    template = LEDGER.prover.header(height=height)
    return refit(LEDGER, with_(template, kind=ProofKind.RECORDS, records=shown))


def _refused(proof: Proof, reason: str, ledger: SmallLedger = LEDGER) -> None:
    with pytest.raises(ProofRefused, match=reason):
        verify_proof(encode_proof(proof), trust_in(ledger))


@pytest.mark.parametrize(
    ("height", "since", "after", "value"),
    [(2, 2, 3, 1), (3, 3, 4, 2), (6, 6, 7, 3), (7, 7, 9, 4), (8, 7, 9, 4)],
)
def test_every_life_of_a_record_is_proven(height: int, since: int, after: int, value: int) -> None:
    verified = check(LEDGER, _records(height, _shown(since, after)))
    assert verified.records[0].value == encode(item(0, value))
    assert (verified.records[0].since, verified.records[0].until) == (since, after - 1)
    assert _records(height, _shown(since, after)) == LEDGER.prover.records([KEY], height=height)


@pytest.mark.parametrize("height", [1, 4, 5, 9, 10])
def test_between_its_lives_there_is_no_value(height: int) -> None:
    with pytest.raises(CannotProve, match="no record"):
        LEDGER.prover.records([KEY], height=height)


@pytest.mark.parametrize(
    ("height", "since", "after", "reason"),
    [
        (3, 2, 3, "a value that stood from block 2 to 2 is shown for 3"),
        (8, 2, 3, "a value that stood from block 2 to 2 is shown for 8"),
        (5, 3, 4, "a value that stood from block 3 to 3 is shown for 5"),
        (2, 3, 4, "a value that stood from block 3 to 3 is shown for 2"),
        (5, 2, 6, "a change is not among those of block 6"),
        (5, 3, 6, "a change is not among those of block 6"),
        (3, 2, 4, "a change is not among those of block 4"),
        (6, 2, 7, "a change is not among those of block 7"),
        (9, 7, None, "a leaf is shown at a place|a record is not in"),
    ],
)
def test_an_old_value_is_not_one_that_came_later(
    height: int, since: int, after: int | None, reason: str
) -> None:
    _refused(_records(height, _shown(since, after)), reason)


def test_the_end_of_a_record_is_no_value() -> None:
    ended = with_(_shown(4, 6), value=b"")
    _refused(_records(5, ended), "has ended")
    _refused(_records(10, with_(_shown(9, None), place=0)), "has ended")


def test_the_state_holds_no_value_that_has_ended() -> None:
    for slot in range(LEDGER.headers[-1].slot_count):
        _refused(
            _records(10, with_(_shown(7, 9), place=slot, next=None)), "a record is not in the ledger's state"
        )


def test_a_neighbours_leaf_is_not_the_records() -> None:
    neighbour = ITEMS.prefix + item_key(6)
    proof = LEDGER.prover.records([neighbour])
    _refused(
        with_(proof, records=(with_(proof.records[0], key=ITEMS.prefix + item_key(9)),)), "not in the ledger"
    )


def test_siblings_stand_in_one_order() -> None:
    proof = LEDGER.prover.records([ITEMS.prefix + item_key(6)])
    run = proof.siblings
    swapped = run[32:64] + run[:32] + run[64:]
    _refused(with_(proof, siblings=swapped), "a record is not in the ledger's state")
    _refused(with_(proof, siblings=run[:-32]), "digests are missing")
    _refused(with_(proof, siblings=run + bytes(32)), "more digests than")
    _refused(with_(proof, siblings=run[:-1]), "digests are missing")


def test_two_leaves_do_not_stand_at_one_place() -> None:
    one, other = (_shown(2, None, key=ITEMS.prefix + item_key(number)) for number in (6, 9))
    _refused(_records(10, one, with_(other, place=one.place)), "two leaves are shown at one place")


def test_a_record_said_to_lie_beyond_the_last_slot() -> None:
    shown = _shown(2, None, key=ITEMS.prefix + item_key(6))
    _refused(_records(10, with_(shown, place=shown.place + 10_000)), "at a place that is not there")


# When


@pytest.mark.parametrize("height", [0, 11, 2**62])
def test_heights_that_the_header_does_not_vouch_for(height: int) -> None:
    proof = with_(LEDGER.prover.header(height=9), height=height)
    _refused(proof, "after its sealed header|which block was in force")


def test_a_block_that_was_no_longer_in_force() -> None:
    early = LEDGER.prover.header(height=3)
    _refused(with_(early, height=5), "no other block came between")
    between = with_(early, height=5, blocks=(*early.blocks, *LEDGER.prover.header(height=6).blocks))
    _refused(between, "no other block came between")


def test_an_instant_belongs_to_one_block() -> None:
    proof = LEDGER.prover.header(instant_ms=START_MS + 3_500)
    assert proof.height == 3
    check(LEDGER, proof)
    for instant in (START_MS + 2_999, START_MS + 4_000, 0):
        _refused(with_(proof, instant_ms=instant), "was not the last one at its instant")
    _refused(with_(proof, height=2), "which block was in force|was not the last one|came between")
    _refused(with_(LEDGER.prover.header(), instant_ms=START_MS + 99_000), "a time after its sealed header")


# Lists


def test_a_gap_that_does_not_cover_the_place() -> None:
    stranger = Place(BY_OWNER.number, OWNER, item_handle(item_key(2)))
    member = Place(BY_OWNER.number, OWNER, item_handle(item_key(6)))
    for height in (2, 5, 10):
        genuine = LEDGER.prover.absence(stranger, height=height)
        check(LEDGER, genuine)
        everywhere = LEDGER.prover.listing(BY_OWNER.number, OWNER, height=height)
        for gap in (everywhere.gap, *(shown.link for shown in everywhere.members)):
            claim = refit(LEDGER, with_(genuine, gap=gap, place=member))
            _refused(claim, "the gap that is shown does not cover the place")


def test_a_gap_from_before_the_member_came_or_after_it_left() -> None:
    place = Place(BY_OWNER.number, OWNER, item_handle(item_key(0)))
    template = LEDGER.prover.absence(Place(BY_OWNER.number, OWNER, item_handle(item_key(2))), height=7)
    for height in (1, 4, 5, 9, 10):
        gap = LEDGER.prover.absence(place, height=height).gap
        _refused(refit(LEDGER, with_(template, gap=gap, place=place)), "is shown for 7")


def test_a_list_with_a_member_left_out() -> None:
    proof = LEDGER.prover.listing(BY_OWNER.number, OWNER, height=6)
    members = proof.members
    assert len(members) == 4
    for index in range(len(members)):
        shorter = refit(LEDGER, with_(proof, members=(*members[:index], *members[index + 1 :])))
        _refused(shorter, "the run of links has a gap|does not reach the end of the list")
    _refused(refit(LEDGER, with_(proof, members=())), "does not reach the end of the list")
    later = refit(LEDGER, with_(proof, gap=members[0].link, members=members[1:]))
    _refused(later, "does not begin before the list")


def test_a_list_with_a_member_twice_or_out_of_order_or_of_another_list() -> None:
    proof = LEDGER.prover.listing(BY_OWNER.number, OWNER, height=6)
    members = proof.members
    other = LEDGER.prover.listing(BY_OWNER.number, owner_handle(1), height=6).members
    for forged in ((members[0], *members), (*members, members[-1]), members[::-1], (*members, *other)):
        _refused(refit(LEDGER, with_(proof, members=forged)), "the run of links")


def test_a_member_shown_with_anothers_record() -> None:
    proof = LEDGER.prover.listing(BY_OWNER.number, OWNER, height=6)
    first, second, *rest = proof.members
    crossed = (with_(first, record=second.record), with_(second, record=first.record), *rest)
    _refused(refit(LEDGER, with_(proof, members=crossed)), "a record that is not its member")
    borrowed = (with_(first, record=second.record, blind=second.blind), second, *rest)
    _refused(refit(LEDGER, with_(proof, members=borrowed)), "a record that is not its member")


def test_a_link_of_another_time() -> None:
    proof = LEDGER.prover.listing(BY_OWNER.number, OWNER, height=6)
    before = LEDGER.prover.listing(BY_OWNER.number, OWNER, height=5)
    mixed = refit(LEDGER, with_(proof, gap=before.gap, members=before.members))
    _refused(mixed, "is shown for 6")


def test_a_record_that_is_no_link() -> None:
    proof = LEDGER.prover.absence(Place(BY_OWNER.number, OWNER, item_handle(item_key(2))), height=10)
    _refused(refit(LEDGER, with_(proof, gap=_shown(2, None, key=ITEMS.prefix + item_key(6)))), "not a link")


def test_the_question_is_whole() -> None:
    absence = LEDGER.prover.absence(Place(BY_OWNER.number, OWNER, item_handle(item_key(2))))
    listing = LEDGER.prover.listing(BY_OWNER.number, OWNER)
    _refused(with_(absence, place=Place(BY_OWNER.number, OWNER)), "whose absence")
    _refused(with_(listing, place=Place(BY_OWNER.number, OWNER, OWNER)), "speaks of one member")
    _refused(with_(listing, place=Place(256, OWNER)), "no list of that number")
    _refused(with_(listing, gap=None), "lacks its gap")
    _refused(with_(listing, place=None), "lacks its place")
    _refused(with_(listing, kind=ProofKind.RECORDS), "lacks its records")
    _refused(with_(listing, kind=ProofKind.ABSENCE), "has no members")
    _refused(with_(listing, records=(_shown(2, 3),)), "has no records")


# Receipts


def test_a_receipt_of_another_block_or_place() -> None:
    proof = LEDGER.prover.receipts(4, [0])
    other = LEDGER.prover.receipts(5, [0])
    check(LEDGER, proof)
    _refused(with_(proof, receipts=other.receipts), "a receipt is of another block")
    plaintext = other.receipts[0].plaintext
    moved = with_(proof.receipts[0], plaintext=plaintext[:33] + b"\x04" + plaintext[34:])
    _refused(with_(proof, receipts=(moved,)), "receipt")
    _refused(with_(proof, receipts=(with_(proof.receipts[0], place=1),)), "at a place that is not there")
    _refused(with_(proof, receipts=(with_(proof.receipts[0], sealed=b"x" * 32),)), "is not among those")
    with pytest.raises(CannotProve, match="has 1 receipts"):
        LEDGER.prover.receipts(4, [1])
    with pytest.raises((CannotProve, NotHeld)):
        LEDGER.prover.receipts(999, [0])


# Whose ledger


def test_a_header_of_another_ledger_of_the_same_sealer() -> None:
    other = _ledger("other")
    proof = other.prover.header()
    check(other, proof)
    _refused(proof, "the proof is of ledger 'other-")
    renamed = with_(proof, chain_id=LEDGER.chain_id, genesis=trust_in(LEDGER).genesis)
    _refused(renamed, "not sealed by a key that the genesis file names")


def test_seals_by_others_and_of_other_headers() -> None:
    proof = LEDGER.prover.header()
    message = seal_message(LEDGER.chain_id, proof.sealed.digest())
    _refused(with_(proof, seal=SigningKey(b"x" * 32).sign(message)), "not sealed by a key")
    _refused(with_(proof, seal=SEALER.sign(proof.sealed.digest())), "not sealed by a key")
    _refused(with_(proof, seal=b""), "not sealed by a key")
    _refused(with_(proof, sealed=with_(proof.sealed, state_root=bytes(32))), "not sealed by a key")
    earlier = LEDGER.stored(3)
    _refused(with_(proof, seal=earlier.seal), "not sealed by a key")


def test_an_earlier_header_that_is_not_in_the_history() -> None:
    proof = LEDGER.prover.header(height=3)
    block = proof.blocks[0]
    invented = with_(block, header=with_(block.header, time_ms=1))
    _refused(with_(proof, blocks=(invented,)), "is not in the ledger's history")
    _refused(with_(proof, blocks=(with_(block, path=block.path[:-32]),)), "is not in the ledger's history")
    _refused(with_(proof, blocks=(with_(block, path=block.path[:-1]),)), "is cut off")
    _refused(with_(proof, blocks=(block, block)), "are not in order")
    beyond = with_(block, header=with_(block.header, number=99))
    _refused(with_(proof, blocks=(beyond,)), "are not in order")
    impostor = with_(block, header=with_(block.header, number=proof.sealed.number))
    _refused(with_(proof, blocks=(impostor,)), "is not the sealed one")


REFUSED_FORMS: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda file: file[:-1], "not in the form"),
    (lambda file: file + b" ", "not in the form"),
    (lambda file: file.replace(b"\n", b"\r\n"), "not in the form"),
    (lambda file: file.replace(b'"height": 3', b'"height": 3.0'), "whole number"),
    (lambda file: file.replace(b'"height": 3', b'"height": true'), "whole number"),
    (lambda file: file.replace(b'"height": 3', b'"height": -3'), "whole number"),
    (lambda file: file.replace(b'"kind": "header"', b'"kind": "hearsay"'), "is none of"),
    (lambda file: file.replace(b'"genesis": "', b'"genesis": "zz'), "hexadecimal"),
    (lambda file: file.replace(b'"path": "', b'"path": "!'), "base64"),
    (lambda file: file.replace(b'"height": 3', b'"colour": 3'), "not known"),
    (lambda file: file.replace(b' "height": 3,\n', b""), "lacks height"),
    (lambda file: file.replace(b"counterfoil-proof-1", b"counterfoil-proof-2"), "not of the form"),
    (lambda file: b"[]", "not an object"),
    (lambda file: b"", "not JSON"),
    (lambda file: b"[" * 100_000, "not JSON"),
    (lambda file: file.replace(b'"blocks": [', b'"blocks": [3,'), "not an object"),
    (lambda file: file.replace(b'"seal": "', b'"seal": 3, "x": "'), "not text|not known"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED_FORMS)
def test_files_in_another_form(change: Callable[[bytes], bytes], reason: str) -> None:
    file = encode_proof(LEDGER.prover.header(height=3))
    with pytest.raises(ProofRefused, match=reason):
        verify_proof(change(file), trust_in(LEDGER))
