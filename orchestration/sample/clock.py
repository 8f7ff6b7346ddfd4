"""Time in the sample hospital: whole seconds since the epoch, and the spellings the formats use.

Belongs here: the simulated period and its renderings. Does not belong: anything that happens in it.
Nothing reads the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

TIME_ZONE = "America/New_York"
ZONE = ZoneInfo(TIME_ZONE)
MINUTE = 60
HOUR = 3600
DAY = 86_400


def utc(t: int) -> str:
    """Return an instant in UTC, ``2024-03-01T14:05:00+00:00``."""
    return datetime.fromtimestamp(t, UTC).isoformat()


def zulu(t: int) -> str:
    """Return an instant in UTC with ``Z``, as call systems write it."""
    return f"{datetime.fromtimestamp(t, UTC).isoformat()[:19]}Z"


def millis(t: int, ms: int) -> str:
    """Return an instant in UTC with milliseconds and ``Z``, as web trackers write it."""
    return f"{datetime.fromtimestamp(t, UTC).isoformat()[:19]}.{ms:03d}Z"


def offset(t: int) -> str:
    """Return the local time with its offset, as EHRs write it."""
    return datetime.fromtimestamp(t, ZONE).isoformat()


def wall(t: int, separator: str = " ") -> str:
    """Return the local time without offset, as exports meant for people write it."""
    return datetime.fromtimestamp(t, ZONE).replace(tzinfo=None).isoformat(sep=separator)


def local(t: int) -> datetime:
    """Return the aware local time."""
    return datetime.fromtimestamp(t, ZONE)


def day(t: int) -> date:
    """Return the local calendar date."""
    return datetime.fromtimestamp(t, ZONE).date()


def month(t: int) -> str:
    """Return the local calendar month, ``2024-03``."""
    return datetime.fromtimestamp(t, ZONE).isoformat()[:7]


def quarter(t: int) -> int:
    """Return the number of the local calendar quarter, in one count over years."""
    on = day(t)
    return on.year * 4 + (on.month - 1) // 3


def quarter_start(number: int) -> int:
    """Return the first instant of a quarter of that count."""
    return at(date(number // 4, number % 4 * 3 + 1, 1))


def at(on: date, hour: int = 0, minute: int = 0) -> int:
    """Return the instant of a local wall-clock time."""
    return int(datetime.combine(on, time(hour, minute), ZONE).timestamp())


def add_months(on: date, months: int) -> date:
    """Return the same day ``months`` later (or earlier), moved back to the month's last day if need be."""
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    first_of_next = date(year + 1, 1, 1) if month == 11 else date(year, month + 2, 1)
    return date(year, month + 1, min(on.day, (first_of_next - timedelta(days=1)).day))


@dataclass(frozen=True)
class Period:
    """The simulated months: from local midnight of ``start`` to the end (UTC) of the last day."""

    start: date
    months: int

    @cached_property
    def last_day(self) -> date:
        """The last day in which anything happens."""
        return add_months(self.start, self.months) - timedelta(days=1)

    @cached_property
    def begin(self) -> int:
        """The first instant."""
        return at(self.start)

    @cached_property
    def end(self) -> int:
        """The last instant; every delivery's transactionTime."""
        return int(datetime.combine(self.last_day, time(23, 59, 59), UTC).timestamp())

    def business_days(self, extra: int = 0) -> Iterator[date]:
        """Yield Mondays to Fridays, on to ``extra`` days after the end."""
        on = self.start
        while on <= self.last_day + timedelta(days=extra):
            if on.weekday() < 5:
                yield on
            on += timedelta(days=1)
