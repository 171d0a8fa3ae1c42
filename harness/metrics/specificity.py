"""Share of the negative cases that were decided negative."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import counts, macro, macro_influence, ratio
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence, share

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "negative cases (of every class, if more than two)"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where one of the classes taken as positive has all the cases.
    """
    found = counts(predictions, weights)
    false_positive = found.decided - found.hit
    kept = ratio(found.other - false_positive, found.other)
    return macro(predictions, lambda k: kept[:, k])


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    other, right = ~predictions.truth, ~predictions.truth & ~predictions.decided
    return macro_influence(predictions, lambda k: share(right[:, k], other[:, k], units))
