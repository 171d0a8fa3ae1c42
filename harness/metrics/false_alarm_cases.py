"""Share of the cases without a true mask in which something is found.

Of data where every case has the class it is undefined, as nothing there can be a false alarm.
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
NEEDS = "a case without a true mask of every class"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, 1 where there is no prediction; NaN with a true mask."""
    if pair.absent:
        return {"false_alarm": 1.0 if pair.unknown or not pair.true else math.nan}
    return {"false_alarm": math.nan if pair.true else float(pair.predicted > 0)}


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over cases without a true mask, then classes."""
    return by_case(cells(predictions, "false_alarm"), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(cells(predictions, "false_alarm"), units)


def excluded(predictions: Segmented) -> int:
    """Cases with a true mask, of any class."""
    return left_out(cells(predictions, "false_alarm"))
