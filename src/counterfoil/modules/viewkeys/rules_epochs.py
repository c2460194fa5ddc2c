"""Roots: which nodes hold one, and how the next comes into force."""

from __future__ import annotations

from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.modules.viewkeys.books import ViewKeysBooks
from counterfoil.modules.viewkeys.facts import (
    HolderAdmitted,
    HolderRemoved,
    KeyEpochBegins,
    KeyEpochProposed,
)
from counterfoil.modules.viewkeys.messages import AdmitHolder, ConfirmKeyEpoch, ProposeKeyEpoch, RemoveHolder
from counterfoil.modules.viewkeys.records import (
    ARCHIVED_BYTES,
    DIGEST_BYTES,
    HOLDERS_MAX,
    IN_FORCE,
    WRAPPED_BYTES,
    EpochInForce,
    Holder,
    KeyEpoch,
    ProposedEpoch,
    epoch_key,
)
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.opening_keys import is_opening_key

ADDRESS_SIZE = 20


def admit_holder(books: ViewKeysBooks, ask: AdmitHolder, context: ActionContext) -> None:
    """A proposal that was not wrapped for it is dropped."""
    books.parties.authorise(context, ask.party, AdmitHolder)
    number = require_sealed(books)
    if len(ask.node) != ADDRESS_SIZE:
        raise Rejected(ViewKeysReject.NODE_ADDRESS_IS_INVALID, bytes=len(ask.node))
    if not is_opening_key(ask.opening_key):
        raise Rejected(ViewKeysReject.OPENING_KEY_IS_INVALID)
    if books.holders.find(ask.node) is not None:
        raise Rejected(ViewKeysReject.HOLDER_EXISTS, node=ask.node)
    if sum(1 for _ in books.holders.scan()) >= HOLDERS_MAX:
        raise Rejected(ViewKeysReject.TOO_MANY_HOLDERS, limit=HOLDERS_MAX)
    if len(ask.wrapped) != WRAPPED_BYTES:
        raise Rejected(ViewKeysReject.WRAPPING_IS_MALFORMED, bytes=len(ask.wrapped))

    books.holders.put(ask.node, Holder(ask.opening_key, number, ask.wrapped))
    _drop_proposal(books)
    context.tell(HolderAdmitted(ask.node, ask.opening_key, number, ask.wrapped), PUBLIC)


def remove_holder(books: ViewKeysBooks, ask: RemoveHolder, context: ActionContext) -> None:
    """A proposal that was wrapped for it is dropped."""
    books.parties.authorise(context, ask.party, RemoveHolder)
    require_sealed(books)
    if len(ask.node) != ADDRESS_SIZE or books.holders.find(ask.node) is None:
        raise Rejected(ViewKeysReject.HOLDER_NOT_FOUND)
    if sum(1 for _ in books.holders.scan()) == 1:
        raise Rejected(ViewKeysReject.LAST_HOLDER)

    books.holders.delete(ask.node)
    _drop_proposal(books)
    context.tell(HolderRemoved(ask.node), PUBLIC)


def propose_epoch(books: ViewKeysBooks, ask: ProposeKeyEpoch, context: ActionContext) -> None:
    """Whether the wrappings open is for their holders to say."""
    books.parties.authorise(context, ask.party, ProposeKeyEpoch)
    number = require_sealed(books)
    if ask.number != number + 1:
        raise Rejected(ViewKeysReject.EPOCH_IS_NOT_NEXT, in_force=number)
    if (
        len(ask.commitment) != DIGEST_BYTES
        or not is_opening_key(ask.bundle_key)
        or len(ask.archived) != ARCHIVED_BYTES
        or any(len(one.wrapped) != WRAPPED_BYTES for one in ask.wrappings)
    ):
        raise Rejected(ViewKeysReject.WRAPPING_IS_MALFORMED)
    holders = tuple([address for address, _ in books.holders.scan()])
    if tuple([one.holder for one in ask.wrappings]) != holders:
        raise Rejected(ViewKeysReject.WRAPPINGS_ARE_NOT_THE_HOLDERS, holders=len(holders))

    _drop_proposal(books)
    proposed = ProposedEpoch(ask.commitment, ask.bundle_key, ask.archived, ask.wrappings, ())
    books.proposed.put(epoch_key(ask.number), proposed)
    context.tell(KeyEpochProposed(ask.number, ask.commitment), ask.party, *holders)


def confirm_epoch(books: ViewKeysBooks, ask: ConfirmKeyEpoch, context: ActionContext) -> None:
    """With the last holder's word the epoch is in force from the next block on."""
    require_sealed(books)
    if ask.node not in context.signers:
        raise Rejected(ViewKeysReject.NODE_HAS_NOT_SIGNED, node=ask.node)
    if books.holders.find(ask.node) is None:
        raise Rejected(ViewKeysReject.HOLDER_NOT_FOUND, node=ask.node)
    key = epoch_key(ask.number) if 0 <= ask.number < 2**63 else b""
    proposed = books.proposed.find(key)
    if proposed is None or proposed.commitment != ask.commitment:
        raise Rejected(ViewKeysReject.EPOCH_IS_NOT_PROPOSED, number=ask.number)
    if ask.node in proposed.confirmed:
        raise Rejected(ViewKeysReject.EPOCH_IS_CONFIRMED, number=ask.number)

    confirmed = tuple(sorted((*proposed.confirmed, ask.node)))
    if len(confirmed) < len(proposed.wrappings):
        books.proposed.put(
            key,
            ProposedEpoch(
                proposed.commitment,
                proposed.bundle_key,
                proposed.archived,
                proposed.wrappings,
                confirmed,
            ),
        )
        return
    books.proposed.delete(key)
    begun = KeyEpoch(
        proposed.commitment,
        proposed.bundle_key,
        proposed.archived,
        proposed.wrappings,
        context.height + 1,
        context.time_ms,
    )
    books.epochs.put(key, begun)
    books.in_force.put(IN_FORCE, EpochInForce(ask.number))
    fact = KeyEpochBegins(
        ask.number,
        begun.commitment,
        begun.bundle_key,
        begun.archived,
        begun.wrappings,
        begun.from_height,
    )
    context.tell(fact, PUBLIC)


def require_sealed(books: ViewKeysBooks) -> int:
    """The number of the epoch in force. Rejected LEDGER_IS_NOT_SEALED."""
    in_force = books.in_force.find(IN_FORCE)
    if in_force is None:
        raise Rejected(ViewKeysReject.LEDGER_IS_NOT_SEALED)
    return in_force.number


def _drop_proposal(books: ViewKeysBooks) -> None:
    waiting = books.proposed.first()
    if waiting is not None:
        books.proposed.delete(waiting[0])
