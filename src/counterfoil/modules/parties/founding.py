"""The first parties: what the genesis file says of them, and how they come onto the books of block 1."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import (
    check_lei,
    check_message_types,
    check_name,
    check_policy,
    enter_names,
    may_admit,
)
from counterfoil.modules.parties.facts import PartyEnrolled
from counterfoil.modules.parties.records import (
    IDENTITY_HASH_SIZE,
    MANDATE_TYPES_MAX,
    ROLES_MAX,
    Duty,
    Mandate,
    Party,
    PartyStatus,
    Role,
    Signer,
)
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import KeyPolicy, policy_address


class DutyName(StrEnum):
    MAKER = "maker"
    CHECKER = "checker"
    BOTH = "both"


_DUTIES = {
    DutyName.MAKER: Duty.MAKER,
    DutyName.CHECKER: Duty.CHECKER,
    DutyName.BOTH: Duty.MAKER_AND_CHECKER,
}


class FoundingSigner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """keys: hexadecimal tagged keys (33 bytes each), in any order. threshold: how many of them must sign."""

    keys: tuple[str, ...]
    threshold: int = 1


class FoundingUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user's mandate from the start. message_types: tags; none for all but the administrative ones."""

    signer: FoundingSigner
    duty: DutyName = DutyName.MAKER
    message_types: tuple[int, ...] = ()
    amount_limit: int = AMOUNT_MAX


class FoundingParty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One party, active from the start.

    roles: their names in small letters, such as "depository". sponsor: the name of an earlier party in the list, ""
    for one at the top, which must be a regulator. signer: None only for an investor. identity_hash: hexadecimal.
    """

    name: str
    roles: tuple[str, ...]
    sponsor: str = ""
    signer: FoundingSigner | None = None
    lei: str = ""
    identity_hash: str = ""
    users: tuple[FoundingUser, ...] = ()


class PartiesGenesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The genesis file's section about parties, in the order in which they are founded."""

    parties: tuple[FoundingParty, ...] = ()


def found(books: PartiesBooks, context: ActionContext, section: PartiesGenesis) -> dict[str, bytes]:
    """Put the first parties on the books; returns the identifier of each by its name.

    ValueError says which party the file describes wrongly.
    """
    identities: dict[str, bytes] = {}
    for entry in section.parties:
        try:
            identities[entry.name] = _found_party(books, context, entry, identities)
        except (ValueError, Rejected) as error:
            raise ValueError(f"the founding party {entry.name!r}: {error}") from None
    return identities


def _found_party(
    books: PartiesBooks, context: ActionContext, entry: FoundingParty, identities: dict[str, bytes]
) -> bytes:
    roles = _roles(entry.roles)
    if not entry.sponsor and Role.REGULATOR not in roles:
        raise ValueError("only a regulator stands at the top; name its sponsor")
    if entry.sponsor and entry.sponsor not in identities:
        raise ValueError(f"its sponsor {entry.sponsor!r} is not founded before it")
    parent = identities.get(entry.sponsor, b"")
    sponsor = books.parties.find(parent) if parent else None
    if sponsor is not None:
        for role in roles:
            if not may_admit(sponsor, role):
                raise ValueError(
                    f"its sponsor {entry.sponsor!r} may not admit a party as {role.name.lower()}"
                )
    identity_hash = bytes.fromhex(entry.identity_hash)
    if identity_hash and len(identity_hash) != IDENTITY_HASH_SIZE:
        raise ValueError(f"an identity hash has {IDENTITY_HASH_SIZE} bytes")
    investor = Role.INVESTOR in roles
    if investor and not identity_hash:
        raise ValueError("an investor is active only with a verified identity; state its hash")
    if entry.signer is None and not investor:
        raise ValueError("only an investor may have no signer")
    if not entry.name:
        raise ValueError("every founding party has a name")
    check_name(books, roles, entry.name)
    check_lei(books, entry.lei)
    party_id = context.new_short_id()
    party = Party(
        roles=roles,
        parent=parent,
        name=entry.name,
        lei=entry.lei,
        signer=_enter_signer(books, entry.signer) if entry.signer is not None else b"",
        status=PartyStatus.ACTIVE,
        identity_hash=identity_hash,
        agent=parent if identity_hash else b"",
    )
    books.parties.put(party_id, party)
    enter_names(books, party_id, party)
    if sponsor is not None:
        books.parties.put(parent, msgspec.structs.replace(sponsor, below=sponsor.below + 1))
    for user in entry.users:
        _enter_user(books, party_id, user)
    told = (party_id, parent) if parent else (party_id,)
    context.tell(PartyEnrolled(party_id, parent, roles, PartyStatus.ACTIVE), *told)
    return party_id


def _roles(names: tuple[str, ...]) -> tuple[Role, ...]:
    known = {role.name.lower(): role for role in Role}
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is no role; the roles are {', '.join(known)}")
    roles = tuple(sorted(dict.fromkeys(known[name] for name in names)))
    if not 0 < len(roles) <= ROLES_MAX or len(roles) != len(names):
        raise ValueError(f"a party has 1 to {ROLES_MAX} different roles")
    return roles


def _enter_signer(books: PartiesBooks, signer: FoundingSigner) -> bytes:
    """The signer's address; a policy of several keys is put on the books, once."""
    policy = KeyPolicy(signer.threshold, tuple(sorted(bytes.fromhex(key) for key in signer.keys)))
    check_policy(policy)
    address = policy_address(policy)
    if len(policy.keys) > 1 and books.signers.find(address) is None:
        books.signers.put(address, Signer(policy))
    return address


def _enter_user(books: PartiesBooks, party_id: bytes, user: FoundingUser) -> None:
    check_message_types(user.message_types, MANDATE_TYPES_MAX)
    if not 0 <= user.amount_limit <= AMOUNT_MAX:
        raise ValueError("a user's limit is no amount")
    address = _enter_signer(books, user.signer)
    if books.mandates.find(party_id + address) is not None:
        raise ValueError("it names a user twice")
    mandate = Mandate(user.message_types, (), user.amount_limit, duty=_DUTIES[user.duty], accepted=True)
    books.mandates.put(party_id + address, mandate)
