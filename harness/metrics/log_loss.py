"""Mean negative logarithm, in nats, of the probability given to the true class."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import weighted_mean
from harness.samples import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    Probabilities are clipped to [eps, 1 - eps] of float64, so one sure error costs 36 and not all.
    """
    given = predictions.probability[np.arange(len(predictions)), predictions.y_true]
    eps = np.finfo(np.float64).eps
    return weighted_mean(-np.log(np.clip(given, eps, 1 - eps)), weights)
