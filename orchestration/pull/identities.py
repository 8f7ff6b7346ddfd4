"""Identity statements: who a source's records say they are about, by declaration.

Belongs here: the declaration of a source's identifiers and the SQL that writes them to `identities`.
Does not belong: deciding who is one person (``orchestration.identity``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, field_validator

from orchestration.declaration import MisdeclaredError, did_you_mean
from orchestration.lake.duck import quote, quote_list, session
from orchestration.lake.raw import EMPTY, PARQUET_OPTIONS, RawBatch
from orchestration.lake.schemas import IDENTITIES, IDENTITY_COLUMNS

_SQL_TYPES = {pa.string(): "varchar", pa.bool_(): "boolean", pa.timestamp("us"): "timestamp"}


class IdentityMap(BaseModel):
    """One table's statement of identity: ``columns`` maps identity columns to SQL expressions over that raw table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    columns: dict[str, str]
    where: str = "true"

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name not in IDENTITY_COLUMNS:
                raise MisdeclaredError(f"no identity column{did_you_mean(name, list(IDENTITY_COLUMNS))}", [name])
        if "identity_id" not in columns:
            raise MisdeclaredError("identities need `identity_id`")
        return columns

    def check(self, tables: Mapping[str, pa.Schema]) -> None:
        """Raise ``MisdeclaredError`` where the table or a column of an expression is not among ``tables``."""
        if self.table not in tables:
            raise MisdeclaredError(f"no table {self.table!r}{did_you_mean(self.table, list(tables))}", ["table"])
        said: dict[tuple[str, ...], str] = {("where",): self.where}
        said |= {("columns", name): expression for name, expression in self.columns.items()}
        for at, message in _unbound(said, tables[self.table]):
            raise MisdeclaredError(message, at)

    def select(self, files: Sequence[Path]) -> str:
        """Return the SQL that reads the statements from Parquet files; a column that none of them has is an error."""
        fields = ", ".join(
            f"cast({self.columns.get(name, 'null')} as {_SQL_TYPES[kind]}) as {name}"
            for name, kind in IDENTITY_COLUMNS.items()
        )
        identity = self.columns["identity_id"]
        return (
            f"select file_id, line, {fields} from read_parquet({quote_list(list(files))}, union_by_name = true) "
            f"where ({self.where}) and ({identity}) is not null"
        )


def _unbound(said: Mapping[tuple[str, ...], str], schema: pa.Schema) -> list[tuple[tuple[str, ...], str]]:
    """Return which expressions are no SQL over a table of ``schema``, and why."""
    found = []
    with session() as con:
        con.register("raw", schema.empty_table())
        for at, expression in said.items():
            try:
                con.execute(f"select {expression} from raw")
            except duckdb.Error as error:
                found.append((at, str(error).splitlines()[0]))
    return found


def write_identities(maps: Sequence[IdentityMap], out: RawBatch) -> None:
    """Write `identities` for a parsed batch; tables that the batch did not write are skipped."""
    # The empty table has the columns that this batch's readers do not fill.
    selects = [
        m.select([out.path(m.table), *(out.source_folder / m.table).glob(EMPTY)])
        for m in maps
        if out.path(m.table).exists()
    ]
    if not selects:
        return
    columns = ", ".join(IDENTITIES.names)
    with session() as con:
        con.execute(
            f"copy (select distinct {columns} from ({' union all by name '.join(selects)})) "
            f"to {quote(out.path('identities'))} ({PARQUET_OPTIONS})"
        )
