"""Keys in a hardware module, against a software token: made, listed, used, and what happens when it is gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pkcs11
import pytest

from counterfoil.custody import hardware
from counterfoil.custody.hardware import HardwareKey, HardwareStore, TokenAddress, token_address
from counterfoil.custody.key_store import KeyStore, KeyStoreError
from counterfoil.custody.signers import Signer
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import verify
from counterfoil.sealing.envelopes import seal_note
from counterfoil.sealing.handing import open_note
from tests.unit.custody.tokens import PIN, configure, destroy_tokens, make_token, module

LABEL = "market keys"


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    library = module()
    file = configure(tmp_path / "softhsm")
    make_token(file, LABEL)
    monkeypatch.setenv("SOFTHSM2_CONF", str(file))
    pkcs11.lib(str(library)).reinitialize()
    return file


@pytest.fixture
def address(configuration: Path) -> TokenAddress:
    return TokenAddress(module(), LABEL)


@pytest.fixture
def store(address: TokenAddress) -> Iterator[HardwareStore]:
    opened = HardwareStore(address, lambda: PIN)
    yield opened
    opened.close()


def test_a_key_is_made_listed_and_signs(store: HardwareStore, address: TokenAddress) -> None:
    port: KeyStore = store
    made: Signer = port.generate("desk")
    assert made.address == address_of(made.public_key)
    assert verify(made.public_key, b"message", made.sign(b"message"))
    port.generate("alpha")
    assert [(entry.name, entry.protection, entry.problem) for entry in port.entries()] == [
        ("alpha", "PIN", ""),
        ("desk", "PIN", ""),
    ]
    port.close()
    never_asked = HardwareStore(address, lambda: pytest.fail("listing asks for no PIN"))
    (_, desk) = never_asked.entries()
    assert desk.public_key == made.public_key
    assert desk.address.startswith("cfk1")
    again = port.open("desk")
    assert again.sign(b"message") == made.sign(b"message"), "Ed25519 is deterministic in the module too"
    assert "desk" in repr(again)
    assert PIN not in repr(again)


def test_an_opening_key_follows_from_the_module_and_is_always_the_same(store: HardwareStore) -> None:
    store.generate("desk")
    opening, other = store.open("desk").opening_key(), store.generate("other").opening_key()
    store.close()
    again = store.open("desk").opening_key()
    assert again.public_key == opening.public_key != other.public_key
    sealed = seal_note(opening.public_key, "chain", bytes(20), bytes(20), b"hello")
    assert open_note(again, "chain", bytes(20), bytes(20), sealed) == b"hello"
    assert open_note(other, "chain", bytes(20), bytes(20), sealed) is None


def test_a_module_whose_signatures_differ_each_time_gives_no_opening_key(
    store: HardwareStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, made = store.generate("desk"), iter((b"a" * 64, b"b" * 64))
    monkeypatch.setattr(HardwareKey, "sign", lambda key, message: next(made))
    with pytest.raises(KeyStoreError, match="differ"):
        key.opening_key()


def test_long_messages_are_signed_whole(store: HardwareStore) -> None:
    key = store.generate("desk")
    message = bytes(range(256)) * 8_192
    assert verify(key.public_key, message, key.sign(message))


def test_a_key_never_leaves_the_module(store: HardwareStore) -> None:
    store.generate("desk")
    private: Any = store._keys["desk"]
    assert private[pkcs11.Attribute.SENSITIVE]
    assert not private[pkcs11.Attribute.EXTRACTABLE]
    assert private[pkcs11.Attribute.NEVER_EXTRACTABLE]
    assert private[pkcs11.Attribute.LOCAL], "made on the token, not brought to it"
    with pytest.raises(pkcs11.AttributeSensitive):
        private[pkcs11.Attribute.VALUE]
    with pytest.raises(pkcs11.PKCS11Error):
        private[pkcs11.Attribute.EXTRACTABLE] = True


def test_a_name_that_is_taken_is_refused(store: HardwareStore) -> None:
    before = store.generate("desk").public_key
    with pytest.raises(KeyStoreError, match="never overwritten"):
        store.generate("desk")
    assert [entry.public_key for entry in store.entries()] == [before]
    with pytest.raises(KeyStoreError, match="cannot name a key"):
        store.generate("Desk Key")
    with pytest.raises(KeyStoreError, match="no key 'other'"):
        store.open("other")


def test_a_wrong_pin_is_tried_once(address: TokenAddress) -> None:
    asked = []

    def wrong() -> str:
        asked.append(1)
        return "9999-wrong"

    with pytest.raises(KeyStoreError, match="PIN is wrong") as refused:
        HardwareStore(address, wrong).open("desk")
    assert len(asked) == 1
    assert "9999" not in str(refused.value)


def test_a_session_that_was_lost_is_opened_again(address: TokenAddress) -> None:
    asked = []

    def pin() -> str:
        asked.append(1)
        return PIN

    store = HardwareStore(address, pin)
    key = store.generate("desk")
    before = key.sign(b"message")
    store._session.close()
    assert key.sign(b"message") == before
    pkcs11.lib(str(address.module)).reinitialize()
    assert key.sign(b"message") == before
    assert len(asked) == 3
    store.close()
    store.close()
    assert key.sign(b"message") == before, (
        "a key outlives a store that was closed, and asks for the PIN again"
    )
    store.close()


def test_a_token_that_was_taken_out_is_named(store: HardwareStore, configuration: Path) -> None:
    key = store.generate("desk")
    destroy_tokens(configuration)
    with pytest.raises(KeyStoreError, match=LABEL):
        key.sign(b"message")
    pkcs11.lib(str(module())).reinitialize()
    with pytest.raises(KeyStoreError, match="There is no such token"):
        key.sign(b"message")


@pytest.mark.parametrize("error", [pkcs11.DeviceRemoved, pkcs11.TokenNotPresent, pkcs11.SlotIDInvalid])
def test_a_device_that_is_removed_is_told_so(
    store: HardwareStore, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.generate("desk")

    class Gone:
        def sign(self, *_: object, **__: object) -> bytes:
            raise error

    monkeypatch.setitem(store._keys, "desk", Gone())
    with pytest.raises(KeyStoreError, match="token is not there"):
        key.sign(b"message")


def test_what_is_no_signature_of_the_key_is_not_passed_on(
    store: HardwareStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.generate("desk")

    class Faulty:
        def sign(self, *_: object, **__: object) -> bytes:
            return bytes(64)

    monkeypatch.setitem(store._keys, "desk", Faulty())
    with pytest.raises(KeyStoreError, match="no signature of the key"):
        key.sign(b"message")


def test_a_token_that_cannot_sign_with_ed25519_is_refused(
    address: TokenAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = HardwareStore(address, lambda: PIN)
    absent = type("OlderMechanisms", (), {"EDDSA": object()})
    monkeypatch.setattr(store, "_pkcs11", type("OlderToken", (), {**vars(pkcs11), "Mechanism": absent}))
    with pytest.raises(KeyStoreError, match="no CKM_EDDSA"):
        store.entries()


def test_a_module_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="no PKCS#11 module"):
        HardwareStore(TokenAddress(tmp_path / "none.so", LABEL), lambda: PIN).entries()
    (tmp_path / "text.so").write_text("not a library")
    with pytest.raises(KeyStoreError, match="cannot be used"):
        HardwareStore(TokenAddress(tmp_path / "text.so", LABEL), lambda: PIN).entries()


def test_tokens_are_named_by_uris() -> None:
    assert token_address("pkcs11:token=market%20keys;serial=ab12?module-path=/usr/lib/x.so") == TokenAddress(
        Path("/usr/lib/x.so"), "market keys", "ab12"
    )


@pytest.mark.parametrize(
    "text",
    [
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:?module-path=/x.so",
        "pkcs11:token=a;token=b?module-path=/x.so",
        "pkcs11:token=a;pin-value=1234?module-path=/x.so",
        "pkcs11:token?module-path=/x.so",
    ],
)
def test_uris_that_name_no_token_are_refused(text: str) -> None:
    with pytest.raises(KeyStoreError):
        token_address(text)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(KeyStoreError, match=r"counterfoil\[pkcs11\]"):
        HardwareStore(TokenAddress(Path("/x.so"), LABEL), lambda: PIN)


def test_the_wrapped_and_the_plain_form_of_a_point_are_one_key() -> None:
    point = bytes(range(32))
    assert hardware._tagged(point) == hardware._tagged(b"\x04\x20" + point) == b"\x01" + point
    assert hardware._tagged(b"\x04" + point) == hardware._tagged(None) == b""
    assert HardwareKey.__slots__ == ("_store", "address", "name", "public_key"), "a key holds no secret"
