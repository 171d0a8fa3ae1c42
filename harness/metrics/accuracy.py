"""Share of the cases decided rightly; of several labels a case, the mean over labels of it."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import weighted_mean
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    right = predictions.decision == predictions.y_true
    return weighted_mean(right if right.ndim == 1 else right.mean(axis=1), weights)
