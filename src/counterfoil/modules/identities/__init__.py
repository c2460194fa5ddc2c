"""Real names: who is licensed to verify them, which person a party is, and how long that holds."""

from counterfoil.modules.identities import deadlines, facts, invariants, messages, rules
from counterfoil.modules.identities.records import (
    ATTESTATION_LAPSES,
    ATTESTATIONS,
    LICENCES,
    PERSON_PARTIES,
    REGIME,
    REGISTRAR_KEYS,
    TAGS,
    VERIFICATIONS,
)
from counterfoil.modules.identities.rejects import IdentitiesReject
from counterfoil.modules.module import Module

__all__ = ["MODULE"]

MODULE = Module(
    name="identities",
    tables=(
        REGISTRAR_KEYS,
        REGIME,
        LICENCES,
        TAGS,
        ATTESTATIONS,
        ATTESTATION_LAPSES,
        VERIFICATIONS,
        PERSON_PARTIES,
    ),
    rules={
        messages.AppointIdentityRegistrar: rules.appoint_identity_registrar,
        messages.RecordLicence: rules.record_licence,
        messages.WithdrawLicence: rules.withdraw_licence,
        messages.AttestIdentity: rules.attest_identity,
        messages.RecordVerification: rules.record_verification,
        messages.WithdrawVerification: rules.withdraw_verification,
    },
    facts=(
        facts.IdentityRegistrarAppointed,
        facts.LicenceRecorded,
        facts.LicenceWithdrawn,
        facts.PersonAttested,
        facts.IdentityAttested,
        facts.AttestationLapsed,
        facts.VerificationRecorded,
        facts.VerificationWithdrawn,
    ),
    rejects=IdentitiesReject,
    deadlines=(deadlines.lapse_attestations,),
    invariants=(invariants.check,),
    full_checks=(invariants.check_all,),
)
