"""What other modules may ask about parties."""

from __future__ import annotations

from typing import cast

from counterfoil.modules.module import BY_THE_CONSORTIUM, ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.permissions import (
    LICENSED_AGENTS,
    MOVABLE,
    PERMISSIONS,
    RUNS_THE_LEDGER,
    UNLISTED,
    Eyes,
    Permission,
)
from counterfoil.modules.parties.records import (
    ADDRESS_SIZE,
    NAME_LENGTH_MAX,
    PARTY_ID_SIZE,
    SIGNERS,
    TREE_DEPTH_MAX,
    Duty,
    Mandate,
    Party,
    PartyStatus,
    Role,
    Signer,
)
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import InvariantViolation, Rejected
from counterfoil.primitives.signatures import KeyPolicy

__all__ = [
    "LICENSED_AGENTS",
    "MOVABLE",
    "PERMISSIONS",
    "RUNS_THE_LEDGER",
    "SIGNERS",
    "Duty",
    "Mandate",
    "Parties",
    "PartiesReject",
    "Party",
    "PartyStatus",
    "Role",
    "Signer",
    "hide_unless_known_to_all",
    "is_known_to_all",
]

ACTIVE = PartyStatus.ACTIVE
WINDING_DOWN = PartyStatus.WINDING_DOWN
STOPPED = (PartyStatus.SUSPENDED, PartyStatus.REVOKED, PartyStatus.TERMINATED)
"""A party with one of these takes everybody below along."""


def is_known_to_all(party: Party) -> bool:
    """Whether everybody knows that there is such a party: a member. An investor's existence is a personal matter, and
    an application its own: of neither is told by refusing."""
    return party.status is not PartyStatus.APPLIED and any(role is not Role.INVESTOR for role in party.roles)


def hide_unless_known_to_all(party_id: bytes, party: Party) -> None:
    """Before something is said of a party to whoever has no right to know it. Rejected PARTY_NOT_FOUND."""
    if not is_known_to_all(party):
        raise Rejected(PartiesReject.PARTY_NOT_FOUND, party=party_id)


