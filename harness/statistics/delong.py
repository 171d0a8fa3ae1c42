"""Areas under ROC curves of the same cases, with their covariance, by subject."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

from harness.statistics.influence import Codes, Influence

Array = NDArray[np.float64]


class Area(NamedTuple):
    """The area under a ROC curve, and what each unit adds to its error."""

    value: float
    influence: Influence


def area(positive: NDArray[np.bool_], score: Array, units: Codes) -> Area:
    """Of (n,) scores. NaN where a class is absent, and its influence where one has one unit alone.

    The structural components of DeLong, DeLong and Clarke-Pearson (1988), by the midranks of Sun
    and Xu (2014), summed over the cases of a unit as Obuchowski (1997) does. Where each case is a
    unit of its own, the squares sum to DeLong's variance.
    """
    total = int(units.max()) + 1
    wins, counts = _placements(positive, score), np.bincount(positive, minlength=2)
    value = float(wins[positive].mean()) if counts.min() else np.nan
    by_unit, fewest = np.zeros(total), total
    for of in (False, True):
        mine = positive == of
        held = len(np.unique(units[mine]))
        fewest = min(fewest, held)
        if held > 1:
            above = (wins[mine] - value) / counts[int(of)] * np.sqrt(held / (held - 1))
            by_unit += np.bincount(units[mine], weights=above, minlength=total)
    if fewest < 2:
        by_unit = np.full(total, np.nan)
    moved = Influence(by_unit=by_unit, df=fewest - 1, fewest=fewest, method="DeLong")
    return Area(value, moved)


def covariance(positive: NDArray[np.bool_], scores: Array, units: Codes) -> tuple[Array, Array]:
    """(models, n) scores of the same cases -> areas (models,), covariance (models, models).

    So the variance of a difference is that of DeLong's correlated test, by unit.
    """
    found = [area(positive, score, units) for score in scores]
    by_unit = np.stack([one.influence.by_unit for one in found])
    return np.array([one.value for one in found]), by_unit @ by_unit.T


def _placements(positive: NDArray[np.bool_], score: Array) -> Array:
    """(n,): the share of the other class that a case is on the right side of, a tie being half."""
    overall, won = rankdata(score), np.empty(len(score))
    negatives = np.count_nonzero(~positive)
    positives = len(score) - negatives
    if not (negatives and positives):
        return np.full(len(score), np.nan)
    won[positive] = (overall[positive] - rankdata(score[positive])) / negatives
    won[~positive] = 1 - (overall[~positive] - rankdata(score[~positive])) / positives
    return won
