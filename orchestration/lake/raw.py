"""Raw: the records of landed files as Parquet, one file per (batch, table), written whole or not at all.

Belongs here: where a batch's tables are written, how it becomes visible, the empty tables.
Does not belong: parsing (``pull``) and choosing the newest version (dbt).

Layout: ``raw/<source>/<table>/<batch_id>.parquet``. A batch exists once ``raw/<source>/files/<batch_id>.parquet`` does;
it is moved in last, and leftovers of a killed batch are swept before the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.lake.duck import quote, session
from orchestration.lake.schemas import STANDARD_TABLES

EMPTY = "_empty.parquet"

#: How DuckDB writes a raw table. Version 2 writes rows as differences from those before: smaller and sooner.
PARQUET_OPTIONS = "format parquet, parquet_version v2, compression zstd, compression_level 1"

#: Rows that are written to a raw table at once.
ROW_GROUP = 100_000
_SAMPLE = 10_000
_COUNTED = {pa.int64(), pa.date32(), pa.timestamp("us")}
_ENCODED = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class RawBatch:
    """Where one batch of files writes its tables until it is committed."""

    source_folder: Path
    batch_id: str

    @property
    def scratch(self) -> Path:
        """Folder of the batch's tables before commit."""
        return self.source_folder / f".writing-{self.batch_id}"

    def path(self, table: str) -> Path:
        """The Parquet file that ``table`` is written to; may be left unwritten where the batch has no row for it."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self.scratch / f"{table}.parquet"

    def write(self, table: str, rows: pa.Table) -> None:
        """Write ``rows`` as ``table``."""
        pq.write_table(rows, self.path(table), compression="zstd")

    def commit(self) -> None:
        """Make the batch visible: every table first, ``files`` last."""
        written = sorted(self.scratch.glob("*.parquet"), key=lambda path: path.stem == "files")
        for path in written:
            target = self.source_folder / path.stem / f"{self.batch_id}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        shutil.rmtree(self.scratch, ignore_errors=True)


class TableWriter:
    """Writes one raw table as its rows come, a row group at a time; without any row there is no file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> None:
        """Take rows; columns of the table that they lack are null, others are left out.

        A text that repeats may come as a dictionary, which is written without looking at any text again.
        """
        if not rows.num_rows:
            return
        present = set(rows.column_names)
        columns = [
            _typed(rows[f.name], f.type) if f.name in present else pa.nulls(rows.num_rows, f.type) for f in self._schema
        ]
        self._pending.append(pa.table(columns, names=self._schema.names))
        self._rows += rows.num_rows
        if self._rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        if self._pending:
            self._flush()
        if self._writer:
            self._writer.close()

    def _flush(self) -> None:
        schema = self._writer.schema if self._writer else self._pending[0].schema
        rows = pa.concat_tables([_fitted(rows, schema) for rows in self._pending])
        if self._writer is None:
            self._writer = _parquet_writer(self._path, rows)
        self._writer.write_table(rows.unify_dictionaries())
        self._pending, self._rows = [], 0


def constant(value: str, rows: int) -> pa.DictionaryArray:
    """Return a column of one text, of which nothing is said for each row but that it is the same."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [value])


def _parquet_writer(path: Path, first: pa.Table) -> pq.ParquetWriter:
    """Open a Parquet file for rows like ``first``: texts that hardly ever repeat a dictionary would only cost time.

    Least and greatest values are stored where they are quick to find, which is not in texts.
    """
    sample = first.slice(0, _SAMPLE)
    texts = [f.name for f in first.schema if f.type == pa.string()]
    encoded = [f.name for f in first.schema if pa.types.is_dictionary(f.type)]
    repeating = [name for name in texts if pc.count_distinct(sample[name]).as_py() <= sample.num_rows // 2]
    counting = {f.name: "DELTA_BINARY_PACKED" for f in first.schema if _counts(f.type)}
    differing = {name: "DELTA_BYTE_ARRAY" for name in texts if name not in repeating}
    return pq.ParquetWriter(
        path,
        first.schema,
        compression="zstd",
        use_dictionary=encoded + repeating,
        column_encoding=counting | differing,
        store_decimal_as_integer=True,
        store_schema=False,  # that texts came as dictionaries concerns no reader
        write_statistics=[name for name in first.column_names if name not in {*texts, *encoded}],
    )


def _counts(kind: pa.DataType) -> bool:
    return kind in _COUNTED or pa.types.is_decimal(kind)


def _typed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column as ``kind``; a text may stay a dictionary."""
    is_text = kind == pa.string() and column.type == _ENCODED
    return column if column.type == kind or is_text else column.cast(kind)


