from __future__ import annotations

import threading

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.storage.cipher import NONCE_SIZE, AesGcm, Checksums, Cipher, Damaged, derive, key_check
from tests.unit.storage.support import LEDGER_SALT, STORAGE_KEY, Salts


@pytest.fixture(params=["encrypted", "plain"])
def cipher(request: pytest.FixtureRequest) -> Cipher:
    return Checksums() if request.param == "plain" else AesGcm(STORAGE_KEY, LEDGER_SALT, Salts())


def test_what_is_sealed_opens_in_its_place(cipher: Cipher) -> None:
    for plain in (b"", b"x", bytes(range(256)) * 100):
        stored = cipher.seal(b"place", plain)
        assert len(stored) == len(plain) + cipher.overhead
        assert cipher.open(b"place", stored) == plain


def test_any_changed_bit_shortened_value_or_other_place_is_noticed(cipher: Cipher) -> None:
    stored = cipher.seal(b"place", b"four securities")
    for at in range(len(stored) * 8):
        changed = bytearray(stored)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(Damaged):
            cipher.open(b"place", bytes(changed))
    for size in range(len(stored)):
        with pytest.raises(Damaged):
            cipher.open(b"place", stored[:size])
    with pytest.raises(Damaged):
        cipher.open(b"plac", stored)


def test_no_nonce_is_used_twice_not_even_by_several_threads() -> None:
    cipher = AesGcm(STORAGE_KEY, LEDGER_SALT, Salts())
    found: list[bytes] = []

    def seal() -> None:
        found.extend(cipher.seal(b"", b"x")[:NONCE_SIZE] for _ in range(2000))

    threads = [threading.Thread(target=seal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8000


def test_a_process_draws_its_subkey_when_it_first_seals_and_older_values_stay_readable() -> None:
    salts = Salts()
    first = AesGcm(STORAGE_KEY, LEDGER_SALT, salts)
    assert not salts.salts, "who only reads leaves no trace"
    old = first.seal(b"p", b"old")
    second = AesGcm(STORAGE_KEY, LEDGER_SALT, salts)
    assert second.open(b"p", old) == b"old"
    new = second.seal(b"p", b"old")
    assert len(salts.salts) == 2
    assert old[:4] != new[:4]
    assert old[NONCE_SIZE:] != new[NONCE_SIZE:]


def test_a_value_of_an_unknown_subkey_is_damaged() -> None:
    stored = AesGcm(STORAGE_KEY, LEDGER_SALT, Salts()).seal(b"p", b"x")
    with pytest.raises(Damaged):
        AesGcm(STORAGE_KEY, LEDGER_SALT, Salts()).open(b"p", stored)


def test_derivation_is_hkdf() -> None:
    oracle = HKDF(algorithm=SHA256(), length=32, salt=b"s" * 32, info=b"purpose").derive(STORAGE_KEY)
    assert derive(STORAGE_KEY, b"s" * 32, b"purpose") == oracle


def test_the_check_of_a_key_tells_keys_apart() -> None:
    assert key_check(STORAGE_KEY, LEDGER_SALT) != key_check(bytes(32), LEDGER_SALT)
    assert key_check(STORAGE_KEY, LEDGER_SALT) != key_check(STORAGE_KEY, b"x" * 32)


def test_a_storage_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AesGcm(bytes(16), LEDGER_SALT, Salts())
