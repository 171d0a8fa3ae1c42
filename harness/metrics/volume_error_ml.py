"""Absolute difference of the predicted and the true volume, in ml, of each case.

Volumes may agree where the masks do not overlap at all: read it beside `dice`.
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
UNIT = "ml"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "a case of every class that the policy counts"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case; where the truth or the prediction is empty the other's volume.

    At the worst, as where there is no prediction, what the mask that is furthest off would have.
    """
    if pair.unknown:
        return {"volume_error_ml": WORST, "image_ml": np.nan}
    furthest = max(pair.true, pair.voxels - pair.true) if pair.absent else _voxels(pair)
    found = scored(pair, empty, _voxels, perfect=0.0, worst=furthest)
    return {"volume_error_ml": found * pair.voxel_ml, "image_ml": pair.voxels * pair.voxel_ml}


def _voxels(pair: Pair) -> float:
    return float(abs(pair.predicted - pair.true))


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over the counted cases, then over classes.

    A case that could not be read counts as the volume of the largest image.
    """
    return by_case(_cells(predictions), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(_cells(predictions), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(_cells(predictions))


def _cells(predictions: Segmented) -> NDArray[np.float64]:
    return cells(predictions, "volume_error_ml", "image_ml")
