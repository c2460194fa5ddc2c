"""One row of the project's own format: the valid row, then one row for each problem, differing in one field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.gateways.trade_files import (
    ProblemCode,
    RowProblem,
    SecurityScheme,
    SettlementTerms,
    TradeFile,
    TradeRow,
    header_line,
    row_line,
)
from counterfoil.gateways.trade_files.generator import DemoDay, DemoSettings
from counterfoil.gateways.trade_files.own_format import ACCOUNT_COLUMNS, COLUMNS, TRADE_REFERENCE_MAX, OwnRows
from counterfoil.primitives.calendars import IsoDate

NAMES = COLUMNS + ACCOUNT_COLUMNS
VALID = {
    "trade_reference": "T-0001",
    "symbol_or_isin": "US4592001014",
    "venue": "XNYS",
    "trade_date": "2013-10-07",
    "execution_time": "2013-10-07T09:30:00.123-04:00",
    "settlement_terms_or_date": "REGULAR",
    "quantity": "100",
    "price": "181.52",
    "amount": "18152.00",
    "currency": "USD",
    "buyer": "ALPHA",
    "seller": "BRAVO",
    "buyer_account": "ALPHA-7",
    "seller_account": "",
}


def line(**changes: str) -> str:
    fields = VALID | changes
    return ",".join(fields[name] for name in NAMES)


def read(tmp_path: Path, *lines: str | bytes, accounts: bool = True) -> list[TradeRow | RowProblem]:
    path = tmp_path / "trades.csv"
    header = ",".join(NAMES if accounts else COLUMNS)
    rows = [row if isinstance(row, bytes) else row.encode() for row in (header, *lines)]
    path.write_bytes(b"\n".join(rows))
    return list(TradeFile(path))


def one_trade(tmp_path: Path, row: str) -> TradeRow:
    (only,) = read(tmp_path, row)
    assert isinstance(only, TradeRow), only
    return only


def test_a_row_becomes_a_trade(tmp_path: Path) -> None:
    assert one_trade(tmp_path, line()) == TradeRow(
        file="trades.csv",
        line=2,
        reference="trades.csv:2",
        trade_reference="T-0001",
        security="US4592001014",
        scheme=SecurityScheme.ISIN,
        venue="XNYS",
        trade_date=IsoDate(20131007),
        execution_time_ms=1_381_152_600_123,
        settlement_terms=SettlementTerms.REGULAR,
        settlement_date=None,
        quantity=100,
        price=1_815_200,
        price_scale=4,
        amount=1_815_200,
        currency="USD",
        buyer="ALPHA",
        seller="BRAVO",
        buyer_account="ALPHA-7",
        seller_account=None,
    )


def test_a_row_without_a_reference_is_named_by_file_and_line(tmp_path: Path) -> None:
    """Two equal rows are two trades, the same ones whenever the file is read; with a reference they are one's."""
    first, second, third, fourth = read(tmp_path, *[line(trade_reference="")] * 2, line(), line())
    again = read(tmp_path, *[line(trade_reference="")] * 2)
    assert all(isinstance(trade, TradeRow) for trade in (first, second, third, fourth))
    names = [trade.trade_reference for trade in (first, second, third, fourth) if isinstance(trade, TradeRow)]
    assert names[0] != names[1]
    assert names[0].endswith("-2")
    assert all(len(name) <= TRADE_REFERENCE_MAX for name in names)
    assert names[2:] == ["T-0001", "T-0001"]
    assert [trade.trade_reference for trade in again if isinstance(trade, TradeRow)] == names[:2]
    (tmp_path / "trades.csv").rename(tmp_path / "others.csv")
    (other, _) = list(TradeFile(tmp_path / "others.csv"))
    assert isinstance(other, TradeRow)
    assert other.trade_reference not in names


def test_the_accounts_may_be_left_out_of_the_file(tmp_path: Path) -> None:
    (trade,) = read(tmp_path, line().rsplit(",", 2)[0], accounts=False)
    assert isinstance(trade, TradeRow)
    assert trade.buyer_account is None


