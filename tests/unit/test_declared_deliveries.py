"""Deliveries under tests/data/<source>/input become the raw rows under expected/, file by file and line by line.

Each input holds good records and every way of being wrong that its source knows. ``REWRITE_EXPECTED=1`` writes what is
read now over ``expected/``, to be reviewed as a diff.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings

DATA = Path(__file__).resolve().parents[1] / "data"
STANDARD = {
    "records": ("table_name", "record_id", "version_at", "op", "parse_state"),
    "rejects": ("table_name", "rule", "element", "severity", "detail"),
    "identities": ("* exclude (file_id, line)",),
}
SOURCES = ("portal", "call_center", "billing", "surveys", "staff")


def _read(raw: Path, table: str) -> str:
    columns = STANDARD.get(table, ("* exclude (file_id, line, feed)",))
    out = raw / f"{table}.csv"
    duckdb.sql(f"""
        copy (
            select files.file_name, rows.line, {", ".join(f"rows.{column}" for column in columns)}
            from read_parquet('{raw}/{table}/*.parquet', union_by_name = true) as rows
            inner join (select file_id, file_name from read_parquet('{raw}/files/*.parquet')) as files using (file_id)
            order by all
        ) to '{out}' (header)
    """)
    return out.read_text()


@pytest.mark.parametrize("name", SOURCES)
def test_a_delivery_becomes_the_expected_rows(name: str, settings: Settings) -> None:
    source = next(source for source in load_sources(SOURCE_DEFINITIONS) if source.name == name)
    shutil.copytree(DATA / name / "input", settings.delivery_root / name)
    pull(source, settings)
    raw = settings.raw / name
    expected = DATA / name / "expected"
    tables = [*source.tables, *STANDARD]
    found = {table: _read(raw, table) for table in tables}
    if os.environ.get("REWRITE_EXPECTED"):
        expected.mkdir(exist_ok=True)
        for table, text in found.items():
            (expected / f"{table}.csv").write_text(text)
    assert found == {table: (expected / f"{table}.csv").read_text() for table in tables}


@pytest.mark.parametrize("name", SOURCES)
def test_every_delivered_record_has_one_row_in_the_account(name: str, settings: Settings) -> None:
    source = next(source for source in load_sources(SOURCE_DEFINITIONS) if source.name == name)
    shutil.copytree(DATA / name / "input", settings.delivery_root / name)
    pull(source, settings)
    raw = settings.raw / name
    counted = duckdb.sql(f"select file_id, records_delivered from '{raw}/files/*.parquet' where records_delivered > 0")
    accounted = duckdb.sql(f"""
        select file_id, count(distinct line) from '{raw}/records/*.parquet' group by file_id having count(*) > 0
    """)
    assert sorted(counted.fetchall()) == sorted(accounted.fetchall())
