"""A new source takes three files and a word in a list: its touchpoints stand in journeys and maps the same night.

The project is copied, ``tests/data/new_sources`` added to the copy, and what the night makes of an event log and of a
call log compared with what plain Python makes of the same rows.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from orchestration.lake.warehouse import reading
from orchestration.settings import PROJECT_ROOT, Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]

NEW = PROJECT_ROOT / "tests" / "data" / "new_sources"
NIGHT = """
import sys
from pathlib import Path
from orchestration.night import run_night
from orchestration.settings import PROJECT_ROOT, Settings
assert PROJECT_ROOT == Path.cwd().resolve()
run_night(Settings(home=Path(sys.argv[1]), deliveries=Path(sys.argv[2])))
"""
ACTIVITIES = ("register", "triage", "blood test", "x-ray", "seen", "discharge")


@dataclass(frozen=True)
class Event:
    """One event of a trace."""

    activity: str
    at: datetime


#: Traces in order, by case or call.
Traces = dict[str, list[Event]]


def _log(folder: Path) -> Traces:
    """Write an event log of 60 cases, rows of all cases mixed, and return its traces."""
    chance = random.Random(5)  # noqa: S311 - a test, not a secret
    rows = []
    for case in ["NA", "null", "unknown", *(f"case {n}" for n in range(57))]:
        at = datetime(2023, 1, 2, 8) + timedelta(hours=chance.randrange(5000))
        for _ in range(chance.randrange(1, 12)):
            rows.append((case, chance.choice(ACTIVITIES), at))
            # Ties, moments, minutes, and silences longer than any that would end a journey.
            pauses = (timedelta(0), timedelta(milliseconds=750), timedelta(minutes=7), timedelta(hours=30))
            at += chance.choice([*pauses, timedelta(days=100)])
    chance.shuffle(rows)
    rows += [("NA", "x-ray", datetime(2023, 3, 1, 9))] * 3
    folder.mkdir(parents=True)
    with (folder / "log.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["case", "activity", "timestamp"])
        writer.writerows([case, activity, at.isoformat(sep=" ")] for case, activity, at in rows)
    traces: Traces = defaultdict(list)
    zone = ZoneInfo("Europe/Amsterdam")
    for case, activity, at in sorted(rows, key=lambda row: row[2]):  # stable: one moment keeps the order of the file
        traces[case].append(Event(activity, at.replace(tzinfo=zone).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)))
    return traces


def _calls(folder: Path) -> Traces:
    """Write a call log and return what happened in each call."""
    folder.mkdir(parents=True)
    header = ["CALL ID", "TIMESTAMP", "CASE", "QUEUE WAIT TIME", "TALK TIME", "ABANDONED"]
    traces = {}
    with (folder / "calls.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        for n in range(20):
            at, gave_up = datetime(2023, 7, 1, 9) + timedelta(days=n), n % 4 == 0
            case = f"case {n}" if n % 2 else ""
            writer.writerow([n, f"{at:%a, %d %b %Y %H:%M:%S}", case, f"00:01:{n:02d}", "00:05:00", int(gave_up)])
            utc = at + timedelta(hours=7)
            end = Event("abandoned_call" if gave_up else "answered_call", utc + timedelta(seconds=60 + n))
            traces[str(n)] = [Event("called", utc), end]
    return traces


def _copy_of_project(folder: Path) -> Path:
    """Copy the project and add the new sources: declaration, staging YAML and SQL, and their names in one list."""
    for part in ("orchestration", "expectations", "dbt_project"):
        shutil.copytree(
            PROJECT_ROOT / part, folder / part, ignore=shutil.ignore_patterns("target", "logs", "__pycache__")
        )
    for source in sorted(path for path in NEW.iterdir() if path.is_dir()):
        staging = folder / "dbt_project" / "models" / "staging" / source.name
        staging.mkdir()
        declared = folder / "orchestration" / "defs" / "sources" / source.name / "defs.yaml"
        declared.parent.mkdir()
        for path in source.iterdir():
            shutil.copy(path, declared if path.name == "defs.yaml" else staging)
    project = folder / "dbt_project" / "dbt_project.yml"
    listed = project.read_text().replace("touchpoint_sources: [", "touchpoint_sources: [clinic_log, phone_log, ")
    project.write_text(listed)
    return folder


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of deliveries."""
    return tmp_path_factory.mktemp("deliveries")


