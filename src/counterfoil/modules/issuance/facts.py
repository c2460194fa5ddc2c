"""What happened to issues."""

from __future__ import annotations

from counterfoil.modules.issuance.records import RegistrationAct
from counterfoil.primitives.codec import Fact


class IssueRegistered(Fact, tag=650):
    """A registration took effect. Told to the issuer, the registrar and everybody who had to sign.

    number: of the registration, from 1. quantity: registered or ended by it. outstanding: after it. papers: SHA-256.
    """

    instrument_id: bytes
    act: RegistrationAct
    number: int
    quantity: int
    outstanding: int
    business_date: int
    approvers: tuple[bytes, ...]
    papers: bytes


class AllotmentMade(Fact, tag=651):
    """A list was allotted. Told to the relationship of the source account and to the issuer."""

    allotment_id: bytes
    instrument_id: bytes
    source_account: bytes
    to_underwriters: bool
    accounts: int
    total: int
    reference: str
    papers: bytes


class Allotted(Fact, tag=652):
    """An account was allotted this quantity. Told to its relationship, which learns of no other account."""

    allotment_id: bytes
    instrument_id: bytes
    account_id: bytes
    as_underwriter: bool
    quantity: int
    papers: bytes
