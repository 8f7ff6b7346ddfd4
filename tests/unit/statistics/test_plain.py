"""The estimators on plain tables: what textbooks and other libraries publish, to 1e-6."""

import json
from math import exp, sqrt

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from orchestration.statistics.plain import main


@pytest.fixture
def ask(tmp_path, capsys):
    """Write a table, ask one estimator about it, return its answer."""

    def answer(table: pd.DataFrame, estimator: str, *options: object, expect: int = 0):
        path = tmp_path / "table.csv"
        table.to_csv(path, index=False)
        assert main([estimator, str(path), *map(str, options)]) == expect
        told = capsys.readouterr()
        return json.loads(told.out) if expect == 0 else told.err

    return answer


def test_logistic_regression_is_that_of_greenes_textbook(ask):
    # Spector & Mazzeo 1980, as Greene (Econometric Analysis, table 17.1) and every statistics package prints it.
    data = sm.datasets.spector.load_pandas().data
    asked = ("--kind", "binary", "--outcome", "GRADE", "--exposure", "PSI", "--adjust", "GPA", "TUCE")
    found = ask(data, "association", *asked)["adjusted"]
    assert np.log(found["effect"]) == pytest.approx(2.378688, abs=1e-6)
    assert np.log(found["ci_high"] / found["ci_low"]) / (2 * 1.959963985) == pytest.approx(1.064564, abs=1e-6)
    full = sm.Logit(data["GRADE"], sm.add_constant(data[["PSI", "GPA", "TUCE"]])).fit(disp=False)
    assert found["p_value"] == pytest.approx(full.pvalues["PSI"], abs=1e-6)


def test_clustered_logistic_regression_is_that_of_statsmodels(ask):
    data = sm.datasets.fair.load_pandas().data[::4].assign(had=lambda rows: (rows["affairs"] > 0).astype(int))
    asked = ("--kind", "binary", "--outcome", "had", "--exposure", "yrs_married", "--cluster", "occupation")
    found = ask(data, "association", *asked, "--adjust", "age", "religious")["adjusted"]
    design = sm.add_constant(data[["yrs_married", "age", "religious"]])
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": data["occupation"]}}
    full = sm.Logit(data["had"], design).fit(disp=False, **clustered)
    low, high = full.conf_int().loc["yrs_married"]
    assert (found["effect"], found["ci_low"], found["ci_high"]) == pytest.approx(
        (exp(full.params["yrs_married"]), exp(low), exp(high)), rel=1e-6
    )


def test_a_series_is_that_of_statsmodels_newey_west(ask):
    nile = sm.datasets.nile.load_pandas().data  # the Aswan dam: the flow fell in 1899
    found = ask(nile, "series", "--value", "volume", "--period", "year", "--start", 1899, "--lags", 4)
    t = nile["year"].to_numpy()
    after = (t >= 1899).astype(float)
    design = np.column_stack([np.ones(100), t, after, (t - 1899) * after])
    full = sm.OLS(nile["volume"], design).fit(
        cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": True}, use_t=True
    )
    for change, place in (("level", 2), ("slope", 3)):
        expected = (full.params.iloc[place], *full.conf_int().iloc[place], full.pvalues.iloc[place])
        told = tuple(found[change][name] for name in ("value", "ci_low", "ci_high", "p_value"))
        assert told == pytest.approx(expected, rel=1e-6)
    assert found["level"]["ci_high"] < 0


def test_two_states_before_and_after_are_card_and_kruegers(ask):
    # Card & Krueger 1994, table 3: mean employment a restaurant, and the difference of differences of the means.
    cells = pd.DataFrame(
        [("NJ", 0, 20.44), ("NJ", 1, 21.03), ("PA", 0, 23.33), ("PA", 1, 21.17)], columns=["state", "wave", "fte"]
    )
    asked = ("--unit", "state", "--period", "wave", "--value", "fte", "--treated", "NJ", "--start", 1)
    assert ask(cells, "differences", *asked)["effect"] == pytest.approx(2.75, abs=1e-9)


