"""Answers as JSON: exact decimals, addresses as text, moments with their zone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.cli.plain import (
    Scales,
    as_json,
    counted,
    date_or_nothing,
    decimal,
    grouped,
    instant,
    plain,
    thousands,
)
from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.records import Direction, PostingReason, SubBalance
from counterfoil.modules.trades.records import TradeTerms
from counterfoil.node.reads_accounts import BalanceLine, Label
from counterfoil.primitives.addresses import AddressKind, from_text

INSTRUMENT, TOKEN, ACCOUNT, PARTY = (bytes([number]) * 20 for number in (1, 2, 3, 4))
SHARE = Label(INSTRUMENT, "US4592001014", "IBM", "EQUITY", "USD", 0)
MONEY = Label(TOKEN, "", "USD of a bank", "MONEY_TOKEN", "USD", 2)


@given(st.integers(-(2**63), 2**63), st.integers(0, 18))
def test_decimals_are_exact(value: int, scale: int) -> None:
    text = decimal(value, scale)
    assert int(text.replace(".", "")) == value
    assert len(text.partition(".")[2]) == scale
    assert grouped(value, scale).replace(",", "") == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(1250, 2, "12.50"), (-5, 2, "-0.05"), (0, 2, "0.00"), (7, 0, "7"), (1, 12, "0.000000000001")],
)
def test_decimals(value: int, scale: int, text: str) -> None:
    assert decimal(value, scale) == text


def test_thousands() -> None:
    assert thousands("1234567.50") == "1,234,567.50"
    assert thousands("-1234") == "-1,234"
    assert thousands("") == ""
    assert [counted(n, "entry", "entries") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]


def test_moments_and_dates() -> None:
    assert instant(1_381_152_600_123) == "2013-10-07T13:30:00.123Z"
    assert instant(2**62) == str(2**62)
    assert date_or_nothing(20131007) == "2013-10-07"
    assert date_or_nothing(20131340) == ""


def test_a_balance_has_its_instruments_scale() -> None:
    assert plain(BalanceLine(MONEY, 1_250, 5)) == {
        "instrument": {
            "instrument_id": plain(MONEY)["instrument_id"],
            "isin": "",
            "name": "USD of a bank",
            "kind": "MONEY_TOKEN",
            "currency": "USD",
            "scale": 2,
        },
        "available": "12.50",
        "earmarked": "0.05",
    }


def test_a_fact_names_itself_and_its_kinds_of_identities() -> None:
    posting = Posting(
        ACCOUNT, TOKEN, SubBalance.AVAILABLE, Direction.CREDIT, 100, PostingReason.PAID, bytes(32), 2_50
    )
    told = plain(posting, Scales({TOKEN: MONEY}))
    assert told["kind"] == "Posting"
    assert from_text(told["account_id"], AddressKind.ACCOUNT) == ACCOUNT
    assert from_text(told["instrument_id"], AddressKind.INSTRUMENT) == TOKEN
    assert (told["quantity"], told["balance_after"], told["direction"]) == ("1.00", "2.50", "credit")
    assert told["reference"] == "00" * 32
    assert plain(posting)["quantity"] == 100, "without a scale it is the number of units"


def test_a_trade_has_two_scales_and_an_exact_price() -> None:
    terms = TradeTerms(
        "T-1",
        "XNYS",
        1_381_152_600_000,
        20131007,
        INSTRUMENT,
        100,
        1_815_200,
        4,
        1_815_200,
        TOKEN,
        PARTY,
        PARTY,
    )
    told = plain(terms, Scales({INSTRUMENT: SHARE, TOKEN: MONEY}))
    assert (told["quantity"], told["amount"], told["price"]) == ("100", "18152.00", "181.5200")
    assert told["trade_date"] == "2013-10-07"
    assert told["execution_time"] == "2013-10-07T13:30:00.000Z"
    assert from_text(told["seller"], AddressKind.PARTY) == PARTY
    assert told["seller_client"] == ""
    assert json.loads(as_json(terms, Scales({INSTRUMENT: SHARE, TOKEN: MONEY}))) == told
