"""Share of the commonest true class: the accuracy of always answering it.

Of several labels a case, the mean over labels of having it or not, whichever is commoner.
"""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, mean_influence, ratio
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = None
RANGE = (0.0, 1.0)
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    found = counts(predictions, weights)
    if predictions.kind == "multilabel":
        commoner = np.maximum(found.true, found.other)
        return ratio(commoner.mean(axis=1), found.total[:, 0])
    return ratio(found.true.max(axis=1), found.total[:, 0])


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    truth = predictions.truth
    if predictions.kind == "multilabel":
        commoner = np.where(truth.mean(axis=0) >= 0.5, truth, ~truth)
        return mean_influence(commoner.mean(axis=1), units)
    return mean_influence(truth[:, truth.sum(axis=0).argmax()], units)
