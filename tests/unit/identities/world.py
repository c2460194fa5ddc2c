"""A sandbox ledger with an identity registrar, two licensed brokers and a client of each."""

from __future__ import annotations

from hashlib import sha256

from counterfoil.modules.identities.messages import (
    AppointIdentityRegistrar,
    AttestIdentity,
    RecordLicence,
    RecordVerification,
)
from counterfoil.modules.identities.records import TIME_MAX_MS, Level, Suite
from counterfoil.modules.parties.messages import EnrolParty
from counterfoil.modules.parties.records import Role
from tests.model.desk import Desk, by, party
from tests.model.opening import DAY_MS, stranger

REGULATOR, BROKER, OTHER_BROKER = party("regulator"), party("broker-a"), party("broker-b")
CLIENT, OTHER_CLIENT = party("investor-a"), party("investor-b")
REGISTRAR_KEY, RIVAL_KEY = stranger("registrar"), stranger("rival")
SUITE = Suite.RISTRETTO255_SHA512


def tag(name: str) -> bytes:
    return sha256(f"tag of {name}".encode()).digest()


def handle(agent: str, name: str) -> bytes:
    return sha256(f"{agent} calls {name}".encode()).digest()


def evidence(text: str = "passport") -> bytes:
    return sha256(text.encode()).digest()


class World(Desk):
    """Ann is known to the registrar under two tags, and to both brokers; the client of broker-a is verified as her."""

    def __init__(self, *, demanded_from_ms: int = TIME_MAX_MS, verified: bool = True) -> None:
        super().__init__()
        role = (Role.IDENTITY_REGISTRAR,)
        for name, key in (("Registrar", REGISTRAR_KEY), ("Rival", RIVAL_KEY)):
            ask = EnrolParty(REGULATOR, role, name, "", key.address, b"", True)
            (enrolled,) = self.do(ask, *by("regulator"))
            setattr(self, name.lower(), enrolled)
        self.appoint(1, demanded_from_ms)
        for agent in (BROKER, OTHER_BROKER):
            self.do(RecordLicence(REGULATOR, agent, "FCA 1"), *by("regulator"))
        self.attest("ann", BROKER, "a")
        self.attest("ann", OTHER_BROKER, "b")
        self.attest("ann's passport", BROKER, "a", of="ann", same_as=tag("ann"))
        self.attest("ben", BROKER, "a")
        (self.second,) = self.do(
            EnrolParty(BROKER, (Role.INVESTOR,), "Second", "", b"", b"", False), *by("broker-a")
        )
        if verified:
            self.do(self.verification(), *by("broker-a"))

    registrar: bytes
    rival: bytes

    def appoint(self, version: int, demanded_from_ms: int) -> None:
        ask = AppointIdentityRegistrar(REGULATOR, self.registrar, SUITE, bytes(32), version, demanded_from_ms)
        self.do(ask, *by("regulator"))

    def attest(self, name: str, agent: bytes, short: str, *, of: str = "", same_as: bytes = b"") -> None:
        ask = AttestIdentity(self.registrar, 1, tag(name), agent, handle(short, of or name), same_as)
        self.do(ask, REGISTRAR_KEY)

    def verification(self, days: int = 9) -> RecordVerification:
        return RecordVerification(
            BROKER,
            CLIENT,
            handle("a", "ann"),
            Level.STANDARD,
            evidence(),
            self.time_ms + days * DAY_MS,
            b"sealed",
        )
