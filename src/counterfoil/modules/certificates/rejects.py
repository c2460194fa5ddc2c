"""Why the rules about certificates refuse. Numbers 18000 to 18999."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class CertificatesReject(RejectCode):
    AUTHORITY_CERTIFICATE_IS_MALFORMED = (
        18000,
        "The authority's certificate is empty, or longer than 4,096 bytes.",
        "State the certificate in DER, as `counterfoil ca init` writes it.",
    )
    VALIDITY_IS_INVALID = (
        18001,
        "The certificate ends before it begins, has ended, lives too long, or longer than its authority's.",
        "State the times that stand in the certificate; issue it for 825 days at most, an authority's for 20 years.",
    )
    AUTHORITY_IS_NAMED = (
        18002,
        "This authority was named before; a withdrawn one does not come back.",
        "Name another authority, with a key of its own.",
    )
    AUTHORITY_NOT_FOUND = (18003, "No authority has this fingerprint.", "Check the fingerprint.")
    AUTHORITY_IS_WITHDRAWN = (
        18004,
        "The authority is not trusted any more.",
        "Use an authority that is in force.",
    )
    PARTY_MAY_NOT_WITHDRAW = (
        18005,
        "Only whoever runs the authority, or a regulator, withdraws it.",
        "Ask one of them.",
    )
    REASON_IS_INVALID = (
        18006,
        "The reason is empty or longer than 200 characters.",
        "State a short reason, or a reference to where it is written.",
    )
    FINGERPRINT_IS_MALFORMED = (
        18010,
        "A fingerprint is 32 bytes.",
        "State the SHA-256 of the certificate in DER.",
    )
    CERTIFICATE_IS_RECORDED = (
        18011,
        "The certificate was recorded before.",
        "Nothing needs to be done; a certificate is bound to its party once.",
    )
    SERIAL_IS_INVALID = (
        18012,
        "A serial number has 1 to 20 bytes and does not begin with a zero byte.",
        "State the number that stands in the certificate, big-endian.",
    )
    CERTIFICATE_NOT_FOUND = (18013, "No certificate has this fingerprint.", "Check the fingerprint.")
    CERTIFICATE_IS_REVOKED = (
        18014,
        "The certificate was revoked before.",
        "Nothing needs to be done.",
    )
    PARTY_MAY_NOT_REVOKE = (
        18015,
        "Only the certificate's own party, whoever runs its authority, or a regulator revokes it.",
        "Ask one of them.",
    )
