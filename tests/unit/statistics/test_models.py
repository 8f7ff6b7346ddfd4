"""Crude and adjusted effects on data whose answer is known by hand or by another library."""

from math import exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.multitest import multipletests

from orchestration.statistics.associations import add_q_values, benjamini_hochberg
from orchestration.statistics.cases import pair_cases, sample_persons
from orchestration.statistics.declarations import Cases, Exposure, Outcome
from orchestration.statistics.design import covariates, follows_from, independent, restricted_cubic_spline
from orchestration.statistics.ordinal import proportional_odds
from orchestration.statistics.regression import Effect, NotEstimableError, e_value, fit


def nothing(n: int) -> np.ndarray:
    return np.empty((n, 0))


def frame(x: object, y: object, person: object = None) -> pd.DataFrame:
    keys = person if person is not None else range(len(x))  # type: ignore[arg-type]
    return pd.DataFrame({"x": x, "y": y, "person_key": pd.Categorical([str(key) for key in keys])}).astype(
        {"x": float, "y": float}
    )


def test_a_crude_odds_ratio_is_the_cross_product_of_the_table():
    # 30 of 50 exposed and 20 of 50 others: odds ratio (30 x 30) / (20 x 20) = 2.25.
    data = frame([1] * 50 + [0] * 50, [1] * 30 + [0] * 20 + [1] * 20 + [0] * 30)
    effect = fit("binary", data, nothing(100), 1.0)
    assert effect.effect == pytest.approx(2.25, rel=1e-8)
    # One case a person: the clustered error is the heteroscedastic one, here Woolf's, times N/(N-1) and (N-1)/(N-k).
    woolf = sqrt(1 / 30 + 1 / 20 + 1 / 20 + 1 / 30)
    assert log(effect.ci_high / effect.ci_low) / (2 * 1.959963985) == pytest.approx(woolf * sqrt(100 / 98), rel=1e-2)


def test_a_linear_effect_is_stated_for_a_step_of_the_exposure():
    x = np.arange(60.0)
    noise = np.tile([0.1, -0.1], 30)
    effect = fit("linear", frame(x, 3 - 0.05 * x + noise), nothing(60), 7.0)
    assert effect.effect == pytest.approx(np.polyfit(x, 3 - 0.05 * x + noise, 1)[0] * 7)
    assert effect.ci_low < -0.35 < effect.ci_high


def test_errors_are_clustered_by_person():
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(50), 4)
    x = rng.normal(size=50)[person]
    y = x + rng.normal(size=50)[person] + 0.1 * rng.normal(size=200)
    data = frame(x, y, person)
    effect = fit("linear", data, nothing(200), 1.0)
    # The sandwich by hand: scores summed within persons.
    design = np.column_stack([np.ones(200), x])
    bread = np.linalg.inv(design.T @ design)
    residual = y - design @ bread @ design.T @ y
    scores = np.array([(design * residual[:, None])[person == g].sum(axis=0) for g in range(50)])
    variance = bread @ (scores.T @ scores) @ bread * (50 / 49) * (199 / 198)
    half = (effect.ci_high - effect.ci_low) / 2
    assert half == pytest.approx(2.009575 * sqrt(variance[1, 1]), rel=1e-5)  # t with 49 degrees of freedom


def test_adjusting_turns_a_sign_that_a_confounder_had_turned():
    # Within each department more waiting goes with lower scores; the department with long waits has higher ones.
    rng = np.random.default_rng(2)
    department = np.repeat([0, 1], 300)
    x = rng.uniform(0, 10, 600) + 10 * department
    y = -0.1 * x + 4 * department + rng.normal(0, 0.5, 600)
    data = frame(x, y).assign(department_id=pd.Categorical(department.astype(str)))
    adjustment = covariates(data, Cases(file="f", grain="g", factors=["department_id"]), 20)
    crude, adjusted = fit("linear", data, nothing(600), 1.0), fit("linear", data, adjustment, 1.0)
    assert crude.ci_low > 0
    assert adjusted.ci_low < -0.1 < adjusted.ci_high < 0


def test_a_hazard_ratio_counts_open_cases_as_censored():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 2, 2_000).astype(float)
    time = np.ceil(rng.exponential(60 / np.where(x == 1, 2.0, 1.0)))
    data = frame(x, np.minimum(time, 90)).assign(event=(time <= 90).astype(float))
    effect = fit("survival", data, nothing(2_000), 1.0)
    assert effect.ci_low < 2.0 < effect.ci_high
    own = CoxPHFitter().fit(data[["x", "y", "event"]], "y", "event")
    assert effect.effect == pytest.approx(exp(own.params_["x"]), rel=1e-6)


