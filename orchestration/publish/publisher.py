"""Publishing a night: both schemas written aside, then moved into place in one step.

Belongs here: the order of things. Does not belong: checks (they run before), Dagster.

Write, audit, publish (DESIGN.md rule 3). Call it when every check of the night has passed::

    publish(settings, advance_identity=lambda: identity.advance(settings.exchange, settings.identity))

Order, and what a process that dies there leaves behind:

1. recover      undo or finish what an earlier one left
2. write aside  scratch folders and a key file of the new night: nobody reads them, the next start removes them
3. place        folders get their names; ``current`` still names the last night, the next start removes them
4. identity     identity state moves ahead: it only adds ids, so the next run finds the same persons again
5. current      ``limited/current`` moves: the night is published and its keys count
6. the rest     ``safe_harbor/current``, pruning: the next start finishes them
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.lake.duck import connect, quote
from orchestration.publish.nights import LIMITED, SAFE_HARBOR, Manifest, Shelf, check_name, next_night, recover
from orchestration.publish.persons import safe_harbor_persons
from orchestration.publish.safe_harbor import (
    REFERENCE,
    hierarchies,
    is_measure_mart,
    measure_mart,
    suppressed,
)
from orchestration.publish.vault import Vault
from orchestration.publish.writing import DATABASE, Written, write_schema
from orchestration.settings import Settings

MARTS = "marts"
PERSONS = "dim_person"
TOUCHPOINTS = "touchpoints"
SMALL_AREAS = "select cast(zip3 as varchar) from warehouse.seeds.zip3_small_population"


class NothingToPublishError(RuntimeError):
    """The warehouse is missing or lacks what every publication needs."""


@dataclass(frozen=True)
class Publication:
    """What is current after a call of ``publish``.

    ``is_new`` is False where the content equals that of the current night, which then stays. ``withheld`` names the
    measure marts that stay in ``limited`` though they are aggregates, and why.
    """

    night: str
    as_of: date
    is_new: bool
    limited: Path
    safe_harbor: Path
    rows: dict[str, int]
    safe_harbor_rows: dict[str, int]
    withheld: dict[str, str]

    @property
    def database(self) -> Path:
        """The file that authorised analysts open (read-only)."""
        return self.limited.parent / "current" / DATABASE


def publish(
    settings: Settings, night: str | None = None, advance_identity: Callable[[], object] | None = None
) -> Publication:
    """Publish the marts of the warehouse, unless they equal what is current.

    Args:
        settings: where the home is and how many nights to keep.
        night: name of the night (``<date>.<run>``); default: ``as_of`` and the next free run number.
        advance_identity: called once everything is on disk, just before readers see it; must be repeatable.

    Raises:
        NothingToPublishError: no warehouse, nobody and nothing in it, or no dim_person or seed of small ZIP3 areas.
        KeysLostError: the vault lost the keys of the current night.
    """
    if not settings.warehouse.exists():
        raise NothingToPublishError(f"no warehouse at {settings.warehouse}")
    shelves = Shelf(settings.published / LIMITED), Shelf(settings.published / SAFE_HARBOR)
    vault = Vault(settings.vault)
    current = recover(*shelves)
    with connect() as con:
        con.execute(f"attach {quote(settings.warehouse)} as warehouse (read_only)")
        as_of = _as_of(con)
        night = check_name(night, shelves) if night else next_night(as_of, shelves)
        marts = _marts(con)
        keys = vault.mint(con, f"select person_id from {_relation(PERSONS)}", night, current.night if current else None)
        everything = {name: f"select * from {_relation(name)}" for name in marts}
        with ThreadPoolExecutor(1) as beside:  # DuckDB writes the one while Python works out what the other hides
            writing = beside.submit(write_schema, con.cursor(), shelves[0].scratch(night), everything, night, as_of)
            tables, withheld = _safe_harbor(con, marts, keys, as_of)
            limited = writing.result()
        safe = write_schema(con, shelves[1].scratch(night), tables, night, as_of)
    is_new = not _equals_current(current, shelves, limited, safe)
    if is_new:
        for shelf, written in zip(shelves, (limited, safe), strict=True):
            _manifest(night, as_of, current, written).write(shelf.scratch(night))
            shelf.place(night)
        if advance_identity:
            advance_identity()
        for shelf in shelves:
            shelf.point_to(night)
    else:
        for shelf in shelves:
            shelf.discard(night)
    for shelf in shelves:
        shelf.prune(settings.keep_nights)
    return _publication(shelves, vault, is_new, withheld)


def _as_of(con: duckdb.DuckDBPyConnection) -> date:
    rows = con.execute("select as_of_date from warehouse.staging.night").fetchall()
    found: date = rows[0][0]
    return found


def _marts(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns and types of every mart.

    Raises:
        NothingToPublishError: there is no mart of persons, or neither a person nor a touchpoint in them.
    """
    marts: dict[str, dict[str, str]] = {}
    rows = con.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = ? order by table_name, column_index",
        [MARTS],
    ).fetchall()
    for mart, column, kind in rows:
        marts.setdefault(mart, {})[column] = kind
    if PERSONS not in marts:
        raise NothingToPublishError(f"the warehouse has no mart {PERSONS}")
    told = " union all ".join(f"select 1 from {_relation(mart)}" for mart in (PERSONS, TOUCHPOINTS) if mart in marts)
    if not con.execute(f"select 1 from ({told}) limit 1").fetchall():
        raise NothingToPublishError("no person and no touchpoint: nothing was delivered, as the pulls' warnings say")
    return marts


