"""Checking proofs with nothing but the ledger's genesis file: no network, no store, no access to the ledger.

It stands on `primitives` and on the plain formats and digests of `state` (leaves, tree shape, headers, receipts,
links, proof formats, light blocks), which need no more than `primitives` themselves. `light` follows the headers of
CometBFT.
"""

from counterfoil.verify.check import verify_proof
from counterfoil.verify.grounds import Ground, Origin
from counterfoil.verify.receipts import check_seal, check_sealed_receipts
from counterfoil.verify.refusal import ProofRefused
from counterfoil.verify.trust import Trust
from counterfoil.verify.verified import Describe, ProvenReceipt, ProvenRecord, Verified

__all__ = [
    "Describe",
    "Ground",
    "Origin",
    "ProofRefused",
    "ProvenReceipt",
    "ProvenRecord",
    "Trust",
    "Verified",
    "check_seal",
    "check_sealed_receipts",
    "verify_proof",
]
