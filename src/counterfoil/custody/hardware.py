"""Private keys in a hardware module, by PKCS#11 (version 3.0 for Ed25519): made there, used there, never outside.

A key is a pair of objects on a token under one label, the key's name. It is made by the token
(CKM_EC_EDWARDS_KEY_PAIR_GEN), marked sensitive and not extractable, and signs by CKM_EDDSA without a context, which is
the Ed25519 of RFC 8032. What the module returns is checked before it is passed on: a key must be one that the ledger
accepts, and a signature must fit it. A token that offers no CKM_EDDSA is refused by name; older ones know the
NIST curves alone.

A PIN is asked for when the first key is opened, and again where the module has lost the session. A wrong PIN is
never tried twice by itself: most tokens lock after a few. The package `python-pkcs11` is imported only here:
pip install 'counterfoil[pkcs11]'.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from counterfoil.custody.key_store import KeyDescription, KeyStoreError, check_name
from counterfoil.custody.signers import opening_key_by_signature
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.signatures import ED25519, check_key, verify
from counterfoil.sealing.opening_keys import OpeningKey

SCHEME: Final = "pkcs11:"
_CURVE: Final = bytes.fromhex("06032b6570")
"""The object identifier of Ed25519, 1.3.101.112 (RFC 8410), in DER."""
_OCTET_STRING: Final = b"\x04\x20"
_KEY_BYTES: Final = 32


class TokenAddress(NamedTuple):
    """Which token: the module's file, the token's label, and its serial number where labels repeat."""

    module: Path
    label: str
    serial: str = ""


def token_address(text: str) -> TokenAddress:
    """From a URI of RFC 7512: pkcs11:token=LABEL;serial=NUMBER?module-path=/usr/lib/.../module.so"""
    path, _, query = text.removeprefix(SCHEME).partition("?")
    found: dict[str, str] = {}
    for part in [*path.split(";"), *query.split("&")]:
        name, equals, value = part.partition("=")
        if part and (not equals or name not in ("token", "serial", "module-path") or name in found):
            raise KeyStoreError(
                f"The key store {text!r} is not understood at {part!r}; a token is named"
                " pkcs11:token=LABEL?module-path=FILE, and serial=NUMBER where two have one label."
            )
        found[name] = unquote(value)
    if not found.get("token") or not found.get("module-path"):
        raise KeyStoreError(f"The key store {text!r} lacks the token's label or the module's file.")
    return TokenAddress(Path(found["module-path"]), found["token"], found.get("serial", ""))


class HardwareKey:
    """A key of a token: a `Signer`."""

    __slots__ = ("_store", "address", "name", "public_key")

    def __init__(self, store: HardwareStore, name: str, public_key: bytes) -> None:
        self._store = store
        self.name = name
        self.public_key = public_key
        self.address = address_of(public_key)

    def sign(self, message: bytes) -> bytes:
        """KeyStoreError where the token is gone, or what it returned is no signature of this key."""
        signature = self._store.sign(self.name, message)
        if not verify(self.public_key, message, signature):
            raise KeyStoreError(f"What the module returned is no signature of the key {self.name}.")
        return signature

    def opening_key(self) -> OpeningKey:
        """It follows from a signature that the token makes, and is in memory while it is used. KeyStoreError where the
        token's signatures are not the same each time."""
        try:
            return opening_key_by_signature(self.sign)
        except ValueError as error:
            raise KeyStoreError(
                f"No opening key follows from the key {self.name} of this token: {error}. Record the opening key of a"
                " key in a file, or at a custodian."
            ) from None

    def __repr__(self) -> str:
        return f"HardwareKey({self.name!r}, address={to_text(AddressKind.SIGNER, self.address)})"


