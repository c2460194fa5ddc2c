"""Moves about real names and certificates."""

from __future__ import annotations

from counterfoil.modules.certificates import messages as certificates
from counterfoil.modules.certificates.records import Purpose
from counterfoil.modules.identities import messages as identities
from counterfoil.modules.identities.records import Level, Suite
from counterfoil.modules.parties.records import Role
from tests.model.hand import Hand, Move
from tests.model.moves_members import MOVES, move
from tests.model.opening import DAY_MS
from tests.model.parties_model import AGENTS

__all__ = ["MOVES"]


def reason(hand: Hand) -> str:
    return hand.one_of("A reason.", "A reason.", "A reason.", "", "x" * 201)


@move(identities.AppointIdentityRegistrar)
def appoint(hand: Hand) -> Move:
    by = hand.party_with(Role.REGULATOR)
    newest = len(hand.model.tables[140])
    ask = identities.AppointIdentityRegistrar(
        by,
        hand.party_with(Role.IDENTITY_REGISTRAR),
        Suite.RISTRETTO255_SHA512,
        hand.hash(),
        hand.one_of(newest + 1, newest + 1, newest + 1, newest, newest + 2),
        hand.one_of(
            hand.twin.next_time_ms() + 40 * DAY_MS, hand.twin.next_time_ms() + 5_000, 2**52, 2**62, -1
        ),
    )
    return ask, hand.speakers(by)


@move(identities.RecordLicence)
def license(hand: Hand) -> Move:
    by, now_ms = hand.party_with(Role.REGULATOR), hand.twin.next_time_ms()
    ask = identities.RecordLicence(
        by,
        hand.party_with(*AGENTS),
        hand.text("FCA 123"),
        hand.one_of(0, 0, 0, now_ms + DAY_MS, -1),
        hand.one_of(0, 0, now_ms + 9 * DAY_MS, now_ms - 1, 2**62),
    )
    return ask, hand.speakers(by)


@move(identities.WithdrawLicence)
def withdraw_licence(hand: Hand) -> Move:
    by = hand.party_with(Role.REGULATOR)
    agent = hand.key_of(142) if hand.often(0.4) else hand.party_with(*AGENTS)
    return identities.WithdrawLicence(by, agent, reason(hand)), hand.speakers(by)


def tag(hand: Hand) -> bytes:
    return hand.chance.choice(TAGS) if hand.often(0.95) else hand.hash()


TAGS = tuple(bytes([number]) * 32 for number in range(1, 7))
"""Six tags: some persons have several."""
HANDLES = tuple(bytes([number]) * 32 for number in range(101, 107))


@move(identities.AttestIdentity)
def attest(hand: Hand) -> Move:
    versions = hand.model.tables[140]
    version = hand.chance.randrange(1, len(versions) + 1) if versions else 1
    key = versions.get(version.to_bytes(4, "big"))
    by = key.registrar if key is not None and hand.often() else hand.party_with(Role.IDENTITY_REGISTRAR)
    ask = identities.AttestIdentity(
        by,
        version if hand.often(0.95) else hand.one_of(0, -1, version + 1, 2**40),
        tag(hand),
        hand.key_of(142),
        hand.chance.choice(HANDLES) if hand.often(0.95) else hand.hash(),
        tag(hand) if hand.often(0.2) else b"",
    )
    return ask, hand.speakers(by)


def verified(hand: Hand) -> tuple[bytes, bytes]:
    """(agent, investor)."""
    identity = hand.party_with(Role.INVESTOR)
    found = hand.model.tables[20].get(identity)
    return (found.parent if found is not None and hand.often() else hand.party_with(*AGENTS)), identity


@move(identities.RecordVerification)
def verify(hand: Hand) -> Move:
    agent, identity = verified(hand)
    mine = [key[20:] for key in hand.model.tables[144] if key[:20] == agent]
    handle = hand.chance.choice(mine) if mine and hand.often() else hand.chance.choice(HANDLES)
    now_ms = hand.twin.next_time_ms()
    ask = identities.RecordVerification(
        agent,
        identity,
        handle,
        hand.one_of(*Level),
        hand.hash(),
        now_ms + hand.one_of(DAY_MS, 9 * DAY_MS, 3_600_000, 400 * DAY_MS, 0, 4_000 * DAY_MS),
        hand.one_of(b"", b"sealed", b"s" * 512, b"s" * 513),
    )
    return ask, hand.speakers(agent)


@move(identities.WithdrawVerification)
def withdraw_verification(hand: Hand) -> Move:
    agent, identity = verified(hand)
    if hand.often(0.7) and hand.model.tables[146]:
        identity = hand.key_of(146)
        agent = hand.model.tables[20][identity].parent if identity in hand.model.tables[20] else agent
    return identities.WithdrawVerification(agent, identity, reason(hand)), hand.speakers(agent)


# Certificates


@move(certificates.NameAuthority)
def name_authority(hand: Hand) -> Move:
    by, now_ms = hand.party_with(Role.REGULATOR, Role.DEPOSITORY), hand.twin.next_time_ms()
    ask = certificates.NameAuthority(
        by,
        hand.one_of(*(f"authority {number}".encode() for number in range(9)), b"", b"x" * 4_097),
        hand.one_of(now_ms, now_ms, now_ms - DAY_MS, 0),
        now_ms + hand.one_of(*(9 * (400 * DAY_MS,)), 0, 8_000 * DAY_MS),
    )
    return ask, hand.speakers(by)


@move(certificates.WithdrawAuthority)
def withdraw_authority(hand: Hand) -> Move:
    identity = hand.key_of(180)
    found = hand.model.tables[180].get(identity)
    by = (
        found.party
        if found is not None and hand.often(0.7)
        else hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    )
    return certificates.WithdrawAuthority(by, identity, reason(hand)), hand.speakers(by)


@move(certificates.RecordCertificate)
def record_certificate(hand: Hand) -> Move:
    identity = hand.key_of(180, lambda one: not one.withdrawn_ms)
    found, now_ms = hand.model.tables[180].get(identity), hand.twin.next_time_ms()
    by = found.party if found is not None else hand.party_with(Role.DEPOSITORY)
    ask = certificates.RecordCertificate(
        identity,
        hand.party_with(*Role),
        hand.one_of(*Purpose),
        hand.hash() if hand.often() else hand.key_of(181),
        hand.one_of(*(9 * (b"\x01\x02",)), b"", b"\0\1", b"x" * 21),
        hand.one_of(now_ms, now_ms, now_ms + DAY_MS),
        now_ms + hand.one_of(*(9 * (90 * DAY_MS,)), 0, 500 * DAY_MS, 900 * DAY_MS),
    )
    return ask, hand.speakers(by)


@move(certificates.RevokeCertificate)
def revoke_certificate(hand: Hand) -> Move:
    identity = hand.key_of(181, lambda one: not one.revoked_ms)
    found = hand.model.tables[181].get(identity)
    by = (
        found.party
        if found is not None and hand.often(0.6)
        else hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    )
    return certificates.RevokeCertificate(by, identity, reason(hand)), hand.speakers(by)
