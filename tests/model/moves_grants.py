"""Moves about grants of a view, and about recorded logs of reads."""

from __future__ import annotations

from counterfoil.modules.grants import messages as grants
from counterfoil.modules.grants.records import Purpose, Scope
from counterfoil.modules.parties.records import Role
from tests.model.hand import STRANGERS, Hand, Move
from tests.model.moves_business import MOVES, account
from tests.model.moves_members import move
from tests.model.opening import DAY_MS

__all__ = ["MOVES"]


def shown(hand: Hand, scope: Scope) -> bytes:
    """Something of that kind."""
    if scope is Scope.PARTY:
        return hand.key_of(20, share=0.95)
    if scope is Scope.ACCOUNT:
        return account(hand)
    if scope is Scope.REGISTER:
        return hand.key_of(40, share=0.95)
    return hand.key_of(30, share=0.95)


@move(grants.GrantView)
def grant_view(hand: Hand) -> Move:
    scope = hand.one_of(*Scope, Scope.ACCOUNT, Scope.PARTY)
    purpose = hand.one_of(*Purpose, Purpose.AUDIT, Purpose.AUDIT)
    what = shown(hand, scope)
    whose = hand.model.whose(scope, what)
    regulator = hand.party_with(Role.REGULATOR)
    near = [one for one in (whose.get("holder"), whose.get("keeper"), regulator) if one]
    grantor = hand.chance.choice(near) if hand.often() else hand.party_with(*Role)
    if purpose is Purpose.INVESTIGATION and hand.often():
        grantor = regulator
    receivers = {Purpose.AUDIT: (Role.AUDITOR,), Purpose.CUSTODY: (Role.SECURITIES_COMPANY, Role.TRUSTEE)}
    grantee = hand.party_with(*receivers.get(purpose, (Role.AUDITOR, Role.NOTARY)))
    begins = hand.one_of(0, 0, hand.twin.time_ms, 5)
    ends = hand.one_of(0, 0, begins + DAY_MS) if hand.often(0.95) else hand.one_of(-1, begins, 2**63)
    now = hand.twin.next_time_ms()
    until = now + hand.one_of(5_000, DAY_MS, 30 * DAY_MS)
    if not hand.often(0.95):
        until = hand.one_of(0, now, now + 732 * DAY_MS)
    joint = [hand.speakers(one) for one in whose.get("joint", ())] if hand.often() else []
    ask = grants.GrantView(grantor, grantee, scope, what, purpose, begins, ends, until)
    return ask, hand.together(hand.speakers(grantor), *joint)


@move(grants.RevokeView)
def revoke_view(hand: Hand) -> Move:
    identity = hand.key_of(120, share=0.95)
    found = hand.model.tables[120].get(identity)
    by = hand.party_with(*Role)
    if found is not None and hand.often(0.8):
        joint = hand.model.whose(found.scope, found.shown)["joint"]
        by = hand.one_of(found.grantor, found.grantor, found.grantee, hand.party_with(Role.REGULATOR), *joint)
    return grants.RevokeView(by, identity), hand.speakers(by)


@move(grants.RecordReadLog)
def record_read_log(hand: Hand) -> Move:
    party = hand.party_with(*Role)
    node = hand.chance.choice(STRANGERS[:3]).address
    before = hand.model.tables[124].get(party + node)
    entries = before.entries if before is not None else 0
    entries += hand.one_of(1, 1, 10, 0, -1)
    if not hand.often(0.97):
        entries = hand.one_of(0, 2**63, -5)
    signers = hand.speakers(party)
    signed = hand.together(signers, (node,)) if hand.often(0.95) else signers
    return grants.RecordReadLog(party, node, entries, hand.hash()), signed
