"""Opening, amending and closing accounts: what both the rules and other modules go through."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.facts import (
    AccountAmended,
    AccountClosed,
    AccountHeldJointly,
    AccountOpened,
)
from counterfoil.modules.holdings.records import (
    JOINT_HOLDERS_MAX,
    SIGNERS_MAX,
    Account,
    AccountFreeze,
    AccountKind,
    AccountStatus,
    PartyAccounts,
    PartyRelationship,
    Relationship,
    relationship_of,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Party, Role
from counterfoil.primitives.outcome import Rejected

INTERMEDIARIES = (
    Role.DEPOSITORY,
    Role.SECURITIES_COMPANY,
    Role.COMMERCIAL_BANK,
    Role.TRUSTEE,
    Role.OPERATOR,
    Role.CENTRAL_BANK,
)
"""Who may keep accounts for others."""
ISSUERS = (Role.ISSUER, Role.TRUSTEE, Role.COMMERCIAL_BANK, Role.CENTRAL_BANK)
"""Who may owe what is issued: securities, or money."""

OWNER_ROLES: dict[AccountKind, tuple[Role, ...]] = {
    AccountKind.OWN: tuple(Role),
    AccountKind.CLIENT_OMNIBUS: INTERMEDIARIES,
    AccountKind.SEGREGATED: tuple(Role),
    AccountKind.NOMINEE: INTERMEDIARIES,
    AccountKind.ISSUANCE: ISSUERS,
    AccountKind.TREASURY: ISSUERS,
}
"""Roles of which the owner of an account has at least one."""

HELD_JOINTLY = (AccountKind.OWN, AccountKind.SEGREGATED)


class Disposal(NamedTuple):
    """Who disposes of an account, and how; the part of it that may be amended."""

    signers: tuple[bytes, ...]
    threshold: int
    joint_holders: tuple[bytes, ...]
    default_cash_account: bytes
    servicer_instructs: bool


def require_account(books: HoldingsBooks, account_id: bytes) -> Account:
    """An account that is open. Rejected ACCOUNT_NOT_FOUND or ACCOUNT_IS_CLOSED."""
    account = books.accounts.find(account_id)
    if account is None:
        raise Rejected(HoldingsReject.ACCOUNT_NOT_FOUND, account=account_id)
    if account.status is not AccountStatus.OPEN:
        raise Rejected(HoldingsReject.ACCOUNT_IS_CLOSED, account=account_id)
    return account


def require_known_account(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, authority: bytes = b""
) -> Account:
    """`require_account` for who disposes of it: one that none of the action's signers may see is not there. authority:
    a party for which they speak, where it may order something about any account."""
    account = books.accounts.find(account_id)
    if account is not None and not (authority and books.parties.is_spoken_for(context, authority)):
        hide_from_strangers(books, context, account_id, account)
    return require_account(books, account_id)


def hide_from_strangers(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, account: Account
) -> None:
    """Rejected ACCOUNT_NOT_FOUND where none of the action's signers may see the account."""
    if not is_known_to(books, context, account):
        raise Rejected(HoldingsReject.ACCOUNT_NOT_FOUND, account=account_id)


def is_known_to(books: HoldingsBooks, context: ActionContext, account: Account) -> bool:
    """Whether any of the action's signers may see an account: one of its own signers, or who speaks for a holder, for
    the servicer, or for one above that."""
    if any(signer in context.signers for signer in account.signers):
        return True
    parties = books.parties
    if any(parties.is_spoken_for(context, party) for party in parties_of(account)):
        return True
    upper = parties.find(account.servicer)
    while upper is not None and upper.parent:
        if parties.is_spoken_for(context, upper.parent):
            return True
        upper = parties.find(upper.parent)
    return False


