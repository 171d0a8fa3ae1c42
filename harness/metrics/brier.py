"""Mean squared distance of the probabilities from the truth (Brier, 1950)."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import positives, weighted_mean
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    Binary: of the positive class alone, so in [0, 1]. More classes: summed over them, so in [0, 2].
    Labels: the mean over them, in [0, 1].
    """
    counted = positives(predictions)
    distance = (predictions.probability[:, counted] - predictions.truth[:, counted]) ** 2
    total = distance.sum(axis=1)
    return weighted_mean(
        total / len(counted) if predictions.kind == "multilabel" else total, weights
    )
