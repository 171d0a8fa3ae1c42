"""Recall: share of the positive cases that were decided positive."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, macro, macro_influence, ratio
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence, share

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "positive cases (of every class, if more than two)"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where one of the classes taken as positive has no case.
    """
    found = counts(predictions, weights)
    recall = ratio(found.hit, found.true)
    return macro(predictions, lambda k: recall[:, k])


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    true, hit = predictions.truth, predictions.truth & predictions.decided
    return macro_influence(predictions, lambda k: share(hit[:, k], true[:, k], units))
