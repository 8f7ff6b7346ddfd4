"""Dates of claims, remits and service lines (DTP, DTM): the table, and the span of days they give each.

Belongs here: formats and qualifiers of dates inside records. Does not belong: dates of payments and groups.
X12 dates carry no zone; they stay dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.pull.x12_flat import Frame
from orchestration.pull.x12_segments import Mask, Rows, among, code
from orchestration.pull.x12_values import dates

_FORMATS = ("D8", "RD8", "DT")  # a day, a range of days, a day with a time; others (TM) are no dates
_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class RecordDates:
    """The dates inside the records of one block; ``rows`` are the segments that ``table`` was read from."""

    frame: Frame
    rows: Rows
    table: pa.Table

    def span(self, loop: Rows, rows: Rows, *preferred: tuple[str, ...]) -> tuple[pa.Array, pa.Array]:
        """Return first and last day of each loop that starts at ``rows``.

        ``loop`` says for every segment which loop it stands in. Of the sets of qualifiers the first that has any date
        counts.
        """
        first, last = pa.nulls(len(rows), pa.date32()), pa.nulls(len(rows), pa.date32())
        for qualifiers in preferred:
            if not first.null_count:
                break
            begin, end = self._extremes(loop, rows, qualifiers)
            last = pc.if_else(first.is_valid(), last, end)
            first = pc.coalesce(first, begin)
        return first, last

    def _extremes(self, loop: Rows, rows: Rows, qualifiers: tuple[str, ...]) -> tuple[pa.Array, pa.Array]:
        position: Rows = np.full(len(self.frame.segments) + 1, -1, np.int32)  # one more, so that loop -1 is nobody's
        position[rows] = np.arange(len(rows))
        owner = position[loop[self.rows]]
        wanted = self.frame.segments.qualified(self.rows, qualifiers) & (owner >= 0) & self._is_known
        first: npt.NDArray[np.int32] = np.full(len(rows), _NEVER, np.int32)
        np.minimum.at(first, owner[wanted], self._begin[wanted])
        last: npt.NDArray[np.int32] = np.full(len(rows), -_NEVER, np.int32)
        np.maximum.at(last, owner[wanted], self._end[wanted])
        none = first == _NEVER
        return _as_dates(first, none), _as_dates(last, none)

    @cached_property
    def _is_known(self) -> Mask:
        return np.asarray(self.table["date_from"].is_valid())

    @cached_property
    def _begin(self) -> npt.NDArray[np.int32]:
        return _days(self.table["date_from"])

    @cached_property
    def _end(self) -> npt.NDArray[np.int32]:
        return _days(self.table["date_to"])


def read_record_dates(frame: Frame) -> RecordDates:
    """Read every date inside the block's records."""
    segments, loops = frame.segments, frame.loops
    rows = frame.new(segments.any_of("DTP", "DTM") & (loops.record >= 0))
    is_period = segments.is_a(rows, "DTP")
    is_range: Mask = np.zeros(len(rows), np.bool_)
    if is_period.any():
        form = segments.codes(rows, 2)
        is_date = ~is_period | among(form, _FORMATS)
        is_range = (is_period & (form == code("RD8")))[is_date]
        rows, is_period = rows[is_date], is_period[is_date]
    text = segments.repeated(rows, np.where(is_period, 3, 2))
    begin, wrong = dates(_part(text, 0, 8))
    end = begin
    if is_range.any():
        until, wrong_end = dates(_part(text, 9, 17))
        end = pc.coalesce(pc.if_else(pa.array(is_range), until, None), begin)
        wrong |= wrong_end & is_range
    owner = frame.record_of(rows)
    frame.findings.add_at(owner[wrong], "date_invalid", "DTP03")
    columns = {
        "line": frame.first_line + owner,
        "line_number": frame.line_number(rows),
        "qualifier": segments.repeated(rows, 1),
        "date_from": begin,
        "date_to": end,
    }
    return RecordDates(frame, rows, pa.table(columns))


def _part(texts: pa.DictionaryArray, begin: int, end: int) -> pa.DictionaryArray:
    """Return some characters of each text."""
    return pa.DictionaryArray.from_arrays(texts.indices, pc.utf8_slice_codeunits(texts.dictionary, begin, end))


def _days(column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    return np.asarray(pc.fill_null(column.cast(pa.int32()), 0))


def _as_dates(days: npt.NDArray[np.int32], none: Mask) -> pa.Array:
    return pa.array(days, pa.int32(), mask=none).cast(pa.date32())
