"""Roots, view keys and grants in dictionaries: what the ledger records of them, and no key."""

from __future__ import annotations

from collections import Counter
from typing import Any

from counterfoil.modules.grants.records import Scope
from counterfoil.modules.parties.records import PartyStatus, Role
from counterfoil.modules.viewkeys.rejects import ViewKeysReject as Reject
from tests.model.core import Action, Item, demand, time_key
from tests.model.settlement_model import SettlementModel

DAY_MS = 86_400_000
PRIME = 2**255 - 19
SMALL_ORDER = (
    0,
    1,
    PRIME - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


class ViewKeysModel(SettlementModel):
    """Tables 130 epochs, 131 the one in force, 132 the one that waits, 133 holders, 134 opening keys, 135 nodes, 136
    grants, 139 whose stop is not carried through; 137 and 138 follow."""

    # Roots

    def sealed(self) -> int:
        demand(self.tables[131], Reject.LEDGER_IS_NOT_SEALED)
        return int(self.tables[131][b"\0"].number)

    def AdmitHolder(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        number = self.sealed()
        demand(len(ask.node) == 20, Reject.NODE_ADDRESS_IS_INVALID)
        demand(is_point(ask.opening_key), Reject.OPENING_KEY_IS_INVALID)
        demand(ask.node not in self.tables[133], Reject.HOLDER_EXISTS)
        demand(len(self.tables[133]) < 128, Reject.TOO_MANY_HOLDERS)
        demand(len(ask.wrapped) == 113, Reject.WRAPPING_IS_MALFORMED)
        self.tables[133][ask.node] = Item(opening_key=ask.opening_key, epoch=number, wrapped=ask.wrapped)
        self.tables[132].clear()

    def RemoveHolder(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.sealed()
        demand(ask.node in self.tables[133], Reject.HOLDER_NOT_FOUND)
        demand(len(self.tables[133]) > 1, Reject.LAST_HOLDER)
        del self.tables[133][ask.node]
        self.tables[132].clear()

    def ProposeKeyEpoch(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        demand(ask.number == self.sealed() + 1, Reject.EPOCH_IS_NOT_NEXT)
        well_formed = len(ask.commitment) == 32 and is_point(ask.bundle_key) and len(ask.archived) == 80
        well_formed = well_formed and all(len(one.wrapped) == 113 for one in ask.wrappings)
        demand(well_formed, Reject.WRAPPING_IS_MALFORMED)
        for_all = [one.holder for one in ask.wrappings] == sorted(self.tables[133])
        demand(for_all, Reject.WRAPPINGS_ARE_NOT_THE_HOLDERS)
        self.tables[132].clear()
        self.tables[132][time_key(ask.number)] = Item(
            commitment=ask.commitment,
            bundle_key=ask.bundle_key,
            archived=ask.archived,
            wrappings=ask.wrappings,
            confirmed=(),
        )

    def ConfirmKeyEpoch(self, ask: Any, action: Action) -> None:
        self.sealed()
        demand(ask.node in action.signers, Reject.NODE_HAS_NOT_SIGNED)
        demand(ask.node in self.tables[133], Reject.HOLDER_NOT_FOUND)
        key = time_key(ask.number) if 0 <= ask.number < 2**63 else b""
        waiting = self.tables[132].get(key)
        demand(waiting is not None, Reject.EPOCH_IS_NOT_PROPOSED)
        assert waiting is not None
        demand(waiting.commitment == ask.commitment, Reject.EPOCH_IS_NOT_PROPOSED)
        demand(ask.node not in waiting.confirmed, Reject.EPOCH_IS_CONFIRMED)
        waiting.confirmed = tuple(sorted((*waiting.confirmed, ask.node)))
        if set(waiting.confirmed) == set(self.tables[133]):
            del self.tables[132][key]
            self.tables[131][b"\0"] = Item(number=ask.number)
            self.tables[130][key] = Item(
                commitment=waiting.commitment,
                bundle_key=waiting.bundle_key,
                archived=waiting.archived,
                wrappings=waiting.wrappings,
                from_height=self.height + 1,
                from_ms=self.time_ms,
            )

    # View keys

    def has_a_say(self, party: bytes, node: bytes) -> bool:
        mandate = self.tables[22].get(party + node)
        if party == node or self.tables[20][party].signer == node or (mandate and mandate.accepted):
            return True
        relationship = self.tables[57].get(node)
        if relationship is not None:
            servicer, joint = relationship.servicer, self.joint_holders(relationship)
            return party in (relationship.owner, servicer, *joint) or self.is_above(party, servicer)
        found = self.tables[20].get(node)
        return found is not None and found.status is not PartyStatus.APPLIED and self.is_above(party, node)

    def joint_holders(self, between: Any) -> tuple[bytes, ...]:
        return tuple(self.tables[51][between.account].joint_holders) if between.account else ()

    def opened_by(self, party: bytes, node: bytes) -> tuple[Scope, dict[str, Any]]:
        """What a node's key opens, and whose that is."""
        between, found = self.tables[57].get(node), self.tables[20].get(node)
        if between is not None:
            joint = self.joint_holders(between)
            return Scope.ACCOUNT, {"holder": between.owner, "keeper": between.servicer, "joint": joint}
        mandate = self.tables[22].get(party + node)
        own = self.tables[20][party].signer == node or (mandate and mandate.accepted)
        holder = node if found is not None else party
        there = found.status is not PartyStatus.APPLIED if found is not None else len(node) == 20 and own
        return Scope.PARTY, {"holder": holder, "keeper": None, "joint": ()} if there else {}

    def raise_key(self, node: bytes) -> None:
        self.tables[135].setdefault(node, Item(counter=0, grants=0)).counter += 1

    def raise_if_sealed(self, node: bytes) -> None:
        if self.tables[131]:
            self.raise_key(node)

    def held_by(self, party: bytes) -> set[bytes]:
        """The nodes whose keys were granted to a party, or to one below it."""
        return {key[:20] for key in self.tables[136] if party == key[20:] or self.is_above(party, key[20:])}

    def stop(self, party_id: bytes) -> None:
        self.raise_if_sealed(party_id)
        if self.held_by(party_id):
            self.tables[139][party_id] = Item(after=b"")

    def end(self) -> None:
        for party in list(self.tables[139]):
            del self.tables[139][party]
            for node in self.held_by(party):
                self.raise_key(node)
        super().end()

    def RaiseViewKey(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.sealed()
        demand(len(ask.node) == 20 and self.has_a_say(ask.party, ask.node), Reject.VIEW_NODE_NOT_FOUND)
        self.raise_key(ask.node)

    def RecordOpeningKey(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        demand(is_point(ask.opening_key), Reject.OPENING_KEY_IS_INVALID)
        self.tables[134][ask.party] = Item(opening_key=ask.opening_key)

    def GrantViewKey(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        self.sealed()
        self.demand_terms(action, ask, ask.party, *self.opened_by(ask.party, ask.node))
        has_it = self.has_a_say(ask.grantee, ask.node)
        has_it = has_it or Role.REGULATOR in self.tables[20][ask.grantee].roles
        demand(not has_it, Reject.GRANTEE_IS_INVALID)
        demand(0 < len(ask.reason) <= 200 and ask.reason.isprintable(), Reject.PURPOSE_IS_INVALID)
        demand(self.time_ms < ask.until_ms <= self.time_ms + 731 * DAY_MS, Reject.END_IS_INVALID)
        key = ask.node + ask.grantee
        demand(key not in self.tables[136], Reject.GRANT_EXISTS)
        running = sum(1 for one in self.tables[136] if one[:20] == ask.node)
        demand(running < 16, Reject.TOO_MANY_GRANTS)
        if not ask.past:
            self.raise_key(ask.node)
        self.tables[136][key] = Item(
            by=ask.party,
            purpose=ask.purpose,
            reason=ask.reason,
            from_height=0 if ask.past else self.height,
            until_ms=ask.until_ms,
            granted_height=self.height,
        )
        self.count_view_grants(ask.node)

    def EndViewGrant(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        grant = self.tables[136].get(ask.node + ask.grantee)
        demand(len(ask.node) == 20 and grant is not None, Reject.GRANT_NOT_FOUND)
        assert grant is not None
        whose = self.opened_by(grant.by, ask.node)[1]
        demand(self.may_end(ask.party, grant.by, ask.grantee, whose), Reject.GRANT_NOT_FOUND)
        self.end_view_grant(ask.node, ask.grantee)

    def end_view_grant(self, node: bytes, grantee: bytes) -> None:
        del self.tables[136][node + grantee]
        self.raise_key(node)
        self.count_view_grants(node)

    def end_grants(self) -> None:
        for key in sorted(self.tables[137]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda _, key=key: self.end_view_grant(key[8:28], key[28:]))

    def count_view_grants(self, node: bytes) -> None:
        self.tables[137] = {time_key(one.until_ms) + key: Item() for key, one in self.tables[136].items()}
        self.tables[138] = {
            upper + key: Item()
            for key in self.tables[136]
            for upper in self.tables[20]
            if upper == key[20:] or self.is_above(upper, key[20:])
        }
        running = Counter(key[:20] for key in self.tables[136])
        self.tables[135].setdefault(node, Item(counter=0, grants=0)).grants = running[node]


def is_point(data: bytes) -> bool:
    value = int.from_bytes(data, "little")
    return len(data) == 32 and value < PRIME and value not in SMALL_ORDER
