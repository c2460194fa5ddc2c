"""What a transaction must be before any rule sees it: the valid row first, then one row for each reject in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import (
    MESSAGES_MAX,
    SIGNATURES_MAX,
    SIGNERS_MAX,
    TRANSACTION_BYTES_MAX,
    Body,
    Mode,
    Signature,
    Transaction,
    encode_bundle,
    read_bundle,
    sign_prefix,
)
from counterfoil.modules.governance.messages import ScheduleUpgrade
from counterfoil.modules.parties.messages import GrantMandate, RegisterSigner, RotateKeys
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import TRANSACTION
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.primitives.signatures import KeyPolicy, policy_address
from tests.model.desk import DECIDING, PARAMETERS, Desk, by, own, party
from tests.model.opening import stranger

CLERK = stranger("clerk")
OK = GrantMandate(party("broker-a"), CLERK.address)
(BROKER,) = by("broker-a")
Make = Callable[[Desk], bytes]


def body(desk: Desk, **changes: Any) -> Body:
    return msgspec.structs.replace(desk.body((OK,), (BROKER.address,)), **changes)


def good(desk: Desk) -> bytes:
    return desk.signed(body(desk), BROKER)


def of(**changes: Any) -> Make:
    """A signed transaction with another body."""
    return lambda desk: desk.signed_for(body(desk, **changes), (0, BROKER))


def at(shift_ms: int) -> Make:
    """One that expires so long after the time of the block that takes it in."""
    return lambda desk: desk.signed(body(desk, expiry_ms=desk.next_time_ms() + shift_ms), BROKER)


def many_signers(count: int) -> Make:
    keys = [stranger(f"signer {number}") for number in range(count)]

    def make(desk: Desk) -> bytes:
        signing = [BROKER, *keys][:count]
        return desk.signed(desk.body((OK,), [key.address for key in signing]), *signing)

    return make


def with_signatures(count: int) -> Make:
    def make(desk: Desk) -> bytes:
        return desk.signed_for(body(desk), *([(0, BROKER)] * count))

    return make


def broken(change: Callable[[bytes], bytes]) -> Make:
    return lambda desk: change(good(desk))


def wrong_signature(desk: Desk) -> bytes:
    transaction = msgspec.msgpack.decode(good(desk), type=Transaction)
    (signature,) = transaction.signatures
    bad = bytes([signature.signature[0] ^ 1]) + signature.signature[1:]
    return encode(Transaction(transaction.body, (Signature(0, signature.key, bad),)))


def of_another_chain(desk: Desk) -> bytes:
    raw = encode(body(desk))
    signature = BROKER.sign(sign_prefix("another-0011223344556677") + raw)
    return encode(Transaction(raw, (Signature(0, BROKER.public_key, signature),)))


def without_a_chain(desk: Desk) -> bytes:
    raw = encode(body(desk))
    return encode(Transaction(raw, (Signature(0, BROKER.public_key, BROKER.sign(TRANSACTION + raw)),)))


def by_another_key(desk: Desk) -> bytes:
    return desk.signed_for(body(desk), (0, CLERK))


def unsigned(desk: Desk) -> bytes:
    return desk.signed_for(body(desk))


def one_signer_silent(desk: Desk) -> bytes:
    return desk.signed_for(desk.body((OK,), (BROKER.address, CLERK.address)), (0, BROKER))


def signed_twice(desk: Desk) -> bytes:
    return desk.signed_for(body(desk), (0, BROKER), (0, BROKER))


TOO_LONG = GrantMandate(party("broker-a"), bytes(TRANSACTION_BYTES_MAX))

ROWS: list[tuple[str, Make, RejectCode | None]] = [
    ("good", good, None),
    ("as many signers as may be", many_signers(SIGNERS_MAX), None),
    ("expires with the next millisecond", at(1), None),
    ("expires as late as may be", at(PARAMETERS.id_window_ms), None),
    ("too large", of(messages=(TOO_LONG,)), MachineReject.TRANSACTION_IS_TOO_LARGE),
    ("nothing", lambda _: b"", MachineReject.TRANSACTION_IS_MALFORMED),
    ("cut off", broken(lambda raw: raw[:-1]), MachineReject.TRANSACTION_IS_MALFORMED),
    ("one byte more", broken(lambda raw: raw + b"\0"), MachineReject.TRANSACTION_IS_MALFORMED),
    ("a field more", broken(lambda raw: b"\x93" + raw[1:] + b"\0"), MachineReject.TRANSACTION_IS_MALFORMED),
    (
        "a body that is none",
        lambda _: encode(Transaction(b"\xc0", ())),
        MachineReject.TRANSACTION_IS_MALFORMED,
    ),
    ("short nonce", of(nonce=bytes(15)), MachineReject.TRANSACTION_IS_MALFORMED),
    ("long nonce", of(nonce=bytes(17)), MachineReject.TRANSACTION_IS_MALFORMED),
    ("expiry 0", of(expiry_ms=0), MachineReject.TRANSACTION_IS_MALFORMED),
    ("expiry below 0", of(expiry_ms=-1), MachineReject.TRANSACTION_IS_MALFORMED),
    ("expiry without end", of(expiry_ms=2**62), MachineReject.TRANSACTION_IS_MALFORMED),
    ("no signer", of(signers=()), MachineReject.TOO_MANY_SIGNERS),
    ("one signer too many", many_signers(SIGNERS_MAX + 1), MachineReject.TOO_MANY_SIGNERS),
    ("a signer twice", of(signers=(BROKER.address,) * 2), MachineReject.TOO_MANY_SIGNERS),
    ("too many signatures", with_signatures(SIGNATURES_MAX + 1), MachineReject.TOO_MANY_SIGNERS),
    (
        "a signature for nobody",
        lambda desk: desk.signed_for(body(desk), (1, BROKER)),
        MachineReject.TRANSACTION_IS_MALFORMED,
    ),
    (
        "a signature before the first",
        lambda desk: desk.signed_for(body(desk), (-1, BROKER)),
        MachineReject.TRANSACTION_IS_MALFORMED,
    ),
    ("no message", of(messages=()), MachineReject.TOO_MANY_MESSAGES),
    ("one message too many", of(messages=(OK,) * (MESSAGES_MAX + 1)), MachineReject.TOO_MANY_MESSAGES),
    ("expired now", at(0), MachineReject.TRANSACTION_HAS_EXPIRED),
    ("expired long ago", at(-1_000_000), MachineReject.TRANSACTION_HAS_EXPIRED),
    ("expires too late", at(PARAMETERS.id_window_ms + 1), MachineReject.EXPIRY_IS_TOO_FAR),
    ("wrong signature", wrong_signature, MachineReject.SIGNATURE_IS_WRONG),
    ("signed for another chain", of_another_chain, MachineReject.SIGNATURE_IS_WRONG),
    ("signed for no chain", without_a_chain, MachineReject.SIGNATURE_IS_WRONG),
    ("by another key", by_another_key, MachineReject.SIGNER_IS_NOT_AUTHORISED),
    ("not signed", unsigned, MachineReject.SIGNER_IS_NOT_AUTHORISED),
    ("one of two signers silent", one_signer_silent, MachineReject.SIGNER_IS_NOT_AUTHORISED),
    ("a bare key twice", signed_twice, MachineReject.SIGNER_IS_NOT_AUTHORISED),
]


@pytest.fixture(scope="module")
def shared_desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(("make", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_admission(shared_desk: Desk, make: Make, expected: RejectCode | None) -> None:
    desk = shared_desk
    raw = make(desk)
    height, used = desk.height, len(desk.machine.window)
    (outcome,) = desk.block([raw])
    assert outcome.result.number == (expected.number if expected is not None else 0)
    if expected is None:
        assert desk.height == height + 1
        return
    assert outcome.rejects[0].code is expected
    assert not outcome.authorised
    assert not outcome.result.messages
    assert desk.height == height, "no block is made for what is refused"
    assert len(desk.machine.window) == used, "its id is not used up"


def test_integers_have_one_form_only(shared_desk: Desk) -> None:
    raw = encode(body(shared_desk))
    place = raw.index(bytes(Mode.ALL_OR_NOTHING.to_bytes(1, "big")) + b"\x91")
    longer = raw[:place] + b"\xcc\x00" + raw[place + 1 :]
    assert msgspec.msgpack.decode(longer)[3] == msgspec.msgpack.decode(raw)[3]
    signature = BROKER.sign(sign_prefix(shared_desk.chain_id) + longer)
    made = encode(Transaction(longer, (Signature(0, BROKER.public_key, signature),)))
    (outcome,) = shared_desk.block([made])
    assert outcome.rejects[0].code is MachineReject.TRANSACTION_IS_MALFORMED


def test_a_message_that_this_rule_version_does_not_have_is_malformed(shared_desk: Desk) -> None:
    """Until there is a second rule version, MachineReject.MESSAGE_IS_NOT_IN_FORCE has no case."""
    raw = encode(body(shared_desk)).replace(b"\xcc\xe6", b"\xcc\xc7")
    signature = BROKER.sign(sign_prefix(shared_desk.chain_id) + raw)
    made = encode(Transaction(raw, (Signature(0, BROKER.public_key, signature),)))
    (outcome,) = shared_desk.block([made])
    assert outcome.rejects[0].code is MachineReject.TRANSACTION_IS_MALFORMED


def test_an_id_is_used_once_and_the_first_result_is_kept_for_ever() -> None:
    desk = Desk()
    raw = good(desk)
    (first,) = desk.block([raw])
    prepared = desk.prepared(raw)
    assert prepared.body is not None
    kept = desk.machine.first_result(prepared.body.expiry_ms, prepared.id)
    assert kept == (desk.height, first.result)
    height = desk.height
    (again,) = desk.block([raw])
    assert again.rejects[0].code is MachineReject.TRANSACTION_IS_USED
    assert desk.height == height
    both = desk.block([other := good(desk), other])
    assert [outcome.result.number for outcome in both] == [0, MachineReject.TRANSACTION_IS_USED.number]
    desk.pass_time(PARAMETERS.id_window_ms)
    (late,) = desk.block([raw])
    assert late.rejects[0].code is MachineReject.TRANSACTION_HAS_EXPIRED
    desk.machine.state.flush()
    assert desk.machine.first_result(prepared.body.expiry_ms, prepared.id) == kept


def test_a_rejected_message_uses_the_id_of_its_transaction_up() -> None:
    desk = Desk()
    refused = ScheduleUpgrade(party("regulator"), 1, 100)
    raw = desk.transaction(refused, *by(*DECIDING))
    (first,) = desk.block([raw])
    assert first.result.number
    assert first.authorised
    (again,) = desk.block([raw])
    assert again.rejects[0].code is MachineReject.TRANSACTION_IS_USED


def test_ids_are_remembered_until_they_expire_and_then_forgotten() -> None:
    desk = Desk()
    desk.block([good(desk)])
    assert len(desk.machine.window) == 1
    desk.pass_time(PARAMETERS.id_window_ms)
    desk.block([good(desk)])
    assert len(desk.machine.window) == 1


def test_a_clock_that_ran_ahead_for_a_moment_lets_nothing_be_used_twice() -> None:
    desk = Desk()
    now = [desk.next_time_ms()]
    desk.engine._clock = desk.node.clock = lambda: now[0]
    raw = desk.signed(body(desk, expiry_ms=now[0] + 100_000), BROKER)
    (first,) = desk.block([raw])
    assert not first.result.number
    now[0] += 400_000
    assert desk.engine.decide_due() is None
    now[0] -= 399_000
    (again,) = desk.block([raw])
    assert again.rejects[0].code is MachineReject.TRANSACTION_IS_USED


# Thresholds and keys

PAIR = tuple(sorted((stranger("one"), stranger("two"), stranger("three")), key=lambda key: key.public_key))
POLICY = KeyPolicy(2, tuple(key.public_key for key in PAIR))
ADDRESS = policy_address(POLICY)
STEP = RotateKeys(ADDRESS, POLICY)


def policy_desk() -> Desk:
    desk = Desk()
    desk.do(RegisterSigner(POLICY), *PAIR)
    return desk


@pytest.mark.parametrize(
    ("signing", "expected"),
    [
        (PAIR[:2], None),
        (PAIR[1:], None),
        (PAIR, None),
        ((PAIR[0], PAIR[1], BROKER), None),
        ((), MachineReject.SIGNER_IS_NOT_AUTHORISED),
        (PAIR[:1], MachineReject.SIGNER_IS_NOT_AUTHORISED),
        ((PAIR[0], PAIR[0]), MachineReject.SIGNER_IS_NOT_AUTHORISED),
        ((PAIR[0], BROKER), MachineReject.SIGNER_IS_NOT_AUTHORISED),
    ],
)
def test_thresholds(signing: tuple[Any, ...], expected: RejectCode | None) -> None:
    desk = policy_desk()
    raw = desk.signed_for(desk.body((STEP,), (ADDRESS,)), *((0, key) for key in signing))
    (outcome,) = desk.block([raw])
    assert outcome.result.number == (expected.number if expected is not None else 0)


def test_one_wrong_signature_spoils_enough_good_ones() -> None:
    desk = policy_desk()
    bodied = desk.body((STEP,), (ADDRESS,))
    raw = desk.signed_for(bodied, *((0, key) for key in PAIR[:2]))
    transaction = msgspec.msgpack.decode(raw, type=Transaction)
    bad = Signature(0, PAIR[2].public_key, bytes(64))
    (outcome,) = desk.block([encode(Transaction(transaction.body, (*transaction.signatures, bad)))])
    assert outcome.rejects[0].code is MachineReject.SIGNATURE_IS_WRONG


def test_rotated_keys_are_in_force_from_the_next_transaction_on() -> None:
    """Within one block too; an earlier signature by keys that were in force counts no more."""
    desk = Desk()
    (old,), new = own("notary"), stranger("new key")
    rotate = desk.transaction(RotateKeys(old.address, KeyPolicy(1, (new.public_key,))), old)
    step = RotateKeys(old.address, KeyPolicy(1, (new.public_key,)))
    by_old = desk.transaction(step, old)
    by_new = desk.signed_for(desk.body((step,), (old.address,)), (0, new))
    before = desk.signed_for(desk.body((step,), (old.address,)), (0, new))
    outcomes = desk.block([before, rotate, by_old, by_new])
    refused = MachineReject.SIGNER_IS_NOT_AUTHORISED.number
    assert [outcome.result.number for outcome in outcomes] == [refused, 0, refused, 0]


def test_who_is_not_authorised_may_send_the_same_id_again_with_more_signatures() -> None:
    desk = policy_desk()
    bodied = desk.body((STEP,), (ADDRESS,))
    (too_few,) = desk.block([desk.signed_for(bodied, (0, PAIR[0]))])
    (enough,) = desk.block([desk.signed_for(bodied, (0, PAIR[0]), (0, PAIR[1]))])
    assert too_few.result.id == enough.result.id
    assert (too_few.result.number, enough.result.number) == (
        MachineReject.SIGNER_IS_NOT_AUTHORISED.number,
        0,
    )


# Bundles


def test_bundles() -> None:
    desk = Desk()
    item = desk.engine.bundle([desk.prepared(good(desk))], desk.next_time_ms())
    bundle, content = read_bundle(item)
    assert content.gatherer == desk.engine.address
    assert len(desk.engine.items.open(item).prepared) == 1
    for bad in (
        b"",
        item[:-1],
        item + b"\0",
        encode_bundle(bundle.content + b"\0", bundle.key, bundle.signature),
        encode_bundle(bundle.content, bundle.key, bytes(64)),
        encode_bundle(bundle.content, BROKER.public_key, bundle.signature),
        encode_bundle(bundle.content, b"", bundle.signature),
    ):
        with pytest.raises(Rejected) as refused:
            desk.engine.items.open(bad)
        assert refused.value.code is MachineReject.BUNDLE_IS_MALFORMED
