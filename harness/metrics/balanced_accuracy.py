"""Mean recall of the classes present: accuracy as if all of them were equally common.

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
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); an absent class does not count.

    NaN without weight.
    """
    found = counts(predictions, weights)
    if predictions.kind != "multilabel":
        return _mean_recall([found.true], [found.hit], axis=2)
    both_not = found.other - (found.decided - found.hit)
    by_label = _mean_recall([found.true, found.other], [found.hit, both_not], axis=0)
    labels: NDArray[np.float64] = by_label.mean(axis=1)
    return labels


def _mean_recall(
    true: list[NDArray[np.float64]], hit: list[NDArray[np.float64]], axis: int
) -> NDArray[np.float64]:
    """Of stacked (resamples, classes) weights, over `axis`, empty ones left out."""
    there = np.stack(true)
    recall = ratio(np.stack(hit), there)
    mean = ratio(np.nansum(recall, axis=axis), (there > 0).sum(axis=axis))
    return mean.squeeze(axis=0) if axis else mean
