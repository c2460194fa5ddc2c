"""The demonstration's own day: repeatable, in time order, of the promised shape, failing where it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest

from counterfoil.gateways.trade_files import SettlementTerms, Tally, row_line
from counterfoil.gateways.trade_files.counter_random import CounterRandom, running
from counterfoil.gateways.trade_files.generator import (
    ACTIVITY,
    SUSPENDED_BROKER,
    TICK,
    DemoDay,
    DemoSettings,
    Fate,
    no_money_account,
    no_securities_account,
)
from counterfoil.gateways.trade_files.provisions import provisions_for
from counterfoil.primitives.calendars import IsoDate
from counterfoil.primitives.identifiers import is_isin

DAY = DemoDay(DemoSettings(trades=6_000))
ROWS = list(DAY.rows())


def test_the_same_seed_gives_the_same_bytes_for_ever() -> None:
    written = "\n".join(map(row_line, DemoDay().rows()))
    assert sha256(written.encode()).hexdigest() == (
        "4cd72bd1ef6c00467e4ed7dcb9ba38266bbdb6bb281cdad450cc6339786a950d"
    )


def test_the_same_day_twice_and_another_seed_another_day() -> None:
    assert list(DAY.rows()) == ROWS
    other = DemoDay(replace(DAY.settings, seed=2))
    assert [row.execution_time_ms for row in other.rows()] != [row.execution_time_ms for row in ROWS]
    assert [item.opening_price for item in other.instruments] != [
        item.opening_price for item in DAY.instruments
    ]


def test_trades_come_in_time_order_within_the_session() -> None:
    times = [row.execution_time_ms for row in ROWS]
    assert times == sorted(times)
    assert times[0] >= 1_710_147_600_000  # 09:00 UTC on 11 March 2024
    assert times[-1] < 1_710_147_600_000 + 17 * 1_800_000


def test_opening_and_close_are_busy() -> None:
    parts = Counter((row.execution_time_ms - 1_710_147_600_000) // 1_800_000 for row in ROWS)
    for part, weight in enumerate(ACTIVITY):
        assert abs(parts[part] * sum(ACTIVITY) - weight * len(ROWS)) <= sum(ACTIVITY)
    assert parts[0] > 4 * parts[8] < parts[16]


def test_every_row_is_well_formed() -> None:
    assert [row.line for row in ROWS] == list(range(1, 6_001))
    assert len({row.reference for row in ROWS}) == len({row.trade_reference for row in ROWS}) == 6_000
    for row in ROWS:
        assert is_isin(row.security)
        assert row.amount * 100 == row.price * row.quantity
        assert row.price % TICK == 0
        assert row.buyer != row.seller
        assert len(row.trade_reference) <= 35


def test_sizes_clients_and_instruments_are_skewed() -> None:
    for name in ("security", "buyer", "seller"):
        counts = Counter(getattr(row, name) for row in ROWS).most_common()
        assert counts[0][1] > 3 * counts[-3][1]
    quantities = sorted(row.quantity for row in ROWS)
    assert quantities[len(ROWS) // 2] <= 30
    assert quantities[-1] >= 500


def test_prices_walk_by_ticks() -> None:
    last = {item.isin: item.opening_price for item in DAY.instruments}
    for row in ROWS:
        if row.security in last:
            assert abs(row.price - last[row.security]) <= 2 * TICK
            last[row.security] = row.price


def test_as_many_fail_as_promised_each_for_one_reason() -> None:
    assert Counter(map(DAY.fate, ROWS)) == Counter(DAY.expected)
    assert sum(DAY.expected.values()) == 6_000
    assert DAY.expected[Fate.SELLER_LACKS_SECURITIES] == 36
    assert DAY.expected[Fate.INSTRUMENT_UNKNOWN] == 12
    for row in ROWS:
        signs = (
            row.security == DAY.unknown_instrument.isin,
            row.security == DAY.suspended_instrument.isin,
            row.seller == SUSPENDED_BROKER,
            row.seller_account == no_securities_account(row.seller),
            row.buyer_account == no_money_account(row.buyer),
        )
        assert sum(signs) == (DAY.fate(row) is not Fate.SETTLES)


def test_a_small_day_has_every_fate() -> None:
    day = DemoDay(DemoSettings(trades=100, clients_per_broker=0, instruments=1, brokers=2))
    assert Counter(map(day.fate, day.rows())) == Counter(day.expected)
    assert all(day.expected[fate] >= 1 for fate in Fate)


def test_provisions_are_exactly_what_leaves_each_account() -> None:
    needed = DAY.provisions()
    settling = provisions_for(row for row in ROWS if DAY.fate(row) is Fate.SETTLES)
    for place, quantity in settling.securities.items():
        assert needed.securities[place] >= quantity
    for broker in (*DAY.brokers, SUSPENDED_BROKER):
        for item in (*DAY.instruments, DAY.suspended_instrument):
            assert (broker, no_securities_account(broker), item.isin) not in needed.securities
        assert (broker, no_money_account(broker), "EUR") not in needed.money
    assert not any(security == DAY.unknown_instrument.isin for _, _, security in needed.securities)
    expected = sum(
        row.quantity
        for row in ROWS
        if DAY.fate(row) not in (Fate.SELLER_LACKS_SECURITIES, Fate.INSTRUMENT_UNKNOWN)
    )
    assert sum(needed.securities.values()) == expected


def test_the_tally_takes_generated_rows() -> None:
    tally = Tally()
    for row in ROWS:
        tally.add(row)
    tally.ensure_adds_up(len(ROWS))
    assert tally.rounded == 0
    assert all(tally.terms[terms] for terms in SettlementTerms if terms is not SettlementTerms.AGREED_DATE)


@pytest.mark.parametrize(
    "change",
    [
        {"trades": 99},
        {"trades": 10_000_001},
        {"instruments": 0},
        {"brokers": 1},
        {"opens": 600, "closes": 600},
        {"closes": 1_440},
        {"zone": "Nowhere/At_All"},
        {"zone": "America"},
        {"venue": "nyse"},
        {"currency": "XAU"},
        {"trade_date": IsoDate(20240230)},
        {"trade_date": IsoDate(99991231)},
        {"trade_date": IsoDate(20240310), "zone": "America/New_York", "opens": 60, "closes": 240},
        {"trade_date": IsoDate(20240310), "zone": "America/New_York", "opens": 150, "closes": 240},
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        DemoDay(replace(DemoSettings(), **change))  # type: ignore[arg-type]


def test_numbers_come_from_hashes_of_a_counter() -> None:
    draw = CounterRandom(b"seed")
    blocks = [sha256(b"seed" + counter.to_bytes(8, "big")).digest() for counter in range(2)]
    expected = [int.from_bytes(block[at : at + 8], "big") for block in blocks for at in (0, 8, 16, 24)]
    assert [draw.below(2**64) for _ in range(8)] == expected


def test_numbers_fill_their_range_and_weights_are_kept() -> None:
    draw = CounterRandom(b"range")
    counts = Counter(draw.below(6) for _ in range(6_000))
    assert set(counts) == set(range(6))
    assert all(850 < count < 1_150 for count in counts.values())
    assert max(CounterRandom(b"x").below(1) for _ in range(9)) == 0
    picks = Counter(draw.pick(running((3, 0, 1))) for _ in range(4_000))
    assert set(picks) == {0, 2}
    assert 2_800 < picks[0] < 3_200
    for limit in (0, 2**64 + 1):
        with pytest.raises(ValueError):
            draw.below(limit)
