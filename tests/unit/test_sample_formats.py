"""The sample hospital's files are what they claim to be: FHIR R4, X12 5010, Qualtrics CSV; also around a given EHR."""

from __future__ import annotations

import csv
import gzip
import importlib
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.pull.source import load_sources, pull
from orchestration.sample import SampleReport, generate
from orchestration.sample.hospital import npi_number
from orchestration.sample.x12 import money, plain
from orchestration.settings import SOURCE_DEFINITIONS, Settings

KINDS = (
    *("Patient", "Organization", "Location", "Practitioner", "Encounter", "Appointment", "Slot", "Schedule"),
    *("Condition", "MedicationRequest", "MedicationDispense", "Observation", "Procedure", "ServiceRequest"),
    *("Communication", "Coverage", "Consent"),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return generate(tmp_path_factory.mktemp("sample"), patients=150, seed=5)


def read(out: Path, kind: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted(out.glob(f"{kind}*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in data.splitlines():
            try:
                body = json.loads(line)
            except ValueError:
                continue
            if body["resourceType"] == kind:
                found.append(body)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_resources_are_valid_r4(report: SampleReport, kind: str) -> None:
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    found = read(report.out / "ehr", kind)
    assert found
    for body in found[:: max(1, len(found) // 15)]:
        model.model_validate(body)
        assert body["meta"]["lastUpdated"].endswith("+00:00")


def test_references_within_the_delivery_resolve(report: SampleReport) -> None:
    ids = {f"{kind}/{body['id']}" for kind in KINDS for body in read(report.out / "ehr", kind)}

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
            return own.union(*(references(v) for v in value.values()))
        return set().union(*(references(v) for v in value)) if isinstance(value, list) else set()

    # Encounters and messages may lie beyond the period's end, and then are not delivered.
    named = {r for kind in KINDS for body in read(report.out / "ehr", kind) for r in references(body)} - ids
    assert len(named) <= 0.002 * len(ids), sorted(named)[:5]


def segments(path: Path) -> list[list[str]]:
    text = path.read_text()
    assert text.startswith("ISA") and text[105] == "~"
    return [part.split(text[3]) for part in text.replace("\n", "").split(text[105]) if part]


def test_x12_envelopes_are_whole(report: SampleReport) -> None:
    controls = []
    for path in sorted((report.out / "billing").glob("83*/*")):
        found = segments(path)
        assert [found[0][0], found[1][0], found[-2][0], found[-1][0]] == ["ISA", "GS", "GE", "IEA"]
        assert found[0][13] == found[-1][2] and found[1][6] == found[-2][2]
        starts = [n for n, s in enumerate(found) if s[0] == "ST"]
        ends = [n for n, s in enumerate(found) if s[0] == "SE"]
        assert int(found[-2][1]) == len(starts)
        for start, end in zip(starts, ends, strict=True):
            assert int(found[end][1]) == end - start + 1 and found[end][2] == found[start][2]
        controls.append(found[0][13])
    assert len(controls) == len(set(controls)) > 20


def test_837_claims_add_up(report: SampleReport) -> None:
    sizes = Counter()
    for path in sorted((report.out / "billing/837").iterdir()):
        claims: list[list[Decimal]] = []
        for s in segments(path):
            if s[0] == "ST":
                sizes[path.name] += 1
            elif s[0] == "CLM":
                claims.append([Decimal(s[2])])
            elif s[0] in {"SV1", "SV2"}:
                claims[-1].append(Decimal(s[2] if s[0] == "SV1" else s[3]))
        assert all(claim[0] == sum(claim[1:]) for claim in claims)
        sizes["claims"] += len(claims)
    assert sizes["claims"] > 200


def test_835_payments_balance_except_the_spoiled_one(report: SampleReport) -> None:
    with (report.out / "truth/spoiled.csv").open() as lines:
        spoiled = {(r["file"], int(r["line"])) for r in csv.DictReader(lines) if r["source"] == "billing"}
    wrong, statuses, reasons = set(), Counter(), Counter()
    for path in sorted((report.out / "billing/835").iterdir()):
        clp: list[list[Decimal]] = []
        first, paid = 0, Decimal(0)
        for s in segments(path):
            if s[0] == "BPR":
                first, paid = len(clp), Decimal(s[2])
            elif s[0] == "CLP":
                clp.append([Decimal(s[3]), Decimal(s[4]), Decimal(0)])
                statuses[s[2]] += 1
            elif s[0] == "CAS":
                clp[-1][2] += sum(Decimal(amount) for amount in s[3::3])
                reasons[s[1] + s[2]] += 1
            elif s[0] == "PLB":
                paid += Decimal(s[4])
            elif s[0] == "SE":
                assert paid == sum(claim[1] for claim in clp[first:])
        name = f"835/{path.name}"
        wrong |= {(name, n) for n, (charge, paid_, cut) in enumerate(clp, 1) if charge - cut != paid_}
    assert wrong == spoiled and len(spoiled) == 1
    assert {"1", "2", "4", "19"} <= set(statuses)
    assert {"CO45", "PR2", "OA23"} <= set(reasons) and reasons["CO27"] + reasons["CO16"] + reasons["CO29"] > 0


def test_surveys_have_three_header_rows_and_scores_on_their_scales(report: SampleReport) -> None:
    for name in ("visit_experience.csv", "call_experience.csv"):
        with (report.out / "surveys" / name).open(newline="") as lines:
            found = list(csv.reader(lines))
        assert [json.loads(cell)["ImportId"] for cell in found[2]][15:18] == ["QID1", "QID2", "QID3"]
        assert json.loads(found[2][0]) == {"ImportId": "startDate", "timeZone": "America/New_York"}
        assert all(len(row) == len(found[0]) for row in found)
        scores = [row[15:18] for row in found[3:] if row[15] != "14"]
        assert {int(s[0]) for s in scores} <= set(range(11)) and {int(s[1]) for s in scores} <= set(range(1, 6))
        assert {s[2] for s in scores} <= {"", *"1234567"}


def test_calls_hold_together(report: SampleReport) -> None:
    paths = sorted((report.out / "call_center").rglob("*.ndjson"))
    contacts: dict[str, dict[str, Any]] = {}
    delivered = 0
    for path in paths:
        for body in map(json.loads, path.read_text().splitlines()):
            delivered += 1
            old = contacts.get(body["ContactId"], {"LastUpdateTimestamp": ""})
            contacts[body["ContactId"]] = max(old, body, key=lambda c: c["LastUpdateTimestamp"])
    assert delivered > len(contacts)
    methods = Counter((c["Channel"], c["InitiationMethod"]) for c in contacts.values())
    assert {("VOICE", "INBOUND"), ("VOICE", "CALLBACK"), ("VOICE", "TRANSFER"), ("CHAT", "API")} <= set(methods)
    for contact in contacts.values():
        if contact["PreviousContactId"]:
            before = contacts.get(contact["PreviousContactId"])
            assert before is None or before["NextContactId"] == contact["ContactId"]
    assert any(c["Queue"] and not c["Agent"] and not c["NextContactId"] for c in contacts.values()), "abandoned"


def test_an_existing_ehr_delivery_gets_its_other_sources(report: SampleReport, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for kind in ("Patient", "Encounter", "MedicationRequest", "Organization"):
        lines = {body["id"]: json.dumps(body) for body in read(report.out / "ehr", kind)}
        (given / f"{kind}.ndjson").write_text("\n".join([*lines.values(), "{broken"]) + "\n")
    out = tmp_path / "out"
    around = generate(out, seed=2, ehr=given)
    last = max(body["period"]["start"][:10] for body in read(given, "Encounter"))
    assert around.period.last_day.isoformat() == last
    assert (out / "ehr").resolve() == given.resolve()
    assert set(around.records) == {"billing", "call_center", "ehr_scheduling", "portal", "staff", "surveys"}
    encounters = {body["id"]: body for body in read(given, "Encounter")}
    appointments = read(out / "ehr_scheduling", "Appointment")
    patients = {f"Patient/{body['id']}" for body in read(given, "Patient")}
    assert appointments and all(a["participant"][0]["actor"]["reference"] in patients for a in appointments)
    assert read(out / "ehr_scheduling", "MedicationDispense")
    claims = "".join(path.read_text() for path in (out / "billing/837").iterdir())
    accounts = {body["identifier"][0]["value"] for body in encounters.values()}
    assert {part.split("*")[0] for part in claims.split("\nCLM*")[1:]} <= accounts


@pytest.mark.reference
def test_a_synthea_delivery_gets_all_sources_and_a_scheduling_feed(reference: Path, tmp_path: Path) -> None:
    made = generate(tmp_path, ehr=reference / "data/fhir/small-synthea-r4-110")
    assert made.patients == 110
    assert (made.period.start.isoformat(), made.period.last_day.isoformat()) == ("2019-10-01", "2021-03-31")
    for kind in ("Appointment", "Slot", "Schedule", "MedicationDispense"):
        assert read(tmp_path / "ehr_scheduling", kind), kind
    assert min(made.records[source] for source in ("billing", "call_center", "portal", "surveys")) > 100


@pytest.mark.parametrize(
    ("cents", "text"), [(12345, "123.45"), (12340, "123.4"), (12300, "123"), (-127, "-1.27"), (0, "0")]
)
def test_money_is_written_as_x12_decimals(cents: int, text: str) -> None:
    assert money(cents) == text


def test_names_fit_x12_and_npis_have_their_check_digit() -> None:
    assert plain("Nuñez*O~") == "NUNEZO"
    assert npi_number(0)[:9] == "180000000"
    digits = [int(d) for d in "80840" + npi_number(17)]
    doubled = [sum(divmod(2 * d, 10)) if n % 2 else d for n, d in enumerate(reversed(digits))]
    assert sum(doubled) % 10 == 0


def test_other_formats_are_read_whole_and_leave_the_default_ones_as_they_are(tmp_path: Path) -> None:
    deliveries = tmp_path / "deliveries"
    generate(deliveries, patients=20, seed=5, months=3, other_formats=True)
    generate(tmp_path / "plain", patients=20, seed=5, months=3)
    for path in (tmp_path / "plain").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (deliveries / path.relative_to(tmp_path / "plain")).read_bytes(), path
    settings = Settings(home=tmp_path / "home", deliveries=deliveries)
    feeds = {path.name for path in deliveries.iterdir()} - {path.name for path in (tmp_path / "plain").iterdir()}
    assert len(feeds) == 11
    for source in load_sources(SOURCE_DEFINITIONS):
        report = pull(source, settings)
        assert not [warning for warning in report.warnings if warning.split("/")[0] in feeds]
        raw = settings.raw / source.name
        found = duckdb.sql(
            f"select feed, count(*), count(*) filter (where parse_state <> 'parsed') from '{raw}/records/*.parquet' "
            "group by feed"
        ).fetchall()
        told = {feed: (count, wrong) for feed, count, wrong in found if feed in feeds}
        mine = {feed for feed in feeds if feed.startswith(source.name)}
        assert {feed for feed, (count, wrong) in told.items() if count > 0 and wrong == 0} == mine
