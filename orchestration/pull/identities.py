"""Identity statements: who a source's records say they are about, by declaration.

Belongs here: the declaration of a source's identifiers and the SQL that writes them to `identities`.
Does not belong: deciding who is one person (``orchestration.identity``).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, field_validator

from orchestration.lake.duck import connect, quote
from orchestration.lake.raw import RawBatch
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
        unknown = sorted(set(columns) - set(IDENTITY_COLUMNS))
        if unknown or "identity_id" not in columns:
            raise ValueError(f"identities need identity_id and know only {sorted(IDENTITY_COLUMNS)}; not {unknown}")
        return columns

    def select(self, parquet: str) -> str:
        """Return the SQL that reads the statements from one Parquet file."""
        fields = ", ".join(
            f"cast({self.columns.get(name, 'null')} as {_SQL_TYPES[kind]}) as {name}"
            for name, kind in IDENTITY_COLUMNS.items()
        )
        identity = self.columns["identity_id"]
        return (
            f"select file_id, line, {fields} from read_parquet({quote(parquet)}) "
            f"where ({self.where}) and ({identity}) is not null"
        )


def write_identities(maps: Sequence[IdentityMap], out: RawBatch) -> None:
    """Write `identities` for a parsed batch; tables that the batch did not write are skipped."""
    selects = [m.select(str(out.path(m.table))) for m in maps if out.path(m.table).exists()]
    if not selects:
        return
    columns = ", ".join(IDENTITIES.names)
    with connect() as con:
        con.execute(
            f"copy (select distinct {columns} from ({' union all by name '.join(selects)})) "
            f"to {quote(out.path('identities'))} (format parquet, compression zstd)"
        )
