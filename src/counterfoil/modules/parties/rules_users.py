"""Who acts for a party: mandates of its users, and the message types that it puts under two pairs of eyes."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import ascending, check_message_types
from counterfoil.modules.parties.facts import FourEyesNamed, MandateGranted, MandateRevoked
from counterfoil.modules.parties.interface import Parties
from counterfoil.modules.parties.messages import GrantMandate, NameFourEyes, RevokeMandate
from counterfoil.modules.parties.permissions import PERMISSIONS, Eyes
from counterfoil.modules.parties.records import (
    ADDRESS_SIZE,
    MANDATE_ACCOUNTS_MAX,
    MANDATE_TYPES_MAX,
    NAMED_FOUR_EYES_MAX,
    Mandate,
)
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected


def name_four_eyes(books: PartiesBooks, ask: NameFourEyes, context: ActionContext) -> None:
    """In addition to what the ledger itself demands."""
    parties = Parties(books)
    parties.authorise(context, ask.party, NameFourEyes)
    check_message_types(ask.message_types, NAMED_FOUR_EYES_MAX)
    for tag in ask.message_types:
        if PERMISSIONS[tag].eyes is Eyes.ADMINISTRATIVE:
            raise Rejected(PartiesReject.MESSAGE_CANNOT_BE_NAMED, message=PERMISSIONS[tag].message)
    books.parties.put(ask.party, replace(parties.require(ask.party), four_eyes=ask.message_types))
    context.tell(FourEyesNamed(ask.party, ask.message_types), ask.party)


def grant_mandate(books: PartiesBooks, ask: GrantMandate, context: ActionContext) -> None:
    """Replaces what the user had before. Anybody can be named; only who signs it as well has accepted it."""
    Parties(books).authorise(context, ask.party, GrantMandate)
    if len(ask.user) != ADDRESS_SIZE:
        raise Rejected(PartiesReject.ADDRESS_IS_INVALID, bytes=len(ask.user))
    check_message_types(ask.message_types, MANDATE_TYPES_MAX)
    if (
        len(ask.accounts) > MANDATE_ACCOUNTS_MAX
        or not ascending(ask.accounts)
        or any(len(account) != ADDRESS_SIZE for account in ask.accounts)
    ):
        raise Rejected(PartiesReject.MANDATE_ACCOUNTS_ARE_INVALID)
    if not 0 <= ask.amount_limit <= AMOUNT_MAX:
        raise Rejected(PartiesReject.MANDATE_LIMIT_IS_INVALID)
    if not 0 <= ask.valid_from_ms <= AMOUNT_MAX or not 0 <= ask.valid_until_ms <= AMOUNT_MAX:
        raise Rejected(PartiesReject.MANDATE_VALIDITY_IS_INVALID)
    if ask.valid_until_ms and ask.valid_until_ms <= max(ask.valid_from_ms, context.time_ms):
        raise Rejected(PartiesReject.MANDATE_VALIDITY_IS_INVALID, valid_until_ms=ask.valid_until_ms)
    before = books.mandates.find(ask.party + ask.user)
    books.mandates.put(
        ask.party + ask.user,
        Mandate(
            message_types=ask.message_types,
            accounts=ask.accounts,
            amount_limit=ask.amount_limit,
            valid_from_ms=ask.valid_from_ms,
            valid_until_ms=ask.valid_until_ms,
            duty=ask.duty,
            accepted=ask.user in context.signers or (before is not None and before.accepted),
        ),
    )
    context.tell(MandateGranted(ask.party, ask.user), ask.party)


def revoke_mandate(books: PartiesBooks, ask: RevokeMandate, context: ActionContext) -> None:
    """From the next message on the user may do nothing for the party."""
    Parties(books).authorise(context, ask.party, RevokeMandate)
    if len(ask.user) != ADDRESS_SIZE or books.mandates.find(ask.party + ask.user) is None:
        raise Rejected(PartiesReject.MANDATE_NOT_FOUND)
    books.mandates.delete(ask.party + ask.user)
    context.tell(MandateRevoked(ask.party, ask.user), ask.party)