LONG = "x" * 65
PROBLEMS: list[tuple[dict[str, str], ProblemCode]] = [
    ({"trade_reference": "x" * 53}, ProblemCode.FIELD_TOO_LONG),
    ({"symbol_or_isin": ""}, ProblemCode.FIELD_MISSING),
    ({"symbol_or_isin": "US4592001015"}, ProblemCode.ISIN_CHECK_DIGIT),
    ({"symbol_or_isin": "ibm"}, ProblemCode.SECURITY_NOT_READABLE),
    ({"symbol_or_isin": "I" * 25}, ProblemCode.SECURITY_NOT_READABLE),
    ({"venue": ""}, ProblemCode.FIELD_MISSING),
    ({"venue": "N"}, ProblemCode.VENUE_UNKNOWN),
    ({"trade_date": ""}, ProblemCode.FIELD_MISSING),
    ({"trade_date": "2013-02-29"}, ProblemCode.DATE_NOT_READABLE),
    ({"trade_date": "07.10.2013"}, ProblemCode.DATE_NOT_READABLE),
    ({"trade_date": "1969-12-31"}, ProblemCode.DATE_NOT_READABLE),
    ({"trade_date": "2013-10-05"}, ProblemCode.TIME_NOT_ON_TRADE_DATE),
    ({"execution_time": ""}, ProblemCode.FIELD_MISSING),
    ({"execution_time": "2013-10-07T09:30:00"}, ProblemCode.TIME_NOT_READABLE),
    ({"execution_time": "2013-10-07T24:00:00Z"}, ProblemCode.TIME_NOT_READABLE),
    ({"execution_time": "2013-10-07T09:30:60Z"}, ProblemCode.TIME_NOT_READABLE),
    ({"execution_time": "2013-10-07T09:30:00+17:00"}, ProblemCode.TIME_NOT_READABLE),
    ({"execution_time": "2013-10-07T09:30:00+05:60"}, ProblemCode.TIME_NOT_READABLE),
    ({"execution_time": "1381152600123"}, ProblemCode.TIME_NOT_READABLE),
    ({"execution_time": "2013-13-07T09:30:00Z"}, ProblemCode.DATE_NOT_READABLE),
    ({"execution_time": "1970-01-01T00:00:00+01:00"}, ProblemCode.TIME_NOT_READABLE),
    ({"settlement_terms_or_date": ""}, ProblemCode.FIELD_MISSING),
    ({"settlement_terms_or_date": "T+3"}, ProblemCode.SETTLEMENT_NOT_READABLE),
    ({"settlement_terms_or_date": "AGREED_DATE"}, ProblemCode.SETTLEMENT_NOT_READABLE),
    ({"settlement_terms_or_date": "2013-10-06"}, ProblemCode.SETTLEMENT_BEFORE_TRADE),
    ({"settlement_terms_or_date": "2014-10-09"}, ProblemCode.SETTLEMENT_TOO_FAR),
    ({"quantity": ""}, ProblemCode.FIELD_MISSING),
    ({"quantity": "1.5"}, ProblemCode.NOT_A_NUMBER),
    ({"quantity": "-100"}, ProblemCode.NEGATIVE),
    ({"quantity": "0"}, ProblemCode.ZERO),
    ({"quantity": "9223372036854775808"}, ProblemCode.OVERFLOW),
    ({"price": ""}, ProblemCode.FIELD_MISSING),
    ({"price": "181.5.2"}, ProblemCode.NOT_A_NUMBER),
    ({"price": ".5"}, ProblemCode.NOT_A_NUMBER),
    ({"price": "1.8e2"}, ProblemCode.NOT_A_NUMBER),
    ({"price": "١٨١"}, ProblemCode.NOT_A_NUMBER),
    ({"price": "-181.52"}, ProblemCode.NEGATIVE),
    ({"price": "0.00"}, ProblemCode.ZERO),
    ({"price": "1.1234567891"}, ProblemCode.TOO_MANY_DECIMALS),
    ({"price": "922337203685477"}, ProblemCode.AMOUNT_DISAGREES),
    ({"price": "922337203685477581"}, ProblemCode.OVERFLOW),
    ({"amount": ""}, ProblemCode.FIELD_MISSING),
    ({"amount": "18152.001"}, ProblemCode.TOO_MANY_DECIMALS),
    ({"amount": "18152.01"}, ProblemCode.AMOUNT_DISAGREES),
    ({"amount": "18151.99"}, ProblemCode.AMOUNT_DISAGREES),
    ({"amount": "0"}, ProblemCode.ZERO),
    ({"currency": ""}, ProblemCode.FIELD_MISSING),
    ({"currency": "usd"}, ProblemCode.CURRENCY_UNKNOWN),
    ({"currency": "XAU"}, ProblemCode.CURRENCY_UNKNOWN),
    ({"buyer": ""}, ProblemCode.FIELD_MISSING),
    ({"seller": " "}, ProblemCode.FIELD_MISSING),
    ({"buyer": LONG}, ProblemCode.FIELD_TOO_LONG),
    ({"seller_account": LONG}, ProblemCode.FIELD_TOO_LONG),
    ({"seller": "ALPHA", "seller_account": "ALPHA-7"}, ProblemCode.BUYER_IS_SELLER),
    ({"buyer": "AL\tPHA"}, ProblemCode.CONTROL_CHARACTER),
    ({"buyer": "AL\x00PHA"}, ProblemCode.CONTROL_CHARACTER),
    ({"buyer": '"ALPHA'}, ProblemCode.BAD_QUOTING),
    ({"buyer": '"AL"PHA'}, ProblemCode.BAD_QUOTING),
    ({"buyer": "ALPHA,INC"}, ProblemCode.WRONG_COLUMN_COUNT),
]


