"""A custodian in one process: a clock that is set, cheap hashing, and a ledger that is a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pyotp
from nacl.pwhash import argon2id

from counterfoil.custody.key_files import ArgonCost
from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.custodian import Custodian
from counterfoil.custody.service.protocol import AddKey, SetPolicy
from counterfoil.custody.service.trail import Recorder, RecorderFailed
from counterfoil.custody.service.vault import JournalVault, Vault
from counterfoil.machine.transactions import Body, Mode, sign_prefix
from counterfoil.modules.custodians.interface import FIRST_HEAD, TrailEntry, next_head
from counterfoil.modules.settlement.messages import Instruct
from counterfoil.modules.settlement.records import Method, Movement
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.codec import encode
from counterfoil.primitives.outcome import RejectCode, Rejected

CHAIN = "market-0123456789abcdef"
PASSPHRASE = "store passphrase"
PASSWORD = "a password of nobody"
CHEAP = ArgonCost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
NOW_MS = 1_700_000_000_000
ACCOUNT, CASH, SHARE, EURO = (bytes([number]) * 20 for number in (1, 2, 3, 4))


class Ledger:
    """A recorder whose ledger is a list. failing: nothing can be read or written."""

    def __init__(self) -> None:
        self.entries: list[TrailEntry] = []
        self.failing = False
        self.calls = 0

    def read(self) -> tuple[int, bytes]:
        self._reach()
        return len(self.entries), next_head(FIRST_HEAD, self.entries)

    def record(self, after: int, head: bytes, entries: Sequence[TrailEntry]) -> None:
        self._reach()
        assert (after, head) == (len(self.entries), next_head(FIRST_HEAD, self.entries))
        self.entries += entries

    def _reach(self) -> None:
        self.calls += 1
        if self.failing:
            raise RecorderFailed("NODE_UNREACHABLE")


class Desk:
    """ann is the administrator; each further user is enrolled by name."""

    def __init__(self, folder: Path, chain_id: str = CHAIN, vault: Vault | None = None) -> None:
        self.folder = folder
        self.time_ms = NOW_MS
        self.vault: Vault = vault or JournalVault()
        self.ledger = Ledger()
        self.recorder: Recorder = self.ledger
        self.secrets: dict[str, str] = {}
        self.books = CustodianBooks.create(
            folder, PASSPHRASE, chain_id, cost=CHEAP, clock=lambda: self.time_ms
        )
        self._begin()
        self.enrol("ann", self.custodian.logins.invite("ann", administrator=True))

    def _begin(self) -> None:
        self.custodian = Custodian(self.books, self.vault, self.recorder, login_cost=CHEAP)

    def restart(self) -> None:
        """As if the process had ended and another one begun."""
        self.books.close()
        self.books = CustodianBooks.open(self.folder, PASSPHRASE, clock=lambda: self.time_ms)
        self._begin()
        self.custodian.repair()

    def close(self) -> None:
        self.books.close()

    def enrol(self, name: str, code: str) -> None:
        address = self.custodian.logins.enrol(name, code, PASSWORD)
        self.secrets[name] = parse_qs(urlsplit(address).query)["secret"][0]
        assert unquote(urlsplit(address).path).endswith(f":{name}")

    def add(self, *names: str, administrator: bool = False) -> None:
        for name in names:
            self.enrol(name, self.custodian.logins.invite(name, administrator))

    def code(self, name: str) -> str:
        return pyotp.TOTP(self.secrets[name]).at(self.time_ms // 1_000)

    def key(self, name: str, owner: str = "") -> bytes:
        """A new key; its public key."""
        made: Any = self.custodian.change("ann", AddKey(name, owner))
        return bytes(made)

    def rules(self, *rules: dict[str, Any]) -> None:
        self.custodian.change("ann", SetPolicy(document(*rules)))


def code_of(work: Callable[[], Any]) -> RejectCode | None:
    """The code of a refusal, or None where there was none."""
    try:
        work()
    except Rejected as refused:
        return refused.code
    return None


def document(*rules: dict[str, Any]) -> bytes:
    named = [
        {"name": f"rule {number}", "users": ["*"], "keys": ["*"], **rule} for number, rule in enumerate(rules)
    ]
    return json.dumps({"rules": named}).encode()


def text(kind: AddressKind, identity: bytes) -> str:
    return to_text(kind, identity)


def instruct(**changes: Any) -> Instruct:
    message = Instruct(
        market="XSBX",
        party=bytes(20),
        account=ACCOUNT,
        movement=Movement.DELIVER,
        method=Method.DVP,
        instrument_id=SHARE,
        quantity=100,
        counterparty=bytes(20),
        trade_date=20240102,
        settlement_date=20240102,
        reference="R-1",
        cash_account=CASH,
        asset=EURO,
        amount=5_000,
    )
    return msgspec.structs.replace(message, **changes)


def signing(
    public_key: bytes,
    *messages: Any,
    expiry_ms: int = NOW_MS + 300_000,
    nonce: int = 0,
    chain: str = CHAIN,
    mode: Mode = Mode.ALL_OR_NOTHING,
) -> bytes:
    """The bytes that are signed for a transaction of these messages."""
    signers = (address_of(public_key),)
    body = Body(expiry_ms, nonce.to_bytes(16, "big"), signers, mode, messages or (instruct(),))
    return sign_prefix(chain) + encode(body)
