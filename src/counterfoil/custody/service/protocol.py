"""What travels between the custodian and the programs that sign through it.

Frames are those of `primitives.frames`. The custodian speaks first (`Welcome`); then each request has exactly one
answer, in their order. A user logs in with password and one-time code and gets a token, with which its other
connections go on without a code until it has rested too long. Who can reach the socket, and the secrecy of what
travels, is the matter of the socket (a unix socket of the custodian's own user) or of mutual TLS around it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from counterfoil.primitives.codec import Decoder
from counterfoil.primitives.frames import Problem

PROTOCOL_VERSION: Final = 1
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a request after login: room for the largest transaction."""
STRANGER_FRAME_BYTES_MAX: Final = 4 * 1024
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
TOKEN_BYTES: Final = 32


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag=1):
    version: int
    chain_id: str


class Enrol(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """Choose a password with an administrator's code. Answered with the address of one-time codes (otpauth://)."""

    user: str
    code: str
    password: str


class LogIn(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """Answered with a token of 32 bytes."""

    user: str
    password: str
    code: str


class Resume(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """Go on with a login that was made on another connection."""

    token: bytes


class LogOut(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """End the login, on every connection."""


class ListKeys(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """Answered with `tuple[KeyLine, ...]`: those that the user may sign with, by name."""


class Sign(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """Answered with the signature (64 bytes). message: the bytes that are signed, whole."""

    key: str
    message: bytes


class OpeningKeyOf(msgspec.Struct, frozen=True, array_like=True, tag=24):
    """Answered with the public key (32 bytes) to which is sealed what the key opens."""

    key: str


class Open(msgspec.Struct, frozen=True, array_like=True, tag=25):
    """Open what was sealed to a key, for a purpose and a place (`sealing.handing`). Answered with the plaintext, or
    None where key, purpose, place and sealed bytes do not belong together."""

    key: str
    purpose: bytes
    parts: tuple[bytes, ...]
    sealed: bytes


class ListRequests(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Answered with `tuple[RequestLine, ...]`: open ones that the user made, or may approve."""


class Decide(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """Approve a request (16 bytes), or refuse it for good."""

    request: bytes
    approve: bool


class AddUser(msgspec.Struct, frozen=True, array_like=True, tag=30):
    """Enrol a user, or one again who lost password or code. Answered with a code for `Enrol`, shown once."""

    user: str
    administrator: bool = False


class RemoveUser(msgspec.Struct, frozen=True, array_like=True, tag=31):
    """A user's logins end, and it cannot log in again."""

    user: str


class AddKey(msgspec.Struct, frozen=True, array_like=True, tag=32):
    """Make a key. owner: the user whose key it is, "" for one that rules name. Answered with the public key."""

    key: str
    owner: str = ""


class SetPolicy(msgspec.Struct, frozen=True, array_like=True, tag=33):
    """Put a policy (JSON) in force, in place of the one before."""

    policy: bytes


Change = AddUser | RemoveUser | AddKey | SetPolicy
"""What administrators ask for; where there are two, the other one approves."""
Request = (
    Enrol | LogIn | Resume | LogOut | ListKeys | Sign | OpeningKeyOf | Open | ListRequests | Decide | Change
)


class KeyLine(msgspec.Struct, frozen=True, array_like=True):
    name: str
    public_key: bytes


class RequestLine(msgspec.Struct, frozen=True, array_like=True):
    """An open request. messages: encoded, of a transaction, those that would take effect. what: for people, of anything
    else what would be signed or changed. needed: further approvals."""

    request: bytes
    user: str
    key: str
    what: str
    messages: tuple[bytes, ...]
    expires_ms: int
    approved_by: tuple[str, ...]
    needed: int


class Done(msgspec.Struct, frozen=True, array_like=True, tag=40):
    value: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag=41):
    problem: Problem


REQUEST = Decoder(Request)
CHANGE = Decoder(Change)
REPLY = msgspec.msgpack.Decoder(Welcome | Done | Refusal)
