"""That whoever puts a consensus key in force has it: a statement that the key itself signs.

Without it a member could enter another's key as its own, for whose votes it would then answer, or not; or one that
nobody has, whose power never votes.
"""

from __future__ import annotations

from counterfoil.primitives.digests import POSSESSION, begun
from counterfoil.primitives.signatures import verify


def possession_bytes(ledger: str, party: bytes, key: bytes) -> bytes:
    """What a consensus key signs before it is in force.

    ledger: the chain id; at the founding, when there is none yet, the genesis file's name. party: whose validator it
    is to be (20 bytes); at the founding its name. key: tagged (33 bytes).
    """
    return begun(POSSESSION, ledger.encode(), party, key)


def is_possessed(ledger: str, party: bytes, key: bytes, possession: bytes) -> bool:
    """Whether a statement is one of this key, about this ledger and party."""
    return verify(key, possession_bytes(ledger, party, key), possession)