def open_account(
    books: HoldingsBooks,
    context: ActionContext,
    account_id: bytes,
    owner_id: bytes,
    servicer_id: bytes,
    kind: AccountKind,
    disposal: Disposal,
) -> bytes:
    """Open an account under `account_id`, or under a new identity where that is b"". Returns the identity.

    Whether the servicer may keep accounts and has signed is the caller's to check. Rejected 5023 to 5032, 5061, and as
    parties' `require_active`.
    """
    if account_id and books.accounts.find(account_id) is not None:
        raise Rejected(HoldingsReject.ACCOUNT_EXISTS, account=account_id)
    owner = books.parties.require_active(owner_id)
    if not _has_one_of(owner, OWNER_ROLES[kind]):
        raise Rejected(HoldingsReject.OWNER_MAY_NOT_HOLD_THIS_KIND, owner=owner_id, kind=kind.name)
    if not books.identities.is_verified(owner_id, owner, context.time_ms):
        raise Rejected(HoldingsReject.OWNER_IS_NOT_VERIFIED, owner=owner_id)
    if not books.identities.may_open_account(servicer_id, owner, context.time_ms):
        raise Rejected(HoldingsReject.SERVICER_HAS_NO_LICENCE, servicer=servicer_id)
    check_disposal(books, context, owner_id, owner, kind, disposal)

    account_id = account_id or context.new_short_id()
    joint = disposal.joint_holders
    account = new_account(
        owner_id,
        servicer_id,
        kind,
        relationship=relationship_of(servicer_id, owner_id, account_id if joint else b""),
        handle=context.handle(account_id),
        owner_handle=context.handle(owner_id),
        opened_height=context.height,
        signers=disposal.signers,
        threshold=disposal.threshold,
        joint_holders=joint,
        default_cash_account=disposal.default_cash_account,
        servicer_instructs=disposal.servicer_instructs,
    )
    books.accounts.put(account_id, account)
    _count(books, parties_of(account), 1)
    fact = AccountOpened(account_id=account_id, owner=owner_id, servicer=servicer_id, kind=kind)
    context.tell(fact, account.relationship, servicer_id)
    _enter_relationship(books, context, account_id, account)
    return account_id


def relate(
    books: HoldingsBooks,
    relationship: bytes,
    servicer: bytes,
    owner: bytes,
    account: bytes = b"",
    opened: int = 1,
) -> None:
    """Note between whom a relationship is, with its first account, and that so many more are open in it."""
    if books.relationships.find(relationship) is None:
        books.relationships.put(relationship, Relationship(servicer, owner, account))
    key = servicer + relationship
    found = books.party_relationships.find(key)
    books.party_relationships.put(key, PartyRelationship(opened + (found.open if found is not None else 0)))


def _enter_relationship(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, account: Account
) -> None:
    """An account becomes part of the relationship that its record names. One that is held jointly has its own, so that
    whoever holds it reads its business, and of the owner's other business nothing."""
    own = account.relationship == relationship_of(account.servicer, account.owner, account_id)
    relate(books, account.relationship, account.servicer, account.owner, account_id if own else b"")
    if own:
        _put_joint_holders(books, account.relationship, account)
        fact = AccountHeldJointly(account_id=account_id, owner=account.owner, servicer=account.servicer)
        context.tell(fact, account.relationship, account.servicer)


def _leave_relationship(books: HoldingsBooks, context: ActionContext, account: Account) -> None:
    """With the last open account that leaves it, a relationship's key is raised: what was handed out for it opens
    nothing of what might come later."""
    relate(books, account.relationship, account.servicer, account.owner, opened=-1)
    left = books.party_relationships.find(account.servicer + account.relationship)
    if left is not None and not left.open:
        books.raise_key(context, account.relationship)


def _put_joint_holders(books: HoldingsBooks, relationship: bytes, account: Account) -> None:
    for holder in account.joint_holders:
        if holder != account.servicer:
            books.party_relationships.put(holder + relationship, PartyRelationship())


