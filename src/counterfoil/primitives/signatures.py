"""Signatures: one verification rule, the same on every node, alone or in a batch; keys with thresholds.

A *tagged key* is one algorithm byte and the public key: 0x01 and 32 bytes for Ed25519, so 33 bytes.

The rule for Ed25519, bit for bit: a signature R ‖ S (64 bytes) of a message M by a key A is good if and only if

1. A is the canonical encoding (RFC 8032 section 5.1.3) of a point of the prime-order subgroup other than its
   neutral element (so it is not of small order);
2. R is the canonical encoding of a point of the curve that is not of small order;
3. S is canonical: less than the group's order L;
4. [8][S]B = [8]R + [8][k]A, where k = SHA-512(R ‖ A ‖ M): the cofactored equation of RFC 8032 section 5.1.7.

Implementations are known to differ in exactly these points (small orders, encodings, cofactor), and a batch
verifier can only follow the cofactored equation; nodes that differed would fork the chain.

Why libsodium's accept implies this rule, whichever release or build of it is installed:

- What it refuses of encodings and small orders changed between releases and can be compiled out
  (`ED25519_COMPAT`), so none of that is left to it: 1, 3, and of 2 all but "is on the curve", are checked here
  first.
- It then accepts either where the encoding of [S]B − [k]A equals the bytes of R, so that R is a point of the curve
  and the equation holds without the cofactor, hence with it; or, if a release should compare with the cofactor,
  where it decoded R and 4 itself holds.
- Where it refuses, R − ([S]B − [k]A) is computed by its group operations and the signature is good if and only if
  that is one of the eight points whose order divides 8, which is 4. So a stricter or laxer libsodium gives the same
  answers, only at another cost: a refusal takes about four times as long as an acceptance.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha512
from itertools import pairwise
from typing import Final

from nacl import bindings, exceptions
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]

from counterfoil.primitives.addresses import POLICY_KEYS_MAX, address_of, address_of_policy
from counterfoil.primitives.codec import Record
from counterfoil.primitives.hkdf import expand
from counterfoil.primitives.outcome import ensure

ED25519: Final = b"\x01"
TAGGED_KEY_BYTES: Final = 33
SIGNATURE_BYTES: Final = 64
SECRET_BYTES: Final = 32
"""An Ed25519 private key is its RFC 8032 seed: 32 random bytes."""

CHECKED_KEYS_MAX: Final = 1 << 17
"""Keys remembered as checked, in two generations of at most half of it each: about 20 MB when full."""

FIELD_PRIME: Final = 2**255 - 19
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

_WITHOUT_SIGN: Final = 2**255 - 1
_NEUTRAL: Final = bytes.fromhex("01" + "00" * 31)
_ORDER_TWO: Final = bytes.fromhex("ec" + "ff" * 30 + "7f")
_SMALL_ORDER: Final = frozenset(
    (
        _NEUTRAL,
        _ORDER_TWO,
        bytes.fromhex("00" * 32),
        bytes.fromhex("00" * 31 + "80"),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    )
)
_NEGATIVE_ZERO: Final = (bytes.fromhex("01" + "00" * 30 + "80"), bytes.fromhex("ec" + "ff" * 31))
"""x = 0 with the sign bit set: RFC 8032 section 5.1.3 step 4 does not decode these two."""
_REFUSED_R: Final = _SMALL_ORDER.union(_NEGATIVE_ZERO)

_ONE_EIGHTH: Final = pow(8, -1, GROUP_ORDER).to_bytes(32, "little")
_BASE: Final = bytes.fromhex("58" + "66" * 31)
_LIBRARY_CHECKS_SUBGROUP: Final = not bindings.crypto_core_ed25519_is_valid_point(
    bindings.crypto_core_ed25519_add(_BASE, _ORDER_TWO)
)
"""libsodium before 2025-12-30 (CVE-2025-69277) takes points of order 2 L for points of the subgroup."""

_NO_MESSAGE = ffi.NULL
_message_size = ffi.new("unsigned long long *")
_open = lib.crypto_sign_open


# ------------------------------------------------------------------------------------------------ keys


class _CheckedKeys:
    """A bounded memory of good keys. Only what is asked for again within a generation is kept."""

    def __init__(self, size_max: int) -> None:
        self._generation_max = size_max // 2
        self._young: dict[bytes, None] = {}
        self._old: dict[bytes, None] = {}

    def __contains__(self, tagged: bytes) -> bool:
        if tagged in self._young:
            return True
        if tagged in self._old:
            self.add(tagged)
            return True
        return False

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def add(self, tagged: bytes) -> None:
        if len(self._young) >= self._generation_max:
            self._old, self._young = self._young, {}
        self._young[tagged] = None


_checked_keys = _CheckedKeys(CHECKED_KEYS_MAX)


def check_key(tagged: bytes) -> bool:
    """Whether these bytes are a tagged key that may sign: part 1 of the rule. Good keys are remembered."""
    if tagged in _checked_keys:
        return True
    if len(tagged) != TAGGED_KEY_BYTES or tagged[:1] != ED25519:
        return False
    point = tagged[1:]
    if not _has_canonical_y(point) or point in _REFUSED_R:
        return False
    in_prime_order = bindings.crypto_core_ed25519_is_valid_point if _LIBRARY_CHECKS_SUBGROUP else in_subgroup
    good = in_prime_order(point)
    if good:
        _checked_keys.add(tagged)
    return good


def in_subgroup(point: bytes) -> bool:
    """Whether a canonical encoding is a point of the prime-order subgroup, by group operations alone.

    [8]A is in the subgroup for every A of the curve, and multiplying by 1/8 modulo L gives A back if and only if A
    was. The neutral element is not accepted. This is the way taken where libsodium's own test has the fault named
    above; it costs three times as much.
    """
    try:
        doubled = bindings.crypto_core_ed25519_add(point, point)
        fourfold = bindings.crypto_core_ed25519_add(doubled, doubled)
        eightfold = bindings.crypto_core_ed25519_add(fourfold, fourfold)
        return bindings.crypto_scalarmult_ed25519_noclamp(_ONE_EIGHTH, eightfold) == point
    except exceptions.RuntimeError:
        return False


# ---------------------------------------------------------------------------------------------- verify


def verify(tagged_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is good for `message` under the rule above. Never raises for bad bytes."""
    return len(signature) == SIGNATURE_BYTES and verify_signed(tagged_key, signature + message)


