"""A whole night of 2,000 sample patients: the marts find the effects that the sample hospital planted."""

from __future__ import annotations

import json
from datetime import date
from math import log
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.night import run_night
from orchestration.sample import generate
from orchestration.settings import Settings

pytestmark = [pytest.mark.nightly, pytest.mark.dbt]

Row = dict[str, Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The home after the night; its deliveries carry the truth."""
    deliveries = tmp_path_factory.mktemp("planted") / "deliveries"
    generate(deliveries, patients=2_000)
    settings = Settings(home=tmp_path_factory.mktemp("home"), deliveries=deliveries)
    run_night(settings)
    return settings


@pytest.fixture(scope="module")
def truth(home: Settings) -> Row:
    """What was planted, and what it came to."""
    body: Row = json.loads((home.delivery_root / "truth" / "effects.json").read_text())
    return body


def published(home: Settings, query: str) -> list[Row]:
    database: Path = home.published / "limited" / "current" / "journeys.duckdb"
    with duckdb.connect(str(database), read_only=True) as con:
        found = con.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def association(home: Settings, exposure: str, outcome: str) -> Row:
    [row] = published(
        home,
        f"select * from associations where exposure = '{exposure}' and outcome = '{outcome}' "
        "and segment_dimension = 'all'",
    )
    return row


def stated(truth: Row, **about: str) -> float:
    """Return a planted effect in the estimator's own terms."""
    effects: list[Row] = truth["in_estimators_terms"]["effects"]
    [found] = [float(row["effect"]) for row in effects if about.items() <= row.items()]
    return found


@pytest.mark.parametrize("score", ["nps_score", "csat_score", "ces_score"])
@pytest.mark.parametrize("exposure", ["request_to_visit_days", "lobby_minutes"])
def test_longer_waits_go_with_lower_scores(home: Settings, truth: Row, exposure: str, score: str):
    row = association(home, exposure, score)
    assert row["ci_high"] < 0
    assert row["q_value"] < 0.01
    assert row["direction"] == "worse"
    # Four standard errors: one seed of one hospital; how often 95 % intervals hold the truth is `make prove-effects`.
    error = (row["ci_high"] - row["ci_low"]) / 3.92
    assert row["effect"] == pytest.approx(stated(truth, exposure=exposure, outcome=score), abs=4 * error)


def test_longer_waits_go_with_missed_appointments(home: Settings, truth: Row):
    row = association(home, "request_to_visit_days", "is_missed")
    assert row["ci_low"] > 1
    error = log(row["ci_high"] / row["ci_low"]) / 3.92
    assert log(row["effect"]) == pytest.approx(log(stated(truth, outcome="is_missed")), abs=4 * error)


def test_longer_waits_go_with_fewer_days_covered(home: Settings):
    row = association(home, "mean_request_to_visit_days", "pdc")
    assert row["ci_high"] < 0
    assert row["q_value"] < 0.01
    bands = published(
        home,
        "select * from dose_response where exposure = 'mean_request_to_visit_days' and outcome = 'is_adherent' "
        "and segment_dimension = 'all' order by band_order",
    )
    assert bands[0]["trend_z"] < -3
    shown = [band for band in bands if band["rate"] is not None]
    assert shown[-1]["ci_high"] < shown[0]["rate"]


def test_the_training_raised_satisfaction_in_its_departments_and_nothing_else(home: Settings, truth: Row):
    planted = truth["planted"]["training"]
    rows = published(home, f"select * from training_effects where training_name = '{planted['training_name']}'")
    found = {(row["outcome"], row["design"]): row for row in rows}
    difference = found["csat_score", "difference_in_differences"]
    assert difference["effective_on"] == date.fromisoformat(planted["from"])
    assert difference["departments"].split(", ") == [f"ehr/{name}" for name in planted["department_ids"]]
    assert difference["effect"] > 0
    assert difference["ci_low"] < stated(truth, design="difference_in_differences") < difference["ci_high"]
    assert difference["pretrend_holds"]
    series = found["csat_score", "interrupted_series"]
    assert series["ci_low"] > 0
    for outcome in ("nps_score", "ces_score"):
        assert found[outcome, "difference_in_differences"]["q_value"] > 0.05


def test_a_pilot_without_an_effect_has_none(home: Settings):
    rows = published(home, "select * from pilot_effects where design = 'difference_in_differences'")
    assert {row["outcome"] for row in rows} == {"csat_score", "nps_score", "ces_score"}
    assert all(row["ci_low"] < 0 < row["ci_high"] and row["q_value"] > 0.05 for row in rows)


def test_what_was_lost_is_counted_from_the_same_appointments_as_the_measure(home: Settings):
    [row] = published(
        home,
        "select (select sum(n_events) from revenue_at_risk where component = 'missed_visit' "
        "and department_id = 'all') as lost, (select sum(numerator) from appointment_adherence "
        "where measure_id = 'APPT-MISSED' and grouping_set = 'overall' and period_grain = 'month') as missed",
    )
    assert row["lost"] == row["missed"] > 0
