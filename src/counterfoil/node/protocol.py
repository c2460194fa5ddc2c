"""What travels between a node and the programs that talk to it: length-prefixed msgpack frames on a socket.

Frames are those of `primitives.frames`. The node speaks first (`Greeting`); every request has a number of the client's
choice and exactly one answer with that number, in whatever order answers become ready; but a `Watch` is answered again
and again until it is ended. All requests can be repeated after a lost connection: a transaction that was taken in is
answered with its first result, a stream goes on after the position that is named.

Replies are padded to few sizes (see `sizes`): whoever sees them pass encrypted learns little from their length.
"""

from __future__ import annotations

from typing import Final

import msgspec

from counterfoil.machine.machine import Outcome
from counterfoil.node.sizes import size_class
from counterfoil.policy.errors import NotVisible
from counterfoil.primitives.codec import Decoder, encode
from counterfoil.primitives.digests import AUTHENTICATION, CHANNEL, digest
from counterfoil.primitives.frames import LENGTH_BYTES, Problem, pack_length, problem_of
from counterfoil.state.receipts import MessageResult

PROTOCOL_VERSION: Final = 2
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
    """Answered with `Answered` once the transaction has a result, or with None when the time is over.

    transaction: as it was sent. Its id will not do, which stands in the receipts of others.
    """

    number: int
    transaction: bytes
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


class Watch(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """Tell what happens, as far as the viewer may see it when it is told, after a position on the ledger.

    height: −1 for now; place: in that block. about: an identity (20 or 32 bytes) that alone is of interest, b"" for
    everything. Answered with `Told`, until `Unwatch`, a refusal or the connection's end.
    """

    number: int
    height: int
    place: int
    about: bytes


class Unwatch(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """End the watch of that number. Answered with None; something of the watch may still be on its way."""

    number: int
    watch: int


Request = Authenticate | Submit | Wait | Read | TryOut | AdvanceClock | Watch | Unwatch


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


_NO_PADDING: Final = msgspec.Raw(b"\xc6" + bytes(4))
"""An empty byte string with a length of four bytes, whatever it is: so that any length can be reached."""
_NO_PADDING_BYTES: Final = bytes(_NO_PADDING)


class Done(msgspec.Struct, frozen=True, array_like=True, tag=20):
    number: int
    value: msgspec.Raw
    padding: msgspec.Raw = _NO_PADDING


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """number: 0 where the frame could not be read, after which the node hangs up."""

    number: int
    problem: Problem
    padding: msgspec.Raw = _NO_PADDING


class Told(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Of a watch: value is `tuple[StreamItem, ...]`, none of them where it only says how far it looked.

    height, place: the position that was reached, after which the stream goes on. is_current: nothing more has happened.
    """

    number: int
    height: int
    place: int
    is_current: bool
    value: msgspec.Raw
    padding: msgspec.Raw = _NO_PADDING


REQUEST = Decoder(Request)
REPLY = msgspec.msgpack.Decoder(Greeting | Done | Failed | Told)
ANSWERED = msgspec.msgpack.Decoder(Answered)
ANSWERED_MANY = msgspec.msgpack.Decoder(tuple[Answered, ...])
ANSWERED_OR_NONE = msgspec.msgpack.Decoder(Answered | None)


def padded_frame(message: Done | Failed | Told) -> bytes:
    """A reply's frame, padded to its size class."""
    payload = encode(message)
    size = LENGTH_BYTES + len(payload)
    padding = size_class(size) - size
    whole = payload[: -len(_NO_PADDING_BYTES)] + b"\xc6" + padding.to_bytes(4, "big") + bytes(padding)
    return pack_length(len(whole)) + whole


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


def answered(found: tuple[int, Outcome], transaction: bytes) -> Answered:
    """(height, outcome) of a transaction, as whoever sent it is told."""
    height, outcome = found
    result = outcome.result
    problems = tuple(problem_of(rejected, transaction) for rejected in outcome.rejects)
    return Answered(result.id, height, result.number, result.messages, problems)
