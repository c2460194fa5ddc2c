"""Messages as a person writes them in a file, and how they become the ledger's.

One message is an object with its kind and its fields; a field that has a default may be left out:

    {"message": "Cancel", "instruction_id": "9c1185a5c5e9fc54612808977ee8f548b2258d31…"}

A file holds one object or a list of them. docs/reference/message-files.md says what each kind of field takes.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from counterfoil.machine.wiring import MESSAGES
from counterfoil.node.clock import parse_instant
from counterfoil.primitives.addresses import parse_text
from counterfoil.primitives.calendars import parse_date
from counterfoil.primitives.codec import Message, Record

KINDS: Mapping[str, type[Message]] = {kind.__name__: kind for kind in MESSAGES}
MESSAGES_PER_FILE_MAX = 1_000_000

Resolve = Callable[[str, str], bytes]
"""The identity behind a name: (how it is named, such as "party" or "isin"; the name)."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMED = re.compile(r"([a-z]+):(.+)", re.DOTALL)


class MessageFileError(Exception):
    """A file of messages that cannot be read; the message says where it is wrong and what belongs there."""


def read_messages(data: bytes, resolve: Resolve, folder: Path = Path()) -> list[Message]:
    """The messages of a file, in order. `folder`: where `file:` looks for papers. Errors: MessageFileError."""
    try:
        content = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MessageFileError(f"The file is not JSON: {error}.") from None
    listed = content if isinstance(content, list) else [content]
    if not listed or len(listed) > MESSAGES_PER_FILE_MAX:
        raise MessageFileError(f"A file holds 1 to {MESSAGES_PER_FILE_MAX:,} messages, not {len(listed):,}.")
    reader = _Reader(resolve, folder)
    return [reader.message(item, f"message {number}") for number, item in enumerate(listed, start=1)]


class _Reader:
    def __init__(self, resolve: Resolve, folder: Path) -> None:
        self._resolve = resolve
        self._folder = folder

    def message(self, content: object, where: str) -> Message:
        if not isinstance(content, dict) or not isinstance(content.get("message"), str):
            raise MessageFileError(f'{where} is no object with its kind, such as {{"message": "Cancel", …}}.')
        name = content["message"]
        kind = KINDS.get(name)
        if kind is None:
            raise MessageFileError(f"{where}: there is no message {name!r}{_nearest(name, KINDS)}.")
        fields = {key: value for key, value in content.items() if key != "message"}
        made = self._record(kind, fields, f"{where} ({name})")
        if not isinstance(made, Message):
            raise MessageFileError(f"{where}: {name!r} is no message.")
        return made

    def _record(self, kind: type[Any], content: object, where: str) -> Any:
        if not isinstance(content, dict):
            raise MessageFileError(f"{where} is no object.")
        hints = get_type_hints(kind)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for name in content:
            if name not in fields:
                raise MessageFileError(f"{where} has no field {name!r}{_nearest(str(name), fields)}.")
        for name, field in fields.items():
            if name not in content and field.required:
                raise MessageFileError(f"{where} lacks {name!r}.")
        return kind(
            **{name: self._value(hints[name], value, f"{where}: {name}") for name, value in content.items()}
        )

    def _value(self, hint: Any, content: object, where: str) -> Any:
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            if content is None:
                return None
            return self._value(next(one for one in get_args(hint) if one is not type(None)), content, where)
        if origin is tuple:
            return self._tuple(get_args(hint), content, where)
        if hint is bool:
            if not isinstance(content, bool):
                raise MessageFileError(f"{where} is true or false.")
            return content
        if hint is bytes:
            return self._bytes(content, where)
        if hint is str:
            if not isinstance(content, str):
                raise MessageFileError(f"{where} is a text.")
            return content
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _member(hint, content, where)
        if isinstance(hint, type) and issubclass(hint, Record | Message):
            return self._record(hint, content, where)
        return _integer(content, where)

    def _tuple(self, kinds: tuple[Any, ...], content: object, where: str) -> tuple[Any, ...]:
        if not isinstance(content, list):
            raise MessageFileError(f"{where} is a list.")
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            kinds = (kinds[0],) * len(content)
        if len(kinds) != len(content):
            raise MessageFileError(f"{where} has {len(kinds)} items, not {len(content)}.")
        return tuple(
            self._value(kind, item, f"{where}, item {number}")
            for number, (kind, item) in enumerate(zip(kinds, content, strict=True), start=1)
        )

    def _bytes(self, content: object, where: str) -> bytes:
        if not isinstance(content, str):
            raise MessageFileError(
                f"{where} is a text: an address, hexadecimal digits, or a name such as party:ALDER."
            )
        named = _NAMED.fullmatch(content)
        if named is not None:
            if named[1] == "file":
                return self._digest_of(named[2], where)
            if named[1] == "market":
                return named[2].encode()
            try:
                return self._resolve(named[1], named[2])
            except LookupError as error:
                raise MessageFileError(f"{where}: {error.args[0]}") from None
        if content.startswith("cf") and "1" in content:
            try:
                return parse_text(content)[1]
            except ValueError as error:
                raise MessageFileError(f"{where}: {error}") from None
        try:
            return bytes.fromhex(content)
        except ValueError:
            raise MessageFileError(
                f"{where}: {content[:60]!r} is no address (cfp1…, cfa1…, cfi1…, cfk1…), no hexadecimal digits and no"
                " name (party:…, account:…, isin:…, instrument:…, market:…, key:…, file:…, note:…)."
            ) from None

    def _digest_of(self, name: str, where: str) -> bytes:
        try:
            return sha256((self._folder / name).read_bytes()).digest()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MessageFileError(f"{where}: {name} cannot be read: {reason}.") from None


def _member(kind: type[Enum], content: object, where: str) -> Enum:
    for member in kind:
        named = (
            isinstance(content, str) and content.upper().replace("-", "_").replace(" ", "_") == member.name
        )
        if named or (content == member.value and not isinstance(content, bool)):
            return member
    numbers = ", ".join(member.name if issubclass(kind, IntEnum) else str(member.value) for member in kind)
    raise MessageFileError(f"{where} is one of {numbers}, not {content!r}.")


def _integer(content: object, where: str) -> int:
    if isinstance(content, int) and not isinstance(content, bool):
        return content
    if isinstance(content, str):
        try:
            if _DATE.fullmatch(content):
                return parse_date(content)
            if "T" in content:
                return parse_instant(content)
            return int(content)
        except ValueError as error:
            raise MessageFileError(f"{where}: {error}") from None
    raise MessageFileError(f"{where} is a whole number, a date (2013-10-07) or an instant with its zone.")


def _nearest(name: str, known: Mapping[str, object]) -> str:
    plain = name.lower().replace("_", "")
    near = []
    for one in known:
        other = one.lower().replace("_", "")
        if plain in other or other in plain:
            near.append(one)
    if near:
        return f"; is {' or '.join(near[:3])} meant?"
    return f"; it has {', '.join(known)}" if len(known) <= 20 else ""
