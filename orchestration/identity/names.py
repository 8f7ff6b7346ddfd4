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

#: Shorter names are other names after one slip, not the same.
SHORTEST_SLIP = 4

#: What so many families call somebody is a name, not a slip.
FAMILIES_OF_A_NAME = 3

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


def name_keys(name: str, *, is_rare: bool = False) -> list[str]:
    """Return the keys of a given name: its own and those of the names it may be short for.

    A rare name that the list does not know may be a slip of one that it knows: Robyb is read as Robby too.
    """
    key = spelling_key(name)
    keys = {key} | _full_names().get(key, frozenset())
    if is_rare and len(key) >= SHORTEST_SLIP and key not in _known_keys():
        for known in frozenset().union(*(_slips().get(part, frozenset()) for part in _shortened(key))):
            if _one_slip_apart(key, known):
                keys |= {known} | _full_names().get(known, frozenset())
    return sorted(keys)


def _shortened(key: str) -> set[str]:
    """Return a key and all it becomes without one letter; keys one slip apart share at least one of these."""
    return {key} | {key[:i] + key[i + 1 :] for i in range(len(key))}


def _one_slip_apart(a: str, b: str) -> bool:
    """Whether one letter added, left out, replaced or exchanged with its neighbour turns one into the other."""
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        return short in _shortened(long)
    wrong = [i for i in range(len(a)) if a[i] != b[i]]
    if len(wrong) == 2:
        i, j = wrong
        return j == i + 1 and a[i] == b[j] and a[j] == b[i]
    return len(wrong) < 2


@lru_cache
def _known_keys() -> frozenset[str]:
    return frozenset(_full_names()) | frozenset().union(*_full_names().values())


@lru_cache
def _slips() -> dict[str, frozenset[str]]:
    """Return the known names by each of their shortened keys."""
    found: dict[str, set[str]] = {}
    for known in _known_keys():
        if len(known) >= SHORTEST_SLIP:
            for part in _shortened(known):
                found.setdefault(part, set()).add(known)
    return {part: frozenset(names) for part, names in found.items()}


@lru_cache
def _full_names() -> dict[str, frozenset[str]]:
    """Return for the key of every short form the keys of the names it may stand for."""
    found: dict[str, set[str]] = {}
    with NICKNAMES_FILE.open() as file:
        for row in csv.DictReader(file):
            for short in row["nicknames"].split():
                found.setdefault(spelling_key(short), set()).add(spelling_key(row["name"]))
    return {short: frozenset(names) for short, names in found.items()}


def register_names(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Create the table ``given_name`` (name, keys) over the distinct given names of ``table(given, family)``."""
    names = con.execute(
        f"select given, count(distinct family) < {FAMILIES_OF_A_NAME} from {table} where given is not null "
        "group by given order by given"
    ).fetchall()
    keys = pa.array([name_keys(name, is_rare=is_rare) for name, is_rare in names], type=pa.list_(pa.string()))
    con.register("given_names", pa.table({"name": pa.array([name for name, _ in names], pa.string()), "keys": keys}))
    con.execute("create or replace temp table given_name as select name, keys from given_names")
    con.unregister("given_names")
