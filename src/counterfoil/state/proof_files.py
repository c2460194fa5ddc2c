"""Proofs as files: JSON that can be read, with exactly one accepted form.

Byte strings are hexadecimal, except that runs of digests (`path`, `…siblings`) are base64; headers stand as the bytes
that are hashed, in hexadecimal; what has its default value is left out. Indented by one space, newline at the end.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from enum import StrEnum
from functools import cache, partial
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from counterfoil.primitives.codec import Decoder, Malformed, Record, encode
from counterfoil.state.proof_formats import Proof
from counterfoil.state.proof_parts import Part

PROOF_BYTES_MAX = 1 << 30
"""A proof of a register of a million members fits; anything larger is refused before it is read."""
_INTEGER_MAX = 2**63 - 1
P = TypeVar("P", bound=Part)


def encode_part(part: Part) -> bytes:
    """The bytes of a file that holds one part, such as a proof."""
    return msgspec.json.format(msgspec.json.encode(_plain(part)), indent=1) + b"\n"


def decode_part(data: bytes, kind: type[P], name: str) -> P:
    """The part in a file, or `Malformed`, which says where it is wrong. Nothing is checked but the form."""
    if len(data) > PROOF_BYTES_MAX:
        raise Malformed(f"the file is longer than {PROOF_BYTES_MAX} bytes")
    try:
        content = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(f"the file is not JSON: {error}") from None
    part: P = _reader(kind, "")(content, name)
    if encode_part(part) != data:
        raise Malformed("the file is not in the form in which it was written; use an unchanged copy")
    return part


def encode_proof(proof: Proof) -> bytes:
    """The file's bytes."""
    return encode_part(proof)


def decode_proof(data: bytes) -> Proof:
    """The proof in a file, or `Malformed`."""
    return decode_part(data, Proof, "proof")


def _plain(part: Part) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, default in _fields(type(part)):
        value = getattr(part, name)
        if value != default:
            plain[name] = _plain_value(name, value)
    return plain


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode() if _is_run(name) else value.hex()
    if isinstance(value, Record):
        return encode(value).hex()
    if isinstance(value, Part):
        return _plain(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _is_run(name: str) -> bool:
    return name == "path" or name.endswith("siblings")


@cache
def _fields(kind: type[Part]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))


_Reader = Callable[[Any, str], Any]


@cache
def _reader(kind: Any, name: str) -> _Reader:
    """What reads a value of the kind; `name` is the field's, which decides how bytes are written."""
    if isinstance(kind, UnionType):
        return _reader(next(option for option in get_args(kind) if option is not type(None)), name)
    if get_origin(kind) is tuple:
        return partial(_read_list, _reader(get_args(kind)[0], name))
    if kind is int:
        return _read_integer
    if kind is str:
        return _read_text
    if kind is bytes:
        return _read_run if _is_run(name) else _read_hex
    if issubclass(kind, StrEnum):
        return partial(_read_name, kind)
    if issubclass(kind, Record):
        return partial(_read_record, Decoder(kind))
    hints = get_type_hints(kind)
    return partial(_read_part, kind, {name: _reader(hints[name], name) for name, _ in _fields(kind)})


def _read_part(kind: type[Part], readers: dict[str, _Reader], content: Any, where: str) -> Part:
    if type(content) is not dict:
        raise Malformed(f"{where} is not an object")
    for name in content:
        if name not in readers:
            raise Malformed(f"{where} has a part {name[:40]!r} that is not known")
    for name, default in _fields(kind):
        if default is msgspec.NODEFAULT and name not in content:
            raise Malformed(f"{where} lacks {name}")
    return kind(**{name: readers[name](content[name], f"{where}.{name}") for name in content})


def _read_list(reader: _Reader, content: Any, where: str) -> tuple[Any, ...]:
    if type(content) is not list:
        raise Malformed(f"{where} is not a list")
    return tuple([reader(item, where) for item in content])


def _read_integer(content: Any, where: str) -> int:
    if type(content) is not int or not 0 <= content <= _INTEGER_MAX:
        raise Malformed(f"{where} is not a whole number in range")
    return content


def _read_text(content: Any, where: str) -> str:
    if type(content) is not str:
        raise Malformed(f"{where} is not text")
    return content


def _read_hex(content: Any, where: str) -> bytes:
    try:
        return bytes.fromhex(_read_text(content, where))
    except ValueError:
        raise Malformed(f"{where} is not hexadecimal") from None


def _read_run(content: Any, where: str) -> bytes:
    try:
        return b64decode(_read_text(content, where), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{where} is not base64") from None


def _read_name(kind: type[StrEnum], content: Any, where: str) -> StrEnum:
    try:
        return kind(_read_text(content, where))
    except ValueError:
        raise Malformed(f"{where} is none of {', '.join(kind)}") from None


def _read_record(decoder: Decoder, content: Any, where: str) -> Any:
    try:
        return decoder.exact(_read_hex(content, where))
    except Malformed as error:
        raise Malformed(f"{where}: {error}") from None
