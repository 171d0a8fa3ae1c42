"""Recall: share of the positive cases that were decided positive."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, macro, ratio
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
NEEDS = "positive cases (of every class, if more than two)"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where one of the classes taken as positive has no case.
    """
    found = counts(predictions, weights)
    recall = ratio(found.hit, found.true)
    return macro(predictions, lambda k: recall[:, k])