class Parties:
    """Read-only: parties change by their own messages alone."""

    def __init__(self, books: PartiesBooks) -> None:
        self._books = books
        self._parties = books.parties
        self._signers = books.signers
        self._mandates = books.mandates

    # ---- who is it ----

    def find(self, party_id: bytes) -> Party | None:
        """The party, or None; None too for what can be no identifier."""
        return self._parties.find(party_id) if len(party_id) == PARTY_ID_SIZE else None

    def find_by_name(self, name: str) -> bytes | None:
        """The identifier of the member with this public name (investors are not found by name)."""
        named = self._books.names.find(name.encode()) if 0 < len(name) <= NAME_LENGTH_MAX else None
        return named.party if named is not None else None

    def require(self, party_id: bytes) -> Party:
        party = self.find(party_id)
        if party is None:
            raise Rejected(PartiesReject.PARTY_NOT_FOUND, party=party_id)
        return party

    def _require_admitted(self, party_id: bytes) -> Party:
        """One that only applied is not there yet."""
        party = self.require(party_id)
        if party.status is PartyStatus.APPLIED:
            raise Rejected(PartiesReject.PARTY_NOT_FOUND, party=party_id)
        return party

    def require_active(self, party_id: bytes) -> Party:
        """The party, active and with nobody above it suspended or revoked. One that only applied is not there yet."""
        party = self._require_admitted(party_id)
        if party.status is not ACTIVE or self.stopped_above(party):
            raise Rejected(PartiesReject.PARTY_IS_NOT_ACTIVE, party=party_id, status=party.status.name)
        return party

    def require_in_business(self, party_id: bytes) -> Party:
        """As `require_active`, or winding down: it still delivers, is paid and closes what it has."""
        party = self._require_admitted(party_id)
        status = party.status
        if (status is not ACTIVE and status is not WINDING_DOWN) or self.stopped_above(party):
            raise Rejected(PartiesReject.PARTY_IS_NOT_ACTIVE, party=party_id, status=status.name)
        return party

    def require_role(self, party_id: bytes, *roles: Role) -> Party:
        """The party, active and with one of the roles. An investor, where a member is asked for, is not there."""
        if Role.INVESTOR not in roles:
            hide_unless_known_to_all(party_id, self.require(party_id))
        party = self.require_active(party_id)
        for role in party.roles:
            if role in roles:
                return party
        raise Rejected(PartiesReject.PARTY_LACKS_THE_ROLE, party=party_id, roles=_names(roles))

    def has_role(self, party_id: bytes, *roles: Role) -> bool:
        """Whether the party exists and has one of the roles, active or not. Who only applied has none yet."""
        party = self.find(party_id)
        if party is None or party.status is PartyStatus.APPLIED:
            return False
        return any(role in roles for role in party.roles)

    def is_active(self, party_id: bytes) -> bool:
        """Whether `require_active` would pass."""
        party = self.find(party_id)
        return party is not None and party.status is ACTIVE and not self.stopped_above(party)

    # ---- the role tree ----

    def is_above(self, upper: bytes, lower: bytes) -> bool:
        """Whether `upper` admitted `lower`, or admitted whoever did, and so on. Nobody is above itself."""
        party = self.find(lower)
        for _ in range(TREE_DEPTH_MAX):
            if party is None or not party.parent:
                return False
            if party.parent == upper:
                return True
            party = self._parties.find(party.parent)
        raise InvariantViolation("the role tree is deeper than its limit")

    def stopped_above(self, party: Party) -> bool:
        """Whether a party above is suspended, revoked or terminated."""
        return self._stopper_above(party) is not None

    def stopper(self, party_id: bytes) -> bytes:
        """Whose status is in the way where a party is not in business: its own, or that of one above it."""
        party = self.require(party_id)
        if party.status is not ACTIVE and party.status is not WINDING_DOWN:
            return party_id
        return self._stopper_above(party) or party_id

    def _stopper_above(self, party: Party) -> bytes | None:
        parent_id = party.parent
        for _ in range(TREE_DEPTH_MAX):
            if not parent_id:
                return None
            parent = self._parties.find(parent_id)
            if parent is None or parent.status in STOPPED:
                return parent_id
            parent_id = parent.parent
        raise InvariantViolation("the role tree is deeper than its limit")

    # ---- who may sign ----

    def policy(self, address: bytes) -> KeyPolicy | None:
        """The keys in force for a signer's address; None for an address that is a bare key's own."""
        signer = self._signers.find(address) if len(address) == ADDRESS_SIZE else None
        return signer.policy if signer is not None else None

    def rotations(self, address: bytes) -> int:
        """How often the keys of a signer's address have been replaced; 0 for an address that is a bare key's own."""
        signer = self._signers.find(address)
        return signer.rotations if signer is not None else 0

    def is_its_own(self, address: bytes, party_id: bytes) -> bool:
        """Whether an address (20 bytes) is the party's own signer's, or that of a user who accepted its mandate."""
        party = self.find(party_id)
        if party is None or len(address) != ADDRESS_SIZE:
            return False
        if party.signer == address:
            return True
        mandate = self._mandates.find(party_id + address)
        return mandate is not None and mandate.accepted

    def speaks_for(self, party_id: bytes, address: bytes) -> bool:
        """Whether an address is the party's own signer, or a user of it (whatever its mandate covers)."""
        party = self.find(party_id)
        if party is None:
            return False
        return party.signer == address or self._mandates.find(party_id + address) is not None

    def is_spoken_for(self, context: ActionContext, party_id: bytes) -> bool:
        """Whether any signer of the action is the party's own, or its user (whatever its mandate covers): who sends for
        it, or tries to, knows that it is there."""
        if context.signers is BY_THE_CONSORTIUM:
            return True
        return any(self.speaks_for(party_id, address) for address in context.signers)

    def authorise(
        self,
        context: ActionContext,
        party_id: bytes,
        message_type: type[Message],
        account: bytes = b"",
        amount: int = 0,
    ) -> None:
        """Refuse unless the party may send this kind of message, and has signed it.

        It signs by its own signer, or by a user whose mandate covers the message, the account and the amount now.
        Where two pairs of eyes are demanded (the table says so, or the party named the message), by two users: one
        with a maker's mandate, one with a checker's, who share no key. In a motion that was carried the consortium acts
        in the party's place, whatever became of it. An investor, or an applicant, for whom nobody signs is not there.
        """
        party = self._parties.find(party_id) if len(party_id) == PARTY_ID_SIZE else None
        if party is None:
            raise Rejected(PartiesReject.PARTY_NOT_FOUND, party=party_id)
        tag = cast(int, message_type.__struct_config__.tag)
        permission = PERMISSIONS.get(tag, UNLISTED)
        if context.signers is BY_THE_CONSORTIUM:
            self._step_in(party_id, party, tag, permission)
            return
        if party.signer not in context.signers and not is_known_to_all(party):
            if not self.is_spoken_for(context, party_id):
                raise Rejected(PartiesReject.PARTY_NOT_FOUND, party=party_id)
        if party.status is not ACTIVE and not (party.status is WINDING_DOWN and permission.winding_down):
            raise Rejected(PartiesReject.PARTY_IS_NOT_ACTIVE, party=party_id, status=party.status.name)
        if party.parent and self.stopped_above(party):
            raise Rejected(PartiesReject.PARTY_IS_NOT_ACTIVE, party=party_id, status="STOPPED_ABOVE")
        permitted = permission.roles
        for role in party.roles:
            if role in permitted:
                break
        else:
            raise _lacks_the_role(party_id, permission)
        eyes = permission.eyes
        if eyes is Eyes.CONSORTIUM:
            raise Rejected(PartiesReject.CONSORTIUM_DECIDES, message=permission.message)
        four_eyes = eyes is Eyes.TWO or tag in party.four_eyes
        if party.signer in context.signers and not four_eyes:
            return
        administrative = eyes is Eyes.ADMINISTRATIVE
        self._authorise_users(
            context, party_id, tag, account, amount, four_eyes or administrative, administrative
        )

    def _step_in(self, party_id: bytes, party: Party, tag: int, permission: Permission) -> None:
        """The consortium acts in the place of a party, which must be of the kind that could."""
        if tag not in MOVABLE:
            raise Rejected(PartiesReject.SIGNER_IS_NOT_AUTHORISED, message=permission.message)
        if not any(role in permission.roles for role in party.roles):
            raise _lacks_the_role(party_id, permission)

    def require_consortium(self, context: ActionContext, message_type: type[Message]) -> None:
        """Refuse unless the consortium's members decided it, by a motion that was carried."""
        if context.signers is not BY_THE_CONSORTIUM:
            raise Rejected(PartiesReject.CONSORTIUM_DECIDES, message=message_type.__name__)

    def _authorise_users(
        self,
        context: ActionContext,
        party_id: bytes,
        tag: int,
        account: bytes,
        amount: int,
        four_eyes: bool,
        by_name_only: bool,
    ) -> None:
        refusal = PartiesReject.SIGNER_IS_NOT_AUTHORISED
        makers: list[bytes] = []
        checkers: list[bytes] = []
        for user in context.signers:
            mandate = self._mandates.find(party_id + user)
            if mandate is None:
                continue
            found = _not_covered(mandate, context.time_ms, tag, account, amount, by_name_only)
            if found is not None:
                if found.number > refusal.number:
                    refusal = found
                continue
            if mandate.duty & Duty.MAKER:
                if not four_eyes:
                    return
                makers.append(user)
            elif not four_eyes:
                refusal = PartiesReject.MANDATE_IS_TO_CHECK_ONLY
            if mandate.duty & Duty.CHECKER:
                checkers.append(user)
        message = PERMISSIONS.get(tag, UNLISTED).message
        if not four_eyes:
            raise Rejected(refusal, party=party_id, message=message)
        if not makers:
            raise Rejected(
                PartiesReject.MAKER_IS_MISSING, party=party_id, message=message, found=refusal.name
            )
        if not checkers:
            raise Rejected(
                PartiesReject.CHECKER_IS_MISSING, party=party_id, message=message, found=refusal.name
            )
        for maker in makers:
            for checker in checkers:
                if self.are_different(maker, checker):
                    return
        raise Rejected(PartiesReject.MAKER_IS_THE_CHECKER, party=party_id, message=message)

    def are_different(self, one: bytes, other: bytes) -> bool:
        """Whether two signers have no key in common, so that nobody can be both."""
        keys = self._key_addresses(one)
        return not any(address in keys for address in self._key_addresses(other))

    def _key_addresses(self, address: bytes) -> tuple[bytes, ...]:
        signer = self._signers.find(address)
        return (address,) if signer is None else tuple(address_of(key) for key in signer.policy.keys)


def _not_covered(
    mandate: Mandate, time_ms: int, tag: int, account: bytes, amount: int, by_name_only: bool
) -> PartiesReject | None:
    """The first reason why a mandate does not cover a message, or None."""
    if time_ms < mandate.valid_from_ms or 0 < mandate.valid_until_ms <= time_ms:
        return PartiesReject.MANDATE_IS_NOT_IN_FORCE
    if tag not in mandate.message_types and (mandate.message_types or by_name_only):
        return PartiesReject.MANDATE_LACKS_THE_MESSAGE
    if mandate.accounts and account not in mandate.accounts:
        return PartiesReject.MANDATE_LACKS_THE_ACCOUNT
    if amount > mandate.amount_limit:
        return PartiesReject.MANDATE_LIMIT_EXCEEDED
    return None


def _lacks_the_role(party_id: bytes, permission: Permission) -> Rejected:
    return Rejected(
        PartiesReject.PARTY_LACKS_THE_ROLE,
        party=party_id,
        message=permission.message,
        roles=_names(permission.roles),
    )


def _names(roles: tuple[Role, ...]) -> str:
    return ", ".join(role.name for role in roles)
