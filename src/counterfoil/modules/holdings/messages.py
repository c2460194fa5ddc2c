"""What can be asked about accounts and holdings. Numbers 500 to 549."""

from __future__ import annotations

from counterfoil.modules.holdings.records import AccountKind
from counterfoil.primitives.codec import Message


class OpenAccount(Message, tag=500):
    """Open an account. Signed for the servicer, a licensed agent, and by each holder that is not its own client.

    address: b"", or the address of a key that its owner made (20 bytes): then it becomes the account's identity, and
    that key signs as well; without signers named it disposes of the account alone. signers, joint_holders: ascending.
    threshold: how many signers must sign, 0 without any. default_cash_account: b"" for none. Creates the account's
    identity.
    """

    owner: bytes
    servicer: bytes
    kind: AccountKind
    address: bytes = b""
    signers: tuple[bytes, ...] = ()
    threshold: int = 0
    joint_holders: tuple[bytes, ...] = ()
    default_cash_account: bytes = b""
    servicer_instructs: bool = True


class AmendAccount(Message, tag=501):
    """Say anew who disposes of an account. Signed as the account is disposed of.

    Where it has signers, the servicer alone is not enough; where joint holders change, the servicer signs as well, and
    each new one that is not its own client.
    """

    account_id: bytes
    signers: tuple[bytes, ...]
    threshold: int
    joint_holders: tuple[bytes, ...]
    default_cash_account: bytes
    servicer_instructs: bool


class FreezeAccount(Message, tag=502):
    """Let an order (SHA-256 of its text) stand against an account.

    authority: a regulator, a depository, or the account's servicer.
    """

    account_id: bytes
    authority: bytes
    order_hash: bytes
    debits: bool
    credits: bool


class UnfreezeAccount(Message, tag=503):
    """Lift an order. authority: the one that placed it, or a regulator."""

    account_id: bytes
    authority: bytes
    order_hash: bytes


class PlaceEarmark(Message, tag=504):
    """Set part of a holding aside. Signed as the account is disposed of.

    beneficiary: the party that alone may release it, b"" for the holder. reference: up to 32 bytes. expiry_ms: block
    time from which it lapses, 0 for never. Creates the earmark's id.
    """

    account_id: bytes
    instrument_id: bytes
    quantity: int
    beneficiary: bytes = b""
    reference: bytes = b""
    expiry_ms: int = 0


class CloseAccount(Message, tag=505):
    """Close an empty account for ever. Signed as the account is disposed of, or for the servicer."""

    account_id: bytes


class ReleaseEarmark(Message, tag=506):
    """Release a holder's earmark. Signed for its beneficiary, else as the account is disposed of.

    quantity: 0 for all of it.
    """

    earmark_id: bytes
    quantity: int = 0


class ForceTransfer(Message, tag=507):
    """Move a holding by order, without its owner. authority: a regulator, or the instrument's registrar.

    earmark_id: of the freeze that holds the quantity; b"" to take it from what is available. order_hash: SHA-256 of the
    order's text.
    """

    authority: bytes
    instrument_id: bytes
    source_account: bytes
    target_account: bytes
    quantity: int
    order_hash: bytes
    earmark_id: bytes = b""


class FreezeHolding(Message, tag=508):
    """Set part of a holding aside by order; it never lapses. authority: a regulator, or the instrument's registrar.

    Creates the earmark's id.
    """

    authority: bytes
    account_id: bytes
    instrument_id: bytes
    quantity: int
    order_hash: bytes


class UnfreezeHolding(Message, tag=509):
    """Lift a freeze of a holding. authority: the one that placed it, or a regulator. quantity: 0 for all of it."""

    authority: bytes
    earmark_id: bytes
    quantity: int = 0
