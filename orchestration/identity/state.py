"""The identity state: what must survive so that person ids stay what they are.

Belongs here: reading the state, proposing the next one, advancing to it. Does not belong: computing it (``persons``).
Layout of the identity folder: ``state/<generation>/*.parquet``, ``state/CURRENT`` (which generation holds) and
``decisions.csv``. It cannot be rebuilt: back it up.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from orchestration.lake.duck import quote

DECISIONS = "decisions.csv"
PROPOSED = "identity_state"  # within the exchange folder
KEPT_GENERATIONS = 5

#: Tables of the state and their columns.
TABLES: dict[str, str] = {
    "was": "source_system varchar, source_record_id varchar, person_id bigint",
    "former": "person_id bigint, source_system varchar, source_record_id varchar",
    "person": "person_id bigint, minted_at timestamp, merged_into bigint, gone_at timestamp",
    "person_event": "as_of timestamp, event varchar, person_id bigint, other_person_id bigint, identities bigint",
    "tie": "source_system varchar, source_record_id varchar, other_system varchar, other_record_id varchar, "
    "rule varchar, weight double, grade varchar, content ubigint, lasting ubigint",
    "run_metric": "as_of timestamp, metric varchar, source_system varchar, value double",
}


def current_generation(folder: Path) -> int:
    """Return the number of the state that holds, 0 before the first publication."""
    pointer = folder / "state" / "CURRENT"
    return int(pointer.read_text()) if pointer.exists() else 0


def load_state(con: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """Create the tables of the state (empty before the first publication); returns its generation."""
    generation = current_generation(folder)
    for name, columns in TABLES.items():
        con.execute(f"create or replace temp table {name} ({columns})")
        if generation:
            path = folder / "state" / str(generation) / f"{name}.parquet"
            if path.exists():  # a state of an earlier release may lack a table that only looks back
                con.execute(f"insert into {name} by name select * from read_parquet({quote(path)})")
    return generation


def propose_state(con: duckdb.DuckDBPyConnection, exchange: Path, generation: int) -> None:
    """Write the tables ``next_<name>`` beside the exchange as the state that a publication will make hold."""
    proposed = exchange / PROPOSED
    shutil.rmtree(proposed, ignore_errors=True)
    proposed.mkdir(parents=True)
    for name, columns in TABLES.items():
        fields = ", ".join(column.split()[0] for column in columns.split(", "))
        write_parquet(con, f"select {fields} from next_{name} order by all", proposed / f"{name}.parquet")
    (proposed / "GENERATION").write_text(str(generation))


def advance(exchange: Path, folder: Path) -> int:
    """Make the proposed state hold; returns its generation.

    Call it with a publication whose checks passed, before readers see it: should the process die in between, the next
    night finds the same ids. Doing it twice changes nothing.
    """
    proposed = exchange / PROPOSED
    generation = int((proposed / "GENERATION").read_text())
    if generation <= current_generation(folder):
        return current_generation(folder)
    target = folder / "state" / str(generation)
    shutil.rmtree(target, ignore_errors=True)  # left behind by a process that died here
    shutil.copytree(proposed, target)
    pointer = folder / "state" / "CURRENT"
    temporary = pointer.with_suffix(".tmp")
    temporary.write_text(str(generation))
    temporary.replace(pointer)
    for old in (folder / "state").iterdir():
        if old.name.isdigit() and int(old.name) <= generation - KEPT_GENERATIONS:
            shutil.rmtree(old)
    return generation


def write_parquet(con: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    """Write a query's rows to ``path`` in one step."""
    temporary = path.with_name(path.name + ".tmp")
    con.execute(f"copy ({select}) to {quote(temporary)} (format parquet, compression zstd)")
    temporary.replace(path)
