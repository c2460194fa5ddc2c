"""Genesis: the file from which a ledger is founded, and the chain id that names it for ever."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from counterfoil.modules.governance.interface import RULE_VERSION_MAX
from counterfoil.modules.viewkeys.records import HOLDERS_MAX
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.digests import GENESIS, keyed
from counterfoil.primitives.signatures import check_key
from counterfoil.sealing.opening_keys import is_opening_key
from counterfoil.state.light_blocks import Validator
from counterfoil.verify.light.encoding import in_order
from counterfoil.verify.trust import founding_validators

GENESIS_HEIGHT = 1
"""The founding is block 1 of every ledger, so that height 0 can stand for "never"."""
CHAIN_ID_MAX = 50
"""CometBFT's limit on a chain id, in bytes."""
NAME_MAX = 33
NUMBER_MAX = 2**47
"""Of the file's times and limits, exclusive: in milliseconds a time in the year 6429."""
RULE_VERSION = 1
"""The rule version of this program."""


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """id_window_ms: how far ahead an expiry may lie. reference_window_ms: for how long a business reference is not used
    again; a day, so that what was entered today is not entered once more today by mistake.

    deadline_actions_max, retry_actions_max: how many such actions each module may take in one block.
    """

    id_window_ms: int = 600_000
    reference_window_ms: int = 86_400_000
    deadline_actions_max: int = 1_000
    retry_actions_max: int = 1_000


class GenesisHolder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node that executes from the founding on. node: hex of its tagged key. opening_key: hex of its public key, to
    which roots are wrapped."""

    node: str
    opening_key: str


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content.

    name: lower-case letters, digits and hyphens. secret_commitment: hex of the digest of the network secret that
    salts values. sealers: hex tagged keys that may sign headers under the embedded engine; none where the ledger is
    founded as a network, whose first validators the section `validators` names. sandbox: a ledger to try things on; the
    flag cannot be removed. sealed: whether transactions and receipts are sealed, which is switched off by name or not
    at all. holders: nodes that hold the roots of a sealed ledger. sections: for each module its own founding data.
    """

    name: str
    time_ms: int
    secret_commitment: str
    sealers: tuple[str, ...]
    sandbox: bool = False
    rule_version: int = RULE_VERSION
    parameters: Parameters = Parameters()
    sealed: bool = True
    holders: tuple[GenesisHolder, ...] = ()
    sections: dict[str, Any] = {}


def encode_genesis(genesis: Genesis) -> bytes:
    """The file's bytes: readable JSON with sorted keys."""
    return msgspec.json.format(msgspec.json.encode(genesis, order="sorted"), indent=2) + b"\n"


def decode_genesis(data: bytes) -> Genesis:
    """Raises ValueError that says what is wrong with the file."""
    try:
        genesis = msgspec.json.decode(data, type=Genesis)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"the genesis file is not valid: {error}") from None
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
    if not 0 < len(genesis.name) <= NAME_MAX or genesis.name.strip(allowed) or genesis.name[0] == "-":
        raise ValueError(
            f"the genesis file is not valid: the ledger's name has 1 to {NAME_MAX} lower-case letters, digits and "
            f"hyphens, not {genesis.name[:60]!r}"
        )
    numbers = (genesis.time_ms, *msgspec.structs.astuple(genesis.parameters))
    if not all(0 <= number < NUMBER_MAX for number in numbers):
        raise ValueError("the genesis file is not valid: a time or limit is negative, or beyond any use")
    if not 1 <= genesis.rule_version <= RULE_VERSION_MAX:
        raise ValueError("the genesis file is not valid: its rule version is none")
    validators = network_validators(genesis)
    if not genesis.sealers and not validators:
        raise ValueError(
            "the genesis file names no key that may sign headers, and no validators of a network"
        )
    if not all(is_key(key) for key in genesis.sealers):
        raise ValueError("the genesis file names something as a key that may sign headers that is no key")
    if genesis.sealed and not genesis.holders:
        raise ValueError(
            "the genesis file names no node that holds the root of a sealed ledger; "
            'say "sealed": false if it is not to be one'
        )
    if genesis.holders and not genesis.sealed:
        raise ValueError(
            "the genesis file names nodes that hold a root, but says that the ledger is not sealed"
        )
    if len(genesis.holders) > HOLDERS_MAX:
        raise ValueError(f"the genesis file names more than {HOLDERS_MAX} nodes that hold the root")
    if not all(is_key(one.node) and _is_opening_key(one.opening_key) for one in genesis.holders):
        raise ValueError("the genesis file names a node that holds the root with something that is no key")
    if len({one.node for one in genesis.holders}) != len(genesis.holders):
        raise ValueError("the genesis file names a node that holds the root twice")
    return genesis


def holders_of(genesis: Genesis) -> tuple[tuple[bytes, bytes], ...]:
    """(a node's address, its opening key) of those that hold the root from the founding on."""
    return tuple(
        (address_of(bytes.fromhex(one.node)), bytes.fromhex(one.opening_key)) for one in genesis.holders
    )


def _is_opening_key(text: str) -> bool:
    try:
        return is_opening_key(bytes.fromhex(text))
    except ValueError:
        return False


def network_validators(genesis: Genesis) -> tuple[Validator, ...]:
    """The validators that the genesis file names, in CometBFT's order: of a network they sign its first block.

    ValueError where they cannot be a validator set.
    """
    try:
        return in_order(founding_validators({"sections": genesis.sections}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the genesis file's section 'validators' is not valid: {error!r}") from None


def is_key(text: str) -> bool:
    """Whether this is the hexadecimal text of a tagged public key."""
    try:
        return check_key(bytes.fromhex(text))
    except ValueError:
        return False


def genesis_digest(data: bytes) -> bytes:
    """Over the file's exact bytes."""
    return sha256(GENESIS + data).digest()


def chain_id(name: str, digest: bytes) -> str:
    """The name and the first 16 hexadecimal digits of the genesis digest."""
    return f"{name}-{digest[:8].hex()}"


def secret_commitment(secret: bytes) -> str:
    """What genesis says of the network secret without revealing it."""
    return keyed(secret, b"commitment", 32).hex()
