"""Snowplow enriched events become the portal events that staging reads."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch, ensure_empty_tables
from orchestration.pull.segment_events import SegmentEvents
from orchestration.pull.snowplow import FIELDS, SnowplowEvents


def row(**said: str) -> str:
    """Return an enriched event as a line."""
    defaults = {
        "app_id": "portal",
        "event": "unstruct",
        "user_id": "u1",
        "domain_userid": "d1",
        "collector_tstamp": "2024-03-01 10:00:02.000",
        "derived_tstamp": "2024-03-01 10:00:00.250",
    }
    return "\t".join((defaults | said).get(field, "") for field in FIELDS)


def self_describing(**data: object) -> str:
    """Return a self-describing event's JSON."""
    inner = {"schema": "iglu:example.hospital/booked/jsonschema/1-0-0", "data": data}
    return json.dumps({"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": inner})


def read(tmp_path: Path, *rows: str) -> tuple[duckdb.DuckDBPyConnection, int]:
    """Return a connection with the raw tables of one file, and its independent count."""
    path = tmp_path / "good.tsv"
    path.write_text("\n".join(rows) + "\n")
    reader = SnowplowEvents(
        kind="snowplow", events={"booked": "Appointment Booked"}, properties={"appointment_id": "visit"}
    )
    out = RawBatch(tmp_path / "raw", "b1")
    reader.parse([LandedFile("portal", "portal", "good.tsv", path, "f1", "", 0, 0, None)], out)
    out.commit()
    ensure_empty_tables(out.source_folder, reader.tables)
    con = duckdb.connect()
    for table in ("event", "records", "rejects"):
        con.execute(f"create view {table} as select * from '{out.source_folder / table}/*.parquet'")
    return con, reader.count(path)


def test_the_enriched_event_has_131_columns():
    assert len(FIELDS) == len(set(FIELDS)) == 131
    assert (FIELDS[6], FIELDS[58], FIELDS[-1]) == ("event_id", "unstruct_event", "true_tstamp")


def test_the_table_is_that_of_segment_events():
    assert SnowplowEvents(kind="snowplow").tables == SegmentEvents(kind="segment").tables


def test_self_describing_structured_and_page_events(tmp_path):
    told = self_describing(visit="a1", department_id="d7", amount=12.5, note='said "no"')
    con, counted = read(
        tmp_path,
        row(event_id="NA", event_name="booked", unstruct_event=told),
        row(event_id="e2", event="struct", event_name="event", se_action="Logged In", domain_userid=""),
        row(event_id="e3", event="page_view", event_name="page_view", page_title="Results", user_id=""),
    )
    found = con.execute(
        "select message_id, event_type, event, page_name, user_id, anonymous_id, appointment_id, department_id, "
        "amount::double, ehr_id_space from event order by line"
    ).fetchall()
    assert found == [
        ("NA", "track", "Appointment Booked", None, "u1", "d1", "a1", "d7", 12.5, "ehr"),
        ("e2", "track", "Logged In", None, "u1", None, None, None, None, "ehr"),
        ("e3", "page", "page_view", "Results", None, "d1", None, None, None, "ehr"),
    ]
    assert counted == 3
    assert con.execute("select distinct happened_at, received_at from event").fetchall() == [
        (datetime(2024, 3, 1, 10, 0, 0, 250_000), datetime(2024, 3, 1, 10, 0, 2))
    ]
    assert con.execute("select count(*) from rejects").fetchall() == [(0,)]


def test_what_cannot_be_read_is_refused_line_by_line(tmp_path):
    con, counted = read(
        tmp_path,
        row(event_id="e1", event_name="booked", unstruct_event="{broken"),
        row(event_name="booked"),
        row(event_id="e3", event_name="booked", derived_tstamp="soon"),
        "too\tshort",
        row(event_id="e5", event_name="booked", user_id="", domain_userid=""),
    )
    assert con.execute("select line, rule, element from rejects order by line").fetchall() == [
        (1, "json_invalid", "unstruct_event"),
        (2, "required", "message_id"),
        (3, "timestamp_invalid", "happened_at"),
        (4, "csv_columns", None),
        (5, "required", "user_id"),
    ]
    assert con.execute("select line, parse_state from records order by line").fetchall() == [
        (1, "rejected"),
        (2, "rejected"),
        (3, "rejected"),
        (4, "rejected"),
        (5, "rejected"),
    ]
    assert counted == 5
