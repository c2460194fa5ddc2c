"""Real names and certificates in dictionaries."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from counterfoil.modules.certificates.rejects import CertificatesReject
from counterfoil.modules.identities.rejects import IdentitiesReject as Reject
from counterfoil.modules.parties.records import PartyStatus, Role
from counterfoil.modules.parties.rejects import PartiesReject
from tests.model.core import EVERY, Action, Item, demand, time_key
from tests.model.custody_model import CustodyModel
from tests.model.parties_model import AGENTS, DAY_MS

YEAR_9999_MS = 253_402_300_799_999


class IdentitiesModel(CustodyModel):
    """Tables 140 registrar keys, 141 the regime, 142 licences, 143 tags, 144 attestations, 145 their lapses,
    146 verifications, 147 parties of persons; 180 authorities, 181 certificates, 182 those of a party, 183 changes."""

    def registrar_verifies(self) -> bool:
        regime = self.tables[141].get(b"\0")
        return regime is not None and regime.demanded_from_ms <= self.time_ms

    def holds(self, identity: bytes) -> bool:
        found = self.tables[146].get(identity)
        return found is not None and self.time_ms < found.expires_ms and not found.withdrawn_ms

    def is_verified(self, identity: bytes, party: Any) -> bool:
        if Role.INVESTOR not in party.roles:
            return True
        if self.registrar_verifies():
            return self.holds(identity)
        return bool(party.identity_hash) or identity in self.tables[146]

    def may_acquire(self, identity: bytes) -> bool:
        if Role.INVESTOR not in self.tables[20][identity].roles:
            return True
        return self.holds(identity) if identity in self.tables[146] else not self.registrar_verifies()

    # Registrars and licences

    def AppointIdentityRegistrar(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.regulator, ask)
        self.with_role(ask.registrar, Role.IDENTITY_REGISTRAR)
        demand(len(ask.public_key) == 32, Reject.PUBLIC_KEY_IS_MALFORMED)
        demand(ask.key_version == len(self.tables[140]) + 1, Reject.KEY_VERSION_IS_NOT_NEXT)
        demand(0 <= ask.demanded_from_ms <= YEAR_9999_MS, Reject.DEMAND_IS_OUT_OF_RANGE)
        self.tables[140][ask.key_version.to_bytes(4, "big")] = Item(
            registrar=ask.registrar, suite=ask.suite, public_key=ask.public_key, appointed_ms=self.time_ms
        )
        self.tables[141][b"\0"] = Item(key_version=ask.key_version, demanded_from_ms=ask.demanded_from_ms)

    def RecordLicence(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.regulator, ask)
        self.party(ask.agent)
        demand(self.has_role(ask.agent, *AGENTS), Reject.AGENT_MAY_NOT_BE_LICENSED)
        fine = 0 < len(ask.reference) <= 64 and all(32 <= ord(one) <= 126 for one in ask.reference)
        demand(fine, Reject.REFERENCE_IS_INVALID)
        times = (ask.valid_from_ms, ask.valid_until_ms)
        demand(all(0 <= one <= YEAR_9999_MS for one in times), Reject.VALIDITY_IS_INVALID)
        begins = max(ask.valid_from_ms, self.time_ms)
        demand(not ask.valid_until_ms or ask.valid_until_ms > begins, Reject.VALIDITY_IS_INVALID)
        self.tables[142][ask.agent] = Item(
            authority=ask.regulator,
            reference=ask.reference,
            valid_from_ms=ask.valid_from_ms,
            valid_until_ms=ask.valid_until_ms,
        )

    def WithdrawLicence(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.regulator, ask)
        demand(ask.agent in self.tables[142], Reject.LICENCE_NOT_FOUND)
        demand(0 < len(ask.reason) <= 200, Reject.REASON_IS_INVALID)
        del self.tables[142][ask.agent]

    def is_licensed(self, agent: bytes) -> bool:
        found = self.tables[142].get(agent)
        if found is None or found.valid_from_ms > self.time_ms:
            return False
        return not 0 < found.valid_until_ms <= self.time_ms

    def check_licence(self, agent: bytes) -> None:
        demand(self.is_licensed(agent), Reject.AGENT_HAS_NO_LICENCE)

    def may_open(self, servicer: bytes, owner: Any) -> bool:
        free = Role.INVESTOR not in owner.roles or not self.registrar_verifies()
        return free or self.is_licensed(servicer)

    # Attestations

    def AttestIdentity(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.registrar, ask)
        in_range = 0 <= ask.key_version < 2**31
        key = self.tables[140].get(ask.key_version.to_bytes(4, "big")) if in_range else None
        demand(key is not None, Reject.KEY_VERSION_IS_UNKNOWN)
        assert key is not None
        demand(key.registrar == ask.registrar, Reject.REGISTRAR_IS_ANOTHER)
        demand(len(ask.tag) == 32, Reject.TAG_IS_MALFORMED)
        demand(len(ask.handle) == 32, Reject.HANDLE_IS_MALFORMED)
        self.check_licence(ask.agent)
        known, other = self.tables[143].get(ask.tag), self.tables[143].get(ask.same_as)
        demand(not ask.same_as or other is not None, Reject.OTHER_TAG_IS_UNKNOWN)
        if ask.same_as and known is not None:
            assert other is not None
            demand(known.person == other.person, Reject.TAGS_ARE_OF_TWO_PERSONS)
        if other is not None and ask.same_as:
            person = other.person
        else:
            person = known.person if known is not None else action.new_short_id()
        at = ask.agent + ask.handle
        before = self.tables[144].get(at)
        party = b""
        if before is not None and before.party:
            if before.person == person:
                party = before.party
            else:
                verified = self.tables[146].get(before.party)
                used = verified is not None and verified.handle == ask.handle and not verified.withdrawn_ms
                demand(not used, Reject.HANDLE_IS_IN_USE_FOR_ANOTHER_PERSON)
        self.tables[143][ask.tag] = Item(person=person, key_version=ask.key_version)
        self.tables[144][at] = Item(
            person=person,
            registrar=ask.registrar,
            attested_ms=self.time_ms,
            lapses_ms=0 if party else self.time_ms + 30 * DAY_MS,
            party=party,
        )
        self.count_lapses()

    def count_lapses(self) -> None:
        waiting = [(one.lapses_ms, at) for at, one in self.tables[144].items() if one.lapses_ms]
        self.tables[145] = {time_key(lapses_ms) + at: Item() for lapses_ms, at in waiting}

    def lapse_attestations(self) -> None:
        for key in sorted(self.tables[145]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda _, at=key[8:]: self.tables[144].pop(at))
        self.count_lapses()

    # Verifications

    def verified_below(self, ask: Any, authority: bytes) -> Any:
        party = self.party(ask.party)
        elsewhere = Reject.AGENT_IS_NOT_ABOVE if self.is_public(party) else PartiesReject.PARTY_NOT_FOUND
        demand(self.is_above(authority, ask.party), elsewhere)
        return party

    def RecordVerification(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.agent, ask)
        party = self.verified_below(ask, ask.agent)
        admitted = party.status not in (PartyStatus.APPLIED, PartyStatus.TERMINATED)
        demand(admitted, Reject.PARTY_IS_NOT_ADMITTED)
        demand(Role.INVESTOR in party.roles, Reject.PARTY_IS_NO_INVESTOR)
        self.check_licence(ask.agent)
        attested = self.tables[144].get(ask.agent + ask.handle)
        demand(attested is not None, Reject.ATTESTATION_NOT_FOUND)
        assert attested is not None
        if attested.party and attested.party != ask.party:
            holder, living = self.tables[146].get(attested.party), self.tables[20][attested.party]
            free = (
                living.status is PartyStatus.TERMINATED
                or holder is None
                or holder.handle != ask.handle
                or holder.withdrawn_ms
            )
            demand(free, Reject.HANDLE_IS_ANOTHER_PARTYS)
        before = self.tables[146].get(ask.party)
        same = before is None or before.person == attested.person or before.withdrawn_ms
        demand(same, Reject.PARTY_IS_ANOTHER_PERSON)
        demand(len(ask.evidence_hash) == 32, Reject.EVIDENCE_HASH_IS_MALFORMED)
        demand(len(ask.pointer) <= 512, Reject.POINTER_IS_TOO_LONG)
        ahead_ms = ask.expires_ms - self.time_ms
        demand(0 < ahead_ms <= 3_660 * DAY_MS, Reject.EXPIRY_IS_OUT_OF_RANGE)
        if before is not None:
            del self.tables[147][before.person + ask.party]
        attested.party, attested.lapses_ms = ask.party, 0
        self.tables[147][attested.person + ask.party] = Item(agent=ask.agent)
        action.credited.append(ask.party + EVERY)
        self.tables[146][ask.party] = Item(
            person=attested.person,
            agent=ask.agent,
            handle=ask.handle,
            level=ask.level,
            evidence_hash=ask.evidence_hash,
            pointer=ask.pointer,
            verified_ms=self.time_ms,
            expires_ms=ask.expires_ms,
            withdrawn_ms=0,
        )
        self.count_lapses()

    def WithdrawVerification(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        self.verified_below(ask, ask.authority)
        found = self.tables[146].get(ask.party)
        demand(found is not None, Reject.VERIFICATION_NOT_FOUND)
        assert found is not None
        demand(not found.withdrawn_ms, Reject.VERIFICATION_IS_WITHDRAWN)
        demand(0 < len(ask.reason) <= 200, Reject.REASON_IS_INVALID)
        found.withdrawn_ms = self.time_ms

    # Certificates

    def check_life(self, ask: Any, days: int) -> None:
        begins, ends = ask.valid_from_ms, ask.valid_until_ms
        fine = 0 <= begins < ends <= YEAR_9999_MS and self.time_ms < ends and ends - begins <= days * DAY_MS
        demand(fine, CertificatesReject.VALIDITY_IS_INVALID)

    def count_change(self) -> None:
        self.tables[183].setdefault(b"\0", Item(count=0)).count += 1

    def authority_of(self, fingerprint: bytes) -> Any:
        found = self.tables[180].get(fingerprint)
        demand(found is not None, CertificatesReject.AUTHORITY_NOT_FOUND)
        assert found is not None
        demand(not found.withdrawn_ms, CertificatesReject.AUTHORITY_IS_WITHDRAWN)
        return found

    def NameAuthority(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        fine = 0 < len(ask.certificate) <= 4_096
        demand(fine, CertificatesReject.AUTHORITY_CERTIFICATE_IS_MALFORMED)
        self.check_life(ask, 7_320)
        fingerprint = sha256(ask.certificate).digest()
        demand(fingerprint not in self.tables[180], CertificatesReject.AUTHORITY_IS_NAMED)
        self.tables[180][fingerprint] = Item(
            party=ask.party,
            certificate=ask.certificate,
            valid_from_ms=ask.valid_from_ms,
            valid_until_ms=ask.valid_until_ms,
            withdrawn_ms=0,
        )
        self.count_change()

    def WithdrawAuthority(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        found = self.authority_of(ask.authority)
        may = ask.party == found.party or self.has_role(ask.party, Role.REGULATOR)
        demand(may, CertificatesReject.PARTY_MAY_NOT_WITHDRAW)
        demand(0 < len(ask.reason) <= 200, CertificatesReject.REASON_IS_INVALID)
        found.withdrawn_ms = self.time_ms
        self.count_change()

    def RecordCertificate(self, ask: Any, action: Action) -> None:
        authority = self.authority_of(ask.authority)
        self.authorise(action, authority.party, ask)
        self.in_business(ask.party, winding_down=True)
        demand(len(ask.fingerprint) == 32, CertificatesReject.FINGERPRINT_IS_MALFORMED)
        demand(ask.fingerprint not in self.tables[181], CertificatesReject.CERTIFICATE_IS_RECORDED)
        serial = ask.serial
        demand(0 < len(serial) <= 20 and serial[0], CertificatesReject.SERIAL_IS_INVALID)
        self.check_life(ask, 825)
        within = ask.valid_until_ms <= authority.valid_until_ms
        demand(within, CertificatesReject.VALIDITY_IS_INVALID)
        self.tables[181][ask.fingerprint] = Item(
            authority=ask.authority,
            party=ask.party,
            purpose=ask.purpose,
            serial=serial,
            valid_from_ms=ask.valid_from_ms,
            valid_until_ms=ask.valid_until_ms,
            revoked_ms=0,
        )
        self.tables[182][ask.party + ask.fingerprint] = Item()

    def RevokeCertificate(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        found = self.tables[181].get(ask.fingerprint)
        demand(found is not None, CertificatesReject.CERTIFICATE_NOT_FOUND)
        assert found is not None
        own = ask.party in (found.party, self.tables[180][found.authority].party)
        may = own or self.has_role(ask.party, Role.REGULATOR)
        demand(may, CertificatesReject.PARTY_MAY_NOT_REVOKE)
        demand(not found.revoked_ms, CertificatesReject.CERTIFICATE_IS_REVOKED)
        demand(0 < len(ask.reason) <= 200, CertificatesReject.REASON_IS_INVALID)
        found.revoked_ms = self.time_ms
        self.count_change()
