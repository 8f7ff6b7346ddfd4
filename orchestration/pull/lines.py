"""Delivered files as numbered lines, whole and in order, at memory speed.

Belongs here: cutting bytes into lines: gzip, byte-order mark, CRLF, blank lines, very long lines, wrong encodings.
Does not belong: what is in a line (the readers).

A block of a file becomes one Arrow array without copying a line, so DuckDB scans lines as fast as memory allows and
the line numbers are exact. DuckDB's own CSV reader is not used for lines: it drops what follows a lone carriage return
and loses its count at bytes that are not UTF-8.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from orchestration.lake.landing import LandedFile

#: ``text`` comes without its line break. ``fault`` names what keeps the line from being text (``encoding``), else null.
LINES = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("feed", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("text", pa.string()),
        pa.field("fault", pa.string()),
    ]
)

BLOCK_BYTES = 2 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _SPACE = 10, 13, 32
_GZIP = 16 + zlib.MAX_WBITS


def byte_blocks(path: Path) -> Iterator[bytes]:
    """Yield a delivered file in blocks, unpacked where its name ends in ``.gz``.

    A gzip stream that breaks off, or is none, yields what can be unpacked and then a NUL, so that its last line is a
    fault rather than a silent end.
    """
    with path.open("rb") as file:
        if path.suffix != ".gz":
            while block := file.read(BLOCK_BYTES):
                yield block
            return
        try:
            yield from gunzipped(iter(lambda: file.read(BLOCK_BYTES // 4), b""))
        except (zlib.error, EOFError):
            yield b"\0"


def gunzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what the blocks of a gzip stream hold, of all its members.

    Raises:
        EOFError: the stream breaks off.
        zlib.error: it is none.
    """
    member = None
    for block in blocks:
        packed = block
        while packed:
            member = zlib.decompressobj(_GZIP) if member is None or member.eof else member
            yield member.decompress(packed)
            packed = member.unused_data
    if member is not None and not member.eof:
        raise EOFError("the gzip stream breaks off")


def count_lines(path: Path) -> int:
    """Return the number of lines that are not blank, counted without :func:`line_reader`."""
    lines, rest = 0, b""
    for number, block in enumerate(byte_blocks(path)):
        whole = rest + (block.removeprefix(_BYTE_ORDER_MARK) if number == 0 else block)
        *complete, rest = whole.split(b"\n")
        lines += sum(1 for line in complete if line.strip())
    return lines + bool(rest.strip())


def line_reader(files: Sequence[LandedFile]) -> pa.RecordBatchReader:
    """Return every line of ``files`` that is not blank, as a stream that can be read once (schema ``LINES``).

    Register it with DuckDB under a name and select from it. ``line`` counts from 1, blank lines included.
    """
    return pa.RecordBatchReader.from_batches(LINES, _batches(files))


def _batches(files: Iterable[LandedFile]) -> Iterator[pa.RecordBatch]:
    for file in files:
        first = 1
        for block in _blocks(file.path):
            ends: np.ndarray = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == _NEWLINE) + 1
            if not len(ends) or ends[-1] != len(block):
                ends = np.append(ends, len(block))
            yield _block_lines(file, block, ends, first)
            first += len(ends)


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces that end at a line break; a line longer than a block makes its piece longer."""
    pieces: list[bytes] = []
    for number, block in enumerate(byte_blocks(path)):
        data = block.removeprefix(_BYTE_ORDER_MARK) if number == 0 else block
        cut = data.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pieces, memoryview(data)[:cut]])
            pieces = []
        pieces.append(data[cut:])
    if rest := b"".join(pieces):
        yield rest


def _block_lines(file: LandedFile, block: bytes, ends: np.ndarray, first: int) -> pa.RecordBatch:
    bytes_ = np.frombuffer(block, dtype=np.uint8)
    starts = np.concatenate(([0], ends[:-1]))
    faulty = _faulty_lines(block, starts, ends)
    if faulty:
        lines = [block[start:end].rstrip(b"\r\n") for start, end in zip(starts, ends, strict=True)]
        texts = pa.array([line.decode("latin-1" if n in faulty else "utf-8") for n, line in enumerate(lines)])
        faults = pa.array(["encoding" if n in faulty else None for n in range(len(lines))], pa.string())
    else:
        texts = _texts(block, bytes_, ends)
        faults = pa.nulls(len(ends), pa.string())
    columns = [_repeated(file.file_id, len(ends)), _repeated(file.feed, len(ends))]
    numbers = _integers(np.arange(first, first + len(ends)))
    batch = pa.RecordBatch.from_arrays([*columns, numbers, texts, faults], schema=LINES)
    suspects = np.flatnonzero(bytes_[starts] <= _SPACE)
    blank = [n for n in suspects if not block[starts[n] : ends[n]].strip()]
    return batch.take(_integers(np.delete(np.arange(len(ends)), blank))) if blank else batch


def _integers(numbers: np.ndarray) -> pa.Int64Array:
    """As Arrow, from the buffer: ``pa.array`` would load pandas, which costs more than reading a small delivery."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers.astype(np.int64))])


def _repeated(text: str, times: int) -> pa.StringArray:
    data = text.encode()
    offsets: np.ndarray = np.arange(times + 1, dtype=np.int32) * np.int32(len(data))
    return pa.StringArray.from_buffers(times, pa.py_buffer(offsets), pa.py_buffer(data * times))


def _texts(block: bytes, bytes_: np.ndarray, ends: np.ndarray) -> pa.StringArray:
    """Return the lines without their breaks: line and break alternate in one array, then every second is taken."""
    stops = ends - (bytes_[ends - 1] == _NEWLINE)
    stops = stops - ((bytes_[stops - 1] == _RETURN) & (stops > np.concatenate(([0], ends[:-1]))))
    offsets: np.ndarray = np.zeros(2 * len(ends) + 1, dtype=np.int32)
    offsets[1::2], offsets[2::2] = stops, ends
    both = pa.StringArray.from_buffers(2 * len(ends), pa.py_buffer(offsets), pa.py_buffer(block))
    return both.take(_integers(np.arange(0, 2 * len(ends), 2)))


def _faulty_lines(block: bytes, starts: np.ndarray, ends: np.ndarray) -> set[int]:
    """Return the lines that are not UTF-8 text; a NUL byte means another encoding (UTF-16) or binary data."""
    if b"\0" not in block and _is_text(block):
        return set()
    lines = (block[start:end] for start, end in zip(starts, ends, strict=True))
    return {n for n, line in enumerate(lines) if b"\0" in line or not _is_text(line)}


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
