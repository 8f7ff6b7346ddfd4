"""Declared tables: anything that is columns in a file, described by a few lines of YAML.

Belongs here: the declaration of a CSV, TSV, NDJSON, JSON or Parquet table, its checks at load time, reading by it.
Does not belong: formats that need code of their own (``contact_records``, ``segment_events``, ``qualtrics``, ``x12``).

The shortest useful declaration::

    - kind: table
      table: training
      path: "trainings*.csv"
      record_id: [training_id]
      columns: {training_id: {required: true}, started_on: {type: date}}
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestration.declaration import MisdeclaredError, did_you_mean, unknown_zone
from orchestration.lake.duck import quote
from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull import cells, delimited, lines, typed
from orchestration.pull.cells import Cells
from orchestration.pull.columns import Column
from orchestration.pull.delimited import Dialect
from orchestration.pull.paths import path_matches, signature_of
from orchestration.pull.typed import RowRule, TypedTable

_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Columns that every raw or staged row has already.
_TAKEN = {"file_id", "line", "feed", "record_hash", "fault", "record_id", "version_at", "ingested_at", "batch_id"}


class DeclaredTable(BaseModel):
    """A table in files, as declared; fulfils ``pull.reader.Reader``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["table"]
    table: str
    path: str = Field(description="Glob over the delivered path below the feed's folder; `.gz` may follow.")
    format: Literal["csv", "tsv", "ndjson", "json", "parquet"] = "csv"
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: list[str] | None = Field(default=None, description="Column names of a CSV file without header row.")
    zone: str | None = Field(default=None, description="Zone of local times whose column names none.")
    record_id: list[str] = Field(min_length=1)
    repeats: bool = Field(
        default=False, description="Rows of a file with one key are different records, numbered in their order."
    )
    version_at: str | None = None
    columns: dict[str, Column]
    rules: list[RowRule] = []

    @model_validator(mode="after")
    def _coherent(self) -> DeclaredTable:
        for name in [self.table, *self.columns]:
            if not _NAME.fullmatch(name) or name in _TAKEN:
                raise MisdeclaredError(
                    f"{name!r}: names are lower_case, begin with a letter and are none of {sorted(_TAKEN)}",
                    ["columns", name] if name in self.columns else ["table"],
                )
        self._must_know("record_id", self.record_id)
        self._must_know("version_at", [self.version_at] if self.version_at else [])
        if self.version_at and self.columns[self.version_at].type not in ("timestamp", "date"):
            raise MisdeclaredError(f"{self.version_at!r} is no timestamp or date", ["version_at"])
        if self.zone is not None and (wrong := unknown_zone(self.zone)):
            raise MisdeclaredError(wrong, ["zone"])
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise MisdeclaredError(str(error), ["encoding"]) from error
        self._must_be_delivered()
        if wrong := self._typed.fault():
            raise MisdeclaredError(wrong, ["rules"])
        return self

    def _must_know(self, key: str, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.columns:
                raise MisdeclaredError(f"no column {name!r}{did_you_mean(name, list(self.columns))}", [key])

    def _must_be_delivered(self) -> None:
        """Refuse delivered names that no file of this declaration can have."""
        if self.format in ("ndjson", "json"):
            try:
                cells.json_structure(self._typed.cell_names)
            except ValueError as error:
                raise MisdeclaredError(str(error), ["columns"]) from None
        for name, column in self.columns.items():
            delivered = column.source or name
            if self.header and column.constant is None and delivered not in self.header:
                raise MisdeclaredError(
                    f"`header` names no {delivered!r}{did_you_mean(delivered, self.header)}", ["columns", name]
                )

    @property
    def _typed(self) -> TypedTable:
        names = ", ".join(f'"{name}"' for name in self.record_id)
        key = f"nullif(concat_ws('|', {names}), '')"
        if self.repeats:
            # A log that has grown is delivered whole again: the same rows get the same numbers.
            key += f" || '#' || row_number() over (partition by file_id, {names} order by line)"
        return TypedTable(
            name=self.table,
            columns=self.columns,
            record_id=key,
            version_at=f'"{self.version_at}"' if self.version_at else "null",
            zone=quote(self.zone) if self.zone else None,
            rules=self.rules,
        )

    @property
    def _dialect(self) -> Dialect:
        delimiter = "\t" if self.format == "tsv" else self.delimiter
        return Dialect(self.encoding, delimiter, names=tuple(self.header) if self.header else None)

    @property
    def signature(self) -> str:
        """Changes with the declaration and with the code that reads by it."""
        return signature_of(self.model_dump_json(), delimited, lines, *typed.MODULES)

    @property
    def tables(self) -> dict[str, pa.Schema]:
        """The declared table."""
        return {self.table: self._typed.row_table.schema}

    def accepts(self, name: str) -> bool:
        """Whether the delivered path matches the declared one, packed or not."""
        return path_matches(name, self.path)

    def count(self, path: Path) -> int:
        """Records of a file: lines, rows below the header, or objects of an array."""
        match self.format:
            case "ndjson":
                return lines.count_lines(path)
            case "json":
                return cells.count_json_array(path)
            case "parquet":
                return cells.count_parquet(path)
        return delimited.count_rows(path, self._dialect)

    def lacking(self, path: Path) -> list[str]:
        """Delivered names that the header of a file does not have: their columns are empty."""
        match self.format:
            case "csv" | "tsv":
                return cells.not_in_header(path, self._dialect, self._typed.cell_names)
            case "parquet":
                return cells.not_in_parquet(path, self._typed.cell_names)
        return []

    def parse(self, files: Sequence[LandedFile], out: RawBatch) -> None:
        """Write the declared table, `records` and `rejects`."""
        self._typed.write(self._cells(files, self._typed.cell_names), out)

    def _cells(self, files: Sequence[LandedFile], names: Sequence[str]) -> Cells:
        match self.format:
            case "ndjson":
                return cells.json_lines_cells(files, names)
            case "json":
                return cells.json_array_cells(files, names)
            case "parquet":
                return cells.parquet_cells(files, names)
        return cells.csv_cells(files, self._dialect, names)