@pytest.mark.parametrize(("changes", "code"), PROBLEMS)
def test_a_row_that_is_no_trade_says_why(tmp_path: Path, changes: dict[str, str], code: ProblemCode) -> None:
    problem, trade = read(tmp_path, line(**changes), line())
    assert isinstance(trade, TradeRow)
    assert isinstance(problem, RowProblem)
    assert (problem.code, problem.line) == (code, 2)
    assert str(problem).isprintable()
    (field, _), *more = changes.items()
    if problem.field and not more and code is not ProblemCode.TIME_NOT_ON_TRADE_DATE:
        assert problem.field in (field, "amount")


RAW_PROBLEMS = [
    (b"", ProblemCode.EMPTY_LINE),
    (b" ", ProblemCode.WRONG_COLUMN_COUNT),
    (line().encode("utf-16"), ProblemCode.UNDECODABLE_BYTES),
    (line(buyer="Müller").encode("latin-1"), ProblemCode.UNDECODABLE_BYTES),
    (b"x" * 4_097, ProblemCode.LINE_TOO_LONG),
    (line().encode() + b"\r\r", ProblemCode.CONTROL_CHARACTER),
]


@pytest.mark.parametrize(("row", "code"), RAW_PROBLEMS)
def test_bytes_that_are_no_row(tmp_path: Path, row: bytes, code: ProblemCode) -> None:
    problem, trade = read(tmp_path, row.replace(b"\n", b""), line())
    assert isinstance(trade, TradeRow)
    assert isinstance(problem, RowProblem)
    assert problem.code is code


