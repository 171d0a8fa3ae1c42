"""Agreement of truth and decision beyond chance (Cohen, 1960; weighted, Cohen, 1968)."""

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.metrics._counts import ratio
from harness.predictions import Predictions

TASKS = ("classify",)
KINDS = ("nominal", "ordinal")
UNIT = "1"
BETTER = "higher"
RANGE = (-1.0, 1.0)
NEEDS = "truth and decisions that are not all of one class"
PER_CLASS = False

WEIGHTS = ("auto", "none", "linear", "quadratic")


def measure(
    predictions: Predictions, weights: NDArray[np.float64], *, weighting: str = "auto"
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN where no disagreement is to be expected.

    `weighting` of a disagreement: none, or its distance in classes, linear or quadratic; auto is
    quadratic for ordinal data, else none. Raises HarnessError for another, or for distances
    between classes that have no order.
    """
    ordinal = predictions.kind == "ordinal"
    if weighting not in WEIGHTS:
        raise HarnessError(f"weighting must be one of {', '.join(WEIGHTS)}, got {weighting!r}")
    if weighting in ("linear", "quadratic") and not ordinal and len(predictions.classes) > 2:
        raise HarnessError(f"weighting must be none for classes without order, got {weighting!r}")
    if weighting == "auto":
        weighting = "quadratic" if ordinal else "none"
    grades = np.arange(len(predictions.classes))
    apart = np.abs(np.subtract.outer(grades, grades)).astype(np.float64)
    costs = {"none": (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}
    cost = costs[weighting]
    paid = weights @ cost[predictions.y_true, predictions.decision]
    true, decided = weights @ predictions.truth, weights @ predictions.decided
    expected = np.einsum("rt,td,rd->r", true, cost, decided)
    return 1 - ratio(paid * weights.sum(axis=1), expected)
