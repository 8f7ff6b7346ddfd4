"""Publishing: whole nights or none, the same rows again, nothing of a person in the de-identified schema."""

import contextlib
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.publish import KeysLostError, NothingToPublishError, publish
from orchestration.publish.writing import _content
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


def test_a_cent_in_a_large_sum_tells_and_what_cancels_out_does_not():
    def digest(value: str) -> tuple[int, str]:
        with duckdb.connect() as con:
            con.execute(f"create table one as select {value}::double as amount")
            return _content(con, "one")

    assert digest("123456789.01") != digest("123456789.02")
    assert digest("0.1 + 0.2 - 0.3") == digest("0")


def test_a_night_to_which_nothing_was_delivered_is_not_published(home: Settings, make_warehouse):
    make_warehouse(home.warehouse, persons=0)
    with pytest.raises(NothingToPublishError, match="nothing was delivered"):
        publish(home)
    assert not list(home.published.glob("*/current"))
