"""Share of the cases all of whose labels are decided rightly."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import mean_influence, weighted_mean
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
KINDS = ("multilabel",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight."""
    return weighted_mean(_right(predictions), weights)


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return mean_influence(_right(predictions), units)


def _right(predictions: Predictions) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = (predictions.truth == predictions.decided).all(axis=1)
    return right
