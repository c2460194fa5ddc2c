"""One row of a tick file: the valid row, then one row for each way to be no trade, each differing in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.gateways.trade_files import (
    Participants,
    ProblemCode,
    RowProblem,
    SaleCondition,
    SecurityScheme,
    SettlementTerms,
    TradeFile,
    TradeRow,
)
from counterfoil.gateways.trade_files.conditions import VENUES

NAME = "20131007_ibm_Trade_Tick.csv"
PARTICIPANTS = Participants(("ALPHA", "BRAVO", "CHARLIE"), 4)
VALID = b"34200788,1821400,64,Q,20000020,0"


def read(tmp_path: Path, content: bytes, name: str = NAME) -> list[TradeRow | RowProblem]:
    path = tmp_path / name
    path.write_bytes(content)
    return list(TradeFile(path, PARTICIPANTS))


def one_trade(tmp_path: Path, row: bytes, name: str = NAME) -> TradeRow:
    (only,) = read(tmp_path, row, name)
    assert isinstance(only, TradeRow), only
    return only


def test_a_row_becomes_a_trade(tmp_path: Path) -> None:
    trade = one_trade(tmp_path, VALID)
    assert trade.reference == f"{NAME}:1"
    assert trade.trade_reference == "IBM-20131007-1"
    assert (trade.file, trade.line) == (NAME, 1)
    assert (trade.security, trade.scheme) == ("IBM", SecurityScheme.SYMBOL)
    assert trade.venue == "XNAS"
    assert trade.trade_date == 20131007
    # 09:30:00.788 in New York, four hours behind UTC in October: 13:30:00.788 UTC.
    assert trade.execution_time_ms == 1_381_152_600_788
    assert trade.settlement_terms is SettlementTerms.REGULAR
    assert trade.settlement_date is None
    assert (trade.price, trade.price_scale, trade.quantity) == (1_821_400, 4, 64)
    assert (trade.amount, trade.currency) == (1_165_696, "USD")
    assert trade.buyer != trade.seller
    assert (trade.buyer_account or "").startswith(trade.buyer)
    assert (trade.seller_account or "").startswith(trade.seller)
    assert trade.suspicious is False
    assert trade.conditions == SaleCondition.TRADE_THROUGH_EXEMPT | SaleCondition.INTERMARKET_SWEEP


PROBLEMS = [
    (b"34200788,1821400,64,Q,4000000,0", ProblemCode.PRICE_REPORT, "OFFICIAL_OPEN"),
    (b"34200788,1821400,64,Q,1000000,0", ProblemCode.PRICE_REPORT, "OFFICIAL_CLOSE"),
    (b"34200788,0,0,Q,1000000,0", ProblemCode.PRICE_REPORT, "OFFICIAL_CLOSE"),
    (b"34200788,1821400,64,Q,1000001,0", ProblemCode.PRICE_REPORT, "OFFICIAL_CLOSE"),
    (b"", ProblemCode.EMPTY_LINE, ""),
    (b"\xff\xfe3,1821400,64,Q,1,0", ProblemCode.UNDECODABLE_BYTES, ""),
    ("34200788,1821400,٦٤,Q,1,0".encode(), ProblemCode.UNDECODABLE_BYTES, ""),
    (b"34200788,1821400,64,Q,1,0" + b"0" * 5_000, ProblemCode.LINE_TOO_LONG, "4096"),
    (b"34200788,1821400,64,Q,1", ProblemCode.WRONG_COLUMN_COUNT, "5"),
    (b"34200788,1821400,64,Q,1,0,", ProblemCode.WRONG_COLUMN_COUNT, "7"),
    (b"34200788;1821400;64;Q;1;0", ProblemCode.WRONG_COLUMN_COUNT, "1"),
    (b",1821400,64,Q,1,0", ProblemCode.FIELD_MISSING, "time"),
    (b"34200788,,64,Q,1,0", ProblemCode.FIELD_MISSING, "price"),
    (b"34200788,1821400,,Q,1,0", ProblemCode.FIELD_MISSING, "quantity"),
    (b"34200788,1821400,64,,1,0", ProblemCode.FIELD_MISSING, "exchange"),
    (b"34200788,1821400,64,Q,,0", ProblemCode.FIELD_MISSING, "sale conditions"),
    (b"34200788,1821400,64,Q,1,", ProblemCode.FIELD_MISSING, "suspicious"),
    (b"09:30:00,1821400,64,Q,1,0", ProblemCode.NOT_A_NUMBER, "time"),
    (b"34200788,182.14,64,Q,1,0", ProblemCode.NOT_A_NUMBER, "price"),
    (b"34200788,1_821_400,64,Q,1,0", ProblemCode.NOT_A_NUMBER, "price"),
    (b"34200788,+1821400,64,Q,1,0", ProblemCode.NOT_A_NUMBER, "price"),
    (b"34200788,1821400, 64,Q,1,0", ProblemCode.NOT_A_NUMBER, "quantity"),
    (b"34200788,1821400,1e3,Q,1,0", ProblemCode.NOT_A_NUMBER, "quantity"),
    (b"34200788,1821400,6\x004,Q,1,0", ProblemCode.NOT_A_NUMBER, "quantity"),
    (b"34200788,1821400,nan,Q,1,0", ProblemCode.NOT_A_NUMBER, "quantity"),
    (b"-1,1821400,64,Q,1,0", ProblemCode.NEGATIVE, "time"),
    (b"34200788,-1821400,64,Q,1,0", ProblemCode.NEGATIVE, "price"),
    (b"34200788,1821400,-64,Q,1,0", ProblemCode.NEGATIVE, "quantity"),
    (b"34200788,0,64,Q,1,0", ProblemCode.ZERO, "price"),
    (b"34200788,1821400,000,Q,1,0", ProblemCode.ZERO, "quantity"),
    (b"34200788,9223372036854775808,1,Q,1,0", ProblemCode.OVERFLOW, "price"),
    (b"34200788,1821400," + b"9" * 400 + b",Q,1,0", ProblemCode.OVERFLOW, "quantity"),
    (b"34200788,9223372036854775807,101,Q,1,0", ProblemCode.OVERFLOW, "amount"),
    (b"86400000,1821400,64,Q,1,0", ProblemCode.TIME_OUT_OF_DAY, "86400000"),
    (b"34200788,1821400,64,S,1,0", ProblemCode.VENUE_UNKNOWN, "S"),
    (b"34200788,1821400,64,q,1,0", ProblemCode.VENUE_UNKNOWN, "q"),
    (b"34200788,1821400,64,XNAS,1,0", ProblemCode.VENUE_UNKNOWN, "XNAS"),
    (b"34200788,1821400,64,Q,0x1,0", ProblemCode.CONDITIONS_NOT_HEXADECIMAL, ""),
    (b"34200788,1821400,64,Q,-1,0", ProblemCode.CONDITIONS_NOT_HEXADECIMAL, ""),
    (b"34200788,1821400,64,Q,@F,0", ProblemCode.CONDITIONS_NOT_HEXADECIMAL, ""),
    (b"34200788,1821400,64,Q,100000001,0", ProblemCode.CONDITIONS_UNKNOWN, "100000000"),
    (b"34200788,1821400,64,Q,6,0", ProblemCode.CONDITIONS_CONFLICT, ""),
    (b"34200788,1821400,64,Q,3,0", ProblemCode.CONDITIONS_CONFLICT, ""),
    (b"34200788,1821400,64,Q,1,2", ProblemCode.NOT_A_FLAG, ""),
    (b"34200788,1821400,64,Q,1,0\r\r", ProblemCode.NOT_A_FLAG, ""),
    (b"34200788,1,49,Q,1,0", ProblemCode.AMOUNT_ROUNDS_TO_ZERO, ""),
]


@pytest.mark.parametrize(("row", "code", "told"), PROBLEMS)
def test_a_row_that_is_no_trade_says_why(tmp_path: Path, row: bytes, code: ProblemCode, told: str) -> None:
    first, problem, last = read(tmp_path, VALID + b"\n" + row + b"\n" + VALID)
    assert isinstance(first, TradeRow)
    assert isinstance(last, TradeRow)
    assert isinstance(problem, RowProblem)
    assert problem.code is code
    assert (problem.file, problem.line) == (NAME, 2)
    assert told in f"{problem.field} {problem.detail}"
    assert problem.reason.startswith(f"{code.name}: {code.explanation}")
    assert problem.remedy == code.remedy
    assert str(problem).isprintable()
    assert len(problem.text) <= 200


TERMS = [
    (b"0", SettlementTerms.REGULAR),
    (b"1", SettlementTerms.REGULAR),
    (b"20", SettlementTerms.REGULAR),
    (b"20002020", SettlementTerms.REGULAR),
    (b"2000000", SettlementTerms.REGULAR),  # prior reference price: a trade, and not the decimal number
    (b"40", SettlementTerms.REGULAR),  # opening print: a trade, unlike an official opening price
    (b"80", SettlementTerms.REGULAR),
    (b"40000000", SettlementTerms.REGULAR),
    (b"80000000", SettlementTerms.REGULAR),
    (b"2", SettlementTerms.CASH),
    (b"20000002", SettlementTerms.CASH),
    (b"4", SettlementTerms.NEXT_DAY),
    (b"6004", SettlementTerms.NEXT_DAY),
    (b"106004", SettlementTerms.NEXT_DAY),
    (b"8", SettlementTerms.SELLERS),
    (b"20002008", SettlementTerms.SELLERS),
    (b"F0", SettlementTerms.REGULAR),
    (b"f0", SettlementTerms.REGULAR),
]


@pytest.mark.parametrize(("conditions", "terms"), TERMS)
def test_conditions_are_bits_in_hexadecimal(
    tmp_path: Path, conditions: bytes, terms: SettlementTerms
) -> None:
    trade = one_trade(tmp_path, b"34200788,1821400,64,Q," + conditions + b",0")
    assert trade.settlement_terms is terms
    assert trade.conditions == int(conditions, 16)


def test_letters_name_markets_by_their_codes(tmp_path: Path) -> None:
    for letter, (mic, _) in VENUES.items():
        assert one_trade(tmp_path, b"34200788,1821400,64," + letter + b",1,0").venue == mic


def test_a_suspicious_trade_is_a_trade_and_says_so(tmp_path: Path) -> None:
    assert one_trade(tmp_path, b"34200788,1821400,64,Q,1,1").suspicious is True


def test_parts_of_a_cent_are_rounded_half_to_even_and_the_price_stays_exact(tmp_path: Path) -> None:
    for price, quantity, amount in (
        (12_345, 1, 123),
        (50, 1, 0),
        (150, 1, 2),
        (250, 1, 2),
        (250, 3, 8),
        (151, 1, 2),
    ):
        row = f"34200788,{price},{quantity},Q,1,0".encode()
        (read_row,) = read(tmp_path, row)
        if amount == 0:
            assert isinstance(read_row, RowProblem)
            assert read_row.code is ProblemCode.AMOUNT_ROUNDS_TO_ZERO
        else:
            assert isinstance(read_row, TradeRow)
            assert (read_row.price, read_row.amount) == (price, amount)


def test_the_largest_numbers_that_fit_are_taken(tmp_path: Path) -> None:
    trade = one_trade(tmp_path, b"0,9223372036854775807,100,Q,1,0")
    assert trade.amount == 2**63 - 1
    assert one_trade(tmp_path, b"34200788,1821400,%s64,Q,1,0" % (b"0" * 30)).quantity == 64


def test_a_fraction_of_a_millisecond_is_rounded_down(tmp_path: Path) -> None:
    trade = one_trade(tmp_path, b"14400009.967,137450,100,D,1,0", "20131008_bac_Trade_Tick.csv")
    assert trade.execution_time_ms == 1_381_219_200_009  # 04:00:00.009 in New York
    assert trade.security == "BAC"


def test_clocks_that_change(tmp_path: Path) -> None:
    hour = 3_600_000
    noon_in_winter = one_trade(tmp_path, b"43200000,1,100,Q,1,0", "20131202_ibm_Trade_Tick.csv")
    assert noon_in_winter.execution_time_ms == 1_386_003_600_000  # 17:00 UTC
    # On 10 March 2013 the clocks went from 02:00 to 03:00.
    name = "20130310_ibm_Trade_Tick.csv"
    before, skipped, after = read(
        tmp_path, b"7199999,1,100,Q,1,0\n7200000,1,100,Q,1,0\n10800000,1,100,Q,1,0", name
    )
    assert isinstance(before, TradeRow)
    assert isinstance(after, TradeRow)
    assert after.execution_time_ms - before.execution_time_ms == 1
    assert isinstance(skipped, RowProblem)
    assert skipped.code is ProblemCode.TIME_DOES_NOT_EXIST
    # On 3 November 2013 the hour from 01:00 to 02:00 was twice: the first of the two is taken.
    name = "20131103_ibm_Trade_Tick.csv"
    twice, once = read(tmp_path, b"3600000,1,100,Q,1,0\n7200000,1,100,Q,1,0", name)
    assert isinstance(twice, TradeRow)
    assert isinstance(once, TradeRow)
    assert once.execution_time_ms - twice.execution_time_ms == 2 * hour


def test_equal_rows_are_trades_of_their_own(tmp_path: Path) -> None:
    rows = read(tmp_path, (VALID + b"\n") * 3)
    assert len({row.reference for row in rows if isinstance(row, TradeRow)}) == 3
    assert len({row.trade_reference for row in rows if isinstance(row, TradeRow)}) == 3
