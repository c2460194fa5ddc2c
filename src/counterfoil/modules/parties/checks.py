"""Guards that several rules about parties share."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Parties, hide_unless_known_to_all
from counterfoil.modules.parties.permissions import ADMITS, PERMISSIONS
from counterfoil.modules.parties.records import (
    ADDRESS_SIZE,
    NAME_LENGTH_MAX,
    REASON_LENGTH_MAX,
    RECOVERY_APPROVERS_MAX,
    ROLES_MAX,
    Named,
    Party,
    Role,
)
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.identifiers import is_lei
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import KeyPolicy, is_valid_policy

T = TypeVar("T", int, bytes)


def ascending(values: tuple[T, ...]) -> bool:
    """Whether values ascend, none twice."""
    return all(earlier < later for earlier, later in pairwise(values))


def may_admit(sponsor: Party, role: Role) -> bool:
    return any(role in ADMITS.get(held, ()) for held in sponsor.roles)


def check_applicant(
    books: PartiesBooks, sponsor: Party, roles: tuple[Role, ...], name: str, lei: str, signer: bytes
) -> None:
    """What holds of every new party, however it comes in."""
    if not 0 < len(roles) <= ROLES_MAX or not ascending(roles):
        raise Rejected(PartiesReject.ROLES_ARE_INVALID, roles=len(roles))
    for role in roles:
        if not may_admit(sponsor, role):
            raise Rejected(PartiesReject.SPONSOR_MAY_NOT_ADMIT_THE_ROLE, role=role.name)
    check_name(books, roles, name)
    check_lei(books, lei)
    if len(signer) != ADDRESS_SIZE:
        raise Rejected(PartiesReject.ADDRESS_IS_INVALID, bytes=len(signer))


def check_name(books: PartiesBooks, roles: tuple[Role, ...], name: str, bearer: bytes = b"") -> None:
    """`bearer` may have the name already."""
    if not is_printable(name) or len(name) > NAME_LENGTH_MAX or name != name.strip(" "):
        raise Rejected(PartiesReject.NAME_IS_INVALID)
    if is_named(roles):
        if not name:
            raise Rejected(PartiesReject.NAME_IS_INVALID)
        named = books.names.find(name.encode())
        if named is not None and named.party != bearer:
            raise Rejected(PartiesReject.NAME_IS_TAKEN, name=name)


def check_lei(books: PartiesBooks, lei: str, bearer: bytes = b"") -> None:
    if lei and not is_lei(lei):
        raise Rejected(PartiesReject.LEI_IS_INVALID)
    named = books.leis.find(lei.encode()) if lei else None
    if named is not None and named.party != bearer:
        raise Rejected(PartiesReject.LEI_IS_TAKEN, lei=lei)


def is_printable(text: str) -> bool:
    """No control characters; the same at every node, whatever its Unicode tables say."""
    return not any(character < " " or "\x7f" <= character <= "\x9f" for character in text)


def is_named(roles: tuple[Role, ...]) -> bool:
    """Members have unique public names; investors need none."""
    return roles != (Role.INVESTOR,)


def check_reason(reason: str) -> None:
    if not 0 < len(reason) <= REASON_LENGTH_MAX:
        raise Rejected(PartiesReject.REASON_IS_INVALID)


def require_above(parties: Parties, authority: bytes, party_id: bytes) -> Party:
    """The party, if the authority stands above it; of one that not everybody knows, nobody else is told."""
    party = parties.require(party_id)
    if not parties.is_above(authority, party_id):
        hide_unless_known_to_all(party_id, party)
        raise Rejected(PartiesReject.AUTHORITY_IS_NOT_ABOVE, authority=authority, party=party_id)
    return party


def check_message_types(tags: tuple[int, ...], most: int) -> None:
    if len(tags) > most or not ascending(tags) or any(tag not in PERMISSIONS for tag in tags):
        raise Rejected(PartiesReject.MESSAGE_TYPES_ARE_INVALID, most=most)


def check_policy(policy: KeyPolicy) -> None:
    if not is_valid_policy(policy):
        raise Rejected(PartiesReject.POLICY_IS_INVALID)


def check_recovery(address: bytes, recovery: tuple[bytes, ...], threshold: int) -> None:
    if (
        len(recovery) > RECOVERY_APPROVERS_MAX
        or not ascending(recovery)
        or address in recovery
        or any(len(approver) != ADDRESS_SIZE for approver in recovery)
        or not min(1, len(recovery)) <= threshold <= len(recovery)
    ):
        raise Rejected(PartiesReject.RECOVERY_IS_INVALID)


def enter_names(books: PartiesBooks, party_id: bytes, party: Party) -> None:
    """Reserve a party's public name and LEI; both are known to be free."""
    if is_named(party.roles):
        books.names.put(party.name.encode(), Named(party_id))
    if party.lei:
        books.leis.put(party.lei.encode(), Named(party_id))


def leave_names(books: PartiesBooks, party: Party) -> None:
    """Give a party's public name and LEI free."""
    if is_named(party.roles):
        books.names.delete(party.name.encode())
    if party.lei:
        books.leis.delete(party.lei.encode())


def stakeholders(*parties: bytes) -> tuple[bytes, ...]:
    """Each once, in order; without the empty parent of one at the top."""
    return tuple(dict.fromkeys(party for party in parties if party))
