"""X12 text as columns: every segment and element of a block, addressed without a Python object for each.

Belongs here: splitting by the block's own delimiters, picking elements, reading money and dates.
Does not belong: what a segment means (``x12_loops``, ``x12_claims``, ``x12_remits``), reading files (``x12_stream``).

A block of 4 MB has some 150,000 segments. NumPy finds the delimiters; Arrow takes the elements by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rows: TypeAlias = npt.NDArray[np.int32]  # segment numbers within a block; -1 = no such segment
Mask: TypeAlias = npt.NDArray[np.bool_]

MONEY = pa.decimal128(18, 2)
_MONEY_TEXT = r"^[+-]?(\d{1,16}(\.\d{0,2})?|\.\d{1,2})$"
_POWERS = np.array([1000, 100, 10, 1])
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


#: Segments of the 835 and 837 guides and of the envelope. The first place is for all others.
_NAMES = """
    AMT BHT BPR CAS CL1 CLM CLP CN1 CR1 CR2 CR3 CR5 CR6 CRC CTP CUR DMG DN1 DN2 DSB DTM DTP FRM GE GS HCP HI HL HSD
    IEA IMM ISA K3 LIN LQ LX MEA MIA MOA N1 N2 N3 N4 NM1 NTE OI PAT PER PLB PRV PS1 PWK QTY RAS RDM REF RMR SBR SE
    ST SV1 SV2 SV3 SV5 SVC SVD TA1 TOO TRN TS2 TS3 UR
