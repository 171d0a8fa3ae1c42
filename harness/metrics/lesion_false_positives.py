"""Predicted lesions without a true voxel, a case.

A lesion is a connected component; one that touches a true voxel by any of its own is none of these.
"""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._by_case import WORST, by_case, by_case_influence, cells, left_out
from harness.metrics._lesions import demand_connectivity, labelled, voxels
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence
from harness.suite import Empty

TASKS = ("segment",)
UNIT = "lesions"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "at least one case"
PER_CLASS = True


def columns(pair: Pair, empty: Empty, *, connectivity: str = "full") -> dict[str, float]:
    """Of one class of a case, whether or not anything is there or found.

    Raises HarnessError for a connectivity other than "full" and "faces".
    """
    demand_connectivity(connectivity)
    if pair.absent:
        return {"false_positive_lesions": WORST}
    truth, prediction = pair.boxed
    labels, count = labelled(prediction, connectivity)
    return {"false_positive_lesions": float((voxels(labels, count, truth) == 0).sum())}


def measure(
    predictions: Segmented, weights: NDArray[np.float64], *, connectivity: str = "full"
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over cases, then over classes.

    One without a prediction counts as the case that has the most, 1 at the least.
    """
    return by_case(_cells(predictions), weights)


def influence(predictions: Segmented, units: Codes, *, connectivity: str = "full") -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(_cells(predictions), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(_cells(predictions))


def _cells(predictions: Segmented) -> NDArray[np.float64]:
    return cells(predictions, "false_positive_lesions", least=1.0)
