"""Certificates: for each message the valid row first, then one row for each reject in order of precedence."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.certificates import queries
from counterfoil.modules.certificates.interface import Certificates
from counterfoil.modules.certificates.messages import (
    NameAuthority,
    RecordCertificate,
    RevokeCertificate,
    WithdrawAuthority,
)
from counterfoil.modules.certificates.records import TIME_MAX_MS, Purpose
from counterfoil.modules.certificates.rejects import CertificatesReject
from counterfoil.modules.parties.messages import SuspendParty
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import RejectCode
from tests.model.desk import Desk, by, party
from tests.model.opening import DAY_MS

DEPOSITORY, BROKER, REGULATOR = party("depository"), party("broker-a"), party("regulator")
AUTHORITY = sha256(b"authority").digest()
NODE = sha256(b"node").digest()
SIGNED = by("depository")


class World(Desk):
    """The depository's authority, in force for 400 days, and a node of broker-a."""

    def __init__(self) -> None:
        super().__init__()
        self.began_ms = self.time_ms
        self.do(self.authority(), *SIGNED)
        self.do(self.certificate(), *SIGNED)

    def authority(self) -> NameAuthority:
        return NameAuthority(DEPOSITORY, b"authority", self.began_ms, self.began_ms + 400 * DAY_MS)

    def certificate(self) -> RecordCertificate:
        return RecordCertificate(
            AUTHORITY, BROKER, Purpose.NODE, NODE, b"\x01\0", self.began_ms, self.began_ms + 90 * DAY_MS
        )

    @property
    def certificates(self) -> Certificates:
        return self.machine.wired.certificates


@pytest.fixture(scope="module")
def kept() -> World:
    """Nothing is sent to it: each row is tried out."""
    return World()


@pytest.fixture
def world() -> World:
    return World()


