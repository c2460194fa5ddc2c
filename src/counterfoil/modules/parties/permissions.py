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
DATA_PROTECTION = Role.DATA_PROTECTION
IDENTITY_REGISTRAR = Role.IDENTITY_REGISTRAR

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
        DATA_PROTECTION,
        IDENTITY_REGISTRAR,
        COMMERCIAL_BANK,
        SECURITIES_COMPANY,
    ),
    DEPOSITORY: (OPERATOR, ISSUER, INVESTOR),
    TRUSTEE: (OPERATOR,),
    OPERATOR: (ISSUER, INVESTOR),
    SECURITIES_COMPANY: (INVESTOR,),
    COMMERCIAL_BANK: (INVESTOR,),
}
"""The role tree: which roles a party with a role may admit below itself."""


class Eyes(IntEnum):
    """How many must look at a message.

    Of the administrative ones (who acts for a party or disposes of its accounts, and whether it goes on) the party's
    own signer is enough, but users must be two, with mandates that name the message: else whoever may grant mandates,
    or put an account under keys of his own, could give himself all the rest. What the consortium decides is sent by
    nobody alone: it is part of a motion that was carried.
    """

    ONE = 1
    TWO = 2
    ADMINISTRATIVE = 3
    CONSORTIUM = 4


class Permission(NamedTuple):
    """roles: a party with one of these may send the message. winding_down: also a party that is winding down.

    step_in: an act of office, which the consortium may decide in the party's place, so that nobody's absence stops it.
    """

    message: str
    roles: tuple[Role, ...]
    eyes: Eyes = Eyes.ONE
    winding_down: bool = False
    step_in: bool = False


SPONSORS = (REGULATOR, DEPOSITORY, TRUSTEE, OPERATOR, SECURITIES_COMPANY, COMMERCIAL_BANK)
"""Who has somebody to admit, and so to suspend and revoke."""
RUNS_A_MARKET = (DEPOSITORY, EXCHANGE, OPERATOR)
RUNS_THE_LEDGER = (REGULATOR, DEPOSITORY, OPERATOR)
MONEY_ISSUERS = (COMMERCIAL_BANK, CENTRAL_BANK, TRUSTEE)
REGISTRARS = (DEPOSITORY, COMMERCIAL_BANK, CENTRAL_BANK, TRUSTEE, OPERATOR)
AUTHORITIES = (REGULATOR, *REGISTRARS)
SERVICERS = (*REGISTRARS, SECURITIES_COMPANY)
REGISTRATION = (REGULATOR, *REGISTRARS, ISSUER, NOTARY)
"""Everybody whom some registration policy may name."""
HOLDERS = (*SERVICERS, EXCHANGE, ISSUER, INVESTOR)
"""Who has accounts, or disposes of them: nobody who only watches or attests."""

ONE, TWO, ADMINISTRATIVE, BY_MOTION = Eyes.ONE, Eyes.TWO, Eyes.ADMINISTRATIVE, Eyes.CONSORTIUM
WINDING_DOWN = STEP_IN = True

