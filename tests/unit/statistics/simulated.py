"""Cases as dbt exports them, drawn at random around a truth that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

DEPARTMENTS = [f"d{n}" for n in range(8)]


def people(rng: np.random.Generator, n: int, n_persons: int) -> pd.DataFrame:
    """Cases of persons, with everything that models adjust for."""
    person = rng.integers(0, n_persons, n)
    return pd.DataFrame(
        {
            "person_key": [f"p{number:05d}" for number in person],
            "department_id": rng.choice(DEPARTMENTS, n),
            "sub_sector": "primary_care",
            "generation": np.where(person % 2 == 0, "Boomer", "Millennial"),
            "sex": np.where(person % 3 == 0, "female", "male"),
            "payer": np.where(person % 5 == 0, None, "A"),
            "age_years": 20.0 + person % 60,
            "n_conditions": person % 4,
            "n_earlier_visits": rng.integers(0, 5, n),
            "as_of_date": pd.Timestamp("2025-06-30"),
        }
    ).assign(
        department_quarter=lambda cases: cases["department_id"] + " " + rng.choice(["2024-01-01", "2024-04-01"], n)
    )


def make_cases(seed: int, n: int = 1_500) -> dict[str, pd.DataFrame]:
    """Cases in which a day of waiting lowers the NPS answer by 0.1 and nothing else does anything."""
    rng = np.random.default_rng(seed)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 547, n), unit="D")
    visits = people(rng, n, n // 3)
    lead = rng.integers(0, 45, n)
    visits = visits.assign(
        encounter_id=[f"e{i:05d}" for i in range(n)],
        visit_on=day,
        visit_type="AMB",
        lead_days=lead,
        lobby_minutes=rng.uniform(0, 80, n),
        exam_minutes=rng.uniform(0, 30, n),
        left_unseen=False,
        nps_score=np.clip(9 - 0.1 * lead + rng.normal(0, 1, n), 0, 10),
        csat_score=rng.integers(1, 6, n).astype(float),
        ces_score=rng.integers(1, 8, n).astype(float),
        revenue_amount=rng.normal(150, 20, n),
    )
    appointments = people(rng, n, n // 3).assign(
        appointment_id=[f"a{i:05d}" for i in range(n)],
        start_on=day,
        lead_days=lead,
        is_missed=rng.random(n) < 0.2,
        recovered_on=pd.NaT,
    )
    quarters = people(rng, n, n // 3).assign(exposure_start=pd.Timestamp("2024-01-01"))
    for name in ("mean_lead_days", "mean_lobby_minutes", "mean_queue_minutes", "mean_nps_score", "mean_csat_score"):
        quarters[name] = rng.uniform(0, 10, n)
    for name in ("n_failed", "n_channel_switches"):
        quarters[name] = rng.integers(0, 6, n)
    quarters = quarters.assign(
        pdc=rng.random(n),
        is_adherent=rng.random(n) < 0.5,
        has_missed=rng.random(n) < 0.3,
        has_returned=rng.random(n) < 0.5,
    )
    bills = people(rng, n, n // 3).assign(
        patient_control_number=[f"b{i:05d}" for i in range(n)],
        opened_on=day,
        balance_amount=rng.uniform(10, 200, n),
        days_to_answer=rng.integers(5, 40, n).astype(float),
        was_denied_first=rng.random(n) < 0.2,
        days_open=rng.integers(0, 120, n).astype(float),
        is_resolved=rng.random(n) < 0.8,
    )
    interventions = pd.DataFrame(
        {
            "kind": "training",
            "intervention": "Listening",
            "phase": "training",
            "department_id": ["d0", "d1", "d2"],
            "started_on": pd.Timestamp("2024-09-28").date(),
            "effective_on": pd.Timestamp("2024-10-01").date(),
            "since_on": None,
            "until_on": None,
        }
    )
    return {
        "visits": visits,
        "appointments": appointments,
        "quarters": quarters,
        "bills": bills,
        "interventions": interventions,
    }
