"""Share of all voxels that are right, (tp + tn) / all, of each case.

It hides what matters: a model that finds nothing has 0.99 where a lesion fills a hundredth of the
image. `background_rate` is what finding nothing would have. Every case counts, empty or not.
"""

import numpy as np
from numpy.typing import NDArray

from harness.metrics._by_case import by_case, by_case_influence, cells, left_out
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence
from harness.suite import Empty

TASKS = ("segment",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "at least one case"
PER_CLASS = True


def columns(pair: Pair, empty: Empty) -> dict[str, float]:
    """Of one class of a case, 0 where there is no prediction."""
    return {"pixel_accuracy": 0.0 if pair.absent else (pair.tp + pair.tn) / pair.voxels}


def measure(predictions: Segmented, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,): mean over cases, then over classes."""
    return by_case(cells(predictions, "pixel_accuracy"), weights)


def influence(predictions: Segmented, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return by_case_influence(cells(predictions, "pixel_accuracy"), units)


def excluded(predictions: Segmented) -> int:
    """Cases that are left out, of any class."""
    return left_out(cells(predictions, "pixel_accuracy"))
