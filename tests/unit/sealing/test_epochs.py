"""Roots: what hangs on one, who is given it, and the chain of archives back to the first."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.sealing.envelopes import seal_for, wrap_root
from counterfoil.sealing.epochs import Epoch, RootSecrets, first_root, unwrap
from counterfoil.sealing.opening_keys import OpeningKey

CHAIN = "market-0123456789abcdef"
NETWORK = bytes(range(32))
HOLDER = b"n" * 20


def test_everything_of_an_epoch_is_its_own() -> None:
    root = os.urandom(32)
    one, same, other, next_ = Epoch(1, root), Epoch(1, root), Epoch(1, os.urandom(32)), Epoch(2, root)

    def parts(epoch: Epoch) -> tuple[bytes, ...]:
        return epoch.commitment, epoch.bundle_key.public_key, epoch.view.key, epoch.salts

    assert parts(one) == parts(same)
    assert len({*parts(one), *parts(other), *parts(next_)}) == 12


def test_the_first_root_is_the_networks_on_its_ledger() -> None:
    assert first_root(NETWORK, CHAIN) == first_root(NETWORK, CHAIN)
    assert first_root(NETWORK, CHAIN) != first_root(NETWORK, CHAIN + "x")
    assert first_root(NETWORK, CHAIN) != first_root(bytes(32), CHAIN)


def test_a_wrapping_opens_for_its_holder_alone() -> None:
    key, stranger = OpeningKey(os.urandom(32)), OpeningKey(os.urandom(32))
    epoch = Epoch(3, os.urandom(32))
    wrapped = wrap_root(epoch, NETWORK, CHAIN, HOLDER, key.public_key)
    assert unwrap(key, CHAIN, 3, HOLDER, wrapped) == RootSecrets(NETWORK, epoch.root)
    assert unwrap(stranger, CHAIN, 3, HOLDER, wrapped) is None
    assert unwrap(key, CHAIN, 4, HOLDER, wrapped) is None
    assert unwrap(key, CHAIN, 3, b"m" * 20, wrapped) is None
    assert unwrap(key, CHAIN + "x", 3, HOLDER, wrapped) is None
    for damaged in (b"", wrapped[:-1], wrapped + b"\x00", b"\x02" + wrapped[1:], wrapped[:1], bytes(113)):
        assert unwrap(key, CHAIN, 3, HOLDER, damaged) is None
    short = seal_for(key.public_key, b"root", (CHAIN.encode(), (3).to_bytes(8, "big"), HOLDER), NETWORK)
    assert unwrap(key, CHAIN, 3, HOLDER, short) is None


def test_two_wrappings_of_one_root_have_nothing_in_common() -> None:
    key, epoch = OpeningKey(os.urandom(32)), Epoch(1, os.urandom(32))
    one, other = (wrap_root(epoch, NETWORK, CHAIN, HOLDER, key.public_key) for _ in range(2))
    assert one[1:33] != other[1:33]
    assert one[33:] != other[33:]


def test_the_newest_root_opens_all_before_it() -> None:
    roots = [first_root(NETWORK, CHAIN), *(os.urandom(32) for _ in range(4))]
    epochs = [Epoch(number, root) for number, root in enumerate(roots, 1)]
    archives = {later.number: later.archive(NETWORK, earlier) for earlier, later in pairwise(epochs)}
    at, found = epochs[-1], [epochs[-1].root]
    while at.number > 1:
        opened = at.open_archive(archives[at.number])
        assert opened is not None
        assert opened.network == NETWORK
        at = Epoch(at.number - 1, opened.root)
        found.append(opened.root)
    assert found == roots[::-1]


def test_an_older_root_opens_no_later_archive() -> None:
    first, second, third = (Epoch(number, os.urandom(32)) for number in (1, 2, 3))
    archived = third.archive(NETWORK, second)
    assert first.open_archive(archived) is None
    assert second.open_archive(archived) is None
    assert Epoch(4, third.root).open_archive(archived) is None
    assert third.open_archive(archived[:-1]) is None
    assert third.open_archive(b"") is None


def test_an_archive_is_one_value() -> None:
    """Its nonce is fixed, which is sound because nothing else is ever sealed under its key."""
    first, second = Epoch(1, os.urandom(32)), Epoch(2, os.urandom(32))
    assert second.archive(NETWORK, first) == second.archive(NETWORK, first)
    with pytest.raises(InvariantViolation):
        Epoch(3, os.urandom(32)).archive(NETWORK, first)
    with pytest.raises(InvariantViolation):
        Epoch(0, os.urandom(32))
    with pytest.raises(InvariantViolation):
        Epoch(1, os.urandom(31))
