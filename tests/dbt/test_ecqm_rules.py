"""CMS1244 and CMS50 where their logic is easily read wrongly: which visits count, when, and by which decision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = pytest.mark.dbt

DECIDED = {"decided_anew", "decided_then_bedded"}
VISIT, TRIAGE = "4525004", "225390008"
LEFT_UNSEEN, NOT_SEEN = "21541000119102", "47492008"
ADMITTED, BED_ASSIGNED, REFERRAL, REPORT = "19951005", "5751000175101", "103696004", "11488-4"


def _visit(case: Case, name: str, start: str, end: str, kind: str = VISIT, **columns: Any) -> None:
    """One emergency encounter, known by its own name; the person is the day's number."""
    patient = columns.pop("patient", None) or case.person(len(case.tables.get("dim_person", [])) + 1)
    case.encounter(patient, start, end, "EMER", type_code=kind, **columns)
    case.tables["stg_ehr__encounters"][-1]["encounter_id"] = name


def _emergencies(case: Case) -> None:
    _visit(case, "over_new_year", "2025-12-31 20:00", "2026-01-01 15:00")
    _visit(case, "left", "2025-03-01 15:00", "2025-03-01 15:30", discharge_disposition_code=LEFT_UNSEEN)
    _visit(case, "not_seen", "2025-03-02 15:00", "2025-03-02 15:30", discharge_disposition_code=NOT_SEEN)
    _visit(case, "triage_alone", "2025-03-03 15:00", "2025-03-03 15:10", TRIAGE)
    for name, gap in (("soon", "17:10"), ("late", "17:11")):
        patient = case.person(len(case.tables["dim_person"]) + 1)
        left = {"discharge_disposition_code": LEFT_UNSEEN}
        _visit(case, f"triage_{name}", "2025-03-04 15:00", "2025-03-04 15:10", TRIAGE, patient=patient, **left)
        _visit(case, f"visit_{name}", f"2025-03-04 {gap}", "2025-03-04 18:00", patient=patient)
    patient = case.person(len(case.tables["dim_person"]) + 1)
    _visit(case, "decided_anew", "2025-03-05 15:00", "2025-03-05 21:00", patient=patient)
    for at in ("15:30", "18:00"):
        _order(case, patient, BED_ASSIGNED, f"2025-03-05 {at}")
    patient = case.person(len(case.tables["dim_person"]) + 1)
    _visit(case, "decided_then_bedded", "2025-03-06 15:00", "2025-03-06 21:00", patient=patient)
    _order(case, patient, ADMITTED, "2025-03-06 16:00")
    _order(case, patient, BED_ASSIGNED, "2025-03-06 18:00")


def _order(case: Case, patient: str, code: str, authored_at: str) -> None:
    case.add(
        "stg_ehr__service_requests",
        service_request_id=f"o{len(case.tables.get('stg_ehr__service_requests', []))}",
        patient_id=patient,
        status="active",
        intent="order",
        code=code,
        authored_at=authored_at,
    )


def _referral(case: Case, person: int, visited: tuple[str, str], reported: str, intent: str = "order") -> None:
    patient = case.person(person)
    case.encounter(patient, *visited)
    case.add(
        "stg_ehr__service_requests",
        service_request_id=f"r{person}",
        patient_id=patient,
        status="active",
        intent=intent,
        code=REFERRAL,
        authored_at="2025-05-05 15:00",
    )
    case.add(
        "stg_ehr__tasks", task_id=f"t{person}", service_request_id=f"r{person}", status="completed", code=REPORT,
        ended_at=reported,
    )  # fmt: skip


def _referrals(case: Case) -> None:
    spring = ("2025-05-05 14:00", "2025-05-05 15:00")
    _referral(case, 101, spring, "2025-05-05 15:01")
    _referral(case, 102, spring, "2025-05-05 15:00")
    _referral(case, 103, ("2026-01-01 04:50", "2026-01-01 05:05"), "2025-06-01 15:00")
    _referral(case, 104, spring, "2025-06-01 15:00", intent="original-order")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both measures over one hospital."""
    case = Case(as_of="2026-06-01")
    _emergencies(case)
    _referrals(case)
    with measured(case, tmp_path_factory.mktemp("rules"), "emergency_access", "referral_loops") as connection:
        yield connection


def test_which_emergency_visits_count(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Triage is a visit of its own unless one begins within two hours of its end; a visit counts on its last day."""
    found = dict(
        warehouse.execute("select encounter_id, ended_on::text from measures.int_measures__emergency_visits").fetchall()
    )
    assert found.pop("over_new_year") == "2026-01-01"
    assert set(found) == {"left", "not_seen", "triage_alone", "visit_soon", "triage_late", "visit_late"} | DECIDED


def test_only_the_finding_is_leaving_unseen(warehouse: duckdb.DuckDBPyConnection) -> None:
    """`Not seen` qualifies anything; it does not say that the patient left."""
    found = warehouse.execute(
        "select encounter_id from measures.int_measures__emergency_visits where left_without_being_seen order by 1"
    ).fetchall()
    assert found == [("left",), ("triage_late",)]


def test_the_last_decision_of_a_kind_counts(warehouse: duckdb.DuckDBPyConnection) -> None:
    """A bed assigned anew three hours before departure: not boarded; one after an order five hours before: boarded."""
    found = {
        row["encounter_id"]: (float(row["boarded_minutes"]), row["was_boarded"])
        for row in rows_by(
            warehouse, "select * from measures.int_measures__emergency_visits where decided_at is not null"
        )
    }
    assert found == {"decided_anew": (180.0, False), "decided_then_bedded": (300.0, True)}


def test_which_referrals_count_and_close(warehouse: duckdb.DuckDBPyConnection) -> None:
    """A report at the very moment of the order closes nothing; the visit lies wholly in the year; orders only."""
    found = warehouse.execute(
        "select person_id, numerator::int, denominator::int from measures.int_measures__referral_facts order by 1"
    ).fetchall()
    assert found == [
        (101, 1, 1),
        (102, 0, 1),
        (103, None, None),
    ]
