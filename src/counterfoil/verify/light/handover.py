"""A ledger grows up: its sealer's last word names the validators that go on with it.

The chain id, the genesis file and the heights stay. What the sealer signs binds the ledger, its last block under the
embedded engine, and the first validator set of the network, which decides from the next height on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from counterfoil.primitives.digests import HANDOVER
from counterfoil.primitives.signatures import verify
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import Validator
from counterfoil.state.proof_formats import Handover
from counterfoil.verify.light.commits import check_validators
from counterfoil.verify.light.encoding import in_order, validators_hash
from counterfoil.verify.light.refusals import require
from counterfoil.verify.light.steps import TrustedState


def handover_message(chain_id: str, header: Header, validators: Sequence[Validator]) -> bytes:
    """What the sealer signs."""
    name = chain_id.encode()
    return HANDOVER + bytes([len(name)]) + name + header.digest() + validators_hash(validators)


def hand_over(
    chain_id: str, header: Header, validators: Sequence[Validator], sign: Callable[[bytes], bytes]
) -> Handover:
    """Name the validators that go on after a header. sign: with the key that sealed it. Raises `Invalid`."""
    check_validators(validators)
    named = in_order(validators)
    return Handover(header, named, sign(handover_message(chain_id, header, named)))


def check_handover(handover: Handover, chain_id: str, sealers: Sequence[bytes]) -> TrustedState:
    """Where trust in the network begins, if a sealer of the ledger has handed it over. `Invalid` where none has."""
    validators, header = handover.validators, handover.header
    check_validators(validators)
    require(validators == in_order(validators), "the handover's validators are not in their order")
    message = handover_message(chain_id, header, validators)
    require(
        any(verify(key, message, handover.seal) for key in sealers),
        "the handover to the network is not sealed by a key that the genesis file names",
    )
    return TrustedState.founded(chain_id, validators, height=header.height)
