"""As of a height, an instant with its zone, or a business date; and what is no moment on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from counterfoil.node.refusals import NodeRefusal
from counterfoil.primitives.calendars import IsoDate
from counterfoil.sdk import Client, LedgerError, Sandbox, messages


class Days:
    """A sandbox that lived through three business days; each day broker-a gave investor-a ten shares."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self.broker = self.sandbox.client("broker-a")
        self.account = self.sandbox.account("broker-a")
        self.share = self.sandbox.seeded.share
        self.dates: list[IsoDate] = []
        self.heights: list[int] = []
        self.times: list[int] = []
        for _ in range(3):
            self.dates.append(self.sandbox.today)
            ask = messages.PlaceEarmark(self.account, self.share, 10)
            self.heights.append(self.broker.send(ask).height)
            self.times.append(self.broker.status().moment.time_ms)
            self.sandbox.advance_to_day_close()
            self.sandbox.advance_to(_next(self.dates[-1]))

    def earmarked(self, at: str | int | date, market: str = "") -> int:
        return self.broker.balance(self.account, self.share, at, market)[1]


def _next(day: IsoDate) -> IsoDate:
    return IsoDate(day + 1)


@pytest.fixture(scope="module")
def days() -> Iterator[Days]:
    made = Days()
    yield made
    made.sandbox.close()


def test_the_days_are_three_business_days(days: Days) -> None:
    assert days.dates == [20240102, 20240103, 20240104]
    assert days.sandbox.today == 20240105


def test_as_of_a_height(days: Days) -> None:
    for number, height in enumerate(days.heights):
        assert days.earmarked(height) == 10 * number + 10
        assert days.earmarked(height - 1) == 10 * number
    assert days.earmarked("") == 30


def test_as_of_an_instant(days: Days) -> None:
    for number, time_ms in enumerate(days.times):
        assert days.earmarked(datetime.fromtimestamp(time_ms / 1_000, tz=UTC).isoformat()) == 10 * number + 10
        before = datetime.fromtimestamp((time_ms - 1) / 1_000, tz=UTC).isoformat()
        assert days.earmarked(before) == 10 * number
    assert days.earmarked("2024-01-03T01:00:00+01:00") == 10
    assert days.earmarked("2024-01-03T10:00:00Z") == 20


def test_as_of_a_business_date_is_its_close(days: Days) -> None:
    for number, day in enumerate(days.dates):
        text = f"{day // 10_000}-{day // 100 % 100:02d}-{day % 100:02d}"
        assert days.earmarked(text) == 10 * number + 10
        assert days.earmarked(text, "XSBX") == 10 * number + 10
        assert days.earmarked(date.fromisoformat(text)) == 10 * number + 10


def test_every_answer_says_what_it_is_as_of(days: Days) -> None:
    height = days.heights[1]
    moment = days.broker.holdings(days.account, height).moment
    assert (moment.height, moment.time_ms, moment.sandbox) == (height, days.times[1], True)
    assert moment.chain_id == days.sandbox.node.chain_id


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("0", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),
        ("999999999999999999999999", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),
        ("2024-01-05", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),  # still open
        ("2030-01-01", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),
        ("1999-12-31", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),
        ("1999-12-31T00:00:00Z", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),
        ("2100-01-01T00:00:00Z", NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name),
        ("2024-01-03T10:00:00", "PARAMETERS_ARE_WRONG"),  # no zone
        ("2024-13-01", "PARAMETERS_ARE_WRONG"),
        ("-1", "PARAMETERS_ARE_WRONG"),
        ("now", "PARAMETERS_ARE_WRONG"),
        ("²", "PARAMETERS_ARE_WRONG"),
        ("2024-01-03\x00", "PARAMETERS_ARE_WRONG"),
    ],
)
def test_what_is_no_moment_on_record(days: Days, at: str, name: str) -> None:
    with pytest.raises(LedgerError) as caught:
        days.earmarked(at)
    assert caught.value.name == name


def test_a_date_of_a_market_that_is_not_there(days: Days) -> None:
    with pytest.raises(LedgerError) as caught:
        days.earmarked("2024-01-02", "XXXX")
    assert caught.value.name == NodeRefusal.MOMENT_IS_NOT_ON_RECORD.name


def test_rights_are_those_of_now_for_the_past_too(days: Days) -> None:
    stranger = days.sandbox.client("broker-b")
    for at in ("", days.heights[0]):
        with pytest.raises(LedgerError) as caught:
            stranger.holdings(days.account, at)
        assert caught.value.name == "NOT_VISIBLE"


def test_the_register_as_of_any_moment(days: Days) -> None:
    issuer: Client = days.sandbox.client("issuer-a")
    now = {line.account_id: line.earmarked for line in issuer.register(days.share)}
    then = {line.account_id: line.earmarked for line in issuer.register(days.share, "2024-01-02")}
    assert (now[days.account], then[days.account]) == (30, 10)
    assert now.keys() == then.keys()


def test_headers_by_height_and_instant(days: Days) -> None:
    by_height = days.broker.header(days.heights[2])
    assert by_height.header.time_ms == days.times[2]
    assert by_height.application_hash == by_height.header.digest()
    assert days.broker.header().header.height == days.sandbox.node.height
