"""Overlap of two masks, 2 tp / (2 tp + fp + fn) (Dice, 1945), of each case.

Voxels of the background do not count, and cases weigh the same whatever their size.
"""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._by_case import by_case, by_case_influence, cells, left_out, scored
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence
from harness.suite import Empty

TASKS = ("segment",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "a case of every class that the policy counts"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, 0 at the worst, 1 where both masks are empty and that is perfect."""
    return {"dice": scored(pair, empty, _dice, perfect=1.0, worst=0.0)}


def _dice(pair: Pair) -> float:
    return 2 * pair.tp / (pair.true + pair.predicted)


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over the counted cases, then over classes."""
    return by_case(cells(predictions, "dice"), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(cells(predictions, "dice"), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(cells(predictions, "dice"))
