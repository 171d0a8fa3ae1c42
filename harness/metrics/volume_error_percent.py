"""Absolute difference of the predicted and the true volume, in percent of the true one.

Of each case with a true volume: what is found where nothing is has no percentage, whatever the
policy. Such a case is left out here, and counts in `volume_error_ml` and `false_alarm_cases`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._by_case import WORST, by_case, by_case_influence, cells, left_out, scored
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence
from harness.suite import Empty

TASKS = ("segment",)
UNIT = "%"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "a case of every class that the policy counts"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, 100 where nothing is found.

    At the worst, as where there is no prediction, what the mask that is furthest off would have.
    """
    if pair.unknown:
        return {"volume_error_percent": WORST}
    furthest = max(pair.true, pair.voxels - pair.true)
    error = furthest if pair.absent else abs(pair.predicted - pair.true)
    percent = 100 * error / pair.true if pair.true else math.nan
    found = scored(pair, empty, lambda _: percent, perfect=0.0, worst=percent)
    return {"volume_error_percent": found}


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over the counted cases, then over classes.

    A case that could not be read counts as the largest error of the others, 100 at the least.
    """
    return by_case(_cells(predictions), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(_cells(predictions), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(_cells(predictions))


def _cells(predictions: Segmented) -> NDArray[np.float64]:
    return cells(predictions, "volume_error_percent", least=100.0)
