"""How far one sample is shifted against another: Mann-Whitney's test, Hodges and Lehmann's ratio.

All exact, and free of any model of the times but that a change multiplies them.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

METHOD = "Hodges-Lehmann ratio, interval and one-sided p by the exact Mann-Whitney distribution"

Array = NDArray[np.float64]


def mann_whitney(a: Array, b: Array) -> float:
    """One-sided p of (m,) values that lie above (n,) others; one or more each, up to 500.

    The share of all ways to draw m of the m + n midranks whose sum is as large (Mann and Whitney,
    1947; with ties the permutation distribution given those ties).
    """
    doubled = np.rint(2 * rankdata(np.concatenate([a, b]))).astype(np.int64)
    chances = _sums(tuple(np.sort(doubled).tolist()), len(a))
    return min(1.0, float(chances[int(doubled[: len(a)].sum()) :].sum()))


def ratio(a: Array, b: Array) -> float:
    """How many times as large (m,) positive values are as (n,) others (Hodges and Lehmann, 1963).

    The median of all m * n quotients, taken of their logarithms.
    """
    return math.exp(float(np.median(_logarithms(a, b))))


def ratio_interval(a: Array, b: Array, level: float) -> tuple[float, float] | None:
    """The two-sided interval of `ratio` between two of all quotients; None where too few values.

    With k the most for which P(U < k) is at most (1 - level) / 2, it goes from the k-th quotient to
    the k-th from the end (Hollander, Wolfe and Chicken, 2014, section 4.3). So its lower end is
    above 1 exactly where `mann_whitney` is at most (1 - level) / 2, and no values are equal.
    """
    m, n = len(a), len(b)
    chances = _sums(tuple(range(2, 2 * (m + n) + 1, 2)), m)[m * (m + 1) :: 2]
    k = int((np.cumsum(chances) <= (1 - level) / 2).sum())
    if k == 0:
        return None
    ordered = np.sort(_logarithms(a, b))
    return math.exp(float(ordered[k - 1])), math.exp(float(ordered[-k]))


def noise(values: Array) -> float:
    """`ratio`, or its inverse if that is larger, of the odd against the even of two or more."""
    apart = ratio(values[::2], values[1::2])
    return max(apart, 1 / apart)


def fewest(p: float) -> int:
    """The fewest values a side of which `mann_whitney` can be as small as `p`, above 0."""
    n = 1
    while 1 / math.comb(2 * n, n) > p:
        n += 1
    return n


def _logarithms(a: Array, b: Array) -> Array:
    differences: Array = np.subtract.outer(np.log(a), np.log(b)).ravel()
    return differences


@functools.lru_cache(maxsize=64)
def _sums(ranks: tuple[int, ...], drawn: int) -> Array:
    """(sum of all + 1,): the chance of each sum of `drawn` of the ranks, one rank after the other.

    The shift algorithm of Streitberg and Roehmel (1986).
    """
    ways = np.zeros((drawn + 1, sum(ranks) + 1))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    chances: Array = ways[drawn] / ways[drawn].sum()
    return chances
