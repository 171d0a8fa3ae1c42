"""McNemar's test: do two models decide equally many of the same cases rightly?"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom  # type: ignore[import-untyped]

Right = NDArray[np.bool_]


def mcnemar(a: Right, b: Right, units: NDArray[np.int64]) -> float:
    """Two-sided exact p. a, b: (n,) whether each model is right; units: (n,) codes 0, 1, ...

    Were the models alike, the two of them could change places on every unit. So each unit's
    difference, of cases that `a` alone has right minus those that `b` alone has, is as likely to
    have the other sign, and p is the share of all choices of signs whose sum is as far from 0 as
    the one found. With one case a unit that is the exact test of McNemar (1947), a binomial of the
    discordant cases; with several it needs no assumption about cases of one unit, where the usual
    test needs them independent. Never approximated, whatever n.
    """
    moved = np.bincount(units, weights=a.astype(np.float64) - b)
    sizes, times = np.unique(np.abs(moved[moved != 0]).astype(np.int64), return_counts=True)
    chances: NDArray[np.floating] = np.ones(1)
    for size, count in zip(sizes, times, strict=True):
        chances = np.convolve(chances, _signed(int(size), int(count)))
    sums = 2 * np.arange(len(chances)) - (len(chances) - 1)
    far = np.abs(sums) >= abs(round(moved.sum()))
    return min(1.0, float(chances[far].sum()))


def _signed(size: int, count: int) -> NDArray[np.float64]:
    """Chances of the sums of `count` numbers, each size or -size: at -size * count, then by 2."""
    chances = np.zeros(size * count + 1)
    chances[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
    return chances
