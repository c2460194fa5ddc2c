"""What the ledger keeps about members, their signers and their users."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import AMOUNT_MAX, Record
from counterfoil.primitives.signatures import KeyPolicy
from counterfoil.state.tables import Table

PARTY_ID_SIZE = 20
ADDRESS_SIZE = 20
IDENTITY_HASH_SIZE = 32
NAME_LENGTH_MAX = 64
"""Characters of a public name or code."""
REASON_LENGTH_MAX = 200
"""Characters of a stated reason."""
ROLES_MAX = 4
"""Roles of one party: more than that is two businesses, each with its own admission."""
TREE_DEPTH_MAX = 8
"""Steps from any party to the top of the role tree; the deepest that the admission table allows is three."""
RECOVERY_APPROVERS_MAX = 8
RECOVERY_DAYS_MAX = 30
"""An approval of a recovery counts for so many days of block time."""
MANDATE_TYPES_MAX = 64
MANDATE_ACCOUNTS_MAX = 64
"""Message types and accounts that one mandate names; a user who needs more gets all of them."""
NAMED_FOUR_EYES_MAX = 64
APPLICATION_DAYS_MAX = 30
"""An application that nobody decided upon lapses after so many days of block time."""
APPLICATIONS_MAX = 1_000
"""Open applications that wait at one party: who floods one sponsor must not fill the ledger."""


class Role(IntEnum):
    """What a party is in the market. The first eight are the members' kinds; the numbers are stored.

    DATA_PROTECTION: watches who reads what under supervision, custody or a grant, and sees nothing of the business.
    """

    REGULATOR = 1
    DEPOSITORY = 2
    EXCHANGE = 3
    SECURITIES_COMPANY = 4
    COMMERCIAL_BANK = 5
    ISSUER = 6
    INVESTOR = 7
    CENTRAL_BANK = 8
    TRUSTEE = 9
    OPERATOR = 10
    NOTARY = 11
    AUDITOR = 12
    DATA_PROTECTION = 13
    IDENTITY_REGISTRAR = 14


class PartyStatus(IntEnum):
    """Where a party stands in its life; who is suspended or revoked takes everybody below along."""

    APPLIED = 1
    ADMITTED = 2
    ACTIVE = 3
    SUSPENDED = 4
    REVOKED = 5
    WINDING_DOWN = 6
    TERMINATED = 7


class Duty(IntEnum):
    """What a user does where two pairs of eyes are demanded; where one suffices, a maker acts alone.

    The numbers are bits: 1 may make, 2 may check."""

    MAKER = 1
    CHECKER = 2
    MAKER_AND_CHECKER = 3


class Party(Record, frozen=True):
    """One party, under its identifier (20 bytes).

    parent: who admitted it, b"" at the top. name: public name or code, b"" never; unique among all that are not
    investors only. lei: "" or its LEI. signer: the address that speaks for the party itself (b"" for an investor
    that acts through its agent alone). identity_hash: 32 bytes, a salted hash of who it is in the real world, and
    agent: the licensed agent whose word that is; both b"" before that, and where an identity registrar attests who
    investors are (module `identities`). four_eyes: tags of the message types for which
    the party itself demands two pairs of eyes, ascending. status_before, suspended_by: while suspended, what it
    returns to and who may let it. below: living parties that it admitted. applications: those that wait for it.
    lapses_ms: when an application lapses; of an application only.
    """

    roles: tuple[Role, ...]
    parent: bytes
    name: str
    lei: str
    signer: bytes
    status: PartyStatus
    identity_hash: bytes = b""
    agent: bytes = b""
    four_eyes: tuple[int, ...] = ()
    status_before: PartyStatus = PartyStatus.ACTIVE
    suspended_by: bytes = b""
    below: int = 0
    applications: int = 0
    lapses_ms: int = 0


class Signer(Record, frozen=True):
    """The keys in force for an address (20 bytes), which stays the same when keys are rotated.

    recovery: addresses, ascending, of which recovery_threshold may together put new keys in force.
    """

    policy: KeyPolicy
    recovery: tuple[bytes, ...] = ()
    recovery_threshold: int = 0
    rotations: int = 0


class Mandate(Record, frozen=True):
    """What a user (an address) may send for a party, under party (20 bytes) and user (20 bytes).

    message_types: tags, ascending; empty means all but the administrative ones. accounts: ascending; empty means
    all, and messages about no account too. amount_limit: for each message, in units of the amount that the message's
    rule states. In force from valid_from_ms until before valid_until_ms (0: without end). accepted: the user has
    signed the grant too (or was founded with it); without that the party learns nothing of what the user is told.
    """

    message_types: tuple[int, ...]
    accounts: tuple[bytes, ...]
    amount_limit: int = AMOUNT_MAX
    valid_from_ms: int = 0
    valid_until_ms: int = 0
    duty: Duty = Duty.MAKER
    accepted: bool = False


class RecoveryVote(Record, frozen=True):
    """What one approver wants, under the address (20 bytes) that lost its keys and the approver's own (20 bytes).

    rotations: how often the approver's own keys had been replaced; what was signed with older ones counts no longer.
    """

    policy: KeyPolicy
    rotations: int
    lapses_ms: int


class Named(Record, frozen=True):
    """Which party bears a public name or an LEI now."""

    party: bytes


class Application(Record, frozen=True):
    """An application that waits, under the moment at which it lapses (time_ms, 8 bytes) and the party's identifier."""

    parent: bytes


PARTIES = Table(number=20, name="parties", record=Party, key_sizes=(20,))
SIGNERS = Table(number=21, name="signers", record=Signer, key_sizes=(20,))
MANDATES = Table(number=22, name="mandates", record=Mandate, key_sizes=(20, 20))
RECOVERY_VOTES = Table(number=27, name="recovery_votes", record=RecoveryVote, key_sizes=(20, 20))
NAMES = Table(number=23, name="party_names", record=Named, key_sizes=(0,), resident=True)
LEIS = Table(number=24, name="party_leis", record=Named, key_sizes=(20,))
APPLICATIONS = Table(
    number=25, name="applications", record=Application, key_sizes=(8, 20), clear=8, resident=True
)
