"""View keys in a file, as the node handed them out: sealed to the party's opening key. A stolen file opens nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from counterfoil.sealing.handing import open_view_keys
from counterfoil.sealing.opening_keys import Opener
from counterfoil.sealing.view_keys import HandedKey

FORMAT: Final = "counterfoil view keys 1"
FILE_BYTES_MAX: Final = 1 << 28


class ViewKeyFileError(Exception):
    """A file of view keys cannot be read or opened; the message says why."""


class ViewKeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """party, sealed: hexadecimal. height: of the ledger when they were handed out."""

    format: str
    chain_id: str
    party: str
    height: int
    sealed: str


def write_view_keys(path: Path, chain_id: str, party: bytes, height: int, sealed: bytes) -> None:
    """A new file; ViewKeyFileError where there is one."""
    content = ViewKeyFile(FORMAT, chain_id, party.hex(), height, sealed.hex())
    try:
        with path.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    except FileExistsError:
        raise ViewKeyFileError(f"There is a file {path} already; choose another name.") from None
    except OSError as error:
        raise ViewKeyFileError(f"{path} cannot be written: {error.strerror}.") from None


def read_view_keys(path: Path, chain_id: str, key: Opener) -> tuple[HandedKey, ...]:
    """The keys in a file, for one ledger. ViewKeyFileError says what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=ViewKeyFile)
        party, sealed = bytes.fromhex(content.party), bytes.fromhex(content.sealed)
    except OSError as error:
        raise ViewKeyFileError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise ViewKeyFileError(f"{path} is not a file of view keys.") from None
    if content.format != FORMAT:
        raise ViewKeyFileError(f"{path} is not a file of view keys that this program knows.")
    if content.chain_id != chain_id:
        raise ViewKeyFileError(f"{path} is of ledger {content.chain_id}, not of {chain_id}.")
    opened = open_view_keys(key, chain_id, party, sealed)
    if opened is None:
        raise ViewKeyFileError(f"The key does not open {path}: it was handed to another, or changed.")
    return opened
