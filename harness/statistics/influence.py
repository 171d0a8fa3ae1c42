"""How much each unit moves an estimate: the sampling error of one metric, and of differences.

A unit is what was sampled: a subject with all of its images. An estimate's error is written as one
number a unit whose squares sum to the variance, so that means and differences of estimates on the
same units are means and differences of these numbers, and correlation needs no formula of its own.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_GROUPS = 2_000
"""Of more units than these, the jackknife leaves out random groups of them."""

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """by_unit: (units,), squares sum to the variance; NaN where that cannot be known.

    `df` are the degrees of freedom of that variance, `counted` the units that the estimate rests
    on. `binomial`: a share of units that each count once, whose variance follows from its value.
    """

    by_unit: Array
    df: float
    counted: int
    method: str
    binomial: bool = False

    @property
    def error(self) -> float:
        """The standard error; NaN where it cannot be known."""
        return float(np.sqrt(np.square(self.by_unit).sum()))


def mean(parts: Sequence[Influence]) -> Influence:
    """Of the mean of several estimates on the same units."""
    if len(parts) == 1:
        return parts[0]
    by_unit = np.mean([part.by_unit for part in parts], axis=0)
    return dataclasses.replace(
        parts[0], by_unit=by_unit, df=min(part.df for part in parts), binomial=False
    )


def pooled(parts: Sequence[Influence]) -> Influence:
    """Of the mean of several estimates, with the degrees of freedom of Satterthwaite (1946).

    For parts that each rest on other cases, as those of classes do: one that is known badly takes
    freedom away only as far as it adds to the variance.
    """
    if len(parts) == 1:
        return parts[0]
    by_unit = np.mean([part.by_unit for part in parts], axis=0)
    variances = np.array([part.error**2 for part in parts])
    free = np.array([part.df for part in parts])
    doubt = (variances[free > 0] ** 2 / free[free > 0]).sum()
    df = float(variances.sum() ** 2 / doubt) if doubt > 0 else float(free.min())
    counted = max(part.counted for part in parts)
    return Influence(by_unit=by_unit, df=df, counted=counted, method=parts[0].method)


def minus(a: Influence, b: Influence) -> Influence:
    """Of the difference of two estimates on the same units."""
    return dataclasses.replace(a, by_unit=a.by_unit - b.by_unit, df=min(a.df, b.df), binomial=False)


def share(part: NDArray[np.generic], whole: NDArray[np.generic], units: Codes) -> Influence:
    """Of sum(part) / sum(whole), both (n,), by linearisation (Cochran, 1977, section 6.3).

    units: (n,) codes 0, 1, ...; those without anything in `whole` do not count. With fewer than
    two that do, NaN.
    """
    top = np.bincount(units, weights=part.astype(np.float64))
    bottom = np.bincount(units, weights=whole.astype(np.float64))
    counted = int((bottom > 0).sum())
    if counted < 2:
        nothing = np.full(len(top), np.nan)
        return Influence(by_unit=nothing, df=0, counted=counted, method="linearised")
    moved = (top - top.sum() / bottom.sum() * bottom) / bottom.sum()
    plain = bool(np.isin(bottom, (0, 1)).all() and np.isin(top, (0, 1)).all())
    return Influence(
        by_unit=moved * np.sqrt(counted / (counted - 1)),
        df=counted - 1,
        counted=counted,
        method="linearised",
        binomial=plain,
    )


def jackknife(measure: Callable[[Array], Array], units: Codes, rarest: int) -> Influence:
    """Of any measure, by leaving out one unit at a time (Efron and Stein, 1981).

    measure: (resamples, n) weights -> (resamples,). `rarest`: how many units the rarest class has;
    no estimate that depends on it can have more degrees of freedom than these minus one.
    """
    groups = _grouped(units)
    total = int(groups.max()) + 1
    value = measure(np.ones((1, len(units))))[0]
    without = np.empty(total)
    step = max(1, 2**21 // len(units))
    for start in range(0, total, step):
        left_out = np.arange(start, min(start + step, total))
        without[left_out] = measure((groups != left_out[:, None]).astype(np.float64))
    moved = (value - without) * np.sqrt((total - 1) / total)
    return Influence(
        by_unit=_spread(moved, groups, units),
        df=rarest - 1,
        counted=len(np.unique(units)),
        method="jackknife",
    )


def _grouped(units: Codes) -> Codes:
    """Units, or as many random groups of them as the jackknife may leave out."""
    total = int(units.max()) + 1
    if total <= MOST_GROUPS:
        return units
    return np.random.default_rng(0).permutation(total)[units] % MOST_GROUPS


def _spread(moved: Array, groups: Codes, units: Codes) -> Array:
    """(groups,) -> (units,): a group's number at its first unit, so that two models agree."""
    if groups is units:
        return moved
    by_unit = np.zeros(int(units.max()) + 1)
    first = np.unique(groups, return_index=True)[1]
    by_unit[units[first]] = moved
    return by_unit
