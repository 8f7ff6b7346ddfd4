"""Local times as SQL: which instant a wall time is, and whether a clock change skipped or repeated it.

Belongs here: what DuckDB is asked about zones. Does not belong: what a column declares (``columns``).
"""

from __future__ import annotations


def in_utc(instant: str) -> str:
    """The UTC time of an instant, by its microseconds: twice as fast as asking for its time in a zone."""
    return f"make_timestamp(epoch_us({instant}))"


def wall(name: str) -> str:
    """Return the helper column of a column's wall time (``Column.wall_clock``)."""
    return f'"wall:{name}"'


def instant(name: str) -> str:
    """Return the helper column of the instant that DuckDB takes a wall time for."""
    return f'"instant:{name}"'


def skipped(name: str, zone: str | None) -> str:
    """Whether no instant shows the wall time."""
    return f"timezone({zone}, {instant(name)}) != {wall(name)}"


def repeated(name: str, zone: str | None) -> str:
    """Whether another instant shows the same wall time: clocks change by half an hour or an hour."""
    return " or ".join(
        f"timezone({zone}, {instant(name)} {sign} interval {minutes} minute) = {wall(name)}"
        for sign in "+-"
        for minutes in (30, 60)
    )


def local_to_utc(name: str, zone: str | None, ambiguous: str) -> str:
    """Return the UTC time of a local one; null where it does not exist. DuckDB gives the later of two instants."""
    moment = instant(name)
    if ambiguous != "later":
        earlier = " ".join(
            f"when timezone({zone}, {moment} - interval {minutes} minute) = {wall(name)} "
            f"then {moment} - interval {minutes} minute"
            for minutes in (30, 60)
        )
        moment = f"case {earlier} else {moment} end"
    return f"case when not ({skipped(name, zone)}) then timezone('UTC', {moment}) end"
