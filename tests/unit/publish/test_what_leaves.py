"""What leaves in the de-identified schema, and what stays."""

import re
from collections.abc import Callable

import duckdb

from orchestration.publish import publish
from orchestration.settings import Settings


def rows(settings: Settings, table: str, columns: str = "*") -> list[tuple]:
    database = settings.published / "safe_harbor" / "current" / "journeys.duckdb"
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(f"select {columns} from {table} order by all").fetchall()


def keys(settings: Settings, night: str) -> dict[int, int]:
    file = settings.vault / "person_keys" / f"{night}.parquet"
    return dict(duckdb.sql(f"select person_id, person_key from read_parquet('{file}')").fetchall())


def test_the_person_table_tells_years_and_zip3_only(home: Settings):
    publish(home)
    persons = rows(home, "dim_person", "birth_year, age_group, zip3, first_seen_year, death_year")
    assert sorted(persons, key=str) == sorted(
        [(None, "90+", "902", 2024, None), (1940, "80-89", "902", 2024, None), (1950, "70-79", "902", 2024, None)],
        key=str,
    )
    with duckdb.connect(str(home.published / "safe_harbor/current/journeys.duckdb"), read_only=True) as con:
        kinds = dict(
            con.execute(
                "select column_name, data_type from duckdb_columns() where table_name = 'dim_person'"
            ).fetchall()
        )
    assert not {"person_id", "birth_date", "postal_code", "deceased_on", "first_seen_at"} & set(kinds)
    assert not {"DATE", "TIMESTAMP"} & set(kinds.values())


def test_the_order_of_rows_does_not_tell_the_person(home: Settings, make_warehouse: Callable):
    make_warehouse(home.warehouse, persons=50)
    done = publish(home)
    with duckdb.connect(str(done.safe_harbor / "journeys.duckdb"), read_only=True) as con:
        listed = [key for (key,) in con.execute("select person_key from dim_person").fetchall()]
    by_person = keys(home, done.night)
    assert listed != [by_person[person] for person in sorted(by_person)]


def test_person_level_marts_and_unknown_columns_stay_in_limited(home: Settings):
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("create table marts.notes as select *, 'seen on 3/14/2025' as remark from marts.scores")
        con.execute("create table marts.per_person as select *, 1000 as person_id from marts.scores")
        con.execute("create table marts.by_horizon as select *, unnest([7, 30]) as horizon_days from marts.scores")
        con.execute("create table marts.extra_number as select *, 3 as n_promoters from marts.scores")
    done = publish(home)
    assert set(done.rows) >= {"notes", "per_person", "extra_number", "touchpoints"}
    assert set(done.safe_harbor_rows) == {"dim_department", "dim_person", "extra_number", "scores"}
    assert done.withheld == {
        "by_horizon": "rows are not told apart by columns known to be safe",
        "notes": "columns not known to be safe: remark",
        "per_person": "columns not known to be safe: person_id",
    }
    with duckdb.connect(str(done.safe_harbor / "journeys.duckdb"), read_only=True) as con:
        assert "n_promoters" not in con.table("extra_number").columns
        assert con.table("dim_department").columns == [
            "department_id",
            "department_name",
            "sub_sector",
            "service_line",
        ]


def test_small_cells_are_hidden_with_company_and_without_saying_which_is_which(
    home: Settings, make_warehouse: Callable, measure_row: Callable
):
    make_warehouse(
        home.warehouse,
        rows=[
            measure_row("CSAT", "all", "all", 150, 320),
            measure_row("CSAT", "ehr/a", "all", 3, 60, excluded=4),
            measure_row("CSAT", "ehr/b", "all", 70, 120, excluded=30),
            measure_row("CSAT", "ehr/c", "all", 77, 140),
        ],
    )
    publish(home)
    found = rows(home, "scores", "department_id, numerator, denominator, value, suppressed")
    assert found == [
        ("all", 150, 320, 150 / 320, False),
        ("ehr/a", None, None, None, True),
        ("ehr/b", None, None, None, True),
        ("ehr/c", 77, 140, 0.55, False),
    ]
    reasons = rows(home, "scores", "distinct suppression_reason")
    assert sorted(reasons, key=str) == [("small_cells",), (None,)]
    hidden = rows(home, "scores", "count(*) filter (coalesce(ci_low, ci_high, n_cases) is null)")
    assert hidden == [(2,)]


def test_the_interval_of_an_nps_does_not_give_its_detractors_away(
    home: Settings, make_warehouse: Callable, measure_row: Callable
):
    def nps(promoters: int, passives: int, detractors: int, department: str) -> tuple:
        n, net = promoters + passives + detractors, promoters - detractors
        error = ((promoters + detractors) / n - (net / n) ** 2) ** 0.5 / n**0.5 * 196
        row = list(measure_row("NPS", department, "all", net, n))
        row[15:18] = [100 * net / n, 100 * net / n - error, 100 * net / n + error]
        return tuple(row)

    make_warehouse(home.warehouse, rows=[nps(40, 30, 3, "ehr/a"), nps(60, 40, 30, "ehr/b")])
    publish(home)
    found = rows(home, "scores", "department_id, numerator, ci_low is null, suppressed")
    assert found == [("ehr/a", 37, True, False), ("ehr/b", 30, False, False)]


def test_nothing_that_identifies_is_in_any_published_safe_harbor_file(home: Settings):
    done = publish(home)
    everything = b"".join(path.read_bytes() for path in done.safe_harbor.glob("*.parquet"))
    manifest = (done.safe_harbor / "publication.json").read_text()
    assert not re.search(rb"90210|1950-05|2024-02-03", everything)
    assert "90210" not in manifest
