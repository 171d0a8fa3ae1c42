"""Mean recall of the classes: accuracy as if all of them were equally common.

Of several labels a case, the mean over labels of that of having the label or not.
"""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, ratio
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "cases of every class"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,).

    NaN where a class has no case: a mean over other classes is another number, and groups that
    lack different ones cannot be compared by it.
    """
    found = counts(predictions, weights)
    recall = ratio(found.hit, found.true)
    if predictions.kind == "multilabel":
        both_not = found.other - (found.decided - found.hit)
        recall = (recall + ratio(both_not, found.other)) / 2
    mean: NDArray[np.float64] = recall.mean(axis=1)
    return mean
