"""What a verifier must believe beforehand: a ledger's genesis file, hence its name and who may seal its headers."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import NamedTuple

from counterfoil.primitives.digests import GENESIS
from counterfoil.primitives.signatures import check_key

_CHAIN_ID_DIGEST_SIZE = 8
_NAME_MAX = 33


class Trust(NamedTuple):
    """chain_id: the name and the first 16 hexadecimal digits of the genesis digest. sealers: tagged keys."""

    chain_id: str
    genesis: bytes
    sealers: tuple[bytes, ...]
    sandbox: bool

    @classmethod
    def in_genesis(cls, data: bytes) -> Trust:
        """From the exact bytes of a genesis file. ValueError where it is none.

        Whoever takes the file from a stranger trusts that stranger: compare its digest, or the chain id, with what
        the market publishes.
        """
        try:
            content = json.loads(data)
            name, sealers, sandbox = content["name"], content["sealers"], content.get("sandbox", False)
            keys = tuple([bytes.fromhex(key) for key in sealers])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is not a genesis file: {error!r}") from None
        if not isinstance(name, str) or not 0 < len(name.encode()) <= _NAME_MAX:
            raise ValueError("this is not a genesis file: it does not name a ledger")
        if not isinstance(sandbox, bool):
            raise ValueError("this is not a genesis file: its sandbox flag is neither true nor false")
        if not keys or not all(check_key(key) for key in keys):
            raise ValueError("the genesis file does not name good keys that may seal headers")
        digest = sha256(GENESIS + data).digest()
        return cls(f"{name}-{digest[:_CHAIN_ID_DIGEST_SIZE].hex()}", digest, keys, sandbox)
