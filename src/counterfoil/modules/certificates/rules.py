"""The rules about certificates: authorities named and withdrawn, certificates bound to parties and revoked."""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace

from counterfoil.modules.certificates.books import CertificatesBooks
from counterfoil.modules.certificates.facts import (
    AuthorityNamed,
    AuthorityWithdrawn,
    CertificateRecorded,
    CertificateRevoked,
)
from counterfoil.modules.certificates.messages import (
    NameAuthority,
    RecordCertificate,
    RevokeCertificate,
    WithdrawAuthority,
)
from counterfoil.modules.certificates.records import (
    AUTHORITY_BYTES_MAX,
    AUTHORITY_DAYS_MAX,
    CERTIFICATE_DAYS_MAX,
    FINGERPRINT_SIZE,
    ONLY,
    REASON_LENGTH_MAX,
    SERIAL_SIZE_MAX,
    TIME_MAX_MS,
    Authority,
    Certificate,
    Changes,
    PartyCertificate,
    Purpose,
)
from counterfoil.modules.certificates.rejects import CertificatesReject
from counterfoil.modules.module import PUBLIC, ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.outcome import Rejected

_DAY_MS = 86_400_000


def name_authority(books: CertificatesBooks, ask: NameAuthority, context: ActionContext) -> None:
    """Whoever runs the ledger names its own authority; its certificate lies on the ledger for every node."""
    books.parties.authorise(context, ask.party, NameAuthority)
    if not 0 < len(ask.certificate) <= AUTHORITY_BYTES_MAX:
        raise Rejected(CertificatesReject.AUTHORITY_CERTIFICATE_IS_MALFORMED, bytes=len(ask.certificate))
    _check_validity(ask.valid_from_ms, ask.valid_until_ms, context.time_ms, AUTHORITY_DAYS_MAX)
    fingerprint = sha256(ask.certificate).digest()
    if books.authorities.find(fingerprint) is not None:
        raise Rejected(CertificatesReject.AUTHORITY_IS_NAMED)

    authority = Authority(ask.party, ask.certificate, ask.valid_from_ms, ask.valid_until_ms)
    books.authorities.put(fingerprint, authority)
    _count(books)
    context.tell(AuthorityNamed(fingerprint, ask.party, ask.valid_until_ms), PUBLIC)


def withdraw_authority(books: CertificatesBooks, ask: WithdrawAuthority, context: ActionContext) -> None:
    """From this message on nobody connects with what the authority issued."""
    books.parties.authorise(context, ask.party, WithdrawAuthority)
    authority = _require_authority(books, ask.authority)
    if ask.party != authority.party and not books.parties.has_role(ask.party, Role.REGULATOR):
        raise Rejected(CertificatesReject.PARTY_MAY_NOT_WITHDRAW)
    _check_reason(ask.reason)

    books.authorities.put(ask.authority, replace(authority, withdrawn_ms=context.time_ms))
    _count(books)
    context.tell(AuthorityWithdrawn(ask.authority, ask.party, ask.reason), PUBLIC)


def record_certificate(books: CertificatesBooks, ask: RecordCertificate, context: ActionContext) -> None:
    """What is not recorded is not accepted, whoever signed it."""
    authority = _require_authority(books, ask.authority)
    books.parties.authorise(context, authority.party, RecordCertificate)
    books.parties.require_in_business(ask.party)
    if len(ask.fingerprint) != FINGERPRINT_SIZE:
        raise Rejected(CertificatesReject.FINGERPRINT_IS_MALFORMED, bytes=len(ask.fingerprint))
    if books.certificates.find(ask.fingerprint) is not None:
        raise Rejected(CertificatesReject.CERTIFICATE_IS_RECORDED)
    if not 0 < len(ask.serial) <= SERIAL_SIZE_MAX or not ask.serial[0]:
        raise Rejected(CertificatesReject.SERIAL_IS_INVALID, bytes=len(ask.serial))
    _check_validity(ask.valid_from_ms, ask.valid_until_ms, context.time_ms, CERTIFICATE_DAYS_MAX)
    if ask.valid_until_ms > authority.valid_until_ms:
        raise Rejected(CertificatesReject.VALIDITY_IS_INVALID, authority_until_ms=authority.valid_until_ms)

    certificate = Certificate(
        ask.authority, ask.party, ask.purpose, ask.serial, ask.valid_from_ms, ask.valid_until_ms
    )
    books.certificates.put(ask.fingerprint, certificate)
    books.party_certificates.put(ask.party + ask.fingerprint, PartyCertificate())
    fact = CertificateRecorded(
        ask.fingerprint,
        ask.authority,
        ask.party,
        ask.purpose,
        ask.serial,
        ask.valid_from_ms,
        ask.valid_until_ms,
    )
    context.tell(fact, *_who_may_know(certificate, authority))


def revoke_certificate(books: CertificatesBooks, ask: RevokeCertificate, context: ActionContext) -> None:
    """A party whose key was stolen does not have to ask anybody."""
    books.parties.authorise(context, ask.party, RevokeCertificate)
    found = books.certificates.find(ask.fingerprint)
    if found is None:
        raise Rejected(CertificatesReject.CERTIFICATE_NOT_FOUND)
    authority = books.authorities.find(found.authority)
    runs_it = authority is not None and authority.party == ask.party
    if ask.party != found.party and not runs_it and not books.parties.has_role(ask.party, Role.REGULATOR):
        raise Rejected(CertificatesReject.PARTY_MAY_NOT_REVOKE)
    if found.revoked_ms:
        raise Rejected(CertificatesReject.CERTIFICATE_IS_REVOKED)
    _check_reason(ask.reason)

    books.certificates.put(ask.fingerprint, replace(found, revoked_ms=context.time_ms))
    _count(books)
    fact = CertificateRevoked(ask.fingerprint, found.party, ask.party, ask.reason)
    context.tell(fact, *_who_may_know(found, authority))


def _require_authority(books: CertificatesBooks, fingerprint: bytes) -> Authority:
    authority = books.authorities.find(fingerprint)
    if authority is None:
        raise Rejected(CertificatesReject.AUTHORITY_NOT_FOUND)
    if authority.withdrawn_ms:
        raise Rejected(CertificatesReject.AUTHORITY_IS_WITHDRAWN)
    return authority


def _check_validity(valid_from_ms: int, valid_until_ms: int, time_ms: int, days_max: int) -> None:
    """A certificate may begin later; none may be over, or live longer than it should."""
    if not (
        0 <= valid_from_ms < valid_until_ms <= TIME_MAX_MS
        and time_ms < valid_until_ms
        and valid_until_ms - valid_from_ms <= days_max * _DAY_MS
    ):
        raise Rejected(CertificatesReject.VALIDITY_IS_INVALID, valid_until_ms=valid_until_ms)


def _check_reason(reason: str) -> None:
    if not 0 < len(reason) <= REASON_LENGTH_MAX:
        raise Rejected(CertificatesReject.REASON_IS_INVALID)


def _who_may_know(certificate: Certificate, authority: Authority | None) -> tuple[bytes, ...]:
    told = [certificate.party]
    if authority is not None and authority.party != certificate.party:
        told.append(authority.party)
    if certificate.purpose is Purpose.NODE:
        told.append(PUBLIC)
    return tuple(told)


def _count(books: CertificatesBooks) -> None:
    before = books.changes.find(ONLY)
    books.changes.put(ONLY, Changes(before.count + 1 if before is not None else 1))
