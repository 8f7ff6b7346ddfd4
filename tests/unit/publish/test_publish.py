"""Publishing: whole nights or none, the same rows again, nothing of a person in the de-identified schema."""

import contextlib
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.publish import KeysLostError, NothingToPublishError, publish
from orchestration.settings import Settings


def rows(settings: Settings, which: str, table: str, columns: str = "*") -> list[tuple]:
    [found] = several(settings, which, (table, columns))
    return found


def several(settings: Settings, which: str, *wanted: tuple[str, str]) -> list[list[tuple]]:
    database = settings.published / which / "current" / "journeys.duckdb"
    with duckdb.connect(str(database), read_only=True) as con:
        return [con.execute(f"select {columns} from {table} order by all").fetchall() for table, columns in wanted]


def content(settings: Settings) -> list[list[tuple]]:
    """All published rows, without lineage and random keys."""
    lineage, key = "* exclude (ingested_at, batch_id)", "* exclude (person_key)"
    limited = [("dim_person", "*"), ("touchpoints", lineage), ("scores", "*"), ("_publication", "*")]
    safe_harbor = [("dim_person", key), ("scores", "*"), ("_publication", "*")]
    return several(settings, "limited", *limited) + several(settings, "safe_harbor", *safe_harbor)


def test_a_publication_holds_every_mart_as_table_and_parquet(home: Settings):
    done = publish(home)
    assert done.night == "2025-06-30.1"
    assert done.is_new
    assert done.rows == {"dim_department": 1, "dim_person": 3, "scores": 2, "touchpoints": 3}
    current = home.published / "limited" / "current"
    assert str((current).readlink()) == done.night
    for mart, count in done.rows.items():
        assert duckdb.sql(f"select count(*) from read_parquet('{current}/{mart}.parquet')").fetchall() == [(count,)]
        assert rows(home, "limited", mart, "count(*)") == [(count,)]
    assert done.database == current / "journeys.duckdb"
    assert not (done.limited / "journeys.duckdb.wal").exists()


def test_clients_of_duckdb_1_4_can_open_the_file(home: Settings):
    database = publish(home).database
    with duckdb.connect() as con:
        con.execute(f"attach '{database}' as published (read_only)")
        [(tags,)] = con.execute("select tags from duckdb_databases() where database_name = 'published'").fetchall()
    assert tags["storage_version"].startswith("v1.4")


def test_nothing_new_publishes_nothing(home: Settings, make_warehouse: Callable):
    first = publish(home)
    before = content(home)
    make_warehouse(home.warehouse)  # new lineage: another batch brought the same rows
    second = publish(home)
    assert (second.night, second.is_new) == (first.night, False)
    assert content(home) == before
    assert [path.name for path in (home.vault / "person_keys").iterdir()] == [f"{first.night}.parquet"]
    assert sorted(path.name for path in (home.published / "limited").iterdir()) == [first.night, "current"]


def test_a_changed_row_publishes_the_next_run_of_the_night(home: Settings, make_warehouse: Callable):
    publish(home)
    make_warehouse(home.warehouse, persons=4)
    assert publish(home).night == "2025-06-30.2"
    make_warehouse(home.warehouse, persons=4, as_of="2025-07-01")
    assert publish(home).night == "2025-07-01.1"


def test_readers_of_an_older_night_keep_it(home: Settings, make_warehouse: Callable):
    first = publish(home)
    with duckdb.connect(str(first.limited / "journeys.duckdb"), read_only=True) as reader:
        make_warehouse(home.warehouse, persons=5)
        publish(home)
        assert reader.execute("select count(*) from dim_person").fetchall() == [(3,)]
    assert rows(home, "limited", "dim_person", "count(*)") == [(5,)]


def test_the_last_nights_are_kept_and_the_current_one_always(home: Settings, make_warehouse: Callable):
    for persons in range(1, 6):
        make_warehouse(home.warehouse, persons=persons, as_of=f"2025-06-{31 - persons:02d}")  # ever earlier nights
        publish(home)
    for which in ("limited", "safe_harbor"):
        kept = sorted(path.name for path in (home.published / which).iterdir() if not path.is_symlink())
        assert kept == ["2025-06-26.1", "2025-06-27.1", "2025-06-28.1"]
    assert sorted(path.stem for path in (home.vault / "person_keys").iterdir()) == kept
    assert str((home.published / "limited" / "current").readlink()) == "2025-06-26.1"


def test_a_name_of_a_night_may_be_given_once(home: Settings, make_warehouse: Callable):
    assert publish(home, night="2025-06-30.7").night == "2025-06-30.7"
    make_warehouse(home.warehouse, persons=1)
    with pytest.raises(ValueError, match="published already"):
        publish(home, night="2025-06-30.7")
    with pytest.raises(ValueError, match="not a name of a night"):
        publish(home, night="../elsewhere")
    assert publish(home).night == "2025-06-30.8"


def test_without_persons_there_is_nothing_to_publish(home: Settings):
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("drop table marts.dim_person")
    with pytest.raises(NothingToPublishError, match="dim_person"):
        publish(home)
    home.warehouse.unlink()
    with pytest.raises(NothingToPublishError, match="no warehouse"):
        publish(home)


# --- crashes -------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process dies here: no handler sees it."""


#: What changes names or folders on the way; a process may die before any call of them.
STEPS = [("rename", Path), ("replace", Path), ("symlink_to", Path), ("mkdir", Path), ("write_bytes", Path)]


