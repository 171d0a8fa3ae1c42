"""Hausdorff distance of the 95th percentile between the borders of two masks, in mm.

The larger of two percentiles: of the distances from each border voxel of the truth to the border of
the prediction, and of those back (the definition of MONAI's `HausdorffDistanceMetric`, percentile
95). It is not the percentile of both sets of distances put together, which is smaller, nor one of
distances weighted by area.
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
UNIT = "mm"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "a case of every class that the policy counts"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, the diagonal of the image at the worst; and that diagonal."""
    if pair.unknown:
        return {"hd95": WORST, "diagonal": np.nan}
    found = scored(pair, empty, _distance, perfect=0.0, worst=pair.diagonal)
    return {"hd95": found, "diagonal": pair.diagonal}


def _distance(pair: Pair) -> float:
    return max(float(np.percentile(distances, 95)) for distances in pair.distances)


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over the counted cases, then over classes.

    A case that could not be read counts as the largest diagonal of the others.
    """
    return by_case(_cells(predictions), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(_cells(predictions), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(_cells(predictions))


def _cells(predictions: Segmented) -> NDArray[np.float64]:
    return cells(predictions, "hd95", "diagonal")
