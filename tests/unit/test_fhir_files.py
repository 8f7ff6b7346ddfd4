"""What becomes of FHIR files: every record accounted for, every broken one told by rule and element, good ones kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lake.landing import LandedFile
from orchestration.lake.raw import RawBatch
from orchestration.pull.fhir_files import FhirFiles, type_of_file

Rows = list[tuple[Any, ...]]


def encounter(number: int = 99, **changes: Any) -> dict[str, Any]:
    record = {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "meta": {"lastUpdated": "2011-02-03T00:00:00Z"},
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"coding": [{"system": "http://snomed.info/sct", "code": "185345009"}], "text": "x"}],
        "subject": {"reference": f"Patient/p{number % 5}"},
        "period": {"start": "2011-02-02T16:30:49-05:00", "end": "2011-02-02T16:45:49-05:00"},
        "length": {"value": 15, "unit": "min"},
        "serviceProvider": {"reference": "Organization/o1", "display": "HOSP"},
    }
    record.update(changes)
    return {key: value for key, value in record.items() if value is not DROPPED}


DROPPED = object()
FINE = json.dumps(encounter(1)).encode()
BAD = json.dumps(encounter()).encode()


class Parsed:
    """Files read by the reader: their records, rejects and tables."""

    def __init__(self, folder: Path, reader: FhirFiles | None = None) -> None:
        self.folder, self.reader, self.files = folder, reader or FhirFiles(), list[LandedFile]()

    def add(self, name: str, content: bytes, feed: str = "ehr") -> Parsed:
        """Land a file."""
        path = self.folder / "landing" / feed / str(len(self.files)) / Path(name).name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        delivered = self.reader.count(path)
        file_id = f"f{len(self.files)}"
        self.files.append(LandedFile("ehr", feed, name, path, file_id, "", len(content), delivered, None))
        return self

    def read(self) -> Parsed:
        """Parse what landed; every record counted must be accounted for."""
        self.batch = RawBatch(self.folder / "raw", "batch")
        self.reader.parse(self.files, self.batch)
        assert len(self.rows("select * from records")) == sum(file.records_delivered for file in self.files)
        return self

    def rows(self, query: str) -> Rows:
        """Ask the raw tables."""
        with duckdb.connect() as con:
            con.execute("set timezone = 'UTC'")
            for path in self.batch.scratch.glob("*.parquet"):
                con.execute(f"create view {path.stem} as from read_parquet('{path}')")
            return con.execute(query).fetchall()


@pytest.fixture
def parsed(tmp_path: Path) -> Parsed:
    return Parsed(tmp_path)


def line(**changes: Any) -> bytes:
    return json.dumps(encounter(**changes)).encode()


BROKEN: dict[str, tuple[bytes, str, str | None]] = {
    "status is a number": (line(status=5), "code_unknown", "Encounter.status"),
    "period is a string": (line(period="2011"), "type_invalid", "Encounter.period"),
    "object for list": (line(type={"text": "x"}), "type_invalid", "Encounter.type"),
    "list for object": (line(period=[{"start": "2011"}]), "type_invalid", "Encounter.period"),
    "quantity as text": (line(length={"value": "15"}), "type_invalid", "Encounter.length.value"),
    "quantity is no number": (line(length={"value": "abc"}), "type_invalid", "Encounter.length.value"),
    "number for a date": (line(period={"start": 1296682249}), "date_invalid", "Encounter.period.start"),
    "month 13": (line(period={"start": "2011-13-02T16:30:49-05:00"}), "date_invalid", "Encounter.period.start"),
    "30 February": (line(period={"start": "2011-02-30"}), "date_invalid", "Encounter.period.start"),
    "no time zone": (line(period={"start": "2011-02-03T10:00:00"}), "date_invalid", "Encounter.period.start"),
    "garbage date": (line(period={"start": "yesterday"}), "date_invalid", "Encounter.period.start"),
    "US date": (line(period={"start": "02/03/2011"}), "date_invalid", "Encounter.period.start"),
    "end before start": (
        line(period={"start": "2011-02-03", "end": "2010-01-01"}), "end_before_start", "Encounter.period.end",
    ),
    "no status": (line(status=DROPPED), "required", "Encounter.status"),
    "no class": (line(**{"class": DROPPED}), "required", "Encounter.class"),
    "no id": (line(id=DROPPED), "required", "Encounter.id"),
    "no subject": (line(subject=DROPPED), "required", "Encounter.subject"),
    "null status": (line(status=None), "required", "Encounter.status"),
    "empty status": (line(status=""), "required", "Encounter.status"),
    "unknown code": (line(status="done"), "code_unknown", "Encounter.status"),
    "unknown element": (line(foo=1), "element_unknown", "Encounter"),
    "another resource type": (line(resourceType="Patient"), "resource_type", "resourceType"),
    "garbage reference": (line(subject={"reference": "not a ref"}), "reference_invalid", "Encounter.subject.reference"),
    "empty reference": (line(subject={"reference": "Patient/"}), "reference_invalid", "Encounter.subject.reference"),
    "wrong reference type": (
        line(subject={"reference": "Medication/m1"}), "reference_target", "Encounter.subject.reference",
    ),
    "truncated": (BAD[:120], "json_invalid", None),
    "garbage in an unused element": (BAD[:-1] + b',"zz":tru}', "json_invalid", None),
    "two records on a line": (BAD + FINE, "json_invalid", None),
    "array": (b"[1,2]", "resource_type", "resourceType"),
    "not a number": (BAD.replace(b'"value": 15', b'"value":NaN'), "json_invalid", None),
    "lone surrogate": (BAD.replace(b"HOSP", rb"\ud800"), "json_invalid", None),
    "latin-1": (BAD.replace(b"HOSP", b"H\xe9P"), "encoding", None),
    "latin-1 in an unused element": (BAD.replace(b'"text": "x"', b'"text":"\xe9"'), "encoding", None),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_record_is_rejected_alone_with_rule_and_element(parsed: Parsed, case: str) -> None:
    broken, rule, element = BROKEN[case]
    parsed.add("Encounter.ndjson", b"\n".join([line(number=1), broken, line(number=2)])).read()
    states = parsed.rows("select line, parse_state from records order by line")
    assert states == [(1, "parsed"), (2, "rejected"), (3, "parsed")]
    findings = parsed.rows("select line, rule, element, severity from rejects where severity = 'reject'")
    assert (2, rule, element, "reject") in findings
    assert {n for n, *_ in findings} == {2}
    assert not parsed.rows("select * from rejects where detail is not null")


def test_a_file_in_another_encoding_is_rejected_line_by_line(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", b"\n".join([FINE, BAD]).decode().encode("utf-16")).read()
    assert {rule for (rule,) in parsed.rows("select rule from rejects")} == {"encoding"}


def test_the_last_line_may_be_cut_off(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson.gz", gzip.compress(FINE + b"\n" + BAD[:150])).read()
    assert parsed.rows("select line, rule from rejects") == [(2, "json_invalid")]


ACCEPTED: dict[str, bytes] = {
    "month": line(period={"start": "2011-02"}),
    "year": line(period={"start": "2011"}),
    "day": line(period={"start": "2011-02-03"}),
    "starts on the day it ends": line(period={"start": "2011-02-03T10:00:00Z", "end": "2011-02-03"}),
    "fractional seconds": line(period={"start": "2011-02-03T10:00:00.123456Z"}),
    "extension of a primitive": line(_status={"extension": [{"url": "http://x", "valueString": "y"}]}),
    "status absent with a reason": line(
        status=DROPPED, _status={"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    ),
    "unicode": line(serviceProvider={"display": "Zoë – 日本 \U0001f600"}),
    "contained": line(contained=[{"resourceType": "Patient", "id": "c"}], subject={"reference": "#c"}),
    "absolute reference": line(subject={"reference": "https://ehr.example/fhir/Patient/7"}),
    "versioned reference": line(subject={"reference": "Patient/7/_history/2"}),
    "17 MB line": line(type=[{"text": "x" * (17 << 20)}]),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_valid_record_is_kept(parsed: Parsed, case: str) -> None:
    parsed.add("Encounter.ndjson", ACCEPTED[case]).read()
    assert parsed.rows("select parse_state from records") == [("parsed",)]
    assert not parsed.rows("select * from rejects")


@pytest.mark.parametrize(
    ("case", "write"),
    {
        "byte-order mark": lambda lines: b"\xef\xbb\xbf" + b"\n".join(lines),
        "CRLF": b"\r\n".join,
        "blank lines": b"\n\n\n".join,
        "final newline": lambda lines: b"\n".join(lines) + b"\n",
    }.items(),
)
def test_lines_are_told_apart_however_they_end(
    parsed: Parsed, case: str, write: Callable[[list[bytes]], bytes]
) -> None:
    parsed.add("Encounter.ndjson", write([FINE, BAD])).read()
    assert parsed.rows("select encounter_id from encounter order by 1") == [("e1",), ("e99",)]
    hashes = parsed.rows("select record_hash from records order by line")
    plain = Parsed(parsed.folder / "plain").add("Encounter.ndjson", FINE + b"\n" + BAD).read()
    assert hashes == plain.rows("select record_hash from records order by line")


def test_an_empty_file_gives_no_record(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", b"").add("Slot.ndjson", b"\n \n").read()
    assert parsed.rows("select * from records") == []


def test_columns_hold_what_the_record_says(parsed: Parsed) -> None:
    history = [{"status": "arrived", "period": {"start": "2011-02-02T21:30:49Z", "end": "2011-02-02T21:40:00Z"}}]
    parsed.add("Encounter.ndjson", line(statusHistory=history)).read()
    assert parsed.rows(
        "select encounter_id, patient_id, department_id, class_code, started_at::text, id_space from encounter"
    ) == [("e99", "p4", "o1", "AMB", "2011-02-02 21:30:49", "ehr")]
    assert parsed.rows("select encounter_id, position, status, started_at::text from encounter_status") == [
        ("e99", 0, "arrived", "2011-02-02 21:30:49")
    ]
    assert parsed.rows("select record_id, version_at::text, op, table_name from records") == [
        ("ehr/Encounter/e99", "2011-02-03 00:00:00", "upsert", "encounter")
    ]


def test_a_rejected_record_is_flattened_for_its_release(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", line(status="done")).read()
    assert parsed.rows("select encounter_id, status from encounter") == [("e99", "done")]


def test_feeds_of_one_server_share_ids(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, FhirFiles(shares_ids_with={"ehr_scheduling": "ehr"}))
    for feed in ("ehr", "ehr_scheduling", "ehr_north"):
        parsed.add("Encounter.ndjson", line(number=len(feed)), feed)
    parsed.read()
    assert parsed.rows("select feed, id_space from encounter order by feed") == [
        ("ehr", "ehr"), ("ehr_north", "ehr_north"), ("ehr_scheduling", "ehr"),
    ]  # fmt: skip


def test_mixed_files_are_sorted_by_type(parsed: Parsed) -> None:
    goal = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "walk"}}
    goal["subject"] = {"reference": "Patient/p1"}
    slot = {"resourceType": "Slot", "id": "s", "status": "free", "schedule": {"reference": "Schedule/1"}}
    slot |= {"start": "2024-01-01T08:00:00Z", "end": "2024-01-01T08:20:00Z"}
    content = b"\n".join([FINE, json.dumps(goal).encode(), json.dumps(slot).encode(), b'{"a":1}', b"{"])
    parsed.add("export-1.ndjson", content).read()
    assert parsed.rows("select line, table_name, parse_state from records order by line") == [
        (1, "encounter", "parsed"),
        (2, "goal", "not_modelled"),
        (3, "slot", "parsed"),
        (4, "unknown", "rejected"),
        (5, "unknown", "rejected"),
    ]
    assert parsed.rows("select line, rule from rejects order by line") == [(4, "resource_type"), (5, "json_invalid")]


def test_deletions_count_one_by_one(parsed: Parsed) -> None:
    urls = ["Encounter/e1", "Observation/o7"]
    bundle = {
        "resourceType": "Bundle", "type": "transaction", "meta": {"lastUpdated": "2024-05-01T00:00:00Z"},
        "entry": [{"request": {"method": "DELETE", "url": url}} for url in urls],
    }  # fmt: skip
    parsed.add("deleted.ndjson", json.dumps(bundle).encode()).read()
    assert parsed.rows(
        "select line, record_id, op, parse_state, version_at::date::text from records order by line"
    ) == [
        (1, "ehr/Encounter/e1", "delete", "parsed", "2024-05-01"),
        (2, "ehr/Observation/o7", "delete", "parsed", "2024-05-01"),
    ]


def test_references_inside_a_bundle_are_resolved(parsed: Parsed) -> None:
    entries = [
        {"fullUrl": "urn:uuid:1111", "resource": {"resourceType": "Patient", "gender": "male"}},
        {"fullUrl": "urn:uuid:2222", "resource": encounter(id=DROPPED, subject={"reference": "urn:uuid:1111"})},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    parsed.add("visit.json", json.dumps(bundle, indent=1).encode()).read()
    assert parsed.rows("select patient_id from patient") == [("1111",)]
    assert parsed.rows("select encounter_id, patient_id from encounter") == [("2222", "1111")]


def test_two_contents_of_one_version_are_told(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", b"\n".join([BAD, BAD, line(status="planned")])).read()
    assert parsed.rows("select distinct rule, severity from rejects") == [("id_conflict", "warn")]


def test_what_a_rule_does_can_be_declared(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, FhirFiles(severities={"code_unknown": "warn"}))
    parsed.add("Encounter.ndjson", line(status="done")).read()
    assert parsed.rows("select parse_state from records") == [("parsed",)]
    assert parsed.rows("select rule, severity from rejects") == [("code_unknown", "warn")]


def test_names_promise_types() -> None:
    assert type_of_file("a/Observation.000.ndjson.gz") == "Observation"
    assert type_of_file("MedicationRequest-2.ndjson") == "MedicationRequest"
    assert type_of_file("deleted.ndjson") is None
    assert type_of_file("Export.ndjson") is None


@pytest.mark.reference
def test_a_real_delivery_is_accounted_for(parsed: Parsed, reference: Path) -> None:
    for path in sorted((reference / "data/fhir/small-synthea-r4-110").glob("*.ndjson.gz")):
        parsed.add(path.name, path.read_bytes())
    parsed.read()
    assert len(parsed.rows("select * from records")) == 21_625
    assert not parsed.rows("select * from rejects")
    assert dict(parsed.rows("select parse_state, count(*) from records group by all")) == {
        "parsed": 21_248, "not_modelled": 377,
    }  # fmt: skip
