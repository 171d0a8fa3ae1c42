"""How much too good the best of several looks, where chance alone makes the difference."""

import functools
import math

import numpy as np
from scipy.integrate import quad  # type: ignore[import-untyped]
from scipy.stats import norm  # type: ignore[import-untyped]


@functools.cache
def expected_maximum(k: int) -> float:
    """The mean of the largest of `k` independent standard normal numbers; 0 for one.

    The integral of 1 - F(x)^k above 0 minus that of F(x)^k below (David and Nagaraja, 2003).
    """
    above, _ = quad(lambda x: -np.expm1(k * norm.logcdf(x)), 0, 12, epsabs=1e-12)
    below, _ = quad(lambda x: np.exp(k * norm.logcdf(x)), -12, 0, epsabs=1e-12)
    return float(above - below)


def inflation(k: int, error: float, correlation: float) -> float:
    """How far the best of `k` equally good values lies above the truth, on average.

    error: the standard error of each; correlation: of any two of them, from 0 to 1. Of what they
    share none is chosen, so that error * sqrt(1 - correlation) is what the best is the best of.
    """
    return expected_maximum(k) * error * math.sqrt(1 - correlation)
