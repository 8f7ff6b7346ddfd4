"""The warehouse: running dbt, the only writer of the DuckDB file, and reading what it built.

Belongs here: calling dbt in this process and reading the account of a night. Does not belong: SQL (``dbt_project``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lake.duck import quote
from orchestration.lake.quarantine import releases_folder
from orchestration.settings import DBT_PROJECT, Settings

#: Everything that identity resolution reads, and nothing that reads identity.
BEFORE_IDENTITY = "path:seeds path:models/staging path:models/identity/identity_records.sql"
#: What reads the tables that statistics hand back.
AFTER_STATISTICS = "path:models/marts/statistics"


class BuildError(RuntimeError):
    """A dbt model or test failed; the publication of the last good night stays in place."""


@dataclass(frozen=True)
class Built:
    """What one dbt invocation built, and checked where it was asked to."""

    models: int
    tests_passed: int
    tests_warned: int


@dataclass(frozen=True)
class DataTest:
    """One data test of the dbt project: its query, and what its count of failures means."""

    name: str
    sql: str
    warn_if: str
    error_if: str


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Environment that dbt needs to find this home, without telemetry."""
    return {
        "JOURNEYS_HOME": str(settings.root),
        "DBT_ENV_SECRET_JOURNEYS_HOME": str(settings.root),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def dbt_vars(settings: Settings) -> list[str]:
    """Return the ``--vars`` that settings decide; none where they equal the project's own.

    dbt keeps its parsed project only as long as the vars stay the same: a night with the project's own parses nothing.
    """
    chosen = {}
    if settings.time_zone != Settings.model_fields["time_zone"].default:
        chosen["time_zone"] = settings.time_zone
    if settings.as_of:
        chosen["as_of"] = f"{settings.as_of:%Y-%m-%d %H:%M:%S}"
    return ["--vars", json.dumps(chosen)] if chosen else []


def prepare(settings: Settings) -> None:
    """Make the folders that dbt reads and writes."""
    releases_folder(settings.landing)
    for folder in (settings.exchange, settings.raw, settings.identity, settings.vault):
        folder.mkdir(parents=True, exist_ok=True)


def build(settings: Settings, select: str | None = None, exclude: str | None = None, with_tests: bool = True) -> Built:
    """Build models and run their data tests (never unit tests: those belong to ``make test``).

    ``with_tests=False`` leaves the data tests to ``run_tests``.

    Raises:
        BuildError: a model or test failed; names them, never a value.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test", *dbt_vars(settings)]
    arguments += ["--select", *select.split()] if select else []
    arguments += ["--exclude", *exclude.split()] if exclude else []
    prepare(settings)
    with _environment(dbt_environment(settings)):
        outcome = _invoke(arguments, _project(with_tests))
    results = list(getattr(outcome.result, "results", []) or [])
    failed = [r.node.name for r in results if str(r.status) in {"error", "fail", "runtime error"}]
    if failed or not outcome.success:
        raise BuildError(f"dbt failed: {', '.join(failed) or type(outcome.exception).__name__}")
    tests = [r for r in results if r.node.resource_type == "test"]
    return Built(
        models=len(results) - len(tests),
        tests_passed=sum(str(r.status) == "pass" for r in tests),
        tests_warned=sum(str(r.status) == "warn" for r in tests),
    )


def run_tests(settings: Settings) -> tuple[int, int]:
    """Run every data test of the project on the built warehouse; return how many passed and how many warned.

    One connection reads them all: dbt spends about 30 ms of Python on a test, DuckDB one or two on its query.

    Raises:
        BuildError: tests failed; names them, never a value.
    """
    passed, warned, failed = 0, 0, []
    with _environment(dbt_environment(settings)):
        tests = _data_tests()
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


@cache
def _data_tests() -> list[DataTest]:
    """Return the compiled data tests, which are the same for every home and night of this process."""
    outcome = _invoke(["compile", "--select", "resource_type:test"], _project(with_tests=True))
    if not outcome.success:
        raise BuildError(f"dbt's tests do not compile: {type(outcome.exception).__name__}")
    return [_data_test(result.node) for result in outcome.result.results]


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


def _close_connections() -> None:
    """Let go of the warehouse: dbt keeps its connection open in the process, and nobody else could open the file."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()


@cache
def _parsed_project() -> Any:
    """The parsed dbt project, which is the same for every home and night of this process."""
    outcome = _invoke(["parse"], None)
    if outcome.result is None:
        raise BuildError(f"the dbt project does not parse: {outcome.exception}")
    return outcome.result


def _project(with_tests: bool) -> Any:
    """Return the parsed project for one invocation: dbt writes into it (compiled SQL, injected CTEs).

    Tests that do not run are taken out, for dbt would work through them all the same to order what does.
    """
    whole = _parsed_project()
    if with_tests:
        return whole.deepcopy()
    nodes = {name: node for name, node in whole.nodes.items() if node.resource_type != "test"}
    return replace(whole, nodes=nodes, unit_tests={}).deepcopy()


def _invoke(arguments: Sequence[str], manifest: Any) -> Any:
    """Run one dbt command in this process, silently, and let go of the warehouse afterwards.

    Silently because an error's text may quote a value; the outcome names what failed.
    """
    from dbt.adapters.factory import reset_adapters  # dbt takes seconds to import: only where it runs
    from dbt.cli.main import dbtRunner

    common = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    common += ["--log-level", "none", "--log-level-file", "none"]
    try:
        return dbtRunner(manifest=manifest).invoke([*arguments, *common, "--no-write-json"])
    finally:
        _close_connections()
        reset_adapters()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
