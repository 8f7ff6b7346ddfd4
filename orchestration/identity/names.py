"""Given names: which short forms belong to which name.

Belongs here: the nickname list and its look-up table. Does not belong: judging whether two records agree.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

NICKNAMES_FILE = Path(__file__).with_name("nicknames.csv")


@lru_cache
def full_names() -> dict[str, frozenset[str]]:
    """Return for every short form the names it may stand for."""
    found: dict[str, set[str]] = {}
    with NICKNAMES_FILE.open() as file:
        for row in csv.DictReader(file):
            for short in row["nicknames"].split():
                found.setdefault(short, set()).add(row["name"])
    return {short: frozenset(names) for short, names in found.items()}


def register_names(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table ``nickname`` (short, names): the full names that each short form may stand for."""
    table = pa.table({"short": list(full_names()), "names": [sorted(names) for names in full_names().values()]})
    con.register("nickname_list", table)
    con.execute("create or replace temp table nickname as select short, names from nickname_list")
    con.unregister("nickname_list")
