"""The one verification rule, at each of the places where implementations of Ed25519 differ; key policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from counterfoil.primitives import signatures
from counterfoil.primitives.addresses import address_of, address_of_policy
from counterfoil.primitives.codec import decode_exact, encode
from counterfoil.primitives.signatures import (
    ED25519,
    GROUP_ORDER,
    KeyPolicy,
    SigningKey,
    check_key,
    holds_with_cofactor,
    in_subgroup,
    is_valid_policy,
    met,
    policy_address,
    public_key_of,
    sign,
    single_key,
    verify,
    verify_signed,
)
from tests.unit.primitives import ed25519_oracle as oracle

SECRET = bytes(range(32))
SCALAR = oracle.secret_scalar(SECRET)
KEY = public_key_of(SECRET)
MESSAGE = b"deliver against payment"
NONCE = 0x1234567890ABCDEF1234567890ABCDEF
R_POINT = oracle.multiply(NONCE, oracle.BASE)
TORSION = [oracle.encode(point) for point in oracle.TORSION]
NOT_NEUTRAL = range(1, 8)


@pytest.fixture(params=["libsodium as installed", "a libsodium that refuses all", "libsodium before the fix"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whatever libsodium does, the answers are the same."""
    monkeypatch.setattr(signatures, "_checked_keys", signatures._CheckedKeys(8))
    if request.param == "a libsodium that refuses all":
        monkeypatch.setattr(signatures, "_open", lambda *_: -1)
    if request.param == "libsodium before the fix":
        monkeypatch.setattr(signatures, "_LIBRARY_CHECKS_SUBGROUP", False)
        monkeypatch.setattr(bindings, "crypto_core_ed25519_is_valid_point", lambda _: True)
    return str(request.param)


def with_torsion(point: oracle.Point, order_index: int) -> bytes:
    return oracle.encode(oracle.add(point, oracle.TORSION[order_index]))


def test_a_signature_of_ours_is_good(library: str) -> None:
    signature = sign(SECRET, MESSAGE)
    assert verify(KEY, MESSAGE, signature)
    assert verify_signed(KEY, signature + MESSAGE)
    assert oracle.is_good(KEY, MESSAGE, signature)
    assert signature == SigningKey(SECRET).sign(MESSAGE)


def test_a_crafted_signature_without_torsion_is_good(library: str) -> None:
    signature = oracle.crafted(SCALAR, KEY[1:], NONCE, oracle.encode(R_POINT), MESSAGE)
    assert verify(KEY, MESSAGE, signature)


@pytest.mark.parametrize("index", NOT_NEUTRAL)
def test_torsion_added_to_r_is_accepted_since_the_equation_has_the_cofactor(library: str, index: int) -> None:
    signature = oracle.crafted(SCALAR, KEY[1:], NONCE, with_torsion(R_POINT, index), MESSAGE)
    assert oracle.is_good(KEY, MESSAGE, signature)
    assert verify(KEY, MESSAGE, signature)
    assert not verify(KEY, MESSAGE + b".", signature)


@pytest.mark.parametrize("index", NOT_NEUTRAL)
def test_a_key_with_torsion_is_refused_even_where_the_plain_equation_holds(library: str, index: int) -> None:
    key = with_torsion(oracle.multiply(SCALAR, oracle.BASE), index)
    r = oracle.encode(R_POINT)
    messages = (MESSAGE + bytes((i,)) for i in range(256))
    message = next(m for m in messages if oracle.challenge(r, key, m) % 8 == 0)
    signature = oracle.crafted(SCALAR, key, NONCE, r, message)
    assert not check_key(ED25519 + key)
    assert not in_subgroup(key)
    assert not verify(ED25519 + key, message, signature)


@pytest.mark.parametrize("small", TORSION)
def test_a_key_of_small_order_is_refused(library: str, small: bytes) -> None:
    r = oracle.encode(R_POINT)
    signature = oracle.crafted(0, small, NONCE, r, MESSAGE)
    assert not check_key(ED25519 + small)
    assert not verify(ED25519 + small, MESSAGE, signature)


@pytest.mark.parametrize("small", TORSION)
def test_r_of_small_order_is_refused_though_the_equation_holds(library: str, small: bytes) -> None:
    signature = oracle.crafted(SCALAR, KEY[1:], 0, small, MESSAGE)
    assert holds_with_cofactor(KEY[1:], signature + MESSAGE)
    assert not verify(KEY, MESSAGE, signature)


