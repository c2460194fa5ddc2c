"""Who takes part in the market, who admitted whom, and who may sign for whom."""

from counterfoil.modules.module import Module
from counterfoil.modules.parties import (
    deadlines,
    facts,
    invariants,
    messages,
    rules_admission,
    rules_life,
    rules_recovery,
    rules_signers,
    rules_users,
)
from counterfoil.modules.parties.founding import (
    DutyName,
    FoundingParty,
    FoundingSigner,
    FoundingUser,
    PartiesGenesis,
    found,
)
from counterfoil.modules.parties.records import (
    APPLICATIONS,
    LEIS,
    MANDATES,
    NAMES,
    PARTIES,
    RECOVERY_VOTES,
    SIGNERS,
)
from counterfoil.modules.parties.rejects import PartiesReject

__all__ = [
    "DutyName",
    "FoundingParty",
    "FoundingSigner",
    "FoundingUser",
    "MODULE",
    "PartiesGenesis",
    "found",
]

MODULE = Module(
    name="parties",
    tables=(PARTIES, SIGNERS, MANDATES, NAMES, LEIS, APPLICATIONS, RECOVERY_VOTES),
    rules={
        messages.ApplyForAdmission: rules_admission.apply_for_admission,
        messages.AdmitParty: rules_admission.admit_party,
        messages.RefuseApplication: rules_admission.refuse_application,
        messages.EnrolParty: rules_admission.enrol_party,
        messages.ActivateParty: rules_admission.activate_party,
        messages.SuspendParty: rules_life.suspend_party,
        messages.ReinstateParty: rules_life.reinstate_party,
        messages.RevokeParty: rules_life.revoke_party,
        messages.WindDownParty: rules_life.wind_down_party,
        messages.TerminateParty: rules_life.terminate_party,
        messages.AmendParty: rules_admission.amend_party,
        messages.VerifyIdentity: rules_admission.verify_identity,
        messages.NameFourEyes: rules_users.name_four_eyes,
        messages.RegisterSigner: rules_signers.register_signer,
        messages.RotateKeys: rules_signers.rotate_keys,
        messages.NameRecoveryApprovers: rules_signers.name_recovery_approvers,
        messages.ApproveRecovery: rules_recovery.approve_recovery,
        messages.WithdrawRecovery: rules_recovery.withdraw_recovery,
        messages.GrantMandate: rules_users.grant_mandate,
        messages.RevokeMandate: rules_users.revoke_mandate,
    },
    facts=(
        facts.PartyApplied,
        facts.PartyEnrolled,
        facts.ApplicationEnded,
        facts.PartyStatusChanged,
        facts.PartyAmended,
        facts.IdentityVerified,
        facts.FourEyesNamed,
        facts.KeysInForce,
        facts.RecoveryNamed,
        facts.RecoveryApproved,
        facts.RecoveryWithdrawn,
        facts.MandateGranted,
        facts.MandateRevoked,
    ),
    rejects=PartiesReject,
    deadlines=(deadlines.lapse_applications,),
    invariants=(invariants.check,),
    full_checks=(invariants.check_all,),
)
