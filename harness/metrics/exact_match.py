"""Share of the cases all of whose labels are decided rightly."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import weighted_mean
from harness.predictions import Predictions

TASKS = ("classify",)
KINDS = ("multilabel",)
UNIT = "1"
BETTER = "higher"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    return weighted_mean((predictions.truth == predictions.decided).all(axis=1), weights)