def _relation(mart: str) -> str:
    return f'warehouse.{MARTS}."{mart}"'


def _safe_harbor(
    con: duckdb.DuckDBPyConnection, marts: dict[str, dict[str, str]], keys: Path, as_of: date
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the queries of the de-identified schema, and the measure marts withheld from it."""
    key_rows = f"read_parquet({quote(keys)})"
    tables = {PERSONS: safe_harbor_persons(_relation(PERSONS), key_rows, f"date '{as_of}'", SMALL_AREAS)}
    withheld: dict[str, str] = {}
    for name, safe_columns in REFERENCE.items():
        if name in marts:
            shown = ", ".join(column for column in safe_columns if column in marts[name])
            tables[name] = f"select {shown} from {_relation(name)}"
    known = hierarchies(con, _relation("dim_department") if "dim_department" in marts else None)
    kinds = _kinds(con)
    for name, columns in marts.items():
        if is_measure_mart(columns):
            mart = measure_mart(con, name, _relation(name), columns)
            if isinstance(mart, str):
                withheld[name] = mart
            else:
                tables[name] = suppressed(con, mart, kinds, known)
    return tables, withheld


def _kinds(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the kind of each measure from the catalogue (seed ``measures``), nothing where there is none."""
    rows = con.execute(
        "select 1 from duckdb_tables() where database_name = 'warehouse' and schema_name = 'seeds' "
        "and table_name = 'measures'"
    ).fetchall()
    return dict(con.execute("select measure_id, kind from warehouse.seeds.measures").fetchall()) if rows else {}


def _equals_current(
    current: Manifest | None, shelves: tuple[Shelf, Shelf], limited: Written, safe_harbor: Written
) -> bool:
    if current is None:
        return False
    published = [shelf.manifest(current.night) for shelf in shelves]
    return [m.digest if m else None for m in published] == [limited.digest, safe_harbor.digest]


def _manifest(night: str, as_of: date, current: Manifest | None, written: Written) -> Manifest:
    return Manifest(
        night=night,
        sequence=current.sequence + 1 if current else 1,
        previous=current.night if current else None,
        as_of=str(as_of),
        digest=written.digest,
        marts=written.marts,
    )


def _publication(shelves: tuple[Shelf, Shelf], vault: Vault, is_new: bool, withheld: dict[str, str]) -> Publication:
    """Return what is current now; keys of nights that are gone go too."""
    limited, safe_harbor = (shelf.current() for shelf in shelves)
    if limited is None or safe_harbor is None:
        raise NothingToPublishError("the publication was removed while it was made")
    vault.keep([manifest.night for manifest in shelves[0].nights()], limited.night)
    return Publication(
        night=limited.night,
        as_of=date.fromisoformat(limited.as_of),
        is_new=is_new,
        limited=shelves[0].folder(limited.night),
        safe_harbor=shelves[1].folder(safe_harbor.night),
        rows=dict(limited.marts),
        safe_harbor_rows=dict(safe_harbor.marts),
        withheld=withheld,
    )
