"""What the planted effects come to: the lines that are drawn through what is true."""

from datetime import date
from math import exp

import numpy as np
import pytest
import statsmodels.api as sm

from orchestration.sample.clock import DAY, Period, quarter, quarter_start
from orchestration.sample.effects import NO_EFFECTS, SCALES, SPREADS, Effects, Experience, answer_chance
from orchestration.sample.estimands import (
    VISIT_ANSWERS,
    Asked,
    Estimands,
    Line,
    logistic_slope,
    main_department,
    mean_answers,
)
from orchestration.sample.people import Lead, Waits


def test_a_line_is_least_squares_with_a_level_for_every_group():
    rng = np.random.default_rng(1)
    group, n = rng.integers(0, 4, 80), rng.integers(1, 9, 80)
    x = rng.normal(size=80) + group
    y = 2 * group - 0.3 * x**2
    line = Line()
    for place in range(80):
        line.add((f"d{group[place]}", 0), x[place], y[place], int(n[place]))
    expected = sm.WLS(y, np.column_stack([x, np.eye(4)[group]]), weights=n).fit()
    assert line.slope() == pytest.approx(expected.params[0])
    assert Line().slope() is None


def test_a_logistic_line_is_the_likeliest_one_with_a_level_for_every_group():
    rng = np.random.default_rng(2)
    group, x = np.repeat(np.arange(3), 20), np.tile(np.arange(20), 3)
    n, share = rng.integers(5, 90, 60).astype(float), 1 / (1 + np.exp(2 - 0.4 * group - 0.06 * x))

    def slope(shares: np.ndarray) -> float | None:
        return logistic_slope([((f"d{g}", 0), int(at), m, s) for g, at, m, s in zip(group, x, n, shares, strict=True)])

    assert slope(share) == pytest.approx(0.06, abs=1e-8)
    design = np.column_stack([x, np.eye(3)[group]])
    curved = sm.GLM(share**1.3, design, family=sm.families.Binomial(), freq_weights=n).fit(tol=1e-12)
    assert slope(share**1.3) == pytest.approx(curved.params[0], abs=1e-7)
    assert logistic_slope([(("d", 0), 3, 10.0, 0.2)]) is None


def test_mean_answers_are_those_of_rounded_scores_of_who_answers():
    rng = np.random.default_rng(3)
    n, effects = 400_000, Effects()
    mood, older = 0.45 * rng.normal(size=n), rng.random(n) < 0.5
    experience = Experience(mood, 0.4, 12.0, 20.0, 1.0)
    means = experience.means(effects)
    scores = {name: np.clip(np.rint(means[name] + rng.normal(0, SPREADS[name], n)), *SCALES[name]) for name in SCALES}
    answers = rng.random(n) < answer_chance(VISIT_ANSWERS, scores["nps"], older)
    few = slice(0, 20_000)
    found = mean_answers(effects, experience._replace(mood=mood[few]), older[few])
    for name in SCALES:
        assert found[name] == pytest.approx(scores[name][answers].mean(), abs=0.03)


def estimands(effects: Effects) -> Estimands:
    """A hospital in which a day longer is felt by everybody alike, and walk-ins sit in the lobby."""
    rng, found = np.random.default_rng(4), Estimands(effects)
    for number in range(2_000):
        booked, wait, lobby = number % 2 == 0, float(number % 31), float(number % 70)
        seen = Experience(0.45 * rng.normal(), 0.0, wait * booked, max(0.0, lobby - 15) * (not booked), number % 3 == 0)
        found.asked(Asked(seen, number % 5 == 0, booked, True))
        found.answered(("d", number % 2), int(wait) if booked else None, wait * booked, lobby)
        found.appointment(("d", 0), int(wait), 1 / (1 + exp(3 - effects.missed_log_odds_per_wait_day * wait)), 1.0)
    return found


def test_what_is_planted_comes_to_less_where_scales_end_and_to_nothing_where_nothing_is():
    on = {(row.get("exposure"), row["outcome"]): row["effect"] for row in estimands(Effects()).statements()}
    assert -0.72 < on["request_to_visit_days", "nps_score"] < -0.55  # 7 days of 0.1 points, less near the top
    assert -0.30 < on["lobby_minutes", "nps_score"] < -0.12
    assert on["request_to_visit_days", "is_missed"] == pytest.approx(exp(7 * 0.055))
    assert 0.5 < on[None, "csat_score"] < 0.8
    for row in estimands(NO_EFFECTS).statements():
        nothing = 1.0 if row.get("effect_measure") == "odds ratio" else 0.0
        assert row["effect"] is None or row["effect"] == pytest.approx(nothing, abs=1e-9)


def test_days_lost_to_a_wait_count_in_the_quarter_they_lie_in_and_against_the_quarter_before():
    period = Period(date(2024, 1, 1), 12)
    spring = quarter(period.begin) + 1
    waits = Waits(fills={"rx": (period.begin, quarter_start(spring + 1))})
    waits.lose(10.0, 20.0, quarter_start(spring) + 5 * DAY)  # fifteen of twenty days in winter
    assert waits.lost == {spring - 1: pytest.approx(7.5, abs=0.02), spring: pytest.approx(2.5, abs=0.02)}
    found = Estimands(Effects())
    for lead, extra in ((4, 0.0), (24, 9.1)):
        waits.leads = {spring - 1: [Lead(period.start, "d", lead)]}
        waits.lost[spring] = extra
        found.person(waits, period, None)
    # 9.1 of the quarter's 91 days, for 20 days more of waiting.
    assert found.refills.slope() == pytest.approx(-0.1 / 20, rel=1e-3)
    found.person(waits, period, died=quarter_start(spring) + DAY)
    assert found.refills.sums["d", spring - 1][0] == 2


def test_a_quarter_belongs_to_the_department_of_most_appointments_and_of_equals_to_the_earliest():
    first, later = date(2024, 2, 1), date(2024, 3, 1)
    assert main_department([Lead(later, "b", 3), Lead(first, "c", 9), Lead(later, "b", 1)]) == "b"
    assert main_department([Lead(later, "b", 3), Lead(first, "c", 9)]) == "c"
    assert main_department([Lead(first, "c", 3), Lead(first, "b", 9)]) == "b"
