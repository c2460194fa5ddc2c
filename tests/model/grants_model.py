"""Grants of a view, and recorded logs of reads, in dictionaries."""

from __future__ import annotations

from collections import Counter
from typing import Any

from counterfoil.modules.grants.records import Purpose, Scope
from counterfoil.modules.grants.rejects import GrantsReject as Reject
from counterfoil.modules.parties.records import Role
from counterfoil.primitives.codec import AMOUNT_MAX
from tests.model.core import Action, Item, No, demand, time_key
from tests.model.issues_model import IssuesModel

DAY_MS = 86_400_000
KEEPERS = (
    *(Role.DEPOSITORY, Role.COMMERCIAL_BANK, Role.CENTRAL_BANK, Role.TRUSTEE, Role.OPERATOR),
    Role.SECURITIES_COMPANY,
)
MAY_RECEIVE = {
    Purpose.AUDIT: (Role.AUDITOR,),
    Purpose.CUSTODY: KEEPERS,
    Purpose.INVESTIGATION: (Role.REGULATOR, Role.AUDITOR, Role.NOTARY),
    Purpose.DISCLOSURE: tuple(Role),
}
MAY_GIVE = {
    Purpose.AUDIT: ("holder", "keeper", "regulator"),
    Purpose.CUSTODY: ("holder", "keeper"),
    Purpose.INVESTIGATION: ("regulator",),
    Purpose.DISCLOSURE: ("holder",),
}
OF_ACCOUNTS_ALONE = (Purpose.CUSTODY, Purpose.DISCLOSURE)


