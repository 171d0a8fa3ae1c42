"""Expected calibration error of the likeliest class: confidence against the share that is right."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._calibration import gap, gap_terms, top_label
from harness.metrics._counts import mean_influence
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
KINDS = ("nominal", "ordinal")
UNIT = "1"
BETTER = "lower"
RANGE = (0.0, 1.0)
NEEDS = _calibration.TOP_NEEDS
PER_CLASS = False
BESIDE = ("ece_top_label_floor",)


def measure(
    predictions: Predictions, weights: NDArray[np.float64], *, bins: int = 15
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,), of `bins` equally wide parts of [0, 1].

    As Guo et al. (2017). The answer is the likeliest class, whatever threshold decides. NaN where
    there is one true class, one confidence, or none below 1. Raises HarnessError for a number of
    bins that is not 1 to 100.
    """
    return gap(top_label(predictions), weights, bins)


def influence(predictions: Predictions, units: Codes, *, bins: int = 15) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return mean_influence(gap_terms(top_label(predictions), bins), units)