def verify_signed(tagged_key: bytes, signed: bytes) -> bool:
    """`verify` for a signature and its message in one piece (signature first), which saves a copy."""
    if len(signed) < SIGNATURE_BYTES:
        return False
    if signed[63] >= 0x10 and int.from_bytes(signed[32:64], "little") >= GROUP_ORDER:
        return False
    if signed[30] == 0xFF and not _has_canonical_y(signed[:32]):
        return False
    if signed[:32] in _REFUSED_R or not check_key(tagged_key):
        return False
    point = tagged_key[1:]
    if _open(_NO_MESSAGE, _message_size, signed, len(signed), point) == 0:
        return True
    return holds_with_cofactor(point, signed)


def holds_with_cofactor(point: bytes, signed: bytes) -> bool:
    """Part 4 of the rule by group operations, for a `point` and a `signed` that passed the other parts."""
    k = bindings.crypto_core_ed25519_scalar_reduce(sha512(signed[:32] + point + signed[64:]).digest())
    s = signed[32:64]
    try:
        s_times_base = bindings.crypto_scalarmult_ed25519_base_noclamp(s) if any(s) else _NEUTRAL
        k_times_point = bindings.crypto_scalarmult_ed25519_noclamp(k, point) if any(k) else _NEUTRAL
        expected_r = bindings.crypto_core_ed25519_sub(s_times_base, k_times_point)
        return bindings.crypto_core_ed25519_sub(signed[:32], expected_r) in _SMALL_ORDER
    except exceptions.RuntimeError:
        return False  # R is not on the curve: the only operand that was not known to be


def _has_canonical_y(encoding: bytes) -> bool:
    return int.from_bytes(encoding, "little") & _WITHOUT_SIGN < FIELD_PRIME


# ------------------------------------------------------------------------------------------------ sign


class SigningKey:
    """An Ed25519 private key in memory. Signing is deterministic (RFC 8032 section 5.1.6)."""

    __slots__ = ("_pair", "public_key")

    def __init__(self, secret: bytes) -> None:
        ensure(len(secret) == SECRET_BYTES, "an Ed25519 secret is 32 bytes")
        public_key, self._pair = bindings.crypto_sign_seed_keypair(secret)
        self.public_key = ED25519 + public_key

    def sign(self, message: bytes) -> bytes:
        """64 bytes, R ‖ S."""
        return bindings.crypto_sign(message, self._pair)[:SIGNATURE_BYTES]

    def derived(self, info: bytes) -> bytes:
        """A secret of 32 bytes for something else than signing, by HKDF (RFC 5869) from this key's seed."""
        return expand(self._pair[:SECRET_BYTES], info)


def public_key_of(secret: bytes) -> bytes:
    """The tagged key (33 bytes) that belongs to a secret of 32 bytes."""
    return SigningKey(secret).public_key


def sign(secret: bytes, message: bytes) -> bytes:
    """One signature, 64 bytes; for many with one key, keep a `SigningKey`."""
    return SigningKey(secret).sign(message)


# ---------------------------------------------------------------------------------------------- policy


class KeyPolicy(Record, frozen=True):
    """Who speaks for a signer: any `threshold` of these tagged keys, which are strictly ascending."""

    threshold: int
    keys: tuple[bytes, ...]


def single_key(tagged_key: bytes) -> KeyPolicy:
    """The policy of a signer with one key; its address is the key's own."""
    return KeyPolicy(1, (tagged_key,))


def is_valid_policy(policy: KeyPolicy) -> bool:
    """1 to 16 keys, strictly ascending (so none twice), each a good key, and 1 <= threshold <= number of keys."""
    keys = policy.keys
    return (
        1 <= policy.threshold <= len(keys) <= POLICY_KEYS_MAX
        and all(earlier < later for earlier, later in pairwise(keys))
        and all(check_key(key) for key in keys)
    )


def policy_address(policy: KeyPolicy) -> bytes:
    """The signer's address (20 bytes): of a single key with threshold 1 that key's, else of the whole policy.

    ValueError where the policy is not one that `is_valid_policy` accepts in form.
    """
    if policy.threshold == 1 and len(policy.keys) == 1:
        return address_of(policy.keys[0])
    return address_of_policy(policy.threshold, policy.keys)


def met(policy: KeyPolicy, keys_that_signed: Collection[bytes]) -> bool:
    """Whether enough of the policy's keys are among those whose signatures were good.

    A key counts once however often it is listed, and a threshold below 1 is never met.
    """
    return (
        policy.threshold >= 1
        and len(frozenset(policy.keys).intersection(keys_that_signed)) >= policy.threshold
    )