def refusal(desk: Desk, message: Message, *keys: SandboxKey) -> RejectCode | None:
    rejects = desk.try_out(message, *keys).rejects
    return rejects[0].code if rejects else None


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, SIGNED),
        (None, {"party": REGULATOR, "certificate": bytes(4_096)}, by("regulator")),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"party": BROKER}, by("broker-a")),
        (PartiesReject.CHECKER_IS_MISSING, {}, SIGNED[:1]),
        (CertificatesReject.AUTHORITY_CERTIFICATE_IS_MALFORMED, {"certificate": b""}, SIGNED),
        (CertificatesReject.AUTHORITY_CERTIFICATE_IS_MALFORMED, {"certificate": bytes(4_097)}, SIGNED),
        (CertificatesReject.VALIDITY_IS_INVALID, {"valid_from_ms": -1}, SIGNED),
        (CertificatesReject.VALIDITY_IS_INVALID, {"valid_from_ms": 0, "valid_until_ms": 1}, SIGNED),
        (CertificatesReject.VALIDITY_IS_INVALID, {"valid_until_ms": TIME_MAX_MS}, SIGNED),
        (CertificatesReject.AUTHORITY_IS_NAMED, {"certificate": b"authority"}, SIGNED),
    ],
)
def test_name_authority(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = replace(kept.authority(), certificate=b"another")
    assert refusal(kept, replace(ask, **changes), *keys) is expected


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, SIGNED),
        (None, {"party": REGULATOR}, by("regulator")),
        (PartiesReject.PARTY_LACKS_THE_ROLE, {"party": BROKER}, by("broker-a")),
        (CertificatesReject.AUTHORITY_NOT_FOUND, {"authority": bytes(32)}, SIGNED),
        (CertificatesReject.AUTHORITY_NOT_FOUND, {"authority": b""}, SIGNED),
        (CertificatesReject.REASON_IS_INVALID, {"reason": ""}, SIGNED),
        (CertificatesReject.REASON_IS_INVALID, {"reason": "x" * 201}, SIGNED),
    ],
)
def test_withdraw_authority(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = WithdrawAuthority(DEPOSITORY, AUTHORITY, "It is replaced.")
    assert refusal(kept, replace(ask, **changes), *keys) is expected


def test_an_authority_is_withdrawn_by_whoever_runs_it(world: World) -> None:
    ask = replace(world.authority(), party=REGULATOR, certificate=b"the regulator's")
    world.do(ask, *by("regulator"))
    withdrawal = WithdrawAuthority(DEPOSITORY, sha256(b"the regulator's").digest(), "A rival.")
    assert refusal(world, withdrawal, *SIGNED) is CertificatesReject.PARTY_MAY_NOT_WITHDRAW


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, SIGNED),
        (None, {"party": DEPOSITORY, "purpose": Purpose.SERVICE, "serial": b"\xff" * 20}, SIGNED),
        (CertificatesReject.AUTHORITY_NOT_FOUND, {"authority": bytes(32)}, SIGNED),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, by("broker-a")),
        (PartiesReject.PARTY_NOT_FOUND, {"party": bytes(20)}, SIGNED),
        (CertificatesReject.FINGERPRINT_IS_MALFORMED, {"fingerprint": bytes(31)}, SIGNED),
        (CertificatesReject.CERTIFICATE_IS_RECORDED, {"fingerprint": NODE}, SIGNED),
        (CertificatesReject.SERIAL_IS_INVALID, {"serial": b""}, SIGNED),
        (CertificatesReject.SERIAL_IS_INVALID, {"serial": b"\0\1"}, SIGNED),
        (CertificatesReject.SERIAL_IS_INVALID, {"serial": b"\1" * 21}, SIGNED),
        (CertificatesReject.VALIDITY_IS_INVALID, {"valid_from_ms": 0, "valid_until_ms": 1}, SIGNED),
        (CertificatesReject.VALIDITY_IS_INVALID, {"valid_from_ms": 0}, SIGNED),
        (CertificatesReject.VALIDITY_IS_INVALID, {"valid_until_ms": "after the authority"}, SIGNED),
    ],
)
def test_record_certificate(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    if changes.get("valid_until_ms") == "after the authority":
        changes = {"valid_until_ms": kept.began_ms + 401 * DAY_MS}
    ask = replace(kept.certificate(), fingerprint=bytes(32))
    assert refusal(kept, replace(ask, **changes), *keys) is expected


@pytest.mark.parametrize(
    ("expected", "changes", "keys"),
    [
        (None, {}, by("broker-a")),
        (None, {"party": DEPOSITORY}, SIGNED),
        (None, {"party": REGULATOR}, by("regulator")),
        (PartiesReject.SIGNER_IS_NOT_AUTHORISED, {}, by("broker-b")),
        (CertificatesReject.CERTIFICATE_NOT_FOUND, {"fingerprint": bytes(32)}, by("broker-a")),
        (CertificatesReject.CERTIFICATE_NOT_FOUND, {"fingerprint": b""}, by("broker-a")),
        (CertificatesReject.PARTY_MAY_NOT_REVOKE, {"party": party("broker-b")}, by("broker-b")),
        (CertificatesReject.REASON_IS_INVALID, {"reason": ""}, by("broker-a")),
    ],
)
def test_revoke_certificate(
    kept: World, expected: RejectCode | None, changes: dict[str, Any], keys: tuple[SandboxKey, ...]
) -> None:
    ask = RevokeCertificate(BROKER, NODE, "Its key was stolen.")
    assert refusal(kept, replace(ask, **changes), *keys) is expected


def test_who_is_stopped_gets_no_certificate(world: World) -> None:
    world.do(SuspendParty(REGULATOR, BROKER, "An inquiry."), *by("regulator"))
    ask = replace(world.certificate(), fingerprint=bytes(32))
    assert refusal(world, ask, *SIGNED) is PartiesReject.PARTY_IS_NOT_ACTIVE


def test_a_certificate_is_in_force_until_it_ends_or_is_revoked(world: World) -> None:
    certificates, began_ms = world.certificates, world.began_ms
    found = certificates.in_force(NODE, began_ms)
    assert found is not None
    assert (found.party, found.purpose) == (BROKER, Purpose.NODE)
    assert certificates.in_force(NODE, began_ms + 90 * DAY_MS - 1) is not None
    for fingerprint, time_ms in ((NODE, began_ms - 1), (NODE, began_ms + 90 * DAY_MS), (bytes(32), began_ms)):
        assert certificates.in_force(fingerprint, time_ms) is None
    assert certificates.in_force(b"short", began_ms) is None
    before = certificates.changes()
    ask = RevokeCertificate(BROKER, NODE, "Its key was stolen.")
    world.do(ask, *by("broker-a"))
    assert certificates.in_force(NODE, began_ms) is None
    assert certificates.changes() == before + 1
    assert refusal(world, ask, *by("broker-a")) is CertificatesReject.CERTIFICATE_IS_REVOKED
    world.machine.check_everything()


def test_what_a_withdrawn_authority_issued_is_good_no_more(world: World) -> None:
    assert [key for key, _ in world.certificates.authorities()] == [AUTHORITY]
    before = world.certificates.changes()
    withdrawal = WithdrawAuthority(DEPOSITORY, AUTHORITY, "Its key was stolen.")
    world.do(withdrawal, *SIGNED)
    assert world.certificates.in_force(NODE, world.began_ms) is None
    assert world.certificates.authorities() == ()
    assert world.certificates.changes() == before + 1
    assert refusal(world, withdrawal, *SIGNED) is CertificatesReject.AUTHORITY_IS_WITHDRAWN
    ask = replace(world.certificate(), fingerprint=bytes(32))
    assert refusal(world, ask, *SIGNED) is CertificatesReject.AUTHORITY_IS_WITHDRAWN
    assert refusal(world, world.authority(), *SIGNED) is CertificatesReject.AUTHORITY_IS_NAMED


def test_what_was_is_read_as_of_then(world: World) -> None:
    state, height = world.machine.state, world.height
    world.do(RevokeCertificate(BROKER, NODE, "Its key was stolen."), *by("broker-a"))
    then, now = (queries.certificate(state, NODE, at) for at in (height, None))
    assert then is not None
    assert now is not None
    assert not then.revoked_ms
    assert now.revoked_ms == world.time_ms
    assert [key for key, _ in queries.certificates(state, BROKER)] == [NODE]
    assert queries.certificates(state, DEPOSITORY) == ()
    assert queries.certificates(state, b"short") == ()
    assert [key for key, _ in queries.authorities(state, 1)] == []
    assert queries.certificate(state, b"short") is None
