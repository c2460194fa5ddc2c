"""Who may send which message: one table, used by the rules and shown in the documentation."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from counterfoil.modules.parties.records import Role

REGULATOR = Role.REGULATOR
DEPOSITORY = Role.DEPOSITORY
EXCHANGE = Role.EXCHANGE
SECURITIES_COMPANY = Role.SECURITIES_COMPANY
COMMERCIAL_BANK = Role.COMMERCIAL_BANK
ISSUER = Role.ISSUER
INVESTOR = Role.INVESTOR
CENTRAL_BANK = Role.CENTRAL_BANK
TRUSTEE = Role.TRUSTEE
OPERATOR = Role.OPERATOR
NOTARY = Role.NOTARY
AUDITOR = Role.AUDITOR

ANYBODY = tuple(Role)
LICENSED_AGENTS = (DEPOSITORY, SECURITIES_COMPANY, COMMERCIAL_BANK, OPERATOR)
"""Who may verify the identity of a person in the real world and open accounts for it."""

ADMITS: dict[Role, tuple[Role, ...]] = {
    REGULATOR: (
        DEPOSITORY,
        EXCHANGE,
        CENTRAL_BANK,
        TRUSTEE,
        OPERATOR,
        NOTARY,
        AUDITOR,
        COMMERCIAL_BANK,
        SECURITIES_COMPANY,
    ),
    DEPOSITORY: (ISSUER, INVESTOR),
    OPERATOR: (ISSUER, INVESTOR),
    SECURITIES_COMPANY: (INVESTOR,),
    COMMERCIAL_BANK: (INVESTOR,),
}
"""The role tree: which roles a party with a role may admit below itself."""


class Eyes(IntEnum):
    """How many must look at a message. Of the administrative ones the party's own signer is enough, but users must be
    two, with mandates that name the message: else whoever may grant mandates could grant himself all the rest."""

    ONE = 1
    TWO = 2
    ADMINISTRATIVE = 3


class Permission(NamedTuple):
    """roles: a party with one of these may send the message. winding_down: also a party that is winding down."""

    message: str
    roles: tuple[Role, ...]
    eyes: Eyes = Eyes.ONE
    winding_down: bool = False


PERMISSIONS: dict[int, Permission] = {}
"""By message tag."""

UNLISTED = Permission("a message that no table lists", ANYBODY)
