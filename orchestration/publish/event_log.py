"""Exports a published night as an event log for process-mining tools: XES (IEEE 1849), OCEL 2.0 JSON or CSV.

    python -m orchestration.publish.event_log --format xes|ocel2-json|csv --out FILE [--case journey|episode|person]

Belongs here: the formats. Does not belong: deciding what an event, a case or an object is (the marts do). Events are
streamed in case order, so memory does not grow with the log. The file holds what the limited publication holds about
people and must be kept like it. Free text and `features` stay out.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

import duckdb
import orjson

from orchestration.settings import get_settings

BATCH = 10_000
#: What a case is -> SQL of its id.
CASES = {
    "journey": "placed.journey_id",
    "episode": "placed.episode_id",
    "person": "coalesce(cast(touchpoints.person_id as varchar), touchpoints.anonymous_id)",
}
#: Attributes of an event -> SQL; the first three are named by the standards.
ATTRIBUTES = {
    "activity": "touchpoints.activity",
    "timestamp": "touchpoints.ts",
    "lifecycle": "touchpoints.lifecycle",
    "activity_id": "cast(touchpoints.activity_id as varchar)",
    "stage": "touchpoints.stage",
    "channel": "touchpoints.channel",
    "initiator": "touchpoints.initiator",
    "department_id": "touchpoints.department_id",
    "provider_id": "touchpoints.provider_id",
    "outcome": "touchpoints.outcome",
    "source_system": "touchpoints.source_system",
}
OCEL_ATTRIBUTES = ("lifecycle", "stage", "channel", "initiator", "outcome", "source_system")
XES_EXTENSIONS = {
    "Concept": ("concept", "http://www.xes-standard.org/concept.xesext"),
    "Time": ("time", "http://www.xes-standard.org/time.xesext"),
    "Lifecycle": ("lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
    "Organizational": ("org", "http://www.xes-standard.org/org.xesext"),
}
#: Names that the XES extensions give to attributes.
XES_KEYS = {"activity": "concept:name", "lifecycle": "lifecycle:transition", "provider_id": "org:resource"}
#: The lifecycle of touchpoints in the words of the XES standard transitional model.
XES_TRANSITIONS = {"scheduled": "schedule", "cancel": "pi_abort", "fail": "ate_abort"}

Event = dict[str, Any]


def export_event_log(database: Path, out: Path, log_format: str, case: str = "journey") -> int:
    """Write the event log of a published night and return the number of its events.

    Args:
        database: a published `journeys.duckdb`; opened read-only.
        out: file to write; it appears whole or not at all.
        log_format: `xes`, `ocel2-json` or `csv`.
        case: `journey`, `episode` or `person`; OCEL logs have no cases.

    Raises:
        KeyError: unknown format or case.
        duckdb.IOException: no such publication.
    """
    write, case_id = WRITERS[log_format], CASES[case]
    unfinished = out.with_name(out.name + ".part")
    try:
        with (
            closing(duckdb.connect(str(database), read_only=True)) as connection,
            unfinished.open("w", encoding="utf-8", newline="") as file,
        ):
            count = write(connection, file, case_id)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(query)
    while rows := cursor.fetchmany(BATCH):
        yield from rows


def _events(connection: duckdb.DuckDBPyConnection, case_id: str) -> Iterator[Event]:
    """Yield events in case order: by time, then event_seq and activity_id, whatever the order of delivery was."""
    names = ["case_id", *ATTRIBUTES]
    columns = ", ".join(ATTRIBUTES.values())
    rows = _rows(
        connection,
        f"""
        select cast({case_id} as varchar) as case_id, {columns}
        from touchpoints
        inner join journey_touchpoints as placed on touchpoints.activity_id = placed.activity_id
        order by case_id, touchpoints.ts, touchpoints.event_seq, touchpoints.activity_id
        """,
    )
    return (dict(zip(names, row, strict=True)) for row in rows)


def _iso(moment: datetime) -> str:
    """Return a time of the marts (naive, UTC) in ISO 8601 with its offset."""
    return moment.replace(tzinfo=UTC).isoformat(timespec="milliseconds")


def write_csv(connection: duckdb.DuckDBPyConnection, file: TextIO, case_id: str) -> int:
    """One line an event; the columns that process-mining tools look for come first."""
    writer = csv.writer(file)
    writer.writerow(["case_id", *ATTRIBUTES])
    count = 0
    for event in _events(connection, case_id):
        writer.writerow([_iso(value) if isinstance(value, datetime) else value for value in event.values()])
        count += 1
    return count


def _xes_attribute(key: str, value: Any) -> str:
    if isinstance(value, datetime):
        return f'<date key="{key}" value="{_iso(value)}"/>'
    return f'<string key="{key}" value={quoteattr(str(value))}/>'


def _xes_event(event: Event) -> str:
    attributes = [_xes_attribute("time:timestamp", event["timestamp"])]
    for name, value in event.items():
        if value is None or name in ("case_id", "timestamp"):
            continue
        text = XES_TRANSITIONS.get(value, value) if name == "lifecycle" else value
        attributes.append(_xes_attribute(XES_KEYS.get(name, name), text))
    return f"<event>{''.join(attributes)}</event>\n"


def write_xes(connection: duckdb.DuckDBPyConnection, file: TextIO, case_id: str) -> int:
    """XES 1849-2016: a trace a case, an event a touchpoint."""
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    file.write('<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">\n')
    for name, (prefix, uri) in XES_EXTENSIONS.items():
        file.write(f'<extension name="{name}" prefix="{prefix}" uri="{uri}"/>\n')
    file.write('<global scope="trace"><string key="concept:name" value=""/></global>\n')
    file.write('<global scope="event"><string key="concept:name" value=""/>')
    file.write('<date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>')
    file.write('<string key="lifecycle:transition" value="complete"/></global>\n')
    file.write('<classifier name="Activity" keys="concept:name"/>\n')
    count = 0
    for case, events in groupby(_events(connection, case_id), key=lambda event: event["case_id"]):
        file.write(f"<trace>{_xes_attribute('concept:name', case)}\n")
        for event in events:
            file.write(_xes_event(event))
            count += 1
        file.write("</trace>\n")
    file.write("</log>\n")
    return count


def _json_list(file: TextIO, name: str, items: Iterator[dict[str, Any]], last: bool = False) -> int:
    count = 0
    file.write(f'"{name}":[')
    for count, item in enumerate(items, start=1):
        file.write(("," if count > 1 else "") + "\n" + orjson.dumps(item).decode())
    file.write("]" if last else "],\n")
    return count


def _ocel_types(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    attributes = [{"name": name, "type": "string"} for name in OCEL_ATTRIBUTES]
    objects = _rows(connection, "select distinct object_type from touchpoint_object order by 1")
    activities = _rows(connection, "select distinct activity from touchpoints order by 1")
    yield "objectTypes", ({"name": name, "attributes": []} for (name,) in objects)
    yield "eventTypes", ({"name": name, "attributes": attributes} for (name,) in activities)


def _ocel_objects(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    rows = _rows(
        connection,
        """
        with objects as (select distinct object_id, object_type from touchpoint_object)
        select objects.object_id, objects.object_type, related.target_object_id, related.qualifier
        from objects
        left join object_object as related
            on objects.object_id = related.source_object_id
            and related.target_object_id in (select object_id from objects)
        order by all
        """,
    )
    for (identity, kind), related in groupby(rows, key=lambda row: (row[0], row[1])):
        relationships = [{"objectId": target, "qualifier": what} for _, _, target, what in related if target]
        yield {"id": identity, "type": kind, "attributes": [], "relationships": relationships}


def _ocel_events(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    columns = ", ".join(ATTRIBUTES[name] for name in OCEL_ATTRIBUTES)
    rows = _rows(
        connection,
        f"""
        select touchpoints.activity_id, touchpoints.activity, touchpoints.ts, {columns},
            named.object_id, named.qualifier
        from touchpoints
        inner join touchpoint_object as named on touchpoints.activity_id = named.activity_id
        order by touchpoints.ts, touchpoints.event_seq, touchpoints.activity_id, named.object_id
        """,
    )
    for identity, group in groupby(rows, key=lambda row: row[0]):
        members = list(group)
        _, activity, ts, *values = members[0][:-2]
        known = [(name, value) for name, value in zip(OCEL_ATTRIBUTES, values, strict=True) if value is not None]
        yield {
            "id": str(identity),
            "type": activity,
            "time": _iso(ts),
            "attributes": [{"name": name, "value": value} for name, value in known],
            "relationships": [{"objectId": row[-2], "qualifier": row[-1]} for row in members],
        }


def write_ocel2_json(connection: duckdb.DuckDBPyConnection, file: TextIO, case_id: str) -> int:
    """OCEL 2.0 in its JSON form; ``case_id`` has no meaning in an object-centric log."""
    file.write("{\n")
    for name, items in _ocel_types(connection):
        _json_list(file, name, items)
    _json_list(file, "objects", _ocel_objects(connection))
    count = _json_list(file, "events", _ocel_events(connection), last=True)
    file.write("\n}\n")
    return count


WRITERS: dict[str, Callable[[duckdb.DuckDBPyConnection, TextIO, str], int]] = {
    "csv": write_csv,
    "ocel2-json": write_ocel2_json,
    "xes": write_xes,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    current = get_settings().published / "limited" / "current" / "journeys.duckdb"
    parser = argparse.ArgumentParser(prog="python -m orchestration.publish.event_log", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--format", choices=sorted(WRITERS), required=True, dest="log_format")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--case", choices=sorted(CASES), default="journey", help="what a case is (xes, csv)")
    parser.add_argument("--database", type=Path, default=current, help="default: what is published now")
    chosen = parser.parse_args(arguments)
    if not chosen.database.exists():
        parser.error(f"nothing is published at {os.fspath(chosen.database)}")
    count = export_event_log(chosen.database, chosen.out, chosen.log_format, chosen.case)
    print(f"{count:,} events written to {chosen.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
