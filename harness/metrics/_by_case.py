"""What metrics of masks share: the policy of empty masks, and means over cases, then classes."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import ratio
from harness.metrics._pair import Pair
from harness.segmented import Segmented
from harness.statistics.influence import Codes, Influence, mean, share
from harness.suite import Empty

Array = NDArray[np.float64]

WORST = math.inf
"""In a column of a metric without a worst value: this case has no prediction, see `cells`."""


def scored(
    pair: Pair, empty: Empty, formula: Callable[[Pair], float], *, perfect: float, worst: float
) -> float:
    """The formula; where a mask is empty what the policy says, NaN if that is to be left out.

    `worst` also where there is no prediction, whatever the policy.
    """
    if pair.absent:
        return worst
    if pair.empty is None:
        return formula(pair)
    said: str = getattr(empty, pair.empty)
    return {"exclude": math.nan, "perfect": perfect, "worst": worst}[said]


def cells(
    predictions: Segmented, name: str, limit: str | None = None, least: float | None = None
) -> Array:
    """(n, classes) of a column, NaN where a case is left out.

    What is WORST becomes the largest number of the class in the column `limit`, by default the
    column itself, and `least` at the least; NaN where there is no number at all.
    """
    column: Array = predictions.columns[name]
    known = predictions.columns[limit or name]
    known = np.where(np.isfinite(known), known, -np.inf if least is None else least)
    largest = known.max(axis=0, initial=-np.inf if least is None else least)
    largest = np.where(np.isfinite(largest), largest, np.nan)
    return np.where(column == WORST, largest, column)


def by_case(values: Array, weights: Array) -> Array:
    """Mean over the cases that are not NaN, then over classes.

    (n, classes) values and (resamples, n) weights -> (resamples,); NaN where a class has no case.
    """
    counted = ~np.isnan(values)
    return pooled(np.where(counted, values, 0.0), counted.astype(np.float64), weights)


def pooled(part: Array, whole: Array, weights: Array) -> Array:
    """Mean over classes of sum(part) / sum(whole), both (n, classes): weights -> (resamples,)."""
    mean_share: Array = ratio(weights @ part, weights @ whole).mean(axis=1)
    return mean_share


def by_case_influence(values: Array, units: Codes) -> Influence:
    """Of `by_case`, by unit of the (n,) codes `units`."""
    counted = ~np.isnan(values)
    return pooled_influence(np.where(counted, values, 0.0), counted.astype(np.float64), units)


def pooled_influence(part: Array, whole: Array, units: Codes) -> Influence:
    """Of `pooled`: that of a class is linearised; classes rest on the same cases."""
    parts = [share(part[:, k], whole[:, k], units) for k in range(part.shape[1])]
    return dataclasses.replace(mean(parts), fewest=min(each.fewest for each in parts))


def left_out(values: Array) -> int:
    """How many cases of (n, classes) are left out, of any class."""
    return int(np.isnan(values).any(axis=1).sum())


def sums(column: NDArray[np.object_], of: Callable[[Sequence[float]], float]) -> Array:
    """(n, classes) of a column whose cells are arrays."""
    found = [[of(cell) for cell in row] for row in column]
    return np.array(found, dtype=np.float64).reshape(column.shape)
