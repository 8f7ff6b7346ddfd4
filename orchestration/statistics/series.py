"""Interrupted time series: did the level or the slope of a series change when something began?

Belongs here: segmented regression of one series. Does not belong: comparison with others (``panels``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, pi
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[np.float64]

#: Months of a series from which a yearly season can be told from a trend.
SEASON_FROM = 24


@dataclass(frozen=True)
class Change:
    """A coefficient with its 95 % interval."""

    value: float
    ci_low: float
    ci_high: float
    p_value: float


@dataclass(frozen=True)
class Interruption:
    """Change of level in the first period after the start, and change of slope per period from then on."""

    level: Change
    slope: Change
    lags: int
    has_season: bool


def interrupted_series(  # noqa: PLR0913 - what a reference analysis may want to set
    values: Values,
    start: int,
    *,
    periods: Values | None = None,
    weights: Values | None = None,
    lags: int | None = None,
    season: bool | None = None,
) -> Interruption:
    """Return the segmented regression of a series: y = a + b t + level [t >= start] + slope (t - start) [t >= start].

    Errors are Newey-West (Bartlett kernel, small-sample correction), intervals by the t distribution.

    Args:
        values: the series, in order.
        start: period in which the change begins (an index into ``periods``' numbering).
        periods: number of each value's period; default 0, 1, 2, ... Left-out periods leave a gap.
        weights: cases behind each value (weighted least squares); default all alike.
        lags: lags of Newey-West; default floor(4 (n / 100)^(2/9)).
        season: add a yearly sine and cosine, periods being months; default: where the series spans two years.

    Raises:
        ValueError: the series has no more values than terms.
    """
    import statsmodels.api as sm

    t: Values = np.arange(len(values), dtype=float) if periods is None else np.asarray(periods, dtype=float)
    after = (t >= start).astype(float)
    has_season = (t.max() - t.min() + 1 >= SEASON_FROM) if season is None else season
    terms = [np.ones_like(t), t, after, (t - start) * after]
    if has_season:
        terms += [np.sin(2 * pi * t / 12), np.cos(2 * pi * t / 12)]
    if len(values) <= len(terms):
        raise ValueError("the series has no more values than terms")
    used = floor(4 * (len(values) / 100) ** (2 / 9)) if lags is None else lags
    model = sm.WLS(values, np.column_stack(terms), weights=np.ones_like(t) if weights is None else weights)
    result = model.fit(cov_type="HAC", cov_kwds={"maxlags": used, "use_correction": True}, use_t=True)
    return Interruption(_change(result, 2), _change(result, 3), used, bool(has_season))


def _change(result: Any, place: int) -> Change:
    low, high = result.conf_int()[place]
    return Change(float(result.params[place]), float(low), float(high), float(result.pvalues[place]))
