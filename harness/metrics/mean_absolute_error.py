"""Mean distance of the decided from the true grade, in grades."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import weighted_mean
from harness.predictions import Predictions

TASKS = ("classify",)
KINDS = ("ordinal",)
UNIT = "grades"
BETTER = "lower"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    return weighted_mean(np.abs(predictions.decision - predictions.y_true), weights)
