"""All sealed receipts of one block, checked by anybody: against the receipts root of a header that is sealed."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.primitives.digests import EMPTY
from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import Header, seal_message
from counterfoil.state.leaves import root_digest
from counterfoil.state.receipts import SealedReceipt
from counterfoil.verify.refusal import demand
from counterfoil.verify.tree_paths import top_of
from counterfoil.verify.trust import Trust


def check_seal(trust: Trust, header: Header, seal: bytes) -> None:
    """ProofRefused where the header is not sealed by a key that the genesis file names."""
    message = seal_message(trust.chain_id, header.digest())
    demand(
        any(verify(key, message, seal) for key in trust.sealers),
        f"the header of block {header.height} is not sealed by a key that the genesis file names",
    )


def check_sealed_receipts(header: Header, receipts: Sequence[SealedReceipt]) -> None:
    """ProofRefused unless these are all receipts of the header's block, in their order and unchanged.

    That the header is the ledger's is checked before: by its seal, or by a proof that leads to it. No key is needed.
    What a receipt says is known only to whom it is for (`sealing.receipts.open_own`).
    """
    demand(
        len(receipts) == header.receipt_count,
        f"block {header.height} has {header.receipt_count} receipts, not {len(receipts)}",
    )
    for receipt in receipts:
        sealed = bool(receipt.sealed)
        demand(
            sealed != bool(receipt.plaintext) and len(receipt.hidden) == (32 if sealed else 0),
            "a receipt is either sealed, with its digest, or for everybody",
        )
    leaves = dict(enumerate(receipt.leaf() for receipt in receipts))
    top = top_of(len(leaves), leaves, b"") if leaves else EMPTY
    demand(
        root_digest(len(leaves), 0, top) == header.receipts_root,
        f"the receipts are not those of block {header.height}",
    )
