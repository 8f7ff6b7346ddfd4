"""DuckDB connections for work outside the warehouse.

Belongs here: one way to open an in-memory DuckDB with bounded memory and no surprises.
Does not belong: the warehouse (``warehouse``).
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import duckdb

MEMORY_LIMIT = "2GB"
THREADS = 2


def session(threads: int = THREADS) -> duckdb.DuckDBPyConnection:
    """Return a connection to a database that all sessions of this process share, for opening one takes 30 ms.

    What a session registers, and its temporary tables, are its own and end with it; make nothing else in it.
    """
    return _shared(threads).cursor()


@cache
def _shared(threads: int) -> duckdb.DuckDBPyConnection:
    return connect(Path(tempfile.gettempdir()) / "patient-journeys-spill" / str(os.getpid()), threads=threads)


def connect(
    spill: Path | None = None, memory_limit: str = MEMORY_LIMIT, threads: int = THREADS
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection: UTC, bounded memory, spilling to ``spill``, nothing fetched from outside."""
    folder = spill or Path(tempfile.gettempdir()) / "patient-journeys-spill"
    # DuckDB makes the folder when it first spills, but not its parents.
    folder.parent.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(folder),
            "max_temp_directory_size": "100GB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        }
    )
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    return con


def quote(value: str | Path) -> str:
    """Return ``value`` as a SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def quote_list(values: list[str] | list[Path]) -> str:
    """Return ``values`` as a SQL list of string literals."""
    return "[" + ", ".join(quote(value) for value in values) + "]"
