"""Event logs: what is written is read back with a general-purpose parser and compared with the marts."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import duckdb
import pytest

from orchestration.publish.event_log import export_event_log, main

XES = "{http://www.xes-standard.org/}"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    database = tmp_path / "journeys.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            """
            create table touchpoints as
            select activity_id::bigint as activity_id, person_id::bigint as person_id, anonymous_id,
                ts::timestamp as ts, 0 as event_seq, activity, lifecycle,
                'access' as stage, 'phone' as channel, 'patient' as initiator,
                department as department_id, null::varchar as provider_id, null::varchar as outcome,
                'call_center' as source_system
            from (values
                (3, 1, null, '2025-01-02 10:00', 'seen', 'complete', 'd<"1">'),
                (2, 1, null, '2025-01-01 10:00:00.5', 'called', 'start', null),
                (1, 1, null, '2025-01-01 10:00:00.5', 'booked', 'cancel', null),
                (4, null, 'NA', '2025-01-01', 'logged_in', 'complete', null)
            ) as t (activity_id, person_id, anonymous_id, ts, activity, lifecycle, department)
            """
        )
        connection.execute(
            """
            create table journey_touchpoints as
            select journey::bigint as journey_id, episode::bigint as episode_id, activity::bigint as activity_id
            from (values (7, 70, 1), (7, 70, 2), (7, 71, 3), (8, 80, 4)) as t (journey, episode, activity)
            """
        )
        connection.execute(
            """
            create table touchpoint_object as
            select 'person' as object_type, activity_id, 'person:1' as object_id, 'person' as qualifier from touchpoints
            where person_id = 1
            union all select 'journey', activity_id, 'journey:' || journey_id, 'part of' from journey_touchpoints
            """
        )
        connection.execute(
            """
            create table object_object as
            select * from (values ('person:1', 'journey:7', 'travels'), ('journey:7', 'episode:gone', 'has'))
                as t (source_object_id, target_object_id, qualifier)
            """
        )
    return database


def attributes(element: ET.Element) -> dict[str, str]:
    return {child.attrib["key"]: child.attrib["value"] for child in element if "key" in child.attrib}


def test_xes_has_a_trace_per_journey_in_order_with_ties_broken_by_activity_id(published: Path, tmp_path: Path):
    out = tmp_path / "log.xes"
    assert export_event_log(published, out, "xes") == 4
    log = ET.parse(out).getroot()  # noqa: S314 - written a line above
    traces = {
        attributes(trace)["concept:name"]: [attributes(event) for event in trace.iter(f"{XES}event")]
        for trace in log.iter(f"{XES}trace")
    }
    assert {case: [event["concept:name"] for event in events] for case, events in traces.items()} == {
        "7": ["booked", "called", "seen"],
        "8": ["logged_in"],
    }
    booked, _, seen = traces["7"]
    assert booked["time:timestamp"] == "2025-01-01T10:00:00.500+00:00"
    assert booked["lifecycle:transition"] == "pi_abort"
    assert seen["department_id"] == 'd<"1">'
    assert "department_id" not in booked


def test_csv_cases_can_be_persons_and_a_case_may_be_called_na(published: Path, tmp_path: Path):
    out = tmp_path / "log.csv"
    assert export_event_log(published, out, "csv", case="person") == 4
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case_id"], row["activity"]) for row in rows] == [
        ("1", "booked"),
        ("1", "called"),
        ("1", "seen"),
        ("NA", "logged_in"),
    ]


def test_ocel_names_types_objects_and_only_relations_to_objects_in_the_log(published: Path, tmp_path: Path):
    out = tmp_path / "log.json"
    assert export_event_log(published, out, "ocel2-json") == 4
    log = json.loads(out.read_text(encoding="utf-8"))
    assert [kind["name"] for kind in log["objectTypes"]] == ["journey", "person"]
    assert [kind["name"] for kind in log["eventTypes"]] == ["booked", "called", "logged_in", "seen"]
    related = {item["id"]: [link["objectId"] for link in item["relationships"]] for item in log["objects"]}
    assert related == {"person:1": ["journey:7"], "journey:7": [], "journey:8": []}
    first = next(event for event in log["events"] if event["id"] == "1")
    assert first["type"] == "booked"
    assert first["time"] == "2025-01-01T10:00:00.500+00:00"
    assert [link["objectId"] for link in first["relationships"]] == ["journey:7", "person:1"]
    assert {"name": "stage", "value": "access"} in first["attributes"]


def test_a_failed_export_leaves_the_old_file(published: Path, tmp_path: Path):
    out = tmp_path / "log.csv"
    out.write_text("old")
    with duckdb.connect(str(published)) as connection:
        connection.execute("drop table journey_touchpoints")
    with pytest.raises(duckdb.CatalogException):
        export_event_log(published, out, "csv")
    assert out.read_text() == "old"
    assert list(tmp_path.glob("*.part")) == []


def test_command_line(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "log.csv"
    assert main(["--format", "csv", "--out", str(out), "--database", str(published)]) == 0
    assert "4 events" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--format", "csv", "--out", str(out), "--database", str(tmp_path / "none.duckdb")])
