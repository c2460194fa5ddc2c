"""What can be asked about parties, their signers and their users. Numbers 200 to 249."""

from __future__ import annotations

from counterfoil.modules.parties.records import Duty, Role
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.signatures import KeyPolicy


class ApplyForAdmission(Message, tag=200, frozen=True):
    """Ask a sponsor (party id) for admission. Signed by the address that will speak for the new party."""

    sponsor: bytes
    roles: tuple[Role, ...]
    name: str
    lei: str
    signer: bytes


class AdmitParty(Message, tag=201, frozen=True):
    """Admit a party that applied to the sponsor."""

    sponsor: bytes
    party: bytes


class RefuseApplication(Message, tag=202, frozen=True):
    """Refuse an application; nothing of it stays in the state."""

    sponsor: bytes
    party: bytes
    reason: str


class EnrolParty(Message, tag=203, frozen=True):
    """Admit a party without an application, as an agent does with its clients.

    signer: 20 bytes, or b"" for an investor that acts through the sponsor alone. identity_hash: 32 bytes where the
    sponsor is a licensed agent and verified who it is, else b"". activate: make it active at once.
    """

    sponsor: bytes
    roles: tuple[Role, ...]
    name: str
    lei: str
    signer: bytes
    identity_hash: bytes = b""
    activate: bool = False


class ActivateParty(Message, tag=204, frozen=True):
    """Let an admitted party begin its business."""

    authority: bytes
    party: bytes


class SuspendParty(Message, tag=205, frozen=True):
    """Stop a party, and with it everybody below, until it is reinstated."""

    authority: bytes
    party: bytes
    reason: str


class ReinstateParty(Message, tag=206, frozen=True):
    """Let a suspended party go on where it was stopped."""

    authority: bytes
    party: bytes


class RevokeParty(Message, tag=207, frozen=True):
    """Withdraw a party's admission for good, and stop everybody below; what remains is winding it down."""

    authority: bytes
    party: bytes
    reason: str


class WindDownParty(Message, tag=208, frozen=True):
    """Begin a party's end: it takes on nothing new, and delivers, is paid and closes what it has.

    authority: one above it, or the party itself.
    """

    authority: bytes
    party: bytes
    reason: str


class TerminateParty(Message, tag=209, frozen=True):
    """End a party that has no positions and nobody below; its name and LEI become free."""

    authority: bytes
    party: bytes


class AmendParty(Message, tag=210, frozen=True):
    """Correct a party's public name and LEI; both are stated anew."""

    authority: bytes
    party: bytes
    name: str
    lei: str


class VerifyIdentity(Message, tag=211, frozen=True):
    """A licensed agent states that it verified who a party is; the record itself stays off the ledger."""

    agent: bytes
    party: bytes
    identity_hash: bytes


class NameFourEyes(Message, tag=212, frozen=True):
    """Name the message types (tags, ascending) for which the party itself demands two pairs of eyes; all anew."""

    party: bytes
    message_types: tuple[int, ...]


class RegisterSigner(Message, tag=220, frozen=True):
    """Put a policy of keys on the ledger; its address is that of the policy.

    A bare key needs this only for recovery approvers. Signed by as many of the keys, each under its own address, as
    the threshold demands.
    """

    policy: KeyPolicy
    recovery: tuple[bytes, ...] = ()
    recovery_threshold: int = 0


class RotateKeys(Message, tag=221, frozen=True):
    """Put other keys in force for an address, which stays as it is. Signed by the address, or by its approvers."""

    address: bytes
    policy: KeyPolicy


class NameRecoveryApprovers(Message, tag=222, frozen=True):
    """Name anew which addresses (ascending), and how many of them, may rotate a signer's keys if they are lost."""

    address: bytes
    recovery: tuple[bytes, ...]
    recovery_threshold: int


class ApproveRecovery(Message, tag=223, frozen=True):
    """Say, as one of a signer's recovery approvers, that these keys shall replace those that it lost.

    Signed by one approver or several; the one who begins is joined by as many of the new keys as their threshold
    demands, each under its own address. In force with the approval that makes the recovery threshold full.
    """

    address: bytes
    policy: KeyPolicy


class WithdrawRecovery(Message, tag=224, frozen=True):
    """Take one's own approvals of a recovery back; or, signed by the address itself, end it."""

    address: bytes


class GrantMandate(Message, tag=230, frozen=True):
    """Let a user (an address) act for the party; fields as in the record `Mandate`, replacing an earlier one."""

    party: bytes
    user: bytes
    message_types: tuple[int, ...] = ()
    accounts: tuple[bytes, ...] = ()
    amount_limit: int = AMOUNT_MAX
    valid_from_ms: int = 0
    valid_until_ms: int = 0
    duty: Duty = Duty.MAKER


class RevokeMandate(Message, tag=231, frozen=True):
    """End a user's mandate at once."""

    party: bytes
    user: bytes