class GrantsModel(IssuesModel):
    """Tables 120 grants and 124 logs of reads; 121, 122 and 123 follow."""

    def count_grants(self) -> None:
        grants = self.tables[120]
        shown = {key: one.grantee + one.shown.ljust(20, b"\0") + key for key, one in grants.items()}
        self.tables[121] = {key: Item() for key in shown.values()}
        self.tables[122] = {time_key(one.valid_until_ms) + key: Item() for key, one in grants.items()}
        counts = Counter(one.grantor for one in grants.values())
        self.tables[123] = {grantor: Item(count=count) for grantor, count in counts.items()}

    def whose(self, scope: Scope, shown: bytes) -> dict[str, Any]:
        """Holder, keeper and joint holders of what a grant shows; nothing where there is no such thing."""
        if scope is Scope.PARTY and shown in self.tables[20]:
            return {"holder": shown, "keeper": None, "joint": ()}
        if scope is Scope.ACCOUNT and shown in self.tables[51]:
            account = self.tables[51][shown]
            return {"holder": account.owner, "keeper": account.servicer, "joint": account.joint_holders}
        if scope is Scope.REGISTER and shown in self.tables[40]:
            instrument = self.tables[40][shown]
            return {"holder": instrument.issuer, "keeper": instrument.registrar, "joint": ()}
        if scope is Scope.MARKET and shown in self.tables[30]:
            return {"holder": None, "keeper": self.tables[30][shown].operator, "joint": ()}
        return {}

    def demand_terms(
        self,
        action: Action,
        ask: Any,
        grantor: bytes,
        scope: Scope,
        whose: dict[str, Any],
        account: bytes = b"",
    ) -> None:
        """Of views and of view keys: who gives what to whom, and who must agree."""
        stands = [place for place in ("holder", "keeper") if whose and whose[place] == grantor]
        if whose and self.has_role(grantor, Role.REGULATOR):
            stands.append("regulator")
        fits = scope is Scope.ACCOUNT or ask.purpose not in OF_ACCOUNTS_ALONE
        demand(fits and set(stands) & set(MAY_GIVE[ask.purpose]), Reject.NOTHING_TO_SHOW)
        must_agree = list(whose["joint"])
        if "holder" not in stands:
            holders = [whose["holder"], *must_agree] if ask.purpose is Purpose.CUSTODY else []
            must_agree = [one for one in holders if self.tables[20][one].signer]
        for holder in must_agree:
            try:
                self.authorise(action, holder, ask, account)
            except No:
                raise No(Reject.HOLDER_HAS_NOT_CONSENTED) from None
        eligible = (
            ask.grantee != grantor
            and self.is_active(ask.grantee)
            and self.has_role(ask.grantee, *MAY_RECEIVE[ask.purpose])
        )
        demand(eligible, Reject.GRANTEE_IS_NOT_ELIGIBLE)

    def GrantView(self, ask: Any, action: Action) -> None:
        account = ask.shown if ask.scope is Scope.ACCOUNT else b""
        self.authorise(action, ask.grantor, ask, account)
        self.demand_terms(action, ask, ask.grantor, ask.scope, self.whose(ask.scope, ask.shown), account)
        begins, ends = ask.period_from_ms, ask.period_until_ms
        in_range = 0 <= begins <= AMOUNT_MAX and 0 <= ends <= AMOUNT_MAX
        demand(in_range and (not ends or begins < ends), Reject.PERIOD_IS_INVALID)
        latest = self.time_ms + 731 * DAY_MS
        demand(self.time_ms < ask.valid_until_ms <= latest, Reject.VALIDITY_IS_INVALID)
        same = [
            one
            for one in self.tables[120].values()
            if (one.grantor, one.grantee, one.scope, one.shown, one.purpose)
            == (ask.grantor, ask.grantee, ask.scope, ask.shown, ask.purpose)
        ]
        demand(not same, Reject.GRANT_EXISTS)
        mine = [one for one in self.tables[120].values() if one.grantor == ask.grantor]
        demand(len(mine) < 1_000, Reject.TOO_MANY_GRANTS)
        self.tables[120][action.new_id()] = Item(
            grantor=ask.grantor,
            grantee=ask.grantee,
            scope=ask.scope,
            shown=ask.shown,
            purpose=ask.purpose,
            period_from_ms=begins,
            period_until_ms=ends,
            valid_until_ms=ask.valid_until_ms,
            granted_height=self.height,
        )
        self.count_grants()

    def RevokeView(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        grant = self.tables[120].get(ask.grant)
        demand(grant is not None, Reject.GRANT_NOT_FOUND)
        assert grant is not None
        whose = self.whose(grant.scope, grant.shown)
        demand(self.may_end(ask.party, grant.grantor, grant.grantee, whose), Reject.GRANT_NOT_FOUND)
        self.end_grant(ask.grant)

    def may_end(self, party: bytes, grantor: bytes, grantee: bytes, whose: dict[str, Any]) -> bool:
        who = [grantor, grantee, *(whose["joint"] if whose["holder"] == grantor else ())]
        return party in who or self.is_above(party, grantor)

    def end_grant(self, identity: bytes) -> None:
        del self.tables[120][identity]
        self.count_grants()

    def lapse_views(self) -> None:
        for key in sorted(self.tables[122]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda _, key=key: self.end_grant(key[8:]))

    def RecordReadLog(self, ask: Any, action: Action) -> None:
        demand(ask.node in action.signers, Reject.NODE_HAS_NOT_SIGNED)
        self.authorise(action, ask.party, ask)
        fine = 0 < ask.entries <= AMOUNT_MAX and len(ask.head) == 32
        demand(fine, Reject.READ_LOG_IS_INVALID)
        before = self.tables[124].get(ask.party + ask.node)
        if before is not None:
            demand(ask.entries > before.entries, Reject.READ_LOG_DOES_NOT_GROW)
        else:
            nodes = [key for key in self.tables[124] if key[:20] == ask.party]
            demand(len(nodes) < 64, Reject.TOO_MANY_NODES)
        self.tables[124][ask.party + ask.node] = Item(
            entries=ask.entries, head=ask.head, time_ms=self.time_ms
        )
