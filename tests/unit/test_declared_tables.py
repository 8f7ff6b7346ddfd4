"""A declared table reads every format to the same rows, refuses bad rows one by one, and explains bad declarations."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.declared import DeclaredTable
from orchestration.pull.paths import path_matches

CALLS = {
    "kind": "table",
    "table": "call",
    "path": "**/*",
    "zone": "America/New_York",
    "record_id": ["call_id"],
    "version_at": "started_at",
    "columns": {
        "call_id": {"from": "Call ID", "required": True},
        "started_at": {"from": "Start", "type": "timestamp", "required": True},
        "talk_seconds": {"from": "Talk", "type": "duration", "unit": "hh:mm:ss"},
        "skill": {"from": "Skill"},
    },
}
HEADER = "Call ID,Start,Talk,Skill\n"
ROWS = [
    ("NA", datetime(2024, 1, 1, 15), 62.0, "Billing"),
    ("null", datetime(2024, 7, 1, 14), 0.5, None),
]
LINES = 'NA,2024-01-01 10:00:00,00:01:02,Billing\nnull,2024-07-01 10:00:00,0:0.5,""\n'
OBJECTS = [
    {"Call ID": "NA", "Start": "2024-01-01 10:00:00", "Talk": "00:01:02", "Skill": "Billing"},
    {"Call ID": "null", "Start": "2024-07-01 10:00:00", "Talk": "0:0.5", "Skill": None},
]


class Reading:
    """One file read by a declaration."""

    def __init__(self, tmp_path: Path, name: str, content: bytes, **changes: object) -> None:
        self.reader = DeclaredTable.model_validate(CALLS | changes)
        self.out = RawBatch(tmp_path / "raw", "b1")
        path = tmp_path / name
        path.write_bytes(content)
        self.counted = self.reader.count(path)
        self.reader.parse([LandedFile("calls", "calls", name, path, "f1", "", 0, 0, None)], self.out)

    def select(self, table: str, columns: str) -> list[tuple[object, ...]]:
        """Return columns of a written table in the order of lines; of one without rows nothing is written."""
        if not self.out.path(table).exists():
            return []
        found = duckdb.sql(f"select line, {columns} from '{self.out.path(table)}' order by all").fetchall()
        return [row[1:] for row in found]

    @property
    def rows(self) -> list[tuple[object, ...]]:
        """The declared table."""
        return self.select("call", "* exclude (file_id, line, feed)")

    @property
    def rejects(self) -> list[tuple[object, ...]]:
        """The findings."""
        return self.select("rejects", "line, rule, element")


def _parquet(rows: list[dict[str, object]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "content", "changes"),
    [
        ("a.csv", (HEADER + LINES).encode(), {}),
        ("a.csv", ("\ufeff" + HEADER + LINES).replace("\n", "\r\n").encode(), {}),
        ("a.csv.gz", gzip.compress((HEADER + LINES).encode(), mtime=0), {}),
        ("a.csv", (HEADER + LINES).replace(",", ";").encode(), {"delimiter": ";"}),
        ("a.csv", (HEADER + LINES).encode("utf-16"), {"encoding": "utf-16"}),
        ("a.csv", LINES.encode(), {"header": ["Call ID", "Start", "Talk", "Skill"]}),
        ("a.tsv", (HEADER + LINES).replace(",", "\t").encode(), {"format": "tsv"}),
        ("a.ndjson", "\n".join(json.dumps(o) for o in OBJECTS).encode(), {"format": "ndjson"}),
        ("a.json", json.dumps(OBJECTS, indent=2).encode(), {"format": "json"}),
        ("a.parquet", _parquet(OBJECTS), {"format": "parquet"}),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, name, content, changes):
    reading = Reading(tmp_path, name, content, **changes)
    assert reading.rows == ROWS
    assert reading.rejects == []
    assert reading.counted == 2
    assert reading.select("records", "line, record_id, parse_state") == [(1, "NA", "parsed"), (2, "null", "parsed")]


def test_columns_are_found_by_name_in_any_order_and_others_are_ignored(tmp_path):
    content = b"Agent,Skill,Call ID,Start\nAnn,Billing,1,2024-01-01 10:00:00\n"
    reading = Reading(tmp_path, "a.csv", content)
    assert reading.rows == [("1", datetime(2024, 1, 1, 15), None, "Billing")]


def test_a_bad_row_is_refused_with_its_number_and_the_rest_goes_through(tmp_path):
    content = (
        HEADER.encode()
        + b'1,2024-01-01 10:00:00,1:00,"two\nlines, one cell"\n'
        + b"2,2024-01-01 10:00:00\n"
        + b"\n"
        + b"3,2024-01-01 10:00:00,1:00,Caf\xe9\n"
        + b'4,2024-01-01 10:00:00,1:00,5" pipe\n'
        + b",2024-01-01 10:00:00,1:00,x\n"
        + b"6,yesterday,soon,x\n"
    )
    reading = Reading(tmp_path, "a.csv", content)
    assert reading.counted == 6
    assert [row[0] for row in reading.rows] == ["1", "4", None, "6"]
    assert reading.rejects == [
        (2, "csv_columns", None),
        (3, "encoding", None),
        (5, "required", "call_id"),
        (6, "duration_invalid", "talk_seconds"),
        (6, "timestamp_invalid", "started_at"),
    ]
    states = reading.select("records", "parse_state")
    assert [state for (state,) in states].count("rejected") == 4
    assert len(states) == reading.counted


def test_a_column_that_stands_twice_holds_the_whole_file_back(tmp_path):
    reading = Reading(tmp_path, "a.csv", b"Call ID,Start,Talk,Skill,Talk\n1,2024-01-01 10:00:00,1:00,x,2:00\n")
    assert reading.rejects == [(1, "header_duplicate", None)]


def test_a_required_column_that_is_missing_is_named(tmp_path):
    reading = Reading(tmp_path, "a.csv", b"Start\n2024-01-01 10:00:00\n")
    assert reading.rejects == [(1, "required", "call_id")]


@pytest.mark.parametrize("content", [b"", HEADER.encode(), b"\n\n"])
def test_a_file_without_records_is_no_fault(tmp_path, content):
    reading = Reading(tmp_path, "a.csv", content)
    assert (reading.counted, reading.rows, reading.rejects) == (0, [], [])


@pytest.mark.parametrize("blank", ["\n", "\r\n\n"])
def test_blank_lines_before_the_header_make_no_record_of_it(tmp_path, blank):
    reading = Reading(tmp_path, "a.csv", f"{blank}{HEADER}\n{LINES}5,too,few\n".encode())
    assert reading.counted == len(reading.select("records", "line")) == 3
    assert [row[0] for row in reading.rows] == ["NA", "null"]
    assert reading.rejects == [(3, "csv_columns", None)]


@pytest.mark.parametrize(
    ("tail", "rejects", "kept"),
    [
        # Swallows the rest of a file: one record that says why.
        (b'3,2024-01-01 10:00:00,1:00,"x\n' + b"4,2024-01-01 10:00:00,1:00,x\n" * 50_000, "quote_unclosed", 2),
        # One cell longer than a block of the fast reader, and what follows it.
        (b"3,2024-01-01 10:00:00,1:00," + b"x" * 5_000_000 + b"\n4,,1:00,x\n5\n", "required csv_columns", 4),
    ],
)
def test_rows_of_any_length_are_read_or_refused(tmp_path, tail, rejects, kept):
    rows = b"".join(b"%d,2024-01-01 10:00:00,1:00,x\n" % n for n in (1, 2))
    reading = Reading(tmp_path, "a.csv", HEADER.encode() + rows + tail)
    states = reading.select("records", "line")
    assert len(states) == reading.counted
    assert [rule for _, rule, _ in reading.rejects] == rejects.split()
    assert len(reading.rows) == kept


@pytest.mark.parametrize(("written", "declared"), [("utf-16", "utf-8"), ("utf-8", "utf-16"), ("utf-16-le", "utf-32")])
def test_a_file_in_another_encoding_is_refused_row_by_row(tmp_path, written, declared):
    reading = Reading(tmp_path, "a.csv", (HEADER + LINES).encode(written), encoding=declared)
    assert {rule for _, rule, _ in reading.rejects} == {"encoding"}
    assert len(reading.select("records", "line")) == reading.counted == 3


@pytest.mark.parametrize("name", ["Call ID", "Skill"])
def test_what_a_header_lacks_is_told(tmp_path, name):
    lacking = [{key: value for key, value in row.items() if key != name} for row in OBJECTS]
    text = "\n".join(",".join(map(str, row.values())) for row in [dict.fromkeys(lacking[0]), *lacking])
    csv = HEADER.replace(name, "Else") + text.partition("\n")[2] + "\n"
    assert Reading(tmp_path, "a.csv", csv.encode()).reader.lacking(tmp_path / "a.csv") == [name]
    reading = Reading(tmp_path, "a.parquet", _parquet(lacking), format="parquet")
    assert reading.reader.lacking(tmp_path / "a.parquet") == [name]
    assert Reading(tmp_path, "b.csv", b"").reader.lacking(tmp_path / "b.csv") == []


def _damaged(content: bytes) -> bytes:
    return content[:200] + b"\0" * (len(content) // 2) + content[200 + len(content) // 2 :]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (_parquet([row | {"Skill": ["x"]} for row in OBJECTS]), 2),
        (_parquet([row | {"Skill": b"\xff"} for row in OBJECTS]), 2),
        (_parquet([row | {"Talk": timedelta(seconds=9)} for row in OBJECTS]), 2),
        (_damaged(_parquet([{"Call ID": str(n) * 20, "Start": str(n)} for n in range(5000)])), 5000),
    ],
)
def test_what_a_parquet_file_cannot_tell_as_text_is_refused(tmp_path, content, count):
    reading = Reading(tmp_path, "a.parquet", content, format="parquet")
    assert reading.rejects == [(line, "parquet_invalid", None) for line in range(1, count + 1)]
    assert reading.counted == count


@pytest.mark.parametrize(
    ("format_", "rule"), [("json", "json_invalid"), ("ndjson", "json_invalid"), ("parquet", "parquet_invalid")]
)
def test_a_file_of_another_format_is_one_reject(tmp_path, format_, rule):
    reading = Reading(tmp_path, "a", b"PK\x03\x04 no such thing", format=format_)
    assert (reading.counted, reading.rejects) == (1, [(1, rule, None)])


def test_paths_into_objects_and_row_rules(tmp_path):
    changes = {
        "format": "ndjson",
        "columns": CALLS["columns"] | {"talk_seconds": {"from": "times.talk", "type": "duration", "unit": "ms"}},
        "rules": [{"rule": "talk_too_long", "element": "talk_seconds", "requires": "talk_seconds < 10"}],
    }
    objects = [{"Call ID": n, "Start": "2024-01-01T10:00:00Z", "times": {"talk": n * 1000}} for n in (1, 20)]
    reading = Reading(tmp_path, "a.ndjson", "\n".join(json.dumps(o) for o in objects).encode(), **changes)
    assert [row[:3] for row in reading.rows] == [
        ("1", datetime(2024, 1, 1, 10), 1.0),
        ("20", datetime(2024, 1, 1, 10), 20.0),
    ]
    assert reading.rejects == [(2, "talk_too_long", "talk_seconds")]


def test_equal_content_has_an_equal_hash_whatever_the_file(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = Reading(tmp_path / "one", "a.csv", (HEADER + LINES).encode())
    two = Reading(tmp_path / "two", "b.csv", (HEADER + LINES).replace("\n", "\r\n").encode())
    assert one.select("records", "record_hash") == two.select("records", "record_hash")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"record_id": ["callid"]}, "no column 'callid'; did you mean 'call_id'"),
        ({"version_at": "skill"}, "'skill' is no timestamp"),
        ({"zone": "EST5"}, "no IANA time zone"),
        ({"encoding": "utf-9"}, "unknown encoding"),
        ({"rules": [{"rule": "r", "requires": "talk < 5"}]}, "talk"),
        ({"columns": CALLS["columns"] | {"Line": {}}}, "lower_case"),
        ({"columns": CALLS["columns"] | {"line": {}}}, "none of"),
        ({"columns": CALLS["columns"] | {"record_id": {}}}, "none of"),
        ({"header": ["Call", "Start", "Talk", "Skill"]}, "`header` names no 'Call ID'; did you mean 'Call'"),
        (
            {"format": "json", "columns": CALLS["columns"] | {"a": {"from": "x"}, "b": {"from": "x.y"}}},
            "x is read as a value and as an object",
        ),
        ({"colums": {}}, "colums"),
    ],
)
def test_a_bad_declaration_is_refused_at_load_time(changes, said):
    with pytest.raises(ValidationError, match=said):
        DeclaredTable.model_validate(CALLS | changes)


@pytest.mark.parametrize(
    ("name", "glob", "matches"),
    [
        ("calls.csv", "*.csv", True),
        ("calls.csv.gz", "*.csv", True),
        ("2024/calls.csv", "*.csv", False),
        ("2024/01/calls.csv", "**/*.csv", True),
        ("calls.csv", "**/*.csv", True),
        ("calls/2024.csv", "calls/**", True),
        ("calls.csv.tmp", "*.csv", False),
        ("callsXcsv", "calls.csv", False),
    ],
)
def test_globs_over_delivered_paths(name, glob, matches):
    assert path_matches(name, glob) is matches
