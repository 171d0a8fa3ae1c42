"""Mean negative logarithm, in nats, of the probability given to the true class."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import weighted_mean
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    Probabilities are clipped to [eps, 1 - eps] of float64, so one sure error costs 36 and not all.
    Of several labels a case, the mean over labels of having the label or not.
    """
    eps = np.finfo(np.float64).eps
    probability = np.clip(predictions.probability, eps, 1 - eps)
    if predictions.kind == "multilabel":
        given = np.where(predictions.truth, probability, 1 - probability)
        return weighted_mean(-np.log(given).mean(axis=1), weights)
    return weighted_mean(-np.log(probability[predictions.truth]), weights)
