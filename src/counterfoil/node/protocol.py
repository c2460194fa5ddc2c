"""What travels between a node and the programs that talk to it: length-prefixed msgpack frames on a socket.

Frames are those of `primitives.frames`. The node speaks first (`Greeting`); every request has a
number of the client's choice and exactly one answer with that number, in whatever order answers become ready. All
requests can be repeated after a lost connection: a transaction that was taken in is answered with its first result.
"""

from __future__ import annotations

from typing import Final

import msgspec

from counterfoil.machine.machine import Outcome
from counterfoil.policy.errors import NotVisible
from counterfoil.primitives.codec import Decoder
from counterfoil.primitives.digests import AUTHENTICATION, CHANNEL, digest
from counterfoil.primitives.frames import Problem, problem_of
from counterfoil.state.receipts import MessageResult

PROTOCOL_VERSION: Final = 1
CHALLENGE_BYTES: Final = 32
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a request from somebody who is authenticated: room for the largest transaction, or thousands of usual ones."""
STRANGER_FRAME_BYTES_MAX: Final = 64 * 1024
"""Of a request from anybody else, who may still ask for admission."""
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of an answer. Long lists come in pages far smaller than this."""
TRANSACTIONS_MAX: Final = 2_000
"""Of one request; the engine decides about as many in one block."""
WAIT_MS_MAX: Final = 600_000


class Greeting(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """challenge: 32 fresh random bytes, for this connection alone."""

    version: int
    chain_id: str
    sandbox: bool
    challenge: bytes


class Authenticate(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """Read as `party` from now on. signer: the address that speaks for it (its own, or a user's with a mandate).

    signatures: (tagged key, signature over `authentication_bytes`), enough of them for the signer's threshold.
    """

    number: int
    party: bytes
    signer: bytes
    signatures: tuple[tuple[bytes, bytes], ...]


class Submit(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """Take transactions in; answered with `tuple[Answered, ...]`, in their order, when all of them are durable."""

    number: int
    transactions: tuple[bytes, ...]


class Wait(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """Answered with `Answered` once the transaction has a result, or with None when the time is over."""

    number: int
    transaction: bytes
    expiry_ms: int
    wait_ms: int


class Read(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """One of the named reads; params: its encoded parameters. Answered with its result."""

    number: int
    name: str
    params: msgspec.Raw


class TryOut(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """What a transaction would do now, with its effects taken back. Answered with `Answered` (height 0)."""

    number: int
    transaction: bytes


class AdvanceClock(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """Move a sandbox ledger's clock forward. Answered with the time (ms) that it shows then."""

    number: int
    time_ms: int


Request = Authenticate | Submit | Wait | Read | TryOut | AdvanceClock


HIDDEN: Final = Problem(NotVisible.number, NotVisible.name, NotVisible.explanation, NotVisible.resolution)
"""One answer for "not there" and "not yours"."""


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """What became of a transaction. height: of the block that it took effect in; 0 where it is in none.

    number: 0 for success, else of the first reject. messages: a result for each, with the identities that it created.
    problems: of what was rejected; empty where the result was given before.
    """

    id: bytes
    height: int
    number: int
    messages: tuple[MessageResult, ...]
    problems: tuple[Problem, ...] = ()


class Done(msgspec.Struct, frozen=True, array_like=True, tag=20):
    number: int
    value: msgspec.Raw


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """number: 0 where the frame could not be read, after which the node hangs up."""

    number: int
    problem: Problem


REQUEST = Decoder(Request)
REPLY = msgspec.msgpack.Decoder(Greeting | Done | Failed)
ANSWERED = msgspec.msgpack.Decoder(Answered)
ANSWERED_MANY = msgspec.msgpack.Decoder(tuple[Answered, ...])
ANSWERED_OR_NONE = msgspec.msgpack.Decoder(Answered | None)


def authentication_bytes(chain_id: str, challenge: bytes, party: bytes, signer: bytes) -> bytes:
    """What is signed to be recognised as a viewer: bound to ledger, connection, party and signer."""
    chain = chain_id.encode("ascii")
    return AUTHENTICATION + bytes([len(chain)]) + chain + challenge + party + signer


def bound_challenge(challenge: bytes, server: bytes, client: bytes) -> bytes:
    """The challenge of a connection over TLS: bound to the certificates (fingerprints) that its two ends have shown.

    What is signed on one connection is then good for no other, not even for that of a node in between which passes
    challenge and answer on, since that one shows a certificate of its own.
    """
    return digest(CHANNEL, challenge, server, client)


def answered(height: int, outcome: Outcome) -> Answered:
    result = outcome.result
    problems = tuple(problem_of(rejected) for rejected in outcome.rejects)
    return Answered(result.id, height, result.number, result.messages, problems)
