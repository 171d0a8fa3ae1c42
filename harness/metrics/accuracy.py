"""Share of the cases decided rightly."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import weighted_mean
from harness.samples import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    return weighted_mean(predictions.decision == predictions.y_true, weights)
