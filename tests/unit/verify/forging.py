"""Every small change that a forger could make to a proof: flips, cuts, swaps, and parts of other genuine proofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from counterfoil.primitives.codec import Record
from counterfoil.state.proof_formats import Proof, ProofKind
from counterfoil.state.proof_parts import Part

T = TypeVar("T")
Path = tuple[str | int, ...]


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every part of a proof with its path, outermost first."""
    yield path, value
    if isinstance(value, Part | Record):
        for name in value.__struct_fields__:
            yield from walk(getattr(value, name), (*path, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))


def replaced(whole: Any, path: Path, part: Any) -> Any:
    """The whole with another part at a path."""
    if not path:
        return part
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (*whole[:step], replaced(whole[step], rest, part), *whole[step + 1 :])
    return msgspec.structs.replace(whole, **{step: replaced(getattr(whole, step), rest, part)})


def flipped(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


@st.composite
def forgeries(draw: st.DrawFn, proof: Proof, donors: list[Proof]) -> Proof:
    """The proof with one part changed, or taken from another genuine proof."""
    parts = [(path, part) for path, part in walk(proof) if path]
    claims = [(path, part) for path, part in parts if path[0] not in ("blocks", "sealed")]
    path, part = _one(draw, claims if draw(st.booleans()) else parts)
    other = _other(draw, path, part, donors)
    forged: Proof = replaced(proof, path, other)
    return forged


def _other(draw: st.DrawFn, path: Path, part: Any, donors: list[Proof]) -> Any:
    alike = [
        given
        for donor in donors
        for where, given in walk(donor)
        if where and _name(where) == _name(path) and type(given) is type(part) and given != part
    ]
    if alike and draw(st.booleans(), label="from another proof"):
        return _one(draw, alike)
    if isinstance(part, ProofKind):
        return draw(st.sampled_from(ProofKind))
    if isinstance(part, int):
        return draw(st.sampled_from((min(part + 1, 2**63 - 1), max(part - 1, 0), 0, part // 2, 2**40)))
    if isinstance(part, str):
        return part + "x"
    if isinstance(part, bytes):
        return _other_bytes(draw, part)
    if isinstance(part, tuple):
        return _other_tuple(draw, part)
    return None if _may_lack(path) else part


def _one(draw: st.DrawFn, options: Sequence[T]) -> T:
    """By its index, since these are too large to be printed."""
    return options[draw(st.integers(0, len(options) - 1))]


def _other_bytes(draw: st.DrawFn, part: bytes) -> bytes:
    if not part or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from((b"", part[:-1], part[:-32], part + b"\0", part + bytes(32), part[::-1])))
    return flipped(part, draw(st.integers(0, 8 * len(part) - 1), label="bit"))


def _other_tuple(draw: st.DrawFn, part: tuple[Any, ...]) -> tuple[Any, ...]:
    if not part:
        return part
    at = draw(st.integers(0, len(part) - 1))
    shorter = (*part[:at], *part[at + 1 :])
    swapped = (*part[1:2], *part[:1], *part[2:])
    return _one(
        draw, (shorter, (*part, part[at]), (part[at], *part), swapped, part[::-1], part[:at], part[at:])
    )


def _name(path: Path) -> str:
    return next(str(step) for step in reversed(path) if isinstance(step, str)) + str(type(path[-1]))


def _may_lack(path: Path) -> bool:
    return path[-1] in ("next", "place", "gap", "instant_ms") and isinstance(path[-1], str)
