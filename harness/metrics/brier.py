"""Mean squared distance of the probabilities from the truth (Brier, 1950)."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import positives, weighted_mean
from harness.samples import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    Binary: of the positive class alone, so in [0, 1]. More classes: summed over them, so in [0, 2].
    """
    counted = positives(predictions)
    truth = predictions.y_true[:, None] == counted
    distance = (predictions.probability[:, counted] - truth) ** 2
    return weighted_mean(distance.sum(axis=1), weights)
