"""What the ledger keeps about real names: never a name or a number, only what nobody can guess them from."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

TAG_SIZE = 32
HANDLE_SIZE = 32
EVIDENCE_HASH_SIZE = 32
PUBLIC_KEY_SIZE = 32
POINTER_SIZE_MAX = 512
"""Bytes of a sealed pointer: an address in a store, padded, and what sealing adds."""
REFERENCE_LENGTH_MAX = 64
"""Characters of a licence's reference in the regulator's own register."""
REASON_LENGTH_MAX = 200
ATTESTATION_DAYS_MAX = 30
"""An attestation that no agent used for a party lapses after so many days of block time."""
VERIFICATION_DAYS_MAX = 3_660
"""No verification holds for more than ten years: passports do not either."""
KEY_VERSION_MAX = 2**31 - 1
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""
NEWEST = b"\0"
"""The one key of the table of the regime."""


class Suite(IntEnum):
    """How a registrar makes tags. The numbers are stored.

    RISTRETTO255_SHA512: the first 32 bytes of what RFC 9497's OPRF(ristretto255, SHA-512) gives for the scheme and the
    number; whether one registrar holds the key or several hold shares of it makes no difference to a tag.
    """

    RISTRETTO255_SHA512 = 1


class Level(IntEnum):
    """How closely an agent has looked at who a person is: the three degrees of customer due diligence."""

    SIMPLIFIED = 1
    STANDARD = 2
    ENHANCED = 3


class RegistrarKey(Record, frozen=True):
    """Key: version (4 bytes). Who attests identities under this version of the registrar's key.

    registrar: a party; where several registrars hold shares, its signer is a policy of their keys. public_key: of the
    function's key (32 bytes), so that an evaluation can be proven.
    """

    registrar: bytes
    suite: Suite
    public_key: bytes
    appointed_ms: int


class Regime(Record, frozen=True):
    """Key: `NEWEST`. The newest key version, and from when on an investor needs a registrar's attestation."""

    key_version: int
    demanded_from_ms: int


class Licence(Record, frozen=True):
    """Key: agent (20). That a regulator lets this member verify who its clients are.

    reference: in the regulator's register. In force from valid_from_ms until before valid_until_ms (0: without end).
    """

    authority: bytes
    reference: str
    valid_from_ms: int
    valid_until_ms: int


class Tagged(Record, frozen=True):
    """Key: tag (32). Whose tag it is: one person has one under each key version, and for each paper it is known by."""

    person: bytes
    key_version: int


class Attestation(Record, frozen=True):
    """Key: agent (20), handle (32). That a registrar knows the person whom this agent calls by this handle.

    A handle is the agent's alone: two agents that serve one person have two handles, which nobody but the registrar
    can tell to belong together. party: who hangs on it, b"" until the agent has used it. lapses_ms: 0 once used.
    """

    person: bytes
    registrar: bytes
    attested_ms: int
    lapses_ms: int
    party: bytes = b""


class AttestationLapse(Record, frozen=True):
    """Key: time in ms (8), agent, handle. That an attestation which nobody used lapses then."""


class Verification(Record, frozen=True):
    """Key: party (20). Who a party is, as its agent has verified it.

    person: secret; it ties the parties of one person together. evidence_hash: of the record of the evidence, salted;
    pointer: where that lies, sealed by the agent for itself. In force until before expires_ms, unless withdrawn_ms is
    set.
    """

    person: bytes
    agent: bytes
    handle: bytes
    level: Level
    evidence_hash: bytes
    pointer: bytes
    verified_ms: int
    expires_ms: int
    withdrawn_ms: int = 0


class PersonParty(Record, frozen=True):
    """Key: person (20), party (20). That the party is this person; agent: who says so."""

    agent: bytes


REGISTRAR_KEYS = Table(number=140, name="registrar_keys", record=RegistrarKey, key_sizes=(4,))
REGIME = Table(number=141, name="identity_regime", record=Regime, key_sizes=(1,))
LICENCES = Table(number=142, name="agent_licences", record=Licence, key_sizes=(20,))
TAGS = Table(number=143, name="identity_tags", record=Tagged, key_sizes=(32,))
ATTESTATIONS = Table(number=144, name="attestations", record=Attestation, key_sizes=(20, 32))
ATTESTATION_LAPSES = Table(
    number=145,
    name="attestation_lapses",
    record=AttestationLapse,
    key_sizes=(8, 20, 32),
    clear=8,
    resident=True,
)
VERIFICATIONS = Table(number=146, name="verifications", record=Verification, key_sizes=(20,))
PERSON_PARTIES = Table(number=147, name="person_parties", record=PersonParty, key_sizes=(20, 20))
