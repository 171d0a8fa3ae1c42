"""Area under the precision-recall steps: precision at each positive's score, averaged."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import macro, ratio
from harness.metrics._ranks import calls
from harness.predictions import Predictions

TASKS = ("classify",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "cases of every class"
PER_CLASS = True


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); of more than two classes the macro mean.

    NaN where a class is absent: without negatives it would be 1 whatever the scores.
    """
    return macro(
        predictions,
        lambda k: _area(predictions.truth[:, k], predictions.probability[:, k], weights),
    )


def _area(
    positive: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The step sum over distinct scores, not interpolated (Davis and Goadrich, 2006)."""
    called, right = calls(positive.tobytes(), score.tobytes())
    found = right @ weights.T
    hits, all_called = np.cumsum(found, axis=0), np.cumsum(called @ weights.T, axis=0)
    precision = np.divide(hits, all_called, out=np.zeros_like(hits), where=all_called > 0)
    area = ratio(np.einsum("gr,gr->r", found, precision), found.sum(axis=0))
    return np.where(weights @ ~positive > 0, area, np.nan)
