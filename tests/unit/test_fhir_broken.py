"""Broken records: each kind is found, by rule and element, and harms no other record."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from orchestration.pull.fhir_files import FhirFiles
from tests.unit.fhir_deliveries import BAD, DROPPED, FINE, Parsed, line

RELEASES = {"an element of R5, not of R4", "an element of STU3, not of R4"}


@pytest.fixture
def parsed(tmp_path: Path) -> Parsed:
    return Parsed(tmp_path)


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
    "key repeated": (BAD[:-1] + b', "status": "planned"}', "key_repeated", "Encounter"),
    "key repeated inside": (
        BAD.replace(b'"value": 15', b'"value" :15, "value": 16'), "key_repeated", "Encounter.length",
    ),
    "written in R5": (
        line(period=DROPPED, actualPeriod={"start": "2011-02-02"}), "fhir_version", "Encounter.actualPeriod",
    ),
    "written in STU3": (line(incomingReferral=[{"reference": "r"}]), "fhir_version", "Encounter.incomingReferral"),
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
    assert {detail for (detail,) in parsed.rows("select detail from rejects")} <= {None, *RELEASES}


PERIOD = {"start": "2011-02-03", "end": "2010-01-01"}
OTHERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a period of an observation": (
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "effectivePeriod": PERIOD},
        "end_before_start", "Observation.effectivePeriod.end",
    ),
    "a period of an item": (
        {"resourceType": "Patient", "identifier": [{"value": "1"}, {"value": "2", "period": PERIOD}]},
        "end_before_start", "Patient.identifier.period.end",
    ),
    "two of a choice": (
        {"resourceType": "Patient", "deceasedBoolean": True, "deceasedDateTime": "2011"},
        "choice_repeated", "Patient.deceased",
    ),
    "30 February where no view reads": (
        {"resourceType": "Patient", "contact": [{"period": {"start": "2011-02-30"}}]},
        "format_invalid", "Patient.contact.period.start",
    ),
    "29 February of a common year": (
        {"resourceType": "Patient", "photo": [{"creation": "1900-02-29"}]}, "format_invalid", "Patient.photo.creation",
    ),
    "year zero": (
        {"resourceType": "Patient", "photo": [{"creation": "0000-01-01"}]}, "format_invalid", "Patient.photo.creation",
    ),
    "an object without anything": (
        {"resourceType": "Patient", "maritalStatus": {}}, "type_invalid", "Patient.maritalStatus",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_other_resources_are_judged_in_every_part(parsed: Parsed, case: str) -> None:
    record, rule, element = OTHERS[case]
    parsed.add(f"{record['resourceType']}.ndjson", json.dumps(record | {"id": "1"}).encode()).read()
    assert parsed.rows("select distinct rule, element from rejects where severity = 'reject'") == [(rule, element)]


def test_a_leap_day_is_a_day(parsed: Parsed) -> None:
    photos = [{"creation": day} for day in ("2000-02-29", "2024-02-29T10:00:00Z", "2024", "2024-02", "2023-01-31")]
    record = {"resourceType": "Patient", "id": "1", "photo": photos, "deceasedDateTime": "2011"}
    parsed.add("Patient.ndjson", json.dumps(record).encode()).read()
    assert not parsed.rows("select * from rejects")


def test_a_delivery_of_another_release_is_refused_in_clear_words(
    parsed: Parsed, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        parsed.add("Encounter.ndjson", line(period=DROPPED, actualPeriod={"start": "2011-02-02"})).read()
    assert "ehr: 1 record with an element of R5, not of R4" in caplog.text
    assert parsed.rows("select rule, detail from rejects") == [("fhir_version", "an element of R5, not of R4")]


def test_another_release_can_be_tried(tmp_path: Path) -> None:
    parsed = Parsed(tmp_path, FhirFiles(severities={"fhir_version": "warn"}))
    parsed.add("Encounter.ndjson", line(actualPeriod={"start": "2011-02-02"})).read()
    assert parsed.rows("select parse_state from records") == [("parsed",)]
    assert parsed.rows("select rule, severity from rejects") == [("fhir_version", "warn")]


def test_an_unknown_word_never_becomes_an_element_path(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", b'{"resourceType":"Encounter","id":"1","Ann Lee":{"a":1,"a":2}}').read()
    assert not parsed.rows("select * from rejects where concat(element, detail) like '%Ann Lee%'")
    assert parsed.rows("select element from rejects where rule = 'key_repeated'") == [("Encounter",)]


def test_a_quoted_colon_is_no_key(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", line(serviceProvider={"display": 'a":"b'})).add(
        "Encounter.1.ndjson", BAD.replace(b"HOSP", rb"\u0022:")
    ).read()
    assert not parsed.rows("select * from rejects")


def test_one_id_with_two_contents_is_told_and_with_one_is_not(parsed: Parsed) -> None:
    parsed.add("Encounter.ndjson", b"\n".join([FINE, FINE, BAD, line(status="planned")])).read()
    assert parsed.rows("select line, rule, severity from rejects order by line") == [
        (3, "id_conflict", "warn"), (4, "id_conflict", "warn"),
    ]  # fmt: skip
