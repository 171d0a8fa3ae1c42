"""Two estimates on different units, as of a group and the rest: difference, ratio, interval and p.

Zou and Donner's (2008) method of variance estimates recovery: the interval of a difference is put
together from the intervals of its two sides, so it is as good as these are near a bound and for few
units, where a standard error says little. Of two shares it is Newcombe's (1998, method 10).
"""

import dataclasses
import math

from scipy.optimize import brentq  # type: ignore[import-untyped]

from harness.statistics.influence import Influence
from harness.statistics.intervals import Interval, Range, interval

LEAST_P = 1e-12
"""No p is told from 0 below this."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """`value` within `bounds`, with its influence by its own units; `over` names them.

    `centre` is what the value would be on average of as many units taken at random, where that
    depends on their number; else 0.
    """

    value: float
    influence: Influence
    bounds: Range
    over: str
    centre: float = 0.0

    def at(self, level: float) -> Interval:
        """The interval at one level."""
        return interval(self.value, self.influence, self.bounds, level=level, over=self.over)

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.at(0.5).ci is not None


def difference(a: Estimate, b: Estimate, level: float, correlation: float = 0.0) -> Interval:
    """Of a minus b, each less its centre. `correlation` is that of their errors, by shared units.

    Without an interval, and with the sentence why, where a side has none.
    """
    one, other = a.at(level), b.at(level)
    if one.ci is None or other.ci is None:
        return one if one.ci is None else other
    down = _hypot(a.value - one.ci[0], other.ci[1] - b.value, correlation)
    up = _hypot(one.ci[1] - a.value, b.value - other.ci[0], correlation)
    effect = effect_of(a, b)
    return Interval(ci=(effect - down, effect + up), level=level, method=_named(a, b, ""))


def effect_of(a: Estimate, b: Estimate) -> float:
    """A minus b, each less its centre."""
    return (a.value - a.centre) - (b.value - b.centre)


def ratio(a: Estimate, b: Estimate, level: float, correlation: float = 0.0) -> Interval:
    """Of a over b, both above 0, on the scale of the logarithm; else without an interval."""
    one, other = a.at(level), b.at(level)
    if one.ci is None or other.ci is None:
        return one if one.ci is None else other
    if min(a.value, b.value, other.ci[0]) <= 0:
        return Interval(method="no interval of a ratio where a side may be 0")
    x, y = map(math.log, (a.value, b.value))
    lows = [math.log(low) if low > 0 else -math.inf for low in (one.ci[0], other.ci[0])]
    highs = [math.log(high) for high in (one.ci[1], other.ci[1])]
    down = _hypot(x - lows[0], highs[1] - y, correlation)
    up = _hypot(highs[0] - x, y - lows[1], correlation)
    ci = math.exp(x - y - down), math.exp(x - y + up)
    return Interval(ci=ci, level=level, method=_named(a, b, " of logarithms"))


def p_value(a: Estimate, b: Estimate, correlation: float = 0.0) -> float | None:
    """Two-sided: one minus the highest level at which the interval of the difference is without 0.

    1e-12 stands for all that is smaller; None where there is no interval.
    """
    effect = effect_of(a, b)
    if not (a.known and b.known):
        return None
    if effect == 0:
        return 1.0

    def clear(logarithm: float) -> float:
        """How far the nearer end of the interval is from 0, below 0 where 0 is inside."""
        found = difference(a, b, 1 - math.exp(logarithm), correlation).ci
        assert found is not None
        return found[0] if effect > 0 else -found[1]

    least = math.log(LEAST_P)
    if clear(least) >= 0:
        return LEAST_P
    return min(1.0, math.exp(float(brentq(clear, least, 0.0, xtol=1e-6))))


def _hypot(a: float, b: float, correlation: float) -> float:
    """The length of the error of a difference, from those of its sides."""
    longest = max(a, b)
    if longest == 0 or math.isinf(longest):
        return longest
    a, b = a / longest, b / longest
    return longest * math.sqrt(max(a * a + b * b - 2 * correlation * a * b, 0.0))


def _named(a: Estimate, b: Estimate, scale: str) -> str:
    """How it was made: of samples that share units, or not."""
    how = dict.fromkeys((a.influence.method, b.influence.method))
    sized = ", less what random groups of these sizes differ by" if a.centre or b.centre else ""
    return f"two samples, intervals{scale} put together, {' and '.join(how)}{sized}"
