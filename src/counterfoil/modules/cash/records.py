"""What the ledger keeps about money tokens: their supply, the bank entries behind it, and open redemptions."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import Record
from counterfoil.primitives.digests import REFERENCE, digest
from counterfoil.state.tables import Table

BANK_REFERENCE_LENGTH_MAX = 70
"""Characters: an entry's reference (ISO 20022 Max35Text) and, where one is needed, the account that it is unique in."""
REFERENCE_LENGTH_MAX = 35
"""Characters of a holder's own reference: ISO 20022's Max35Text."""
REASON_LENGTH_MAX = 200
"""Characters of a stated reason."""
PAYEE_HASH_SIZE = 32


class EntryKind(IntEnum):
    """What a bank entry says: money came in, or was paid out."""

    DEPOSIT = 1
    PAYMENT = 2


class BankEntry(Record):
    """Key: issuer (20), digest of the bank's reference (32). An entry that was used up; kept for ever.

    token: the money token's instrument id. account_id: credited by the mint, or debited by the redemption. amount: in
    units of the token's scale. booking_date: at the bank (yyyymmdd). cause: the redemption that was paid, else b"".
    """

    kind: EntryKind
    token: bytes
    account_id: bytes
    amount: int
    booking_date: int
    height: int
    cause: bytes = b""


class Supply(Record):
    """Key: issuer (20), currency (3 ASCII characters). One issuer's one money token of a currency.

    Amounts in units of the token's scale. founded: outstanding when the ledger was founded with it. deposited: all
    recorded deposits; paid: all recorded payments. founded + deposited - paid is outstanding, always. Where
    `deposited` or `paid` would outgrow 63 bits, both are lowered by the smaller. requested: by open redemptions.
    """

    token: bytes
    founded: int
    deposited: int
    paid: int
    requested: int


class Redemption(Record):
    """Key: redemption id (32). A holder's wish to be paid out; the tokens are earmarked until it is decided.

    payee_hash: salted hash of where the money shall go (the data stays off the ledger), or b"" for what the issuer
    has on file. reference: the holder's own. business_date: of the token's home market; from it on the days count until
    the request lapses.
    """

    token: bytes
    account_id: bytes
    amount: int
    earmark_id: bytes
    reference: str
    payee_hash: bytes
    requested_ms: int
    business_date: int = 0


class OpenRedemption(Record):
    """Key: the token's home market (4), business date of the request (4), redemption id (32). One not decided yet."""


BANK_ENTRIES = Table(number=70, name="bank_entries", record=BankEntry, key_sizes=(20, 32))
SUPPLIES = Table(number=71, name="supplies", record=Supply, key_sizes=(20, 3), resident=True)
REDEMPTIONS = Table(number=72, name="redemptions", record=Redemption, key_sizes=(32,), resident=True)
OPEN_REDEMPTIONS = Table(
    number=73, name="open_redemptions", record=OpenRedemption, key_sizes=(4, 4, 32), clear=8, resident=True
)


def bank_entry_key(issuer: bytes, reference: str) -> bytes:
    return issuer + digest(REFERENCE, b"bank-entry", reference.encode())


def supply_key(issuer: bytes, currency: str) -> bytes:
    return issuer + currency.encode()


def open_redemption_key(market: str, redemption_id: bytes, redemption: Redemption) -> bytes:
    return market.encode() + redemption.business_date.to_bytes(4, "big") + redemption_id
