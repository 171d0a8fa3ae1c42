"""Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn)."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, macro, ratio
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "positive cases or decisions (of every class, if more than two)"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where one of the classes taken as positive is neither true nor decided of any case.
    """
    found = counts(predictions, weights)
    share = ratio(2 * found.hit, found.true + found.decided)
    return macro(predictions, lambda k: share[:, k])
