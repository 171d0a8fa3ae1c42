"""Share of the cases decided rightly; of several labels a case, the mean over labels of it."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import mean_influence, weighted_mean
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    return weighted_mean(_right(predictions), weights)


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return mean_influence(_right(predictions), units)


def _right(predictions: Predictions) -> NDArray[np.float64]:
    right = (predictions.decision == predictions.y_true).astype(np.float64)
    cases: NDArray[np.float64] = right if right.ndim == 1 else right.mean(axis=1)
    return cases
