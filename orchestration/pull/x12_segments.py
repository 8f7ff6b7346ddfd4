"""X12 text as columns: every segment and element of a block, addressed without a Python object for each.

Belongs here: splitting by the block's own delimiters, picking elements, reading money and dates.
Does not belong: what a segment means (``x12_loops``, ``x12_claims``, ``x12_remits``), reading files (``x12_stream``).

A block of 8 MB has some 300,000 segments. NumPy finds the delimiters; Arrow takes the elements by position.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rows: TypeAlias = npt.NDArray[np.int64]  # segment numbers within a block; -1 = no such segment
Mask: TypeAlias = npt.NDArray[np.bool_]

MONEY = pa.decimal128(18, 2)
_MONEY_TEXT = r"^[+-]?(\d{1,16}(\.\d{0,2})?|\.\d{1,2})$"
_CODE_MASK = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0], dtype="<u4")


@dataclass(frozen=True)
class Delimiters:
    """The separators that an interchange declares in its ISA segment."""

    element: bytes
    component: bytes
    segment: bytes

    @property
    def noise(self) -> bytes:
        """Bytes between segments that mean nothing: line ends and transmission fill that are no delimiter."""
        return bytes(b for b in b"\r\n\x00\x1a" if b not in self.element + self.component + self.segment)


def code(text: str) -> int:
    """Return an identifier of up to four characters as the number that ``Segments`` compares."""
    return int.from_bytes(text.encode(), "little")


class Segments:
    """The segments of one block of whole segments of one interchange."""

    def __init__(self, data: bytes, delimiters: Delimiters) -> None:
        self.data = data
        self.delimiters = delimiters
        raw = np.frombuffer(data, np.uint8)
        ends_segment = raw == delimiters.segment[0]
        ends_element = ends_segment | (raw == delimiters.element[0])
        cuts = np.flatnonzero(ends_element)
        values = np.concatenate([raw[~ends_element], np.zeros(4, np.uint8)])
        offsets: npt.NDArray[np.int32] = np.zeros(len(cuts) + 1, np.int32)
        offsets[1:] = cuts - np.arange(len(cuts))
        self._values, self._offsets = values, offsets
        self._elements = pa.StringArray.from_buffers(len(cuts), pa.py_buffer(offsets), pa.py_buffer(values))
        self.last = np.flatnonzero(ends_segment[cuts])
        self.first = np.concatenate([[0], self.last[:-1] + 1]) if len(self.last) else self.last
        self.end = cuts[self.last] + 1
        self.begin = np.concatenate([[0], self.end[:-1]]) if len(self.end) else self.end

    def __len__(self) -> int:
        return len(self.last)

    @cached_property
    def numbers(self) -> Rows:
        """0, 1, 2, …: each segment's number."""
        return np.arange(len(self))

    @cached_property
    def ids(self) -> npt.NDArray[np.uint32]:
        """Each segment's identifier as ``code``."""
        return self.codes(self.numbers, 0)

    @cached_property
    def qualifiers(self) -> npt.NDArray[np.uint32]:
        """Each segment's first element as ``code``; 0 where it is longer than four characters or absent."""
        return self.codes(self.numbers, 1)

    def codes(self, rows: Rows, element: int) -> npt.NDArray[np.uint32]:
        """Return one element of ``rows`` as ``code``; 0 where it is longer than four characters or absent."""
        words = np.ndarray((len(self._values) - 3,), "<u4", buffer=self._values, strides=(1,))
        at, there = self._at(rows, element)
        begin = self._offsets[at]
        length = np.where(there, np.minimum(self._offsets[at + 1] - begin, 5), 0)
        return words[begin] & _CODE_MASK[length]

    def having(self, identifier: str, *qualifiers: str) -> Mask:
        """Return which segments have this identifier (and one of these first elements)."""
        found = self.ids == code(identifier)
        return found & np.isin(self.qualifiers, [code(q) for q in qualifiers]) if qualifiers else found

    def text(self, rows: Rows, element: int | Rows) -> pa.StringArray:
        """Return one element of ``rows`` (the same, or one each); null where there is none or it is empty."""
        at, there = self._at(rows, element)
        there &= self._offsets[at + 1] > self._offsets[at]
        return self._elements.take(pa.array(at, mask=~there))

    def component(self, rows: Rows, element: int | Rows, number: int) -> pa.StringArray:
        """Return the ``number``-th component (from 1) of a composite element; null where absent or empty."""
        return component(self.text(rows, element), self.delimiters.component, number)

    def repeats(self, rows: Rows, first: int, step: int) -> tuple[Rows, Rows]:
        """Return each segment once per group of ``step`` elements from ``first`` on, and where that group begins."""
        groups = np.maximum(-((first - 1 - (self.last[rows] - self.first[rows])) // step), 0)
        repeated: Rows = np.repeat(rows, groups)
        number = np.arange(len(repeated)) - np.repeat(np.cumsum(groups) - groups, groups)
        return repeated, first + step * number

    def bytes_of(self, first: int, end: int) -> bytes:
        """Return the text of segments ``first`` to ``end`` (exclusive)."""
        return self.data[self.begin[first] : self.end[end - 1]] if end > first else b""

    def _at(self, rows: Rows, element: int | Rows) -> tuple[Rows, Mask]:
        at = self.first[rows] + element
        there = (rows >= 0) & (at <= self.last[rows])
        return np.where(there, at, 0), there


def component(values: pa.StringArray, separator: bytes, number: int) -> pa.StringArray:
    """Return the ``number``-th part (from 1) of each composite; null where absent or empty."""
    parts = pc.split_pattern(values, separator.decode())
    offsets = np.asarray(parts.offsets)
    at = offsets[:-1] + number - 1
    there = at < offsets[1:]
    if not there.any():
        return pa.nulls(len(values), pa.string())
    picked = parts.values.take(pa.array(np.where(there, at, 0), mask=~there))
    return pc.if_else(pc.equal(picked, ""), None, picked)


def money(values: pa.StringArray) -> tuple[pa.Array, Mask]:
    """Return dollars with two decimals, and which texts are none (they become null)."""
    try:
        return values.cast(MONEY), np.zeros(len(values), np.bool_)
    except pa.ArrowInvalid:
        readable = pc.match_substring_regex(values, _MONEY_TEXT)
        cleaned = pc.if_else(pc.fill_null(readable, False), values, None)
        return cleaned.cast(MONEY), ~as_mask(readable, absent=True)


def quantity(values: pa.StringArray) -> pa.Array:
    """Return a count of units; null where the text is no number."""
    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        readable = pc.match_substring_regex(values, r"^[+-]?(\d+\.?\d*|\.\d+)$")
        return pc.if_else(pc.fill_null(readable, False), values, None).cast(pa.float64())


def cents(amounts: pa.Array) -> npt.NDArray[np.int64]:
    """Return amounts of ``MONEY`` as whole cents, 0 where null."""
    # A decimal128 is 16 little-endian bytes; 18 digits fit the lower eight.
    filled = pc.fill_null(amounts, pa.scalar(0, MONEY))
    if not len(filled):
        return np.zeros(0, np.int64)
    return np.frombuffer(filled.buffers()[1], np.int64)[2 * filled.offset :: 2][: len(filled)]


def dates(values: pa.StringArray) -> tuple[pa.Array, Mask]:
    """Return dates written CCYYMMDD, and which texts are no date of the calendar (they become null)."""
    present = as_mask(pc.is_valid(values))
    shaped = as_mask(pc.match_substring_regex(values, r"^\d{8}$"))
    day: npt.NDArray[np.datetime64] = np.full(len(values), np.datetime64("NaT"), "datetime64[D]")
    if shaped.any():
        text = values.filter(pa.array(shaped))
        digits = np.asarray(text.cast(pa.int64()))
        year, month, dom = digits // 10000, digits // 100 % 100, digits % 100
        months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
        found = months.astype("datetime64[D]") + np.maximum(dom, 1) - 1
        real = (month >= 1) & (month <= 12) & (dom >= 1) & (found.astype("datetime64[M]") == months) & (year >= 1800)
        found[~real] = np.datetime64("NaT")
        day[shaped] = found
    missing = np.isnat(day)
    return pa.array(day, pa.date32(), mask=missing), present & missing


def as_mask(values: pa.BooleanArray, absent: bool = False) -> Mask:
    """Return booleans as a NumPy mask, with ``absent`` for nulls."""
    return np.asarray(pc.fill_null(values, absent)).astype(np.bool_)
