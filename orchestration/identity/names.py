"""Given names: which spellings and short forms may stand for one name.

Belongs here: the nickname list and the keys of a name. Does not belong: judging whether two records agree.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

NICKNAMES_FILE = Path(__file__).with_name("nicknames.csv")

#: Spellings of one sound, in this order: endings first, then consonants, then doubled letters.
_SPELLINGS = [
    (re.compile(r"(ie|ey|ee|ye|y|i)$"), "i"),
    (re.compile(r"ah$"), "a"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"ck|c(?![eihy])|q"), "k"),
    (re.compile(r"z"), "s"),
    (re.compile(r"(.)\1+"), r"\1"),
]


def spelling_key(name: str) -> str:
    """Return a name as all its usual spellings: Jimmie, Jimmy and Jimmi are ``jimi``."""
    for pattern, written in _SPELLINGS:
        name = pattern.sub(written, name)
    return name


def name_keys(name: str) -> list[str]:
    """Return the keys of a given name: its own and those of the names it may be short for."""
    key = spelling_key(name)
    return sorted({key} | _full_names().get(key, frozenset()))


@lru_cache
def _full_names() -> dict[str, frozenset[str]]:
    """Return for the key of every short form the keys of the names it may stand for."""
    found: dict[str, set[str]] = {}
    with NICKNAMES_FILE.open() as file:
        for row in csv.DictReader(file):
            for short in row["nicknames"].split():
                found.setdefault(spelling_key(short), set()).add(spelling_key(row["name"]))
    return {short: frozenset(names) for short, names in found.items()}


def register_names(con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Create the table ``given_name`` (name, keys) over distinct given names."""
    keys = pa.array([name_keys(name) for name in names], type=pa.list_(pa.string()))
    con.register("given_names", pa.table({"name": pa.array(names, type=pa.string()), "keys": keys}))
    con.execute("create or replace temp table given_name as select name, keys from given_names")
    con.unregister("given_names")
