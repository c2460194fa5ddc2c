"""Reads about certificates: the authorities that are trusted, and whose machine a certificate speaks for."""

from __future__ import annotations

import msgspec

from counterfoil.modules.certificates import queries as certificates
from counterfoil.modules.certificates.interface import Certificate, Purpose
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    LONG_ID_SIZE,
    PAGE_MAX,
    SHORT_ID_SIZE,
    Answer,
    AsOf,
    View,
    check_id,
    named,
    present,
    reading,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import CertificateOf


class AuthorityLine(msgspec.Struct, frozen=True):
    """certificate: X.509 in DER. withdrawn_ms: 0 while it is trusted."""

    fingerprint: bytes
    party: bytes
    certificate: bytes
    valid_from_ms: int
    valid_until_ms: int
    withdrawn_ms: int


class AuthorityList(Answer, frozen=True, kw_only=True):
    """By fingerprint."""

    authorities: tuple[AuthorityLine, ...]


class CertificatesPage(AsOf, frozen=True, kw_only=True):
    """party: only those bound to it (id); b"" for all that the viewer may see. first, limit: as of other pages."""

    party: bytes = b""
    first: int = 0
    limit: int = PAGE_MAX


class FingerprintOf(AsOf, frozen=True, kw_only=True):
    """fingerprint: SHA-256 of the certificate in DER (32 bytes)."""

    fingerprint: bytes


class CertificateLine(msgspec.Struct, frozen=True):
    """status: IN_FORCE, NOT_YET_VALID, EXPIRED, REVOKED, or AUTHORITY_WITHDRAWN; by the clock of the world, not of the
    ledger. serial: big-endian."""

    fingerprint: bytes
    authority: bytes
    party: bytes
    purpose: str
    serial: bytes
    valid_from_ms: int
    valid_until_ms: int
    revoked_ms: int
    status: str


class CertificateList(Answer, frozen=True, kw_only=True):
    """By fingerprint. next: `first` of the page after this one, 0 after the last."""

    certificates: tuple[CertificateLine, ...]
    next: int


class CertificateRecord(Answer, frozen=True, kw_only=True):
    line: CertificateLine


@named("authorities", is_alike=True)
def list_authorities(node: LedgerNode, viewer: Viewer, params: AsOf) -> AuthorityList:
    """The certificate authorities of the ledger, with their own certificates (public)."""
    with reading(node, viewer, params) as view:
        return AuthorityList(
            moment=view.moment,
            authorities=tuple(
                AuthorityLine(
                    fingerprint,
                    one.party,
                    one.certificate,
                    one.valid_from_ms,
                    one.valid_until_ms,
                    one.withdrawn_ms,
                )
                for fingerprint, one in certificates.authorities(view.state, view.height)
            ),
        )


@named("certificates")
def list_certificates(node: LedgerNode, viewer: Viewer, params: CertificatesPage) -> CertificateList:
    """Certificates of a party, or of all: a node's to everybody, others to those whom they concern.

    Those are the certificate's party, those above it, whoever runs its authority, and regulators.
    """
    if params.first < 0 or not 0 < params.limit <= PAGE_MAX or len(params.party) not in (0, SHORT_ID_SIZE):
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=PAGE_MAX,
            detail="a party has 20 bytes; first is 0 or more, limit 1 to the limit",
        )
    with reading(node, viewer, params) as view:
        own = params.party if view.is_narrowed(params.party) else b""
        visible = view.visible(
            certificates.certificates(view.state, own, view.height),
            lambda one: _subject(view, one[1]),
            lambda one: params.party in (b"", one[1].party),
        )
        page = visible[params.first : params.first + params.limit]
        after = params.first + len(page)
        return CertificateList(
            moment=view.moment,
            certificates=tuple(_line(view, key, one) for key, one in page),
            next=after if after < len(visible) else 0,
        )


@named("certificate", is_alike=True)
def certificate(node: LedgerNode, viewer: Viewer, params: FingerprintOf) -> CertificateRecord:
    """In whose name whoever has a certificate's key may connect, and whether it is in force: to whoever names it.

    A fingerprint is a digest over the key and a random number: who knows it was shown the certificate, and must be
    able to ask whether it is good.
    """
    with reading(node, viewer, params) as view:
        fingerprint = check_id(params.fingerprint, LONG_ID_SIZE)
        found = present(certificates.certificate(view.state, fingerprint, view.height))
        return CertificateRecord(moment=view.moment, line=_line(view, fingerprint, found))


def _subject(view: View, found: Certificate) -> CertificateOf:
    authorities = dict(certificates.authorities(view.state))
    return CertificateOf(found.party, authorities[found.authority].party, found.purpose is Purpose.NODE)


def _line(view: View, fingerprint: bytes, found: Certificate) -> CertificateLine:
    return CertificateLine(
        fingerprint,
        found.authority,
        found.party,
        found.purpose.name,
        found.serial,
        found.valid_from_ms,
        found.valid_until_ms,
        found.revoked_ms,
        _status(view, found),
    )


def _status(view: View, found: Certificate) -> str:
    now_ms = system_clock_ms()
    if found.revoked_ms:
        return "REVOKED"
    if dict(certificates.authorities(view.state, view.height))[found.authority].withdrawn_ms:
        return "AUTHORITY_WITHDRAWN"
    if now_ms < found.valid_from_ms:
        return "NOT_YET_VALID"
    return "IN_FORCE" if now_ms < found.valid_until_ms else "EXPIRED"
