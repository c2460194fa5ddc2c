"""Who else can do it, as data: for every message of the ledger, what happens when the one who usually sends it is away.

Written from the market's rules, not from the permissions, and run against the ledger by `test_ways.py`.
"""

from __future__ import annotations

OWN = """
    ProposeTransaction ApproveTransaction WithdrawProposal ApplyForAdmission VerifyIdentity NameFourEyes RegisterSigner
    RotateKeys NameRecoveryApprovers GrantMandate RevokeMandate OpenAccount AmendAccount PlaceEarmark CloseAccount
    ReleaseEarmark Allot Mint RequestRedemption PayRedemption RefuseRedemption RecordTrade ConfirmTrade AmendTrade
    CancelTrade Instruct InstructBoth Amend Allocate Deallocate Cancel LoadBatch SettleBatch CancelBatch ProposeMotion
    ApproveMotion WithdrawApproval Observe AnnounceInstrument ApproveRecovery WithdrawRecovery GrantView RevokeView
    RecordReadLog RecordTrail AttestIdentity RecordVerification RecordCertificate InstructWithNote
    InstructBothWithNotes ConfirmKeyEpoch RaiseViewKey RecordOpeningKey GrantViewKey EndViewGrant
"""
"""A party's own affairs: its keys and users, its property and its debts, what it states, the registers and accounts
that it takes on, what it began itself. No office: where it is away its own users, its recovery approvers and its
servicer act, or its customers go to another, and nobody may act for it."""

EITHER: dict[str, tuple[str, str]] = {
    "OpenMarket": ("depository", "exchange"),
    "SuspendInstrument": ("depository", "regulator"),
    "FreezeAccount": ("regulator", "depository"),
    "FreezeHolding": ("regulator", "depository"),
    "ForceTransfer": ("regulator", "depository"),
    "OpenBatch": ("depository", "exchange"),
    "WithdrawVerification": ("broker-a", "regulator"),
    "NameAuthority": ("depository", "regulator"),
    "WithdrawAuthority": ("depository", "regulator"),
    "RevokeCertificate": ("depository", "regulator"),
    "AdmitHolder": ("regulator", "depository"),
    "RemoveHolder": ("regulator", "depository"),
    "ProposeKeyEpoch": ("regulator", "depository"),
}
"""Offices that parties of two kinds hold at the same time: each of these two personas can do it."""

SUCCESSION = """
    HandOverMarket AppointRegistrar
"""
"""Who holds it gives it up to another; where it was stopped, a regulator does. Their own tables in `tests/unit/markets`
and `tests/unit/instruments` show both."""

POLICY = """
    RegisterIssue RegisterFurtherIssue RegisterReduction RegisterExit RegisterRedemption
"""
"""It takes the approvals that the market's rulebook names, which can be amended: a threshold that is data."""

STEP_IN = """
    AdmitParty RefuseApplication EnrolParty ActivateParty SuspendParty ReinstateParty RevokeParty WindDownParty
    TerminateParty AmendParty AmendRulebook SetCalendar OpenDay CloseDay AcceptAsset WithdrawAsset AmendTerms
    ResumeInstrument MatureInstrument RedeemInstrument CancelInstrument UnfreezeAccount UnfreezeHolding SignOff
    RefuseSignOff RotateConsensusKey AppointIdentityRegistrar RecordLicence WithdrawLicence
"""
"""Offices that one party holds: the market's operator, the registrar, the authority above, or whoever placed an order.
Where it is away, the consortium's members act in its place by a motion."""

BY_MOTION = """
    ScheduleUpgrade CancelUpgrade SetWeight SetDecisionRule AddValidator RemoveValidator SetVotingPower ReadmitValidator
    DefineFeed EndFeed
"""
"""What nobody does alone: more than two thirds of the members' weight, of whom any one may be away."""
