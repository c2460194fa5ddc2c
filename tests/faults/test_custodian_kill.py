"""A custodian killed at every point between a request and its answer: what left it is on the ledger after a restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest

from counterfoil.custody.service.books import CustodianBooks
from counterfoil.custody.service.client import (
    CustodianAddress,
    CustodianSession,
    CustodianUnreachable,
    CustodyKey,
    CustodyRefused,
)
from counterfoil.custody.service.custodian import Custodian, service_key
from counterfoil.custody.service.protocol import AddKey, SetPolicy
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.vault import JournalVault
from counterfoil.machine.transactions import sign_prefix
from counterfoil.modules.custodians.facts import KeyUsed
from counterfoil.modules.custodians.interface import UseKind
from counterfoil.node.rpc import RpcServer
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import verify
from counterfoil.sdk import Client, Sandbox, messages
from counterfoil.sdk.custody import LedgerTrail
from counterfoil.storage.fault_points import AFTER_RECORDING, BEFORE_INTENT, BEFORE_RECORDING, CUSTODY_POINTS
from tests.unit.custody.custodians import CHEAP, PASSPHRASE, PASSWORD, document

PROJECT = Path(__file__).resolve().parents[2]
PARTY = "Example Custody"
KILLED = -signal.SIGKILL

pytestmark = pytest.mark.slow


class House:
    """A ledger that is served, a party that is a custodian, and its store with one user and one key."""

    def __init__(self, folder: Path) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.store = folder / "custody"
        self.ledger = folder / "ledger"
        self.sandbox = Sandbox(folder=self.ledger)
        self.rpc = RpcServer(self.sandbox.node, path=self.ledger / "socket")
        self.rpc.start()
        books = CustodianBooks.create(self.store, PASSPHRASE, self.sandbox.node.chain_id, cost=CHEAP)
        own = service_key(books, JournalVault())
        self.regulator = self.sandbox.client("regulator")
        enrolled = messages.EnrolParty(
            self.regulator.party, (messages.Role.OPERATOR,), PARTY, "", own.address, b"", True
        )
        self.regulator.send(enrolled)
        trail = LedgerTrail(self.sandbox.connect, own, PARTY)
        custodian = Custodian(books, JournalVault(), trail, login_cost=CHEAP)
        code = custodian.logins.invite("ann", administrator=True)
        address = custodian.logins.enrol("ann", code, PASSWORD)
        self.secret = address.split("secret=")[1].split("&")[0]
        made: Any = custodian.change("ann", AddKey("savings", "ann"))
        self.public_key = bytes(made)
        rule = {"users": ["@owner"], "messages": ["*"], "reading": True}
        custodian.change(
            "ann",
            SetPolicy(document({**rule, "messages": ["RegisterSigner"], "record_first": True}, rule)),
        )
        custodian.record()
        books.close()

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        self.rpc.close()
        self.sandbox.close()

    def start(self, point: str = "") -> subprocess.Popen[str]:
        environment = {**os.environ, "COUNTERFOIL_PASSPHRASE": PASSPHRASE, "HOME": str(self.store)}
        environment.pop("COUNTERFOIL_FAULT_POINT", None)
        if point:
            environment["COUNTERFOIL_FAULT_POINT"] = point
        command = [sys.executable, "-m", "counterfoil.cli.main", "custodian", "start", str(self.store)]
        process = subprocess.Popen(
            [*command, "--as", PARTY, "--ledger", str(self.ledger)],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Stop with"):
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return process
        raise AssertionError(f"the custodian ended with {process.wait()}")

    def session(self) -> CustodianSession:
        """Logged in; a code serves once, so the next one is waited for where it has to be."""
        opened = CustodianSession(CustodianAddress(self.store / "socket"))
        totp = pyotp.TOTP(self.secret)
        for ahead in (0, 30, -30):
            try:
                opened.log_in("ann", PASSWORD, totp.at(int(time.time()) + ahead))
            except CustodyRefused:
                continue
            return opened
        raise AssertionError("no code was accepted")

    def uses(self) -> list[UseKind]:
        """What the ledger has of uses of the key, in its order, as the regulator sees it."""
        told = self.regulator.history(signer=address_of(self.public_key))
        facts = [fact for entry in told for fact in entry.facts if isinstance(fact, KeyUsed)]
        assert [fact.number for fact in facts] == sorted(fact.number for fact in facts)
        return [fact.entry.kind for fact in facts]

    def message(self) -> bytes:
        """Something of importance for the key to sign: a registration of its owner's."""
        client = Client(self.sandbox.connect())
        asked = messages.RegisterSigner(messages.single_key(self.public_key))
        draft = client.draft(asked, signers=(address_of(self.public_key),))
        return sign_prefix(draft.chain_id) + draft._body_bytes


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("point", CUSTODY_POINTS)
def test_killed_between_request_and_answer(house: House, point: str) -> None:
    process = house.start(point)
    message = house.message()
    signature = b""
    with house.session() as session:
        key = CustodyKey(session, "savings", house.public_key)
        try:
            signature = key.sign(message)
        except CustodianUnreachable:
            pass
    assert process.wait(timeout=30) == KILLED
    before = house.uses()
    if signature:
        assert before == [UseKind.TRANSACTION], "an important signature stands on the ledger before it leaves"
    again = house.start()
    try:
        told = house.uses()
        if point == BEFORE_INTENT:
            assert told == []
        else:
            assert told == [UseKind.TRANSACTION, UseKind.INTERRUPTED]
        with house.session() as session:
            signature = CustodyKey(session, "savings", house.public_key).sign(message)
        assert verify(house.public_key, message, signature)
        uses = house.uses()
        assert uses.count(UseKind.TRANSACTION) == 1, "asked for again, it is the same use of the key"
    finally:
        again.send_signal(signal.SIGTERM)
        assert again.wait(timeout=30) == 0
    assert house.uses() == uses, "stopping adds nothing"


def test_killed_while_it_repairs(house: House) -> None:
    process = house.start(BEFORE_RECORDING)
    with house.session() as session, pytest.raises(CustodianUnreachable):
        CustodyKey(session, "savings", house.public_key).sign(house.message())
    assert process.wait(timeout=30) == KILLED
    for point in (BEFORE_RECORDING, AFTER_RECORDING):
        with pytest.raises(AssertionError, match=str(KILLED)):
            house.start(point)
    again = house.start()
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=30) == 0
    assert house.uses() == [UseKind.TRANSACTION, UseKind.INTERRUPTED]


def test_a_custodian_without_its_ledger_signs_nothing(house: House) -> None:
    process = house.start()
    message = house.message()
    house.rpc.close()
    with house.session() as session:
        with pytest.raises(CustodyRefused) as refused:
            CustodyKey(session, "savings", house.public_key).sign(message)
        assert refused.value.number == CustodyRefusal.LEDGER_DOES_NOT_ANSWER.number
        house.rpc = RpcServer(house.sandbox.node, path=house.ledger / "socket")
        house.rpc.start()
        assert CustodyKey(session, "savings", house.public_key).sign(message)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert house.uses() == [UseKind.TRANSACTION]
