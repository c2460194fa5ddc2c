"""The file that a whole ledger travels in: a head in clear, then everything else compressed and encrypted.

    counterfoil export                             one line of text
    length (4 bytes, big-endian), head             JSON: chain id, height, genesis file, how the rest is protected
    24 bytes                                       opening of the encrypted stream
    length (4 bytes, big-endian), piece            as often as needed; the last one says that it is the last

The stream is libsodium's secretstream (XChaCha20-Poly1305): pieces cannot be changed, left out, put in another order or
cut off unnoticed, and the head is associated data of each. Under a passphrase its key is made by Argon2id. Decrypted
and inflated (zlib), it holds the network secret and the sealer's secret, then every logged block after its length.
"""

from __future__ import annotations

import os
import unicodedata
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
from nacl import bindings, exceptions
from nacl.pwhash import argon2id

FIRST_LINE: Final = b"counterfoil export\n"
VERSION: Final = 1
PASSPHRASE_CHARACTERS_MIN: Final = 8
KEY_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
HEAD_BYTES_MAX: Final = 1 << 30
"""A genesis file that founds millions of accounts travels in the head."""
PIECE_BYTES: Final = 1 << 20
ARGON2_MEMORY_BYTES_MAX: Final = 1 << 30
ARGON2_OPERATIONS_MAX: Final = 16
"""A file may not ask for more than this to be opened: a gigabyte and some seconds."""

_SALT_BYTES: Final = argon2id.SALTBYTES
_OPENING_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_OVERHEAD: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL


class TransferFileError(Exception):
    """An export that cannot be written or read; the message says why and what to do."""


class Passphrase(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="passphrase"
):
    """How the stream's key is made from a passphrase (UTF-8 in Unicode form NFC)."""

    operations: int
    memory_bytes: int
    salt: str


class TransportKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="key"):
    """The stream's key is one of 32 bytes that both sides have."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What can be read without a key. genesis: the exact text of the genesis file. last_header: its digest, hex.

    consensus_from: the first height that a network decided, 0 where it never was one.
    """

    version: int
    chain_id: str
    sandbox: bool
    height: int
    last_header: str
    genesis: str
    protection: Passphrase | TransportKey
    consensus_from: int = 0


class ArgonCost(msgspec.Struct, frozen=True):
    """How dear one guess at the passphrase is: passes over the memory, and the memory in bytes."""

    operations: int = argon2id.OPSLIMIT_MODERATE
    memory_bytes: int = argon2id.MEMLIMIT_MODERATE


Lock = str | bytes
"""A passphrase (at least eight characters), or a transport key of 32 bytes."""


def protection_for(lock: Lock, cost: ArgonCost) -> Passphrase | TransportKey:
    if isinstance(lock, bytes):
        return TransportKey()
    if len(lock) < PASSPHRASE_CHARACTERS_MIN:
        raise TransferFileError(f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters.")
    return Passphrase(cost.operations, cost.memory_bytes, os.urandom(_SALT_BYTES).hex())


class Sealing:
    """Writes one export. Give it bytes in any portions, then `finish`."""

    def __init__(self, file: BinaryIO, head: Head, lock: Lock) -> None:
        self._file = file
        self._head = msgspec.json.encode(head)
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        self._deflate = zlib.compressobj(6)
        self._waiting = bytearray()
        opening = bindings.crypto_secretstream_xchacha20poly1305_init_push(
            self._state, _key(lock, head.protection)
        )
        file.write(FIRST_LINE + len(self._head).to_bytes(4, "big") + self._head + opening)

    def write(self, data: bytes) -> None:
        self._waiting += self._deflate.compress(data)
        while len(self._waiting) > PIECE_BYTES:
            self._push(bytes(self._waiting[:PIECE_BYTES]), _MESSAGE)
            del self._waiting[:PIECE_BYTES]

    def finish(self) -> None:
        self._waiting += self._deflate.flush()
        self._push(bytes(self._waiting), _FINAL)

    def _push(self, piece: bytes, tag: int) -> None:
        sealed = bindings.crypto_secretstream_xchacha20poly1305_push(self._state, piece, self._head, tag)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)


