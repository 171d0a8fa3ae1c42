"""Area under the precision-recall steps: precision at each positive's score, averaged."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import macro, ratio
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
NEEDS = "cases of every class"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where a class is absent: without negatives it would be 1 whatever the scores.
    """
    return macro(
        predictions,
        lambda k: _area(predictions.truth[:, k], predictions.probability[:, k], weights),
    )


def _area(
    positive: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The step sum over distinct scores, not interpolated (Davis and Goadrich, 2006)."""
    order = np.argsort(-score)
    rank, at = -score[order], np.flatnonzero(positive[order])
    weights = weights.take(order, axis=1)
    found = weights.take(at, axis=1)
    hits = _up_to(found, rank[at], rank[at])
    calls = _up_to(weights, rank, rank[at])
    precision = np.divide(hits, calls, out=np.zeros_like(hits), where=calls > 0)
    area = ratio(np.einsum("rp,rp->r", found, precision), found.sum(axis=1))
    return np.where(weights @ ~positive[order] > 0, area, np.nan)


def _up_to(
    weights: NDArray[np.float64], rank: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weight of the cases up to each `wanted` rank, (resamples, wanted); `rank` is ascending."""
    last = np.searchsorted(rank, wanted, side="right") - 1
    return np.cumsum(weights, axis=1).take(last, axis=1)
