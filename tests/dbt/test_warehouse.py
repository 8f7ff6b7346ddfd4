"""Building from compiled SQL: what stands in the way, and what a failure leaves behind."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.lake.dbt import BuildError
from orchestration.lake.warehouse import build, reading
from orchestration.settings import Settings

pytestmark = pytest.mark.dbt


def test_a_relation_of_another_kind_makes_room(settings: Settings) -> None:
    settings.root.mkdir(exist_ok=True)
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute("create schema seeds; create view seeds.measures as select 1 as x")
    assert build(settings, select="measures") == 1
    with reading(settings.warehouse) as con:
        assert con.execute("select count(*) > 10 from seeds.measures where kind is not null").fetchall() == [(True,)]


def test_a_failed_part_is_named_and_leaves_the_last_one(settings: Settings) -> None:
    build(settings, select="measures")
    with pytest.raises(BuildError, match="model journey_edges failed: CatalogException"):
        build(settings, select="measures grouping_sets journey_edges")
    with reading(settings.warehouse) as con:
        assert con.execute("select table_name from duckdb_tables()").fetchall() == [("measures",)]
