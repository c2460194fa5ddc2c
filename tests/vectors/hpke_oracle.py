"""RFC 9180 in its base mode, written from the text for comparison: X25519, HKDF-SHA256, any of the three AEADs."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

KEM = b"KEM" + (0x20).to_bytes(2, "big")
KEY_SIZES = {1: 16, 2: 32, 3: 32}


def hkdf_extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def hkdf_expand(prk: bytes, info: bytes, size: int) -> bytes:
    made = block = b""
    number = 0
    while len(made) < size:
        number += 1
        block = hmac.digest(prk, block + info + bytes([number]), "sha256")
        made += block
    return made[:size]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return hkdf_expand(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)


def derive_secret(ikm: bytes) -> bytes:
    """Section 7.1.3, DeriveKeyPair for X25519."""
    prk = labeled_extract(KEM, b"", b"dkp_prk", ikm)
    return labeled_expand(KEM, prk, b"sk", b"", 32)


def public(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def _shared(secret: bytes, other: bytes, enc: bytes, recipient: bytes) -> bytes:
    dh = X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(other))
    prk = labeled_extract(KEM, b"", b"eae_prk", dh)
    return labeled_expand(KEM, prk, b"shared_secret", enc + recipient, 32)


@dataclass
class Context:
    key: bytes
    base_nonce: bytes
    aead: int

    def _cipher(self) -> AESGCM | ChaCha20Poly1305:
        return ChaCha20Poly1305(self.key) if self.aead == 3 else AESGCM(self.key)

    def nonce(self, sequence: int) -> bytes:
        return (int.from_bytes(self.base_nonce, "big") ^ sequence).to_bytes(12, "big")

    def seal(self, sequence: int, aad: bytes, plaintext: bytes) -> bytes:
        return self._cipher().encrypt(self.nonce(sequence), plaintext, aad)

    def open(self, sequence: int, aad: bytes, ciphertext: bytes) -> bytes:
        return self._cipher().decrypt(self.nonce(sequence), ciphertext, aad)


def key_schedule(shared: bytes, info: bytes, aead: int) -> Context:
    suite = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + aead.to_bytes(2, "big")
    context = (
        b"\x00"
        + labeled_extract(suite, b"", b"psk_id_hash", b"")
        + labeled_extract(suite, b"", b"info_hash", info)
    )
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, KEY_SIZES[aead])
    return Context(key, labeled_expand(suite, secret, b"base_nonce", context, 12), aead)


def set_up_sender(recipient: bytes, info: bytes, ephemeral: bytes, aead: int) -> tuple[bytes, Context]:
    enc = public(ephemeral)
    return enc, key_schedule(_shared(ephemeral, recipient, enc, recipient), info, aead)


def set_up_recipient(enc: bytes, secret: bytes, info: bytes, aead: int) -> Context:
    return key_schedule(_shared(secret, enc, enc, public(secret)), info, aead)
