"""The window: used once, until it expires; taken back without trace; rebuilt from what blocks added."""

from __future__ import annotations

from hashlib import sha256

from counterfoil.primitives.digests import IDS
from counterfoil.state.window import Window

MINUTE = 60_000
ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


def test_a_key_is_used_once_until_its_minute_has_passed() -> None:
    window = Window()
    assert window.use(ONE, 5 * MINUTE)
    assert not window.use(ONE, 9 * MINUTE)
    window.accept()
    window.commit()
    window.forget(5 * MINUTE)
    assert ONE in window
    window.forget(6 * MINUTE)
    assert ONE not in window
    assert window.use(ONE, 9 * MINUTE)


def test_rejected_and_discarded_uses_leave_no_trace() -> None:
    window = Window()
    window.use(ONE, MINUTE)
    window.accept()
    window.use(TWO, MINUTE)
    window.reject()
    assert TWO not in window
    assert window.block_size == 1
    window.discard_block()
    assert ONE not in window
    assert len(window) == 0
    assert window.commit() == (sha256(IDS).digest(), b"")


def test_a_block_commits_to_what_it_added() -> None:
    window = Window()
    window.use(ONE, MINUTE)
    window.use(TWO, 2 * MINUTE)
    window.accept()
    digest, packed = window.commit()
    assert packed == ONE + MINUTE.to_bytes(8, "big") + TWO + (2 * MINUTE).to_bytes(8, "big")
    assert digest == sha256(IDS + packed).digest()
    assert window.block_size == 0


def test_what_has_not_expired_is_taken_up_again() -> None:
    window = Window()
    for key, minutes in ((ONE, 1), (TWO, 5), (THREE, 9)):
        window.use(key, minutes * MINUTE)
    window.accept()
    _, packed = window.commit()
    again = Window()
    again.restore(packed, 6 * MINUTE - 1)
    window.forget(6 * MINUTE - 1)
    for key in (ONE, TWO, THREE):
        assert (key in again) == (key in window)
    assert len(again) == 2


def test_a_discarded_block_has_let_nothing_go() -> None:
    window = Window()
    window.use(ONE, MINUTE)
    window.accept()
    window.commit()
    window.forget(60 * MINUTE)
    assert window.use(ONE, 61 * MINUTE)
    window.accept()
    window.discard_block()
    assert ONE in window
    window.forget(MINUTE)
    assert not window.use(ONE, 5 * MINUTE)
    window.forget(60 * MINUTE)
    window.commit()
    window.discard_block()
    assert ONE not in window
