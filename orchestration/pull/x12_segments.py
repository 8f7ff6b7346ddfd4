"""X12 text as columns: every segment and element of a block, addressed without a Python object for each.

Belongs here: splitting by the block's own delimiters, picking elements.
Does not belong: what an element says (``x12_values``), what a segment means (``x12_loops``, ``x12_claims``,
``x12_remits``), reading files (``x12_stream``).

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
Codes: TypeAlias = npt.NDArray[np.uint64]  # short texts as numbers

_FEW = 1_000  # rows for which one way is as good as another
_CODE_BYTES = 8
#: By length: the bits of a code; none where the text is longer.
_CODE_MASK = np.array([(1 << 8 * length) - 1 for length in range(_CODE_BYTES + 1)] + [0], dtype="<u8")


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
    """Return a text of up to eight characters as the number that ``Segments`` compares."""
    return int.from_bytes(text.encode(), "little")


#: Place in ``KNOWN`` by ``code``: only the few pages that hold known codes are ever touched.
_KIND_OF: npt.NDArray[np.uint8] = np.zeros(1 << 24, np.uint8)
_KIND_OF[[code(identifier) for identifier in KNOWN]] = np.arange(len(KNOWN))


class Segments:
    """The segments of one block of whole segments of one interchange."""

    def __init__(self, data: bytes, delimiters: Delimiters) -> None:
        self.data = data
        self.delimiters = delimiters
        padded = np.frombuffer(data + bytes(_CODE_BYTES), np.uint8)
        raw = padded[: len(data)]
        ends_segment = raw == delimiters.segment[0]
        self._ends: Rows = np.flatnonzero(ends_segment | (raw == delimiters.element[0])).astype(np.int32)
        self._begins: Rows = np.zeros_like(self._ends)
        np.add(self._ends[:-1], 1, out=self._begins[1:])
        # Elements and delimiters take turns: every second value of an Arrow array over the block is an element.
        turns = np.stack([self._begins, self._ends], axis=1)
        self._elements = pa.StringArray.from_buffers(2 * len(turns) - 1, pa.py_buffer(turns), pa.py_buffer(data))
        # Eight bytes from every byte on, as a number.
        self._words = np.ndarray((len(data) + 1,), "<u8", buffer=padded, strides=(1,))
        self._filled: Mask = self._ends > self._begins
        self.last: Rows = np.flatnonzero(ends_segment[self._ends]).astype(np.int32)
        self.first: Rows = np.zeros_like(self.last)
        np.add(self.last[:-1], 1, out=self.first[1:])
        # One more place, so that segment -1 begins and ends nowhere.
        self._first: Rows = np.append(self.first, np.int32(0))
        self._last: Rows = np.append(self.last, np.int32(-1))
        self._spanned: tuple[Rows, Rows, Rows] | None = None
        self.begin: Rows = self._begins[self.first]
        self.end: Rows = self._ends[self.last] + 1

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
    def qualifiers(self) -> Codes:
        """Each segment's first element as ``code``; 0 where it is longer than eight characters or absent."""
        return self.codes(self.numbers, 1)

    def codes(self, rows: Rows, element: int | Rows) -> Codes:
        """Return one element of ``rows`` as ``code``; 0 where it is longer than eight characters or absent."""
        return self._codes(rows, element)[0]

    def _codes(self, rows: Rows, element: int | Rows) -> tuple[Codes, bool]:
        """Return an element as ``code``, and whether any is too long to have one."""
        at, there = self._at(rows, element)
        begin = self._begins.take(at)
        length = self._ends.take(at)
        length -= begin
        length *= there
        np.minimum(length, _CODE_BYTES + 1, out=length)
        found = self._words[begin]
        found &= _CODE_MASK.take(length)
        return found, bool(len(length) and length.max() > _CODE_BYTES)

    def repeated(self, rows: Rows, element: int | Rows) -> pa.DictionaryArray:
        """Return what ``text`` does as a dictionary, sooner where texts are short and few: codes, qualifiers, dates."""
        if len(rows) < _FEW:
            return self.text(rows, element).dictionary_encode()
        codes, is_long = self._codes(rows, element)
        if is_long:
            return self.text(rows, element).dictionary_encode()
        encoded = pa.array(codes, mask=None if codes.all() else codes == 0).dictionary_encode()
        texts = pa.array(np.asarray(encoded.dictionary).view("S8"), pa.binary()).cast(pa.string())
        return pa.DictionaryArray.from_arrays(encoded.indices, texts)

    def having(self, identifier: str, *qualifiers: str) -> Mask:
        """Return which segments have this identifier (and one of these first elements)."""
        found: Mask = self.kinds == KNOWN.index(identifier)
        return found & among(self.qualifiers, qualifiers) if qualifiers else found

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
        return among(self.qualifiers[rows], qualifiers)

    def text(self, rows: Rows, element: int | Rows) -> pa.StringArray:
        """Return one element of ``rows`` (the same, or one each); null where there is none or it is empty."""
        at, there = self._at(rows, element)
        there &= self._filled.take(at)
        at *= 2
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
            self._spanned = rows, self._first.take(rows), self._last.take(rows)
        return self._spanned[1:]


def among(found: Codes, qualifiers: Sequence[str]) -> Mask:
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
