"""Windows and limits of the access measures at their edges, against the worked cases of `oracles`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = [pytest.mark.dbt, pytest.mark.reference]

EMERGENCY = {"ECAT wait": "waited_for_room", "ECAT board": "was_boarded", "ECAT los": "stayed_long"}
FINDINGS = {
    "wait_gt60": "waited_for_room",
    "lwbs": "left_without_being_seen",
    "boarded_gt240": "was_boarded",
    "los_gt480": "stayed_long",
}


@dataclass(frozen=True)
class Worked:
    """The cases of each file; discharges by person and emergency visits by encounter."""

    windows: list[dict[str, str]]
    intervals: list[dict[str, str]]
    discharges: dict[int, Mapping[str, Any]]
    emergency: dict[str, Mapping[str, Any]]


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _clock(text: str) -> datetime:
    """`10:00` of the text `arrive 10:00`, on a summer day, as UTC."""
    return datetime.fromisoformat(f"2025-07-01 {text.split()[1]}:00") + timedelta(hours=4)


def _window(case: Case, person: int, row: Mapping[str, str]) -> None:
    patient = case.person(person)
    event_on = row["event"].split()[1]
    discharged_on = row["index"].split()[1]
    case.encounter(
        patient, "2025-02-26 15:00", f"{discharged_on} 17:00", "IMP", department_id="ward", priority_code="EM"
    )
    if row["measure"].startswith("FUH"):
        case.encounter(patient, f"{event_on} 20:00", f"{event_on} 20:30", "AMB")
    else:
        case.encounter(patient, f"{event_on} 20:00", None, "IMP", status="in-progress", department_id="other")
        case.tables["stg_ehr__encounters"][-1] |= {"status": "finished", "ended_at": f"{event_on} 23:00"}


def _emergency(case: Case, person: int, **times: datetime | None) -> str:
    """One emergency visit with its stations; a decision is an inpatient stay that begins then."""
    patient = case.person(person)
    arrived, left = times["arrived"], times["left"]
    visit = case.encounter(patient, str(arrived), str(left), "EMER")
    case.add("stg_ehr__encounter_locations", encounter_id=visit, started_at=str(arrived), ended_at=str(left))
    if times.get("roomed"):
        case.add(
            "stg_ehr__encounter_locations",
            encounter_id=visit,
            started_at=str(times["roomed"]),
            ended_at=str(left),
            physical_type_code="ro",
        )
    if times.get("decided"):
        case.encounter(patient, str(times["decided"]), str(left and left + timedelta(days=2)), "IMP")
    return visit


def _limit(case: Case, person: int, row: Mapping[str, str]) -> str:
    start, end = _clock(row["index"]), _clock(row["event"])
    if row["measure"] == "ECAT wait":
        return _emergency(case, person, arrived=start, roomed=end, left=end + timedelta(hours=1))
    if row["measure"] == "ECAT board":
        return _emergency(case, person, arrived=start - timedelta(hours=1), decided=start, left=end)
    return _emergency(case, person, arrived=start, left=end)


def _interval(case: Case, person: int, row: Mapping[str, str]) -> str:
    """A visit of the CMS deck, from the minutes derived from it."""
    read = {
        name: datetime.fromisoformat(row[name]).replace(tzinfo=None) if row[name] else None
        for name in row
        if name in ("ed_arrival", "treatment_room_at", "ed_departure")
    }
    arrived = read["ed_arrival"] or datetime(2027, 12, 31, 8)
    left = read["ed_departure"] or datetime(2027, 12, 31, 8, 15)
    decided = left - timedelta(minutes=float(row["boarded_min"])) if row["boarded_min"] else None
    visit = _emergency(case, person, arrived=arrived, roomed=read["treatment_room_at"], decided=decided, left=left)
    if row["lwbs"] == "True":
        for encounter in case.tables["stg_ehr__encounters"]:
            if encounter["encounter_id"] == visit:
                encounter["discharge_disposition_code"] = "21541000119102"
    if row["observation_stay"] == "True":
        stay_from = str(arrived + timedelta(minutes=1))
        case.encounter(str(person), stay_from, str(left), "EMER", type_code="448951000124107")
    return visit


@pytest.fixture(scope="module")
def worked(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """All cases built at once."""
    windows = _read(reference / "oracles" / "boundaries" / "time_windows.csv")
    intervals = _read(reference / "oracles" / "ecqm_cms1244_emergency_access" / "derived_ed_intervals.csv")
    case = Case(as_of="2028-03-01")
    visits = {}
    for number, row in enumerate(windows):
        if row["measure"] in EMERGENCY:
            visits[_limit(case, 100 + number, row)] = f"window-{number}"
        else:
            _window(case, 100 + number, row)
    for number, row in enumerate(intervals):
        visits[_interval(case, 200 + number, row)] = f"cms-{number}"
    with measured(
        case, tmp_path_factory.mktemp("access"), "follow_up", "readmissions", "emergency_access"
    ) as warehouse:
        discharges = rows_by(
            warehouse, "select * from measures.int_measures__discharges where discharged_on = date '2025-03-01'"
        )
        emergency = rows_by(warehouse, "select * from measures.int_measures__emergency_visits")
    return Worked(
        windows,
        intervals,
        {row["person_id"]: row for row in discharges},
        {visits[row["encounter_id"]]: row for row in emergency},
    )


def test_days_after_a_discharge(worked: Worked) -> None:
    for number, row in enumerate(worked.windows):
        if row["measure"] in EMERGENCY:
            continue
        found = worked.discharges[100 + number]
        name, _, limit = row["measure"].partition("-")
        days = found["days_to_visit"] if name == "FUH" else found["days_to_readmission"]
        first = 1 if name == "FUH" else 0
        assert (days is not None and first <= days <= int(limit)) == bool(int(row["counts"])), row
        assert found["is_observed"]


def test_minutes_in_an_emergency_department(worked: Worked) -> None:
    for number, row in enumerate(worked.windows):
        if row["measure"] in EMERGENCY:
            found = worked.emergency[f"window-{number}"]
            assert found[EMERGENCY[row["measure"]]] == bool(int(row["counts"])), row


def test_the_cms_deck_of_emergency_access(worked: Worked) -> None:
    for number, row in enumerate(worked.intervals):
        found = worked.emergency[f"cms-{number}"]
        assert {name: found[column] for name, column in FINDINGS.items()} == {
            name: row[name] == "True" for name in FINDINGS
        }, row["case_id"]
        assert any(found[column] for column in FINDINGS.values()) == (row["numerator"] == "True")
