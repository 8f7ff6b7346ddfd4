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
    except pa.ArrowInvalid:
        return 1


def _json_query(names: Sequence[str]) -> str:
    """SQL that cuts JSON text into cells; what is no JSON object is ``json_invalid``."""
    structure = quote(json.dumps(_structure(names)))
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


def _structure(names: Sequence[str]) -> dict[str, object]:
    root: dict[str, object] = {}
    for name in names:
        *parents, leaf = name.split(".")
        node = root
        for parent in parents:
            inner = node.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name}: {parent} is read as a value and as an object")
            node = inner
        node.setdefault(leaf, "VARCHAR")
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
    rows = read_header(file.path, dialect)
    if not rows:
        return
    header = [name.strip() for name in rows[0]]
    fault = "header_duplicate" if any(header.count(name) > 1 for name in names) else None
    positions = [header.index(name) if name in header else None for name in names]
    yield from delimited.read_rows(file, dialect, positions, len(header), fault)


def _parquet_batches(file: LandedFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        parquet = pq.ParquetFile(file.path)
    except pa.ArrowInvalid:
        yield delimited.row_batch(
            file, pa.array([1]), pa.array(["parquet_invalid"]), [pa.nulls(1, pa.string())] * len(names)
        )
        return
    present = set(parquet.schema_arrow.names)
    first = 1
    for batch in parquet.iter_batches(columns=[name for name in names if name in present]):
        count = batch.num_rows
        cells = [
            pc.cast(batch.column(name), pa.string()) if name in present else pa.nulls(count, pa.string())
            for name in names
        ]
        yield delimited.row_batch(file, pa.array(range(first, first + count)), pa.nulls(count, pa.string()), cells)
        first += count
