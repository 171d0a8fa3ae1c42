"""Many tests at once: p values adjusted for the family, or for the list of finds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def holm(p: Sequence[float], weights: Sequence[float] | None = None) -> Array:
    """Adjusted p values that hold the family-wise error under any dependence (Holm, 1979).

    weights: what each test has of the level, above 0 and not chosen by its p; the same unless told.
    """
    values = np.asarray(p, dtype=np.float64)
    weighed = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(values / weighed, kind="stable")
    left = np.cumsum(weighed[order][::-1])[::-1]
    raised = np.maximum.accumulate(values[order] / weighed[order] * left)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def benjamini_hochberg(p: Sequence[float]) -> Array:
    """Adjusted p values that hold the share of false finds (Benjamini and Hochberg, 1995)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    raised = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return adjusted
