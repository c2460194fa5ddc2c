"""What happened to money tokens. Each is told to the relationship of the holder's account and to the issuer."""

from __future__ import annotations

from counterfoil.primitives.codec import Fact


class Minted(Fact, tag=750):
    """Tokens were created for a deposit."""

    instrument_id: bytes
    account_id: bytes
    amount: int
    bank_entry: str
    booking_date: int


class RedemptionRequested(Fact, tag=751):
    """A holder asked to be paid out; the tokens are earmarked."""

    redemption_id: bytes
    instrument_id: bytes
    account_id: bytes
    amount: int
    reference: str
    payee_hash: bytes


class RedemptionPaid(Fact, tag=752):
    """The issuer has paid; the tokens have ended."""

    redemption_id: bytes
    instrument_id: bytes
    account_id: bytes
    amount: int
    reference: str
    bank_entry: str
    booking_date: int


class RedemptionRefused(Fact, tag=753):
    """The issuer did not pay; the tokens are available again."""

    redemption_id: bytes
    instrument_id: bytes
    account_id: bytes
    amount: int
    reference: str
    reason: str


class RedemptionLapsed(Fact, tag=754):
    """The issuer neither paid nor refused for as long as the market keeps a request; the tokens are available again."""

    redemption_id: bytes
    instrument_id: bytes
    account_id: bytes
    amount: int
    reference: str
