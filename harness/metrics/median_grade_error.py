"""Mean distance of the true grade from the median one: the error of always answering that."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, mean_influence, ratio
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
KINDS = ("ordinal",)
UNIT = "grades"
BETTER = None
RANGE = (0.0, math.inf)
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    The median is that of the same cases, and no other grade has a smaller error.
    """
    found = counts(predictions, weights)
    return ratio((found.true @ _apart(predictions)).min(axis=1), found.total[:, 0])


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    apart = _apart(predictions)[predictions.y_true]
    return mean_influence(apart[:, apart.sum(axis=0).argmin()], units)


def _apart(predictions: Predictions) -> NDArray[np.float64]:
    """(classes, classes): grades between any two."""
    grades = np.arange(len(predictions.classes))
    apart: NDArray[np.float64] = np.abs(np.subtract.outer(grades, grades)).astype(np.float64)
    return apart
