"""Normalised surface Dice: share of two borders that is near the other (Nikolov et al., 2018).

A border voxel is near within `tolerance` mm of the other mask's border; those of both masks are
counted together, a voxel as one (the definition of MONAI's `SurfaceDiceMetric` without subvoxels).
"""

import math

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
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

ROUNDING = 1e-6
"""In mm: three steps of 0.1 mm are within 0.3, though their sum in binary is not."""


def columns(pair: Pair, empty: Empty, *, tolerance: float) -> dict[str, float]:
    """Of one class of a case, 0 at the worst. Raises HarnessError for a negative tolerance."""
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise HarnessError(f"tolerance must be 0 mm or more, got {tolerance}; correct the suite")

    def near(pair: Pair) -> float:
        both = np.concatenate(pair.distances)
        return float(np.count_nonzero(both <= tolerance + ROUNDING) / len(both))

    return {"nsd": scored(pair, empty, near, perfect=1.0, worst=0.0)}


def measure(
    predictions: Segmented, weights: NDArray[np.float64], *, tolerance: float
) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over the counted cases, then over classes."""
    return by_case(cells(predictions, "nsd"), weights)


def influence(predictions: Segmented, units: Codes, *, tolerance: float) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(cells(predictions, "nsd"), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(cells(predictions, "nsd"))
