"""The keys of a node, and how an operator draws them for a network that somebody else makes.

DIR/secret         the node's four secrets, under a passphrase; never leaves the operator
DIR/public.json    what belongs to them in public, for whoever makes the network
DIR/used           the folder that was made with them: two folders of one validator would sign twice

Whoever makes the network keeps the public files as NODE.json in a folder. A public file is signed with the sealing key
in it, so that one that was changed on its way is noticed; from whom it comes, the maker asks the operator.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from counterfoil.custody.key_files import STANDARD_COST, ArgonCost
from counterfoil.custody.sealed_secrets import open_secret, seal_secret
from counterfoil.machine.founding import founding_nodes
from counterfoil.machine.genesis import Genesis, GenesisHolder, network_validators
from counterfoil.modules.validators.interface import is_possessed
from counterfoil.node.ledger import NodeSecrets, SealingKey
from counterfoil.node.network.homes import EngineKeys, possession_of, public_of
from counterfoil.node.network.settings import NetworkNode, NetworkSettings, encoded
from counterfoil.primitives.signatures import ED25519, SECRET_BYTES, check_key, verify
from counterfoil.sealing.opening_keys import OpeningKey, is_opening_key
from counterfoil.storage import files
from counterfoil.storage.errors import FolderRefused
from counterfoil.storage.folder import is_taken

SECRET_NAME: Final = "secret"
PUBLIC_NAME: Final = "public.json"
USED_NAME: Final = "used"
FORMAT: Final = "counterfoil node keys 2"
NODE_ID_BYTES: Final = 20
FILE_BYTES_MAX: Final = 1 << 14
"""A public file has about 600 bytes; whatever is larger is something else."""
_PURPOSE: Final = "a node's keys"
_SUFFIX: Final = ".json"
_SECRETS: Final = 4


class PublicKeys(NamedTuple):
    """What others know a node by. node_id: of its engine, hex. validator: 32 bytes, as its engine has it.
    sealing: tagged. opening: to which roots are wrapped.

    network, party: the names of the ledger, and of the party whose validator it is to be, to which the validator's key
    has put its signature, `possession`; empty where it has not been asked to.
    """

    node_id: str
    validator: bytes
    sealing: bytes
    opening: bytes
    network: str = ""
    party: str = ""
    possession: bytes = b""

    @property
    def holder(self) -> GenesisHolder:
        """As one of the nodes that hold the first root."""
        return GenesisHolder(self.sealing.hex(), self.opening.hex())


class NodeKeys(NamedTuple):
    """Secrets of 32 bytes each, all of one node's own."""

    engine: EngineKeys
    sealer: bytes
    opening: bytes

    @classmethod
    def draw(cls, validator: bytes | None = None) -> NodeKeys:
        """validator: one that is on record already."""
        engine = EngineKeys(os.urandom(SECRET_BYTES), validator or os.urandom(SECRET_BYTES))
        return cls(engine, os.urandom(SECRET_BYTES), os.urandom(SECRET_BYTES))

    def of_node(self, network: bytes, roots: tuple[bytes, ...] = ()) -> NodeSecrets:
        return NodeSecrets(network, self.sealer, self.opening, roots)

    def stated(self, network: str, party: str) -> PublicKeys:
        """What is public, with the statement of the validator's key for the founding of a network."""
        possession = possession_of(self.engine.validator, network, party.encode())
        return self.public._replace(network=network, party=party, possession=possession)

    @property
    def public(self) -> PublicKeys:
        return PublicKeys(
            self.engine.node_id,
            public_of(self.engine.validator),
            SealingKey(self.sealer).public_key,
            OpeningKey(self.opening).public_key,
        )


class _PublicFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All hex but network and party, which are names. signature: of the sealing key, over everything before it as the
    file has it without a signature. possession: of the validator's key, that it is to be this party's on a ledger of
    this name."""

    format: str
    network: str
    party: str
    node_id: str
    validator_key: str
    possession: str
    sealing_key: str
    opening_key: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        return encoded(msgspec.structs.replace(self, signature=""))


def write_keys(
    folder: Path, passphrase: str, network: str, party: str, *, cost: ArgonCost = STANDARD_COST
) -> PublicKeys:
    """Draw a node's keys into a folder that is new or empty, whole or not at all. KeyFileError, FolderRefused.

    network, party: as the genesis file is to name the ledger, and the party whose validator the node is to be.
    """
    if is_taken(folder):
        raise FolderRefused(f"There is something in {folder} already; name a new or an empty folder.")
    keys = NodeKeys.draw()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        secret = b"".join((*keys.engine, keys.sealer, keys.opening))
        seal_secret(folder / SECRET_NAME, _PURPOSE, secret, passphrase, cost=cost)
        files.write_new(folder / PUBLIC_NAME, encode_public(keys, network, party), mode=0o644)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return keys.stated(network, party)


def read_keys(folder: Path, passphrase: str) -> NodeKeys:
    """What `write_keys` drew. KeyFileError where it is missing, damaged or locked."""
    secret = open_secret(folder / SECRET_NAME, _PURPOSE, passphrase)
    if len(secret) != _SECRETS * SECRET_BYTES:
        raise FolderRefused(f"{folder / SECRET_NAME} does not hold the {_SECRETS} keys of a node.")
    node, validator, sealer, opening = (
        secret[at : at + SECRET_BYTES] for at in range(0, len(secret), SECRET_BYTES)
    )
    return NodeKeys(EngineKeys(node, validator), sealer, opening)


def encode_public(keys: NodeKeys, network: str, party: str) -> bytes:
    """The public file's bytes: the same for the same keys and names."""
    public = keys.stated(network, party)
    content = _PublicFile(
        FORMAT,
        network,
        party,
        public.node_id,
        public.validator.hex(),
        public.possession.hex(),
        public.sealing.hex(),
        public.opening.hex(),
    )
    signature = SealingKey(keys.sealer).sign(content.signed)
    return encoded(msgspec.structs.replace(content, signature=signature.hex()))