def _fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows whose texts are dictionaries where those of ``schema`` are, and only there."""
    if rows.schema.equals(schema):
        return rows
    # Arrow casts a dictionary to its texts, but no texts to a dictionary.
    encoded = {f.name for f in schema if f.type == _ENCODED != rows.schema.field(f.name).type}
    columns = [rows[f.name].dictionary_encode() if f.name in encoded else rows[f.name].cast(f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def sweep(source_folder: Path) -> None:
    """Remove what a killed batch left: half-written scratch folders and tables whose batch never became visible."""
    for scratch in source_folder.glob(".writing-*"):
        shutil.rmtree(scratch)
    committed = {path.name for path in source_folder.glob("files/*.parquet")}
    for path in source_folder.glob("*/*.parquet"):
        if path.name != EMPTY and path.name not in committed:
            path.unlink()


def ensure_empty_tables(source_folder: Path, tables: Mapping[str, pa.Schema]) -> None:
    """Give every table of a source its schema, so that a source that delivered nothing reads as empty tables."""
    for table, schema in {**STANDARD_TABLES, **tables}.items():
        path = source_folder / table / EMPTY
        if path.exists() and pq.read_schema(path).equals(schema):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(schema.empty_table(), path)


def parsed_signatures(source_folder: Path) -> dict[str, str]:
    """Return ``file_id -> signature`` of the files whose records are in raw."""
    if not any(source_folder.glob("files/*.parquet")):
        return {}
    with session() as con:
        rows = con.execute(
            f"select file_id, signature from read_parquet({quote(source_folder / 'files' / '*.parquet')})"
        ).fetchall()
    return dict(rows)


def merge(parts: list[RawBatch], whole: RawBatch) -> None:
    """Bring the tables that several readers wrote for one batch together; columns that a reader lacks are null."""
    by_table: dict[str, list[Path]] = {}
    for part in parts:
        for path in sorted(part.scratch.glob("*.parquet")):
            by_table.setdefault(path.stem, []).append(path)
    for table, paths in by_table.items():
        if len(paths) == 1:
            paths[0].replace(whole.path(table))
            continue
        # DuckDB marks columns without nulls as required: the merged table must allow what any part holds.
        schema = pa.unify_schemas([pa.schema([f.with_nullable(True) for f in pq.read_schema(path)]) for path in paths])
        with pq.ParquetWriter(whole.path(table), schema, compression="zstd") as writer:
            for path in paths:
                for rows in pq.ParquetFile(path).iter_batches():
                    writer.write_batch(_widened(rows, schema))
    for part in parts:
        shutil.rmtree(part.scratch, ignore_errors=True)


def _widened(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    present = set(rows.schema.names)
    columns = [rows.column(f.name) if f.name in present else pa.nulls(rows.num_rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def newest_versions(batch: RawBatch) -> dict[str, datetime | None]:
    """Return per file the newest version time of its records."""
    if not batch.path("records").exists():
        return {}
    with session() as con:
        rows = con.execute(
            f"select file_id, max(version_at) from read_parquet({quote(batch.path('records'))}) group by all"
        ).fetchall()
    return dict(rows)