ACCEPTED: list[tuple[dict[str, str], str, object]] = [
    ({"symbol_or_isin": "BRK.B"}, "scheme", SecurityScheme.SYMBOL),
    ({"trade_date": "20131007"}, "trade_date", 20131007),
    ({"execution_time": "2013-10-07T13:30:00Z"}, "execution_time_ms", 1_381_152_600_000),
    ({"execution_time": "2013-10-07 22:30:00.1239999+0900"}, "execution_time_ms", 1_381_152_600_123),
    ({"settlement_terms_or_date": "SELLERS"}, "settlement_terms", SettlementTerms.SELLERS),
    ({"settlement_terms_or_date": "2013-10-07"}, "settlement_date", 20131007),
    ({"settlement_terms_or_date": "20141008"}, "settlement_terms", SettlementTerms.AGREED_DATE),
    ({"price": "181.520000000"}, "price_scale", 9),
    ({"quantity": "1", "price": "0.125", "amount": "0.12"}, "amount", 12),
    ({"quantity": "1", "price": "0.125", "amount": "0.13"}, "amount", 13),
    ({"currency": "JPY", "amount": "18152"}, "amount", 18_152),
    ({"currency": "KWD", "amount": "18152.000"}, "amount", 18_152_000),
    ({"buyer": '"ALPHA, INC"'}, "buyer", "ALPHA, INC"),
    ({"buyer": '"AL""PHA"'}, "buyer", 'AL"PHA'),
    ({"buyer": " Müller "}, "buyer", "Müller"),
    ({"seller": "ALPHA", "seller_account": "ALPHA-8"}, "seller", "ALPHA"),
]


@pytest.mark.parametrize(("changes", "name", "value"), ACCEPTED)
def test_what_is_accepted(tmp_path: Path, changes: dict[str, str], name: str, value: object) -> None:
    assert getattr(one_trade(tmp_path, line(**changes)), name) == value


def test_a_generated_day_survives_writing_and_reading(tmp_path: Path) -> None:
    rows = list(DemoDay(DemoSettings(trades=300)).rows())
    path = tmp_path / "day.csv"
    path.write_text("\n".join([header_line(), *map(row_line, rows)]) + "\n")
    for number, (made, back) in enumerate(zip(rows, TradeFile(path), strict=True), start=2):
        assert back == replace(made, file="day.csv", line=number, reference=f"day.csv:{number}")


_names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)


@given(
    quantity=st.integers(1, 10**9),
    price=st.integers(1, 10**9),
    amount_up=st.booleans(),
    time_ms=st.integers(0, 4_000_000_000_000),
    buyer=_names,
    seller=_names,
    terms=st.sampled_from(list(SettlementTerms)),
)
def test_every_trade_survives_writing_and_reading(
    quantity: int, price: int, amount_up: bool, time_ms: int, buyer: str, seller: str, terms: SettlementTerms
) -> None:
    day = _date_of(time_ms)
    trade = TradeRow(
        file="f.csv",
        line=2,
        reference="f.csv:2",
        trade_reference="R",
        security="IBM",
        scheme=SecurityScheme.SYMBOL,
        venue="XNYS",
        trade_date=day,
        execution_time_ms=time_ms,
        settlement_terms=terms,
        settlement_date=day if terms is SettlementTerms.AGREED_DATE else None,
        quantity=quantity,
        price=price,
        price_scale=4,
        amount=price * quantity // 100 + 1,
        currency="EUR",
        buyer=buyer,
        seller=seller,
        buyer_account="B",
        seller_account="S",
    )
    if price * quantity % 100 == 0 or not amount_up:
        trade = replace(trade, amount=max(1, price * quantity // 100))
    rows = OwnRows("f.csv", header_line().encode())
    assert rows.parse(2, row_line(trade).encode()) == trade


def _date_of(time_ms: int) -> IsoDate:
    from datetime import UTC, datetime

    return IsoDate(int(datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y%m%d")))


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "trade-files.md"
    example = page.read_text(encoding="utf-8").split("```csv\n", 1)[1].split("```", 1)[0]
    path = tmp_path / "example.csv"
    path.write_text(example, encoding="utf-8")
    first, second = TradeFile(path)
    assert isinstance(first, TradeRow)
    assert isinstance(second, TradeRow)
    assert (second.buyer, second.seller_account, second.settlement_date) == (
        "CHARLIE, INC",
        "ALPHA-8",
        20131009,
    )
