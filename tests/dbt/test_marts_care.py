"""Access, persistence, screening, panels and survey items: each rule against rows made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.dbt.measure_cases import Case, measured, rows_by

pytestmark = pytest.mark.dbt

MARTS = (
    "access_tnaa",
    "access_tnaa_target",
    "persistence",
    "screening_due",
    "screening_rates",
    "retention",
    "brand_attributes",
    "cahps_composites",
    "cahps_scores",
    "experience_scores",
    "pillar_scores",
    "advocacy_attributes",
    "wait_times",
)


def _slots(case: Case) -> None:
    """On Monday 5 May 2025 the third open slot is on the 9th; on the 12th it is on the day itself."""
    case.add("stg_ehr__schedules", schedule_id="s", practitioner_id="q", department_id="d", location_id="l")
    days = {
        "frozen": ("2025-05-05", "busy-unavailable"),
        "booked": ("2025-05-05", "busy"),
        "nobody_knows_since_when": ("2025-05-06", "busy"),
        "first": ("2025-05-06", "free"),
        "second_booked_later": ("2025-05-07", "busy"),
        "released_later": ("2025-05-08", "free"),
        "third": ("2025-05-09", "free"),
        "a": ("2025-05-12", "free"),
        "b": ("2025-05-12", "free"),
        "c": ("2025-05-12", "free"),
    }
    for name, (day, status) in days.items():
        case.add("stg_ehr__slots", slot_id=name, schedule_id="s", status=status, start_at=f"{day} 14:00")
    bookings = {
        "booked": ("booked", "2025-05-01", "2025-05-01"),
        "second_booked_later": ("booked", "2025-05-06", "2025-05-06"),
        "released_later": ("cancelled", "2025-05-01", "2025-05-06"),
    }
    for name, (status, created, recorded) in bookings.items():
        case.add(
            "stg_ehr__appointments",
            appointment_id=name,
            patient_id="0",
            slot_id=name,
            status=status,
            created_at=f"{created} 14:00",
            recorded_at=f"{recorded} 14:00",
            start_at=f"{days[name][0]} 14:00",
        )


def _therapies(case: Case) -> None:
    """Person 1 stops for 40 days, person 2 never, person 3 for good."""
    gap, steady, stopped = case.person(1), case.person(2), case.person(3)
    case.fill(gap, "2025-01-01", 30)
    case.fill(gap, "2025-03-12", 400)
    case.fill(steady, "2025-01-01", 400)
    case.fill(stopped, "2025-01-01", 30)


def _screenings(case: Case) -> None:
    """Person 4 had a mammography in time, 5 too long ago; 6 is a man, 7 died."""
    for number, sex, done in ((4, "female", "2024-03-01"), (5, "female", "2023-12-31"), (6, "male", "2024-03-01")):
        case.add(
            "stg_ehr__procedures",
            procedure_id=f"m{number}",
            patient_id=case.person(number, birth_date="1980-01-01", sex=sex),
            status="completed",
            code_system="http://snomed.info/sct",
            code="71651007",
            performed_start_at=f"{done} 15:00",
        )
    case.person(7, birth_date="1980-01-01", sex="female", deceased_on="2025-01-01")


def _panel(case: Case) -> None:
    """The panel before the window that ends with 2025: 8 came back, 9 did not, 10 died."""
    for number, died in ((8, None), (9, None), (10, "2025-02-01")):
        patient = case.person(number, deceased_on=died)
        case.encounter(patient, "2023-01-10 15:00", "2023-01-10 16:00")
        if number == 8:
            case.encounter(patient, "2025-01-10 15:00", "2025-01-10 16:00")


def _items(case: Case) -> None:
    answers = [("cahps", 4, 1, 4), ("cahps", 3, 1, 4), ("pillar_empathy", 4, 1, 5), ("advocacy_ease", 7, 1, 7)]
    for number, (metric, score, low, high) in enumerate(answers * 11):
        case.add(
            "stg_surveys__responses",
            response_id=f"r{number}",
            survey_id="cg-3.1",
            recorded_at_utc="2025-05-05 15:00",
            is_finished=True,
        )
        case.add(
            "stg_surveys__answers",
            response_id=f"r{number}",
            question_id="q1",
            metric=metric,
            score=score,
            scale_min=low,
            scale_max=high,
        )
    # A composite of two items: all of 31 say always to one, none of the 11 who answer it to the other.
    for number in range(31):
        case.add(
            "stg_surveys__responses",
            response_id=f"h{number}",
            survey_id="inpatient",
            recorded_at_utc="2025-05-05 15:00",
            is_finished=True,
        )
        for item, score in (("nurse_listen", 4), ("nurse_respect", 1)):
            if item == "nurse_listen" or number < 11:
                case.add(
                    "stg_surveys__answers",
                    response_id=f"h{number}",
                    question_id=item,
                    metric="cahps",
                    score=score,
                    scale_min=1,
                    scale_max=4,
                    instrument="HCAHPS",
                    instrument_version="2025",
                    item=item,
                    composite="nurse_communication",
                )


def _voices_without_names(case: Case) -> None:
    """Twelve reviews and twelve answers of staff, half of each the best there is; a brand rated by 11 and by 10."""
    for number in range(12):
        best = number % 2
        case.add(
            "stg_surveys__reviews",
            review_id=f"w{number}",
            site="maps",
            department_id="d",
            rating=4 + best,
            posted_at="2025-06-01 03:00",
        )
        answer = {"score": 2 + 3 * best, "scale_min": 1, "scale_max": 5}
        case.add("stg_staff__engagement", response_id=f"e{number}", question="q", answered_on="2025-06-02", **answer)
    for attribute, respondents in (("ease", 11), ("empathy", 10)):
        case.add(
            "stg_surveys__attribute_scores",
            wave="2025", fielded_on="2025-06-01", brand="Riverside", generation="all", sub_sector="pharmacy",
            attribute=attribute, respondents=respondents, score=4, scale_min=1, scale_max=5,
        )  # fmt: skip


def _check_ins(case: Case) -> None:
    """Ten minutes early, ten minutes late, a day and a half early."""
    patient = case.person(11)
    for number, arrived in enumerate(("2025-09-01 13:50", "2025-09-01 14:10", "2025-08-31 02:00")):
        case.add(
            "stg_ehr__appointments",
            appointment_id=f"c{number}",
            patient_id=patient,
            status="fulfilled",
            created_at="2025-08-01 14:00",
            start_at="2025-09-01 14:00",
            recorded_at="2025-09-01 14:00",
        )
        encounter = case.encounter(patient, arrived, "2025-09-01 15:00", appointment_id=f"c{number}")
        case.add("stg_ehr__encounter_statuses", encounter_id=encounter, status="arrived", started_at=arrived)


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """All of it in one hospital."""
    case = Case(as_of="2026-01-15")
    for tell in (_slots, _therapies, _screenings, _panel, _items, _voices_without_names, _check_ins):
        tell(case)
    home = tmp_path_factory.mktemp("care")
    with measured(case, home, *MARTS) as connection:
        connection.execute(f"set file_search_path = '{home}'")
        yield connection


def _overall(connection: duckdb.DuckDBPyConnection, mart: str, where: str) -> dict[str, Any]:
    rows = rows_by(connection, f"select * from marts.{mart} where grouping_set = 'overall' and {where}")
    assert len(rows) == 1
    return dict(rows[0])


def test_third_next_available(marts: duckdb.DuckDBPyConnection) -> None:
    """Open is what nobody held on the Monday and what was not frozen."""
    found = marts.execute(
        "select sampled_on::text, days_to_third from measures.int_measures__next_slots order by sampled_on"
    ).fetchall()
    assert found == [("2025-05-05", 4), ("2025-05-12", 0)]
    row = _overall(marts, "access_tnaa_target", "period_grain = 'month'")
    assert (row["numerator"], row["denominator"], row["suppressed"]) == (2, 2, True)
    assert _overall(marts, "access_tnaa", "period_grain = 'year'")["n_cases"] == 2


def test_persistence_by_permissible_gap(marts: duckdb.DuckDBPyConnection) -> None:
    """A gap of 40 days ends therapy at 30 but not at 60; supply that runs out ends it on its last day."""
    found = marts.execute(
        "select measure_id, person_id, waited, is_event from measures.int_measures__persistence_facts order by all"
    ).fetchall()
    followed = 380.0  # 1 January 2025 to 15 January 2026, both counted
    assert found == [
        ("PERSISTENCE-30", 1, 30.0, 1),
        ("PERSISTENCE-30", 2, followed, 0),
        ("PERSISTENCE-30", 3, 30.0, 1),
        ("PERSISTENCE-60", 1, followed, 0),
        ("PERSISTENCE-60", 2, followed, 0),
        ("PERSISTENCE-60", 3, 30.0, 1),
        ("PERSISTENCE-90", 1, followed, 0),
        ("PERSISTENCE-90", 2, followed, 0),
        ("PERSISTENCE-90", 3, 30.0, 1),
    ]
    row = _overall(marts, "persistence", "measure_id = 'PERSISTENCE-60'")
    assert (row["numerator"], row["denominator"], row["censored_n"]) == (1, 3, 2)


def test_screening_due(marts: duckdb.DuckDBPyConnection) -> None:
    """Only the rule in force, only whom it concerns; the dead are due for nothing."""
    found = marts.execute(
        "select person_id, status, due_on::text from marts.screening_due where screening = 'breast' "
        "and person_id between 4 and 7 order by person_id"
    ).fetchall()
    assert found == [(4, "up_to_date", "2026-03-01"), (5, "overdue", "2025-12-31")]


def test_panel_churn(marts: duckdb.DuckDBPyConnection) -> None:
    """Half of the living panel was not seen for 18 months; who died is excluded."""
    row = _overall(marts, "retention", "measure_id = 'CHURN-PANEL' and period_start = date '2025-01-01'")
    assert (row["numerator"], row["denominator"], row["excluded_n"]) == (1, 2, 1)


def test_survey_items(marts: duckdb.DuckDBPyConnection) -> None:
    """Top box and linear mean per item and instrument version; pillars and attributes from 0 to 100."""
    own = "and instrument_version = 'cg-3.1'"
    top = _overall(marts, "cahps_scores", f"measure_id = 'CAHPS-TOP-BOX' and period_grain = 'year' {own}")
    assert (top["value"], top["item_id"], top["instrument_version"]) == (0.5, "q1", "cg-3.1")
    linear = _overall(marts, "cahps_scores", f"measure_id = 'CAHPS-LINEAR' and period_grain = 'year' {own}")
    assert linear["value"] == pytest.approx((100 + 200 / 3) / 2, abs=1e-9)
    assert _overall(marts, "pillar_scores", "period_grain = 'year'")["value"] == pytest.approx(75, abs=1e-9)
    assert _overall(marts, "advocacy_attributes", "period_grain = 'year'")["value"] == pytest.approx(100, abs=1e-9)


def test_a_composite_is_the_mean_of_its_items_rates(marts: duckdb.DuckDBPyConnection) -> None:
    """Not the share among all answers: 31 of 42 would be 0.74."""
    row = _overall(marts, "cahps_composites", "period_grain = 'year'")
    assert (row["composite_id"], row["instrument_version"], row["value"]) == ("nurse_communication", "HCAHPS 2025", 0.5)
    assert (row["n_items"], row["n_cases"], row["suppression_reason"]) == (2, 11, "flag_n_below_30")


def test_reviews_and_staff_are_scored_without_persons(marts: duckdb.DuckDBPyConnection) -> None:
    """A review of 23:00 local time on 31 May counts in May."""
    row = _overall(marts, "experience_scores", "measure_id = 'REVIEW-RATING' and period_grain = 'month'")
    assert (row["value"], row["n_cases"], str(row["period_start"])) == (4.5, 12, "2025-05-01")
    row = _overall(marts, "experience_scores", "measure_id = 'STAFF-ENGAGEMENT' and period_grain = 'month'")
    assert (row["value"], row["n_cases"], str(row["period_start"])) == (62.5, 12, "2025-06-01")


def test_brands_are_rated_from_0_to_100_by_enough_people(marts: duckdb.DuckDBPyConnection) -> None:
    """Ten respondents are too few to show, eleven are few enough to say so."""
    found = marts.execute(
        "select attribute, attribute_kind, score_0_100, suppression_reason from marts.brand_attributes order by all"
    ).fetchall()
    assert found == [("ease", "advocacy", 75.0, "flag_n_below_30"), ("empathy", "both", None, "n_below_11")]


def test_an_early_check_in_is_no_wait_and_no_error(marts: duckdb.DuckDBPyConnection) -> None:
    """Early is zero minutes late; a day and a half early cannot be true."""
    row = _overall(marts, "wait_times", "wait_type = 'check_in' and period_grain = 'year'")
    assert (row["numerator"], row["denominator"], row["excluded_n"]) == (10, 2, 1)
