"""What becomes of FHIR files: every record accounted for, every broken one told by rule and element, good ones kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.pull.fhir_files import FhirFiles, type_of_file
from tests.unit.fhir_deliveries import BAD, DROPPED, FINE, Parsed, encounter, line


@pytest.fixture
def parsed(tmp_path: Path) -> Parsed:
    return Parsed(tmp_path)


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


def test_a_date_without_a_time_is_that_day_where_the_hospital_is(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, FhirFiles(time_zone="America/New_York"))
    for number, start in enumerate(("2011-02-03", "2011-07-03", "2011-02", "2011", "2011-02-03T00:00:00Z")):
        parsed.add("Encounter.ndjson", line(number=number, period={"start": start}))
    parsed.read()
    assert parsed.rows("select started_at::text from encounter order by encounter_id") == [
        ("2011-02-03 05:00:00",), ("2011-07-03 04:00:00",), ("2011-02-01 05:00:00",), ("2011-01-01 05:00:00",),
        ("2011-02-03 00:00:00",),
    ]  # fmt: skip


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


def test_types_that_are_r4_but_not_r4b_are_landed_unjudged(parsed: Parsed) -> None:
    product = {"resourceType": "MedicinalProduct", "id": "m", "name": [{"productName": "x"}]}
    evidence = {"resourceType": "Evidence", "id": "e", "status": "draft", "exposureBackground": {"reference": "#b"}}
    content = b"\n".join(json.dumps(record).encode() for record in (product, evidence, evidence | {"id": "_"}))
    parsed.add("export.ndjson", content).add("MedicinalProduct.ndjson", json.dumps(product).encode()).read()
    assert parsed.rows("select file_id, line, table_name, parse_state from records order by all") == [
        ("f0", 1, "medicinal_product", "not_modelled"),
        ("f0", 2, "evidence", "not_modelled"),
        ("f0", 3, "evidence", "rejected"),
        ("f1", 1, "medicinal_product", "not_modelled"),
    ]
    assert parsed.rows("select rule from rejects") == [("id_invalid",)]


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


def test_elements_that_are_lists_of_primitives_may_be_required(parsed: Parsed) -> None:
    statement = {"resourceType": "CapabilityStatement", "id": "c", "status": "active", "date": "2024-01-01"}
    statement |= {"kind": "instance", "fhirVersion": "4.0.1"}
    lines = [statement | {"format": ["application/fhir+json"]}, statement | {"id": "d"}]
    parsed.add("CapabilityStatement.ndjson", b"\n".join(json.dumps(one).encode() for one in lines)).read()
    assert parsed.rows("select line, rule, element from rejects") == [(2, "required", "CapabilityStatement.format")]


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