def test_what_the_data_do_not_decide_is_said():
    with pytest.raises(NotEstimableError, match="exposure_is_constant"):
        fit("linear", frame([1.0] * 40, range(40)), nothing(40), 1.0)
    x = np.arange(40.0)
    with pytest.raises(NotEstimableError, match="exposure_follows_from_adjustment"):
        fit("linear", frame(x, range(40)), np.column_stack([2 * x - x.mean() * 2]), 1.0)
    with pytest.raises(NotEstimableError, match="did_not_converge"):
        fit("binary", frame(x, x >= 20), nothing(40), 1.0)  # perfectly separated


def test_e_values_are_those_of_the_paper():
    # VanderWeele & Ding 2017: a risk ratio of 3.9 (1.8 to 8.7) has E-value 7.26, its limit 3.0.
    rare = np.array([1.0] * 5 + [0.0] * 95)
    point, limit = e_value("binary", Effect(3.9, 1.8, 8.7, 0.001), rare)
    assert (point, limit) == (pytest.approx(7.26, abs=0.005), pytest.approx(3.0, abs=0.005))
    # A protective ratio is turned; an interval that holds no effect needs no confounder at all.
    assert e_value("binary", Effect(1 / 3.9, 1 / 8.7, 1 / 1.8, 0.001), rare)[0] == pytest.approx(point)
    assert e_value("binary", Effect(1.5, 0.9, 2.5, 0.1), rare)[1] == 1.0
    # Common outcomes: the square root of the odds ratio stands for the risk ratio.
    common = np.array([1.0, 0.0] * 50)
    assert e_value("binary", Effect(3.9**2, 1.8**2, 8.7**2, 0.001), common)[0] == pytest.approx(point)


def test_q_values_are_benjamini_and_hochbergs():
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert benjamini_hochberg([]) == []
    rows: list[dict[str, object]] = [{"p_value": 0.02}, {"status": "too_few"}, {"p_value": 0.04}]
    add_q_values(rows)
    assert [row["q_value"] for row in rows] == [pytest.approx(0.04), None, pytest.approx(0.04)]


def test_a_spline_is_linear_outside_its_knots_and_bends_between():
    x = np.linspace(0, 100, 1_001)
    basis = restricted_cubic_spline(x)
    assert basis.shape == (1_001, 3)
    bend = np.abs(np.diff(basis[:, 1:], n=2, axis=0))
    assert bend[:45].max() < 1e-9  # below the 5 % quantile
    assert bend[-45:].max() < 1e-9  # above the 95 % quantile
    assert bend[400:600].min() > 0
    assert restricted_cubic_spline(np.array([1.0, 1.0, 2.0])).shape == (3, 1)


def test_missing_numbers_keep_their_cases_and_rare_levels_are_joined():
    data = pd.DataFrame(
        {
            "age": [50.0, 60.0, 70.0, np.nan, 80.0] * 14,
            "payer": pd.Categorical(["A"] * 40 + ["B"] * 25 + ["C"] * 3 + ["D"] * 2),
        }
    )
    matrix = covariates(data, Cases(file="f", grain="g", linear=["age"], factors=["payer"]), 20)
    assert len(matrix) == 70
    assert matrix.shape[1] == 4  # age, age missing, B, other
    assert np.isfinite(matrix).all()


def test_columns_that_say_the_same_are_told_once():
    a, b = np.arange(10.0), np.arange(10.0) ** 2
    assert independent(np.column_stack([a, 3 * a + 1, b, a + b, np.ones(10)])).shape == (10, 2)
    assert follows_from(a + b, independent(np.column_stack([a, b])))
    assert not follows_from(a**3, independent(np.column_stack([a, b])))


def test_an_outcome_may_be_a_threshold_and_missing_stays_missing():
    data = pd.DataFrame({"wait": [1, 2, None], "score": [4.0, 3.9, 5.0]})
    outcome = Outcome(column="score", at_least=4, kind="binary", unit="share", better="higher")
    pairs = pair_cases(data, Exposure(column="wait", unit="days", step=1), outcome)
    assert pairs["y"].tolist() == [1.0, 0.0]


