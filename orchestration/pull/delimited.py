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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from orchestration.lake.landing import LandedFile
from orchestration.pull.lines import byte_blocks

#: Stands for bytes that are not text in the declared encoding; Unicode keeps it out of real text.
_MARK = "\ufffe"
codecs.register_error("mark", lambda error: (_MARK, error.end) if isinstance(error, UnicodeDecodeError) else ("", 0))
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written. ``names`` are the columns of a file without header."""

    encoding: str = "utf-8"
    delimiter: str = ","
    header_rows: int = 1
    names: tuple[str, ...] | None = None


class _Utf8Stream(io.RawIOBase):
    """A delivered file as UTF-8 bytes; what cannot be decoded becomes ``_MARK``."""

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
            text = self._decoder.decode(block or b"", final=self._ended)
            self.damaged = self.damaged or _MARK in text
            self._ready = text.encode("utf-8", "replace")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def count_rows(path: Path, dialect: Dialect) -> int:
    """Return the number of records, counted without Arrow: rows that are not blank, header rows left out."""
    csv.field_size_limit(sys.maxsize)
    with io.TextIOWrapper(io.BufferedReader(_Utf8Stream(path, dialect.encoding)), "utf-8", newline="") as text:
        rows = sum(1 for row in csv.reader(text, delimiter=dialect.delimiter) if row)
    return max(rows - _header_rows(dialect), 0)


def read_header(path: Path, dialect: Dialect) -> list[list[str]]:
    """Return the header rows of a file, or its given names; fewer (or none) where the file ends before."""
    if dialect.names:
        return [list(dialect.names)]
    with io.TextIOWrapper(io.BufferedReader(_Utf8Stream(path, dialect.encoding)), "utf-8", newline="") as text:
        rows = (row for row in csv.reader(text, delimiter=dialect.delimiter) if row)
        return [row for row, _ in zip(rows, range(dialect.header_rows), strict=False)]


def row_schema(width: int) -> pa.Schema:
    """Schema of :func:`read_rows`: locator, the row's own ``fault`` (rule code) or null, then ``width`` text cells."""
    text = [("file_id", pa.string()), ("feed", pa.string()), ("line", pa.int64()), ("fault", pa.string())]
    return pa.schema([*text, ("unread", pa.string()), *((f"c{n}", pa.string()) for n in range(width))])


def read_rows(
    file: LandedFile, dialect: Dialect, positions: Sequence[int | None], columns: int, fault: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the records of one file, numbered from 1; cell ``n`` of the result is the file's cell ``positions[n]``.

    ``columns`` is the number of cells a row must have. A row with another number comes with fault ``csv_columns``, one
    with bytes of another encoding with ``encoding``; both carry their text in ``unread`` (to be hashed, nothing else).
    ``fault`` is one of the whole file.
    """
    misfits: list[tuple[int, str]] = []
    stream = _Utf8Stream(file.path, dialect.encoding)
    try:
        reader = _open(stream, dialect, columns, misfits)
    except pa.ArrowInvalid:  # nothing but the header, or nothing at all
        yield from _misfits(file, dialect, misfits, len(positions))
        return
    last = _header_rows(dialect)
    for batch in reader:
        numbers = _numbers(batch.num_rows, last, [number for number, _ in misfits])
        lines = pa.array(numbers - _header_rows(dialect), pa.int64())
        last = int(numbers[-1]) if len(numbers) else last
        yield _rows(file, batch, lines, positions, (fault, stream.damaged))
    yield from _misfits(file, dialect, misfits, len(positions))


def _header_rows(dialect: Dialect) -> int:
    return 0 if dialect.names else dialect.header_rows


def _open(
    stream: _Utf8Stream, dialect: Dialect, columns: int, misfits: list[tuple[int, str]]
) -> pacsv.CSVStreamingReader:
    def keep(row: pacsv.InvalidRow) -> str:
        misfits.append((row.number, row.text))
        return "skip"

    names = [str(n) for n in range(columns)]
    return pacsv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=pacsv.ReadOptions(
            column_names=names,
            skip_rows_after_names=_header_rows(dialect),
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
    faulty: tuple[str | None, bool],
) -> pa.RecordBatch:
    count = batch.num_rows
    fault, damaged = faulty
    faults = pa.repeat(pa.scalar(fault, pa.string()), count)
    unread = None
    if damaged:
        whole = pc.binary_join_element_wise(*batch.columns, "|")
        sick = pc.match_substring(whole, _MARK)
        faults = pc.if_else(sick, "encoding", faults)
        unread = pc.if_else(sick, whole, pa.scalar(None, pa.string()))
    cells = [pa.nulls(count, pa.string()) if at is None else batch.column(at) for at in positions]
    return row_batch(file, lines, faults, cells, unread)


def _misfits(
    file: LandedFile, dialect: Dialect, misfits: list[tuple[int, str]], width: int
) -> Iterator[pa.RecordBatch]:
    if misfits:
        count = len(misfits)
        lines = pa.array([number - _header_rows(dialect) for number, _ in misfits], pa.int64())
        faults = pa.array(["encoding" if _MARK in text else "csv_columns" for _, text in misfits])
        unread = pa.array([text for _, text in misfits])
        yield row_batch(file, lines, faults, [pa.nulls(count, pa.string())] * width, unread)


def row_batch(
    file: LandedFile, lines: pa.Array, faults: pa.Array, cells: list[pa.Array], unread: pa.Array | None = None
) -> pa.RecordBatch:
    """Return records of one file in the shape of :func:`row_schema`."""
    ids, feeds = pa.repeat(file.file_id, len(lines)), pa.repeat(file.feed, len(lines))
    unread = pa.nulls(len(lines), pa.string()) if unread is None else unread
    return pa.RecordBatch.from_arrays([ids, feeds, lines, faults, unread, *cells], schema=row_schema(len(cells)))
