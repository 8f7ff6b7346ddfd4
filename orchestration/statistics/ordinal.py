"""Proportional odds: one logistic regression for every grade of an ordered outcome at once (McCullagh 1980).

Belongs here: the likelihood, its derivatives and Newton's method. Does not belong: reading an effect (``regression``).
statsmodels' OrderedModel, by which this is tested, takes numerical derivatives: minutes where this takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestration.statistics.design import Matrix

_STEPS, _HALVINGS = 50, 20
_TOLERANCE = 1e-9


class NoMaximumError(ArithmeticError):
    """The likelihood has no finite maximum, or was not found to have one."""


@dataclass(frozen=True)
class ProportionalOdds:
    """Coefficients (log cumulative odds ratios), thresholds between grades, and their clustered covariance."""

    coefficients: Matrix
    thresholds: Matrix
    covariance: Matrix  # of the coefficients, then the thresholds


def proportional_odds(grades: Any, columns: Matrix, clusters: Any) -> ProportionalOdds:
    """Fit P(grade <= j) = 1 / (1 + exp(columns @ coefficients - threshold j)).

    Args:
        grades: n whole numbers, the place of each case's grade among those met: 0, 1, 2, ...
        columns: n x p, without a constant.
        clusters: n numbers of clusters 0, 1, ...; errors are clustered with the correction G/(G-1) (n-1)/(n-k). None:
            errors are those of the likelihood's curvature.

    Raises:
        NoMaximumError: the likelihood has no finite maximum.
        numpy.linalg.LinAlgError: its curvature cannot be inverted.
    """
    shares = np.cumsum(np.bincount(grades))[:-1] / len(grades)
    beta = np.concatenate([np.zeros(columns.shape[1]), np.log(shares / (1 - shares))])
    sides = _sides(grades, columns, len(shares))
    value, slope, curvature = _likelihood(beta, grades, sides)
    for _ in range(_STEPS):
        step = np.linalg.solve(-curvature, slope.sum(axis=0))
        for halving in range(_HALVINGS):
            found = beta + step / 2**halving
            after = _likelihood(found, grades, sides)
            if after[0] >= value - _TOLERANCE:
                break
        else:
            raise NoMaximumError
        gain, beta, (value, slope, curvature) = after[0] - value, found, after
        if gain < _TOLERANCE and np.abs(step).max() < 1e-6:
            break
    else:
        raise NoMaximumError
    place, inverse = columns.shape[1], np.linalg.inv(-curvature)
    covariance = inverse if clusters is None else _sandwich(inverse, slope, clusters)
    return ProportionalOdds(beta[:place], beta[place:], covariance)


def _sandwich(inverse: Matrix, slope: Matrix, clusters: Any) -> Matrix:
    summed = np.zeros((int(clusters.max()) + 1, slope.shape[1]))
    np.add.at(summed, clusters, slope)
    n, n_clusters = len(slope), len(np.unique(clusters))
    correction = n_clusters / (n_clusters - 1) * (n - 1) / (n - slope.shape[1])
    covariance: Matrix = correction * inverse @ (summed.T @ summed) @ inverse
    return covariance


def _sides(grades: Any, columns: Matrix, n_thresholds: int) -> tuple[Matrix, Matrix]:
    """Return the rows by which parameters make the upper and the lower bound of each case's grade."""
    thresholds = np.eye(n_thresholds + 1)[:, :n_thresholds]
    upper = np.column_stack([-columns, thresholds[grades]])
    lower = np.column_stack([-columns, thresholds[grades - 1]])
    upper[grades == n_thresholds] = 0.0
    lower[grades == 0] = 0.0
    return upper, lower


def _likelihood(beta: Matrix, grades: Any, sides: tuple[Matrix, Matrix]) -> tuple[float, Matrix, Matrix]:
    """Return the log-likelihood, the slope of each case's, and the curvature of the whole."""
    from scipy.special import expit

    upper, lower = sides
    at_upper, at_lower = expit(upper @ beta), expit(lower @ beta)
    is_last, is_first = grades == grades.max(), grades == 0
    high, low = np.where(is_last, 1.0, at_upper), np.where(is_first, 0.0, at_lower)
    chance = np.maximum(high - low, 1e-300)
    by_high, by_low = high * (1 - high) / chance, low * (1 - low) / chance
    slope: Matrix = upper * by_high[:, None] - lower * by_low[:, None]
    bend_high = by_high * (1 - 2 * high) - by_high**2
    bend_low = -by_low * (1 - 2 * low) - by_low**2
    crossed = upper.T @ (lower * (by_high * by_low)[:, None])
    curvature: Matrix = (
        upper.T @ (upper * bend_high[:, None]) + lower.T @ (lower * bend_low[:, None]) + crossed + crossed.T
    )
    return float(np.log(chance).sum()), slope, curvature
