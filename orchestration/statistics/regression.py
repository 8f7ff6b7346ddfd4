"""One model of one outcome on one exposure: linear, logistic, ordinal or proportional hazards.

Belongs here: fitting with person-clustered errors, and reading the exposure's effect. Does not belong: which pairs are
asked (``associations``). The words are "associated with": no function here knows a cause.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from typing import Any

import numpy as np
import pandas as pd

from orchestration.statistics.design import Matrix, follows_from
from orchestration.statistics.ordinal import proportional_odds

#: A coefficient as large as this (on the log scale, per standard deviation) says that the data separate perfectly.
_SEPARATED = 15.0

MEASURE = {
    "linear": "mean difference",
    "binary": "odds ratio",
    "ordinal": "cumulative odds ratio",
    "survival": "hazard ratio",
}
MODEL = {
    "linear": "linear regression",
    "binary": "logistic regression",
    "ordinal": "proportional-odds logistic regression",
    "survival": "Cox proportional hazards",
}


class NotEstimableError(ValueError):
    """The data do not decide the effect; the message is a reason code."""


@dataclass(frozen=True)
class Effect:
    """Effect of one step of an exposure with its 95 % interval; ratios are ratios, not logs."""

    effect: float
    ci_low: float
    ci_high: float
    p_value: float


def fit(kind: str, data: pd.DataFrame, adjustment: Matrix, step: float, *, clustered: bool = True) -> Effect:
    """Return the effect of ``step`` units of ``x`` on ``y``.

    Args:
        kind: linear | binary | ordinal | survival.
        data: columns x, y, person_key (clusters) and, of a survival outcome, event.
        adjustment: columns adjusted for, from ``design.covariates``; no column for the crude effect.
        step: units of x that the effect is stated for.
        clustered: errors are clustered by person_key; otherwise they are the model's own.

    Raises:
        NotEstimableError: outcome_is_constant, exposure_is_constant,
            exposure_follows_from_adjustment, did_not_converge.
    """
    if data["y"].nunique() < 2:
        raise NotEstimableError("outcome_is_constant")
    x = data["x"].to_numpy(dtype=float) / step
    if follows_from(x, np.empty((len(x), 0))):
        raise NotEstimableError("exposure_is_constant")
    if follows_from(x, adjustment):
        raise NotEstimableError("exposure_follows_from_adjustment")
    fitted = {"linear": _linear, "binary": _ordinal, "ordinal": _ordinal, "survival": _hazards}[kind]
    clusters = data["person_key"].cat.codes.to_numpy() if clustered else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            beta, low, high, p_value = fitted(data, np.column_stack([x, adjustment]), clusters)
    except (np.linalg.LinAlgError, ArithmeticError, ValueError) as error:
        # The libraries' messages may carry values of the data: only the code is kept.
        raise NotEstimableError("did_not_converge") from error
    if not all(map(isfinite, (beta, low, high, p_value))) or _is_separated(kind, beta, x):
        raise NotEstimableError("did_not_converge")
    if kind == "linear":
        return Effect(beta, low, high, p_value)
    return Effect(exp(beta), exp(low), exp(high), p_value)


def _is_separated(kind: str, beta: float, x: Matrix) -> bool:
    return kind != "linear" and abs(beta) * float(x.std()) > _SEPARATED


def _linear(data: pd.DataFrame, columns: Matrix, clusters: Any) -> tuple[float, float, float, float]:
    import statsmodels.api as sm

    model = sm.OLS(data["y"].to_numpy(dtype=float), sm.add_constant(columns, has_constant="add"))
    return _first_effect(model.fit(use_t=True, **_errors(clusters)), 1)


def _ordinal(data: pd.DataFrame, columns: Matrix, clusters: Any) -> tuple[float, float, float, float]:
    """Two grades are a logistic regression."""
    from scipy.stats import norm

    _, grades = np.unique(np.rint(data["y"].to_numpy(dtype=float)), return_inverse=True)
    found = proportional_odds(grades, columns, clusters)
    beta, error = float(found.coefficients[0]), float(np.sqrt(found.covariance[0, 0]))
    half = float(norm.ppf(0.975)) * error
    return beta, beta - half, beta + half, float(2 * norm.sf(abs(beta) / error))


def _hazards(data: pd.DataFrame, columns: Matrix, clusters: Any) -> tuple[float, float, float, float]:
    from statsmodels.duration.hazard_regression import PHReg

    # Ended on the day it began: half a day, since a time of zero is never at risk.
    time = np.maximum(data["y"].to_numpy(dtype=float), 0.5)
    ended = data["event"].to_numpy(dtype=float)
    # Who left before anything happened was never at risk when it did and says nothing; statsmodels' clustered errors
    # would be undefined by them.
    told = time >= time[ended > 0].min()
    model = PHReg(time[told], columns[told], status=ended[told], ties="efron")
    return _first_effect(model.fit(groups=None if clusters is None else clusters[told]), 0)


def _errors(clusters: Any) -> dict[str, Any]:
    """Return how statsmodels is asked for errors."""
    return {} if clusters is None else {"cov_type": "cluster", "cov_kwds": {"groups": clusters}}


def _first_effect(result: Any, place: int) -> tuple[float, float, float, float]:
    low, high = np.asarray(result.conf_int())[place]
    return float(np.asarray(result.params)[place]), float(low), float(high), float(np.asarray(result.pvalues)[place])


def e_value(kind: str, effect: Effect, y: Matrix) -> tuple[float, float]:
    """Return the E-value of an estimate and of the limit of its interval nearer to no effect (1 where it is crossed).

    How strong, as a risk ratio, an unmeasured confounder would have to be with both exposure and outcome to explain the
    association away (VanderWeele & Ding 2017): ratios of common outcomes by their square root, mean differences d by
    exp(0.91 d / sd).
    """
    if kind == "linear":
        spread = float(np.std(y, ddof=1))
        point, low, high = (exp(0.91 * value / spread) for value in (effect.effect, effect.ci_low, effect.ci_high))
    else:
        is_rare = kind == "binary" and float(np.mean(y)) < 0.15
        power = 1.0 if is_rare else 0.5
        point, low, high = (value**power for value in (effect.effect, effect.ci_low, effect.ci_high))
    nearest = low if point > 1 else high
    crosses = low <= 1 <= high
    return _e_value(point), 1.0 if crosses else _e_value(nearest)


def _e_value(risk_ratio: float) -> float:
    ratio = exp(abs(log(risk_ratio)))
    return ratio + sqrt(ratio * (ratio - 1))