def other_encodings_of_small_order() -> list[bytes]:
    """y not reduced (0, 1 and −1 fit once more below 2^255), and x = 0 with the sign bit."""
    p = oracle.P
    numbers = [p, p + 1, 1 | 1 << 255, (p - 1) | 1 << 255, p | 1 << 255, (p + 1) | 1 << 255]
    return [number.to_bytes(32, "little") for number in numbers]


@pytest.mark.parametrize("encoding", other_encodings_of_small_order())
def test_other_encodings_of_small_orders_are_refused(library: str, encoding: bytes) -> None:
    as_r = oracle.crafted(SCALAR, KEY[1:], 0, encoding, MESSAGE)
    assert not verify(KEY, MESSAGE, as_r)
    as_key = oracle.crafted(0, encoding, NONCE, oracle.encode(R_POINT), MESSAGE)
    assert not check_key(ED25519 + encoding)
    assert not verify(ED25519 + encoding, MESSAGE, as_key)


@pytest.mark.parametrize("y", range(19))
@pytest.mark.parametrize("sign_bit", [0, 1])
def test_encodings_with_y_not_reduced_are_refused(library: str, y: int, sign_bit: int) -> None:
    encoding = (oracle.P + y | sign_bit << 255).to_bytes(32, "little")
    assert not check_key(ED25519 + encoding)
    assert not verify(KEY, MESSAGE, encoding + sign(SECRET, MESSAGE)[32:])


@pytest.mark.parametrize("multiple", [1, 2, 7, 8, 15])
def test_s_plus_a_multiple_of_the_order_is_refused(library: str, multiple: int) -> None:
    signature = sign(SECRET, MESSAGE)
    s = int.from_bytes(signature[32:], "little") + multiple * GROUP_ORDER
    assert not verify(KEY, MESSAGE, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("s", [0, 1, GROUP_ORDER - 1, GROUP_ORDER, GROUP_ORDER + 1, 2**252, 2**256 - 1])
def test_s_at_its_edges_is_refused_without_a_crash(library: str, s: int) -> None:
    signature = oracle.encode(R_POINT) + s.to_bytes(32, "little")
    assert not verify(KEY, MESSAGE, signature)


def test_r_that_is_not_on_the_curve_is_refused(library: str) -> None:
    not_on_curve = next(
        encoding
        for encoding in (y.to_bytes(32, "little") for y in range(2, 100))
        if oracle.decode(encoding) is None
    )
    assert not verify(KEY, MESSAGE, not_on_curve + sign(SECRET, MESSAGE)[32:])
    assert not check_key(ED25519 + not_on_curve)
    assert not in_subgroup(not_on_curve)


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (b"", sign(SECRET, MESSAGE)),
        (KEY[1:], sign(SECRET, MESSAGE)),
        (KEY + b"\0", sign(SECRET, MESSAGE)),
        (b"\x02" + KEY[1:], sign(SECRET, MESSAGE)),
        (KEY, b""),
        (KEY, sign(SECRET, MESSAGE)[:63]),
        (KEY, sign(SECRET, MESSAGE) + b"\0"),
    ],
)
def test_wrong_lengths_and_unknown_algorithms_are_refused(library: str, key: bytes, signature: bytes) -> None:
    assert not verify(key, MESSAGE, signature)


def test_signed_bytes_shorter_than_a_signature_are_refused() -> None:
    assert not verify_signed(KEY, bytes(63))


