"""Interrupted series and difference-in-differences, against exact cases, brute force and other libraries."""

from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS

from orchestration.statistics.interventions import Cohort, panel
from orchestration.statistics.panels import NotComparableError, difference_in_differences, pre_trend
from orchestration.statistics.series import interrupted_series

INFERENCE = (40, 5_000)


def test_a_series_without_noise_gives_its_level_and_slope_back():
    t = np.arange(20.0)
    values = 3 + 0.1 * t + np.where(t >= 12, 0.8 + 0.05 * (t - 12), 0)
    found = interrupted_series(values, 12)
    assert found.level.value == pytest.approx(0.8, abs=1e-9)
    assert found.slope.value == pytest.approx(0.05, abs=1e-9)
    assert (found.lags, found.has_season) == (2, False)


def test_left_out_months_leave_a_gap_and_seasons_are_told_from_changes():
    t = np.arange(36.0)
    values = 3 + np.sin(2 * np.pi * t / 12) + np.where(t >= 18, -0.5, 0)
    kept = (t < 16) | (t >= 18)
    found = interrupted_series(values[kept], 18, periods=t[kept])
    assert found.has_season
    assert found.level.value == pytest.approx(-0.5, abs=1e-9)
    assert interrupted_series(values[kept], 18, periods=t[kept], season=False).level.value != pytest.approx(
        -0.5, abs=0.05
    )


def test_errors_of_a_series_are_newey_and_wests():
    rng = np.random.default_rng(1)
    t, start, lags = np.arange(24.0), 12, 3
    values = 1 + rng.normal(size=24).cumsum() * 0.2
    found = interrupted_series(values, start, lags=lags, season=False)
    after = t >= start
    x = np.column_stack([np.ones(24), t, after, (t - start) * after])
    bread = np.linalg.inv(x.T @ x)
    scores = x * (values - x @ bread @ x.T @ values)[:, None]
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    error = np.sqrt((bread @ meat @ bread * 24 / 20)[2, 2])
    assert (found.level.ci_high - found.level.ci_low) / 2 == pytest.approx(2.085963 * error, rel=1e-6)  # t, 20 df


def test_cautious_intervals_of_short_series_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(2)
    t = np.arange(17.0)
    held, held_plainly = 0, 0
    for _ in range(150):
        values = 3 + 0.02 * t + 0.5 * (t >= 9) + rng.normal(0, 0.2, 17)
        cautious, plain = (interrupted_series(values, 9, cautious=choice).level for choice in (True, False))
        held += cautious.ci_low <= 0.5 <= cautious.ci_high
        held_plainly += plain.ci_low <= 0.5 <= plain.ci_high
        assert cautious.ci_high - cautious.ci_low >= plain.ci_high - plain.ci_low - 1e-12
        assert cautious.value == pytest.approx(plain.value)
    assert held >= 138 > held_plainly


def test_a_series_needs_more_values_than_terms():
    with pytest.raises(ValueError, match="no more values"):
        interrupted_series(np.array([1.0, 2.0, 3.0, 4.0]), 2)


