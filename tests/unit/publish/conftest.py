"""A small warehouse in the shape that dbt leaves, for tests of publishing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import Settings

MEASURE_TYPES = (
    "measure_id text, spec_version text, period_grain text, period_start date, period_end date, "
    "is_period_complete boolean, grouping_set text, department_id text, sub_sector text, generation text, "
    "numerator double, denominator double, n_cases bigint, excluded_n bigint, missing_n bigint, value double, "
    "ci_low double, ci_high double, suppressed boolean, suppression_reason text"
)


def make_measure_row(
    measure_id: str,
    department: str,
    generation: str,
    numerator: float,
    denominator: float,
    *,
    sub_sector: str = "all",
    grain: str = "year",
    start: str = "2024-01-01",
    excluded: int = 0,
) -> tuple[object, ...]:
    """One measure row with a plain grouping set; the interval is made up."""
    names = {"department": department, "sub_sector": sub_sector, "generation": generation}
    grouping_set = "_".join(name for name, value in names.items() if value != "all") or "overall"
    value = numerator / denominator if denominator else None
    return (
        *(measure_id, "1.0", grain, start, "2024-12-31", True, grouping_set, department, sub_sector, generation),
        *(numerator, denominator, int(denominator), excluded, 0, value, value, value, False, None),
    )


def write_warehouse(path: Path, persons: int = 3, as_of: str = "2025-06-30", rows: list | None = None) -> None:
    """Write (or write anew) a warehouse with persons, touchpoints, departments and one measure mart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts; create schema staging; create schema seeds")
        con.execute(f"create table staging.night as select timestamp '{as_of}' as as_of, date '{as_of}' as as_of_date")
        con.execute("create table seeds.zip3_small_population as select '036' as zip3 union all select '205'")
        con.execute(
            "create table seeds.measures as select 'CSAT' as measure_id, 'proportion' as kind "
            "union all select 'NPS', 'nps'"
        )
        con.execute(
            """
            create table marts.dim_person as
            select
                1000 + i as person_id, 1930 + 10 * i::integer as birth_year,
                make_date(1930 + 10 * i, 5, 2) as birth_date,
                'Boomer' as generation, 'female' as sex, null::text as race, null::text as ethnicity,
                'en' as language, '902' as zip3, '90210' as postal_code, false as is_deceased,
                null::date as deceased_on, timestamp '2024-02-03 04:05:06' as first_seen_at,
                2 as n_source_identities, true as has_ehr
            from range(?) as people(i)
            """,
            [persons],
        )
        con.execute(
            "create table marts.touchpoints as select person_id, 'seen' as activity, 0.1 + 0.2 as score, "
            "now()::timestamp as ingested_at, gen_random_uuid()::text as batch_id from marts.dim_person"
        )
        con.execute(
            "create table marts.dim_department as select 'ehr/a' as department_id, 'Clinic A' as department_name, "
            "'primary_care' as sub_sector, "
            "'family medicine' as service_line, '90210' as postal_code"
        )
        con.execute(f"create table marts.scores ({MEASURE_TYPES})")
        if rows is None:
            rows = [make_measure_row("CSAT", "all", "all", 60, 100), make_measure_row("CSAT", "a", "all", 3, 30)]
        if rows:
            con.executemany(f"insert into marts.scores values ({', '.join('?' * len(rows[0]))})", rows)


@pytest.fixture
def make_warehouse() -> Callable[..., None]:
    """See ``write_warehouse``."""
    return write_warehouse


@pytest.fixture
def measure_row() -> Callable[..., tuple[object, ...]]:
    """See ``make_measure_row``."""
    return make_measure_row


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home whose warehouse holds three persons; three nights are kept."""
    settings = Settings(home=tmp_path, keep_nights=3)
    write_warehouse(settings.warehouse)
    return settings
