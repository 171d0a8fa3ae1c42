"""Area under the ROC curve: how often a positive scores above a negative, a tie being half."""

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

    NaN where a class is absent.
    """
    return macro(
        predictions,
        lambda k: _area(predictions.truth[:, k], predictions.probability[:, k], weights),
    )


def _area(
    positive: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The Mann-Whitney statistic over its largest value (Hanley and McNeil, 1982).

    Negatives are sorted once; of each resample the weight of those below a positive is then read
    off one cumulative sum.
    """
    negative = np.flatnonzero(~positive)
    negative = negative[np.argsort(score[negative])]
    rank, wanted = score[negative], score[positive]
    rivals = np.zeros((len(weights), len(negative) + 1))
    np.cumsum(weights.take(negative, axis=1), axis=1, out=rivals[:, 1:])
    below = rivals.take(np.searchsorted(rank, wanted, side="left"), axis=1)
    below += rivals.take(np.searchsorted(rank, wanted, side="right"), axis=1)
    found = weights.take(np.flatnonzero(positive), axis=1)
    wins = np.einsum("rp,rp->r", found, below) / 2
    return ratio(wins, found.sum(axis=1) * rivals[:, -1])
