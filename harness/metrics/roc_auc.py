"""Area under the ROC curve: how often a positive scores above a negative, a tie being half."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import macro, macro_influence, ratio
from harness.metrics._ranks import rivals
from harness.predictions import Predictions
from harness.statistics import delong
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "cases of every class"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where a class is absent.
    """
    return macro(
        predictions,
        lambda k: _area(predictions.truth[:, k], predictions.probability[:, k], weights),
    )


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    truth, score = predictions.truth, predictions.probability
    return macro_influence(
        predictions, lambda k: delong.area(truth[:, k], score[:, k], units).influence
    )


def _area(
    positive: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The Mann-Whitney statistic over its largest value (Hanley and McNeil, 1982)."""
    against, wanted = rivals(positive.tobytes(), score.tobytes())
    beaten = np.cumsum(against @ weights.T, axis=0)
    found = wanted @ weights.T
    wins = np.einsum("gr,gr->r", found, beaten[:-1])
    return ratio(wins, found.sum(axis=0) * beaten[-1])
