"""Whole nights as library functions, and a way to compare two publications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.lake.duck import quote
from orchestration.night import Night, run_night
from orchestration.sample import generate
from orchestration.settings import Settings

LINEAGE = {"ingested_at", "batch_id"}


@dataclass(frozen=True)
class Run:
    """A home after a night."""

    settings: Settings
    night: Night


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deliveries of a small sample hospital."""
    folder = tmp_path_factory.mktemp("sample") / "deliveries"
    generate(folder, patients=40, seed=11, start=date(2024, 1, 1), months=18)
    return folder


@pytest.fixture(scope="session")
def first(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample hospital's first night. Read it, do not write it."""
    settings = Settings(home=tmp_path_factory.mktemp("first"), deliveries=sample)
    return Run(settings, run_night(settings))


@pytest.fixture(scope="session")
def published_rows() -> Callable[[Settings], dict[str, str]]:
    """Digest per published mart: equal digests mean the same rows, whatever the random keys of persons are.

    Each person is named by the smallest of its source identities; lineage columns are left out.
    """

    def digests(settings: Settings) -> dict[str, str]:
        current = settings.published / "limited" / "current"
        crosswalk = settings.exchange / "person_crosswalk.parquet"
        with duckdb.connect() as con:
            con.execute(
                "create table names as select person_id, min(source_system || ' ' || source_record_id) as person_name "
                f"from read_parquet({quote(crosswalk)}) where person_id is not null group by person_id"
            )
            return {path.stem: _digest(con, path) for path in sorted(current.glob("*.parquet"))}

    return digests


def _digest(con: duckdb.DuckDBPyConnection, mart: Path) -> str:
    described = con.execute(f"describe select * from read_parquet({quote(mart)})").fetchall()
    columns = {row[0]: row[1] for row in described}
    shown = ", ".join(_shown(c, kind) for c, kind in columns.items() if c not in LINEAGE | {"person_id"})
    person = "person_name" if "person_id" in columns else "''"
    join = "left join names on mart.person_id = names.person_id" if "person_id" in columns else ""
    count, total = con.execute(
        f"select count(*), sum(hash({person}, {shown})::hugeint) from read_parquet({quote(mart)}) as mart {join}"
    ).fetchall()[0]
    return f"{count}:{total}"


def _shown(column: str, kind: str) -> str:
    """A column's value as text that is equal for equal publications."""
    if kind == "DOUBLE":  # the last bits of a sum depend on the order in which the engine's threads add
        return f"printf('%.8e', {column})"
    if column.endswith("object_id"):  # OCEL objects name persons as person:<person_id>
        return f"coalesce((select person_name from names where 'person:' || names.person_id = {column}), {column})"
    return f"cast({column} as varchar)"
