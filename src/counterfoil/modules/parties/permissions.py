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


SPONSORS = (REGULATOR, DEPOSITORY, OPERATOR, SECURITIES_COMPANY, COMMERCIAL_BANK)
"""Who has somebody to admit, and so to suspend and revoke."""
RUNS_A_MARKET = (OPERATOR, DEPOSITORY, EXCHANGE)

ONE, TWO, ADMINISTRATIVE = Eyes.ONE, Eyes.TWO, Eyes.ADMINISTRATIVE

PERMISSIONS: dict[int, Permission] = {
    # Parties. What a signer sends for itself (200, 220 to 222) is not sent for a party.
    200: Permission("ApplyForAdmission", ANYBODY),
    201: Permission("AdmitParty", SPONSORS),
    202: Permission("RefuseApplication", SPONSORS),
    203: Permission("EnrolParty", SPONSORS),
    204: Permission("ActivateParty", SPONSORS),
    205: Permission("SuspendParty", SPONSORS),
    206: Permission("ReinstateParty", SPONSORS),
    207: Permission("RevokeParty", SPONSORS),
    208: Permission("WindDownParty", ANYBODY),
    209: Permission("TerminateParty", SPONSORS),
    210: Permission("AmendParty", SPONSORS, TWO),
    211: Permission("VerifyIdentity", LICENSED_AGENTS),
    212: Permission("NameFourEyes", ANYBODY, ADMINISTRATIVE, True),
    220: Permission("RegisterSigner", ANYBODY, ONE, True),
    221: Permission("RotateKeys", ANYBODY, ONE, True),
    222: Permission("NameRecoveryApprovers", ANYBODY, ONE, True),
    230: Permission("GrantMandate", ANYBODY, ADMINISTRATIVE, True),
    231: Permission("RevokeMandate", ANYBODY, ADMINISTRATIVE, True),
    # Markets
    300: Permission("OpenMarket", RUNS_A_MARKET, TWO),
    301: Permission("AmendRulebook", RUNS_A_MARKET, TWO),
    302: Permission("SetCalendar", RUNS_A_MARKET, TWO),
    303: Permission("OpenDay", RUNS_A_MARKET, TWO),
    304: Permission("CloseDay", RUNS_A_MARKET, TWO),
    305: Permission("AcceptAsset", RUNS_A_MARKET, TWO),
    306: Permission("WithdrawAsset", RUNS_A_MARKET, TWO),
}
"""By message tag: who may send it for whom, and under how many eyes."""

UNLISTED = Permission("a message that no table lists", ANYBODY)
