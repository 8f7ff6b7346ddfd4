"""What is not known is counted as missing: cases without a day, a sex, a length or a known sender keep their place."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = pytest.mark.dbt

MARTS = (
    "accounts_receivable",
    "appointment_adherence",
    "bill_resolution",
    "denials",
    "medication_adherence_rates",
    "portal_response",
    "portal_response_sla",
    "readmissions",
    "referral_loops",
    "screening_rates",
    "wait_times",
)


def _treatment(case: Case, patient: str) -> None:
    """A fill of no day, a fill in no unit, an appointment of no day, a stay that nobody ended, a referral of no day."""
    case.fill(patient, "2025-03-01", days=None)
    dispense = {"patient_id": patient, "status": "completed", "medication_code": "860975", "days_supply": 30}
    case.add("stg_ehr__medication_dispenses", medication_dispense_id="undated", **dispense)
    case.add("stg_ehr__appointments", appointment_id="undated", patient_id=patient, status="fulfilled")
    case.encounter(patient, "2025-05-01 15:00", None, class_code="IMP")
    visit = case.encounter(patient, "2025-05-02 15:00", "2025-05-02 16:00")
    case.add("stg_ehr__encounter_statuses", encounter_id=visit, status="arrived", started_at="2025-05-02 15:00")
    case.add(
        "stg_ehr__service_requests",
        service_request_id="undated",
        patient_id=patient,
        status="active",
        intent="order",
        code="3457005",
    )


def _messages(case: Case, patient: str) -> None:
    """A message of nobody known, one of no known moment."""
    message = {"patient_id": patient, "status": "completed"}
    case.add("stg_ehr__communications", communication_id="whose", thread_id="a", sent_at="2025-05-01 15:00", **message)
    case.add("stg_ehr__communications", communication_id="when", thread_id="b", sender_type="Patient", **message)


def _bills(case: Case) -> None:
    """A bill that waits for the payer, one answered on no day and for a service of no day."""
    claim = {"charge_amount": 100, "payer_name": "P"}
    dated = {"submitted_on": "2025-05-01", "service_from": "2025-04-01"}
    case.add("stg_billing__claims", claim_id="a", patient_control_number="A", **claim, **dated)
    case.add("stg_billing__claims", claim_id="b", patient_control_number="B", **claim)
    case.add(
        "stg_billing__remits",
        remit_id="b",
        patient_control_number="B",
        is_reversal=False,
        is_denied=False,
        charge_amount=100,
        paid_amount=60,
        patient_responsibility_amount=40,
    )


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """All of it in one hospital."""
    case = Case(as_of="2025-12-31")
    patient = case.person(1, sex="female")
    case.person(2, birth_date="1980-01-01")
    case.add("dim_person", person_id=3, sex="female")
    _treatment(case, patient)
    _messages(case, patient)
    _bills(case)
    with measured(case, tmp_path_factory.mktemp("unknown"), *MARTS) as connection:
        yield connection


@pytest.mark.parametrize(
    ("mart", "where", "missing", "excluded"),
    [
        ("accounts_receivable", "measure_id = 'AR-0-30'", 1, 0),
        ("appointment_adherence", "measure_id = 'APPT-NO-SHOW'", 1, 0),
        ("bill_resolution", "true", 1, 0),
        ("denials", "measure_id = 'DENIAL-INITIAL'", 1, 1),
        ("denials", "measure_id = 'DENIAL-INITIAL-DOLLARS'", 1, 1),
        ("medication_adherence_rates", "measure_id = 'PDC-MEAN' and drug_class = 'statins'", 1, 0),
        ("medication_adherence_rates", "measure_id = 'PDC-MEAN' and drug_class = 'diabetes'", 1, 0),
        ("portal_response", "true", 2, 0),
        ("portal_response_sla", "true", 2, 0),
        ("readmissions", "true", 1, 0),
        ("referral_loops", "true", 1, 0),
        # Person 2 is of no known sex, person 3 of no known age.
        ("screening_rates", "measure_id = 'SCREENING-BREAST'", 2, 0),
        ("screening_rates", "measure_id = 'SCREENING-COLORECTAL'", 1, 0),
        ("wait_times", "wait_type = 'lobby'", 1, 0),
        ("wait_times", "wait_type = 'request_to_visit'", 1, 0),
    ],
)
def test_what_is_not_known_is_missing(
    marts: duckdb.DuckDBPyConnection, mart: str, where: str, missing: int, excluded: int
) -> None:
    """A case of which no day is known counts in the night's year."""
    query = (
        f"select missing_n, excluded_n from marts.{mart} where grouping_set = 'overall' and {where} "
        f"and period_grain = (select max(period_grain) from marts.{mart}) and period_end = date '2025-12-31'"
    )
    assert [tuple(row.values()) for row in rows_by(marts, query)] == [(missing, excluded)]
