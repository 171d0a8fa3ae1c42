"""Models over several datasets: mid-ranks, Friedman's test, Wilcoxon's signed ranks, all exact."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata  # type: ignore[import-untyped]

DECIMALS = 12
"""What differs by less than this is equal: 0.85 - 0.80 and 0.90 - 0.85 are one difference."""

Array = NDArray[np.float64]


def midranks(values: Array) -> Array:
    """(datasets, models), more being better -> ranks in each dataset, 1 the best.

    Equal values share the mean of their places.
    """
    return np.asarray(rankdata(-np.round(values, DECIMALS), axis=1), dtype=np.float64)


def friedman(ranks: Array) -> tuple[float, float]:
    """(datasets, models) mid-ranks -> chi-square and p that all models rank alike.

    Friedman (1937), divided by the share that ties leave (Conover, 1999, section 5.8).
    """
    datasets, models = ranks.shape
    middle = (models + 1) / 2
    spread = np.square(ranks - middle).sum()
    if spread == 0:
        return 0.0, 1.0
    between = np.square(ranks.sum(axis=0) - datasets * middle).sum()
    statistic = float((models - 1) * between / spread)
    return statistic, float(chi2.sf(statistic, models - 1))


class Signed(NamedTuple):
    """The two-sided p of signed ranks, and the sum of those above 0 minus that of those below."""

    p: float
    balance: float


def signed_rank(differences: Array) -> Signed:
    """Of paired (datasets,) differences around 0 (Wilcoxon, 1945); those of 0 are left out.

    Of all sign patterns, the share whose rank sum is as extreme: exact for any number and for ties,
    by adding one doubled mid-rank after the other.
    """
    moved = np.round(differences, DECIMALS)
    moved = moved[moved != 0]
    doubled = np.rint(2 * rankdata(np.abs(moved))).astype(np.int64)
    total = int(doubled.sum())
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    for rank in doubled:
        raised = np.zeros_like(chance)
        raised[rank:] = chance[: total + 1 - rank]
        chance = (chance + raised) / 2
    up = int(doubled[moved > 0].sum())
    tail = chance[: min(up, total - up) + 1].sum()
    return Signed(min(1.0, 2 * float(tail)), (2 * up - total) / 2)


def fewest_datasets(models: int, level: float) -> int:
    """From how many datasets on two of so many models can be told apart at all, after Holm.

    The least p of n signed ranks is 2 / 2^n, and one of all pairs has to be below level / pairs.
    """
    pairs = models * (models - 1) // 2
    datasets = 1
    while pairs * 2.0 ** (1 - datasets) > level:
        datasets += 1
    return datasets
