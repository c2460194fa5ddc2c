"""The one port of whatever keeps private keys: a folder of files, a hardware module, a custodian's service.

Commands and clients know this port alone; which store is behind it is said in one text (`cli` reads it), so that an
application that signs with a file today signs with a module tomorrow without a change.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

import msgspec

from counterfoil.custody.signers import HeldKey
from counterfoil.primitives.addresses import AddressKind, address_of, to_text

NAME_PATTERN: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""A name is also a file's name, on systems too that do not tell A from a."""


class KeyStoreError(Exception):
    """A key store, or a key in it, cannot be used; the message says why and what to do, and nothing secret."""


class KeyDescription(msgspec.Struct, frozen=True):
    """A key without its secret. Where `problem` is not empty, nothing else of it counts.

    place: where it is, for people: a file, a token, a custodian. protection: what has to be said before it signs:
    "passphrase", "PIN", "login", or "none".
    """

    name: str
    public_key: bytes
    place: str
    protection: str
    problem: str = ""

    @property
    def address(self) -> str:
        """As text (`cfk1…`); "" where the key has a problem."""
        return to_text(AddressKind.SIGNER, address_of(self.public_key)) if self.public_key else ""


class KeyStore(Protocol):
    """Keys by name. Every error is a `KeyStoreError`. A key that `open` gives is usable until the store is closed."""

    def entries(self) -> list[KeyDescription]:
        """All keys that can be named here, in the order of their names. Nothing secret is asked for."""
        ...

    def open(self, name: str) -> HeldKey:
        """The key of that name, ready to sign and to open."""
        ...

    def generate(self, name: str) -> HeldKey:
        """A new random key of that name. A name that is taken is refused; nothing is ever overwritten."""
        ...

    def close(self) -> None:
        """Log out, and let go of what the store holds open."""
        ...


def check_name(name: str) -> None:
    """KeyStoreError for what cannot name a key in any store."""
    if NAME_PATTERN.fullmatch(name) is None:
        raise KeyStoreError(
            f"{name!r} cannot name a key: use 1 to 64 of a-z, 0-9, dot, hyphen and underscore, "
            "beginning and ending with a letter or digit."
        )
