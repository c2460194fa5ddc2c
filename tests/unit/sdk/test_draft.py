"""Drafts: what is signed never changes, they travel as bytes, and they collect signatures."""

from __future__ import annotations

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.transactions import MESSAGES_MAX, SIGNERS_MAX, Mode
from counterfoil.sdk import Draft, messages

CHAIN = "test-0123456789abcdef"
ONE, TWO, THREE = (SandboxKey.from_name(b"drafts of a test", name) for name in ("one", "two", "three"))
ASK = messages.CloseAccount(b"a" * 20)


def draft(*signers: SandboxKey) -> Draft:
    return Draft.of(CHAIN, [ASK], [key.address for key in signers], 1_000_000)


def test_two_drafts_of_the_same_are_two_transactions() -> None:
    assert draft(ONE).id != draft(ONE).id
    assert len(draft(ONE).body.nonce) == 16


def test_a_draft_travels_and_comes_back_signed() -> None:
    first = draft(ONE, TWO)
    assert first.unsigned == (ONE.address, TWO.address)
    travelled = Draft.from_bytes(first.sign(ONE).to_bytes())
    assert travelled.id == first.id
    assert travelled.messages == (ASK,)
    assert travelled.unsigned == (TWO.address,)
    travelled.sign(TWO)
    assert travelled.unsigned == ()
    assert Draft.from_bytes(travelled.to_bytes()).transaction == travelled.transaction


def test_copies_that_were_signed_apart_are_merged() -> None:
    first = draft(ONE, TWO)
    copies = [Draft.from_bytes(first.to_bytes()).sign(key) for key in (ONE, TWO)]
    merged = copies[0].merge(copies[1]).merge(copies[1])
    assert merged.unsigned == ()
    assert merged.transaction.count(ONE.public_key) == 1
    with pytest.raises(ValueError, match="two different"):
        first.merge(draft(ONE, TWO))


def test_signing_twice_adds_nothing() -> None:
    once = draft(ONE).sign(ONE).transaction
    twice = draft(ONE)
    twice.sign(ONE)
    size = len(twice.transaction)
    twice.sign(ONE)
    assert len(twice.transaction) == size == len(once)


def test_a_key_signs_for_a_signer_that_the_draft_names() -> None:
    with pytest.raises(ValueError, match="does not name the signer"):
        draft(ONE).sign(TWO)
    policy_address = b"p" * 20
    for_policy = Draft.of(CHAIN, [ASK], [policy_address], 1_000_000).sign(ONE, TWO, signer=policy_address)
    assert for_policy.unsigned == ()


@pytest.mark.parametrize(
    ("asks", "signers"),
    [
        ([], [ONE.address]),
        ([ASK] * (MESSAGES_MAX + 1), [ONE.address]),
        ([ASK], []),
        ([ASK], [bytes([number]) * 20 for number in range(SIGNERS_MAX + 1)]),
        ([messages.CloseAccount("text")], [ONE.address]),  # type: ignore[arg-type]
        ([messages.HoldingLine(b"a" * 20, 1)], [ONE.address]),  # type: ignore[list-item]
    ],
)
def test_what_is_no_transaction(asks: list[messages.CloseAccount], signers: list[bytes]) -> None:
    with pytest.raises(ValueError):
        Draft.of(CHAIN, asks, signers, 1_000_000)


def test_a_draft_that_was_tampered_with_is_refused() -> None:
    """One bit of it alone is not signed: for which of the signers a key signed; the ledger's rules look at that."""
    whole = draft(ONE, TWO).sign(ONE).to_bytes()
    taken = []
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        try:
            taken.append(Draft.from_bytes(bytes(changed)))
        except ValueError:
            continue
    assert [made.unsigned for made in taken] == [(ONE.address,)]


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a draft", b"\x92\xa1a\x92"])
def test_bytes_that_are_no_draft(data: bytes) -> None:
    with pytest.raises(ValueError):
        Draft.from_bytes(data)


def test_a_list_may_be_each_on_its_own() -> None:
    made = Draft.of(CHAIN, [ASK, ASK], [ONE.address], 1_000_000, Mode.EACH_ON_ITS_OWN)
    assert made.body.mode is Mode.EACH_ON_ITS_OWN
    assert "CloseAccount, CloseAccount" in repr(made)