def new_account(
    owner: bytes,
    servicer: bytes,
    kind: AccountKind,
    handle: bytes,
    owner_handle: bytes,
    opened_height: int = 0,
    signers: tuple[bytes, ...] = (),
    threshold: int = 0,
    joint_holders: tuple[bytes, ...] = (),
    default_cash_account: bytes = b"",
    servicer_instructs: bool = True,
    relationship: bytes = b"",
) -> Account:
    """The record of a freshly opened account. handle, owner_handle: `context.handle` of account and owner.

    relationship: where it is not the one of servicer and owner.
    """
    return Account(
        owner=owner,
        servicer=servicer,
        kind=kind,
        status=AccountStatus.OPEN,
        relationship=relationship or relationship_of(servicer, owner),
        handle=handle,
        owner_handle=owner_handle,
        signers=signers,
        threshold=threshold,
        joint_holders=joint_holders,
        default_cash_account=default_cash_account,
        servicer_instructs=servicer_instructs,
        frozen_debits=False,
        frozen_credits=False,
        freezes=(),
        opened_height=opened_height,
    )


def check_disposal(
    books: HoldingsBooks,
    context: ActionContext,
    owner_id: bytes,
    owner: Party,
    kind: AccountKind,
    disposal: Disposal,
    before: Account | None = None,
) -> None:
    """Whether an account can be disposed of in this way. Rejected 5026 to 5032.

    before: the account as it was. Who holds it jointly already is verified or was: a lapse takes nothing from anybody.
    Its default cash account may stay, whoever sees that; another one has to be of somebody's who signs.
    """
    known = before.joint_holders if before is not None else ()
    kept = before.default_cash_account if before is not None else b""
    joint_holders, signers = disposal.joint_holders, disposal.signers
    if len(joint_holders) > (JOINT_HOLDERS_MAX if kind in HELD_JOINTLY else 0):
        raise Rejected(HoldingsReject.TOO_MANY_JOINT_HOLDERS, kind=kind.name)
    if not _is_ascending(joint_holders) or owner_id in joint_holders:
        raise Rejected(HoldingsReject.JOINT_HOLDERS_ARE_NOT_IN_ORDER)
    for joint_holder in joint_holders:
        holder = books.parties.require_active(joint_holder)
        verified = books.identities.is_verified(joint_holder, holder, context.time_ms)
        if joint_holder not in known and not verified:
            raise Rejected(HoldingsReject.JOINT_HOLDER_IS_NOT_VERIFIED, party=joint_holder)
    if len(signers) > SIGNERS_MAX or not _is_ascending(signers):
        raise Rejected(HoldingsReject.SIGNERS_ARE_MALFORMED)
    for signer in signers:
        if len(signer) != 20:
            raise Rejected(HoldingsReject.SIGNERS_ARE_MALFORMED, signer=signer)
    if not (1 <= disposal.threshold <= len(signers) or disposal.threshold == len(signers) == 0):
        raise Rejected(HoldingsReject.THRESHOLD_IS_OUT_OF_RANGE, threshold=disposal.threshold)
    if not (signers or disposal.servicer_instructs or (owner.signer and not joint_holders)):
        raise Rejected(HoldingsReject.NOBODY_DISPOSES_OF_THE_ACCOUNT)
    if disposal.default_cash_account:
        cash = books.accounts.find(disposal.default_cash_account)
        if (
            cash is None
            or cash.status is not AccountStatus.OPEN
            or cash.kind is AccountKind.ISSUANCE
            or not (disposal.default_cash_account == kept or is_known_to(books, context, cash))
        ):
            raise Rejected(
                HoldingsReject.DEFAULT_CASH_ACCOUNT_IS_NOT_OPEN, account=disposal.default_cash_account
            )


