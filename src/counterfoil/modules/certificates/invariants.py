"""What must hold of certificates after every block, whatever was asked."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from counterfoil.modules.certificates.books import CertificatesBooks
from counterfoil.modules.certificates.records import AUTHORITIES, CERTIFICATES, PARTY_CERTIFICATES
from counterfoil.primitives.outcome import ensure

Changed = Mapping[int, Mapping[bytes, tuple[Any, Any]]]


def check(books: CertificatesBooks, changed: Changed) -> None:
    """For what changed: nothing ends but by being withdrawn, once for ever, and a binding never changes."""
    for fingerprint, (before, now) in changed.get(AUTHORITIES.number, {}).items():
        ensure(now is not None, "an authority stays")
        ensure(sha256(now.certificate).digest() == fingerprint, "an authority lies under its fingerprint")
        if before is not None:
            ensure(
                not before.withdrawn_ms and now.withdrawn_ms, "an authority changes by its withdrawal alone"
            )
    for fingerprint, (before, now) in changed.get(CERTIFICATES.number, {}).items():
        ensure(now is not None, "a certificate stays")
        ensure(books.authorities.find(now.authority) is not None, "a certificate has its authority")
        listed = books.party_certificates.find(now.party + fingerprint)
        ensure(listed is not None, "a certificate is listed under its party")
        if before is not None:
            ensure(before.party == now.party, "a certificate changed its party")
            ensure(not before.revoked_ms and now.revoked_ms, "a certificate changes by its revocation alone")
    for key, (_, now) in changed.get(PARTY_CERTIFICATES.number, {}).items():
        found = books.certificates.find(key[20:])
        ensure(
            now is not None and found is not None and found.party == key[:20], "a list names what is there"
        )


def check_all(books: CertificatesBooks) -> None:
    """Over all authorities."""
    for fingerprint, authority in books.authorities.scan():
        ensure(
            sha256(authority.certificate).digest() == fingerprint, "an authority lies under its fingerprint"
        )
