"""Our bytes and orders are CometBFT's: vectors that its own code made (`cometbft/extensions_and_sets.go`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.interface import Validators
from counterfoil.modules.validators.records import Validator, ValidatorStatus
from counterfoil.modules.validators.sets import put_in_force
from counterfoil.primitives.signatures import ED25519
from counterfoil.primitives.vote_signatures import verify_vote
from counterfoil.state.books import Books
from counterfoil.state.rows import value_of
from counterfoil.verify.light.encoding import address_of_validator, extension_bytes

FILE = Path(__file__).parent / "cometbft" / "extensions_and_sets.json"
VECTORS: dict[str, Any] = msgspec.json.decode(FILE.read_bytes())


@pytest.mark.parametrize("vector", VECTORS["vote_extensions"])
def test_vote_extensions(vector: dict[str, Any]) -> None:
    extension, key = bytes.fromhex(vector["extension"]), ED25519 + bytes.fromhex(vector["key"])
    signed = extension_bytes(vector["chain_id"], vector["height"], vector["round"], extension)
    assert signed.hex() == vector["sign_bytes"]
    assert verify_vote(key, signed, bytes.fromhex(vector["signature"]))
    assert address_of_validator(key).hex() == vector["address"]


def test_validator_sets_in_cometbfts_order() -> None:
    """Each step's updates, as records; the set that follows, and the updates that we tell, are CometBFT's."""
    shelf: Any = Books(lambda _table, _key: None, lambda keys: [None] * len(keys), value_of).shelf
    books = ValidatorsBooks(shelf, None)  # type: ignore[arg-type]
    for height, step in enumerate(VECTORS["validator_sets"], start=1):
        told = {ED25519 + bytes.fromhex(one["key"]): one["power"] for one in step["updates"]}
        for key, power in told.items():
            party = address_of_validator(key)
            if power:
                books.validators.put(party, Validator(key, power, ValidatorStatus.ACTIVE, height))
            else:
                books.validators.delete(party)
        put_in_force(books, height)
        found = Validators(books)
        after = [(ED25519 + bytes.fromhex(one["key"]), one["power"]) for one in step["after"]]
        assert [(entry.key, entry.power) for entry in found.at(height + 2)] == after
        assert dict(found.updates(height)) == told
