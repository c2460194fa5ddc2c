"""Parties, their signers and users, in dictionaries."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.parties.permissions import ADMITS, PERMISSIONS, Eyes
from counterfoil.modules.parties.records import Duty, PartyStatus, Role
from counterfoil.modules.parties.rejects import PartiesReject as Reject
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.identifiers import is_lei
from counterfoil.primitives.signatures import check_key, policy_address
from tests.model.core import EVERY, Action, Core, Item, No, ascending, demand, time_key

IN_BUSINESS = (PartyStatus.ACTIVE, PartyStatus.WINDING_DOWN)
STOPPED = (PartyStatus.SUSPENDED, PartyStatus.REVOKED, PartyStatus.TERMINATED)
AGENTS = (Role.DEPOSITORY, Role.SECURITIES_COMPANY, Role.COMMERCIAL_BANK, Role.OPERATOR)
DAY_MS = 86_400_000


class PartiesModel(Core):
    """Tables 20 parties, 21 signers, 22 mandates, 23 names, 24 LEIs, 25 applications."""

    def registrar_verifies(self) -> bool:
        raise NotImplementedError

    def is_verified(self, identity: bytes, party: Any) -> bool:
        raise NotImplementedError

    def party(self, party_id: bytes) -> Any:
        found = self.tables[20].get(party_id)
        demand(found is not None, Reject.PARTY_NOT_FOUND)
        return found

    def chain_above(self, party: Any) -> list[Any]:
        """Everybody above, the nearest first: (identity, party)."""
        found = []
        while party.parent:
            above = self.tables[20][party.parent]
            found.append((party.parent, above))
            party = above
        return found

    def is_stopped_above(self, party: Any) -> bool:
        return any(above.status in STOPPED for _, above in self.chain_above(party))

    def is_public(self, party: Any) -> bool:
        """Members are; investors and applicants are nobody else's business."""
        return party.status is not PartyStatus.APPLIED and set(party.roles) != {Role.INVESTOR}

    def is_spoken_for(self, action: Action, party_id: bytes) -> bool:
        party = self.tables[20].get(party_id)
        if action.by_consortium or party is None:
            return action.by_consortium
        users = {key[20:] for key in self.tables[22] if key[:20] == party_id}
        return bool(set(action.signers) & {party.signer, *users})

    def in_business(self, party_id: bytes, *, winding_down: bool) -> Any:
        party = self.party(party_id)
        demand(party.status is not PartyStatus.APPLIED, Reject.PARTY_NOT_FOUND)
        return self.doing_business(party, winding_down=winding_down)

    def doing_business(self, party: Any, *, winding_down: bool) -> Any:
        fine = party.status is PartyStatus.ACTIVE or (
            winding_down and party.status is PartyStatus.WINDING_DOWN
        )
        demand(fine and not self.is_stopped_above(party), Reject.PARTY_IS_NOT_ACTIVE)
        return party

    def is_active(self, party_id: bytes) -> bool:
        try:
            self.in_business(party_id, winding_down=False)
        except No:
            return False
        return True

    def with_role(self, party_id: bytes, *roles: Role) -> Any:
        found = self.party(party_id)
        demand(Role.INVESTOR in roles or self.is_public(found), Reject.PARTY_NOT_FOUND)
        party = self.in_business(party_id, winding_down=False)
        demand(set(party.roles) & set(roles), Reject.PARTY_LACKS_THE_ROLE)
        return party

    def has_role(self, party_id: bytes, *roles: Role) -> bool:
        party = self.tables[20].get(party_id)
        if party is None or party.status is PartyStatus.APPLIED:
            return False
        return bool(set(party.roles) & set(roles))

    def is_above(self, upper: bytes, lower: bytes) -> bool:
        party = self.tables[20].get(lower)
        return party is not None and upper in [identity for identity, _ in self.chain_above(party)]

    def authorise(
        self, action: Action, party_id: bytes, ask: Any, account: bytes = b"", amount: int = 0
    ) -> None:
        tag = ask if isinstance(ask, int) else ask.__struct_config__.tag
        permission = PERMISSIONS[tag]
        if action.by_consortium:
            demand(set(self.party(party_id).roles) & set(permission.roles), Reject.PARTY_LACKS_THE_ROLE)
            return
        party = self.party(party_id)
        known = self.is_public(party) or self.is_spoken_for(action, party_id)
        demand(known, Reject.PARTY_NOT_FOUND)
        self.doing_business(party, winding_down=permission.winding_down)
        demand(set(party.roles) & set(permission.roles), Reject.PARTY_LACKS_THE_ROLE)
        demand(permission.eyes is not Eyes.CONSORTIUM, Reject.CONSORTIUM_DECIDES)
        two = permission.eyes is Eyes.TWO or tag in party.four_eyes
        named = permission.eyes is Eyes.ADMINISTRATIVE
        if party.signer in action.signers and not two:
            return
        makers, checkers, nearest = [], [], Reject.SIGNER_IS_NOT_AUTHORISED
        for user in action.signers:
            mandate = self.tables[22].get(party_id + user)
            if mandate is None:
                continue
            refusal = self.not_covered(mandate, tag, account, amount, named)
            if refusal is not None:
                nearest = max(nearest, refusal, key=lambda code: code.number)
                continue
            if mandate.duty & Duty.MAKER:
                makers.append(user)
            else:
                nearest = Reject.MANDATE_IS_TO_CHECK_ONLY
            if mandate.duty & Duty.CHECKER:
                checkers.append(user)
        if not (two or named):
            demand(makers, nearest)
            return
        demand(makers, Reject.MAKER_IS_MISSING)
        demand(checkers, Reject.CHECKER_IS_MISSING)
        pairs = [(one, other) for one in makers for other in checkers]
        different = any(not self.keys_of(one) & self.keys_of(other) for one, other in pairs)
        demand(different, Reject.MAKER_IS_THE_CHECKER)

    def not_covered(self, mandate: Any, tag: int, account: bytes, amount: int, named: bool) -> Any:
        if self.time_ms < mandate.valid_from_ms or 0 < mandate.valid_until_ms <= self.time_ms:
            return Reject.MANDATE_IS_NOT_IN_FORCE
        if tag not in mandate.message_types and (mandate.message_types or named):
            return Reject.MANDATE_LACKS_THE_MESSAGE
        if mandate.accounts and account not in mandate.accounts:
            return Reject.MANDATE_LACKS_THE_ACCOUNT
        if amount > mandate.amount_limit:
            return Reject.MANDATE_LIMIT_EXCEEDED
        return None

    def keys_of(self, address: bytes) -> set[bytes]:
        signer = self.tables[21].get(address)
        return {address} if signer is None else {address_of(key) for key in signer.policy.keys}

    # Coming in

    def check_applicant(self, sponsor: Any, ask: Any, signer: bytes) -> None:
        demand(0 < len(ask.roles) <= 4 and ascending(ask.roles), Reject.ROLES_ARE_INVALID)
        for role in ask.roles:
            allowed = any(role in ADMITS.get(held, ()) for held in sponsor.roles)
            demand(allowed, Reject.SPONSOR_MAY_NOT_ADMIT_THE_ROLE)
        self.check_name(ask.roles, ask.name)
        self.check_lei(ask.lei)
        demand(len(signer) == 20, Reject.ADDRESS_IS_INVALID)

    def check_name(self, roles: tuple[Role, ...], name: str, bearer: bytes = b"") -> None:
        printable = not any(ord(c) < 32 or 127 <= ord(c) <= 159 for c in name)
        demand(printable and len(name) <= 64 and name == name.strip(" "), Reject.NAME_IS_INVALID)
        if roles != (Role.INVESTOR,):
            demand(name, Reject.NAME_IS_INVALID)
            named = self.tables[23].get(name.encode())
            demand(named is None or named.party == bearer, Reject.NAME_IS_TAKEN)

    def check_lei(self, lei: str, bearer: bytes = b"") -> None:
        demand(not lei or is_lei(lei), Reject.LEI_IS_INVALID)
        named = self.tables[24].get(lei.encode()) if lei else None
        demand(named is None or named.party == bearer, Reject.LEI_IS_TAKEN)

    def enter_names(self, identity: bytes, party: Any) -> None:
        if party.roles != (Role.INVESTOR,):
            self.tables[23][party.name.encode()] = Item(party=identity)
        if party.lei:
            self.tables[24][party.lei.encode()] = Item(party=identity)

    def leave_names(self, party: Any) -> None:
        if party.roles != (Role.INVESTOR,):
            del self.tables[23][party.name.encode()]
        if party.lei:
            del self.tables[24][party.lei.encode()]

    def new_party(self, ask: Any, status: PartyStatus, **more: Any) -> Item:
        fields = {
            "roles": ask.roles,
            "parent": ask.sponsor,
            "name": ask.name,
            "lei": ask.lei,
            "signer": ask.signer,
            "status": status,
            "identity_hash": b"",
            "agent": b"",
            "four_eyes": (),
            "status_before": PartyStatus.ACTIVE,
            "suspended_by": b"",
            "below": 0,
            "applications": 0,
            "lapses_ms": 0,
        }
        return Item(**{**fields, **more})

    def ApplyForAdmission(self, ask: Any, action: Action) -> None:
        demand(self.is_public(self.party(ask.sponsor)), Reject.PARTY_NOT_FOUND)
        sponsor = self.in_business(ask.sponsor, winding_down=False)
        self.check_applicant(sponsor, ask, ask.signer)
        demand(ask.signer in action.signers, Reject.SIGNER_IS_NOT_AUTHORISED)
        lapses_ms = self.time_ms + 30 * DAY_MS
        identity = action.new_short_id()
        self.tables[20][identity] = self.new_party(ask, PartyStatus.APPLIED, lapses_ms=lapses_ms)
        self.tables[25][time_key(lapses_ms) + identity] = Item(parent=ask.sponsor)
        sponsor.applications += 1

    def applicant(self, ask: Any) -> Any:
        party = self.party(ask.party)
        another = Reject.SPONSOR_IS_ANOTHER if self.is_public(party) else Reject.PARTY_NOT_FOUND
        demand(party.parent == ask.sponsor, another)
        demand(party.status is PartyStatus.APPLIED, Reject.STATUS_DOES_NOT_ALLOW_IT)
        return party

    def AdmitParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.sponsor, ask)
        party = self.applicant(ask)
        self.check_name(party.roles, party.name)
        self.check_lei(party.lei)
        del self.tables[25][time_key(party.lapses_ms) + ask.party]
        party.status, party.lapses_ms = PartyStatus.ADMITTED, 0
        sponsor = self.party(ask.sponsor)
        sponsor.applications -= 1
        sponsor.below += 1
        self.enter_names(ask.party, party)

    def end_application(self, identity: bytes) -> None:
        party = self.tables[20].pop(identity)
        del self.tables[25][time_key(party.lapses_ms) + identity]
        self.tables[20][party.parent].applications -= 1

    def RefuseApplication(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.sponsor, ask)
        self.applicant(ask)
        demand(0 < len(ask.reason) <= 200, Reject.REASON_IS_INVALID)
        self.end_application(ask.party)

    def lapse_applications(self) -> None:
        for key in sorted(self.tables[25]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda _, key=key: self.end_application(key[8:]))

    def EnrolParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.sponsor, ask)
        sponsor = self.party(ask.sponsor)
        keyless = ask.roles == (Role.INVESTOR,) and not ask.signer
        self.check_applicant(sponsor, ask, bytes(20) if keyless else ask.signer)
        demand(len(ask.identity_hash) in (0, 32), Reject.IDENTITY_HASH_IS_INVALID)
        demand(not ask.identity_hash or self.has_role(ask.sponsor, *AGENTS), Reject.PARTY_LACKS_THE_ROLE)
        by_word = ask.identity_hash and Role.INVESTOR in ask.roles
        demand(not by_word or not self.registrar_verifies(), Reject.REGISTRAR_ATTESTS_IDENTITIES)
        unverified = ask.activate and Role.INVESTOR in ask.roles and not ask.identity_hash
        demand(not unverified, Reject.IDENTITY_IS_NOT_VERIFIED)
        identity = action.new_short_id()
        party = self.new_party(
            ask,
            PartyStatus.ACTIVE if ask.activate else PartyStatus.ADMITTED,
            identity_hash=ask.identity_hash,
            agent=ask.sponsor if ask.identity_hash else b"",
        )
        self.tables[20][identity] = party
        sponsor.below += 1
        self.enter_names(identity, party)

    # Life

    def below(self, ask: Any, authority: bytes, *statuses: PartyStatus) -> Any:
        """The party, if the authority stands above it and it has one of the statuses."""
        party = self.party(ask.party)
        elsewhere = Reject.AUTHORITY_IS_NOT_ABOVE if self.is_public(party) else Reject.PARTY_NOT_FOUND
        demand(self.is_above(authority, ask.party), elsewhere)
        demand(party.status in statuses, Reject.STATUS_DOES_NOT_ALLOW_IT)
        return party

    def ActivateParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        party = self.below(ask, ask.authority, PartyStatus.ADMITTED)
        demand(self.is_verified(ask.party, party), Reject.IDENTITY_IS_NOT_VERIFIED)
        party.status = PartyStatus.ACTIVE

    def SuspendParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        party = self.below(
            ask, ask.authority, PartyStatus.ADMITTED, PartyStatus.ACTIVE, PartyStatus.WINDING_DOWN
        )
        demand(0 < len(ask.reason) <= 200, Reject.REASON_IS_INVALID)
        party.status_before, party.status = party.status, PartyStatus.SUSPENDED
        party.suspended_by = ask.authority
        self.stop(ask.party)

    def stop(self, party_id: bytes) -> None:
        raise NotImplementedError

    def ReinstateParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        party = self.below(ask, ask.authority, PartyStatus.SUSPENDED)
        higher = ask.authority == party.suspended_by or self.is_above(ask.authority, party.suspended_by)
        demand(higher, Reject.AUTHORITY_DID_NOT_SUSPEND_IT)
        party.status, party.status_before, party.suspended_by = party.status_before, PartyStatus.ACTIVE, b""
        if party.status in IN_BUSINESS:
            action.credited.append(ask.party + EVERY)

    def RevokeParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        living = (PartyStatus.ADMITTED, PartyStatus.ACTIVE, PartyStatus.SUSPENDED, PartyStatus.WINDING_DOWN)
        party = self.below(ask, ask.authority, *living)
        demand(0 < len(ask.reason) <= 200, Reject.REASON_IS_INVALID)
        party.status, party.status_before, party.suspended_by = PartyStatus.REVOKED, PartyStatus.ACTIVE, b""
        self.stop(ask.party)

    def WindDownParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        if ask.authority == ask.party and not action.by_consortium:
            party = self.party(ask.party)
            demand(party.status is PartyStatus.ACTIVE, Reject.STATUS_DOES_NOT_ALLOW_IT)
        else:
            party = self.below(
                ask, ask.authority, PartyStatus.ADMITTED, PartyStatus.ACTIVE, PartyStatus.REVOKED
            )
        demand(0 < len(ask.reason) <= 200, Reject.REASON_IS_INVALID)
        if party.status not in IN_BUSINESS:
            action.credited.append(ask.party + EVERY)
        party.status = PartyStatus.WINDING_DOWN

    def TerminateParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        party = self.below(ask, ask.authority, PartyStatus.WINDING_DOWN)
        demand(not party.below and not party.applications, Reject.PARTY_HAS_PARTIES_BELOW)
        demand(ask.party not in self.tables[56], Reject.PARTY_HAS_POSITIONS)
        self.leave_names(party)
        self.tables[20][party.parent].below -= 1
        party.status = PartyStatus.TERMINATED
        self.stop(ask.party)

    def AmendParty(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.authority, ask)
        alive = tuple(s for s in PartyStatus if s not in (PartyStatus.APPLIED, PartyStatus.TERMINATED))
        party = self.below(ask, ask.authority, *alive)
        self.check_name(party.roles, ask.name, ask.party)
        self.check_lei(ask.lei, ask.party)
        self.leave_names(party)
        party.name, party.lei = ask.name, ask.lei
        self.enter_names(ask.party, party)

    def VerifyIdentity(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.agent, ask)
        alive = tuple(s for s in PartyStatus if s not in (PartyStatus.APPLIED, PartyStatus.TERMINATED))
        party = self.below(ask, ask.agent, *alive)
        demand(len(ask.identity_hash) == 32, Reject.IDENTITY_HASH_IS_INVALID)
        by_word = Role.INVESTOR in party.roles and self.registrar_verifies()
        demand(not by_word, Reject.REGISTRAR_ATTESTS_IDENTITIES)
        party.identity_hash, party.agent = ask.identity_hash, ask.agent

    # Signers and users

    def check_types(self, tags: tuple[int, ...]) -> None:
        fine = len(tags) <= 64 and ascending(tags) and all(tag in PERMISSIONS for tag in tags)
        demand(fine, Reject.MESSAGE_TYPES_ARE_INVALID)

    def NameFourEyes(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.check_types(ask.message_types)
        for tag in ask.message_types:
            demand(PERMISSIONS[tag].eyes is not Eyes.ADMINISTRATIVE, Reject.MESSAGE_CANNOT_BE_NAMED)
        self.party(ask.party).four_eyes = ask.message_types

    def GrantMandate(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        demand(len(ask.user) == 20, Reject.ADDRESS_IS_INVALID)
        self.check_types(ask.message_types)
        accounts = ask.accounts
        fine = len(accounts) <= 64 and ascending(accounts) and all(len(one) == 20 for one in accounts)
        demand(fine, Reject.MANDATE_ACCOUNTS_ARE_INVALID)
        demand(0 <= ask.amount_limit <= AMOUNT_MAX, Reject.MANDATE_LIMIT_IS_INVALID)
        from_ms, until_ms = ask.valid_from_ms, ask.valid_until_ms
        fine = 0 <= from_ms <= AMOUNT_MAX and 0 <= until_ms <= AMOUNT_MAX
        fine = fine and (not until_ms or until_ms > max(from_ms, self.time_ms))
        demand(fine, Reject.MANDATE_VALIDITY_IS_INVALID)
        before = self.tables[22].get(ask.party + ask.user)
        self.tables[22][ask.party + ask.user] = Item(
            accepted=ask.user in action.signers or (before is not None and before.accepted),
            message_types=ask.message_types,
            accounts=accounts,
            amount_limit=ask.amount_limit,
            valid_from_ms=from_ms,
            valid_until_ms=until_ms,
            duty=ask.duty,
        )

    def RevokeMandate(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        demand(self.tables[22].pop(ask.party + ask.user, None) is not None, Reject.MANDATE_NOT_FOUND)

    def check_policy(self, policy: Any) -> None:
        keys = policy.keys
        fine = 1 <= policy.threshold <= len(keys) <= 16 and ascending(keys) and all(map(check_key, keys))
        demand(fine, Reject.POLICY_IS_INVALID)

    def check_recovery(self, address: bytes, recovery: tuple[bytes, ...], threshold: int) -> None:
        fine = len(recovery) <= 8 and ascending(recovery) and address not in recovery
        fine = fine and all(len(one) == 20 for one in recovery)
        fine = fine and min(1, len(recovery)) <= threshold <= len(recovery)
        demand(fine, Reject.RECOVERY_IS_INVALID)

    def RegisterSigner(self, ask: Any, action: Action) -> None:
        self.check_policy(ask.policy)
        address = policy_address(ask.policy)
        demand(address not in self.tables[21], Reject.SIGNER_IS_REGISTERED)
        self.check_recovery(address, ask.recovery, ask.recovery_threshold)
        signed = [key for key in ask.policy.keys if address_of(key) in action.signers]
        demand(len(signed) >= ask.policy.threshold, Reject.KEYS_HAVE_NOT_SIGNED)
        self.tables[21][address] = Item(
            policy=ask.policy,
            recovery=ask.recovery,
            recovery_threshold=ask.recovery_threshold,
            rotations=0,
        )

    def forget_votes(self, address: bytes) -> None:
        """What approvers wanted so far counts no longer."""
        raise NotImplementedError

    def RotateKeys(self, ask: Any, action: Action) -> None:
        signer = self.tables[21].get(ask.address)
        if ask.address not in action.signers:
            demand(signer is not None, Reject.SIGNER_NOT_FOUND)
            assert signer is not None
            approvals = len(set(signer.recovery) & set(action.signers))
            enough = signer.recovery and approvals >= signer.recovery_threshold
            demand(enough, Reject.SIGNER_IS_NOT_AUTHORISED)
        self.check_policy(ask.policy)
        if signer is None:
            self.tables[21][ask.address] = Item(
                policy=ask.policy, recovery=(), recovery_threshold=0, rotations=1
            )
        else:
            signer.policy, signer.rotations = ask.policy, signer.rotations + 1
        self.forget_votes(ask.address)

    def NameRecoveryApprovers(self, ask: Any, action: Action) -> None:
        signer = self.tables[21].get(ask.address)
        demand(signer is not None, Reject.SIGNER_NOT_FOUND)
        demand(ask.address in action.signers, Reject.SIGNER_IS_NOT_AUTHORISED)
        self.check_recovery(ask.address, ask.recovery, ask.recovery_threshold)
        assert signer is not None
        signer.recovery, signer.recovery_threshold = ask.recovery, ask.recovery_threshold
        self.forget_votes(ask.address)