"""
KNOWN = ("", *_NAMES.split())


def code(text: str) -> int:
    """Return an identifier of up to four characters as the number that ``Segments`` compares."""
    return int.from_bytes(text.encode(), "little")


#: Place in ``KNOWN`` by ``code``: only the few pages that hold known codes are ever touched.
_KIND_OF: npt.NDArray[np.uint8] = np.zeros(1 << 24, np.uint8)
_KIND_OF[[code(identifier) for identifier in KNOWN]] = np.arange(len(KNOWN))


class Segments:
    """The segments of one block of whole segments of one interchange."""

    def __init__(self, data: bytes, delimiters: Delimiters) -> None:
        self.data = data
        self.delimiters = delimiters
        raw = np.frombuffer(data, np.uint8)
        ends_segment = raw == delimiters.segment[0]
        # Without its delimiters the text is all elements one after the other: the values of an Arrow array.
        values = np.frombuffer(data.translate(None, delimiters.segment + delimiters.element) + bytes(4), np.uint8)
        cuts: Rows = np.flatnonzero(ends_segment | (raw == delimiters.element[0])).astype(np.int32)
        offsets: npt.NDArray[np.int32] = np.zeros(len(cuts) + 1, np.int32)
        np.subtract(cuts, np.arange(len(cuts), dtype=np.int32), out=offsets[1:])
        self._values, self._offsets = values, offsets
        self._elements = pa.StringArray.from_buffers(len(cuts), pa.py_buffer(offsets), pa.py_buffer(values))
        self.last: Rows = np.flatnonzero(ends_segment[cuts]).astype(np.int32)
        self.first: Rows = np.zeros_like(self.last)
        self.first[1:] = self.last[:-1] + 1
        # One more place, so that segment -1 begins and ends nowhere.
        self._first: Rows = np.append(self.first, np.int32(0))
        self._last: Rows = np.append(self.last, np.int32(-1))
        self._filled: Mask = offsets[1:] > offsets[:-1]
        self._spanned: tuple[Rows, Rows, Rows] | None = None
        self.end: Rows = cuts[self.last] + 1
        self.begin = np.zeros_like(self.end)
        self.begin[1:] = self.end[:-1]

    def __len__(self) -> int:
        return len(self.last)

    @cached_property
    def numbers(self) -> Rows:
        """0, 1, 2, …: each segment's number."""
        return np.arange(len(self), dtype=np.int32)

    @cached_property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """Each segment's identifier as its place in ``KNOWN``; 0 where it is none of these."""
        ids = self.codes(self.numbers, 0)
        return np.where(ids < len(_KIND_OF), _KIND_OF[ids & 0xFFFFFF], 0).astype(np.uint8)

    @cached_property
    def qualifiers(self) -> npt.NDArray[np.uint32]:
        """Each segment's first element as ``code``; 0 where it is longer than four characters or absent."""
        return self.codes(self.numbers, 1)

    def codes(self, rows: Rows, element: int) -> npt.NDArray[np.uint32]:
        """Return one element of ``rows`` as ``code``; 0 where it is longer than four characters or absent."""
        words = np.ndarray((len(self._values) - 3,), "<u4", buffer=self._values, strides=(1,))
        at, there = self._at(rows, element)
        begin = self._offsets[at]
        length = np.minimum(self._offsets[at + 1] - begin, 5) * there
        return words[begin] & _CODE_MASK[length]

    def having(self, identifier: str, *qualifiers: str) -> Mask:
        """Return which segments have this identifier (and one of these first elements)."""
        found: Mask = self.kinds == KNOWN.index(identifier)
        return found & _among(self.qualifiers, qualifiers) if qualifiers else found

    def is_a(self, rows: Rows, identifier: str) -> Mask:
        """Return which of ``rows`` have this identifier."""
        return (rows >= 0) & (self.kinds[rows] == KNOWN.index(identifier))

    def any_of(self, *identifiers: str) -> Mask:
        """Return which segments have one of these identifiers."""
        chosen: Mask = np.zeros(256, np.bool_)
        chosen[[KNOWN.index(i) for i in identifiers]] = True
        return np.frombuffer(self._kind_bytes.translate(chosen.tobytes()), np.bool_)

    @cached_property
    def _kind_bytes(self) -> bytes:
        return bytes(self.kinds)

    def qualified(self, rows: Rows, qualifiers: Sequence[str]) -> Mask:
        """Return which of ``rows`` have one of these first elements."""
        return _among(self.qualifiers[rows], qualifiers)

    def text(self, rows: Rows, element: int | Rows) -> pa.StringArray:
        """Return one element of ``rows`` (the same, or one each); null where there is none or it is empty."""
        at, there = self._at(rows, element)
        there &= self._filled[at]
        if there.all():
            return self._elements.take(pa.array(at))
        return self._elements.take(pa.array(at, mask=~there)) if there.any() else pa.nulls(len(rows), pa.string())

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
        """Return where an element of each segment stands (somewhere, where there is none), and whether there is one."""
        first, last = self._span(rows)
        at = first + element
        there: Mask = at <= last
        at *= there
        return at, there

    def _span(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return the first and the last element of ``rows``; most columns are read from the same as the one before."""
        if self._spanned is None or self._spanned[0] is not rows:
            self._spanned = rows, self._first[rows], self._last[rows]
        return self._spanned[1:]


def _among(found: npt.NDArray[np.uint32], qualifiers: Sequence[str]) -> Mask:
    """Return which codes are one of the few ``qualifiers``."""
    return np.logical_or.reduce([found == code(q) for q in qualifiers])


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
    day: npt.NDArray[np.datetime64] = np.full(len(values), np.datetime64("NaT"), "datetime64[D]")
    shaped = as_mask(pc.equal(pc.binary_length(values), 8))
    if shaped.any():
        text = values if shaped.all() else values.filter(pa.array(shaped))
        begin = np.frombuffer(text.buffers()[1], np.int32)[text.offset]
        digits = np.frombuffer(text.buffers()[2], np.uint8)[begin : begin + 8 * len(text)].reshape(-1, 8) - 48
        year, month, dom = (digits[:, a:b] @ _POWERS[4 - b + a :] for a, b in ((0, 4), (4, 6), (6, 8)))
        months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
        found = months.astype("datetime64[D]") + np.maximum(dom, 1) - 1
        real = (digits <= 9).all(axis=1) & (month >= 1) & (month <= 12) & (dom >= 1) & (year >= 1800)
        found[~real | (found.astype("datetime64[M]") != months)] = np.datetime64("NaT")
        day[shaped] = found
    missing = np.isnat(day)
    return pa.array(day, pa.date32(), mask=missing), as_mask(values.is_valid()) & missing


def as_mask(values: pa.BooleanArray, absent: bool = False) -> Mask:
    """Return booleans as a NumPy mask, with ``absent`` for nulls."""
    return np.asarray(pc.fill_null(values, absent)).astype(np.bool_)