def decode_public(data: bytes) -> PublicKeys:
    """ValueError that says what is wrong with a public file."""
    if len(data) > FILE_BYTES_MAX:
        raise ValueError("it is too large for a public file of a node's keys")
    try:
        content = msgspec.json.decode(data, type=_PublicFile)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"it is no public file of a node's keys: {error}") from None
    if content.format != FORMAT:
        raise ValueError(f"its format is {content.format!r}, and {FORMAT!r} is wanted")
    node_id = _bytes(content.node_id, "node_id")
    public = PublicKeys(
        content.node_id,
        _bytes(content.validator_key, "validator_key"),
        _bytes(content.sealing_key, "sealing_key"),
        _bytes(content.opening_key, "opening_key"),
        content.network,
        content.party,
        _bytes(content.possession, "possession"),
    )
    if len(node_id) != NODE_ID_BYTES:
        raise ValueError(f"node_id has {len(node_id)} bytes, not {NODE_ID_BYTES}")
    if not check_key(ED25519 + public.validator):
        raise ValueError("validator_key is no key of Ed25519")
    if not check_key(public.sealing):
        raise ValueError("sealing_key is no tagged key of Ed25519")
    if not is_opening_key(public.opening):
        raise ValueError("opening_key is no key of X25519")
    if not verify(public.sealing, content.signed, _bytes(content.signature, "signature")):
        raise ValueError("its signature does not hold: it was changed after it was made")
    require_possession(public, content.network, content.party)
    return public


def require_possession(public: PublicKeys, network: str, party: str) -> None:
    """ValueError unless the validator's key has signed that it is to be this party's on a ledger of this name."""
    if (public.network, public.party) != (network, party):
        raise ValueError(
            f"its validator key is for {public.party!r} on a ledger {public.network!r}, not for {party!r} on"
            f" {network!r}: let its operator draw keys for these names"
        )
    if not is_possessed(network, party.encode(), ED25519 + public.validator, public.possession):
        raise ValueError(
            "its validator key has not signed that it is to be this party's: whoever drew it has another"
        )


def read_public(folder: Path, executing: Sequence[str]) -> dict[str, PublicKeys]:
    """The public files of a folder by their nodes' names. ValueError names the file and what is wrong with it.

    executing: names of the nodes that the host list has, but for followers, which have no such keys.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ValueError(f"{folder} cannot be read: {error.strerror}") from None
    found: dict[str, PublicKeys] = {}
    seen: dict[str, Path] = {}
    for path in paths:
        name = path.name.removesuffix(_SUFFIX)
        if name == path.name:
            raise ValueError(f"{path} is no public file: such a file is named NODE{_SUFFIX}")
        if name not in executing:
            raise ValueError(f"{path}: the host list has no validator or full node {name!r}")
        try:
            public = decode_public(path.read_bytes())
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        ed25519 = (public.validator.hex(), public.sealing.removeprefix(ED25519).hex())
        for key in (public.node_id, *ed25519, public.opening.hex()):
            if key in seen:
                raise ValueError(
                    f"{path}: the key {key} stands in {seen[key]} already; every key is used once"
                )
            seen[key] = path
        found[name] = public
    if not found:
        raise ValueError(f"{folder} has no public file NODE{_SUFFIX}")
    return found


def require_named(network: NetworkSettings, genesis: Genesis, name: str, public: PublicKeys) -> NetworkNode:
    """The node as its network describes it. ValueError unless description and genesis know it by exactly these keys."""
    mine = next((node.name for node in network.nodes if node.id == public.node_id), "")
    whose = f"; these keys are those of {mine!r}" if mine and mine != name else ""
    own = next((node for node in network.nodes if node.name == name), None)
    if own is None:
        names = ", ".join(node.name for node in network.nodes)
        raise ValueError(f"the network has no node {name!r}, it has {names}{whose}")
    differing = []
    if own.id != public.node_id:
        differing.append("node id")
    if own.power:
        powers = {validator.key: validator.power for validator in network_validators(genesis)}
        described = own.validator_key == public.validator.hex()
        if not described or powers.get(ED25519 + public.validator) != own.power:
            differing.append("validator key")
    if public.sealing not in founding_nodes(genesis):
        differing.append("sealing key")
    if genesis.sealed and public.holder not in genesis.holders:
        differing.append("opening key")
    if differing:
        what = ", ".join(differing)
        raise ValueError(f"the network does not name {name!r} with the keys given ({what}){whose}")
    return own


class Claim:
    """A folder of keys that is used for one node's folder, once; given back where that is not made."""

    def __init__(self, keys: Path, folder: Path) -> None:
        self._path = keys / USED_NAME
        try:
            files.write_new(self._path, f"{folder}\n".encode())
        except FileExistsError:
            raise FolderRefused(
                f"A node's folder was made with {keys} already: {self._path.read_text().strip()}. A validator that"
                f" runs in two places signs twice and loses its power. If that folder was never started, delete it and"
                f" {self._path}."
            ) from None
        except OSError as error:
            raise FolderRefused(f"{self._path} cannot be written: {error.strerror}.") from None

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._path.unlink(missing_ok=True)


def _bytes(text: str, what: str) -> bytes:
    """Lower-case hexadecimal digits only: a key has one form."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if not data or data.hex() != text:
        raise ValueError(f"{what} is not in lower-case hexadecimal digits")
    return data
