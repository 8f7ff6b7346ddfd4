"""The sample hospital: same seed same bytes, a consistent truth, causes that have their effects."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.sample import SampleReport, generate

END = datetime(2025, 6, 30, 23, 59, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return generate(tmp_path_factory.mktemp("sample"), patients=400, seed=11)


def digest(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def resources(out: Path, kind: str) -> Iterator[dict[str, Any]]:
    """Yield every readable version of a type's resources."""
    for path in sorted((out / "ehr").glob(f"{kind}*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in data.splitlines():
            try:
                body = json.loads(line)
            except ValueError:
                continue
            if body["resourceType"] == kind:
                yield body


def newest(out: Path, kind: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for body in resources(out, kind):
        old = found.get(body["id"])
        if old is None or old["meta"]["lastUpdated"] < body["meta"]["lastUpdated"]:
            found[body["id"]] = body
    return found


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        generate(tmp_path / name, patients=15, seed=seed, months=6)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


def test_manifests_count_what_the_files_hold(report: SampleReport) -> None:
    for source in ("ehr", "portal", "call_center"):
        folder = report.out / source
        manifest = json.loads((folder / "manifest.json").read_bytes())
        assert datetime.fromisoformat(manifest["transactionTime"]) == END
        entries = manifest["output"] + manifest["deleted"]
        named = {entry["url"] for entry in entries}
        assert named == {str(p.relative_to(folder)) for p in folder.rglob("*.ndjson*")}
        for entry in entries:
            data = (folder / entry["url"]).read_bytes()
            lines = (gzip.decompress(data) if entry["url"].endswith(".gz") else data).splitlines()
            assert entry["count"] == len(lines), entry["url"]
        assert sum(entry["count"] for entry in entries) == report.records[source]
    assert json.loads((report.out / "ehr/manifest.json").read_bytes())["deleted"][0]["url"] == "deleted.ndjson"


def test_nothing_is_written_after_the_last_day(report: SampleReport) -> None:
    for kind in ("Appointment", "Encounter", "Observation", "MedicationDispense", "Communication", "Slot", "Patient"):
        assert all(datetime.fromisoformat(r["meta"]["lastUpdated"]) <= END for r in resources(report.out, kind)), kind
    for path in (report.out / "portal").rglob("*.ndjson"):
        times = [
            line.split('"receivedAt":"')[1][:24] for line in path.read_text().splitlines() if '"receivedAt"' in line
        ]
        assert max(times) <= "2025-06-30T23:59:59.999Z"


def test_the_truth_names_each_source_identity_once_and_only_delivered_ones(report: SampleReport) -> None:
    truth = rows(report.out / "truth/persons.csv")
    keys = [(row["source_system"], row["source_record_id"]) for row in truth]
    assert len(keys) == len(set(keys)) == report.identities
    by_source = defaultdict(set)
    for source, key in keys:
        by_source[source].add(key)
    patients = {body["id"] for body in resources(report.out, "Patient")}
    assert by_source["ehr"] == {f"ehr/{key}" for key in patients}
    claims = "".join(path.read_text() for path in (report.out / "billing/837").iterdir())
    assert by_source["billing"] == {part.split("*")[0] for part in claims.split("\nCLM*")[1:]}
    calls = "".join(path.read_text() for path in (report.out / "call_center").rglob("*.ndjson"))
    assert all(f'"ContactId":"{key}"' in calls for key in by_source["call_center"])
    events = "".join(path.read_text() for path in (report.out / "portal").rglob("*.ndjson"))
    assert all(f'"userId":"{key}"' in events for key in by_source["portal"])


def test_some_people_have_two_records_and_families_share(report: SampleReport) -> None:
    truth = [row for row in rows(report.out / "truth/persons.csv") if row["source_system"] == "ehr"]
    copies = Counter(row["true_person"] for row in truth)
    assert len(copies) == report.patients
    assert 0.01 < sum(n > 1 for n in copies.values()) / report.patients < 0.09
    people = newest(report.out, "Patient").values()
    phones = Counter(p["telecom"][0]["value"] for p in people)
    assert max(phones.values()) >= 3
    twins = Counter((p["telecom"][0]["value"], p["birthDate"]) for p in people if len(p["telecom"]) > 1)
    assert any(n == 2 for n in twins.values())
    assert {"Jr", "Sr"} <= {s for p in people for s in p["name"][0].get("suffix", [])}


def test_spoiled_records_are_where_the_truth_says(report: SampleReport) -> None:
    spoiled = rows(report.out / "truth/spoiled.csv")
    assert len(spoiled) == report.spoiled
    rules = {row["rule"] for row in spoiled}
    expected = {
        "json_invalid",
        "end_before_start",
        "resource_type",
        "encoding",
        "score_out_of_scale",
        "unbalanced_claim",
    }
    assert rules == expected
    for row in spoiled:
        path, line = report.out / row["source"] / row["file"], int(row["line"])
        if row["rule"] == "unbalanced_claim":
            continue
        if row["rule"] == "score_out_of_scale":
            with path.open(newline="") as lines:
                assert list(csv.reader(lines))[line + 2][15] == "14"
            continue
        raw = path.read_bytes().splitlines()[line - 1]
        if row["rule"] == "encoding":
            with pytest.raises(UnicodeDecodeError):
                raw.decode()
        elif row["rule"] == "json_invalid":
            with pytest.raises(json.JSONDecodeError):
                json.loads(raw)
        else:
            assert _is_backwards_or_foreign(json.loads(raw), row["file"])
    for source, count in Counter(row["source"] for row in spoiled).items():
        assert count / report.records[source] < 0.02


def _is_backwards_or_foreign(body: dict[str, Any], file: str) -> bool:
    if "ContactId" in body:
        return bool(body["DisconnectTimestamp"] < body["InitiationTimestamp"])
    if "period" in body:
        return bool(body["period"]["end"] < body["period"]["start"])
    return not file.startswith(str(body["resourceType"]))


def test_long_waits_keep_people_away(report: SampleReport) -> None:
    missed: dict[bool, list[bool]] = {True: [], False: []}
    for appt in newest(report.out, "Appointment").values():
        if appt["status"] in {"fulfilled", "noshow"}:
            asked = datetime.fromisoformat(appt["requestedPeriod"][0]["start"])
            wait = (datetime.fromisoformat(appt["start"]) - asked).days
            assert wait >= 0
            missed[wait > 20].append(appt["status"] == "noshow")
    rate = {long: sum(found) / len(found) for long, found in missed.items()}
    assert rate[True] > 1.5 * rate[False]


def test_waits_differ_by_department_as_supply_does(report: SampleReport) -> None:
    waits = defaultdict(list)
    for appt in newest(report.out, "Appointment").values():
        asked = datetime.fromisoformat(appt["requestedPeriod"][0]["start"])
        waits[appt["supportingInformation"][0]["reference"]].append(
            (datetime.fromisoformat(appt["start"]) - asked).days
        )
    mean = {key.split("/")[1]: sum(found) / len(found) for key, found in waits.items()}
    assert mean["primary-north"] + 4 < mean["primary-south"]
    slots = newest(report.out, "Slot")
    taken = Counter(
        a["slot"][0]["reference"] for a in newest(report.out, "Appointment").values() if a["status"] != "cancelled"
    )
    assert max(taken.values()) == 1, "no slot is given twice"
    assert all(slots[key.split("/")[1]]["status"] == "busy" for key in taken)


def test_planted_effects_come_true_and_can_be_switched_off(report: SampleReport, tmp_path: Path) -> None:
    found = json.loads((report.out / "truth/effects.json").read_bytes())
    for name, pairs in found["realised"]["associations"].items():
        assert pairs["correlation"] < -0.25, name
    assert 0.3 < found["realised"]["csat_difference_in_differences"] < 1.3
    assert found["planted"]["training"]["from"] == "2024-10-01"
    off = generate(tmp_path, patients=400, seed=11, effects=False)
    nothing = json.loads((off.out / "truth/effects.json").read_bytes())
    assert nothing["planted"]["training"]["csat_points"] == 0
    assert abs(nothing["realised"]["associations"]["wait_days_on_nps"]["slope"]) < 0.03
    assert abs(nothing["realised"]["associations"]["felt_wait_days_on_days_covered"]["slope"]) < 0.002


def test_the_period_may_start_anywhere(tmp_path: Path) -> None:
    report = generate(tmp_path, patients=5, start=date(2023, 11, 30), months=3)
    assert report.period.last_day == date(2024, 2, 28)
