"""The rule that gives every row a buyer and a seller, against a second, plain reading of its description."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.gateways.trade_files import Participants, assign

BROKERS = tuple(f"BROKER-{number}" for number in range(1, 9))


def plain_pick(point: int, weighted: list[tuple[str, int]]) -> str:
    for name, weight in weighted:
        if point < weight:
            return name
        point -= weight
    raise AssertionError


def plain_assign(
    reference: str, brokers: tuple[str, ...], clients: int
) -> tuple[str, str, str | None, str | None]:
    hashed = int.from_bytes(sha256(b"counterfoil/participants/1:" + reference.encode()).digest(), "big")
    h0, h1, h2, h3 = ((hashed >> shift) % 2**64 for shift in (192, 128, 64, 0))
    weighted = [(name, max(1, 720720 // rank)) for rank, name in enumerate(brokers, start=1)]
    one = plain_pick(h0 % sum(weight for _, weight in weighted), weighted)
    rest = [(name, weight) for name, weight in weighted if name != one]
    other = plain_pick(h1 % sum(weight for _, weight in rest), rest)
    buyer, seller = (one, other) if h2 % 2 == 0 else (other, one)
    if not clients:
        return buyer, seller, None, None
    numbers = [(f"C{rank:04d}", 720720 // rank) for rank in range(1, clients + 1)]
    total = sum(weight for _, weight in numbers)
    return (
        buyer,
        seller,
        f"{buyer}-{plain_pick(h2 // 2 % total, numbers)}",
        f"{seller}-{plain_pick(h3 % total, numbers)}",
    )


@given(
    reference=st.text(st.characters(codec="utf-8"), max_size=60),
    count=st.integers(2, 40),
    clients=st.integers(0, 60),
)
def test_the_rule_is_what_its_description_says(reference: str, count: int, clients: int) -> None:
    brokers = tuple(f"B{number}" for number in range(count))
    made = assign(reference, brokers, clients)
    pair = (made.buyer, made.seller, made.buyer_account, made.seller_account)
    assert pair == plain_assign(reference, brokers, clients)
    assert made.buyer != made.seller


def test_one_assignment_for_ever() -> None:
    made = assign("20131007_ibm_Trade_Tick.csv:1", BROKERS, 20)
    assert (made.buyer, made.seller, made.buyer_account, made.seller_account) == (
        "BROKER-3",
        "BROKER-2",
        "BROKER-3-C0005",
        "BROKER-2-C0002",
    )


def test_the_first_brokers_are_the_biggest_and_nobody_only_buys() -> None:
    participants = Participants(BROKERS, 5)
    bought: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    for number in range(20_000):
        made = participants.assign(f"f:{number}")
        bought[made.buyer] += 1
        sold[made.seller] += 1
        assert made.buyer_account in participants.accounts(made.buyer)
        assert made.seller_account in participants.accounts(made.seller)
    turnover = [bought[name] + sold[name] for name in BROKERS]
    assert turnover == sorted(turnover, reverse=True)
    assert turnover[0] > 4 * turnover[-1]
    for name in BROKERS:
        assert 0.9 < bought[name] / sold[name] < 1.1


@pytest.mark.parametrize(
    ("brokers", "clients"),
    [((), 0), (("A",), 5), (("A", "A"), 0), (("A", ""), 0), (("A", "B"), -1), (("A", "B"), 100_001)],
)
def test_lists_that_cannot_trade_are_refused(brokers: tuple[str, ...], clients: int) -> None:
    with pytest.raises(ValueError):
        Participants(brokers, clients)


def test_too_many_brokers_are_refused() -> None:
    with pytest.raises(ValueError):
        Participants([f"B{number}" for number in range(1_001)])
