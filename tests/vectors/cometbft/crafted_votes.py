"""Signatures at every place where rules for Ed25519 differ, and what CometBFT says of them.

    python -m tests.vectors.cometbft.crafted_votes SCRATCH

writes `votes.json` anew with CometBFT's verdicts: it makes a Go module in a scratch folder and runs `votes.go`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.unit.primitives import ed25519_oracle as oracle

FILE = Path(__file__).with_name("votes.json")
PROGRAM = Path(__file__).with_name("votes.go")
COMETBFT = "github.com/cometbft/cometbft@v0.38.26"

SCALAR = oracle.secret_scalar(bytes(range(32)))
NONCE = 0x1234567890ABCDEF1234567890ABCDEF
A_POINT, R_POINT = oracle.multiply(SCALAR, oracle.BASE), oracle.multiply(NONCE, oracle.BASE)
A, R = oracle.encode(A_POINT), oracle.encode(R_POINT)
MESSAGE = b"a vote"


class Crafted(NamedTuple):
    what: str
    key: bytes
    message: bytes
    signature: bytes


def encodings_of_small_order() -> list[bytes]:
    """The eight canonical ones, then those with y not reduced or x = 0 with the sign bit."""
    p = oracle.P
    others = [p, p + 1, 1 | 1 << 255, (p - 1) | 1 << 255, p | 1 << 255, (p + 1) | 1 << 255]
    return [
        *(oracle.encode(point) for point in oracle.TORSION),
        *(number.to_bytes(32, "little") for number in others),
    ]


def votes() -> Iterator[Crafted]:
    small = encodings_of_small_order()
    for a in small:
        for r in small:
            yield Crafted("key and R of small order, S = 0", a, MESSAGE, r + bytes(32))
    good = oracle.crafted(SCALAR, A, NONCE, R, MESSAGE)
    yield Crafted("plain", A, MESSAGE, good)
    yield Crafted("another message", A, MESSAGE + b".", good)
    for number, torsion in enumerate(oracle.TORSION[1:]):
        r = oracle.encode(oracle.add(R_POINT, torsion))
        yield Crafted("R with torsion", A, MESSAGE, oracle.crafted(SCALAR, A, NONCE, r, MESSAGE))
        a = oracle.encode(oracle.add(A_POINT, torsion))
        for rest in (0, 1):
            tries = (MESSAGE + bytes([number, count]) for count in range(256))
            message = next(one for one in tries if oracle.challenge(R, a, one) % 8 == rest)
            yield Crafted(
                f"key with torsion, k = {rest} mod 8",
                a,
                message,
                oracle.crafted(SCALAR, a, NONCE, R, message),
            )
    for encoding in small:
        yield Crafted("key of small order", encoding, MESSAGE, oracle.crafted(0, encoding, NONCE, R, MESSAGE))
        yield Crafted("R of small order", A, MESSAGE, oracle.crafted(SCALAR, A, 0, encoding, MESSAGE))
        yield Crafted("R of small order, wrong S", A, MESSAGE, encoding + good[32:])
    s = int.from_bytes(good[32:], "little")
    for above in (s + oracle.L, s + 8 * oracle.L, oracle.L, 2**256 - 1):
        yield Crafted("S not reduced", A, MESSAGE, R + above.to_bytes(32, "little"))
    yield Crafted("S = 0", A, MESSAGE, R + bytes(32))
    off = next(
        y.to_bytes(32, "little") for y in range(2, 99) if oracle.decode(y.to_bytes(32, "little")) is None
    )
    yield Crafted("R off the curve", A, MESSAGE, off + good[32:])
    yield Crafted("key off the curve", off, MESSAGE, good)
    for size in (0, 63, 65):
        yield Crafted("a wrong size", A, MESSAGE, (good + b"\0")[:size])


def main() -> None:
    scratch = Path(sys.argv[1])
    scratch.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROGRAM, scratch / "main.go")
    asked = [
        {name: value if isinstance(value, str) else value.hex() for name, value in one._asdict().items()}
        for one in votes()
    ]
    for command in (["mod", "init", "votes"], ["get", COMETBFT], ["mod", "tidy"]):
        subprocess.run(["go", *command], cwd=scratch, check=True)
    answered = subprocess.run(
        ["go", "run", "."], cwd=scratch, check=True, input=json.dumps(asked).encode(), capture_output=True
    )
    FILE.write_bytes(answered.stdout)


if __name__ == "__main__":
    main()
