"""The rules about accounts."""

from __future__ import annotations

from counterfoil.modules.holdings.accounts import (
    INTERMEDIARIES,
    Disposal,
    amend_account,
    check_disposal,
    close_account,
    open_account,
    require_known_account,
    set_freezes,
)
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.facts import AccountFrozen, AccountUnfrozen
from counterfoil.modules.holdings.interface import Holdings
from counterfoil.modules.holdings.messages import (
    AmendAccount,
    CloseAccount,
    FreezeAccount,
    OpenAccount,
    UnfreezeAccount,
)
from counterfoil.modules.holdings.records import (
    FREEZES_MAX,
    REGULATOR_FREEZES_MAX,
    Account,
    AccountFreeze,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.module import EVERY, ActionContext
from counterfoil.modules.parties.interface import Role, hide_unless_known_to_all
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected

ORDER_HASH_LENGTH = 32


def open_new_account(books: HoldingsBooks, ask: OpenAccount, context: ActionContext) -> None:
    """Open an account for a verified owner, by its licensed servicer.

    Whoever disposes of an account speaks for its owner, so that nobody is given one unasked: a servicer acts for its
    own clients, anybody else agrees itself.
    """
    books.parties.require_role(ask.servicer, *INTERMEDIARIES)
    books.parties.authorise(context, ask.servicer, OpenAccount)
    signers, threshold = ask.signers, ask.threshold
    if ask.address:
        if len(ask.address) != 20:
            raise Rejected(HoldingsReject.ADDRESS_IS_MALFORMED, bytes=len(ask.address))
        if ask.address not in context.signers:
            raise Rejected(HoldingsReject.ADDRESS_HAS_NOT_SIGNED, address=ask.address)
        if books.parties.policy(ask.address) is not None:
            raise Rejected(HoldingsReject.ADDRESS_IS_NOT_A_BARE_KEY, address=ask.address)
        if not signers and not threshold:
            signers, threshold = (ask.address,), 1

    for holder in (ask.owner, *ask.joint_holders):
        _require_agreement(books, context, ask.servicer, holder, OpenAccount)
    disposal = Disposal(
        signers, threshold, ask.joint_holders, ask.default_cash_account, ask.servicer_instructs
    )
    open_account(books, context, ask.address, ask.owner, ask.servicer, ask.kind, disposal)


def amend(books: HoldingsBooks, ask: AmendAccount, context: ActionContext) -> None:
    """Say anew who disposes of an account: this is also how its keys are rotated."""
    account = require_known_account(books, context, ask.account_id)
    servicer_too = account.servicer_instructs and not account.signers
    Holdings(books).authorise_account(
        context, ask.account_id, account, AmendAccount, servicer_too=servicer_too
    )
    disposal = Disposal(
        ask.signers, ask.threshold, ask.joint_holders, ask.default_cash_account, ask.servicer_instructs
    )
    owner = books.parties.require(account.owner)
    check_disposal(books, context, account.owner, owner, account.kind, disposal, account)
    if ask.joint_holders != account.joint_holders:
        _require_servicer(books, context, ask.account_id, account)
        for holder in ask.joint_holders:
            if holder not in account.joint_holders:
                _require_agreement(books, context, account.servicer, holder, AmendAccount)

    amend_account(books, context, ask.account_id, account, disposal)


def freeze(books: HoldingsBooks, ask: FreezeAccount, context: ActionContext) -> None:
    """Let an order stand against an account."""
    account = _require_account_for(books, context, ask.account_id, ask.authority)
    if ask.authority != account.servicer and not books.parties.has_role(
        ask.authority, Role.REGULATOR, Role.DEPOSITORY
    ):
        raise Rejected(HoldingsReject.AUTHORITY_MAY_NOT_FREEZE, authority=ask.authority)
    books.parties.authorise(context, ask.authority, FreezeAccount, ask.account_id)
    if len(ask.order_hash) != ORDER_HASH_LENGTH:
        raise Rejected(HoldingsReject.ORDER_HASH_IS_MALFORMED, bytes=len(ask.order_hash))
    if not (ask.debits or ask.credits):
        raise Rejected(HoldingsReject.FREEZE_FREEZES_NOTHING)
    if _freeze_by(account, ask.order_hash) is not None:
        raise Rejected(HoldingsReject.FREEZE_EXISTS, order=ask.order_hash)
    regulates = books.parties.has_role(ask.authority, Role.REGULATOR)
    if len(account.freezes) >= (FREEZES_MAX + REGULATOR_FREEZES_MAX if regulates else FREEZES_MAX):
        raise Rejected(HoldingsReject.TOO_MANY_FREEZES)

    placed = AccountFreeze(ask.authority, ask.order_hash, ask.debits, ask.credits)
    set_freezes(books, ask.account_id, account, (*account.freezes, placed))
    fact = AccountFrozen(ask.account_id, ask.authority, ask.order_hash, ask.debits, ask.credits)
    context.tell(fact, account.relationship, ask.authority)


def unfreeze(books: HoldingsBooks, ask: UnfreezeAccount, context: ActionContext) -> None:
    """Lift an order that stands against an account."""
    account = _require_account_for(books, context, ask.account_id, ask.authority)
    placed = _freeze_by(account, ask.order_hash)
    if placed is None:
        raise Rejected(HoldingsReject.FREEZE_NOT_FOUND, order=ask.order_hash)
    if ask.authority != placed.authority and not books.parties.has_role(ask.authority, Role.REGULATOR):
        raise Rejected(HoldingsReject.AUTHORITY_MAY_NOT_UNFREEZE, authority=ask.authority)
    books.parties.authorise(context, ask.authority, UnfreezeAccount, ask.account_id)

    rest = tuple(other for other in account.freezes if other.order_hash != ask.order_hash)
    set_freezes(books, ask.account_id, account, rest)
    context.credited.append(ask.account_id + EVERY)
    fact = AccountUnfrozen(ask.account_id, ask.authority, ask.order_hash)
    if placed.authority != ask.authority:
        context.tell(fact, account.relationship, ask.authority, placed.authority)
    else:
        context.tell(fact, account.relationship, ask.authority)


def close(books: HoldingsBooks, ask: CloseAccount, context: ActionContext) -> None:
    """Close an empty account."""
    account = require_known_account(books, context, ask.account_id)
    Holdings(books).authorise_account(context, ask.account_id, account, CloseAccount, servicer_too=True)

    close_account(books, context, ask.account_id, account)


def _require_account_for(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, authority: bytes
) -> Account:
    """The account, for an authority that may order about any, or for whoever may see it."""
    everywhere = books.parties.has_role(authority, Role.REGULATOR, Role.DEPOSITORY)
    return require_known_account(books, context, account_id, authority if everywhere else b"")


def _freeze_by(account: Account, order_hash: bytes) -> AccountFreeze | None:
    for placed in account.freezes:
        if placed.order_hash == order_hash:
            return placed
    return None


def _require_servicer(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, account: Account
) -> None:
    try:
        books.parties.authorise(context, account.servicer, AmendAccount, account_id)
    except Rejected as rejected:
        raise Rejected(HoldingsReject.SERVICER_MUST_AGREE, refusal=rejected.code.name) from None


def _require_agreement(
    books: HoldingsBooks,
    context: ActionContext,
    servicer: bytes,
    holder: bytes,
    message_type: type[Message],
) -> None:
    """That a holder is the servicer, or was admitted by it or below it, or agrees; for one without signer, its sponsor.

    Whether the holder exists and may hold anything is asked elsewhere.
    """
    parties = books.parties
    found = parties.find(holder)
    if found is None or holder == servicer or parties.is_above(servicer, holder):
        return
    if not parties.is_spoken_for(context, holder if found.signer else found.parent):
        hide_unless_known_to_all(holder, found)
    for party in (holder,) if found.signer else (holder, found.parent):
        try:
            parties.authorise(context, party, message_type)
            return
        except Rejected:
            continue
    raise Rejected(HoldingsReject.HOLDER_HAS_NOT_AGREED, holder=holder)
