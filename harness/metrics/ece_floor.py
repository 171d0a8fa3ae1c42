"""What `ece` a perfectly calibrated model would show, of these probabilities and so many cases."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._calibration import each_class, floor, floor_terms
from harness.metrics._counts import mean_influence
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = None
RANGE = (0.0, 1.0)
NEEDS = _calibration.NEEDS
PER_CLASS = True


def measure(
    predictions: Predictions, weights: NDArray[np.float64], *, bins: int = 15
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): the expectation of `ece` if it happened as was said.

    Labels play no part. Weights are how often a case is there, so more of them lower it. NaN where
    `ece` is. Raises HarnessError for a number of bins that is not 1 to 100.
    """
    mean: NDArray[np.float64] = np.mean(
        [floor(one, weights, bins) for one in each_class(predictions)], axis=0
    )
    return mean


def influence(predictions: Predictions, units: Codes, *, bins: int = 15) -> Influence:
    """Of `measure` at this number of cases, by unit of the (n,) codes `units`."""
    terms = [floor_terms(one, bins) for one in each_class(predictions)]
    return mean_influence(np.mean(terms, axis=0), units)
