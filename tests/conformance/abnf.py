"""A small reader of ABNF (RFC 5234, with case-sensitive strings): makes sentences, and tells which are ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Sequence_:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    options: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    least: int
    most: int | None
    part: Node


Node = Text | Name | Sequence_ | Choice | Repeat


class Grammar:
    """Rules by name. `(inf)`, for ever, is read as once or more: a test has an end."""

    def __init__(self, text: str) -> None:
        rules = re.findall(r"^([\w-]+)\s*=\s*(.+)$", text, re.M)
        self.rules = {name: _parsed(right) for name, right in rules}

    def sentence(self, start: str, chance: random.Random, repeat_max: int = 3) -> list[str]:
        """A random sentence of a rule."""
        return list(self._made(self.rules[start], chance, repeat_max))

    def _made(self, node: Node, chance: random.Random, most: int) -> Iterator[str]:
        if isinstance(node, Text):
            yield node.text
        elif isinstance(node, Name):
            yield from self._made(self.rules[node.name], chance, most)
        elif isinstance(node, Sequence_):
            for part in node.parts:
                yield from self._made(part, chance, most)
        elif isinstance(node, Choice):
            yield from self._made(chance.choice(node.options), chance, most)
        else:
            top = node.least + most if node.most is None else node.most
            for _ in range(chance.randint(node.least, top)):
                yield from self._made(node.part, chance, most)

    def accepts(self, start: str, words: list[str]) -> bool:
        """Whether these words are a sentence of the rule."""
        return len(words) in self._ends(self.rules[start], words, frozenset({0}))

    def _ends(self, node: Node, words: list[str], starts: frozenset[int]) -> frozenset[int]:
        if isinstance(node, Text):
            return frozenset(at + 1 for at in starts if at < len(words) and words[at] == node.text)
        if isinstance(node, Name):
            return self._ends(self.rules[node.name], words, starts)
        if isinstance(node, Sequence_):
            for part in node.parts:
                starts = self._ends(part, words, starts)
            return starts
        if isinstance(node, Choice):
            return frozenset().union(*(self._ends(option, words, starts) for option in node.options))
        found: frozenset[int] = starts if node.least == 0 else frozenset()
        reached, count = starts, 0
        while reached and (node.most is None or count < node.most):
            reached = self._ends(node.part, words, reached) - found
            count += 1
            if count >= node.least:
                found |= reached
        return found


def _parsed(text: str) -> Node:
    tokens = _tokens(text)
    node, rest = _choice(tokens)
    assert not rest, f"not understood: {text!r}"
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for part in re.findall(r'%s"[^"]*"|\(inf\)|\d*\*\d*|[\w-]+|[()\[\]/]', text):
        if part.startswith("%s"):
            found.append(("text", part[3:-1]))
        elif part == "(inf)":
            found.append(("repeat", "1*"))
        elif "*" in part:
            found.append(("repeat", part))
        elif part in "()[]/":
            found.append(("sign", part))
        else:
            found.append(("name", part))
    return found


def _choice(tokens: list[tuple[str, str]]) -> tuple[Node, list[tuple[str, str]]]:
    options: list[Node] = []
    while True:
        parts: list[Node] = []
        while tokens and tokens[0] not in (("sign", "/"), ("sign", ")"), ("sign", "]")):
            part, tokens = _part(tokens)
            parts.append(part)
        options.append(parts[0] if len(parts) == 1 else Sequence_(tuple(parts)))
        if not tokens or tokens[0] != ("sign", "/"):
            return (options[0] if len(options) == 1 else Choice(tuple(options))), tokens
        tokens = tokens[1:]


def _part(tokens: list[tuple[str, str]]) -> tuple[Node, list[tuple[str, str]]]:
    (kind, text), tokens = tokens[0], tokens[1:]
    if kind == "repeat":
        least, _, most = text.partition("*")
        part, tokens = _part(tokens)
        return Repeat(int(least or 0), int(most) if most else None, part), tokens
    if kind == "text":
        return Text(text), tokens
    if kind == "name":
        return Name(text), tokens
    node, tokens = _choice(tokens)
    return (Repeat(0, 1, node) if text == "[" else node), tokens[1:]