@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), change=st.data())
def test_mutated_inputs_get_the_answer_of_the_oracle(seed: bytes, message: bytes, change: Any) -> None:
    key = public_key_of(seed)
    signature = sign(seed, message)
    scalar = oracle.secret_scalar(seed)
    kind = change.draw(
        st.sampled_from(["none", "key", "signature", "message", "torsion R", "torsion A", "S + L"])
    )
    if kind == "key":
        key = _flipped(key, change.draw(st.integers(8, 33 * 8 - 1)))
    elif kind == "signature":
        signature = _flipped(signature, change.draw(st.integers(0, 64 * 8 - 1)))
    elif kind == "message":
        message += b"x"
    elif kind == "torsion R":
        nonce = change.draw(st.integers(1, GROUP_ORDER - 1))
        r = with_torsion(oracle.multiply(nonce, oracle.BASE), change.draw(st.integers(0, 7)))
        signature = oracle.crafted(scalar, key[1:], nonce, r, message)
    elif kind == "torsion A":
        key = ED25519 + with_torsion(oracle.multiply(scalar, oracle.BASE), change.draw(st.integers(0, 7)))
        signature = oracle.crafted(scalar, key[1:], NONCE, oracle.encode(R_POINT), message)
    elif kind == "S + L":
        s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
        signature = signature[:32] + s.to_bytes(32, "little")
    expected = oracle.is_good(key, message, signature)
    assert verify(key, message, signature) is expected
    assert check_key(key) is oracle.is_good_key(key)


@given(data=st.binary(min_size=32, max_size=32))
def test_any_bytes_as_a_key_get_the_answer_of_the_oracle(data: bytes) -> None:
    assert check_key(ED25519 + data) is oracle.is_good_key(ED25519 + data)
    assert in_subgroup(data) is oracle.is_good_key(ED25519 + data)


@given(key=st.binary(max_size=40), message=st.binary(max_size=40), signature=st.binary(max_size=70))
def test_random_bytes_never_raise(key: bytes, message: bytes, signature: bytes) -> None:
    assert not verify(key, message, signature)


def test_the_memory_of_checked_keys_is_bounded_and_keeps_what_is_used() -> None:
    memory = signatures._CheckedKeys(8)
    memory.add(b"kept")
    for number in range(100):
        memory.add(number.to_bytes(2, "big"))
        assert b"kept" in memory
        assert len(memory) <= 8
    assert bytes(2) not in memory


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# ---------------------------------------------------------------------------------------------- policies

KEYS = tuple(sorted(public_key_of(bytes([number]) * 32) for number in range(17)))
BAD_KEY = ED25519 + TORSION[1]


@pytest.mark.parametrize(
    ("policy", "valid"),
    [
        (KeyPolicy(1, KEYS[:1]), True),
        (KeyPolicy(2, KEYS[:3]), True),
        (KeyPolicy(16, KEYS[:16]), True),
        (KeyPolicy(0, KEYS[:1]), False),
        (KeyPolicy(-1, KEYS[:1]), False),
        (KeyPolicy(2, KEYS[:1]), False),
        (KeyPolicy(1, ()), False),
        (KeyPolicy(1, KEYS), False),
        (KeyPolicy(1, (KEYS[1], KEYS[0])), False),
        (KeyPolicy(1, (KEYS[0], KEYS[0])), False),
        (KeyPolicy(1, tuple(sorted((KEYS[0], BAD_KEY)))), False),
    ],
)
def test_which_policies_are_valid(policy: KeyPolicy, valid: bool) -> None:
    assert is_valid_policy(policy) is valid


@pytest.mark.parametrize(
    ("threshold", "signed", "expected"),
    [
        (2, (KEYS[0], KEYS[2]), True),
        (2, KEYS[:3], True),
        (2, (KEYS[0],), False),
        (2, (KEYS[0], KEYS[0]), False),
        (2, (KEYS[0], KEYS[5]), False),
        (3, KEYS[:3], True),
        (0, (), False),
    ],
)
def test_when_a_threshold_is_met(threshold: int, signed: tuple[bytes, ...], expected: bool) -> None:
    policy = KeyPolicy(threshold, KEYS[:3])
    assert met(policy, signed) is expected
    assert met(policy, frozenset(signed)) is expected
    assert met(policy, dict.fromkeys(signed)) is expected


def test_a_key_listed_twice_counts_once() -> None:
    assert not met(KeyPolicy(2, (KEYS[0], KEYS[0])), (KEYS[0],))


def test_the_address_of_a_policy() -> None:
    assert policy_address(single_key(KEY)) == address_of(KEY)
    assert policy_address(KeyPolicy(2, KEYS[:3])) == address_of_policy(2, KEYS[:3])
    assert policy_address(KeyPolicy(1, KEYS[:2])) not in (address_of(KEYS[0]), address_of(KEYS[1]))


def test_a_policy_travels_as_a_record() -> None:
    policy = KeyPolicy(2, KEYS[:3])
    assert decode_exact(encode(policy), KeyPolicy) == policy