def test_large_data_are_sampled_by_whole_persons_whatever_the_order():
    keys = [f"p{n % 4_000}" for n in range(20_000)]
    data = pd.DataFrame({"person_key": pd.Categorical(keys), "row": range(20_000)})
    sampled = sample_persons(data, 5_000)
    assert 4_000 < len(sampled) < 6_000
    assert (sampled["person_key"].astype(str).value_counts().loc[lambda n: n > 0] == 5).all()
    shuffled = sample_persons(data.sample(frac=1, random_state=1), 5_000)
    assert set(shuffled["row"]) == set(sampled["row"])
    assert len(sample_persons(data, 20_000)) == 20_000


@pytest.mark.parametrize("n_grades", [2, 3, 5])
def test_proportional_odds_are_those_of_statsmodels(n_grades: int):
    rng = np.random.default_rng(n_grades)
    person = np.repeat(np.arange(150), 2)
    columns = rng.normal(size=(300, 3))
    latent = columns @ [0.8, -0.5, 0.0] + rng.logistic(size=300) + rng.normal(size=150)[person]
    grades = np.searchsorted(np.linspace(-1, 1, n_grades - 1), latent)
    found = proportional_odds(grades, columns, person)
    model = OrderedModel(pd.Series(pd.Categorical(grades, ordered=True)), columns, distr="logit")
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": person}}
    expected = model.fit(method="bfgs", disp=False, maxiter=1_000, gtol=1e-9, **clustered)
    assert found.coefficients == pytest.approx(expected.params[:3], abs=1e-6)
    assert found.thresholds == pytest.approx(model.transform_threshold_params(expected.params)[1:-1], abs=1e-6)
    assert np.sqrt(np.diag(found.covariance)[:3]) == pytest.approx(expected.bse[:3], rel=1e-4)


def test_two_grades_are_a_logistic_regression():
    rng = np.random.default_rng(4)
    x, person = rng.normal(size=200), np.repeat(np.arange(100), 2)
    data = frame(x, (x + rng.logistic(size=200) > 0).astype(float), person)
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": person}}
    expected = sm.GLM(data["y"], sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-13, **clustered)
    for kind in ("binary", "ordinal"):
        found = fit(kind, data, nothing(200), 1.0)
        told = tuple(log(value) for value in (found.effect, found.ci_low, found.ci_high))
        assert told == pytest.approx((expected.params["x1"], *expected.conf_int().loc["x1"]), abs=1e-7)
        assert found.p_value == pytest.approx(expected.pvalues["x1"], abs=1e-9)


def test_grades_that_an_exposure_parts_wholly_are_not_estimated():
    x = np.arange(60.0)
    with pytest.raises(NotEstimableError, match="did_not_converge"):
        fit("ordinal", frame(x, x // 20), nothing(60), 1.0)


def test_cases_that_were_censored_before_any_event_say_nothing():
    rng = np.random.default_rng(6)
    x = rng.normal(size=300)
    person = np.repeat(np.arange(100), 3)
    data = frame(x, np.ceil(rng.exponential(20 * np.exp(-0.5 * x))) + 1, person).assign(event=1.0)
    early = frame(rng.normal(size=9), [0.7] * 9, range(900, 909)).assign(event=0.0)
    both = pd.concat([data, early], ignore_index=True)
    both["person_key"] = both["person_key"].astype("category")
    assert fit("survival", both, nothing(309), 1.0) == fit("survival", data, nothing(300), 1.0)


def test_errors_of_hazards_are_clustered_by_person():
    rng = np.random.default_rng(7)
    person = np.repeat(np.arange(200), 3)
    x = rng.normal(size=200)[person]
    time = rng.exponential(20 * np.exp(-0.4 * x + rng.normal(size=200)[person]))  # no ties: one rule for all libraries
    data = frame(x, time + 1, person).assign(event=(rng.random(600) < 0.8).astype(float))
    effect = fit("survival", data, nothing(600), 1.0)
    table = data.assign(person_key=person)[["x", "y", "event", "person_key"]]
    expected = CoxPHFitter().fit(table, "y", "event", cluster_col="person_key")
    assert effect.effect == pytest.approx(exp(expected.params_["x"]), rel=1e-6)
    error = log(effect.ci_high / effect.ci_low) / (2 * 1.959963985)
    assert error == pytest.approx(expected.standard_errors_["x"], rel=1e-4)
