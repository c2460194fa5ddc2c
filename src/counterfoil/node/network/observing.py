"""What a validator's owner observes of feeds: one small file in the node's folder, read whenever the node votes.

A process of the owner's own writes it, by `note` or the command; the newest observation of each feed stands in it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from counterfoil.modules.feeds.interface import Seen

OBSERVATIONS_FILE = "observations.json"


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """value: in units of the feed's scale. observed_ms: since 1970 UTC."""

    value: int
    observed_ms: int


def read_observations(file: Path) -> tuple[Seen, ...]:
    """In the order of the feeds' names; nothing where there is no file.

    OSError or ValueError where it cannot be read.
    """
    return tuple(Seen(name, one.value, one.observed_ms) for name, one in sorted(_noted(file).items()))


def note(folder: Path, name: str, value: int, observed_ms: int) -> None:
    """Let a node's votes tell an observation from now on, in place of the one before. Raises as `read_observations`."""
    file = folder / OBSERVATIONS_FILE
    noted = {**_noted(file), name: Noted(value, observed_ms)}
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(noted, order="sorted"))
    part.replace(file)


def _noted(file: Path) -> dict[str, Noted]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return {}
    return msgspec.json.decode(data, type=dict[str, Noted])
