"""Delivered files of any tabular format as one relation of text cells, which typed columns are read from.

Belongs here: CSV, Parquet, JSON lines and JSON arrays brought to the same shape. Does not belong: types and rules.

The relation has ``file_id, line, feed, record_hash, fault`` and one text column per wanted cell, named by :func:`cell`;
empty text is null, the texts ``NA`` and ``null`` are text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.lake.duck import quote
from orchestration.lake.landing import LandedFile
from orchestration.pull import delimited
from orchestration.pull.delimited import Dialect, read_header, row_schema
from orchestration.pull.lines import LINES, byte_blocks, line_reader


def cell(name: str) -> str:
    """Return the SQL name of the text cell that was delivered as ``name`` (header or dotted JSON path)."""
    escaped = name.replace('"', '""')
    return f'"cell:{escaped}"'


@dataclass(frozen=True)
class Cells:
    """Delivered cells: register ``reader`` as ``delivered``, then run ``query`` once."""

    reader: pa.RecordBatchReader
    query: str


def json_lines_cells(files: Sequence[LandedFile], names: Sequence[str]) -> Cells:
    """Return the cells of JSON lines; ``names`` are dotted paths (``Queue.Duration``), objects come as JSON text."""
    return Cells(line_reader(files), _json_query(names))


def json_array_cells(files: Sequence[LandedFile], names: Sequence[str]) -> Cells:
    """Return the cells of files that are one JSON array of objects each, or one object."""
    batches = (_json_array(file) for file in files)
    return Cells(pa.RecordBatchReader.from_batches(LINES, batches), _json_query(names))


def csv_cells(files: Sequence[LandedFile], dialect: Dialect, names: Sequence[str]) -> Cells:
    """Return the cells of delimited files by header name; a column that a file lacks is null throughout.

    Where a wanted name stands twice in a header, every row of that file has fault ``header_duplicate``.
    """
    return row_cells(files, names, lambda file: _csv_batches(file, dialect, names))


def parquet_cells(files: Sequence[LandedFile], names: Sequence[str]) -> Cells:
    """Return the cells of Parquet files by column name; a file that is none is one record, ``parquet_invalid``."""
    return row_cells(files, names, lambda file: _parquet_batches(file, names))


def count_json_array(path: Path) -> int:
    """Return the number of objects in the array; what is no array counts as one record."""
    try:
        found = orjson.loads(b"".join(byte_blocks(path)))
    except orjson.JSONDecodeError:
        return 1
    return len(found) if isinstance(found, list) else 1


def count_parquet(path: Path) -> int:
    """Return the number of rows by the file's footer; an unreadable file counts as one record."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowInvalid, OSError):
        return 1


def _json_query(names: Sequence[str]) -> str:
    """SQL that cuts JSON text into cells; what is no JSON object is ``json_invalid``."""
    structure = quote(json.dumps(json_structure(names)))
    is_object = "(starts_with(text, '{') or starts_with(ltrim(text), '{'))"
    cells = ", ".join(f"nullif(record.{_struct_path(name)}, '') as {cell(name)}" for name in names)
    return f"""
        select file_id, line, feed, record_hash,
            case when fault is not null then fault when record is null then 'json_invalid' end as fault, {cells}
        from (
            select file_id, line, feed, fault, hash(text)::varchar as record_hash,
                case
                    when fault is null and {is_object} then try(from_json(text, {structure}))
                end as record
            from delivered
        )
    """


def json_structure(names: Sequence[str]) -> dict[str, object]:
    """Return the DuckDB JSON structure in which the dotted paths ``names`` are text.

    Raises:
        ValueError: a path ends where another goes on.
    """
    root: dict[str, object] = {}
    for name in names:
        *parents, leaf = name.split(".")
        node = root
        for parent in parents:
            inner = node.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name}: {parent} is read as a value and as an object")
            node = inner
        if node.setdefault(leaf, "VARCHAR") != "VARCHAR":
            raise ValueError(f"{name}: it is read as a value and as an object")
    return root


