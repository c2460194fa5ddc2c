from __future__ import annotations

import pytest

from counterfoil.primitives.calendars import (
    OFFSET_MINUTES_MAX,
    TRANSITIONS_MAX,
    UTC,
    IsoDate,
    UtcOffsets,
    check_offsets,
    local_date,
    local_minutes,
    offset_minutes,
    time_of_local,
)
from counterfoil.primitives.codec import Decoder, encode

HOUR = 3_600_000
SUMMER = 1_362_898_800_000
"""10 March 2013, 07:00 UTC: New York goes from 02:00 to 03:00."""
WINTER = 1_383_458_400_000
"""3 November 2013, 06:00 UTC: New York goes from 02:00 back to 01:00."""
NEW_YORK = UtcOffsets(((0, -300), (SUMMER, -240), (WINTER, -300)))
SHANGHAI = UtcOffsets(((0, 480),))
KATHMANDU = UtcOffsets(((0, 345),))


@pytest.mark.parametrize(
    ("time_ms", "offsets", "date", "minutes"),
    [
        (0, UTC, 19700101, 0),
        (-1, UTC, 19691231, 1439),
        (SUMMER - 1, NEW_YORK, 20130310, 119),
        (SUMMER, NEW_YORK, 20130310, 180),
        (WINTER - 1, NEW_YORK, 20131103, 119),
        (WINTER, NEW_YORK, 20131103, 60),
        (WINTER - 2 * HOUR - 1, NEW_YORK, 20131102, 1439),
        (-1, NEW_YORK, 19691231, 1139),  # the first offset also holds before its time
        (SUMMER, SHANGHAI, 20130310, 900),
        (SUMMER, KATHMANDU, 20130310, 765),
    ],
)
def test_what_the_wall_shows(time_ms: int, offsets: UtcOffsets, date: int, minutes: int) -> None:
    assert local_date(time_ms, offsets) == date
    assert local_minutes(time_ms, offsets) == minutes
    assert (time_ms + offset_minutes(time_ms, offsets) * 60_000) % 86_400_000 // 60_000 == minutes


@pytest.mark.parametrize(
    ("date", "minutes", "offsets", "time_ms"),
    [
        (19700101, 0, UTC, 0),
        (20130310, 119, NEW_YORK, SUMMER - 60_000),
        (20130310, 120, NEW_YORK, SUMMER),  # skipped: the moment of the change
        (20130310, 150, NEW_YORK, SUMMER),
        (20130310, 180, NEW_YORK, SUMMER),
        (20130310, 181, NEW_YORK, SUMMER + 60_000),
        (20131103, 60, NEW_YORK, WINTER - HOUR),  # twice: the first of the two
        (20131103, 119, NEW_YORK, WINTER - 60_000),
        (20131103, 120, NEW_YORK, WINTER + HOUR),
        (20131007, 960, NEW_YORK, 1_381_176_000_000),
        (19600101, 0, NEW_YORK, -315_601_200_000),
        (20130310, 900, SHANGHAI, SUMMER),
    ],
)
def test_the_moment_of_a_wall_time(date: IsoDate, minutes: int, offsets: UtcOffsets, time_ms: int) -> None:
    assert time_of_local(date, minutes, offsets) == time_ms


@pytest.mark.parametrize(
    ("transitions", "message"),
    [
        ((), "1 to 512 offsets"),
        (tuple((n, 0) for n in range(TRANSITIONS_MAX + 1)), "1 to 512 offsets"),
        (((5, 0), (5, 60)), "ascend"),
        (((5, 0), (4, 60)), "ascend"),
        (((0, OFFSET_MINUTES_MAX + 1),), "minutes from UTC"),
        (((0, -OFFSET_MINUTES_MAX - 1),), "minutes from UTC"),
    ],
)
def test_offsets_that_are_refused(transitions: tuple[tuple[int, int], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_offsets(UtcOffsets(transitions))


@pytest.mark.parametrize("offsets", [UTC, NEW_YORK, SHANGHAI])
def test_offsets_are_records(offsets: UtcOffsets) -> None:
    assert check_offsets(offsets) is offsets
    assert Decoder(UtcOffsets).exact(encode(offsets)) == offsets
