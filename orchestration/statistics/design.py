"""Design matrices: what a model is adjusted for, as columns of numbers.

Belongs here: splines, factor levels, missing values, columns that say the same twice. Does not belong: fitting.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.statistics.declarations import Cases

Matrix: TypeAlias = npt.NDArray[np.float64]

#: Knots of a restricted cubic spline with four knots (Harrell, Regression Modeling Strategies, table 2.3).
KNOT_QUANTILES = (0.05, 0.35, 0.65, 0.95)
_TOLERANCE = 1e-7


def covariates(frame: pd.DataFrame, cases: Cases, min_level: int) -> Matrix:
    """Return what is adjusted for: splines, numbers and factors, without columns that others already say.

    A missing number takes the median and an indicator of its own, so that no case is lost; factor levels rarer than
    ``min_level`` are joined, and the most frequent level is the reference.
    """
    columns: list[Matrix] = []
    for name in (*cases.spline, *cases.linear):
        values = frame[name].to_numpy(dtype=float)
        missing = np.isnan(values)
        if missing.all():
            continue
        filled = np.where(missing, np.nanmedian(values), values)
        columns.append(restricted_cubic_spline(filled) if name in cases.spline else filled[:, None])
        columns.append(missing.astype(float)[:, None])
    columns.extend(_factor(frame[name], min_level) for name in cases.factors)
    return independent(np.column_stack(columns)) if columns else np.empty((len(frame), 0))


def restricted_cubic_spline(values: Matrix) -> Matrix:
    """Return the basis (linear outside the outer knots) of a spline at the quantiles ``KNOT_QUANTILES``.

    Fewer than three different knots leave the values as they are: one linear column.
    """
    knots = np.unique(np.quantile(values, KNOT_QUANTILES, method="inverted_cdf"))
    if len(knots) < 3:
        return values[:, None]
    first, before_last, last = knots[0], knots[-2], knots[-1]

    def cubed(knot: float) -> Matrix:
        powers: Matrix = np.maximum(values - knot, 0.0) ** 3 / (last - first) ** 2
        return powers

    bends = [
        cubed(knot)
        - cubed(before_last) * (last - knot) / (last - before_last)
        + cubed(last) * (before_last - knot) / (last - before_last)
        for knot in knots[:-2]
    ]
    return np.column_stack([values, *bends])


def independent(matrix: Matrix) -> Matrix:
    """Return the columns, centred and scaled, that neither are constant nor follow from the columns before them."""
    centred = matrix - matrix.mean(axis=0)
    spread = centred.std(axis=0)
    varying = spread > _TOLERANCE * np.maximum(1.0, np.abs(matrix).max(axis=0, initial=0.0))
    scaled = centred[:, varying] / spread[varying]
    if scaled.shape[1] == 0:
        return scaled
    diagonal = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    own = np.zeros(scaled.shape[1], dtype=bool)
    own[: len(diagonal)] = diagonal > _TOLERANCE * np.sqrt(len(scaled))
    kept: Matrix = scaled[:, own]
    return kept


def follows_from(column: Matrix, others: Matrix) -> bool:
    """True where a column is constant or a combination of the others (centred): its effect cannot be told apart."""
    centred = column - column.mean()
    size = float(np.linalg.norm(centred))
    if size < _TOLERANCE * max(1.0, float(np.abs(column).max())):
        return True
    rest = centred - others @ np.linalg.lstsq(others, centred, rcond=None)[0] if others.shape[1] else centred
    return float(np.linalg.norm(rest)) < 1e-5 * size


def _factor(column: pd.Series, min_level: int) -> Matrix:
    """Return one indicator a level but the most frequent; ``column`` is categorical, ties go by name."""
    codes = column.cat.codes.to_numpy()
    counts = np.bincount(codes, minlength=len(column.cat.categories))
    names = [str(name) for name in column.cat.categories]
    present = sorted(np.flatnonzero(counts).tolist(), key=lambda level: (-counts[level], names[level]))
    frequent = [level for level in present if counts[level] >= min_level]
    indicators = [codes == level for level in frequent]
    if len(frequent) < len(present):
        indicators.append(~np.isin(codes, frequent))
    matrix: Matrix = np.empty((len(codes), 0))
    return np.column_stack([matrix, *indicators[1:]]).astype(float)
