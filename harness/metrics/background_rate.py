"""Pixel accuracy of finding nothing: share of the voxels of each case that are not of the class.

What a `pixel_accuracy` must be above to say anything.
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
BETTER = None
RANGE = (0.0, 1.0)
NEEDS = "at least one case that could be read"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, NaN where it could not be read."""
    return {"background_rate": math.nan if pair.unknown else 1 - pair.true / pair.voxels}


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over cases, then over classes."""
    return by_case(cells(predictions, "background_rate"), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(cells(predictions, "background_rate"), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(cells(predictions, "background_rate"))
