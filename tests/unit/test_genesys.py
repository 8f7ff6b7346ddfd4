"""Genesys Cloud conversations become the contacts that staging reads: legs, waits, callbacks, faults."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.genesys import Genesys

DAY = datetime(2024, 3, 4, 11, 35)


def at(second: int) -> str:
    """Return a time of the conversation as Genesys writes it."""
    return (DAY + timedelta(seconds=second)).isoformat(timespec="milliseconds") + "Z"


def session(purpose: str, *segments: tuple[str, int, int], media: str = "voice", **more: Any) -> dict[str, Any]:
    """Return a participant with one session of (type, start, end) segments."""
    told = [
        {"segmentType": kind, "segmentStart": at(start), "segmentEnd": at(end), **more.get("said", {})}
        for kind, start, end in segments
    ]
    inner = {"mediaType": media, "segments": told, "ani": "tel:+16175550101", "dnis": "tel:+18005550100"}
    inner |= {"metrics": more.get("metrics", [])}
    return {
        "purpose": purpose,
        "userId": more.get("user"),
        "attributes": more.get("attributes", {}),
        "sessions": [inner],
    }


def conversation(name: str, end: int, *participants: dict[str, Any]) -> dict[str, Any]:
    """Return a conversation that began at 11:35:00."""
    return {
        "conversationId": name,
        "conversationStart": at(0),
        "conversationEnd": at(end),
        "originatingDirection": "inbound",
        "participants": list(participants),
    }


CUSTOMER = session("customer", ("interact", 0, 600), attributes={"mrn": "M1"})
ANSWERED = conversation(
    "answered",
    600,
    CUSTOMER,
    session("ivr", ("ivr", 0, 30)),
    session("acd", ("interact", 30, 90), said={"queueId": "q1"}),
    session(
        "agent",
        ("alert", 85, 90), ("interact", 90, 200), ("hold", 200, 220), ("interact", 220, 300), ("wrapup", 300, 340),
        user="u1", said={"wrapUpCode": "done"},
    ),
)  # fmt: skip
TRANSFERRED = conversation(
    "transferred",
    900,
    CUSTOMER,
    session("acd", ("interact", 0, 60), said={"queueId": "q1"}),
    session("agent", ("interact", 60, 120), user="u1"),
    session("acd", ("interact", 120, 300), said={"queueId": "q2"}, metrics=[{"name": "tAcd", "value": 180500}]),
    session("agent", ("interact", 300, 900), user="u2"),
)
CALLED_BACK = conversation(
    "called back",
    900,
    session("customer", ("interact", 0, 120)),
    session("acd", ("interact", 0, 120), said={"queueId": "q1"}),
    session("acd", ("interact", 120, 240), media="callback", said={"queueId": "q1"}),
    session("agent", ("interact", 240, 500), media="callback", user="u1"),
)
ABANDONED = conversation(
    "NA", 45, session("customer", ("interact", 0, 45)), session("acd", ("interact", 10, 45), said={"queueId": "q9"})
)


def read(tmp_path: Path, name: str, content: str) -> tuple[duckdb.DuckDBPyConnection, int]:
    """Return a connection with the raw tables of one file, and its independent count."""
    path = tmp_path / name
    path.write_text(content, encoding="latin-1")
    reader = Genesys(kind="genesys", queues={"q1": "Scheduling"}, resolved_codes=["done"])
    out = RawBatch(tmp_path / "raw", "b1")
    reader.parse([LandedFile("call_center", "call_center", name, path, "f1", "", 0, 0, None)], out)
    con = duckdb.connect()
    for table in ("contact", "records", "rejects"):
        con.execute(f"create view {table} as select * from '{out.path(table)}'")
    return con, reader.count(path)


def test_each_wait_in_a_queue_is_a_contact_with_its_agent(tmp_path):
    told = [ANSWERED, TRANSFERRED, CALLED_BACK, ABANDONED]
    con, counted = read(tmp_path, "c.ndjson", "\n".join(json.dumps(one) for one in told))
    found = con.execute(
        "select line, contact_id, next_contact_id, initiation_method, queue_name, queue_seconds, agent, talk_seconds, "
        "hold_seconds, holds, after_call_work_seconds, resolved from contact order by line, contact_id"
    ).fetchall()
    assert found == [
        (1, "answered", None, "INBOUND", "Scheduling", 60.0, "u1", 190.0, 20.0, 1, 40.0, "true"),
        (2, "transferred", "transferred#2", "INBOUND", "Scheduling", 60.0, "u1", 60.0, 0.0, 0, 0.0, None),
        (2, "transferred#2", None, "TRANSFER", "q2", 180.5, "u2", 600.0, 0.0, 0, 0.0, None),
        (3, "called back", "called back#2", "INBOUND", "Scheduling", 120.0, None, None, None, None, None, None),
        (3, "called back#2", None, "CALLBACK", "Scheduling", 120.0, "u1", 260.0, 0.0, 0, 0.0, None),
        (4, "NA", None, "INBOUND", "q9", 35.0, None, None, None, None, None, None),
    ]
    assert counted == 4
    assert con.execute("select record_id, parse_state, version_at from records order by line").fetchall() == [
        ("answered", "parsed", DAY + timedelta(seconds=600)),
        ("transferred", "parsed", DAY + timedelta(seconds=900)),
        ("called back", "parsed", DAY + timedelta(seconds=900)),
        ("NA", "parsed", DAY + timedelta(seconds=45)),
    ]


def test_times_endpoints_and_attributes_are_those_of_the_customer(tmp_path):
    con, _ = read(tmp_path, "c.ndjson", json.dumps(ANSWERED))
    found = con.execute(
        "select mrn, customer_endpoint, customer_endpoint_type, system_endpoint, channel, initiated_at, queued_at, "
        "dequeued_at, connected_to_agent_at, disconnected_at, ehr_id_space from contact"
    ).fetchall()
    times = tuple(DAY + timedelta(seconds=second) for second in (0, 30, 90, 90, 600))
    assert found == [("M1", "+16175550101", "TELEPHONE_NUMBER", "+18005550100", "VOICE", *times, "ehr")]


def test_a_page_of_the_api_gives_what_lines_give(tmp_path):
    told = [ANSWERED, TRANSFERRED, ABANDONED]
    lines, by_line = read(tmp_path, "c.ndjson", "\n".join(json.dumps(one) for one in told))
    (tmp_path / "page").mkdir()
    page, by_page = read(tmp_path / "page", "c.json", json.dumps({"conversations": told, "totalHits": 3}, indent=1))
    query = "select * exclude (file_id) from contact order by all"
    assert by_line == by_page == 3
    assert page.execute(query).fetchall() == lines.execute(query).fetchall()


def test_an_open_conversation_has_no_end_and_is_as_new_as_its_last_segment(tmp_path):
    con, _ = read(tmp_path, "c.ndjson", json.dumps(ANSWERED | {"conversationEnd": None}))
    found = con.execute("select disconnected_at, last_updated_at from contact").fetchall()
    assert found == [(None, DAY + timedelta(seconds=600))]


@pytest.mark.parametrize(
    ("text", "rule", "element"),
    [
        ("{", "json_invalid", None),
        ("[]", "json_invalid", None),
        ('{"conversationId": "é"}', "encoding", None),
        (json.dumps(ANSWERED | {"conversationId": None}), "required", "conversationId"),
        (json.dumps(ANSWERED | {"conversationStart": "soon"}), "timestamp_invalid", "conversationStart"),
        (json.dumps(ANSWERED | {"conversationEnd": at(-1)}), "end_before_start", "conversationEnd"),
        (
            json.dumps(conversation("backwards", 9, session("acd", ("interact", 9, 3)))),
            "end_before_start",
            "segmentEnd",
        ),
        (json.dumps(ANSWERED | {"participants": "two"}), "json_invalid", "participants"),
    ],
)
def test_what_cannot_be_read_is_one_rejected_record(tmp_path, text, rule, element):
    con, counted = read(tmp_path, "c.ndjson", text + "\n" + json.dumps(ABANDONED))
    assert con.execute("select line, rule, element, severity from rejects").fetchall() == [(1, rule, element, "reject")]
    assert con.execute("select line, parse_state from records order by line").fetchall() == [
        (1, "rejected"),
        (2, "parsed"),
    ]
    assert con.execute("select contact_id from contact").fetchall() == [("NA",)]
    assert counted == 2
