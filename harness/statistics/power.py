"""What a paired difference can show: its p value, and the drop that a gate's rule would see."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.special import ndtr, stdtr, stdtrit  # type: ignore[import-untyped]

POWER = 0.8

Error = Callable[[float], float]
"""A true drop, 0 or more -> the standard error of the difference at that drop."""


def p_below(effect: float, error: float, df: float, fewest: int) -> float:
    """One-sided p of a difference below 0, by Student's t.

    Without any error that of the sign test on `fewest` units: they all moved alike, or none did.
    """
    if error == 0:
        return 1.0 if effect >= 0 else 0.5**fewest
    return float(stdtr(df, effect / error))


def bound(effect: float, error: float, df: float, level: float) -> float:
    """The one-sided lower confidence bound of a difference; `level` is the chance to be above."""
    return effect - float(stdtrit(df, 1 - level)) * error


def chance(drop: float, error: float, df: float, margin: float, level: float) -> float:
    """That a true drop is called a regression: below 0 at `level`, and by more than the margin."""
    if error == 0:
        return float(drop > margin)
    limit = max(margin, float(stdtrit(df, 1 - level)) * error)
    return float(ndtr((drop - limit) / error))


def minimum_detectable_effect(
    error: Error, df: float, margin: float, level: float, largest: float = np.inf
) -> float | None:
    """The drop that is called a regression with 80 % probability; None where none up to `largest`.

    Solved with the standard error at that drop, since a worse model's errors scatter differently.
    """

    def lacking(drop: float) -> float:
        return chance(drop, error(drop), df, margin, level) - POWER

    high = min(largest, max(margin, 10 * error(0.0), 1e-9))
    while lacking(high) < 0:
        if high >= largest or high > 1e12:
            return None
        high = min(largest, 2 * high)
    return float(brentq(lacking, 0.0, high, xtol=1e-9)) if lacking(0.0) < 0 else 0.0
