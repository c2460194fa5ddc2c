"""Certificates: which machine may speak over the network, in whose name, and until when."""

from counterfoil.modules.certificates import facts, invariants, messages, rules
from counterfoil.modules.certificates.records import (
    AUTHORITIES,
    CERTIFICATES,
    CHANGES,
    PARTY_CERTIFICATES,
)
from counterfoil.modules.certificates.rejects import CertificatesReject
from counterfoil.modules.module import Module

__all__ = ["MODULE"]

MODULE = Module(
    name="certificates",
    tables=(AUTHORITIES, CERTIFICATES, PARTY_CERTIFICATES, CHANGES),
    rules={
        messages.NameAuthority: rules.name_authority,
        messages.WithdrawAuthority: rules.withdraw_authority,
        messages.RecordCertificate: rules.record_certificate,
        messages.RevokeCertificate: rules.revoke_certificate,
    },
    facts=(
        facts.AuthorityNamed,
        facts.AuthorityWithdrawn,
        facts.CertificateRecorded,
        facts.CertificateRevoked,
    ),
    rejects=CertificatesReject,
    invariants=(invariants.check,),
    full_checks=(invariants.check_all,),
)
