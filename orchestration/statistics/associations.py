"""Associations: every declared exposure with every declared outcome, crude and adjusted, side by side.

Belongs here: the loop over pairs and segments, what too few cases say, q-values. Does not belong: fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.statistics.cases import Segment, pair_cases, sample_persons, segments
from orchestration.statistics.declarations import Cases, Declarations, Exposure, Family, Limits, Outcome
from orchestration.statistics.design import covariates
from orchestration.statistics.regression import MEASURE, MODEL, Effect, NotEstimableError, e_value, fit
from orchestration.statistics.tables import Row


@dataclass(frozen=True)
class Question:
    """One exposure and one outcome, with what the model is adjusted for."""

    exposure: Exposure
    outcome: Outcome
    cases: Cases
    limits: Limits


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the q-value of each p-value within its family (Benjamini & Hochberg 1995), in the same order."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    raw = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(1.0, np.minimum.accumulate(raw[::-1])[::-1])
    return [float(value) for value in q]


def add_q_values(rows: Sequence[Row], p_column: str = "p_value") -> None:
    """Add ``q_value`` to rows of one family; rows without a p-value get none and do not count."""
    tested = [row for row in rows if row.get(p_column) is not None]
    for row in rows:
        row["q_value"] = None
    for row, q_value in zip(tested, benjamini_hochberg([row[p_column] for row in tested]), strict=True):
        row["q_value"] = q_value


def associations(declared: Declarations, name: str, family: Family, frame: pd.DataFrame) -> list[Row]:
    """Return one row per exposure, outcome and segment of a family, q-values included."""
    rows: list[Row] = []
    for exposure in family.exposures:
        for outcome in family.outcomes:
            about = {"family": name, "cases": family.cases, "exposure": exposure, "outcome": outcome}
            asked = Question(
                declared.exposures[exposure], declared.outcomes[outcome], declared.cases[family.cases], declared.limits
            )
            pairs = pair_cases(frame, asked.exposure, asked.outcome)
            rows += [{**about, **_answer(asked, data, segment)} for segment, data in segments(pairs, family.segments)]
    add_q_values(rows)
    return rows


def _answer(asked: Question, data: pd.DataFrame, segment: Segment) -> Row:
    """Return the row of one segment: counts always, effects where the cases allow them."""
    exposure, outcome = asked.exposure, asked.outcome
    row: Row = {
        "segment_dimension": segment.dimension,
        "segment": segment.value,
        "exposure_unit": exposure.unit,
        "exposure_step": exposure.step,
        "outcome_unit": outcome.unit,
        "effect_measure": MEASURE[outcome.kind],
        "n": len(data),
        "n_persons": int(data["person_key"].nunique()),
        "n_events": _events(data, outcome),
        "status": "too_few",
    }
    if reason := _too_few(data, outcome, asked.limits):
        return {**row, "reason": reason}
    fitted = sample_persons(data, asked.limits.max_cases)
    row["n_fitted"] = len(fitted)
    try:
        crude = fit(outcome.kind, fitted, np.empty((len(fitted), 0)), exposure.step)
    except NotEstimableError as error:
        return {**row, "status": "not_estimable", "reason": str(error)}
    row |= {
        "crude_effect": crude.effect,
        "crude_ci_low": crude.ci_low,
        "crude_ci_high": crude.ci_high,
        "crude_p_value": crude.p_value,
    }
    return {**row, **_adjusted(asked, fitted, segment)}


def _events(data: pd.DataFrame, outcome: Outcome) -> int | None:
    if outcome.kind not in {"binary", "survival"}:
        return None
    return int(data["event" if outcome.event else "y"].sum())


def _too_few(data: pd.DataFrame, outcome: Outcome, limits: Limits) -> str | None:
    """Say why nothing is estimated, or None where something may be."""
    if len(data) < limits.min_cases:
        return f"fewer than {limits.min_cases} cases"
    n_events = _events(data, outcome)
    if n_events is not None:
        fewest = min(n_events, len(data) - n_events) if outcome.kind == "binary" else n_events
        return f"fewer than {limits.min_events} events or non-events" if fewest < limits.min_events else None
    return "outcome never varies" if data["y"].nunique() < 2 else None


def _adjusted(asked: Question, data: pd.DataFrame, segment: Segment) -> Row:
    """Return the adjusted columns of a row; where the model cannot be had the crude effect stands alone."""
    outcome, limits = asked.outcome, asked.limits
    factors = [name for name in asked.cases.factors if name != segment.dimension]
    cases = asked.cases.model_copy(update={"factors": factors})
    adjustment = covariates(data, cases, limits.min_level)
    n_terms = adjustment.shape[1] + 1
    if _weight(data, outcome) < n_terms * limits.cases_per_term:
        return {"status": "crude_only", "reason": f"too few cases for the {n_terms} terms of the adjusted model"}
    try:
        effect = fit(outcome.kind, data, adjustment, asked.exposure.step)
    except NotEstimableError as error:
        return {"status": "crude_only", "reason": str(error)}
    e_point, e_limit = e_value(outcome.kind, effect, data["y"].to_numpy(dtype=float))
    adjusted_for = [*(f"spline of {name}" for name in cases.spline), *cases.linear, *cases.factors]
    return {
        "effect": effect.effect,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
        "p_value": effect.p_value,
        "e_value": e_point,
        "e_value_limit": e_limit,
        "direction": _direction(effect, outcome),
        "status": "estimated",
        "model": f"{MODEL[outcome.kind]}, person-clustered errors, adjusted for {', '.join(adjusted_for)}",
    }


def _weight(data: pd.DataFrame, outcome: Outcome) -> float:
    """Return how many cases a model may lean on; of a binary outcome the rarer side counts twice."""
    if outcome.kind == "binary":
        hits = float(data["y"].sum())
        return 2 * min(hits, len(data) - hits)
    return 2 * float(data["event"].sum()) if outcome.kind == "survival" else float(len(data))


def _direction(effect: Effect, outcome: Outcome) -> str:
    """Say whether more of the exposure goes with a better or a worse outcome; unclear where the interval has both."""
    none = 0.0 if outcome.kind == "linear" else 1.0
    if effect.ci_low <= none <= effect.ci_high:
        return "unclear"
    return "better" if (effect.effect > none) == (outcome.better == "higher") else "worse"
