"""CometBFT's rule for Ed25519 (ZIP-215), which is not the rule of this ledger's own signatures.

A signature R ‖ S of a message M by a key A is good under ZIP-215 if and only if

1. A and R each encode a point of the curve: y may be given unreduced, x = 0 may carry the sign bit, and any order is
   allowed, small ones and those with a part in the torsion group too;
2. S < L;
3. [8][S]B = [8]R + [8][k]A, where k = SHA-512(R ‖ A ‖ M) over the bytes as given.

The ledger's own rule (`primitives.signatures`) has the same 2 and 3 and is narrower in 1: canonical encodings alone, R
not of small order, A in the prime-order subgroup. Whatever is good there is good here; the reverse does not hold. A
validator that votes with such a key or signature is counted by CometBFT, so that a verifier which refused it
would call a decided block undecided. The rule is exact, so that one by one and in a batch the same signatures are good.

libsodium's accept implies ZIP-215: it decoded A, and the encoding of [S]B − [k]A equals R, so that 3 holds without the
cofactor. Where it refuses, 3 is computed by its group operations: both points are first brought to their canonical
encodings and multiplied by eight, which leaves them in the prime-order subgroup, where they work.
"""

from __future__ import annotations

from hashlib import sha512

from nacl import bindings, exceptions
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]

from counterfoil.primitives.signatures import (
    ED25519,
    FIELD_PRIME,
    GROUP_ORDER,
    SIGNATURE_BYTES,
    TAGGED_KEY_BYTES,
)

_WITHOUT_SIGN = 2**255 - 1
_NEUTRAL = (1).to_bytes(32, "little")
_X_IS_ZERO = (1, FIELD_PRIME - 1)
"""The two values of y at which x = 0, so that the sign bit says nothing."""
_NO_MESSAGE = ffi.NULL
_message_size = ffi.new("unsigned long long *")
_open = lib.crypto_sign_open


def is_validator_key(tagged: bytes) -> bool:
    """Whether bytes have the form of a tagged key; whether they are a point shows when a signature is checked."""
    return len(tagged) == TAGGED_KEY_BYTES and tagged[:1] == ED25519


def verify_vote(tagged_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a validator's signature (64 bytes) is good under ZIP-215. Never raises for bad bytes."""
    if len(signature) != SIGNATURE_BYTES or not is_validator_key(tagged_key):
        return False
    if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        return False
    point, signed = tagged_key[1:], signature + message
    if _open(_NO_MESSAGE, _message_size, signed, len(signed), point) == 0:
        return True
    return _holds_with_cofactor(point, signed)


def _holds_with_cofactor(point: bytes, signed: bytes) -> bool:
    k = bindings.crypto_core_ed25519_scalar_reduce(sha512(signed[:32] + point + signed[64:]).digest())
    s = signed[32:64]
    try:
        eight_a, eight_r = _times_eight(_canonical(point)), _times_eight(_canonical(signed[:32]))
        left = bindings.crypto_scalarmult_ed25519_base_noclamp(s) if any(s) else _NEUTRAL
        right = _NEUTRAL
        if eight_a != _NEUTRAL and any(k):
            right = bindings.crypto_scalarmult_ed25519_noclamp(k, eight_a)
        return bindings.crypto_core_ed25519_add(eight_r, right) == _times_eight(left)
    except exceptions.RuntimeError:
        return False  # A or R is not on the curve


def _canonical(encoding: bytes) -> bytes:
    number = int.from_bytes(encoding, "little")
    y = (number & _WITHOUT_SIGN) % FIELD_PRIME
    sign = 0 if y in _X_IS_ZERO else number & ~_WITHOUT_SIGN
    return (y | sign).to_bytes(32, "little")


def _times_eight(point: bytes) -> bytes:
    for _ in range(3):
        point = bindings.crypto_core_ed25519_add(point, point)
    return point
