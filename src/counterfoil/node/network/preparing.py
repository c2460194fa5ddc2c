"""Before an embedded ledger goes on as a network: keys for its validators, and what the consortium enters of them.

DIR/NODE.json          the consensus key of a node that shall vote, as its engine has it; secret
DIR/validators.json    the messages that enter them in the ledger, for a motion
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from counterfoil.node.network.creating import Place
from counterfoil.node.network.homes import possession_of, public_of, validator_key_file
from counterfoil.primitives.signatures import ED25519, SECRET_BYTES
from counterfoil.storage import files
from counterfoil.storage.errors import FolderRefused
from counterfoil.storage.folder import is_taken

MESSAGES_NAME = "validators.json"


def prepare(
    folder: Path, places: Sequence[Place], chain_id: str, find: Callable[[str], bytes]
) -> list[Place]:
    """Into a folder that is new or empty, whole or not at all; returns the places that vote.

    A place without a party is that of the party with the node's name. chain_id: of the ledger. find: the identity (20
    bytes) of a party there, by its name. ValueError where none votes, or a party twice.
    """
    voting = [place for place in places if place.power]
    parties = [place.party or place.name for place in voting]
    if not voting:
        raise ValueError("a network needs a validator")
    if len(frozenset(parties)) != len(parties):
        raise ValueError("a party is one validator")
    if is_taken(folder):
        raise FolderRefused(f"There is something in {folder} already; name a new or an empty folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        messages = []
        for place, party in zip(voting, parties, strict=True):
            secret = os.urandom(SECRET_BYTES)
            files.write_new(_key_path(folder, place), validator_key_file(secret))
            key = (ED25519 + public_of(secret)).hex()
            messages.append(
                {
                    "message": "AddValidator",
                    "party": f"party:{party}",
                    "key": key,
                    "power": place.power,
                    "possession": possession_of(secret, chain_id, find(party)).hex(),
                }
            )
        files.write_new(folder / MESSAGES_NAME, (json.dumps(messages, indent=2) + "\n").encode(), mode=0o644)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return voting


def read_prepared(folder: Path, places: Sequence[Place]) -> dict[str, bytes]:
    """The secret (32 bytes) of each node that votes, by its name. ValueError where one is missing or damaged."""
    found = {}
    for place in places:
        if not place.power:
            continue
        path = _key_path(folder, place)
        try:
            secret = base64.b64decode(json.loads(path.read_bytes())["priv_key"]["value"], validate=True)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} holds no key of a validator") from None
        found[place.name] = secret[:SECRET_BYTES]
    return found


def _key_path(folder: Path, place: Place) -> Path:
    return folder / f"{place.name}.json"
