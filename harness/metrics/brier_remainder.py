"""What bins leave over of the Brier score: within-bin variance less twice the covariance."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics import _calibration
from harness.metrics._murphy import measured, moved
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = None
RANGE = (-math.inf, math.inf)
NEEDS = _calibration.NEEDS
PER_CLASS = False


def measure(
    predictions: Predictions, weights: NDArray[np.float64], *, bins: int = 15
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): brier - reliability + resolution - uncertainty.

    0 where all of a bin have one probability (Stephenson, Coelho and Jolliffe, 2008). Binary, over
    classes and over labels as `brier`. NaN where calibration cannot be judged. Raises HarnessError
    for a number of bins that is not 1 to 100.
    """
    return measured(predictions, weights, bins, lambda parts: parts.remainder)


def influence(predictions: Predictions, units: Codes, *, bins: int = 15) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return moved(predictions, units, bins, lambda parts: parts.remainder)
