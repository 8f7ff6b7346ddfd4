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
_TOLERANCE = 1e-10


class NoMaximumError(ArithmeticError):
    """The likelihood has no finite maximum, or was not found to have one."""


@dataclass(frozen=True)
class ProportionalOdds:
    """Coefficients (log cumulative odds ratios), thresholds between grades, and their clustered covariance."""

    coefficients: Matrix
    thresholds: Matrix
    covariance: Matrix  # of the coefficients, then the thresholds


@dataclass(frozen=True)
class _Point:
    """The log-likelihood at some parameters, its derivatives, and what each case adds to the first of them."""

    value: float
    slope: Matrix
    curvature: Matrix
    by_predictor: Matrix
    by_edges: Matrix

    def slopes(self, columns: Matrix) -> Matrix:
        """Return the slope of each case's likelihood."""
        return np.hstack([columns * self.by_predictor[:, None], self.by_edges])


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
    here = _likelihood(beta, grades, columns)
    for _ in range(_STEPS):
        step = np.linalg.solve(-here.curvature, here.slope)
        promised = float(step @ here.slope)
        for halving in range(_HALVINGS):
            there = _likelihood(beta + step / 2**halving, grades, columns)
            if there.value >= here.value - _TOLERANCE * (1 + abs(here.value)):
                break
        else:
            raise NoMaximumError
        beta, here = beta + step / 2**halving, there
        if promised < _TOLERANCE:
            break
    else:
        raise NoMaximumError
    place, inverse = columns.shape[1], np.linalg.inv(-here.curvature)
    covariance = inverse if clusters is None else _sandwich(inverse, here.slopes(columns), clusters)
    return ProportionalOdds(beta[:place], beta[place:], covariance)


def _sandwich(inverse: Matrix, slope: Matrix, clusters: Any) -> Matrix:
    summed = np.zeros((int(clusters.max()) + 1, slope.shape[1]))
    np.add.at(summed, clusters, slope)
    n, n_clusters = len(slope), len(np.unique(clusters))
    correction = n_clusters / (n_clusters - 1) * (n - 1) / (n - slope.shape[1])
    covariance: Matrix = correction * inverse @ (summed.T @ summed) @ inverse
    return covariance


def _likelihood(beta: Matrix, grades: Any, columns: Matrix) -> _Point:
    """Return the log-likelihood and its derivatives, first by the linear predictor and the bounds of each grade."""
    from scipy.special import expit

    n_columns, last = columns.shape[1], len(beta) - columns.shape[1]
    predictor, edges = columns @ beta[:n_columns], np.array([-np.inf, *beta[n_columns:], np.inf])
    low, high = expit(edges[grades] - predictor), expit(edges[grades + 1] - predictor)
    chance = np.maximum(high - low, 1e-300)
    by_high, by_low = high * (1 - high) / chance, low * (1 - low) / chance
    bend_high, bend_low, crossed = (
        by_high * (1 - 2 * high - by_high),
        -by_low * (1 - 2 * low + by_low),
        by_high * by_low,
    )
    marks = np.eye(last + 1)[:, :last]
    upper, lower = marks[grades], np.where((grades > 0)[:, None], marks[grades - 1], 0.0)
    by_edges = upper * by_high[:, None] - lower * by_low[:, None]
    mixed = upper * (bend_high + crossed)[:, None] + lower * (bend_low + crossed)[:, None]
    between = upper.T @ (lower * crossed[:, None])
    among = np.diag(upper.T @ bend_high + lower.T @ bend_low) + between + between.T
    weights = bend_high + bend_low + 2 * crossed
    across = -columns.T @ mixed
    curvature = np.block([[columns.T @ (columns * weights[:, None]), across], [across.T, among]])
    by_predictor = by_low - by_high
    slope = np.concatenate([columns.T @ by_predictor, by_edges.sum(axis=0)])
    return _Point(float(np.log(chance).sum()), slope, curvature, by_predictor, by_edges)