PERMISSIONS: dict[int, Permission] = {
    # The chain itself, and transactions that gather their signatures on the ledger (those are sent by signers)
    140: Permission("ScheduleUpgrade", RUNS_THE_LEDGER, BY_MOTION),
    141: Permission("CancelUpgrade", RUNS_THE_LEDGER, BY_MOTION),
    150: Permission("ProposeTransaction", ANYBODY, ONE, WINDING_DOWN),
    151: Permission("ApproveTransaction", ANYBODY, ONE, WINDING_DOWN),
    152: Permission("WithdrawProposal", ANYBODY, ONE, WINDING_DOWN),
    # Parties; 200 and 220 to 222 are sent by signers
    200: Permission("ApplyForAdmission", ANYBODY),
    201: Permission("AdmitParty", SPONSORS, step_in=STEP_IN),
    202: Permission("RefuseApplication", SPONSORS, step_in=STEP_IN),
    203: Permission("EnrolParty", SPONSORS, step_in=STEP_IN),
    204: Permission("ActivateParty", SPONSORS, step_in=STEP_IN),
    205: Permission("SuspendParty", SPONSORS, step_in=STEP_IN),
    206: Permission("ReinstateParty", SPONSORS, step_in=STEP_IN),
    207: Permission("RevokeParty", SPONSORS, step_in=STEP_IN),
    208: Permission("WindDownParty", ANYBODY, ADMINISTRATIVE, step_in=STEP_IN),
    209: Permission("TerminateParty", SPONSORS, ONE, WINDING_DOWN, step_in=STEP_IN),
    210: Permission("AmendParty", SPONSORS, TWO, step_in=STEP_IN),
    211: Permission("VerifyIdentity", LICENSED_AGENTS),
    212: Permission("NameFourEyes", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    220: Permission("RegisterSigner", ANYBODY, ONE, WINDING_DOWN),
    221: Permission("RotateKeys", ANYBODY, ONE, WINDING_DOWN),
    222: Permission("NameRecoveryApprovers", ANYBODY, ONE, WINDING_DOWN),
    223: Permission("ApproveRecovery", ANYBODY, ONE, WINDING_DOWN),
    224: Permission("WithdrawRecovery", ANYBODY, ONE, WINDING_DOWN),
    230: Permission("GrantMandate", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    231: Permission("RevokeMandate", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    # Markets
    300: Permission("OpenMarket", RUNS_A_MARKET, TWO),
    301: Permission("AmendRulebook", RUNS_A_MARKET, TWO, step_in=STEP_IN),
    302: Permission("SetCalendar", RUNS_A_MARKET, TWO, step_in=STEP_IN),
    303: Permission("OpenDay", RUNS_A_MARKET, TWO, step_in=STEP_IN),
    304: Permission("CloseDay", RUNS_A_MARKET, TWO, step_in=STEP_IN),
    305: Permission("AcceptAsset", RUNS_A_MARKET, TWO, step_in=STEP_IN),
    306: Permission("WithdrawAsset", RUNS_A_MARKET, TWO, step_in=STEP_IN),
    307: Permission("HandOverMarket", (REGULATOR, *RUNS_A_MARKET), TWO, WINDING_DOWN),
    # Instruments
    400: Permission("AnnounceInstrument", REGISTRARS, TWO),
    401: Permission("AmendTerms", REGISTRARS, TWO, step_in=STEP_IN),
    402: Permission("SuspendInstrument", AUTHORITIES),
    403: Permission("ResumeInstrument", AUTHORITIES, step_in=STEP_IN),
    404: Permission("MatureInstrument", REGISTRARS, step_in=STEP_IN),
    405: Permission("RedeemInstrument", REGISTRARS, ONE, WINDING_DOWN, step_in=STEP_IN),
    406: Permission("CancelInstrument", REGISTRARS, ONE, WINDING_DOWN, step_in=STEP_IN),
    407: Permission("AppointRegistrar", AUTHORITIES, TWO, WINDING_DOWN),
    # Holdings; an account is opened by its servicer, and holders of any kind agree to it
    500: Permission("OpenAccount", ANYBODY),
    501: Permission("AmendAccount", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    502: Permission("FreezeAccount", (REGULATOR, *SERVICERS), TWO),
    503: Permission("UnfreezeAccount", (REGULATOR, *SERVICERS), TWO, step_in=STEP_IN),
    504: Permission("PlaceEarmark", HOLDERS),
    505: Permission("CloseAccount", HOLDERS, ONE, WINDING_DOWN),
    506: Permission("ReleaseEarmark", HOLDERS, ONE, WINDING_DOWN),
    507: Permission("ForceTransfer", AUTHORITIES, TWO),
    508: Permission("FreezeHolding", AUTHORITIES, TWO),
    509: Permission("UnfreezeHolding", AUTHORITIES, TWO, step_in=STEP_IN),
    # Custodians of keys
    1500: Permission("RecordTrail", SERVICERS, ONE, WINDING_DOWN),
    # Issuance
    600: Permission("RegisterIssue", REGISTRATION),
    601: Permission("RegisterFurtherIssue", REGISTRATION),
    602: Permission("RegisterReduction", REGISTRATION, ONE, WINDING_DOWN),
    603: Permission("RegisterExit", REGISTRATION, ONE, WINDING_DOWN),
    604: Permission("RegisterRedemption", REGISTRATION, ONE, WINDING_DOWN),
    605: Permission("Allot", HOLDERS),
    # Cash
    700: Permission("Mint", MONEY_ISSUERS, TWO),
    701: Permission("RequestRedemption", HOLDERS, ONE, WINDING_DOWN),
    702: Permission("PayRedemption", MONEY_ISSUERS, TWO, WINDING_DOWN),
    703: Permission("RefuseRedemption", MONEY_ISSUERS, ONE, WINDING_DOWN),
    # Trades
    800: Permission("RecordTrade", HOLDERS),
    801: Permission("ConfirmTrade", HOLDERS),
    802: Permission("AmendTrade", HOLDERS),
    803: Permission("CancelTrade", HOLDERS, ONE, WINDING_DOWN),
    # Settlement
    900: Permission("Instruct", HOLDERS, ONE, WINDING_DOWN),
    901: Permission("InstructBoth", HOLDERS),
    902: Permission("Amend", HOLDERS, ONE, WINDING_DOWN),
    903: Permission("Allocate", HOLDERS, ONE, WINDING_DOWN),
    904: Permission("Deallocate", HOLDERS, ONE, WINDING_DOWN),
    905: Permission("Cancel", HOLDERS, ONE, WINDING_DOWN),
    906: Permission("SignOff", RUNS_A_MARKET, step_in=STEP_IN),
    907: Permission("RefuseSignOff", RUNS_A_MARKET, step_in=STEP_IN),
    908: Permission("OpenBatch", RUNS_A_MARKET),
    909: Permission("LoadBatch", RUNS_A_MARKET),
    910: Permission("SettleBatch", HOLDERS, ONE, WINDING_DOWN),
    911: Permission("CancelBatch", RUNS_A_MARKET),
    # The consortium; its members bring motions and approve them, and a motion that is carried sends the rest
    1900: Permission("ProposeMotion", ANYBODY, TWO),
    1901: Permission("ApproveMotion", ANYBODY, TWO),
    1902: Permission("WithdrawApproval", ANYBODY, TWO),
    1910: Permission("SetWeight", ANYBODY, BY_MOTION),
    1911: Permission("SetDecisionRule", ANYBODY, BY_MOTION),
    # Validators
    1600: Permission("AddValidator", ANYBODY, BY_MOTION),
    1601: Permission("RemoveValidator", ANYBODY, BY_MOTION),
    1602: Permission("SetVotingPower", ANYBODY, BY_MOTION),
    1603: Permission("RotateConsensusKey", ANYBODY, TWO, step_in=STEP_IN),
    1604: Permission("ReadmitValidator", ANYBODY, BY_MOTION),
    # Feeds
    1700: Permission("DefineFeed", ANYBODY, BY_MOTION),
    1701: Permission("EndFeed", ANYBODY, BY_MOTION),
    1702: Permission("Observe", ANYBODY),
    # Grants of a view, and the logs of reads
    1000: Permission("GrantView", ANYBODY, ONE, WINDING_DOWN),
    1001: Permission("RevokeView", ANYBODY, ONE, WINDING_DOWN),
    1002: Permission("RecordReadLog", ANYBODY, ONE, WINDING_DOWN),
    912: Permission("InstructWithNote", HOLDERS, ONE, WINDING_DOWN),
    913: Permission("InstructBothWithNotes", HOLDERS),
    # View keys, and who holds the roots that they hang on; 1303 is sent by nodes
    1300: Permission("AdmitHolder", RUNS_THE_LEDGER, TWO),
    1301: Permission("RemoveHolder", RUNS_THE_LEDGER, TWO),
    1302: Permission("ProposeKeyEpoch", RUNS_THE_LEDGER, TWO),
    1303: Permission("ConfirmKeyEpoch", ANYBODY, ONE, WINDING_DOWN),
    1304: Permission("RaiseViewKey", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    1305: Permission("RecordOpeningKey", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    1306: Permission("GrantViewKey", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    1307: Permission("EndViewGrant", ANYBODY, ADMINISTRATIVE, WINDING_DOWN),
    # Real names
    1400: Permission("AppointIdentityRegistrar", (REGULATOR,), TWO, step_in=STEP_IN),
    1401: Permission("RecordLicence", (REGULATOR,), TWO, step_in=STEP_IN),
    1402: Permission("WithdrawLicence", (REGULATOR,), TWO, step_in=STEP_IN),
    1403: Permission("AttestIdentity", (IDENTITY_REGISTRAR,)),
    1404: Permission("RecordVerification", LICENSED_AGENTS, ONE, WINDING_DOWN),
    1405: Permission("WithdrawVerification", (REGULATOR, *LICENSED_AGENTS), ONE, WINDING_DOWN),
    # Certificates
    1800: Permission("NameAuthority", RUNS_THE_LEDGER, TWO),
    1801: Permission("WithdrawAuthority", RUNS_THE_LEDGER, TWO),
    1802: Permission("RecordCertificate", RUNS_THE_LEDGER),
    1803: Permission("RevokeCertificate", ANYBODY, ONE, WINDING_DOWN),
}
"""By message tag: who may send it for whom, and under how many eyes."""

MOVABLE: tuple[int, ...] = tuple(
    tag for tag, permission in PERMISSIONS.items() if permission.step_in or permission.eyes is Eyes.CONSORTIUM
)
"""The messages that a motion of the consortium may hold."""

FOUR_EYES: tuple[int, ...] = tuple(
    tag for tag, permission in PERMISSIONS.items() if permission.eyes is Eyes.TWO
)
"""The messages for which the ledger itself demands a maker and a checker; members may name more."""

UNLISTED = Permission("a message that the table does not list", ())
"""Nobody may send what the table does not list."""
