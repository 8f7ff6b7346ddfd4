"""The warehouse: running dbt, the only writer of the DuckDB file, and reading what it built.

Belongs here: calling dbt in this process and reading the account of a night. Does not belong: SQL (``dbt_project``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

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
    """What one dbt invocation built and checked."""

    models: int
    tests_passed: int
    tests_warned: int


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


def build(settings: Settings, select: str | None = None, exclude: str | None = None, log_level: str = "error") -> Built:
    """Build models and run their tests (never unit tests: those belong to ``make test``).

    Raises:
        BuildError: a model or test failed; names them, never a value.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test", *dbt_vars(settings)]
    arguments += ["--select", *select.split()] if select else []
    arguments += ["--exclude", *exclude.split()] if exclude else []
    prepare(settings)
    with _environment(dbt_environment(settings)):
        # dbt writes into the manifest that it runs (compiled SQL, injected CTEs): each build gets its own copy.
        outcome = _invoke([*arguments, "--log-level", log_level], _parsed_project().deepcopy())
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


def _close_connections() -> None:
    """Let go of the warehouse: dbt keeps its connection open in the process, and nobody else could open the file."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()


@cache
def _parsed_project() -> Any:
    """The parsed dbt project, which is the same for every home and night of this process."""
    outcome = _invoke(["parse", "--log-level", "error"], None)
    if outcome.result is None:
        raise BuildError(f"the dbt project does not parse: {outcome.exception}")
    return outcome.result


def _invoke(arguments: Sequence[str], manifest: Any) -> Any:
    """Run one dbt command in this process, and let go of the warehouse afterwards."""
    from dbt.adapters.factory import reset_adapters  # dbt takes seconds to import: only where it runs
    from dbt.cli.main import dbtRunner

    common = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--log-level-file", "none"]
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