class Opening:
    """Reads one export: the head at once, the rest by `read` and `blocks`. TransferFileError whatever is wrong."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        if file.read(len(FIRST_LINE)) != FIRST_LINE:
            raise TransferFileError(f"{name} is not an exported ledger.")
        size = int.from_bytes(self._exactly(4), "big")
        if size > HEAD_BYTES_MAX:
            raise self._damaged()
        self._head_bytes = self._exactly(size)
        self.head = self._decode_head()
        self._plain = bytearray()
        self._pieces: Iterator[bytes] = iter(())

    def unlock(self, lock: Lock) -> None:
        """Begin to decrypt. A wrong key shows at the first read."""
        asked = self.head.protection
        if isinstance(asked, TransportKey) != isinstance(lock, bytes):
            wanted = "a transport key" if isinstance(asked, TransportKey) else "a passphrase"
            raise TransferFileError(f"{self._name} opens with {wanted}; give that.")
        state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(
            state, self._exactly(_OPENING_BYTES), _key(lock, asked)
        )
        self._pieces = self._pull(state)

    def read(self, size: int) -> bytes:
        """So many bytes, or none at the end."""
        while len(self._plain) < size:
            piece = next(self._pieces, None)
            if piece is None:
                if self._plain:
                    raise self._damaged()
                return b""
            self._plain += piece
        data = bytes(self._plain[:size])
        del self._plain[:size]
        return data

    def blocks(self) -> Iterator[bytes]:
        """Every logged block, to the last piece of the file."""
        while head := self.read(4):
            payload = self.read(int.from_bytes(head, "big"))
            if not payload:
                raise self._damaged()
            yield payload

    def _pull(self, state: bindings.crypto_secretstream_xchacha20poly1305_state) -> Iterator[bytes]:
        inflate = zlib.decompressobj()
        first, tag = True, _MESSAGE
        while tag != _FINAL:
            size = int.from_bytes(self._exactly(4), "big")
            if not _OVERHEAD <= size <= PIECE_BYTES + 64 + _OVERHEAD:
                raise self._damaged()
            try:
                piece, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
                    state, self._exactly(size), self._head_bytes
                )
                yield from self._inflated(inflate, piece)
            except (exceptions.CryptoError, RuntimeError, zlib.error):
                if first:
                    raise TransferFileError(
                        f"The passphrase or key does not open {self._name}, or the file was changed."
                    ) from None
                raise self._damaged() from None
            first = False
        if not inflate.eof or inflate.unused_data or self._file.read(1):
            raise self._damaged()

    def _inflated(self, inflate: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
        """In portions of bounded size, whatever the ratio of compression."""
        while piece:
            yield inflate.decompress(piece, PIECE_BYTES)
            piece = inflate.unconsumed_tail

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise TransferFileError(f"{self._name} ends too early; copy the file again.")
        return data

    def _decode_head(self) -> Head:
        try:
            head = msgspec.json.decode(self._head_bytes, type=Head)
            if head.version != VERSION:
                raise TransferFileError(
                    f"{self._name} is of format {head.version}; this program reads format {VERSION}."
                )
            asked = head.protection
            if isinstance(asked, Passphrase) and not (
                len(bytes.fromhex(asked.salt)) == _SALT_BYTES
                and argon2id.MEMLIMIT_MIN <= asked.memory_bytes <= ARGON2_MEMORY_BYTES_MAX
                and argon2id.OPSLIMIT_MIN <= asked.operations <= ARGON2_OPERATIONS_MAX
            ):
                raise ValueError
        except (ValueError, RecursionError):
            raise self._damaged() from None
        return head

    def _damaged(self) -> TransferFileError:
        return TransferFileError(f"{self._name} is damaged; copy the file again.")


def _key(lock: Lock, protection: Passphrase | TransportKey) -> bytes:
    if isinstance(lock, bytes):
        if len(lock) != KEY_BYTES:
            raise TransferFileError(f"A transport key has {KEY_BYTES} bytes ({2 * KEY_BYTES} hex digits).")
        return lock
    if isinstance(protection, TransportKey):
        raise TransferFileError("A transport key is needed, not a passphrase.")
    return argon2id.kdf(
        KEY_BYTES,
        unicodedata.normalize("NFC", lock).encode(),
        bytes.fromhex(protection.salt),
        opslimit=protection.operations,
        memlimit=protection.memory_bytes,
    )
