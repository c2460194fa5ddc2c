"""The verification rule for Ed25519 in plain integers: slow, obvious, and independent of the code under test.

Curve and formulas are those of RFC 8032 sections 5.1.1 to 5.1.4 and 5.1.7; points are extended coordinates (X, Y, Z, T)
with x = X/Z, y = Y/Z, x y = T/Z.
"""

from __future__ import annotations

from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(one: Point, other: Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (
        one[1] * other[2] - other[1] * one[2]
    ) % P == 0


def encode(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(encoding: bytes) -> Point | None:
    """The point of a canonical encoding, else None: RFC 8032 section 5.1.3."""
    number = int.from_bytes(encoding, "little")
    sign, y = number >> 255, number % 2**255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * SQRT_OF_MINUS_ONE % P
    if x * x % P != square:
        return None
    if x == 0 and sign == 1:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _base() -> Point:
    point = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert point is not None
    return point


def _torsion() -> tuple[Point, ...]:
    """The eight points whose order divides 8: multiples of one of order 8, found as L times some point."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        if point is not None:
            generator = multiply(L, point)
            if not same(multiply(4, generator), NEUTRAL):
                return tuple(multiply(i, generator) for i in range(8))
        y += 1


BASE = _base()
TORSION = _torsion()


def is_small_order(point: Point) -> bool:
    return same(multiply(8, point), NEUTRAL)


def is_good_key(tagged: bytes) -> bool:
    if len(tagged) != 33 or tagged[0] != 1:
        return False
    point = decode(tagged[1:])
    return point is not None and not is_small_order(point) and same(multiply(L, point), NEUTRAL)


def challenge(r: bytes, a: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + a + message).digest(), "little")


def is_good(tagged: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64 or not is_good_key(tagged):
        return False
    point_a, point_r = decode(tagged[1:]), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point_a is None or point_r is None or is_small_order(point_r) or s >= L:
        return False
    k = challenge(signature[:32], tagged[1:], message)
    left = multiply(8 * s, BASE)
    right = add(multiply(8, point_r), multiply(8 * k, point_a))
    return same(left, right)


def secret_scalar(secret: bytes) -> int:
    """RFC 8032 section 5.1.5, steps 1 to 3."""
    clamped = bytearray(sha512(secret).digest()[:32])
    clamped[0] &= 248
    clamped[31] &= 127
    clamped[31] |= 64
    return int.from_bytes(clamped, "little")


def crafted(scalar_a: int, a: bytes, nonce: int, r: bytes, message: bytes) -> bytes:
    """A signature whose equation holds but for torsion, for whatever encodings of A and R are wanted."""
    s = (nonce + challenge(r, a, message) * scalar_a) % L
    return r + s.to_bytes(32, "little")
