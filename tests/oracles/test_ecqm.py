"""CMS's own test decks through the pipeline: FHIR deliveries in, populations out (CMS1244 and CMS50)."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.identity import resolve
from orchestration.lake import warehouse
from orchestration.lake.duck import quote
from orchestration.pull.source import load_sources, pull
from orchestration.settings import SOURCE_DEFINITIONS, Settings

pytestmark = pytest.mark.dbt

DECKS = ("ecqm_cms1244_emergency_access", "ecqm_cms50_referral_loop")
CASE_LENGTH = 8


def _deliver(reference: Path, deck: str, deliveries: Path) -> None:
    """Write a deck as one feed.

    The deck's cases share ids, record numbers and even patients; each is judged alone, so each is made a world of its
    own: its records are about its patient, and its ids begin with the case's.
    """
    lines = (reference / "oracles" / deck / "resources.ndjson").read_text().splitlines()
    by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        row = json.loads(line)
        by_case[row["case_id"]].append(row["resource"])
    folder = deliveries / f"ehr_{deck}"
    folder.mkdir(parents=True)
    files: dict[str, list[str]] = defaultdict(list)
    for case, resources in by_case.items():
        for resource in resources:
            for patient in ("subject", "for", "beneficiary"):
                if patient in resource:
                    resource[patient] = {"reference": f"Patient/{case}"}
            if resource["resourceType"] == "Patient":
                resource["identifier"][0]["value"] = case
                resource["name"] = [{"family": case, "given": ["Case"]}]
        text = "\n".join(json.dumps(resource) for resource in resources)
        for resource in resources:
            text = text.replace(f'"{resource["id"]}"', f'"{_own(case, resource["id"])}"')
            text = text.replace(f'/{resource["id"]}"', f'/{_own(case, resource["id"])}"')
        for resource, line in zip(resources, text.split("\n"), strict=True):
            files[resource["resourceType"]].append(line)
    for kind, rows in files.items():
        (folder / f"{kind}.ndjson").write_text("\n".join(rows) + "\n")
    manifest = {"transactionTime": "2028-01-31T00:00:00Z", "output": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _own(case: str, resource_id: str) -> str:
    return f"{case[:CASE_LENGTH]}-{resource_id}"


@pytest.fixture(scope="module")
def populations(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The warehouse's measures over both decks."""
    folder = tmp_path_factory.mktemp("ecqm")
    settings = Settings(
        home=folder / "home", deliveries=folder / "deliveries", time_zone="UTC", as_of=datetime(2028, 2, 1)
    )
    for deck in DECKS:
        _deliver(reference, deck, settings.delivery_root)
    for source in load_sources(SOURCE_DEFINITIONS):
        pull(source, settings)
    warehouse.build(settings, select="path:seeds +identity_records")
    resolve(settings.exchange / "identity_records.parquet", settings.exchange, settings.identity)
    warehouse.build(settings, select="+emergency_access +referral_loops")
    connection = duckdb.connect(str(settings.warehouse), read_only=True)
    connection.execute(f"set file_search_path = {quote(settings.root)}")
    return connection


def _expected(reference: Path, deck: str, name: str = "expected_populations") -> dict[str, dict[str, str]]:
    with (reference / "oracles" / deck / f"{name}.csv").open(newline="") as file:
        return {row["case_id"][:CASE_LENGTH]: row for row in csv.DictReader(file)}


def test_cms1244_populations(reference: Path, populations: duckdb.DuckDBPyConnection) -> None:
    """Each case's emergency visits: denominator, and numerator where any of the four findings holds."""
    rows = populations.execute(
        "select split_part(split_part(encounter_id, '/', 2), '-', 1), count(*) filter (not is_quarantined), "
        "count(*) filter (waited_for_room or left_without_being_seen or was_boarded or stayed_long) "
        f"from measures.int_measures__emergency_visits where encounter_id like 'ehr_{DECKS[0]}/%' group by 1"
    ).fetchall()
    expected = _expected(reference, DECKS[0])
    assert {case: (denominator, numerator) for case, denominator, numerator in rows} == {
        case: (int(row["denominator"]), int(row["numerator"])) for case, row in expected.items()
    }


def test_cms1244_intervals(reference: Path, populations: duckdb.DuckDBPyConnection) -> None:
    """The four findings and the minutes behind them, case by case."""
    rows = populations.execute(
        "select split_part(split_part(encounter_id, '/', 2), '-', 1), room_minutes, boarded_minutes, stay_minutes, "
        "has_observation_stay, waited_for_room, left_without_being_seen, was_boarded, stayed_long "
        f"from measures.int_measures__emergency_visits where encounter_id like 'ehr_{DECKS[0]}/%'"
    ).fetchall()
    flags = ("observation_stay", "wait_gt60", "lwbs", "boarded_gt240", "los_gt480")
    minutes = ("arrival_to_room_min", "boarded_min", "ed_los_min")
    derived = _expected(reference, DECKS[0], "derived_ed_intervals")
    assert len(rows) == len(derived)
    for case, *found in rows:
        row = derived[case]
        assert [bool(flag) for flag in found[3:]] == [row[name] == "True" for name in flags], case
        for name, value in zip(minutes, found, strict=False):
            if row[name]:
                assert value == pytest.approx(float(row[name]), abs=1e-9), (case, name)


def test_cms50_populations(reference: Path, populations: duckdb.DuckDBPyConnection) -> None:
    """Each case's person: in the denominator with the first referral of the year, in the numerator once closed."""
    rows = populations.execute(
        "select split_part(split_part(crosswalk.source_record_id, '/', 2), '-', 1), "
        "coalesce(sum(facts.denominator), 0)::int, coalesce(sum(facts.numerator), 0)::int "
        "from measures.int_measures__referral_facts as facts "
        "inner join (select distinct on (person_id) person_id, source_record_id from read_parquet("
        "'exchange/person_crosswalk.parquet')) as crosswalk on facts.person_id = crosswalk.person_id "
        "where year(facts.counted_on) = 2026 group by 1"
    ).fetchall()
    expected = _expected(reference, DECKS[1])
    assert {case: (denominator, numerator) for case, denominator, numerator in rows} == {
        case: (int(row["denominator"]), int(row["numerator"])) for case, row in expected.items()
    }


def test_the_published_rates_are_the_decks(reference: Path, populations: duckdb.DuckDBPyConnection) -> None:
    """The marts' yearly rows add the cases up."""
    rows = populations.execute(
        "select measure_id, numerator, denominator from marts.emergency_access where grouping_set = 'overall' "
        "and period_start = date '2027-01-01' and period_grain = 'year' and measure_id = 'ED-ACCESS' "
        "union all select measure_id, numerator, denominator "
        "from marts.referral_loops where grouping_set = 'overall' and period_start = date '2026-01-01'"
    ).fetchall()
    emergency, referral = (_expected(reference, deck).values() for deck in DECKS)
    assert {name: (numerator, denominator) for name, numerator, denominator in rows} == {
        "ED-ACCESS": (sum(int(r["numerator"]) for r in emergency), len(emergency)),
        "REFERRAL-LOOP": (
            sum(int(r["numerator"]) for r in referral),
            sum(int(r["denominator"]) for r in referral),
        ),
    }
