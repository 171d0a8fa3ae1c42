"""Confidence intervals by resampling, of many measures of the same cases at once."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
MOST_UNDEFINED = 0.05
"""Share of undefined replicates from which the rest no longer stand for all."""
FEWEST_UNITS = 3
_WEIGHTS_AT_ONCE = 2**18
_FEWEST_AT_ONCE = 32

Array = NDArray[np.float64]
Measure = Callable[[Array], Array]
"""(resamples, n) case weights -> (resamples,) values, NaN where undefined."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """`ci` is (low, high) at `level`, or both are None; `method` says how, or why there is none."""

    ci: tuple[float, float] | None = None
    level: float | None = None
    method: str
    undefined_share: float = 0.0


def intervals(
    measures: Sequence[Measure],
    clusters: NDArray[np.int64],
    *,
    level: float,
    over: str = "image",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Interval]:
    """A percentile bootstrap interval of each measure, all of them from the same resamples.

    clusters: (n,) the unit of each case as a code 0, 1, ...; units are resampled, and `over` names
    them. With fewer than three units, or 5 % of undefined replicates, there is no interval.
    """
    units = len(np.unique(clusters))
    if units < FEWEST_UNITS:
        nothing = Interval(method=f"no interval from fewer than {FEWEST_UNITS} {over}s")
        return [nothing] * len(measures)
    method = f"percentile bootstrap over {over}s, {resamples} resamples"
    values = replicates(measures, clusters, resamples, seed)
    return [_interval(row, level, method) for row in values]


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
    Successive calls with one `rng` give the rows that one larger call would.
    """
    units = int(clusters.max()) + 1
    drawn = rng.integers(units, size=(resamples, units))
    drawn += units * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units)
    return times.astype(np.float64).take(clusters, axis=1)


def percentile_interval(values: Array, level: float) -> tuple[float, float]:
    """The central `level` of replicates (Efron, 1979), quantiles interpolated linearly."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _interval(values: Array, level: float, method: str) -> Interval:
    undefined = np.isnan(values)
    share = float(undefined.mean())
    if share >= MOST_UNDEFINED:
        reason = f"no interval: {share:.1%} of {len(values)} resamples undefined"
        return Interval(method=reason, undefined_share=share)
    left_out = f", {undefined.sum()} of them undefined and left out" if share else ""
    ci = percentile_interval(values[~undefined], level)
    return Interval(ci=ci, level=level, method=method + left_out, undefined_share=share)
