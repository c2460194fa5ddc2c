"""The rules about holdings: what a holder sets aside, and what is done by order without the holder."""

from __future__ import annotations

from counterfoil.modules.holdings.accounts import is_known_to, require_account, require_known_account
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.facts import TransferredByOrder
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.holdings.messages import (
    ForceTransfer,
    FreezeHolding,
    PlaceEarmark,
    ReleaseEarmark,
    UnfreezeHolding,
)
from counterfoil.modules.holdings.records import Earmark, EarmarkReason, PostingReason
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.holdings.rules_accounts import ORDER_HASH_LENGTH
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import PartyStatus, Role
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected


def place_earmark(books: HoldingsBooks, ask: PlaceEarmark, context: ActionContext) -> None:
    """Set part of a holding aside, by its holder."""
    holdings = Holdings(books)
    account = require_known_account(books, context, ask.account_id)
    holdings.authorise_account(context, ask.account_id, account, PlaceEarmark, ask.quantity)
    instrument = books.instruments.require(ask.instrument_id)
    if ask.beneficiary and books.parties.find(ask.beneficiary) is None:
        raise Rejected(HoldingsReject.EARMARK_OWNER_IS_NOT_A_PARTY, beneficiary=ask.beneficiary)
    holdings.check_debit(ask.account_id, account, ask.instrument_id, 0)

    holdings.earmark(
        context,
        ask.account_id,
        account,
        ask.instrument_id,
        instrument,
        ask.quantity,
        EarmarkReason.HOLDER,
        ask.beneficiary or account.owner,
        ask.reference,
        ask.expiry_ms,
    )


def release_earmark(books: HoldingsBooks, ask: ReleaseEarmark, context: ActionContext) -> None:
    """Release what a holder has set aside: by the beneficiary, while there is one, else by the holder."""
    earmark = _require_known_earmark(books, context, ask.earmark_id)
    if earmark.reason is not EarmarkReason.HOLDER:
        raise Rejected(HoldingsReject.NOT_A_HOLDERS_EARMARK, reason=earmark.reason.name)
    holdings = Holdings(books)
    account = require_account(books, earmark.account_id)
    quantity = ask.quantity or earmark.quantity
    beneficiary = books.parties.find(earmark.owner)
    gone = beneficiary is None or beneficiary.status is PartyStatus.TERMINATED
    if gone or earmark.owner == account.owner:
        holdings.authorise_account(context, earmark.account_id, account, ReleaseEarmark, quantity)
    else:
        books.parties.authorise(context, earmark.owner, ReleaseEarmark, earmark.account_id, quantity)

    holdings.release(context, ask.earmark_id, quantity)


def force_transfer(books: HoldingsBooks, ask: ForceTransfer, context: ActionContext) -> None:
    """Move a holding by order. Freezes of the source do not stand in the way, those of the target do."""
    instrument = books.instruments.require(ask.instrument_id)
    _authorise_by_order(
        books, context, instrument, ask.authority, ForceTransfer, ask.source_account, ask.quantity
    )
    if len(ask.order_hash) != ORDER_HASH_LENGTH:
        raise Rejected(HoldingsReject.ORDER_HASH_IS_MALFORMED, bytes=len(ask.order_hash))
    holdings = Holdings(books)
    source = require_account(books, ask.source_account)
    target = require_account(books, ask.target_account)
    holdings.check_credit(ask.target_account, target, ask.instrument_id, ask.quantity)
    if ask.earmark_id:
        earmark = _require_earmark(books, ask.earmark_id)
        if earmark.account_id != ask.source_account or earmark.instrument_id != ask.instrument_id:
            raise Rejected(HoldingsReject.EARMARK_IS_OF_ANOTHER_HOLDING)
        if earmark.reason is not EarmarkReason.FREEZE:
            raise Rejected(HoldingsReject.EARMARK_IS_NOT_A_FREEZE, reason=earmark.reason.name)
        _require_whoever_lifts(books, earmark, ask.authority)

    if ask.earmark_id:
        holdings.move_earmarked(
            context,
            ask.earmark_id,
            ask.target_account,
            target,
            ask.quantity,
            PostingReason.FORCED_TRANSFER,
            ask.order_hash,
        )
    else:
        holdings.move(
            context,
            ask.instrument_id,
            instrument,
            ask.source_account,
            source,
            ask.target_account,
            target,
            ask.quantity,
            PostingReason.FORCED_TRANSFER,
            ask.order_hash,
        )
    fact = TransferredByOrder(ask.authority, ask.instrument_id, ask.quantity, ask.order_hash)
    context.tell(fact, ask.authority, source.relationship, target.relationship, instrument.issuer)


