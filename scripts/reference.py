"""Writes docs/reference from the code: rejects, messages, facts, commands. With --check it only compares."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import groupby
from typing import Any

import msgspec

from scripts.catalogue import PROJECT, facts, import_everything, messages, rejects, room_of

FOLDER = PROJECT / "docs" / "reference"
MADE = "<!-- Made from the code by `make docs`; not edited by hand. -->\n"


def _room_title(kind: type) -> str:
    return room_of(kind).rsplit(".", 1)[-1].capitalize()


def _by_room(
    kinds: Iterable[tuple[int, Any]], kind_of: Callable[[Any], type]
) -> Iterable[tuple[str, list[Any]]]:
    for title, group in groupby(kinds, key=lambda pair: _room_title(kind_of(pair[1]))):
        yield title, list(group)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def rejects_page() -> str:
    text = [
        MADE,
        "# Rejects\n",
        "A reject is the asker's fault and leaves no effect. Its number and its name never change.\n",
    ]
    for title, group in _by_room([(code.number, code) for code in rejects()], type):
        text += [f"## {title}\n", "| number | name | what it means | what to do |", "|---|---|---|---|"]
        text += [
            f"| {number} | `{code.name}` | {_one_line(code.explanation)} | {_one_line(code.resolution)} |"
            for number, code in group
        ]
        text.append("")
    return "\n".join(text)


def _struct_page(title: str, opening: str, kinds: list[tuple[int, type]]) -> str:
    text = [MADE, f"# {title}\n", opening + "\n"]
    for room, group in _by_room(kinds, lambda kind: kind):
        text.append(f"## {room}\n")
        for number, kind in group:
            text += [f"### {number} {kind.__name__}\n", inspect.cleandoc(kind.__doc__ or ""), ""]
            fields = msgspec.structs.fields(kind)
            if fields:
                text += ["| field | type | default |", "|---|---|---|"]
                written = {name: note for base in reversed(kind.__mro__) for name, note in _annotations(base)}
                text += [
                    f"| `{field.name}` | `{_one_line(written[field.name])}` | {_default(field)} |"
                    for field in fields
                ]
                text.append("")
    return "\n".join(text)


def _annotations(kind: type) -> list[tuple[str, str]]:
    notes = inspect.get_annotations(kind).items()
    return [
        (name, note if isinstance(note, str) else getattr(note, "__name__", str(note)))
        for name, note in notes
    ]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{field.default_factory()!r}`"
    return "" if field.default is msgspec.NODEFAULT else f"`{field.default!r}`"


def messages_page() -> str:
    opening = (
        "A message is a signed request from outside. It travels as a MessagePack array: its number, then its fields\n"
        "in this order. When each is refused stands in the README of its module."
    )
    return _struct_page("Messages", opening, messages())


def facts_page() -> str:
    opening = (
        "A fact says what happened. It is told, in the receipt of the action, to those who may know. It travels as a\n"
        "MessagePack array: its number, then its fields in this order."
    )
    return _struct_page("Facts", opening, facts())


def commands_page() -> str | None:
    """The `--help` of every command, or None while there is no command line."""
    try:
        app = import_module("counterfoil.cli.main").app
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("counterfoil.cli"):
            return None
        raise
    import click
    import typer

    text = [MADE, "# Commands\n"]

    def tell(command: Any, path: str, parent: Any) -> None:
        command.rich_markup_mode = None
        context = click.Context(command, info_name=path.split()[-1], parent=parent, terminal_width=100)
        if not command.hidden:
            text.extend([f"## {path}\n", "```text", command.get_help(context).rstrip(), "```\n"])
            for name, child in sorted(getattr(command, "commands", {}).items()):
                tell(child, f"{path} {name}", context)

    tell(typer.main.get_command(app), "counterfoil", None)
    return "\n".join(text)


def pages() -> dict[str, str]:
    """Text of every page, by file name."""
    made = {
        "rejects.md": rejects_page(),
        "messages.md": messages_page(),
        "facts.md": facts_page(),
        "commands.md": commands_page(),
    }
    return {name: text.rstrip() + "\n" for name, text in made.items() if text is not None}


def main(arguments: list[str]) -> int:
    if failed := import_everything():
        for name, error in failed.items():
            print(f"{name} cannot be imported: {error!r}", file=sys.stderr)
        return 1
    stale = []
    for name, text in pages().items():
        file = FOLDER / name
        if not file.exists() or file.read_text() != text:
            stale.append(name)
            if "--check" not in arguments:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
    if "--check" in arguments and stale:
        print(f"docs/reference is behind the code ({', '.join(stale)}); run `make docs`", file=sys.stderr)
        return 1
    print(f"docs/reference: {', '.join(stale) + ' written' if stale else 'nothing to change'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
