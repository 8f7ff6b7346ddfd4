"""CSV and its kin as numbered rows of text, faults included.

Belongs here: encodings, quoting, headers, rows with the wrong number of cells. Does not belong: types (``columns``).

Arrow's CSV reader cuts the rows (fast, quoted line breaks, a callback for rows that do not fit, rows numbered);
a transcoder in front of it gives it UTF-8 and marks bytes that the declared encoding does not know.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from orchestration.lake.landing import LandedFile
from orchestration.pull.csv_count import count_csv_rows
from orchestration.pull.lines import byte_blocks

#: Stands for bytes that are not text in the declared encoding; Unicode keeps it out of real text.
_MARK = "\ufffe"
codecs.register_error("mark", lambda error: (_MARK, error.end) if isinstance(error, UnicodeDecodeError) else ("", 0))
_BLOCK_BYTES = 4 << 20
_ROWS_A_BATCH = 10_000
T = TypeVar("T")
# A file without line breaks is one long cell, and no reason to stop.
csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written. ``names`` are the columns of a file without header."""

    encoding: str = "utf-8"
    delimiter: str = ","
    header_rows: int = 1
    names: tuple[str, ...] | None = None


class _Misfit(NamedTuple):
    """A row with too many or too few cells: its number (header included), its text, whether a quote swallowed lines."""

    number: int
    text: str
    is_unclosed: bool

    @property
    def rule(self) -> str:
        if _MARK in self.text:
            return "encoding"
        return "quote_unclosed" if self.is_unclosed else "csv_columns"


class _NoText(codecs.IncrementalDecoder):
    """What UTF-16 and UTF-32 without their byte-order mark are: every line has bytes that are not text."""

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        return data.decode("latin-1").replace("\n", _MARK + "\n") + _MARK * final


class _Utf8Stream(io.RawIOBase):
    """A delivered file as UTF-8 bytes; what cannot be decoded, or is binary (NUL), becomes ``_MARK``."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._blocks = byte_blocks(path)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("mark")
        self._ready = b""
        self._ended = False
        self.damaged = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        while not self._ready and not self._ended:
            block = next(self._blocks, None)
            self._ended = block is None
            text = self._decode(block or b"").replace("\0", _MARK)
            self.damaged = self.damaged or _MARK in text
            self._ready = text.encode("utf-8", "replace")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _decode(self, block: bytes) -> str:
        try:
            return self._decoder.decode(block, final=self._ended)
        except UnicodeError:  # not about any bytes, which the decoder marks, but about a byte order that nothing says
            block = self._decoder.getstate()[0] + block
            self._decoder = _NoText()
            return self._decoder.decode(block, final=self._ended)


def count_rows(path: Path, dialect: Dialect) -> int:
    """Return the number of records, counted without Arrow: rows that are not blank, header rows left out."""
    with io.BufferedReader(_Utf8Stream(path, dialect.encoding)) as stream:
        rows = count_csv_rows(stream, dialect.delimiter)
    if rows is None:
        rows = sum(1 for _ in _python_rows(_Utf8Stream(path, dialect.encoding), dialect))
    return max(rows - _header_rows(dialect), 0)


def read_header(path: Path, dialect: Dialect) -> list[list[str]]:
    """Return the header rows of a file, or its given names; fewer (or none) where the file ends before."""
    if dialect.names:
        return [list(dialect.names)]
    rows = _python_rows(_Utf8Stream(path, dialect.encoding), dialect)
    return [row for row, _ in zip(rows, range(dialect.header_rows), strict=False)]


def _blank_rows(path: Path, dialect: Dialect) -> int:
    """Return how many blank rows stand before the header or within it: Arrow counts those that it skips."""
    if dialect.names:
        return 0
    header = blank = 0
    for row in _all_python_rows(_Utf8Stream(path, dialect.encoding), dialect):
        if header == dialect.header_rows:
            break
        header, blank = header + bool(row), blank + (not row)
    return blank


def row_schema(width: int) -> pa.Schema:
    """Schema of :func:`read_rows`: locator, the row's own ``fault`` (rule code) or null, then ``width`` text cells."""
    text = [("file_id", pa.string()), ("feed", pa.string()), ("line", pa.int64()), ("fault", pa.string())]
    return pa.schema([*text, ("unread", pa.string()), *((f"c{n}", pa.string()) for n in range(width))])


