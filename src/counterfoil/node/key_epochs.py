"""What a node does about roots: draws up the next epoch, wraps the one in force for others, confirms what opens."""

from __future__ import annotations

import os

from counterfoil.machine.machine import Machine
from counterfoil.machine.sealed_ledger import SealedLedger
from counterfoil.modules.viewkeys.messages import AdmitHolder, ConfirmKeyEpoch, ProposeKeyEpoch
from counterfoil.modules.viewkeys.records import Wrapping
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.derivation import KEY_BYTES
from counterfoil.sealing.envelopes import wrap_root
from counterfoil.sealing.epochs import Epoch


def draft_epoch(machine: Machine, party: bytes) -> ProposeKeyEpoch:
    """The next epoch under a root that is drawn here and forgotten, for `party` to sign and send. It holds no key that
    its sender could use. Rejected LEDGER_IS_NOT_SEALED."""
    sealed = _sealed(machine)
    before, network = sealed.epoch, sealed.ring.network
    epoch = Epoch(before.number + 1, os.urandom(KEY_BYTES))
    wrappings = tuple(
        Wrapping(node, wrap_root(epoch, network, machine.chain_id, node, holder.opening_key))
        for node, holder in machine.wired.viewkeys.holders()
    )
    return ProposeKeyEpoch(
        party,
        epoch.number,
        epoch.commitment,
        epoch.bundle_key.public_key,
        epoch.archive(network, before),
        wrappings,
    )


def draft_admission(machine: Machine, party: bytes, node: bytes, opening_key: bytes) -> AdmitHolder:
    """The root in force, wrapped for another node (its address and public key), for `party` to sign and send.

    Rejected LEDGER_IS_NOT_SEALED or OPENING_KEY_IS_INVALID.
    """
    sealed = _sealed(machine)
    try:
        wrapped = wrap_root(sealed.epoch, sealed.ring.network, machine.chain_id, node, opening_key)
    except ValueError:
        raise Rejected(ViewKeysReject.OPENING_KEY_IS_INVALID) from None
    return AdmitHolder(party, node, opening_key, wrapped)


def confirmation(machine: Machine) -> ConfirmKeyEpoch | None:
    """This node's word that the epoch that waits is sound; None where none waits for it, or where it is not."""
    sealed, waiting = machine.sealed, machine.wired.viewkeys.proposed()
    if sealed is None or waiting is None:
        return None
    number, proposed = waiting
    node = sealed.ring.node
    wrapped = next((one.wrapped for one in proposed.wrappings if one.holder == node), None)
    if wrapped is None or node in proposed.confirmed:
        return None
    if not sealed.ring.is_sound(number, wrapped, proposed.commitment, proposed.bundle_key, proposed.archived):
        return None
    return ConfirmKeyEpoch(node, number, proposed.commitment)


def _sealed(machine: Machine) -> SealedLedger:
    if machine.sealed is None:
        raise Rejected(ViewKeysReject.LEDGER_IS_NOT_SEALED)
    return machine.sealed
