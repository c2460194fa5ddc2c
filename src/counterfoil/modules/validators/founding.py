"""The first validators: what the genesis file says of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.possession import is_possessed
from counterfoil.modules.validators.records import (
    VALIDATORS_MAX,
    ConsensusKey,
    Validator,
    ValidatorSet,
    ValidatorStatus,
    height_key,
)
from counterfoil.modules.validators.rules import check_power
from counterfoil.modules.validators.sets import present_entries
from counterfoil.primitives.outcome import Rejected
from counterfoil.verify.light.encoding import address_of_validator


class FoundingValidator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """party: the name of a founding party. key: hexadecimal, its tagged Ed25519 consensus key (33 bytes). possession:
    hexadecimal, the key's signature over this file's name, the party's and itself (see `possession.py`)."""

    party: str
    key: str
    possession: str
    power: int = 1


class ValidatorsGenesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The genesis file's section about validators; none on a ledger of one machine."""

    validators: tuple[FoundingValidator, ...] = ()


def found(
    books: ValidatorsBooks,
    identities: Mapping[str, bytes],
    section: ValidatorsGenesis,
    height: int,
    ledger: str,
) -> None:
    """Put the first set on the books, in force from the founding on. ValueError says what is described wrongly.

    identities: of the founding parties, by name. ledger: the genesis file's name. That the keys are good and none
    stands there twice was checked when the file was read, for whoever trusts the file reads them there.
    """
    if len(section.validators) > VALIDATORS_MAX:
        raise ValueError(f"there are at most {VALIDATORS_MAX} validators, not {len(section.validators)}")
    for entry in section.validators:
        try:
            _found_validator(books, identities, entry, height, ledger)
        except (ValueError, Rejected) as error:
            raise ValueError(f"the founding validator {entry.party!r}: {error}") from None
    if section.validators:
        books.sets.put(height_key(height), ValidatorSet(present_entries(books)))


def _found_validator(
    books: ValidatorsBooks,
    identities: Mapping[str, bytes],
    entry: FoundingValidator,
    height: int,
    ledger: str,
) -> None:
    if entry.party not in identities:
        raise ValueError("it is no founding party")
    party, key = identities[entry.party], bytes.fromhex(entry.key)
    if books.validators.find(party) is not None:
        raise ValueError("a party is one validator")
    check_power(entry.power)
    if not is_possessed(ledger, entry.party.encode(), key, bytes.fromhex(entry.possession)):
        raise ValueError("its key has not signed that it is to be this party's on a ledger of this name")
    books.keys.put(address_of_validator(key), ConsensusKey(party, key, height))
    books.validators.put(party, Validator(key, entry.power, ValidatorStatus.ACTIVE, height))