def amend_account(
    books: HoldingsBooks, context: ActionContext, account_id: bytes, account: Account, disposal: Disposal
) -> None:
    """Put another way of disposing in force. It was checked before.

    An account that is held jointly for the first time moves to a relationship of its own, and stays there.
    """
    joint = disposal.joint_holders
    own = relationship_of(account.servicer, account.owner, account_id) if joint else account.relationship
    changed = Account(
        owner=account.owner,
        servicer=account.servicer,
        kind=account.kind,
        status=account.status,
        relationship=own,
        handle=account.handle,
        owner_handle=account.owner_handle,
        signers=disposal.signers,
        threshold=disposal.threshold,
        joint_holders=joint,
        default_cash_account=disposal.default_cash_account,
        servicer_instructs=disposal.servicer_instructs,
        frozen_debits=account.frozen_debits,
        frozen_credits=account.frozen_credits,
        freezes=account.freezes,
        opened_height=account.opened_height,
    )
    _count(books, parties_of(account), -1)
    _count(books, parties_of(changed), 1)
    books.accounts.put(account_id, changed)
    fact = AccountAmended(
        account_id=account_id,
        signers=disposal.signers,
        threshold=disposal.threshold,
        joint_holders=disposal.joint_holders,
        default_cash_account=disposal.default_cash_account,
        servicer_instructs=disposal.servicer_instructs,
    )
    context.tell(fact, *dict.fromkeys((account.relationship, own)))
    if own != account.relationship:
        _leave_relationship(books, context, account)
        _enter_relationship(books, context, account_id, changed)
    elif joint != account.joint_holders:
        _change_joint_holders(books, context, account, changed)


def _change_joint_holders(
    books: HoldingsBooks, context: ActionContext, before: Account, now: Account
) -> None:
    """Where a holder leaves, what it was handed opens nothing of what comes from this block on."""
    left = [holder for holder in before.joint_holders if holder not in now.joint_holders]
    for holder in left:
        if holder != before.servicer:
            books.party_relationships.delete(holder + before.relationship)
    _put_joint_holders(books, now.relationship, now)
    if left:
        books.raise_key(context, now.relationship)


def set_freezes(
    books: HoldingsBooks, account_id: bytes, account: Account, freezes: tuple[AccountFreeze, ...]
) -> None:
    """Let these orders stand against the account, and no others."""
    books.accounts.put(account_id, _with_freezes(account, account.status, freezes))


def close_account(books: HoldingsBooks, context: ActionContext, account_id: bytes, account: Account) -> None:
    """Close an account. Rejected ACCOUNT_IS_NOT_EMPTY."""
    contents = books.contents.find(account_id)
    if contents is not None:
        raise Rejected(HoldingsReject.ACCOUNT_IS_NOT_EMPTY, account=account_id, holdings=contents.holdings)
    books.accounts.put(account_id, _with_freezes(account, AccountStatus.CLOSED, account.freezes))
    _count(books, parties_of(account), -1)
    context.tell(AccountClosed(account_id=account_id), account.relationship)
    _leave_relationship(books, context, account)


def _with_freezes(account: Account, status: AccountStatus, freezes: tuple[AccountFreeze, ...]) -> Account:
    return Account(
        owner=account.owner,
        servicer=account.servicer,
        kind=account.kind,
        status=status,
        relationship=account.relationship,
        handle=account.handle,
        owner_handle=account.owner_handle,
        signers=account.signers,
        threshold=account.threshold,
        joint_holders=account.joint_holders,
        default_cash_account=account.default_cash_account,
        servicer_instructs=account.servicer_instructs,
        frozen_debits=any(freeze.debits for freeze in freezes),
        frozen_credits=any(freeze.credits for freeze in freezes),
        freezes=freezes,
        opened_height=account.opened_height,
    )


def parties_of(account: Account) -> tuple[bytes, ...]:
    """Owner, servicer and joint holders, each once."""
    parties = [account.owner]
    for party in (account.servicer, *account.joint_holders):
        if party not in parties:
            parties.append(party)
    return tuple(parties)


def _count(books: HoldingsBooks, parties: tuple[bytes, ...], change: int) -> None:
    for party in parties:
        found = books.party_accounts.find(party)
        accounts = (found.open if found is not None else 0) + change
        if accounts:
            books.party_accounts.put(party, PartyAccounts(open=accounts))
        else:
            books.party_accounts.delete(party)


def _has_one_of(party: Party, roles: tuple[Role, ...]) -> bool:
    return any(role in roles for role in party.roles)


def _is_ascending(ids: tuple[bytes, ...]) -> bool:
    return all(one < following for one, following in pairwise(ids))
