"""The measure marts over one small hospital: statistics against independent libraries, rules against hand-made rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from statsmodels.stats.proportion import proportion_confint

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = pytest.mark.dbt

AS_OF = datetime(2026, 1, 1, 4, 59, 59)
QUEUE_SECONDS = [int(seconds) for seconds in np.random.default_rng(5).gamma(1.2, 60, 57)]
# Hours until a reply; None = still open on the night.
REPLIES = [None if number % 5 == 0 else 1.5 * number for number in range(1, 41)]
MARTS = (
    "call_center_service",
    "wait_times",
    "portal_response",
    "appointment_adherence",
    "experience_outcomes",
    "bill_resolution",
    "denials",
)


def _calls(case: Case) -> None:
    for number, seconds in enumerate(QUEUE_SECONDS):
        initiated = datetime(2025, 5, 5, 14) + timedelta(hours=number)
        case.add(
            "stg_call_center__contacts",
            contact_id=f"c{number}",
            channel="VOICE",
            initiated_at=str(initiated),
            queued_at=str(initiated),
            queue_wait_seconds=seconds,
            is_answered=number % 6 > 0,
            is_abandoned=number % 6 == 0,
            is_transfer=False,
            department_id="cardiology" if number % 2 else None,
        )


def _messages(case: Case) -> None:
    patient = case.person(1, generation="Gen X")
    for number, hours in enumerate(REPLIES):
        sent = datetime(2025, 12, 1, 14) + timedelta(minutes=number)
        thread = {"thread_id": f"t{number}", "patient_id": patient, "status": "completed"}
        case.add(
            "stg_ehr__communications",
            communication_id=f"m{number}",
            sender_type="Patient",
            sent_at=str(sent),
            **thread,
        )
        if hours is not None:
            case.add(
                "stg_ehr__communications",
                communication_id=f"r{number}",
                sender_type="Practitioner",
                sent_at=str(sent + timedelta(hours=hours)),
                **thread,
            )


def _treatment(case: Case) -> None:
    """Person 2: a slow second quarter of 2025, then half of the third quarter covered and one of two visits kept."""
    patient = case.person(2, birth_date="1980-01-01", generation="Millennial", sex="female")
    case.fill(patient, "2025-06-21", 10)
    case.fill(patient, "2025-07-01", 46)
    for activity, channel, failed in (
        ("called", "phone", True),
        ("logged_in", "portal", False),
        ("called", "phone", False),
    ):
        number = len(case.tables.get("touchpoints", []))
        case.add(
            "touchpoints",
            activity_id=number,
            ts=f"2025-05-0{number + 1} 15:00",
            event_seq=0,
            person_id=2,
            activity=activity,
            channel=channel,
            department_id="cardiology",
            is_failed=failed,
        )
    for number, (status, created, start) in enumerate(
        (
            ("fulfilled", "2025-05-01 14:00", "2025-05-31 14:00"),
            ("fulfilled", "2025-07-01 14:00", "2025-07-11 14:00"),
            ("noshow", "2025-07-01 14:00", "2025-08-11 14:00"),
        )
    ):
        case.add(
            "stg_ehr__appointments",
            appointment_id=f"a{number}",
            patient_id=patient,
            status=status,
            created_at=created,
            start_at=start,
            recorded_at=start,
        )
    case.encounter(patient, "2025-07-11 14:00", "2025-07-11 15:00")


def _bills(case: Case) -> None:
    case.identify("billing", "B1", 2)
    bill = {"patient_control_number": "B1"}
    case.add(
        "stg_billing__claims",
        claim_id="k",
        charge_amount=500,
        submitted_on="2025-03-05",
        service_from="2025-03-01",
        payer_name="P",
        **bill,
    )
    for remit, day, denied, paid, owed in (("r1", "03-20", True, 0, 0), ("r2", "04-20", False, 400, 50)):
        case.add(
            "stg_billing__remits",
            remit_id=remit,
            adjudicated_on=f"2025-{day}",
            is_reversal=False,
            is_denied=denied,
            denial_reason_code="29" if denied else None,
            charge_amount=500,
            paid_amount=paid,
            patient_responsibility_amount=owed,
            **bill,
        )
    case.add("stg_billing__statements", statement_id="s", balance_amount=50, sent_at="2025-05-01 16:00", **bill)
    for payment, day, amount in (("p1", "05-11", 20), ("p2", "05-31", 30)):
        case.add("stg_billing__payments", payment_id=payment, amount=amount, paid_at=f"2025-{day} 16:00", **bill)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every mart of this module, built once."""
    case = Case(as_of=str(AS_OF))
    case.tables["night"] = [{"as_of": str(AS_OF), "as_of_date": "2025-12-31"}]
    case.add(
        "stg_ehr__organizations",
        organization_id="cardiology",
        name="Cardiology",
        type_code="dept",
        sub_sector="medical_specialty",
    )
    for build in (_calls, _messages, _treatment, _bills):
        build(case)
    with measured(case, tmp_path_factory.mktemp("marts"), *MARTS) as connection:
        yield connection


