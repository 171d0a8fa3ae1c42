"""Percentiles that are samples, their exact intervals, and how many samples a percentile needs."""

import functools
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom  # type: ignore[import-untyped]

METHOD = "nearest rank, binomial order statistics"


def percentile(samples: Sequence[float], percent: int) -> float:
    """The smallest sample with at least `percent` % of all samples at or below it.

    The nearest rank, ceil(n * percent / 100), in whole numbers: definition 1 of Hyndman and Fan
    (1996), numpy's `inverted_cdf`. So the result is always a sample, and the median of an even
    number of samples is the lower of the two in the middle. `percent` is 1 to 100.
    """
    rank = -(-len(samples) * percent // 100)
    return sorted(samples)[rank - 1]


def percentile_interval(
    samples: Sequence[float], percent: int, level: float
) -> tuple[float, float] | None:
    """A two-sided interval of the percentile between two order statistics, free of any model.

    The number of samples below the true percentile is Bin(n, percent / 100), so samples l and u,
    counted from 1, hold it between them with probability P(l <= Bin < u). Each tail is at most
    (1 - level) / 2 (Conover, Practical Nonparametric Statistics, section 3.2). None where there
    are too few samples for such l and u: fewer than 6 for a median at 0.95.
    """
    tail = (1 - level) / 2
    lower, below_upper = binom.ppf([tail, 1 - tail], len(samples), percent / 100)
    if lower < 1 or below_upper >= len(samples):
        return None
    ordered = sorted(samples)
    return ordered[int(lower) - 1], ordered[int(below_upper)]


@functools.cache
def samples_needed(percent: int) -> int:
    """The fewest samples that make a tail percentile a claim: 11, 64, 130, 662 for 50, 90, 95, 99.

    The smallest n with P(Bin(n, 1 - percent / 100) <= 1) <= 0.01: MLPerf Inference's early
    stopping at a confidence of 0.99. `percent` is 1 to 99.
    """
    sizes = np.arange(1, 2_000)
    enough = binom.cdf(1, sizes, 1 - percent / 100) <= 0.01
    return int(sizes[enough][0])
