"""Expected calibration error: mean distance of stated probabilities from observed frequencies."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._calibration import each_class, gap, gap_terms
from harness.metrics._counts import mean_influence
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
RANGE = (0.0, 1.0)
NEEDS = _calibration.NEEDS
PER_CLASS = True
BESIDE = ("ece_floor",)


def measure(
    predictions: Predictions, weights: NDArray[np.float64], *, bins: int = 15
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,), of `bins` equally wide parts of [0, 1].

    Binary: of the positive class's probability. More classes: the mean over classes, each against
    the rest, which is the classwise error of Kull et al. (2019). Labels: the mean over labels. NaN
    where a class is absent, or its probabilities are all the same, or all 0 or 1. Raises
    HarnessError for a number of bins that is not 1 to 100.
    """
    mean: NDArray[np.float64] = np.mean(
        [gap(one, weights, bins) for one in each_class(predictions)], axis=0
    )
    return mean


def influence(predictions: Predictions, units: Codes, *, bins: int = 15) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    terms = [gap_terms(one, bins) for one in each_class(predictions)]
    return mean_influence(np.mean(terms, axis=0), units)
