"""Mean squared distance of the probabilities from the truth (Brier, 1950)."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import mean_influence, positives, weighted_mean
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    Binary: of the positive class alone, so in [0, 1]. More classes: summed over them, so in [0, 2].
    Labels: the mean over them, in [0, 1].
    """
    return weighted_mean(_distance(predictions), weights)


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return mean_influence(_distance(predictions), units)


def _distance(predictions: Predictions) -> NDArray[np.float64]:
    counted = positives(predictions)
    distance = (predictions.probability[:, counted] - predictions.truth[:, counted]) ** 2
    total: NDArray[np.float64] = distance.sum(axis=1)
    return total / len(counted) if predictions.kind == "multilabel" else total
