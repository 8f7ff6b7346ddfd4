"""Rates by band and their trend, against R's and statsmodels' answers."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr
from statsmodels.stats.contingency_tables import Table
from statsmodels.stats.proportion import proportion_confint

from orchestration.statistics.cases import Segment
from orchestration.statistics.dose import band_labels, banded, cochran_armitage, wilson

DAYS = [0.0, 3.0, 7.0, 14.0, 30.0]
EVERYONE = Segment("all", "all")


def test_the_trend_test_gives_what_r_gives():
    # R's own example of prop.trend.test: smokers among patients in four studies, X-squared = 8.2249, p = 0.004132.
    trend = cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82])
    assert trend is not None
    assert trend.z**2 == pytest.approx(8.224922, abs=1e-6)
    assert trend.p_value == pytest.approx(0.004131897, abs=1e-9)
    assert trend.z < 0


@pytest.mark.parametrize("seed", range(5))
def test_the_trend_test_gives_what_statsmodels_gives(seed: int):
    rng = np.random.default_rng(seed)
    n = rng.integers(20, 200, 5)
    events = rng.binomial(n, 0.3)
    trend = cochran_armitage(events, n)
    table = Table(np.column_stack([n - events, events]), shift_zeros=False)
    expected = table.test_ordinal_association(col_scores=np.array([0, 1]))
    assert trend is not None
    # statsmodels divides by N - 1 where Cochran and Armitage divide by N.
    assert trend.z == pytest.approx(expected.zscore * np.sqrt(n.sum() / (n.sum() - 1)), abs=1e-9)


@pytest.mark.parametrize(("events", "n"), [([0, 0, 0], [10, 10, 10]), ([5, 5], [5, 5]), ([3], [9]), ([0, 3], [0, 9])])
def test_there_is_no_trend_where_rates_or_bands_are_one(events: list[int], n: list[int]):
    assert cochran_armitage(events, n) is None


@pytest.mark.parametrize(("events", "n"), [(0, 12), (12, 12), (3, 40), (250, 1000)])
def test_intervals_are_wilsons(events: int, n: int):
    assert wilson(events, n) == pytest.approx(proportion_confint(events, n, method="wilson"), abs=1e-12)


def test_bands_are_named_by_whole_units():
    assert band_labels(DAYS) == ["0", "1-3", "4-7", "8-14", "15-30", ">30"]
    assert band_labels([15, 30, 60]) == ["0-15", "16-30", "31-60", ">60"]
    assert band_labels([0, 1, 3]) == ["0", "1", "2-3", ">3"]


def test_an_upper_edge_belongs_to_its_band_and_the_next_value_to_the_next():
    x = [0, 1, 3, 3.5, 7, 7.01, 14, 30, 30.5, 400]
    rows = banded(pd.DataFrame({"x": x, "y": 1.0}), DAYS, EVERYONE, 30)
    assert [row["n"] for row in rows] == [1, 2, 2, 2, 1, 2]
    assert [(row["above"], row["up_to"]) for row in rows[:2]] == [(None, 0.0), (0.0, 3.0)]
    assert (rows[-1]["above"], rows[-1]["up_to"]) == (30.0, None)


def test_rates_of_one_to_ten_cases_are_hidden_and_empty_bands_are_not():
    x = [0.0] * 10 + [2.0] * 11
    rows = banded(pd.DataFrame({"x": x, "y": [1.0] * 10 + [1.0] * 4 + [0.0] * 7}), DAYS, EVERYONE, 30)
    small, shown, empty = rows[0], rows[1], rows[2]
    assert (small["suppressed"], small["events"], small["rate"], small["ci_low"]) == (True, None, None, None)
    assert small["suppression_reason"] == "n_below_11"
    assert (shown["suppressed"], shown["events"], shown["rate"]) == (False, 4, pytest.approx(4 / 11))
    assert (empty["suppressed"], empty["n"], empty["events"], empty["rate"]) == (False, 0, 0, None)


def test_tests_stand_in_each_row_and_need_enough_cases():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 40, 200).astype(float)
    y = (rng.random(200) < 0.2 + 0.015 * x).astype(float)
    rows = banded(pd.DataFrame({"x": x, "y": y}), DAYS, EVERYONE, 30)
    assert {row["trend_z"] for row in rows} == {rows[0]["trend_z"]}
    assert rows[0]["trend_z"] > 3
    assert rows[0]["spearman"] == pytest.approx(spearmanr(x, y).statistic)
    assert rows[0]["kendall_tau_b"] == pytest.approx(kendalltau(x, y).statistic)
    few = banded(pd.DataFrame({"x": x[:29], "y": y[:29]}), DAYS, EVERYONE, 30)
    assert few[0]["trend_p_value"] is None
    assert few[0]["n_all_bands"] == 29
