"""Case-mix adjustment: what entities would score if they had the same people.

Belongs here: least squares with a level for every entity (CAHPS), and the adjusted means. Does not belong: which scores
are asked, and stars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.statistics.design import Matrix


@dataclass(frozen=True)
class Adjusted:
    """An entity's mean as it is, and at the adjusters' mean over all answers, with its 95 % interval."""

    entity: str
    n: int
    mean: float
    adjusted: float
    ci_low: float
    ci_high: float


def case_mix(score: Matrix, entity: pd.Series, adjusters: Matrix) -> list[Adjusted]:
    """Return each entity's mean score and its case-mix adjusted one, in name order.

    The model is score = level of the entity + adjusters @ coefficients, by least squares; the adjusted mean is what it
    says of the entity at the mean adjusters of all answers, so that adjusted means differ by the levels alone.

    Args:
        score: n answers, numbers.
        entity: n names of whom they are about.
        adjusters: n x p numbers (indicators for categories, without one of them).

    Raises:
        ValueError: an adjuster does not vary within entities, or follows from others: it cannot be told from them.
    """
    from scipy.stats import t

    codes, names = pd.factorize(entity.astype(str), sort=True)
    levels = np.eye(len(names))[codes]
    centred = adjusters - adjusters.mean(axis=0)
    design = np.hstack([levels, centred])
    if np.linalg.matrix_rank(design) < design.shape[1] or len(score) <= design.shape[1]:
        raise ValueError("an adjuster cannot be told from the entities or from other adjusters")
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ score
    free = len(score) - design.shape[1]
    spread = float(((score - design @ beta) ** 2).sum()) / free
    half = float(t.ppf(0.975, free)) * np.sqrt(spread * np.diag(inverse))
    return [
        Adjusted(
            str(name),
            int((codes == place).sum()),
            float(score[codes == place].mean()),
            float(beta[place]),
            float(beta[place] - half[place]),
            float(beta[place] + half[place]),
        )
        for place, name in enumerate(names)
    ]