def dying_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the process die at the given call of a step; returns how many calls were made."""
    made = 0

    def wrap(original: Callable) -> Callable:
        def step(*args: object, **kwargs: object) -> object:
            nonlocal made
            made += 1
            if made > calls:
                raise Killed
            return original(*args, **kwargs)

        return step

    for name, owner in STEPS:
        monkeypatch.setattr(owner, name, wrap(getattr(owner, name)))
    monkeypatch.setattr("shutil.rmtree", wrap(shutil.rmtree))
    return lambda: made


def test_killed_at_any_step_the_next_run_publishes_the_same(tmp_path: Path, make_warehouse: Callable):
    ready = Settings(home=tmp_path / "ready")
    make_warehouse(ready.warehouse)
    publish(ready)
    first, step = rows(ready, "limited", "dim_person"), 0
    make_warehouse(ready.warehouse, persons=9)
    calm = Settings(home=tmp_path / "calm")
    shutil.copytree(ready.root, calm.root, symlinks=True)
    publish(calm)
    expected = content(calm)
    while True:
        home = Settings(home=tmp_path / f"killed-{step}")
        shutil.copytree(ready.root, home.root, symlinks=True)
        with pytest.MonkeyPatch.context() as patch:
            made = dying_after(step, patch)
            with contextlib.suppress(Killed):
                publish(home, advance_identity=lambda: None)
            if made() <= step:
                break
        assert rows(home, "limited", "dim_person") in (first, expected[0])
        publish(home)
        assert content(home) == expected, f"killed before step {step}"
        for which in ("limited", "safe_harbor"):
            left = sorted(path.name for path in (home.published / which).iterdir())
            assert left == ["2025-06-30.1", "2025-06-30.2", "current"], f"killed before step {step}"
        step += 1
    assert step > 10


def test_identity_advances_before_readers_see_the_night_and_not_without_one(home: Settings):
    seen: list[list[str]] = []

    def advance() -> None:
        seen.append(sorted(path.name for path in (home.published / "limited").iterdir()))

    publish(home, advance_identity=advance)
    publish(home, advance_identity=advance)
    assert seen == [["2025-06-30.1"]]  # placed, not current; and nothing new the second time


def test_a_failed_advance_publishes_nothing(home: Settings, make_warehouse: Callable):
    publish(home)
    before = content(home)
    make_warehouse(home.warehouse, persons=6)

    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(home, advance_identity=fail)
    assert content(home) == before
    assert publish(home).night == "2025-06-30.2"


# --- keys ----------------------------------------------------------------------------------------------------------


def keys(settings: Settings, night: str) -> dict[int, int]:
    file = settings.vault / "person_keys" / f"{night}.parquet"
    return dict(duckdb.sql(f"select person_id, person_key from read_parquet('{file}')").fetchall())


def test_keys_are_random_and_stay_with_their_person(home: Settings, make_warehouse: Callable):
    first = keys(home, publish(home).night)
    make_warehouse(home.warehouse, persons=200)
    second = keys(home, publish(home).night)
    assert first.items() <= second.items()
    assert len(set(second.values())) == 200
    assert all(0 < key < 2**53 for key in second.values())
    by_person = [second[person] for person in sorted(second)]
    assert by_person != sorted(by_person)
    assert not set(second.values()) & set(second)


def test_a_person_that_comes_back_has_the_old_key(home: Settings, make_warehouse: Callable):
    first = keys(home, publish(home).night)
    make_warehouse(home.warehouse, persons=1)
    publish(home)
    make_warehouse(home.warehouse)
    assert keys(home, publish(home).night) == first


def test_only_the_owner_reads_the_keys(home: Settings):
    night = publish(home).night
    folder = home.vault / "person_keys"
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE((folder / f"{night}.parquet").stat().st_mode) & 0o077 == 0


def test_lost_keys_stop_the_publication(home: Settings):
    night = publish(home).night
    (home.vault / "person_keys" / f"{night}.parquet").unlink()
    with pytest.raises(KeysLostError, match="backup"):
        publish(home)


# --- what leaves ---------------------------------------------------------------------------------------------------


def test_the_person_table_tells_years_and_zip3_only(home: Settings):
    publish(home)
    persons = rows(home, "safe_harbor", "dim_person", "birth_year, age_group, zip3, first_seen_year, death_year")
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
    found = rows(home, "safe_harbor", "scores", "department_id, numerator, denominator, value, suppressed")
    assert found == [
        ("all", 150, 320, 150 / 320, False),
        ("ehr/a", None, None, None, True),
        ("ehr/b", None, None, None, True),
        ("ehr/c", 77, 140, 0.55, False),
    ]
    reasons = rows(home, "safe_harbor", "scores", "distinct suppression_reason")
    assert sorted(reasons, key=str) == [("small_cells",), (None,)]
    hidden = rows(home, "safe_harbor", "scores", "count(*) filter (coalesce(ci_low, ci_high, n_cases) is null)")
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
    found = rows(home, "safe_harbor", "scores", "department_id, numerator, ci_low is null, suppressed")
    assert found == [("ehr/a", 37, True, False), ("ehr/b", 30, False, False)]


def test_nothing_that_identifies_is_in_any_published_safe_harbor_file(home: Settings):
    done = publish(home)
    everything = b"".join(path.read_bytes() for path in done.safe_harbor.glob("*.parquet"))
    manifest = (done.safe_harbor / "publication.json").read_text()
    assert not re.search(rb"90210|1950-05|2024-02-03", everything)
    assert "90210" not in manifest
