"""Who may see what. The README beside this file is its specification; `Policy.right` is asked by every read.

Every question takes the same way whether what it is about is not there or is another's: whatever would be looked up is
looked up, for a stand-in where there is nothing, and all ways to a right are tried before one is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from counterfoil.modules.consortium.records import MEMBERS
from counterfoil.modules.grants.interface import Grants, Scope
from counterfoil.modules.holdings.interface import Account, Holdings, relationships_of
from counterfoil.modules.instruments.interface import Instrument, Instruments
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.interface import Parties, PartyStatus, Role, is_known_to_all
from counterfoil.modules.parties.records import MANDATES, TREE_DEPTH_MAX
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.rights import Basis, Right, Span
from counterfoil.policy.subjects import (
    AccountContents,
    AccountHistory,
    Business,
    BusinessCounts,
    CertificateOf,
    NextKeyEpoch,
    NodeHealth,
    Opens,
    PartyDetails,
    PartyHistory,
    PartyName,
    PendingMotion,
    PendingProposal,
    PersonLinks,
    PublicFact,
    QueueCounts,
    ReceiptFor,
    Register,
    SealedCopy,
    Side,
    Subject,
    ViewGrant,
    ViewKeyOf,
)
from counterfoil.state.tables import Reader

ANYBODY = b""
"""The viewer of whom nothing is known: it sees what is public."""


RUNS_THE_LEDGER = (Role.REGULATOR, Role.DEPOSITORY, Role.OPERATOR)


class Standing(IntEnum):
    """What a viewer's place in its life leaves of its rights.

    STRANGER: no party, public facts only. FORMER: terminated, reads its own past. PERSONAL: suspended, revoked,
    stopped from above, or not active yet; reads what it is a side of, holds no office. FULL: all its rights.
    """

    STRANGER = 0
    FORMER = 1
    PERSONAL = 2
    FULL = 3


_VIEW_KEYS = {
    Opens.OWN: (Basis.OWN, Standing.FORMER),
    Opens.BELOW: (Basis.CUSTODY, Standing.FULL),
    Opens.SERVICED: (Basis.CUSTODY, Standing.PERSONAL),
    Opens.GRANTED: (Basis.GRANT, Standing.FULL),
}
"""By what a view key opens: the right it is handed by, and the least standing that has it."""


class _NoParty(NamedTuple):
    parent: bytes = b""


class _NoAccount(NamedTuple):
    owner: bytes = b""
    servicer: bytes = b""
    joint_holders: tuple[bytes, ...] = ()


class _Between(NamedTuple):
    owner: bytes
    servicer: bytes
    joint_holders: tuple[bytes, ...] = ()


class _NoInstrument(NamedTuple):
    issuer: bytes = b""
    registrar: bytes = b""


_NO_PARTY, _NO_ACCOUNT, _NO_INSTRUMENT = _NoParty(), _NoAccount(), _NoInstrument()
"""Stand-ins for what is not there; nobody is any of those that they name."""

Way = tuple[bool, Basis]
"""Whether a way to a right is open, and the right that it leads to."""


class Policy:
    """Built by the wiring over the interfaces that know the rights in force now.

    now_ms: block time as it would be now.
    """

    def __init__(
        self,
        reader: Reader,
        parties: Parties,
        markets: Markets,
        instruments: Instruments,
        holdings: Holdings,
        grants: Grants,
        now_ms: int,
    ) -> None:
        self._reader = reader
        self._parties = parties
        self._markets = markets
        self._instruments = instruments
        self._holdings = holdings
        self._grants = grants
        self._now_ms = now_ms

    def require(self, viewer: bytes, subject: Subject, span: Span | None = None) -> None:
        """NotVisible where `may_see` says no."""
        if not self.may_see(viewer, subject, span):
            raise NotVisible

    def may_see(self, viewer: bytes, subject: Subject, span: Span | None = None) -> bool:
        """Whether `right` finds any."""
        return self.right(viewer, subject, span) is not None

    def right(self, viewer: bytes, subject: Subject, span: Span | None = None) -> Right | None:
        """The right by which a viewer (party id, or `ANYBODY`) may see a subject, or None.

        None too where there is no such thing. Rights are those in force now; span: the time of which data is shown (by
        default of now), which counts for what was granted.
        """
        standing = self.standing(viewer)
        basis = self._basis(viewer, standing, subject)
        if basis is not None:
            return Right(basis)
        return self._granted(viewer, standing, subject, span or Span(self._now_ms, self._now_ms))

    def standing(self, viewer: bytes) -> Standing:
        party = self._parties.find(viewer) if viewer else None
        if party is None:
            return Standing.STRANGER
        if party.status is PartyStatus.TERMINATED:
            return Standing.FORMER
        in_business = party.status in (PartyStatus.ACTIVE, PartyStatus.WINDING_DOWN)
        return Standing.FULL if in_business and not self._parties.stopped_above(party) else Standing.PERSONAL

    def sees_everything(self, viewer: bytes) -> bool:
        """Whether the viewer is a regulator whose powers do not rest."""
        return self.standing(viewer) is Standing.FULL and self._is_regulator(viewer)

    def speaks_for(self, address: bytes, party_id: bytes, time_ms: int | None = None) -> bool:
        """Whether a signer's address is the party's own, or a user's with a mandate (in force at `time_ms`)."""
        party = self._parties.find(party_id) if party_id else None
        if party is None or not address:
            return False
        if party.signer == address:
            return True
        mandate = self._reader.find(MANDATES, party_id + address)
        if mandate is None or time_ms is None:
            return mandate is not None
        return mandate.valid_from_ms <= time_ms and not 0 < mandate.valid_until_ms <= time_ms

    def is_its_own(self, address: bytes, party_id: bytes) -> bool:
        """Whether what is addressed to a signer is the party's to know: its own, or of a user who accepted its mandate.

        A party may name anybody as its user; naming must not open another's letters.
        """
        party = self._parties.find(party_id) if party_id else None
        if party is None or not address:
            return False
        if party.signer == address:
            return True
        mandate = self._reader.find(MANDATES, party_id + address)
        return mandate is not None and mandate.accepted

    # ---- by what the viewer is ----

    def _basis(self, viewer: bytes, standing: Standing, subject: Subject) -> Basis | None:
        """The right that a viewer has of itself, without any grant."""
        if is_public(subject):
            return Basis.PUBLIC
        if isinstance(subject, PartyName):
            public = self._is_public_name(subject.party)
            known = self._party(viewer, standing, subject.party)
            return Basis.PUBLIC if public else known
        if isinstance(subject, PartyDetails):
            return self._party(viewer, standing, subject.party) if standing >= Standing.PERSONAL else None
        if isinstance(subject, PartyHistory):
            return self._party(viewer, standing, subject.party)
        if isinstance(subject, PersonLinks):
            return self._persons(viewer, standing, subject)
        if isinstance(subject, CertificateOf):
            return self._certificate(viewer, standing, subject)
        if isinstance(subject, AccountContents):
            return self._account(viewer, standing, subject.account) if standing >= Standing.PERSONAL else None
        if isinstance(subject, AccountHistory):
            return self._account(viewer, standing, subject.account)
        if isinstance(subject, Register):
            return self._register(viewer, standing, subject.instrument)
        if isinstance(subject, Business):
            return self._business(viewer, standing, subject)
        if isinstance(subject, QueueCounts):
            return _first(True, self._market_ways(viewer, standing, subject.market))
        if isinstance(subject, PendingProposal):
            return self._proposal(viewer, standing, subject)
        if isinstance(subject, PendingMotion):
            return self._motions(viewer, standing)
        if isinstance(subject, ReceiptFor):
            return self._receipt(viewer, standing, subject)
        if isinstance(subject, ViewGrant):
            return self._grant(viewer, standing, subject)
        if isinstance(subject, SealedCopy):
            return Basis.PUBLIC if standing is not Standing.STRANGER else None
        if isinstance(subject, ViewKeyOf):
            return self._view_key(viewer, standing, subject)
        if isinstance(subject, NextKeyEpoch):
            return Basis.OWN if self._runs_the_ledger(viewer, standing) else None
        if isinstance(subject, BusinessCounts):
            return Basis.OFFICE if self._runs_the_ledger(viewer, standing) else None
        return _first(True, [self._guarding(viewer, standing)])

    def _view_key(self, viewer: bytes, standing: Standing, key: ViewKeyOf) -> Basis | None:
        """What a key opens that is handed anew is what may be read: an office and a grant rest with their holder, and a
        grant with whoever gave it."""
        if key.opens is Opens.EVERYTHING:
            return Basis.SUPERVISION if self.sees_everything(viewer) else None
        basis, least = _VIEW_KEYS[key.opens]
        if key.opens is Opens.GRANTED and not self._still_shows(key.by, key.node):
            return None
        return basis if standing >= least else None

    def _still_shows(self, grantor: bytes, node: bytes) -> bool:
        """Whether a grantor sees by itself what a node's key opens: an office rests while its holder is stopped, its
        own side does not, and a former member shows nothing."""
        standing, between = self.standing(grantor), self._holdings.relationship(node)
        sides = (between.owner, between.servicer) if between is not None else (node,)
        own = grantor in sides or self.is_its_own(node, grantor)
        return standing is Standing.FULL or (standing is Standing.PERSONAL and own)

    def _runs_the_ledger(self, viewer: bytes, standing: Standing) -> bool:
        return standing is Standing.FULL and self._parties.has_role(viewer, *RUNS_THE_LEDGER)

    def _is_public_name(self, party_id: bytes) -> bool:
        """Members are known to all; an investor's existence is a personal matter, and an applicant's its own."""
        party = self._parties.find(party_id)
        return party is not None and is_known_to_all(party)

    def _party(self, viewer: bytes, standing: Standing, party_id: bytes) -> Basis | None:
        if standing is Standing.STRANGER:
            return None
        there = self._parties.find(party_id) is not None
        own, over = viewer == party_id, self._is_over(viewer, standing, party_id)
        return _first(there, [(own, Basis.OWN), (over, Basis.SUPERVISION)])

    def _persons(self, viewer: bytes, standing: Standing, links: PersonLinks) -> Basis | None:
        """An office alone: what ties a person's parties together is nobody else's, not even the person's agents'."""
        if standing is not Standing.FULL:
            return None
        attests, regulates = viewer == links.registrar, self._is_regulator(viewer)
        return _first(True, [(attests, Basis.OFFICE), (regulates, Basis.SUPERVISION)])

    def _certificate(self, viewer: bytes, standing: Standing, certificate: CertificateOf) -> Basis | None:
        if certificate.of_a_node:
            return Basis.PUBLIC
        if standing < Standing.PERSONAL:
            return None
        there = self._parties.find(certificate.party) is not None
        own, issued = viewer == certificate.party, viewer == certificate.authority
        over = self._is_over(viewer, standing, certificate.party)
        return _first(
            there,
            [
                (own, Basis.OWN),
                (issued and standing is Standing.FULL, Basis.OFFICE),
                (over, Basis.SUPERVISION),
            ],
        )

    def _account(self, viewer: bytes, standing: Standing, account_id: bytes) -> Basis | None:
        if standing is Standing.STRANGER:
            return None
        account = self._holdings.account(account_id)
        return _first(account is not None, self._account_ways(viewer, standing, account or _NO_ACCOUNT))

    def _account_ways(
        self, viewer: bytes, standing: Standing, account: Account | _Between | _NoAccount
    ) -> list[Way]:
        """The holders; the servicer, and whoever is over it: rights from above follow the relationship."""
        held = viewer == account.owner or viewer in account.joint_holders
        serviced = standing is not Standing.FORMER and viewer == account.servicer
        over = self._is_over(viewer, standing, account.servicer)
        return [(held, Basis.OWN), (serviced, Basis.CUSTODY), (over, Basis.SUPERVISION)]

    def _register(self, viewer: bytes, standing: Standing, instrument_id: bytes) -> Basis | None:
        if standing < Standing.PERSONAL:
            return None
        found = self._instruments.find(instrument_id)
        instrument: Instrument | _NoInstrument = found or _NO_INSTRUMENT
        issues, keeps = viewer == instrument.issuer, viewer == instrument.registrar
        over = self._is_over(viewer, standing, instrument.issuer)
        ways = [(issues, Basis.OWN), (keeps and standing is Standing.FULL, Basis.OFFICE)]
        return _first(found is not None, [*ways, (over, Basis.SUPERVISION)])

    def _business(self, viewer: bytes, standing: Standing, business: Business) -> Basis | None:
        if standing < Standing.PERSONAL:
            return None
        ways = [way for side in business.sides for way in self._side_ways(viewer, standing, side)]
        return _first(True, ways + self._market_ways(viewer, standing, business.market))

    def _motions(self, viewer: bytes, standing: Standing) -> Basis | None:
        """Membership is an office: it rests while its holder is stopped."""
        full = standing is Standing.FULL
        member = full and self._reader.find(MEMBERS, viewer) is not None
        watched = full and self._is_regulator(viewer)
        return _first(True, [(member, Basis.OFFICE), (watched, Basis.SUPERVISION)])

    def _side_ways(self, viewer: bytes, standing: Standing, side: Side) -> list[Way]:
        """Who sees the account of a side sees the business; over a party that traded for itself are those above it."""
        by_account = self._account(viewer, standing, side.account)
        over = self._is_over(viewer, standing, side.party) and not side.account
        return [
            (viewer == side.party, Basis.OWN),
            (by_account is not None, by_account or Basis.SUPERVISION),
            (over, Basis.SUPERVISION),
        ]

    def _market_ways(self, viewer: bytes, standing: Standing, code: str) -> list[Way]:
        market = self._markets.find(code)
        full = standing is Standing.FULL
        operates = market is not None and market.operator == viewer
        return [(full and operates, Basis.OFFICE), (full and self._is_regulator(viewer), Basis.SUPERVISION)]

    def _proposal(self, viewer: bytes, standing: Standing, proposal: PendingProposal) -> Basis | None:
        if standing < Standing.PERSONAL:
            return None
        named = any(self.is_its_own(address, viewer) for address in proposal.signers)
        watched = standing is Standing.FULL and self._is_regulator(viewer)
        return _first(True, [(named, Basis.OWN), (watched, Basis.SUPERVISION)])

    def _receipt(self, viewer: bytes, standing: Standing, receipt: ReceiptFor) -> Basis | None:
        stakeholder = receipt.stakeholder
        if stakeholder == PUBLIC:
            return Basis.PUBLIC
        if standing is Standing.STRANGER:
            return None
        account = self._account_of(receipt)
        if account is not None:
            return _first(True, self._account_ways(viewer, standing, account))
        over = self._is_over(viewer, standing, stakeholder)
        own = standing is not Standing.FORMER and self.is_its_own(stakeholder, viewer)
        return _first(True, [(viewer == stakeholder or own, Basis.OWN), (over, Basis.SUPERVISION)])

    def _account_of(self, receipt: ReceiptFor) -> Account | _Between | None:
        """Whose the relationship is that a receipt is addressed to. Joint holders are a side of their account's own
        alone: what owner and servicer are to each other beside it is none of theirs."""
        for account_id in receipt.accounts:
            account = self._holdings.account(account_id)
            if account is not None:
                of_both, own = relationships_of(account_id, account)
                if receipt.stakeholder == own:
                    return account
                if receipt.stakeholder == of_both:
                    return _Between(account.owner, account.servicer)
        return None

    def _grant(self, viewer: bytes, standing: Standing, grant: ViewGrant) -> Basis | None:
        if standing < Standing.PERSONAL:
            return None
        own = viewer in (grant.grantor, grant.grantee) or viewer in grant.concerned
        over = self._is_over(viewer, standing, grant.grantor)
        ways = [(own, Basis.OWN), self._guarding(viewer, standing), (over, Basis.SUPERVISION)]
        return _first(True, ways)

    def _guarding(self, viewer: bytes, standing: Standing) -> Way:
        """Who watches the watchers; not even a regulator reads along."""
        guards = self._parties.has_role(viewer, Role.DATA_PROTECTION)
        return standing is Standing.FULL and guards, Basis.OFFICE

    # ---- from above ----

    def _is_over(self, viewer: bytes, standing: Standing, party_id: bytes) -> bool:
        """An office: rests while its holder is stopped."""
        if standing is not Standing.FULL:
            return False
        return self._is_regulator(viewer) | self._is_above(viewer, party_id)

    def _is_above(self, viewer: bytes, party_id: bytes) -> bool:
        """Whether a party stands below the viewer; it climbs as many steps from one that is not there."""
        above, at = False, party_id
        for _ in range(TREE_DEPTH_MAX):
            party = self._parties.find(at) or _NO_PARTY
            above |= party.parent == viewer
            at = party.parent or viewer
        return above

    def _is_regulator(self, viewer: bytes) -> bool:
        return self._parties.has_role(viewer, Role.REGULATOR)

    # ---- by what was granted ----

    def _granted(self, viewer: bytes, standing: Standing, subject: Subject, span: Span) -> Right | None:
        """By the first grant in force that covers subject and time, if its grantor still sees the subject itself.

        A grant shows nothing more than its grantor sees, and is an office of the grantee: it rests with the others.
        """
        if standing is not Standing.FULL:
            return None
        for scope, shown in self._scopes(subject):
            for grant_id, grant in self._grants.of(viewer, scope, shown, self._now_ms):
                grantor = grant.grantor
                if (
                    span.is_within(grant)
                    and self._basis(grantor, self.standing(grantor), subject) is not None
                ):
                    return Right(Basis.GRANT, grant_id, grant.purpose)
        return None

    def _scopes(self, subject: Subject) -> list[tuple[Scope, bytes]]:
        """What a grant could name that would show the subject."""
        if isinstance(subject, PartyName | PartyDetails | PartyHistory | CertificateOf):
            return [(Scope.PARTY, subject.party)]
        if isinstance(subject, AccountContents | AccountHistory):
            return self._account_scopes(subject.account)
        if isinstance(subject, Register):
            instrument = self._instruments.find(subject.instrument) or _NO_INSTRUMENT
            return [(Scope.REGISTER, subject.instrument), (Scope.PARTY, instrument.issuer)]
        if isinstance(subject, Business):
            scopes = [(Scope.MARKET, subject.market.encode())]
            for side in subject.sides:
                scopes += [(Scope.PARTY, side.party), *self._account_scopes(side.account)]
            return scopes
        if isinstance(subject, ReceiptFor):
            account = self._account_of(subject) or _NO_ACCOUNT
            parties = (subject.stakeholder, account.owner, account.servicer)
            return [(Scope.PARTY, party) for party in parties]
        return []

    def _account_scopes(self, account_id: bytes) -> list[tuple[Scope, bytes]]:
        account = self._holdings.account(account_id) or _NO_ACCOUNT
        parties = (account.owner, account.servicer)
        return [(Scope.ACCOUNT, account_id), *((Scope.PARTY, party) for party in parties)]


def is_public(subject: Subject) -> bool:
    """Whether anybody may see it, whatever stands on the ledger: known even where no ledger can be asked."""
    return isinstance(subject, PublicFact | NodeHealth)


def _first(there: bool, ways: Iterable[Way]) -> Basis | None:
    """The first basis to which a way is open; none to what is not there."""
    return min((basis for is_open, basis in ways if is_open & there), default=None)
