"""Times of day in a market's own time zone, turned into instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from counterfoil.gateways.trade_files.problems import ProblemCode, RowFault
from counterfoil.primitives.calendars import IsoDate

MILLISECONDS_OF_DAY = 86_400_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class LocalDay:
    """One calendar date in one time zone; `instant` turns wall-clock milliseconds since its midnight into UTC.

    A tick file's times are wall-clock times. On a day on which the clocks change, a time that was twice is taken
    as its first occurrence, and one that never was is refused; on every other day the offset is the same all day
    and is added.
    """

    def __init__(self, day: IsoDate, zone: ZoneInfo) -> None:
        self._midnight = datetime(day // 10_000, day // 100 % 100, day % 100)
        self._zone = zone
        first = self._instant_of(self._midnight)
        next_midnight = self._midnight + timedelta(days=1)
        steady = self._instant_of(next_midnight) - first == MILLISECONDS_OF_DAY
        self._start = first if steady else None

    def instant(self, milliseconds: int) -> int:
        """Milliseconds since 1970 UTC of a wall-clock time, 0 to 86399999 milliseconds after midnight."""
        if not 0 <= milliseconds < MILLISECONDS_OF_DAY:
            raise RowFault(ProblemCode.TIME_OUT_OF_DAY, "time", str(milliseconds))
        if self._start is not None:
            return self._start + milliseconds
        wall = self._midnight + milliseconds * _MILLISECOND
        instant = self._instant_of(wall)
        back = (_EPOCH + instant * _MILLISECOND).astimezone(self._zone).replace(tzinfo=None)
        if back != wall:
            raise RowFault(ProblemCode.TIME_DOES_NOT_EXIST, "time", str(wall.time()))
        return instant

    def _instant_of(self, wall: datetime) -> int:
        return (wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC) - _EPOCH) // _MILLISECOND
