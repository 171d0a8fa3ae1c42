"""Calibration in the large: the shift of log odds that risks lack; above 0 they are too low."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._calibration import each_class
from harness.metrics._logistic import intercept, intercept_influence
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence, pooled

TASKS = ("classify",)
UNIT = "1"
BETTER = 0.0
RANGE = (-math.inf, math.inf)
NEEDS = _calibration.NEEDS
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): a of logit P = a + logit p.

    As Van Calster et al. (2019). More than two classes, or labels: the mean over them, each against
    the rest. NaN where calibration cannot be judged.
    """
    mean: NDArray[np.float64] = np.mean(
        [intercept(one, weights) for one in each_class(predictions)], axis=0
    )
    return mean


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return pooled([intercept_influence(one, units) for one in each_class(predictions)])
