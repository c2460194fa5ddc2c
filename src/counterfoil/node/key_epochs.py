"""What a node does about roots: draws up the next epoch, wraps the one in force for others, confirms what opens."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from counterfoil.engine.port import Engine, EngineStopped, Sealer
from counterfoil.machine.machine import Machine
from counterfoil.machine.sealed_ledger import SealedLedger
from counterfoil.machine.transactions import NONCE_BYTES, Body, Mode, Signature, Transaction, sign_prefix
from counterfoil.modules.viewkeys.messages import AdmitHolder, ConfirmKeyEpoch, ProposeKeyEpoch
from counterfoil.modules.viewkeys.records import ProposedEpoch, Wrapping
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.derivation import KEY_BYTES
from counterfoil.sealing.envelopes import wrap_root
from counterfoil.sealing.epochs import Epoch

log = logging.getLogger(__name__)


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
    """This node's word that the epoch that waits for it is sound; None where it is not."""
    sealed, waiting = machine.sealed, waits_for_us(machine)
    if sealed is None or waiting is None:
        return None
    number, proposed, wrapped = waiting
    node = sealed.ring.node
    if not sealed.ring.is_sound(number, wrapped, proposed.commitment, proposed.bundle_key, proposed.archived):
        return None
    return ConfirmKeyEpoch(node, number, proposed.commitment)


def waits_for_us(machine: Machine) -> tuple[int, ProposedEpoch, bytes] | None:
    """(number, epoch, what is wrapped for this node) of the epoch that waits for its word; None where none does."""
    sealed, waiting = machine.sealed, machine.wired.viewkeys.proposed()
    if sealed is None or waiting is None or sealed.ring.node in waiting[1].confirmed:
        return None
    own = [one.wrapped for one in waiting[1].wrappings if one.holder == sealed.ring.node]
    return (*waiting, own[0]) if own else None


def _sealed(machine: Machine) -> SealedLedger:
    if machine.sealed is None:
        raise Rejected(ViewKeysReject.LEDGER_IS_NOT_SEALED)
    return machine.sealed


class Confirming:
    """Called between blocks: has the node say its word on each epoch that waits for it, once, by its own key."""

    def __init__(self, engine: Engine, key: Sealer, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._key = key
        self._clock = clock
        self._answered = b""

    def __call__(self) -> None:
        machine = self._engine.machine
        if machine.wired.viewkeys.proposed() is None:
            return
        with self._engine.lock:  # what was seen outside it may be of a block that is being tried out
            waiting = waits_for_us(machine)
            if waiting is None or waiting[1].commitment == self._answered:
                return
            message = confirmation(machine)
        self._answered = waiting[1].commitment
        if message is None:
            log.warning("key epoch %d waits, but what it holds for this node does not open", waiting[0])
            return
        try:
            self._engine.submit(self._signed(message), self._key.address)
        except (Rejected, EngineStopped) as error:
            self._answered = b""
            log.warning("key epoch %d could not be confirmed yet: %s", waiting[0], error)

    def _signed(self, message: Message) -> bytes:
        machine, last = self._engine.machine, self._engine.machine.last
        now_ms = max(self._clock(), last.time_ms if last is not None else 0)
        expiry_ms = now_ms + machine.parameters.id_window_ms // 2
        body = encode(
            Body(expiry_ms, os.urandom(NONCE_BYTES), (self._key.address,), Mode.ALL_OR_NOTHING, (message,))
        )
        signature = self._key.sign(sign_prefix(machine.chain_id) + body)
        return encode(Transaction(body, (Signature(0, self._key.public_key, signature),)))
