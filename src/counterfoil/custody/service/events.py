"""What the custodian writes into its journal: everything that it must still know after it was killed."""

from __future__ import annotations

import msgspec

from counterfoil.custody.service.policy import Charge
from counterfoil.modules.custodians.interface import TrailEntry


class Founded(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """chain_id: of the one ledger that is signed for. tag_key: what users' tags in the trail are made with."""

    chain_id: str
    tag_key: bytes


class UserPut(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A user as it is from now on. password: Argon2id's own text; one_time_secret: base 32; both "" before enrolment.

    enrolment: digest of the code that lets it enrol until enrolment_until_ms, b"" where there is none.
    """

    name: str
    administrator: bool
    password: str = ""
    one_time_secret: str = ""
    enrolment: bytes = b""
    enrolment_until_ms: int = 0
    removed: bool = False


class LoginNoted(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """How a user's login stands: failures in a row, until when it rests, the last one-time step that was used."""

    user: str
    failures: int
    rests_until_ms: int
    step: int


class KeyPut(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """secret: 32 bytes, b"" where a hardware module has it. owner: "" where rules name it."""

    name: str
    public_key: bytes
    owner: str
    secret: bytes


class PolicyPut(msgspec.Struct, frozen=True, array_like=True, tag=5):
    document: bytes


class Asked(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A request that waits for approval. key: "" for a change, whose encoding is then the message."""

    request: bytes
    user: str
    key: str
    message: bytes
    expires_ms: int


class Decided(msgspec.Struct, frozen=True, array_like=True, tag=7):
    request: bytes
    user: str
    approved: bool


class Intended(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """The next entry of the trail. After it is durable the signature may leave, and not before.

    expires_ms: until then the same bytes are answered again without another entry.
    """

    entry: TrailEntry
    user: str
    charges: tuple[Charge, ...]
    expires_ms: int


class Answered(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """The signature of this entry (its number from 1 on) is on its way to who asked."""

    number: int


class Recorded(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """So many entries are on the ledger, with this head."""

    entries: int
    head: bytes


class Closed(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """A change that was approved has been made; the approval does not serve again."""

    request: bytes


class Spending(msgspec.Struct, frozen=True, array_like=True):
    """What a user's signatures of one day took of a rule."""

    user: str
    rule: str
    quantity: int
    amount: int


class Signed(msgspec.Struct, frozen=True, array_like=True):
    """Bytes that are answered again, until expires_ms, under the entry that they have."""

    key: bytes
    subject: bytes
    user: str
    number: int
    expires_ms: int


class Carried(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """What an older journal came to, in place of its entries: how many, their head (all of them on the ledger), what
    was spent on the day (days since 1970 UTC), and what is still answered again."""

    entries: int
    head: bytes
    day: int
    spent: tuple[Spending, ...]
    signed: tuple[Signed, ...]


Event = (
    Founded
    | UserPut
    | LoginNoted
    | KeyPut
    | PolicyPut
    | Asked
    | Decided
    | Intended
    | Answered
    | Recorded
    | Closed
    | Carried
)
EVENT = msgspec.msgpack.Decoder(Event)