def _row(warehouse: duckdb.DuckDBPyConnection, mart: str, where: str) -> dict[str, object]:
    rows = rows_by(warehouse, f"select * from marts.{mart} where {where}")
    assert len(rows) == 1, (mart, where, len(rows))
    return dict(rows[0])


def test_a_share_has_the_wilson_interval(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = _row(
        warehouse,
        "call_center_service",
        "measure_id = 'CALL-ABANDONMENT' and grouping_set = 'overall' and period_grain = 'year'",
    )
    abandoned, offered = len(QUEUE_SECONDS[::6]), len(QUEUE_SECONDS)
    assert (row["numerator"], row["denominator"], row["value"]) == (abandoned, offered, abandoned / offered)
    low, high = proportion_confint(abandoned, offered, method="wilson")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=1e-9)


def test_a_mean_has_the_normal_interval(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = _row(
        warehouse,
        "call_center_service",
        "measure_id = 'CALL-ASA' and grouping_set = 'overall' and period_grain = 'year'",
    )
    answered = [seconds for number, seconds in enumerate(QUEUE_SECONDS) if number % 6]
    half_width = 1.959963984540054 * np.std(answered, ddof=1) / len(answered) ** 0.5
    assert row["value"] == pytest.approx(np.mean(answered), abs=1e-9)
    assert row["ci_high"] == pytest.approx(np.mean(answered) + half_width, abs=1e-9)


def test_medians_and_percentiles_are_exact(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = _row(warehouse, "wait_times", "wait_type = 'queue' and grouping_set = 'overall' and period_grain = 'month'")
    answered = [seconds for number, seconds in enumerate(QUEUE_SECONDS) if number % 6]
    assert row["value"] == pytest.approx(np.quantile(answered, 0.5), abs=1e-9)
    assert row["p90"] == pytest.approx(np.quantile(answered, 0.9), abs=1e-9)
    ordered = sorted(answered)
    half = 0.5 * 1.959963984540054 * len(ordered) ** 0.5
    low, high = int(np.floor(len(ordered) / 2 - half)), int(np.ceil(1 + len(ordered) / 2 + half))
    assert (row["ci_low"], row["ci_high"]) == (ordered[low - 1], ordered[high - 1])


def test_an_unknown_department_is_a_group_of_its_own(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = rows_by(
        warehouse,
        "select department_id, sub_sector, n_cases from marts.call_center_service "
        "where measure_id = 'CALL-ABANDONMENT' and grouping_set = 'department' and period_grain = 'year' order by 1",
    )
    assert [tuple(row.values()) for row in rows] == [("cardiology", "all", 28), ("unknown", "all", 29)]


def test_open_messages_are_censored_and_not_dropped(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = _row(warehouse, "portal_response", "grouping_set = 'overall' and period_grain = 'year'")
    fitter = KaplanMeierFitter()
    waited = [
        hours
        if hours is not None
        else (AS_OF - datetime(2025, 12, 1, 14) - timedelta(minutes=n)).total_seconds() / 3600
        for n, hours in enumerate(REPLIES)
    ]
    fitter.fit(waited, [hours is not None for hours in REPLIES])
    assert (row["numerator"], row["n_cases"], row["censored_n"]) == (32, 40, 8)
    assert row["value"] == pytest.approx(fitter.median_survival_time_, abs=1e-9)
    interval = median_survival_times(fitter.confidence_interval_)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(interval.iloc[0]), abs=1e-9)


def test_outcomes_follow_exposures(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = _row(warehouse, "experience_outcomes", "person_id = 2")
    assert (str(row["exposure_start"]), str(row["exposure_end"])) == ("2025-04-01", "2025-06-30")
    assert (str(row["outcome_start"]), str(row["outcome_end"])) == ("2025-07-01", "2025-09-30")
    exposure = ("n_touchpoints", "n_calls", "n_failed", "n_channel_switches", "mean_lead_days", "department_id")
    assert tuple(row[name] for name in exposure) == (3, 2, 1, 2, 30.0, "cardiology")
    assert (row["pdc_covered_days"], row["pdc_days"], row["pdc"], row["is_adherent"]) == (46, 92, 0.5, False)
    assert (row["n_appointments_due"], row["kept_share"], row["has_returned"]) == (2, 0.5, True)


def test_a_denied_bill_that_was_paid_later(warehouse: duckdb.DuckDBPyConnection) -> None:
    bill = _row(warehouse, "claims", "patient_control_number = 'B1'")
    assert (bill["was_denied_first"], bill["is_denied_finally"], bill["first_denial_reason_code"]) == (
        True,
        False,
        "29",
    )
    assert (bill["days_to_answer"], float(str(bill["open_amount"])), bill["person_id"]) == (15, 0.0, 2)
    resolved = _row(warehouse, "bill_resolution", "grouping_set = 'overall' and period_grain = 'year'")
    assert (resolved["numerator"], resolved["censored_n"], resolved["suppressed"], resolved["value"]) == (
        1,
        0,
        True,
        None,
    )
    days = warehouse.execute(
        "select numerator from marts.denials where measure_id = 'DENIAL-INITIAL-DOLLARS'"
    ).fetchall()
    assert {row[0] for row in days} == {500.0}
