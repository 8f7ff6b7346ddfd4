"""Writing one published schema: a DuckDB file that stands alone, a Parquet file a mart, and their digest.

Belongs here: files and digests. Does not belong: which rows (``publisher`` passes queries), where nights lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.lake.duck import quote

DATABASE = "journeys.duckdb"
#: Clients of DuckDB 1.4 and later open the file.
STORAGE_VERSION = "v1.4.0"
#: Which delivery brought a row; the same row may come from another one.
LINEAGE = ("ingested_at", "batch_id")


@dataclass(frozen=True)
class Written:
    """Rows per mart, and a digest of the content without lineage columns."""

    marts: dict[str, int]
    digest: str


def write_schema(
    con: duckdb.DuckDBPyConnection, folder: Path, marts: Mapping[str, str], night: str, as_of: date
) -> Written:
    """Write ``marts`` (name -> query) into ``folder``.

    The file also holds ``_publication``: night, as_of, mart and its rows.
    """
    con.execute(f"attach {quote(folder / DATABASE)} as published (storage_version '{STORAGE_VERSION}')")
    con.execute("begin")  # one flush to disk for all marts rather than one for each
    try:
        rows: dict[str, int] = {}
        digest = hashlib.sha256(str(as_of).encode())
        for name, query in sorted(marts.items()):
            table = f'published.main."{name}"'
            con.execute(f"create table {table} as {query}")
            con.execute(f"copy {table} to {quote(folder / f'{name}.parquet')} (format parquet, compression zstd)")
            rows[name], content = _content(con, table)
            digest.update(f"{name}\n{content}\n".encode())
        con.execute("create table published.main._publication (night text, as_of date, mart text, row_count bigint)")
        con.executemany(
            "insert into published.main._publication values (?, ?, ?, ?)",
            [[night, as_of, name, count] for name, count in rows.items()] or [[night, as_of, None, 0]],
        )
        con.execute("commit")
    except Exception:
        con.execute("rollback")
        raise
    finally:
        con.execute("detach published")
    return Written(rows, digest.hexdigest())


def _content(con: duckdb.DuckDBPyConnection, table: str) -> tuple[int, str]:
    """Return rows and a digest that depends neither on their order nor on a double's last bits."""
    columns = [(name, kind) for name, kind, *_ in con.execute(f"describe {table}").fetchall()]
    hashed = ", ".join(
        # Sums over threads differ in the last bits from run to run, and in all digits where they cancel out: the first
        # are beyond thirteen digits, the others beyond nine decimals. A cent in a hundred millions still tells.
        f"printf('%.12e', round(\"{name}\", 9))" if kind in {"DOUBLE", "FLOAT"} else f'"{name}"'
        for name, kind in columns
        if name not in LINEAGE
    )
    count, total = con.execute(f"select count(*), coalesce(sum(hash({hashed})), 0) from {table}").fetchall()[0]
    return int(count), f"{columns} {count} {total}"