@pytest.fixture(scope="module")
def told(deliveries: Path) -> Traces:
    """All traces, delivered."""
    return _log(deliveries / "clinic_log") | _calls(deliveries / "phone_log")


@pytest.fixture(scope="module")
def marts(
    deliveries: Path, told: Traces, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse after a night of the extended project."""
    folder = tmp_path_factory.mktemp("extended")
    project = _copy_of_project(folder / "project")
    home = folder / "home"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "JOURNEYS_"))}
    subprocess.run(
        [sys.executable, "-c", NIGHT, str(home), str(deliveries)],
        cwd=project, env=environment, check=True, timeout=300,
    )  # fmt: skip
    with reading(Settings(home=home).warehouse) as con:
        yield con


def _steps(traces: Traces) -> dict[tuple[str, str], list[float]]:
    """Return the seconds of every step from one event to the next, by pair of activities."""
    steps = defaultdict(list)
    for trace in traces.values():
        for one, next_ in pairwise(trace):
            steps[one.activity, next_.activity].append((next_.at - one.at).total_seconds())
    return steps


def test_the_directly_follows_graph_is_that_of_the_delivered_rows(marts, told):
    found = {
        (source, target): measured
        for source, target, *measured in marts.execute(
            "select from_activity, to_activity, frequency, mean_seconds, median_seconds from marts.journey_edges "
            "where scope = 'all'"
        ).fetchall()
    }
    expected = {
        edge: [len(seconds), statistics.fmean(seconds), statistics.median(seconds)]
        for edge, seconds in _steps(told).items()
    }
    assert set(found) == set(expected)
    for edge, measured in expected.items():
        assert found[edge] == pytest.approx(measured, rel=1e-9), edge


def test_variants_are_those_of_the_delivered_rows(marts, told):
    found = dict(
        marts.execute(
            "select variant_path, n_journeys from marts.journey_variants where journey_type = 'all'"
        ).fetchall()
    )
    assert found == Counter(" > ".join(event.activity for event in trace) for trace in told.values())


def test_a_case_is_a_person_unless_its_name_says_nobody_and_callers_who_name_it_are_that_person(marts, told):
    found = marts.execute(
        """
        select
            count(distinct person_id) filter (where source_system = 'clinic_log'),
            count(distinct appointment_id) filter (where source_system = 'clinic_log'),
            count(*) filter (where person_id is null and anonymous_id = 'clinic_log:unknown'),
            count(*) filter (where person_id is null and source_system = 'clinic_log'),
            count(distinct anonymous_id) filter (where source_system = 'phone_log' and person_id is null),
            count(distinct person_id) filter (where source_system = 'phone_log')
        from marts.touchpoints
        """
    ).fetchone()
    nobody = len(told["unknown"])
    assert found == (59, 60, nobody, nobody, 10, 10)
    shared = marts.execute(
        "select count(*) from (select person_id from marts.touchpoints where person_id is not null "
        "group by person_id having count(distinct source_system) = 2)"
    ).fetchone()
    assert shared == (10,)


def test_every_delivered_row_is_accounted_for(marts, told):
    found = dict(
        marts.execute(
            "select source, sum(records_staged)::bigint from staging.stg_lake__account group by source"
        ).fetchall()
    )
    events = sum(len(trace) for trace in told.values())
    assert (found["clinic_log"], found["phone_log"]) == (events - 40, 20)
