"""Who may see what. The README beside this file is its specification; `may_see` is asked by every read."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.modules.holdings.interface import Account, Holdings
from counterfoil.modules.instruments.interface import Instruments
from counterfoil.modules.markets.interface import Markets
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.interface import Parties, PartyStatus, Role
from counterfoil.modules.parties.records import MANDATES
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.subjects import (
    AccountContents,
    AccountHistory,
    Business,
    CertificateOf,
    PartyDetails,
    PartyHistory,
    PartyName,
    PendingProposal,
    PersonLinks,
    PublicFact,
    ReceiptFor,
    Register,
    Side,
    Subject,
)
from counterfoil.state.tables import Reader

ANYBODY = b""
"""The viewer of whom nothing is known: it sees what is public."""


class Standing(IntEnum):
    """What a viewer's place in its life leaves of its rights.

    STRANGER: no party, public facts only. FORMER: terminated, reads its own past. PERSONAL: suspended, revoked,
    stopped from above, or not active yet; reads what it is a side of, holds no office. FULL: all its rights.
    """

    STRANGER = 0
    FORMER = 1
    PERSONAL = 2
    FULL = 3


class Policy:
    """Built by the wiring over the interfaces that know the rights in force now."""

    def __init__(
        self, reader: Reader, parties: Parties, markets: Markets, instruments: Instruments, holdings: Holdings
    ) -> None:
        self._reader = reader
        self._parties = parties
        self._markets = markets
        self._instruments = instruments
        self._holdings = holdings

    def require(self, viewer: bytes, subject: Subject) -> None:
        """NotVisible where `may_see` says no."""
        if not self.may_see(viewer, subject):
            raise NotVisible

    def may_see(self, viewer: bytes, subject: Subject) -> bool:
        """Whether a viewer (party id, or `ANYBODY`) may see a subject now. False too where there is no such thing."""
        if isinstance(subject, PublicFact):
            return True
        standing = self.standing(viewer)
        if isinstance(subject, PartyName):
            return self._is_public_name(subject.party) or self._sees_party(viewer, standing, subject.party)
        if isinstance(subject, PartyDetails):
            return standing >= Standing.PERSONAL and self._sees_party(viewer, standing, subject.party)
        if isinstance(subject, PartyHistory):
            return self._sees_party(viewer, standing, subject.party)
        if isinstance(subject, PersonLinks):
            return self._sees_persons(viewer, standing, subject)
        if isinstance(subject, CertificateOf):
            return self._sees_certificate(viewer, standing, subject)
        if isinstance(subject, AccountContents):
            return standing >= Standing.PERSONAL and self._sees_account(viewer, standing, subject.account)
        if isinstance(subject, AccountHistory):
            return self._sees_account(viewer, standing, subject.account)
        if isinstance(subject, Register):
            return self._sees_register(viewer, standing, subject.instrument)
        if isinstance(subject, Business):
            return self._sees_business(viewer, standing, subject)
        if isinstance(subject, PendingProposal):
            return self._sees_proposal(viewer, standing, subject)
        return self._sees_receipt(viewer, standing, subject)

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

    # ---- by subject ----

    def _is_public_name(self, party_id: bytes) -> bool:
        """Members are known to all; an investor's existence is a personal matter, and an applicant's its own."""
        party = self._parties.find(party_id)
        if party is None or party.status is PartyStatus.APPLIED:
            return False
        return any(role is not Role.INVESTOR for role in party.roles)

    def _sees_party(self, viewer: bytes, standing: Standing, party_id: bytes) -> bool:
        if standing is Standing.STRANGER or self._parties.find(party_id) is None:
            return False
        return viewer == party_id or self._is_over(viewer, standing, party_id)

    def _sees_persons(self, viewer: bytes, standing: Standing, links: PersonLinks) -> bool:
        """An office alone: what ties a person's parties together is nobody else's, not even the person's agents'."""
        if standing is not Standing.FULL:
            return False
        return viewer == links.registrar or self._is_regulator(viewer)

    def _sees_certificate(self, viewer: bytes, standing: Standing, certificate: CertificateOf) -> bool:
        if certificate.of_a_node:
            return True
        if standing < Standing.PERSONAL:
            return False
        issued = viewer == certificate.authority and standing is Standing.FULL
        return issued or self._sees_party(viewer, standing, certificate.party)

    def _sees_account(self, viewer: bytes, standing: Standing, account_id: bytes) -> bool:
        account = self._holdings.account(account_id)
        if account is None or standing is Standing.STRANGER:
            return False
        if viewer == account.owner or viewer in account.joint_holders:
            return True
        return self._services(viewer, standing, account)

    def _services(self, viewer: bytes, standing: Standing, account: Account) -> bool:
        """The servicer, and whoever is over it: rights from above follow the relationship, not the person."""
        if standing is Standing.FORMER:
            return False
        return viewer == account.servicer or self._is_over(viewer, standing, account.servicer)

    def _sees_register(self, viewer: bytes, standing: Standing, instrument_id: bytes) -> bool:
        instrument = self._instruments.find(instrument_id)
        if instrument is None or standing < Standing.PERSONAL:
            return False
        if viewer == instrument.issuer:
            return True
        if viewer == instrument.registrar:
            return standing is Standing.FULL
        return self._is_over(viewer, standing, instrument.issuer)

    def _sees_business(self, viewer: bytes, standing: Standing, business: Business) -> bool:
        if standing < Standing.PERSONAL:
            return False
        for side in business.sides:
            if self._sees_side(viewer, standing, side):
                return True
        if standing is not Standing.FULL:
            return False
        market = self._markets.find(business.market) if business.market else None
        return (market is not None and market.operator == viewer) or self._is_regulator(viewer)

    def _sees_side(self, viewer: bytes, standing: Standing, side: Side) -> bool:
        if viewer == side.party:
            return True
        if side.account:
            return self._sees_account(viewer, standing, side.account)
        return self._is_over(viewer, standing, side.party)

    def _sees_proposal(self, viewer: bytes, standing: Standing, proposal: PendingProposal) -> bool:
        if standing < Standing.PERSONAL:
            return False
        if any(self.is_its_own(address, viewer) for address in proposal.signers):
            return True
        return standing is Standing.FULL and self._is_regulator(viewer)

    def _sees_receipt(self, viewer: bytes, standing: Standing, receipt: ReceiptFor) -> bool:
        stakeholder = receipt.stakeholder
        if stakeholder == PUBLIC:
            return True
        if standing is Standing.STRANGER:
            return False
        if viewer == stakeholder or self._is_over(viewer, standing, stakeholder):
            return True
        if standing is not Standing.FORMER and self.is_its_own(stakeholder, viewer):
            return True
        for account_id in receipt.accounts:
            account = self._holdings.account(account_id)
            if account is not None and account.relationship == stakeholder:
                return viewer == account.owner or self._services(viewer, standing, account)
        return False

    # ---- from above ----

    def _is_over(self, viewer: bytes, standing: Standing, party_id: bytes) -> bool:
        """An office: rests while its holder is stopped."""
        if standing is not Standing.FULL:
            return False
        return self._is_regulator(viewer) or self._parties.is_above(viewer, party_id)

    def _is_regulator(self, viewer: bytes) -> bool:
        return self._parties.has_role(viewer, Role.REGULATOR)
