"""Matthews correlation of truth and decision; of more than two classes, Gorodkin's R_K (2004)."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, ratio
from harness.predictions import Predictions

TASKS = ("classify",)
KINDS = ("nominal", "ordinal")
UNIT = "1"
BETTER = "higher"
RANGE = (-1.0, 1.0)
NEEDS = "cases of at least two classes"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN where the truth is of one class.

    A constant decision correlates with nothing: 0.
    """
    found = counts(predictions, weights)
    total = found.true.sum(axis=1)
    covariance = found.hit.sum(axis=1) * total - (found.true * found.decided).sum(axis=1)
    spread_true, spread_decided = _spread(found.true), _spread(found.decided)
    correlation = ratio(covariance, np.sqrt(spread_true * spread_decided))
    return np.where((spread_decided == 0) & (spread_true > 0), 0.0, correlation)


def _spread(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, classes) -> (resamples,): 0 exactly where all the weight is of one class."""
    spread: NDArray[np.float64] = margin.sum(axis=1) ** 2 - (margin**2).sum(axis=1)
    return spread
