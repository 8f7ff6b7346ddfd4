"""Trainings and pilots: what changed in their departments, against before and against the others.

Belongs here: who took part from which month on, and one row per design. Does not belong: the designs themselves
(``series``, ``panels``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from orchestration.statistics.associations import add_q_values
from orchestration.statistics.cases import outcome_values, read_cases
from orchestration.statistics.declarations import Declarations, Limits, Outcome
from orchestration.statistics.panels import NotComparableError, difference_in_differences, pre_trend
from orchestration.statistics.series import interrupted_series
from orchestration.statistics.tables import Row

FILE = "int_statistics__interventions"
SERIES, DIFFERENCE = "interrupted_series", "difference_in_differences"
#: A pre-trend with a smaller p-value speaks against comparing.
PRE_TREND_ALPHA = 0.05


@dataclass(frozen=True)
class Cohort:
    """Departments in which one intervention began to work on one day.

    Months that touch ``started_on`` .. the day before ``effective_on`` are neither before nor after; only months from
    ``since_on`` and before ``until_on`` are compared. ``others`` took part at other times and are never controls.
    """

    kind: str
    intervention: str
    phase: str
    started_on: date
    effective_on: date
    since_on: date | None
    until_on: date | None
    departments: frozenset[str]
    others: frozenset[str]


def cohorts(exchange: Path) -> Iterator[Cohort]:
    """Yield the cohorts of every intervention that dbt exported, in key order."""
    frame = pq.read_table(exchange / f"{FILE}.parquet").to_pandas()
    frame = frame.astype(object).where(frame.notna(), None)
    frame["everyone"] = frame.groupby(["kind", "intervention"])["department_id"].transform(
        lambda departments: [frozenset(departments)] * len(departments)
    )
    for keys, rows in frame.groupby(["kind", "intervention", "phase", "effective_on"], sort=True):
        kind, intervention, phase, effective_on = keys
        departments = frozenset(rows["department_id"])
        yield Cohort(
            kind=kind,
            intervention=intervention,
            phase=phase,
            started_on=min(rows["started_on"]),
            effective_on=effective_on,
            since_on=rows["since_on"].iloc[0],
            until_on=rows["until_on"].iloc[0],
            departments=departments,
            others=rows["everyone"].iloc[0] - departments,
        )


def intervention_effects(declared: Declarations, exchange: Path) -> list[Row]:
    """Return two rows (designs) per cohort and outcome; q-values within kind, outcome and design."""
    asked = declared.interventions
    outcomes = {name: declared.outcomes[name] for name in asked.outcomes}
    columns = {"department_id", asked.date, *(outcome.column for outcome in outcomes.values())}
    frame = read_cases(exchange, declared.cases[asked.cases], columns)
    months = pd.to_datetime(frame[asked.date])
    frame = frame.assign(period=(months.dt.year * 12 + months.dt.month - 1).astype(int))
    every = list(cohorts(exchange))
    rows: list[Row] = []
    for name, outcome in outcomes.items():
        answered = frame.assign(value=outcome_values(frame, outcome)).dropna(subset=["value"])
        for cohort in every:
            found = _effects(answered, cohort, outcome, declared.limits)
            rows += [{"outcome": name, "outcome_unit": outcome.unit, **row} for row in found]
    families: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        families.setdefault((row["kind"], row["outcome"], row["design"]), []).append(row)
    for family in families.values():
        add_q_values(family)
    return rows


def _effects(answered: pd.DataFrame, cohort: Cohort, outcome: Outcome, limits: Limits) -> list[Row]:
    cells = panel(answered, cohort, limits.min_cell)
    start = _first_whole_month(cohort.effective_on)
    about = {
        "kind": cohort.kind,
        "intervention": cohort.intervention,
        "phase": cohort.phase,
        "effective_on": cohort.effective_on,
        "departments": ", ".join(sorted(cohort.departments)),
    }
    return [
        {**about, **_series_row(cells, cohort, start, limits)},
        {**about, **_panel_row(cells, cohort, start, limits)},
    ]


def panel(answered: pd.DataFrame, cohort: Cohort, min_cell: int) -> pd.DataFrame:
    """Return the mean outcome per department and month: unit, period, value, weight (answers behind it).

    Left out: departments that took part at another time, months in which it was being introduced or that are not to be
    compared, and months of a department with fewer than ``min_cell`` answers.
    """
    rows = answered[~answered["department_id"].isin(cohort.others | {"unknown"})]
    grouped = rows.groupby(["department_id", "period"], observed=True)["value"].agg(["mean", "size"]).reset_index()
    grouped.columns = pd.Index(["unit", "period", "value", "weight"])
    grouped["unit"] = grouped["unit"].astype(str)
    period = grouped["period"]
    is_between = (period >= _month(cohort.started_on)) & (period < _first_whole_month(cohort.effective_on))
    kept = (grouped["weight"] >= min_cell) & ~is_between
    if cohort.since_on is not None:
        kept &= period >= _first_whole_month(cohort.since_on)
    if cohort.until_on is not None:
        kept &= period < _month(cohort.until_on)
    return grouped[kept].reset_index(drop=True)


def _series_row(cells: pd.DataFrame, cohort: Cohort, start: int, limits: Limits) -> Row:
    own = cells[cells["unit"].isin(cohort.departments)]
    row: Row = {"design": SERIES, "n_controls": 0, **_counts(own, start)}
    if min(row["n_before"], row["n_after"]) < limits.min_points:
        return {**row, "status": "too_few", "reason": f"fewer than {limits.min_points} months before or after"}
    totals = own.assign(total=own["value"] * own["weight"]).groupby("period")[["total", "weight"]].sum()
    found = interrupted_series(
        (totals["total"] / totals["weight"]).to_numpy(),
        start,
        periods=totals.index.to_numpy(dtype=float),
        weights=totals["weight"].to_numpy(dtype=float),
        cautious=True,
    )
    season = "with" if found.has_season else "without"
    return {
        **row,
        "effect": found.level.value,
        "ci_low": found.level.ci_low,
        "ci_high": found.level.ci_high,
        "p_value": found.level.p_value,
        "p_method": f"Newey-West with {found.lags} lags, or the ordinary error where larger",
        "slope_change": found.slope.value,
        "slope_ci_low": found.slope.ci_low,
        "slope_ci_high": found.slope.ci_high,
        "slope_p_value": found.slope.p_value,
        "status": "estimated",
        "model": f"segmented regression of monthly means, weighted by answers, {season} season; effect: new level",
    }


def _panel_row(cells: pd.DataFrame, cohort: Cohort, start: int, limits: Limits) -> Row:
    own = cells[cells["unit"].isin(cohort.departments)]
    row: Row = {
        "design": DIFFERENCE,
        "n_controls": cells.loc[~cells["unit"].isin(cohort.departments), "unit"].nunique(),
        **_counts(own, start),
    }
    if not row["n_before"] or not row["n_after"]:
        return {**row, "status": "too_few", "reason": "no month before or after"}
    inference = (limits.few_clusters, limits.max_assignments)
    try:
        found = difference_in_differences(cells, set(cohort.departments), start, *inference)
    except NotComparableError as error:
        return {**row, "status": "not_estimable", "reason": str(error)}
    row |= {
        "effect": found.effect,
        "ci_low": found.ci_low if np.isfinite(found.ci_low) else None,
        "ci_high": found.ci_high if np.isfinite(found.ci_high) else None,
        "p_value": found.p_value,
        "p_method": found.p_method,
        "status": "estimated",
        "reason": None if np.isfinite(found.ci_high) else "too few departments for an interval",
        "model": "two-way fixed effects of department and month, weighted by answers",
    }
    try:
        before = pre_trend(cells, set(cohort.departments), start, *inference)
    except NotComparableError as error:
        return {**row, "reason": f"no pre-trend check: {error}"}
    return {
        **row,
        "pretrend_slope": before.effect,
        "pretrend_p_value": before.p_value,
        "pretrend_holds": before.p_value >= PRE_TREND_ALPHA,
    }


def _counts(own: pd.DataFrame, start: int) -> Row:
    before, after = own[own["period"] < start], own[own["period"] >= start]
    return {
        "n_departments": own["unit"].nunique(),
        "n_before": before["period"].nunique(),
        "n_after": after["period"].nunique(),
        "n_cases": int(own["weight"].sum()),
        "mean_before": _mean(before),
        "mean_after": _mean(after),
    }


def _mean(cells: pd.DataFrame) -> float | None:
    return float(np.average(cells["value"], weights=cells["weight"])) if len(cells) else None


def _month(day: date) -> int:
    """Return a month's number in one count over years."""
    return day.year * 12 + day.month - 1


def _first_whole_month(day: date) -> int:
    """Return the first month that lies wholly on or after a day."""
    return _month(day) if day.day == 1 else _month(day) + 1
