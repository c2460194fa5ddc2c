"""What may be asked about money tokens. Amounts in units of the token's scale."""

from __future__ import annotations

from counterfoil.primitives.codec import Message


class Mint(Message, tag=700):
    """Create tokens for a deposit that the issuer's bank has booked. Sent by the issuer, with two pairs of eyes.

    account_id: of the depositor, credited. bank_entry: the bank's reference of the entry, 1 to 70 visible ASCII
    characters, used once for ever for this issuer. booking_date: at the bank (yyyymmdd).
    """

    instrument_id: bytes
    account_id: bytes
    amount: int
    bank_entry: str
    booking_date: int


class RequestRedemption(Message, tag=701):
    """Ask the issuer to pay out tokens; they are earmarked for it until it has paid or refused. Sent by the holder.

    reference: the holder's own, 1 to 35 visible ASCII characters, unique for the account within the ledger's
    reference window. payee_hash: salted hash (32 bytes) of where the money shall go, or b"" for what the issuer has
    on file.
    """

    instrument_id: bytes
    account_id: bytes
    amount: int
    reference: str
    payee_hash: bytes = b""


class PayRedemption(Message, tag=702):
    """State that a redemption was paid; its tokens end. Sent by the issuer, with two pairs of eyes.

    bank_entry: the bank's reference of the payment, as of a deposit and never the same as one. booking_date: at the
    bank (yyyymmdd).
    """

    redemption_id: bytes
    bank_entry: str
    booking_date: int


class RefuseRedemption(Message, tag=703):
    """Refuse a redemption; its tokens are the holder's to use again. Sent by the issuer.

    reason: 1 to 200 characters.
    """

    redemption_id: bytes
    reason: str
