"""Dose and response: the rate of an outcome by band of an exposure, and whether it rises or falls along them.

Belongs here: bands, Wilson intervals, trend and rank correlation. Does not belong: adjusted models (``regression``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erfc, sqrt
from typing import Any

import numpy as np
import pandas as pd

from orchestration.statistics.cases import Segment, pair_cases, segments
from orchestration.statistics.declarations import Declarations, Family
from orchestration.statistics.tables import HIDDEN_BELOW, Row

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Trend:
    """A trend of rates along ordered bands (positive: rises)."""

    z: float
    p_value: float


def band_labels(edges: Sequence[float]) -> list[str]:
    """Return the names of the bands that upper ``edges`` part: ``0``, ``1-3``, ..., ``>30``."""
    labels = [f"{edges[0]:g}" if edges[0] == 0 else f"0-{edges[0]:g}"]
    for low, high in pairwise(edges):
        labels.append(f"{high:g}" if high == low + 1 else f"{low + 1:g}-{high:g}")
    return [*labels, f">{edges[-1]:g}"]


def wilson(events: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of events / n (n > 0)."""
    share, square = events / n, Z_95**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z_95 * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def cochran_armitage(events: Sequence[float], n: Sequence[float]) -> Trend | None:
    """Return the Cochran-Armitage test of a trend with scores 0, 1, 2, ... (two-sided; None where all rates are one).

    As R's prop.trend.test: the variance is that of the null hypothesis with the total in its denominator.
    """
    hits, sizes = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    scores: Any = np.arange(len(sizes), dtype=float)
    total = sizes.sum()
    rate = hits.sum() / total if total else 0.0
    spread = (sizes * scores**2).sum() - (sizes * scores).sum() ** 2 / total if total else 0.0
    variance = rate * (1 - rate) * spread
    if variance <= 0:
        return None
    z = float((scores * (hits - sizes * rate)).sum() / sqrt(variance))
    return Trend(z, erfc(abs(z) / sqrt(2)))


def dose_response(declared: Declarations, name: str, family: Family, frame: pd.DataFrame) -> list[Row]:
    """Return one row per exposure, rate, segment and band."""
    rows: list[Row] = []
    for exposure_name in family.exposures:
        exposure = declared.exposures[exposure_name]
        if exposure.bands is None:
            continue
        edges = declared.bands[exposure.bands]
        for outcome_name in family.rates:
            pairs = pair_cases(frame, exposure, declared.outcomes[outcome_name])
            for segment, cases in segments(pairs, family.segments):
                about = {
                    "family": name,
                    "cases": family.cases,
                    "exposure": exposure_name,
                    "exposure_unit": exposure.unit,
                    "outcome": outcome_name,
                }
                rows += [{**about, **row} for row in banded(cases, edges, segment, declared.limits.min_cases)]
    return rows


def banded(cases: pd.DataFrame, edges: Sequence[float], segment: Segment, min_cases: int) -> list[Row]:
    """Return one row per band of ``x`` with the rate of ``y``; the tests over all bands stand in each row.

    A band has ``low < x <= high``; the first one begins below its edge. Rates of 1-10 cases are hidden, and there is
    no test over fewer than ``min_cases``.
    """
    x, y = cases["x"].to_numpy(dtype=float), cases["y"].to_numpy(dtype=float)
    place = np.searchsorted(np.asarray(edges), x, side="left")
    sizes = np.bincount(place, minlength=len(edges) + 1)
    hits = np.bincount(place, weights=y, minlength=len(edges) + 1)
    tests = _tests(x, y, hits, sizes) if len(x) >= min_cases else _NO_TESTS
    rows: list[Row] = []
    for order, label in enumerate(band_labels(edges)):
        n, events = int(sizes[order]), int(hits[order])
        is_hidden = 0 < n < HIDDEN_BELOW
        shown = n > 0 and not is_hidden
        low, high = wilson(events, n) if shown else (None, None)
        rows.append(
            {
                "segment_dimension": segment.dimension,
                "segment": segment.value,
                "band_order": order,
                "band": label,
                "above": None if order == 0 else float(edges[order - 1]),
                "up_to": None if order == len(edges) else float(edges[order]),
                "n": n,
                "events": events if not is_hidden else None,
                "rate": events / n if shown else None,
                "ci_low": low,
                "ci_high": high,
                "suppressed": is_hidden,
                "suppression_reason": f"n_below_{HIDDEN_BELOW}" if is_hidden else None,
                "n_all_bands": len(x),
                **tests,
            }
        )
    return rows


_NO_TESTS: dict[str, Any] = dict.fromkeys(
    ("trend_z", "trend_p_value", "spearman", "spearman_p_value", "kendall_tau_b", "kendall_p_value")
)


def _tests(x: Any, y: Any, hits: Any, sizes: Any) -> dict[str, Any]:
    from scipy import stats

    trend = cochran_armitage(hits, sizes)
    if trend is None or np.ptp(x) == 0:
        return _NO_TESTS
    x = x.round(9)  # means of the same values differ in their last bits from run to run: ties stay ties
    spearman, kendall = stats.spearmanr(x, y), stats.kendalltau(x, y, variant="b")
    return {
        "trend_z": trend.z,
        "trend_p_value": trend.p_value,
        "spearman": float(spearman.statistic),
        "spearman_p_value": float(spearman.pvalue),
        "kendall_tau_b": float(kendall.statistic),
        "kendall_p_value": float(kendall.pvalue),
    }
