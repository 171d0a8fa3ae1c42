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

    `df` are the degrees of freedom of that variance, `fewest` the units of the rarest class that
    the estimate rests on. `binomial`: a share of units that each count once, whose variance follows
    from its value.
    """

    by_unit: Array
    df: float
    fewest: int
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
    fewest = min(part.fewest for part in parts)
    return Influence(by_unit=by_unit, df=df, fewest=fewest, method=parts[0].method)


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
        return Influence(by_unit=nothing, df=0, fewest=counted, method="linearised")
    moved = (top - top.sum() / bottom.sum() * bottom) / bottom.sum()
    plain = bool(np.isin(bottom, (0, 1)).all() and np.isin(top, (0, 1)).all())
    return Influence(
        by_unit=moved * np.sqrt(counted / (counted - 1)),
        df=counted - 1,
        fewest=counted,
        method="linearised",
        binomial=plain,
    )


def jackknife(measure: Callable[[Array], Array], units: Codes, classes: Codes) -> Influence:
    """Of any measure, by leaving out one unit at a time (Efron and Stein, 1981).

    measure: (resamples, n) weights -> (resamples,). classes: (n,) codes 0, 1, ... of the strata
    whose variances have freedom of their own (Satterthwaite, 1946); a unit is of its rarest one.
    """
    strata = _strata(units, classes)
    groups = _grouped(units, strata)
    total = int(groups.max()) + 1
    value = measure(np.ones((1, len(units))))[0]
    without = np.empty(total)
    step = max(1, 2**21 // len(units))
    for start in range(0, total, step):
        left_out = np.arange(start, min(start + step, total))
        without[left_out] = measure((groups != left_out[:, None]).astype(np.float64))
    by_unit = _spread((value - without) * np.sqrt((total - 1) / total), groups, units)
    held = np.bincount(strata)
    fewest = int(held[held > 0].min())
    variances = np.bincount(strata, weights=np.square(by_unit))
    doubt = float((variances**2 / np.maximum(held - 1, 1)).sum())
    df = float(variances.sum() ** 2 / doubt) if doubt > 0 else fewest - 1
    return Influence(by_unit=by_unit, df=df, fewest=fewest, method="jackknife")


def _strata(units: Codes, classes: Codes) -> Codes:
    """(units,): the class of each; where it has several, the one that the fewest units have."""
    has = np.zeros((int(units.max()) + 1, int(classes.max()) + 1), dtype=np.bool_)
    has[units, classes] = True
    strata: Codes = np.where(has, has.sum(axis=0), len(has) + 1).argmin(axis=1)
    return strata


def _grouped(units: Codes, strata: Codes) -> Codes:
    """Units, or random groups of them that part the units of a class as far as they go."""
    total = len(strata)
    if total <= MOST_GROUPS:
        return units
    order = np.lexsort((np.random.default_rng(0).random(total), strata))
    place = np.empty(total, dtype=np.int64)
    place[order] = np.arange(total) % MOST_GROUPS
    return place[units]


def _spread(moved: Array, groups: Codes, units: Codes) -> Array:
    """(groups,) -> (units,): a group's number at its first unit, so that two models agree."""
    if groups is units:
        return moved
    by_unit = np.zeros(int(units.max()) + 1)
    first = np.unique(groups, return_index=True)[1]
    by_unit[units[first]] = moved
    return by_unit