def _struct_path(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _json_array(file: LandedFile) -> pa.RecordBatch:
    content = b"".join(byte_blocks(file.path))
    fault = None
    try:
        found = orjson.loads(content)
        texts = [orjson.dumps(record).decode() for record in (found if isinstance(found, list) else [found])]
    except orjson.JSONDecodeError:
        texts, fault = [content.decode("utf-8", "replace")], "json_invalid"
    count = len(texts)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(file.file_id, count),
            pa.repeat(file.feed, count),
            pa.array(range(1, count + 1), pa.int64()),
            pa.array(texts, pa.string()),
            pa.repeat(pa.scalar(fault, pa.string()), count),
        ],
        schema=LINES,
    )


def row_cells(
    files: Sequence[LandedFile], names: Sequence[str], batches: Callable[[LandedFile], Iterator[pa.RecordBatch]]
) -> Cells:
    """Return the cells ``names`` of files that ``batches`` cuts into rows (``delimited.row_schema``)."""
    everything = (batch for file in files for batch in batches(file))
    numbered = [f"c{n}" for n in range(len(names))]
    cells = ", ".join(f"nullif({at}, '') as {cell(name)}" for at, name in zip(numbered, names, strict=True))
    query = (
        f"select file_id, line, feed, fault, hash(unread, {', '.join(numbered)})::varchar as record_hash, {cells} "
        "from delivered"
    )
    return Cells(pa.RecordBatchReader.from_batches(row_schema(len(names)), everything), query)


def _csv_batches(file: LandedFile, dialect: Dialect, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    header = _header(file.path, dialect)
    if not header:
        return
    fault = "header_duplicate" if any(header.count(name) > 1 for name in names) else None
    positions = [header.index(name) if name in header else None for name in names]
    yield from delimited.read_rows(file, dialect, positions, len(header), fault)


def _header(path: Path, dialect: Dialect) -> list[str]:
    return [name.strip() for row in read_header(path, dialect)[:1] for name in row]


def not_in_header(path: Path, dialect: Dialect, names: Sequence[str]) -> list[str]:
    """Return which of ``names`` a delimited file's header lacks; an empty file lacks none."""
    header = _header(path, dialect)
    return [name for name in names if header and name not in header]


def not_in_parquet(path: Path, names: Sequence[str]) -> list[str]:
    """Return which of ``names`` are no columns of a Parquet file; one that is none lacks none."""
    try:
        present = pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError):
        return []
    return [name for name in names if name not in present]


def _parquet_batches(file: LandedFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file; what cannot be read of it, or not as text (nested, binary), is ``parquet_invalid``."""
    done, rows = 0, 1
    try:
        parquet = pq.ParquetFile(file.path)
        rows = parquet.metadata.num_rows
        present = [name for name in names if name in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(columns=present):
            cells = [_as_text(batch.column(name)) if name in present else _no_text(batch.num_rows) for name in names]
            yield delimited.row_batch(file, _lines(done, batch.num_rows), _no_text(batch.num_rows), cells)
            done += batch.num_rows
    except (pa.ArrowException, OSError, KeyError):
        left = rows - done
        faults = pa.repeat("parquet_invalid", left)
        yield delimited.row_batch(file, _lines(done, left), faults, [_no_text(left)] * len(names))


def _as_text(column: pa.Array) -> pa.Array:
    # Arrow would tell a duration as a bare count of whatever unit the file has.
    if pa.types.is_duration(column.type):
        raise pa.ArrowInvalid("a duration has no text")
    return pc.cast(column, pa.string())


def _no_text(count: int) -> pa.Array:
    return pa.nulls(count, pa.string())


def _lines(done: int, count: int) -> pa.Array:
    return pa.array(range(done + 1, done + count + 1), pa.int64())
