"""Share of the true lesions, of all cases together, that the prediction finds.

A lesion is a connected component of the true mask. It is found where the prediction has the share
`overlap` of its voxels, by default any of them.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.metrics._by_case import pooled, pooled_influence, sums
from harness.metrics._lesions import demand_connectivity, labelled, voxels
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence
from harness.suite import Empty

TASKS = ("segment",)
UNIT = "1"
BETTER = "higher"
RANGE = (0.0, 1.0)
NEEDS = "a true lesion of every class"
PER_CLASS = True

Array = NDArray[np.float64]


def columns(
    pair: Pair, empty: Empty, *, connectivity: str = "full", overlap: float = 0.0
) -> dict[str, Array]:
    """Of one class of a case: the volume of each true lesion in ml, and 1 for those found, else 0.

    Without a prediction none is found. A case that cannot be read has one, of unknown size, not
    found. Raises HarnessError for a connectivity other than "full" and "faces", and for an overlap
    that is no share.
    """
    demand_connectivity(connectivity)
    if not 0 <= overlap <= 1:
        raise HarnessError(f"overlap must be a share from 0 to 1, got {overlap}; correct the suite")
    if pair.unknown:
        return {"lesion_ml": np.array([math.nan]), "lesion_found": np.zeros(1)}
    truth, prediction = pair.boxed
    labels, count = labelled(truth, connectivity)
    size, hit = voxels(labels, count, truth), voxels(labels, count, prediction)
    found = (hit > 0) & (hit >= overlap * size)
    volume: Array = size * np.float64(pair.voxel_ml)
    return {"lesion_ml": volume, "lesion_found": found.astype(np.float64)}


def measure(
    predictions: Segmented, weights: Array, *, connectivity: str = "full", overlap: float = 0.0
) -> Array:
    """(resamples, n) weights -> (resamples,): found of all lesions of a class, mean over classes.

    NaN where a class has no lesion.
    """
    return pooled(*_found_of_all(predictions), weights)


def influence(
    predictions: Segmented, units: Codes, *, connectivity: str = "full", overlap: float = 0.0
) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`: lesions of one unit go together."""
    return pooled_influence(*_found_of_all(predictions), units)


def excluded(predictions: Segmented) -> int:
    """Cases with a lesion of unknown size, of any class, where only those of some size count."""
    unknown = sums(predictions.columns["lesion_found"], lambda cell: np.isnan(cell).sum())
    return int((unknown > 0).any(axis=1).sum())


def lesions(predictions: Segmented) -> int:
    """How many the value rests on."""
    return int(_found_of_all(predictions)[1].sum())


def banded(predictions: Segmented, low: float, high: float) -> Segmented:
    """The cases that have lesions of `low` ml or more and less than `high`, with those alone.

    One of unknown size is of no band: it stays as NaN, is not counted, and `excluded` says so.
    """
    size, found = predictions.columns["lesion_ml"], predictions.columns["lesion_found"]
    kept_size, kept_found = np.empty_like(size), np.empty_like(found)
    for cell in np.ndindex(*size.shape):
        unknown = np.isnan(size[cell])
        of_size = unknown | ((size[cell] >= low) & (size[cell] < high))
        kept_size[cell] = size[cell][of_size]
        kept_found[cell] = np.where(unknown, math.nan, found[cell])[of_size]
    columns = {**predictions.columns, "lesion_ml": kept_size, "lesion_found": kept_found}
    some = np.flatnonzero((sums(kept_found, len) > 0).any(axis=1))
    return dataclasses.replace(predictions, columns=columns).where(some)


def _found_of_all(predictions: Segmented) -> tuple[Array, Array]:
    """(n, classes) found lesions, and all whose size is known or does not matter."""
    column = predictions.columns["lesion_found"]
    return sums(column, np.nansum), sums(column, lambda cell: (~np.isnan(cell)).sum())
