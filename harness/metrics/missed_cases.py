"""Share of the cases with a true mask of which nothing is found.

Something found in the wrong place is not missed here: read it beside `lesion_sensitivity`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._by_case import by_case, by_case_influence, cells, left_out
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence
from harness.suite import Empty

TASKS = ("segment",)
UNIT = "1"
BETTER = "lower"
RANGE = (0.0, 1.0)
NEEDS = "a case with a true mask of every class"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, 1 where there is no prediction; NaN without a true mask."""
    if pair.absent:
        return {"missed": 1.0 if pair.unknown or pair.true else math.nan}
    return {"missed": float(pair.predicted == 0) if pair.true else math.nan}


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over cases with a true mask, then classes."""
    return by_case(cells(predictions, "missed"), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(cells(predictions, "missed"), units)


def excluded(predictions: Segmented) -> int:
    """Cases without a true mask, of any class."""
    return left_out(cells(predictions, "missed"))
