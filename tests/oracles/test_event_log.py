"""The directly-follows graph, variants and case times against an event log computed with a process-mining tool."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.journey_stories import Story, journeys_of

pytestmark = [pytest.mark.dbt, pytest.mark.reference]


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "oracles" / "event_log_patients" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def plain(moment: str) -> str:
    """Return an ISO time in UTC as the naive time of the marts."""
    return moment.removesuffix("Z").replace("T", " ")


@pytest.fixture(scope="module")
def marts(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Each case is one person's visit; an activity instance happens when it completes."""
    story = Story(as_of="2018-12-31")
    for row in read(reference, "patients_input.csv"):
        if row["lifecycle"] == "complete":
            story.tell(
                row["activity"],
                plain(row["timestamp"]),
                who=f"p{row['case_id']}",
                source_record_id=row["activity_instance_id"],
                event_seq=int(row["seq"]),
                appointment_id=row["case_id"],
                stage="encounter",
            )
    with journeys_of(story, tmp_path_factory.mktemp("event_log")) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_directly_follows_graph(reference: Path, marts: duckdb.DuckDBPyConnection):
    found = {
        (source, target): measured
        for source, target, *measured in rows(
            marts,
            """
            select from_activity, to_activity, frequency, mean_seconds, median_seconds
            from marts.journey_edges where scope = 'all'
            """,
        )
    }
    expected = {
        (row["from_activity"], row["to_activity"]): [
            int(row["frequency"]), float(row["mean_s"]), float(row["median_s"])
        ]
        for row in read(reference, "patients_expected_dfg.csv")
    }  # fmt: skip
    assert set(found) == set(expected)
    for edge, measured in expected.items():
        assert found[edge] == pytest.approx(measured, rel=1e-9), edge


def test_variants(reference: Path, marts: duckdb.DuckDBPyConnection):
    found = dict(rows(marts, "select variant_path, n_journeys from marts.journey_variants where journey_type = 'all'"))
    expected = {row["variant"]: int(row["cases"]) for row in read(reference, "patients_expected_variants.csv")}
    assert found == expected


def test_cases(reference: Path, marts: duckdb.DuckDBPyConnection):
    found = {
        str(person): (events, start, end, float(elapsed))
        for person, events, start, end, elapsed in rows(
            marts,
            "select person_id, n_touchpoints, start_ts::varchar, end_ts::varchar, elapsed_seconds from marts.journeys",
        )
    }
    expected = {
        row["case_id"]: (
            int(row["n_events"]),
            plain(row["start"]).removesuffix(".000"),
            plain(row["end"]).removesuffix(".000"),
            float(row["throughput_s"]),
        )
        for row in read(reference, "patients_expected_cases.csv")
    }
    assert found == expected


def test_activities_and_rework(reference: Path, marts: duckdb.DuckDBPyConnection):
    events: Counter[str] = Counter()
    for activity, n in rows(marts, "select activity, n from marts.journey_steps where scope = 'all'"):
        events[activity] += n
    expected = {row["activity"]: int(row["events"]) for row in read(reference, "patients_expected_activities.csv")}
    assert dict(events) == expected