def make_panel(seed: int, effect: float = 0.0, trend: float = 0.0, n_units: int = 9, treated: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for unit in range(n_units):
        level = rng.normal()
        for period in range(12):
            value = level + 0.1 * period + rng.normal(0, 0.3)
            if unit < treated:
                value += trend * period + (effect if period >= 6 else 0)
            rows.append((f"u{unit:02d}", period, value, int(rng.integers(5, 40))))
    return pd.DataFrame(rows, columns=["unit", "period", "value", "weight"])


TREATED = {"u00", "u01", "u02"}


def test_two_units_and_two_periods_give_the_difference_of_differences():
    cells = pd.DataFrame(
        {"unit": ["a", "a", "b", "b"], "period": [0, 1, 0, 1], "value": [3.0, 4.2, 2.0, 2.5], "weight": [9, 4, 20, 7]}
    )
    found = difference_in_differences(cells, {"a"}, 1, *INFERENCE)
    assert found.effect == pytest.approx((4.2 - 3.0) - (2.5 - 2.0))
    assert (found.p_value, found.ci_low, found.ci_high) == (1.0, -np.inf, np.inf)


@pytest.mark.parametrize("seed", range(3))
def test_the_effect_is_that_of_two_way_fixed_effects(seed: int):
    cells = make_panel(seed, effect=0.5)
    found = difference_in_differences(cells, TREATED, 6, *INFERENCE)
    data = cells.assign(d=(cells["unit"].isin(TREATED) & (cells["period"] >= 6)).astype(float))
    data = data.set_index(["unit", "period"])
    model = PanelOLS(data["value"], data[["d"]], weights=data["weight"], entity_effects=True, time_effects=True)
    result = model.fit(cov_type="clustered", cluster_entity=True)
    assert found.effect == pytest.approx(result.params["d"], abs=1e-9)
    assert found.p_method == "randomisation, all 84 assignments"
    many = difference_in_differences(cells, TREATED, 6, 5, 5_000)
    assert (many.p_method, many.p_value) == ("clustered", pytest.approx(result.pvalues["d"]))


def test_randomisation_counts_assignments_as_extreme_as_the_truth_and_inverts_the_test():
    cells = make_panel(5, effect=0.4)
    found = difference_in_differences(cells, TREATED, 6, *INFERENCE)

    def effect_of(units: set[str], tau: float) -> float:
        taken = cells["unit"].isin(TREATED) & (cells["period"] >= 6)
        free = cells.assign(value=cells["value"] - tau * taken)
        return difference_in_differences(free, units, 6, *INFERENCE).effect

    def p_of(tau: float) -> float:
        others = [set(units) for units in combinations(sorted(set(cells["unit"])), 3)]
        own = abs(effect_of(TREATED, tau))
        return float(np.mean([abs(effect_of(units, tau)) >= own - 1e-9 for units in others]))

    assert found.p_value == pytest.approx(p_of(0.0))
    for bound, inside in ((found.ci_low, 0.01), (found.ci_high, -0.01)):
        assert p_of(bound + inside) > 0.05
        assert p_of(bound - inside) <= 0.05


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = 0
    for seed in range(60):
        found = difference_in_differences(make_panel(seed, effect=0.5), TREATED, 6, *INFERENCE)
        held += found.ci_low <= 0.5 <= found.ci_high
    assert held >= 53


def test_a_pre_trend_is_seen_and_none_is_not():
    rising = pre_trend(make_panel(7, trend=0.4), TREATED, 6, *INFERENCE)
    assert rising.effect == pytest.approx(0.4, abs=0.15)
    assert rising.p_value < 0.05
    assert pre_trend(make_panel(7), TREATED, 6, *INFERENCE).p_value > 0.05


def test_drawn_assignments_are_the_same_every_time():
    cells = make_panel(8, effect=1.0, n_units=16)
    first, again = (difference_in_differences(cells, TREATED, 6, 40, 300) for _ in range(2))
    assert first == again
    assert first.p_method == "randomisation, 300 drawn assignments"
    assert first.p_value <= 0.05


def test_what_cannot_be_compared_is_said():
    cells = make_panel(9)
    with pytest.raises(NotComparableError, match="no department to compare with"):
        difference_in_differences(cells, set(cells["unit"]), 6, *INFERENCE)
    with pytest.raises(NotComparableError, match="no period before or after"):
        difference_in_differences(cells, TREATED, 0, *INFERENCE)
    with pytest.raises(NotComparableError, match="fewer than 3 periods"):
        pre_trend(cells, TREATED, 2, *INFERENCE)


def test_a_panel_leaves_out_what_is_neither_before_nor_after_nor_comparable():
    answers = pd.DataFrame(
        [
            (unit, 2024 * 12 + month, float(month))
            for unit in ("trained", "later", "never", "unknown")
            for month in range(12)
            for _ in range(1 if (unit, month) == ("never", 8) else 5)
        ],
        columns=["department_id", "period", "value"],
    )
    cohort = Cohort(
        kind="training",
        intervention="t",
        phase="training",
        started_on=date(2024, 5, 20),
        effective_on=date(2024, 6, 12),
        since_on=date(2024, 2, 1),
        until_on=date(2024, 12, 3),
        departments=frozenset({"trained"}),
        others=frozenset({"later"}),
    )
    cells = panel(answers, cohort, 5)
    assert set(cells["unit"]) == {"trained", "never"}
    # From February, without May and June (under way), until November; December begins before `until_on`.
    assert (cells.loc[cells["unit"] == "trained", "period"] - 2024 * 12).tolist() == [1, 2, 3, 6, 7, 8, 9, 10]
    assert cells["weight"].tolist() == [5] * 15
