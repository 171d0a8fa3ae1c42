"""Mean recall of the classes present: accuracy as if all of them were equally common."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, ratio
from harness.samples import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); an absent class does not count.

    NaN without weight.
    """
    found = counts(predictions, weights)
    recall = ratio(found.hit, found.true)
    return ratio(np.nansum(recall, axis=1), (found.true > 0).sum(axis=1))