def read_rows(
    file: LandedFile, dialect: Dialect, positions: Sequence[int | None], columns: int, fault: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the records of one file, numbered from 1; cell ``n`` of the result is the file's cell ``positions[n]``.

    ``columns`` is the number of cells a row must have. A row with another number comes with fault ``csv_columns`` (with
    ``quote_unclosed`` where a quotation mark swallowed the lines after it), one with bytes of another encoding with
    ``encoding``; they carry their text in ``unread`` (to be hashed, nothing else). ``fault`` is one of the whole file.
    """
    misfits: list[_Misfit] = []
    for (batch, numbers, stream), is_last in _with_last(_fitting(file.path, dialect, columns, misfits)):
        end = max([0, *(misfit.number for misfit in misfits)])
        is_unclosed = is_last and len(numbers) > 0 and numbers[-1] > end and _ends_in_quotes(file.path, dialect, batch)
        lines = pa.array(numbers - _header_rows(dialect), pa.int64())
        yield _rows(file, batch, lines, positions, (fault, stream.damaged, is_unclosed))
    yield from _misfits(file, dialect, misfits, len(positions))


def _fitting(
    path: Path, dialect: Dialect, columns: int, misfits: list[_Misfit]
) -> Iterator[tuple[pa.RecordBatch, np.ndarray, _Utf8Stream]]:
    """Yield the rows with ``columns`` cells, their numbers and the stream they come from; note the others."""
    stream, last = _Utf8Stream(path, dialect.encoding), _header_rows(dialect)
    try:
        for batch in _open(stream, dialect, columns, _blank_rows(path, dialect), misfits):
            numbers = _numbers(batch.num_rows, last, [misfit.number for misfit in misfits])
            yield batch, numbers, stream
            last = int(numbers[-1]) if len(numbers) else last
    except pa.ArrowInvalid:
        # No records at all, or a row longer than Arrow's block (an unclosed quotation mark makes such rows).
        done = max([last, *(misfit.number for misfit in misfits)])
        stream = _Utf8Stream(path, dialect.encoding)
        for batch, numbers in _long_rows(stream, dialect, columns, done, misfits):
            yield batch, numbers, stream


def _ends_in_quotes(path: Path, dialect: Dialect, last: pa.RecordBatch) -> bool:
    """Whether the file ends within quotation marks: its last row holds lines, and the marks are odd in number."""
    row = last.slice(last.num_rows - 1).to_pylist()[0].values()
    if not any("\n" in cell for cell in row if cell):
        return False
    with io.BufferedReader(_Utf8Stream(path, dialect.encoding)) as whole:
        return sum(block.count(b'"') for block in iter(lambda: whole.read(_BLOCK_BYTES), b"")) % 2 == 1


def _python_rows(stream: _Utf8Stream, dialect: Dialect) -> Iterator[list[str]]:
    """Yield the rows that are not blank, header included, as Python's own CSV reader cuts them."""
    return filter(None, _all_python_rows(stream, dialect))


def _all_python_rows(stream: _Utf8Stream, dialect: Dialect) -> Iterator[list[str]]:
    with io.TextIOWrapper(io.BufferedReader(stream), "utf-8", newline="") as text:
        yield from csv.reader(text, delimiter=dialect.delimiter)


def _long_rows(
    stream: _Utf8Stream, dialect: Dialect, columns: int, done: int, misfits: list[_Misfit]
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Yield the rows after number ``done`` that fit, in batches with their numbers; note the others in ``misfits``."""
    numbered = ((number, row) for number, row in enumerate(_python_rows(stream, dialect), start=1) if number > done)
    while rows := list(islice(numbered, _ROWS_A_BATCH)):
        wrong = ((number, dialect.delimiter.join(row)) for number, row in rows if len(row) != columns)
        misfits += [_Misfit(number, text, "\n" in text) for number, text in wrong]
        fitting = [(number, row) for number, row in rows if len(row) == columns]
        cells = [pa.array([row[at] for _, row in fitting], pa.string()) for at in range(columns)]
        yield (
            pa.RecordBatch.from_arrays(cells, [str(at) for at in range(columns)]),
            np.array([number for number, _ in fitting], dtype=np.int64),
        )


def _with_last(items: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Yield each item and whether it is the last, which is known once its source has ended."""
    held: list[T] = []
    for item in items:
        yield from ((one, False) for one in held)
        held = [item]
    yield from ((one, True) for one in held)


def _header_rows(dialect: Dialect) -> int:
    return 0 if dialect.names else dialect.header_rows


def _open(
    stream: _Utf8Stream, dialect: Dialect, columns: int, blank: int, misfits: list[_Misfit]
) -> pacsv.CSVStreamingReader:
    def keep(row: pacsv.InvalidRow) -> str:
        is_unclosed = "\n" in row.text.strip() and row.text.count('"') % 2 == 1
        misfits.append(_Misfit(row.number - blank, row.text, is_unclosed))
        return "skip"

    names = [str(n) for n in range(columns)]
    return pacsv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=pacsv.ReadOptions(
            column_names=names,
            skip_rows_after_names=_header_rows(dialect) + blank,
            block_size=_BLOCK_BYTES,
            use_threads=False,
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=keep
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )


def _numbers(count: int, last: int, misfits: list[int]) -> np.ndarray:
    """Number the next ``count`` rows that fit: the numbers of those that do not are left out."""
    numbers: np.ndarray = np.arange(last + 1, last + 1 + count + len(misfits))
    fitting: np.ndarray = numbers[~np.isin(numbers, misfits)][:count]
    return fitting


def _rows(
    file: LandedFile,
    batch: pa.RecordBatch,
    lines: pa.Array,
    positions: Sequence[int | None],
    faulty: tuple[str | None, bool, bool],
) -> pa.RecordBatch:
    count = batch.num_rows
    fault, damaged, is_unclosed = faulty
    faults = pa.repeat(pa.scalar(fault, pa.string()), count)
    unread = None
    if damaged or is_unclosed:
        whole = pc.binary_join_element_wise(*batch.columns, "|")
        sick = pc.match_substring(whole, _MARK)
        faults = pc.if_else(sick, "encoding", faults)
        unread = pc.if_else(sick, whole, pa.scalar(None, pa.string()))
        if is_unclosed:
            faults = pa.concat_arrays([faults[:-1], pa.array(["quote_unclosed"])])
    cells = [pa.nulls(count, pa.string()) if at is None else batch.column(at) for at in positions]
    return row_batch(file, lines, faults, cells, unread)


def _misfits(file: LandedFile, dialect: Dialect, misfits: list[_Misfit], width: int) -> Iterator[pa.RecordBatch]:
    if misfits:
        count = len(misfits)
        lines = pa.array([misfit.number - _header_rows(dialect) for misfit in misfits], pa.int64())
        faults = pa.array([misfit.rule for misfit in misfits])
        unread = pa.array([misfit.text for misfit in misfits])
        yield row_batch(file, lines, faults, [pa.nulls(count, pa.string())] * width, unread)


def row_batch(
    file: LandedFile, lines: pa.Array, faults: pa.Array, cells: list[pa.Array], unread: pa.Array | None = None
) -> pa.RecordBatch:
    """Return records of one file in the shape of :func:`row_schema`."""
    ids, feeds = pa.repeat(file.file_id, len(lines)), pa.repeat(file.feed, len(lines))
    unread = pa.nulls(len(lines), pa.string()) if unread is None else unread
    return pa.RecordBatch.from_arrays([ids, feeds, lines, faults, unread, *cells], schema=row_schema(len(cells)))
