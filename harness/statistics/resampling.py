"""Resampling of units: many measures of the same cases, or two models, on the same resamples."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
_WEIGHTS_AT_ONCE = 2**18
_FEWEST_AT_ONCE = 16

Array = NDArray[np.float64]
Measure = Callable[[Array], Array]
"""(resamples, n) case weights -> (resamples,) values, NaN where undefined."""


def replicates(
    measures: Sequence[Measure], clusters: NDArray[np.int64], resamples: int, seed: int
) -> Array:
    """(measures, resamples) values. Weights are made in pieces of a few MB, never all at once."""
    rng = np.random.default_rng(seed)
    values = np.empty((len(measures), resamples))
    step = max(_FEWEST_AT_ONCE, _WEIGHTS_AT_ONCE // len(clusters))
    for start in range(0, resamples, step):
        piece = values[:, start : start + step]
        weights = resample_weights(clusters, piece.shape[1], rng)
        for row, measure in zip(piece, measures, strict=True):
            row[:] = measure(weights)
    return values


def resample_weights(
    clusters: NDArray[np.int64], resamples: int, rng: np.random.Generator
) -> Array:
    """How often each case is in each resample, (resamples, n).

    As many clusters as there are, drawn with replacement; every case of a drawn cluster counts.
    Successive calls with one `rng` give the rows that one larger call would. In memory the
    resamples of a case are neighbours, so that cases can be put in another order a row at a time.
    """
    units = int(clusters.max()) + 1
    drawn = rng.integers(units, size=(resamples, units))
    drawn *= resamples
    drawn += np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * units).reshape(units, resamples)
    return times.astype(np.float64).take(clusters, axis=0).T


def percentile_interval(values: Array, level: float) -> tuple[float, float]:
    """The central `level` of replicates (Efron, 1979), quantiles interpolated linearly."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def percentile_p(values: Array) -> float:
    """Two-sided p of 0: twice the share of replicates on its rarer side, never 0 (Davison and
    Hinkley, 1997, section 4.2). 0 is outside the percentile interval where p is below 1 - level.
    """
    rarer = min(np.count_nonzero(values <= 0), np.count_nonzero(values >= 0))
    return min(1.0, 2 * (1 + rarer) / (1 + len(values)))
