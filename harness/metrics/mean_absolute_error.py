"""Mean distance of the decided from the true grade, in grades."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import mean_influence, weighted_mean
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
KINDS = ("ordinal",)
UNIT = "grades"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "at least one case"
PER_CLASS = False
BESIDE = ("median_grade_error",)


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    return weighted_mean(_distance(predictions), weights)


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return mean_influence(_distance(predictions), units)


def _distance(predictions: Predictions) -> NDArray[np.int64]:
    distance: NDArray[np.int64] = np.abs(predictions.decision - predictions.y_true)
    return distance
