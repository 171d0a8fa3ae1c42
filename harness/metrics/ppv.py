"""Positive predictive value: share of the positive decisions that are right."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, macro, macro_influence, ratio
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence, share

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "positive decisions (of every class, if more than two)"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where one of the classes taken as positive is never decided.
    """
    found = counts(predictions, weights)
    right = ratio(found.hit, found.decided)
    return macro(predictions, lambda k: right[:, k])


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    decided, hit = predictions.decided, predictions.truth & predictions.decided
    return macro_influence(predictions, lambda k: share(hit[:, k], decided[:, k], units))