def freeze_holding(books: HoldingsBooks, ask: FreezeHolding, context: ActionContext) -> None:
    """Set part of a holding aside by order, until the order is lifted."""
    instrument = books.instruments.require(ask.instrument_id)
    _authorise_by_order(
        books, context, instrument, ask.authority, FreezeHolding, ask.account_id, ask.quantity
    )
    if len(ask.order_hash) != ORDER_HASH_LENGTH:
        raise Rejected(HoldingsReject.ORDER_HASH_IS_MALFORMED, bytes=len(ask.order_hash))
    account = require_account(books, ask.account_id)

    Holdings(books).earmark(
        context,
        ask.account_id,
        account,
        ask.instrument_id,
        instrument,
        ask.quantity,
        EarmarkReason.FREEZE,
        ask.authority,
        ask.order_hash,
    )


def unfreeze_holding(books: HoldingsBooks, ask: UnfreezeHolding, context: ActionContext) -> None:
    """Lift a freeze of a holding, in part or whole."""
    regulates = books.parties.has_role(ask.authority, Role.REGULATOR)
    earmark = _require_known_earmark(books, context, ask.earmark_id, ask.authority if regulates else b"")
    if earmark.reason is not EarmarkReason.FREEZE:
        raise Rejected(HoldingsReject.EARMARK_IS_NOT_A_FREEZE, reason=earmark.reason.name)
    _require_whoever_lifts(books, earmark, ask.authority)
    quantity = ask.quantity or earmark.quantity
    books.parties.authorise(context, ask.authority, UnfreezeHolding, earmark.account_id, quantity)

    Holdings(books).release(context, ask.earmark_id, quantity)


def _require_earmark(books: HoldingsBooks, earmark_id: bytes) -> Earmark:
    earmark = books.earmarks.find(earmark_id)
    if earmark is None:
        raise Rejected(HoldingsReject.EARMARK_NOT_FOUND, earmark=earmark_id)
    return earmark


def _require_known_earmark(
    books: HoldingsBooks, context: ActionContext, earmark_id: bytes, authority: bytes = b""
) -> Earmark:
    """An earmark; one that none of the signers may see is not there. Its owner may, and who sees the account."""
    earmark = _require_earmark(books, earmark_id)
    account = books.accounts.find(earmark.account_id)
    spoken_for = (one for one in (earmark.owner, authority) if one)
    if account is not None and not any(books.parties.is_spoken_for(context, one) for one in spoken_for):
        if not is_known_to(books, context, account):
            raise Rejected(HoldingsReject.EARMARK_NOT_FOUND, earmark=earmark_id)
    return earmark


def _require_whoever_lifts(books: HoldingsBooks, earmark: Earmark, authority: bytes) -> None:
    """A freeze ends, whether lifted or carried out, by whoever placed it or by a regulator."""
    if authority != earmark.owner and not books.parties.has_role(authority, Role.REGULATOR):
        raise Rejected(HoldingsReject.AUTHORITY_MAY_NOT_UNFREEZE, authority=authority)


def _authorise_by_order(
    books: HoldingsBooks,
    context: ActionContext,
    instrument: Instrument,
    authority: bytes,
    message_type: type[Message],
    account_id: bytes,
    quantity: int,
) -> None:
    if authority != instrument.registrar and not books.parties.has_role(authority, Role.REGULATOR):
        raise Rejected(HoldingsReject.AUTHORITY_MAY_NOT_FORCE, authority=authority)
    books.parties.authorise(context, authority, message_type, account_id, quantity)