class HardwareStore:
    """The Ed25519 keys of one token as a `KeyStore`. Safe to use from several threads; they sign one after the other.

    pin(): the user's PIN, asked for when it is needed.
    """

    def __init__(self, address: TokenAddress, pin: Callable[[], str]) -> None:
        self._address = address
        self._pin = pin
        self._pkcs11: Any = _library()
        self._lock = threading.RLock()
        self._session: Any = None
        self._keys: dict[str, Any] = {}

    # ---- the port ----

    def entries(self) -> list[KeyDescription]:
        with self._lock, self._told():
            session = self._session
            if session is not None:
                return self._entries(session)
            session = self._token().open()
            try:
                return self._entries(session)
            finally:
                session.close()

    def open(self, name: str) -> HardwareKey:
        check_name(name)
        with self._lock, self._told():
            self._log_in()
            return self._opened(name)

    def generate(self, name: str) -> HardwareKey:
        check_name(name)
        p11 = self._pkcs11
        with self._lock, self._told():
            self._log_in()
            if any(entry.name == name for entry in self._entries(self._session)):
                raise KeyStoreError(
                    f"The token has a key {name!r}, and it is never overwritten; choose another name."
                )
            curve = {p11.Attribute.EC_PARAMS: _CURVE}
            parameters = self._session.create_domain_parameters(p11.KeyType.EC_EDWARDS, curve, local=True)
            private = {p11.Attribute.SENSITIVE: True, p11.Attribute.EXTRACTABLE: False}
            parameters.generate_keypair(
                mechanism=p11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                label=name,
                id=name.encode(),
                private_template=private,
            )
            return self._opened(name)

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
            self._keys.clear()
            if session is not None:
                try:
                    session.close()
                except self._pkcs11.PKCS11Error:
                    pass  # it was gone already

    # ---- signing ----

    def sign(self, name: str, message: bytes) -> bytes:
        """What the token returns. A session that was lost is opened again, once."""
        p11 = self._pkcs11
        session_lost = (p11.SessionHandleInvalid, p11.SessionClosed, p11.UserNotLoggedIn)
        lost = (*session_lost, p11.ObjectHandleInvalid, p11.KeyHandleInvalid)
        with self._lock, self._told():
            try:
                return self._signed(name, message)
            except lost:
                self.close()
            return self._signed(name, message)

    def _signed(self, name: str, message: bytes) -> bytes:
        if name not in self._keys:
            self._log_in()
            self._opened(name)
        return bytes(self._keys[name].sign(message, mechanism=self._pkcs11.Mechanism.EDDSA))

    # ---- the token ----

    def _log_in(self) -> None:
        if self._session is None:
            token = self._token()
            self._session = token.open(rw=True, user_pin=self._pin())

    def _token(self) -> Any:
        address, p11 = self._address, self._pkcs11
        if not address.module.is_file():
            raise KeyStoreError(
                f"There is no PKCS#11 module {address.module}; name the module's own library."
            )
        try:
            library = p11.lib(str(address.module))
        except (RuntimeError, p11.PKCS11Error) as error:
            raise KeyStoreError(f"{address.module} cannot be used as a PKCS#11 module: {error!r}.") from None
        wanted: dict[str, Any] = {"token_label": address.label}
        if address.serial:
            wanted["token_serial"] = address.serial.encode()
        try:
            token = library.get_token(**wanted)
        except p11.NoSuchToken:
            library.reinitialize()  # many modules look for tokens only once
            token = library.get_token(**wanted)
        if p11.Mechanism.EDDSA not in token.slot.get_mechanisms():
            raise KeyStoreError(
                f"The token {address.label!r} cannot make Ed25519 signatures (it offers no CKM_EDDSA)."
                " Use a module that can, or let the custodian's own store keep the key."
            )
        return token

    def _entries(self, session: Any) -> list[KeyDescription]:
        p11 = self._pkcs11
        wanted = {
            p11.Attribute.CLASS: p11.ObjectClass.PUBLIC_KEY,
            p11.Attribute.KEY_TYPE: p11.KeyType.EC_EDWARDS,
        }
        found = {str(key.label): _tagged(key[p11.Attribute.EC_POINT]) for key in session.get_objects(wanted)}
        place = f"token {self._address.label}"
        described = []
        for name, public_key in sorted(found.items()):
            problem = "" if check_key(public_key) else "it is no Ed25519 key that the ledger accepts"
            described.append(KeyDescription(name, b"" if problem else public_key, place, "PIN", problem))
        return described

    def _opened(self, name: str) -> HardwareKey:
        p11 = self._pkcs11
        entry = next((entry for entry in self._entries(self._session) if entry.name == name), None)
        if entry is None or entry.problem:
            raise KeyStoreError(
                f"The token {self._address.label!r} has no key {name!r} that can be used;"
                " `keys list` shows those that it has."
            )
        self._keys[name] = self._session.get_key(
            object_class=p11.ObjectClass.PRIVATE_KEY, key_type=p11.KeyType.EC_EDWARDS, label=name
        )
        return HardwareKey(self, name, entry.public_key)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A module's error in words that say what to do."""
        label = self._address.label
        try:
            yield
        except self._pkcs11.PKCS11Error as error:
            self.close()
            words = _WORDS.get(type(error).__name__)
            said = (
                words
                or f"The module failed ({type(error).__name__}); its own log says more, and nothing was signed"
            )
            raise KeyStoreError(f"{said}: token {label!r}.") from None


_GONE: Final = "The token is not there; put it in, or look whether the module still reaches it"
_WORDS: Final = {
    "PinIncorrect": "The PIN is wrong; it was tried once, and the token counts attempts",
    "PinInvalid": "The PIN is wrong; it was tried once, and the token counts attempts",
    "PinLenRange": "The PIN is too short or too long for this token",
    "PinLocked": "The PIN is locked after wrong attempts; its security officer can set it anew",
    "PinExpired": "The PIN has expired; set a new one with the token's own tool",
    "NoSuchToken": "There is no such token",
    "MultipleTokensReturned": "Several tokens have this label; add serial=NUMBER to its name",
    "NoSuchKey": "The private half of the key is not there",
    "MultipleObjectsReturned": "Several keys have this name; give each its own with the token's tool",
    "TokenNotPresent": _GONE,
    "TokenNotRecognised": _GONE,
    "DeviceRemoved": _GONE,
    "DeviceError": "The device reports a fault",
    "SlotIDInvalid": _GONE,
    "TokenWriteProtected": "The token is write-protected",
    "SessionReadOnly": "The token is write-protected",
    "DeviceMemory": "The token is full",
}


def _tagged(point: Any) -> bytes:
    """The ledger's form of an EC_POINT, which some modules wrap in DER and some do not; b"" of any other."""
    raw = bytes(point or b"")
    if len(raw) == len(_OCTET_STRING) + _KEY_BYTES and raw.startswith(_OCTET_STRING):
        raw = raw[len(_OCTET_STRING) :]
    return ED25519 + raw if len(raw) == _KEY_BYTES else b""


def _library() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyStoreError(
            "Keys in hardware modules need one more package: pip install 'counterfoil[pkcs11]'"
        ) from None
    return pkcs11
