"""Confidence intervals of a metric from its influence by unit; docs/intervals.md compares them."""

import dataclasses
import math

from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]

from harness.statistics.influence import Influence

FEWEST_UNITS = 3

TINY = 1e-15
"""No share is as near to a bound, and no variance as small, but by rounding."""

MOST_DOUBT = 300.0
"""No logarithm is less sure than this: a value of any size keeps a finite interval."""

Range = tuple[float, float]
"""The least and the greatest value that a metric can have; either may be infinite."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """`ci` is (low, high) at `level`, or both are None; `method` says how, or why there is none."""

    ci: tuple[float, float] | None = None
    level: float | None = None
    method: str


def interval(
    value: float, influence: Influence, bounds: Range, *, level: float, over: str
) -> Interval:
    """Of one value with its influence by unit; `over` names the units.

    Within two bounds the score interval of Wilson (1927), its n being what the variance is worth,
    so that it neither leaves the bounds nor shrinks to nothing at them; above one bound symmetric
    in the logarithm; else symmetric. Quantiles are Student's, or the normal ones for a binomial.
    """
    units = len(influence.by_unit)
    if units < FEWEST_UNITS:
        return Interval(method=f"no interval from fewer than {FEWEST_UNITS} {over}s")
    if not (math.isfinite(influence.error) and influence.df >= 1):
        return Interval(method=f"no interval where a class has fewer than two {over}s")
    low, high = bounds
    quantile = _quantile(influence, (1 + level) / 2)
    if math.isfinite(low) and math.isfinite(high):
        ci = _score(value, influence, bounds, quantile)
    elif math.isfinite(low) and value > low and influence.error > 0:
        factor = math.exp(min(quantile * influence.error / (value - low), MOST_DOUBT))
        ci = low + (value - low) / factor, low + (value - low) * factor
    elif influence.error > 0:
        ci = value - quantile * influence.error, value + quantile * influence.error
    else:
        return Interval(method=f"no interval where all {over}s agree")
    return Interval(ci=ci, level=level, method=_named(influence, bounds, over))


def _quantile(influence: Influence, probability: float) -> float:
    if influence.binomial:
        return float(ndtri(probability))
    return float(stdtrit(influence.df, probability))


def _score(
    value: float, influence: Influence, bounds: Range, quantile: float
) -> tuple[float, float]:
    """Wilson's interval of a share that has this variance, on the scale of the bounds.

    A variance of 0, as at a bound, says nothing: its n is then the number of units that count. No
    estimate is worth less than one unit.
    """
    low, width = bounds[0], bounds[1] - bounds[0]
    share, variance = (value - low) / width, (influence.error / width) ** 2
    inner = max(share * (1 - share), 0.0)
    if influence.binomial or inner < TINY or variance < TINY:
        n = influence.df + 1
    else:
        n = max(inner / variance, 1.0)
    square = quantile**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * math.sqrt(inner / n + square / (4 * n**2))
    ends = min(middle - half, share), max(middle + half, share)
    return low + width * ends[0], low + width * ends[1]


def _named(influence: Influence, bounds: Range, over: str) -> str:
    if influence.binomial:
        return f"Wilson over {over}s"
    shape = {2: "score interval", 1: "interval of the logarithm"}.get(
        sum(map(math.isfinite, bounds)), "interval"
    )
    return f"{shape} over {over}s, {influence.method}, t with {influence.df:g} df"
