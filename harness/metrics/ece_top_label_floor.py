"""What `ece_top_label` a perfectly calibrated model would show, of as many cases."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._calibration import floor, floor_terms, top_label
from harness.metrics._counts import mean_influence
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
KINDS = ("nominal", "ordinal")
UNIT = "1"
BETTER = None
RANGE = (0.0, 1.0)
NEEDS = _calibration.TOP_NEEDS
PER_CLASS = False


def measure(
    predictions: Predictions, weights: NDArray[np.float64], *, bins: int = 15
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): its expectation if every confidence were true.

    Weights are how often a case is there, so more of them lower it. NaN where `ece_top_label` is.
    Raises HarnessError for a number of bins that is not 1 to 100.
    """
    return floor(top_label(predictions), weights, bins)


def influence(predictions: Predictions, units: Codes, *, bins: int = 15) -> Influence:
    """Of `measure` at this number of cases, by unit of the (n,) codes `units`."""
    return mean_influence(floor_terms(top_label(predictions), bins), units)
