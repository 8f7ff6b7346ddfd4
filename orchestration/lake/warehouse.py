"""The warehouse: building it from what dbt compiles, testing it, and reading what was built.

Belongs here: one DuckDB connection over models and tests in their order, and the account of a night.
Does not belong: SQL (``dbt_project``), or dbt itself (``dbt``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.lake.dbt import TESTS, BuildError, compiled
from orchestration.lake.duck import quote
from orchestration.lake.quarantine import releases_folder
from orchestration.settings import DBT_PROJECT, Settings

#: Everything that identity resolution reads, and nothing that reads identity.
BEFORE_IDENTITY = "path:seeds path:models/staging path:models/identity/identity_records.sql"
#: What reads the tables that statistics hand back.
AFTER_STATISTICS = "path:models/marts/statistics"
#: Relations as DuckDB's catalog lists them.
RELATIONS = """
select schema_name || '.' || table_name, 'table' from duckdb_tables() union all
select schema_name || '.' || view_name, 'view' from duckdb_views() where not internal
"""


def prepare(settings: Settings) -> None:
    """Make the folders that the models read and write, and see that the warehouse can be written.

    Raises:
        BuildError: another program has the warehouse open, or it is no file of this DuckDB; says which and what to do.
    """
    releases_folder(settings.landing)
    for folder in (settings.exchange, settings.raw, settings.identity, settings.vault):
        folder.mkdir(parents=True, exist_ok=True)
    if settings.warehouse.exists():
        try:
            duckdb.connect(str(settings.warehouse), config=_database_options(settings)).close()
        except duckdb.IOException as error:
            why = str(error).splitlines()[0].partition(". However")[0].partition(". See also")[0]
            is_held = "lock" in why
            todo = "close it there; analysts read published/" if is_held else "remove it: the next run builds it anew"
            raise BuildError(f"{why}; {todo}") from None


def build(settings: Settings, select: str | None = None, exclude: str | None = None) -> int:
    """Build the selected models and seeds (dbt's selection syntax) from their compiled SQL; return how many.

    The same statements as the project's materializations (``macros/dialect/in_place.sql``), all in one transaction:
    dbt spends about 40 ms of Python on a node, which is most of a small night. Contracts give tables their types and
    not-null columns; that a model's own types equal them is asserted where dbt builds (``make run``).

    Raises:
        BuildError: a model failed; names it, never a value.
    """
    prepare(settings)
    nodes = [node for node in compiled(settings, select, exclude) if node.resource_type in {"model", "seed"}]
    with duckdb.connect(str(settings.warehouse), config=_database_options(settings)) as con:
        con.execute("set TimeZone = 'UTC'; begin")
        present = dict(con.execute(RELATIONS).fetchall())
        for schema in sorted({node.schema for node in nodes}):
            con.execute(f'create schema if not exists "{schema}"')
        for node in nodes:
            kind = "view" if node.config.materialized == "view" else "table"
            standing = present.get(f"{node.schema}.{node.alias}", kind)
            try:
                if standing != kind:
                    con.execute(f"drop {standing} {node.relation_name}")
                con.execute(_statements(node, settings))
            except duckdb.Error as failure:
                raise BuildError(f"model {node.name} failed: {type(failure).__name__}") from None
        con.execute("commit")
    return len(nodes)


def _database_options(settings: Settings) -> dict[str, Any]:
    """The profile's own options of a database, for this home."""
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    options: dict[str, Any] = profile["journeys"]["outputs"]["embedded"]["config_options"]
    return options | {"file_search_path": str(settings.root), "temp_directory": str(settings.exchange / "spill")}


def _statements(node: Any, settings: Settings) -> str:
    relation, sql = node.relation_name, node.compiled_code
    if node.resource_type == "seed":
        path = quote(DBT_PROJECT / node.original_file_path)
        options = f"""header = true, delim = ',', quote = '"', escape = '"', types = {node.config.column_types}"""
        return f"create or replace table {relation} as select * from read_csv({path}, {options})"
    if node.config.materialized == "view":
        return f"create or replace view {relation} as ({sql})"
    if node.config.contract.enforced:
        columns = ", ".join(_column(column) for column in node.columns.values())
        names = ", ".join(node.columns)
        made = f"create or replace table {relation} ({columns}); insert into {relation} select {names} from ({sql})"
    else:
        made = f"create or replace table {relation} as ({sql})"
    if order := node.config.meta.get("exchange_order"):
        target = quote(settings.exchange / f"{node.alias}.parquet")
        ordered = f"select * from {relation} order by {order}"
        made += f"; copy ({ordered}) to {target} (format parquet, compression zstd)"
    return made


def _column(column: Any) -> str:
    is_required = any(constraint.type == "not_null" for constraint in column.constraints)
    return f"{column.name} {column.data_type}{' not null' if is_required else ''}"


@dataclass(frozen=True)
class DataTest:
    """One data test of the dbt project: its query, and what its count of failures means."""

    name: str
    sql: str
    warn_if: str
    error_if: str


def run_tests(settings: Settings) -> tuple[int, int]:
    """Run every data test of the project on the built warehouse; return how many passed and how many warned.

    One connection reads them all: dbt spends about 30 ms of Python on a test, DuckDB one or two on its query.

    Raises:
        BuildError: tests failed; names them, never a value.
    """
    passed, warned, failed = 0, 0, []
    tests = [_data_test(node) for node in compiled(settings, TESTS)]
    with reading(settings.warehouse) as con:
        con.execute(f"set file_search_path = {quote(settings.root)}")  # sources name their files relative to it
        for test in tests:
            counted = f"select {test.error_if}, {test.warn_if} from ({test.sql}) as failures"
            is_error, is_warning = con.execute(counted).fetchall()[0]
            if is_error:
                failed.append(test.name)
            warned += is_warning and not is_error
            passed += not is_warning and not is_error
    if failed:
        raise BuildError(f"dbt tests failed: {', '.join(failed)}")
    return passed, warned


def _data_test(node: Any) -> DataTest:
    """Read dbt's conditions: a test of severity ``warn`` never fails, one that fails need not warn."""
    count, config = node.config.fail_calc, node.config
    is_fatal = config.severity.lower() == "error"
    sql = node.compiled_code if config.limit is None else f"{node.compiled_code} limit {config.limit}"
    return DataTest(
        name=node.name,
        sql=sql,
        warn_if=f"{count} {config.warn_if}",
        error_if=f"{count} {config.error_if}" if is_fatal else "false",
    )


@contextmanager
def reading(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for reading only."""
    con = duckdb.connect(str(warehouse), read_only=True)
    try:
        yield con
    finally:
        con.close()


def row_counts(warehouse: Path) -> dict[str, int]:
    """Return rows per table of the warehouse (empty while there is none)."""
    if not warehouse.exists():
        return {}
    with reading(warehouse) as con:
        return dict(con.execute("select table_name, estimated_size from duckdb_tables()").fetchall())


@dataclass(frozen=True)
class SourceAccount:
    """What one source delivered so far, and the one state each record ended in."""

    source: str
    delivered: int
    staged: int
    superseded: int
    duplicate: int
    deleted: int
    rejected: int
    not_modelled: int


def accounts(warehouse: Path) -> list[SourceAccount]:
    """Return the account of every source that delivered anything, in name order."""
    states = ("delivered", "staged", "superseded", "duplicate", "deleted", "rejected", "not_modelled")
    sums = ", ".join(f"sum(records_{state})::bigint" for state in states)
    with reading(warehouse) as con:
        rows = con.execute(f"select source, {sums} from staging.stg_lake__account group by source order by source")
        return [SourceAccount(*row) for row in rows.fetchall()]