def test_differences_are_those_of_dummies_and_errors_may_be_clustered(ask):
    data = sm.datasets.grunfeld.load_pandas().data
    some = sorted(data["firm"].unique())[:4]
    asked = ("--unit", "firm", "--period", "year", "--value", "invest", "--start", 1945, "--treated", *some)
    taken = (data["firm"].isin(some) & (data["year"] >= 1945)).astype(float)
    full = smf.ols("invest ~ taken + C(firm) + C(year)", data.assign(taken=taken)).fit()
    drawn, clustered = ask(data, "differences", *asked), ask(data, "differences", *asked, "--clustered")
    assert drawn["effect"] == pytest.approx(full.params["taken"], rel=1e-9)
    assert clustered["effect"] == pytest.approx(full.params["taken"], rel=1e-9)
    assert (drawn["p_method"], clustered["p_method"]) == ("randomisation, all 330 assignments", "clustered")
    assert {"effect", "p_value"} <= set(drawn["pre_trend"])


def test_case_mix_adjusted_means_are_predictions_at_the_mean_of_all(ask):
    data = sm.datasets.grunfeld.load_pandas().data
    found = ask(data, "case-mix", "--score", "invest", "--entity", "firm", "--adjust", "value", "capital")
    full = smf.ols("invest ~ C(firm) + value + capital", data).fit()
    mean = data[["value", "capital"]].mean()
    assert len(found["entities"]) == 11
    for row in found["entities"]:
        at = pd.DataFrame({"firm": [row["entity"]], "value": mean["value"], "capital": mean["capital"]})
        expected = full.get_prediction(at).summary_frame().iloc[0]
        assert (row["adjusted"], row["ci_low"], row["ci_high"]) == pytest.approx(
            tuple(expected[["mean", "mean_ci_lower", "mean_ci_upper"]]), rel=1e-6
        )
        assert row["mean"] == pytest.approx(data.loc[data["firm"] == row["entity"], "invest"].mean())


def test_net_promoter_scores_have_the_interval_of_their_variance(ask):
    scores = pd.DataFrame({"score": [10] * 50 + [8] * 30 + [3] * 20, "site": ["a", "b"] * 50})
    found = ask(scores, "nps", "--score", "score", "--by", "site")["groups"]
    half = 100 * 1.959963985 * sqrt((0.5 + 0.2 - 0.3**2) / 100)
    assert (found[0]["nps"], found[0]["ci_low"]) == pytest.approx((30.0, 30.0 - half), abs=1e-6)
    assert [(row["group"], row["n"]) for row in found] == [("all", 100), ("a", 50), ("b", 50)]


def test_rates_have_wilson_intervals_and_r_trend(ask):
    smokers = pd.DataFrame({"study": list("abcd"), "smokers": [83, 90, 129, 70], "patients": [86, 93, 136, 82]})
    found = ask(smokers, "rates", "--band", "study", "--events", "smokers", "--n", "patients")
    assert found["trend"]["z"] ** 2 == pytest.approx(8.224922, abs=1e-6)
    assert found["bands"][0]["ci_low"] < 83 / 86 < found["bands"][0]["ci_high"]


def test_texts_are_adjusted_for_by_level_and_missing_rows_are_counted(ask):
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=90), "site": list("abc") * 30})
    data["y"] = data["x"] + data["site"].map({"a": 0, "b": 3, "c": -2}) + rng.normal(size=90)
    data.loc[:4, "y"] = None
    found = ask(
        data, "association", "--kind", "linear", "--outcome", "y", "--exposure", "x", "--adjust", "site", "--step", 2
    )
    full = smf.ols("y ~ x + C(site)", data).fit()
    assert found["adjusted"]["effect"] == pytest.approx(2 * full.params["x"], rel=1e-9)
    assert (found["n"], found["n_missing"], found["measure"]) == (85, 5, "mean difference")


def test_what_cannot_be_had_is_said(ask, tmp_path, capsys):
    flat = pd.DataFrame({"y": [0, 1] * 20, "x": [1.0] * 40, "site": ["a", "b"] * 20, "z": [0.0, 1.0] * 20})
    asked = ("--kind", "binary", "--outcome", "y", "--exposure")
    assert "outcome_is_constant" in ask(flat.assign(y=1), "association", *asked, "z", expect=1)
    assert "exposure_is_constant" in ask(flat, "association", *asked, "x", expect=1)
    assert "did_not_converge" in ask(flat, "association", *asked, "z", expect=1)  # perfectly separated
    told = ask(flat, "case-mix", "--score", "y", "--entity", "site", "--adjust", "z", expect=1)
    assert "cannot be told from the entities" in told
    with pytest.raises(SystemExit):
        main(["nps", str(tmp_path / "table.csv"), "--score", "scores"])
    assert "no column 'scores'" in capsys.readouterr().err
