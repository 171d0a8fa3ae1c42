"""Slope of a logistic recalibration: 1 is calibrated, below 1 too sure of itself (Cox, 1958)."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._calibration import each_class
from harness.metrics._logistic import slope, slope_influence
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence, pooled

TASKS = ("classify",)
UNIT = "1"
BETTER = 1.0
RANGE = (-math.inf, math.inf)
NEEDS = f"{_calibration.NEEDS}, and classes that these do not part"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): b of logit P = a + b logit p.

    As Van Calster et al. (2019). More than two classes, or labels: the mean over them, each against
    the rest. NaN where calibration cannot be judged, or where probabilities part the classes, as
    the slope is then endless.
    """
    mean: NDArray[np.float64] = np.mean(
        [slope(one, weights) for one in each_class(predictions)], axis=0
    )
    return mean


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return pooled([slope_influence(one, units) for one in each_class(predictions)])
