"""Difference-in-differences: did departments that took part change more than those that did not?

Belongs here: two-way fixed effects on a panel of department and month, its pre-trend check, and inference by
randomisation where departments are few. Does not belong: who took part when (``interventions``).

All who took part began at one time and the others never did, so the estimate has none of the forbidden comparisons of
staggered designs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Values: TypeAlias = npt.NDArray[np.float64]

ALPHA = 0.05
_SEED = 20_240_101
_EPSILON = 1e-9


class NotComparableError(ValueError):
    """The panel does not decide the difference; the message is a reason."""


@dataclass(frozen=True)
class Difference:
    """A difference-in-differences in units of the outcome, with its 95 % interval and how p was had."""

    effect: float
    ci_low: float
    ci_high: float
    p_value: float
    p_method: str


def difference_in_differences(
    panel: pd.DataFrame, treated: set[str], start: int, few_clusters: int, max_assignments: int
) -> Difference:
    """Return the effect of taking part from period ``start`` on.

    Args:
        panel: one row per unit and period: unit, period (whole numbers), value, weight (cases behind the value).
        treated: units that took part; all others never did.
        start: first period with it.
        few_clusters: from so many units on errors are clustered by unit; fewer take randomisation inference.
        max_assignments: more possible assignments are drawn (seeded), fewer are all tried.

    Raises:
        NotComparableError: no unit to compare with, or no period before or after.
    """
    after = (panel["period"] >= start).to_numpy(dtype=float)
    return _two_way(panel, treated, after, few_clusters, max_assignments)


def pre_trend(
    panel: pd.DataFrame, treated: set[str], start: int, few_clusters: int, max_assignments: int
) -> Difference:
    """Return how much faster, per period, the outcome of those who took part rose *before* it (ideally not at all).

    Raises:
        NotComparableError: too few periods before ``start``.
    """
    before = panel[panel["period"] < start]
    if before["period"].nunique() < 3:
        raise NotComparableError("fewer than 3 periods before")
    slope = before["period"].to_numpy(dtype=float)
    return _two_way(before, treated, slope - slope.mean(), few_clusters, max_assignments)


def _two_way(
    panel: pd.DataFrame, treated: set[str], shape: Values, few_clusters: int, max_assignments: int
) -> Difference:
    """Return the effect of ``shape`` in treated units, net of what is common to a unit or to a period."""
    units = np.asarray(sorted(set(panel["unit"])), dtype=object)
    takes_part = np.isin(units, sorted(treated))
    if takes_part.all() or not takes_part.any():
        raise NotComparableError("no department to compare with")
    if len(units) >= few_clusters:
        return _clustered(panel, treated, shape)
    return _randomised(panel, units, takes_part, shape, max_assignments)


def _clustered(panel: pd.DataFrame, treated: set[str], shape: Values) -> Difference:
    from linearmodels.panel import PanelOLS
    from linearmodels.panel.utility import AbsorbingEffectError

    data = panel.assign(effect=shape * panel["unit"].isin(treated).to_numpy(dtype=float))
    indexed = data.set_index(["unit", "period"])
    try:
        model = PanelOLS(
            indexed["value"], indexed[["effect"]], weights=indexed["weight"], entity_effects=True, time_effects=True
        )
        result = model.fit(cov_type="clustered", cluster_entity=True)
    except (AbsorbingEffectError, ZeroDivisionError) as error:
        raise NotComparableError("no period before or after") from error
    low, high = result.conf_int().loc["effect"]
    return Difference(
        float(result.params["effect"]), float(low), float(high), float(result.pvalues["effect"]), "clustered"
    )


def _randomised(
    panel: pd.DataFrame, units: npt.NDArray[np.object_], takes_part: npt.NDArray[np.bool_], shape: Values, most: int
) -> Difference:
    """Fisher's randomisation inference: as many units, chosen anyhow, as if they had taken part.

    Under an effect of tau the estimate of assignment j is a_j - tau b_j, where b_j is what the true assignment looks
    like to it. Those values of tau for which j is at least as extreme as the truth are an interval around the
    estimate, so the bounds of the 95 % interval are order statistics of its ends.
    """
    place = np.searchsorted(units.astype(str), panel["unit"].to_numpy().astype(str))
    root = np.sqrt(panel["weight"].to_numpy(dtype=float))
    basis = _fixed_effects(place, panel["period"].to_numpy(), root)
    assignments, method = _assignments(takes_part, most)
    exposed = assignments[:, place].T * (shape * root)[:, None]
    exposed -= basis @ (basis.T @ exposed)
    sizes = (exposed**2).sum(axis=0)
    if sizes[0] < _EPSILON:
        raise NotComparableError("no period before or after")
    decided = sizes > _EPSILON
    exposed, sizes = exposed[:, decided], sizes[decided]
    a = (exposed * (panel["value"].to_numpy(dtype=float) * root)[:, None]).sum(axis=0) / sizes
    b = (exposed * exposed[:, [0]]).sum(axis=0) / sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(a[0] - a) / (1 - b), (a[0] + a) / (1 + b)])
    same = np.abs(np.abs(b) - 1) < _EPSILON
    low = np.sort(np.where(same, -np.inf, ends.min(axis=0)))
    high = np.sort(np.where(same, np.inf, ends.max(axis=0)))[::-1]
    allowed = int(ALPHA * len(a) + _EPSILON)
    p_value = float((np.abs(a) >= np.abs(a[0]) - _EPSILON).mean())
    return Difference(float(a[0]), float(low[allowed]), float(high[allowed]), p_value, method)


def _fixed_effects(unit: npt.NDArray[np.intp], period: npt.NDArray[np.int64], root: Values) -> Values:
    """Return an orthonormal basis of the (weighted) indicators of units and periods."""
    _, when = np.unique(period, return_inverse=True)
    indicators = np.hstack([np.eye(unit.max() + 1)[unit], np.eye(when.max() + 1)[when]]) * root[:, None]
    left, strength, _ = np.linalg.svd(indicators, full_matrices=False)
    basis: Values = left[:, strength > _EPSILON * strength[0]]
    return basis


def _assignments(takes_part: npt.NDArray[np.bool_], most: int) -> tuple[npt.NDArray[np.bool_], str]:
    """Return assignments of equally many units, the true one first: all of them, or ``most`` drawn ones."""
    n, k = len(takes_part), int(takes_part.sum())
    if comb(n, k) <= most:
        chosen = [set(units) for units in combinations(range(n), k)]
        true = set(np.flatnonzero(takes_part).tolist())
        rows = [[unit in units for unit in range(n)] for units in chosen if units != true]
        method = f"randomisation, all {comb(n, k)} assignments"
        return np.array([takes_part.tolist(), *rows], dtype=bool), method
    rng = np.random.default_rng(_SEED)
    drawn = np.array([rng.permutation(takes_part) for _ in range(most - 1)])
    return np.vstack([takes_part[None, :], drawn]), f"randomisation, {most} drawn assignments"
