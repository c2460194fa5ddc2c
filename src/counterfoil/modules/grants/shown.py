"""Whose the thing is that a grant shows: who stands where to it, and whom it concerns."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.grants.books import GrantsBooks
from counterfoil.modules.grants.records import Place, Scope
from counterfoil.modules.parties.interface import Parties, Role


class Shown(NamedTuple):
    """holder, keeper: b"" where there is none. joint: holders beside the owner. keepers are told as holders are."""

    holder: bytes = b""
    keeper: bytes = b""
    joint: tuple[bytes, ...] = ()

    @property
    def concerned(self) -> tuple[bytes, ...]:
        """Those who are told that somebody may look, each once."""
        return tuple(dict.fromkeys(one for one in (self.holder, *self.joint, self.keeper) if one))


NOTHING = Shown()


def look_up(books: GrantsBooks, scope: Scope, shown: bytes) -> Shown:
    """`NOTHING` where there is no such thing."""
    if scope is Scope.PARTY:
        return Shown(shown) if books.parties.find(shown) is not None else NOTHING
    if scope is Scope.ACCOUNT:
        account = books.holdings.account(shown)
        if account is None:
            return NOTHING
        return Shown(account.owner, account.servicer, account.joint_holders)
    if scope is Scope.REGISTER:
        instrument = books.instruments.find(shown)
        return Shown(instrument.issuer, instrument.registrar) if instrument is not None else NOTHING
    market = books.markets.find(shown.decode("ascii", "replace"))
    return Shown(keeper=market.operator) if market is not None else NOTHING


def places(parties: Parties, party: bytes, shown: Shown) -> tuple[Place, ...]:
    """Where a party stands to what is shown; nowhere to what is not there."""
    if shown == NOTHING:
        return ()
    found = []
    if party == shown.holder:
        found.append(Place.HOLDER)
    if party == shown.keeper:
        found.append(Place.KEEPER)
    if parties.has_role(party, Role.REGULATOR):
        found.append(Place.AUTHORITY)
    return tuple(found)
