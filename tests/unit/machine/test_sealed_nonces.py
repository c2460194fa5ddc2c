"""On a whole ledger: whatever happens to it, the cipher of receipts never meets one nonce with two plaintexts."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.machine import receipts as making
from counterfoil.modules.cash.messages import Mint
from counterfoil.modules.settlement.facts import InstructionSettled
from counterfoil.modules.settlement.messages import Partial
from counterfoil.node.ledger import LedgerNode
from counterfoil.primitives.codec import encode
from counterfoil.sealing import receipts as sealing
from tests.model.desk import Desk, by, memory_node, replayed
from tests.model.opening import TUESDAY, Opening
from tests.unit.viewkeys.test_epochs import facts_of


class Ciphers:
    """Every use of the receipts' cipher, by key and nonce."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.used: dict[tuple[bytes, bytes], bytes] = {}
        self.times = 0
        noted = self

        class Cipher:
            def __init__(self, key: bytes) -> None:
                self.key, self.real = key, AESGCM(key)
                self.decrypt = self.real.decrypt

            def encrypt(self, nonce: bytes, plaintext: bytes, associated: bytes | None) -> bytes:
                noted.times += 1
                assert noted.used.setdefault((self.key, nonce), plaintext) == plaintext, (
                    "one nonce, two plaintexts"
                )
                return self.real.encrypt(nonce, plaintext, associated)

        monkeypatch.setattr(sealing, "AESGCM", Cipher)


@pytest.fixture
def ciphers(monkeypatch: pytest.MonkeyPatch) -> Ciphers:
    return Ciphers(monkeypatch)


def in_parts(opening: Opening) -> list[InstructionSettled]:
    """Settle one instruction in two parts, in two blocks; what was told of them."""
    desk, accounts, usd = opening.desk, opening.accounts, opening.instruments["usd"]
    first, allowed = desk.height + 1, {"partial": Partial.ALLOWED}
    there = desk.machine.wired.holdings.balance(accounts["b"], usd)[0] // 250
    both = opening.both("in parts", there + 50, delivery=allowed, receipt=allowed)
    desk.do(both, *by("broker-a", "broker-b"))
    desk.do(Mint(usd, accounts["b"], 50 * 250, "BANK/MORE", TUESDAY), *by("trustee"))
    desk.settle_down()
    told = [fact for height in range(first, desk.height + 1) for _, fact in facts_of(desk, height)]
    return [fact for fact in told if isinstance(fact, InstructionSettled)]


def gone_apart(desk: Desk, reference: str, opening: Opening) -> LedgerNode:
    """A copy of the ledger that decides something else at the next height."""
    node = replayed(desk)
    other = Desk(node)
    other.nonce = int.from_bytes(reference.encode(), "big")
    other.block([other.transaction(opening.both(reference, 1), *by("broker-a", "broker-b"))])
    return node


def test_no_nonce_meets_two_plaintexts_whatever_happens(
    ciphers: Ciphers, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening(Desk()).everything()
    desk, machine = opening.desk, opening.desk.machine
    # one instruction in parts
    parts = {(fact.quantity, fact.open_quantity) for fact in in_parts(opening)}
    assert {rest for _, rest in parts} == {50, 0}
    # one height, several proposals that are executed and dropped before one is decided
    before = ciphers.times
    for number in range(3):
        raw = desk.transaction(opening.both(f"dropped {number}", 1), *by("broker-a", "broker-b"))
        machine.execute(desk.height + 1, desk.next_time_ms(), [[desk.prepared(raw)]], bytes(32))
        machine.discard()
    assert ciphers.times == before, "nothing is sealed before it is decided"
    desk.do(opening.both("decided", 1), *by("broker-a", "broker-b"))
    # the same again: another node, a restart, a folder put back and replayed
    met = len(ciphers.used)
    assert replayed(desk).machine.last == machine.last
    assert len(ciphers.used) == met < ciphers.times
    # copies that go apart at one height
    height = desk.height + 1
    for reference in ("one", "two"):
        assert gone_apart(desk, reference, opening).height == height
    assert len(ciphers.used) > met
    # a program that tells the same otherwise, at the same places
    met = len(ciphers.used)

    def otherwise(value: Any) -> bytes:
        return encode(value) + b"\0"

    monkeypatch.setattr(making, "encode", otherwise)
    node = memory_node(desk.node.genesis)
    node.engine.found()
    for block in desk.node.blocks(node.height + 1):
        node.engine.execute(block.block)
        header = node.machine.commit()
        node.machine.keep(header, b"")
        assert header.receipts_root != block.header.receipts_root or not header.receipt_count
    assert len(ciphers.used) > met * 1.5
    assert len(ciphers.used) > 300
