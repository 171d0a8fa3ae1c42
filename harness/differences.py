"""What a paired difference of two models is, and what it can show."""

import dataclasses
import math
from typing import Any

from harness.cases import Cases
from harness.statistics.power import bound, minimum_detectable_effect

ROUNDING = 1e-6
"""What differs by less was computed in another order, or written in fewer digits."""


def alike(a: Cases, b: Cases) -> bool:
    """Whether every case is answered the same, but for rounding."""
    return a.alike(b, ROUNDING)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`effect` is a minus b in the better direction, so that above 0 is a gain.

    `p` is two-sided, `below` and `above` are one-sided, of a loss and of a gain. `fewest` are the
    units of the rarest class that it rests on; `same` says that every case is answered alike.
    `bounds` are those of the metric, `errors` the standard errors of a and of b, and `correlation`
    that of the two.
    """

    metric: str
    a: float
    b: float
    effect: float
    ci: tuple[float, float]
    level: float
    below: float
    above: float
    error: float
    df: float
    fewest: int
    n: int
    over: str
    method: str
    bounds: tuple[float, float] = (-math.inf, math.inf)
    better: float = 1.0
    errors: tuple[float, float] = (0.0, 0.0)
    correlation: float = 0.0
    same: bool = False

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.below, self.above))

    def tested(self, p: float, **changes: Any) -> "Difference":
        """With the two-sided p of another test, and other changes."""
        below, above = (1 - p / 2, p / 2) if self.effect > 0 else (p / 2, 1 - p / 2)
        return dataclasses.replace(self, below=below, above=above, **changes)

    @property
    def room(self) -> float:
        """The largest loss that there can be, from b; endless where the metric has no such end."""
        low, high = self.bounds
        return self.b - low if self.better > 0 else high - self.b

    def lower(self, level: float) -> float:
        """The one-sided bound that the true effect is below with a chance of `level`.

        Where no unit differs, that of a loss which none of the `fewest` units shows: with more than
        1 - level^(1 / fewest) of them worse, one would have been seen.
        """
        if self.error > ROUNDING or self.same or not math.isfinite(self.room):
            return bound(self.effect, self.error, self.df, level)
        unseen: float = 1 - level ** (1 / max(self.fewest, 1))
        return self.effect - self.room * unseen

    def error_at(self, drop: float) -> float:
        """The standard error were a worse than b by `drop`, 0 or more.

        Between two bounds a variance goes with (value - low)(high - value), as that of a share
        does, and the correlation stays; a share at a bound is worth the units that bear on it. It
        is as much larger as the error of now is than that of the loss of now. Else it is that of
        now.
        """
        if not all(map(math.isfinite, self.bounds)):
            return self.error
        now = self._modelled(max(-self.effect, 0.0))
        return self._modelled(drop) * max(self.error / now if now > 0 else 1.0, 1.0)

    def _modelled(self, drop: float) -> float:
        low, high = self.bounds
        lower = min(max(self.b - self.better * drop, low), high)
        room, error = (self.b - low) * (high - self.b), self.errors[1]
        worth = room / error**2 if room > 0 and error > 0 else self.df + 1
        dropped = math.sqrt((lower - low) * (high - lower) / worth)
        both = dropped**2 + error**2 - 2 * self.correlation * dropped * error
        return math.sqrt(max(both, 0.0))

    def detectable(self, margin: float, level: float) -> float | None:
        """The drop that a gate with this margin calls a regression with 80 % probability.

        None where there is none that large, or no error to tell it from.
        """
        if self.error <= ROUNDING:
            return None
        return minimum_detectable_effect(self.error_at, self.df, margin, level, self.room)
