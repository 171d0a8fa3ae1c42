"""What metrics of ranked cases share: weights summed between neighbouring scores.

Which cases go into which sum depends on labels and scores alone, so it is a sparse matrix that is
made once and multiplied by the weights of every resample.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]

Array = NDArray[np.float64]


@functools.lru_cache(maxsize=8)
def rivals(positive: bytes, score: bytes) -> tuple[csr_array, csr_array]:
    """For the Mann-Whitney statistic: (sums, n) of the rivals, and (sums - 1, n) of the wanted.

    The wanted are the rarer class, one sum a distinct score from the worst; row g of the rivals
    are those beaten by the g-th and not by the one before. One that ties is half in two rows.
    Arguments are the bytes of (n,) bool and float64.
    """
    wanted, ranks = np.frombuffer(positive, np.bool_), np.frombuffer(score)
    if 2 * np.count_nonzero(wanted) > len(wanted):
        wanted, ranks = ~wanted, -ranks
    marks, own = np.unique(ranks[wanted], return_inverse=True)
    against = np.flatnonzero(~wanted)
    rows = [np.searchsorted(marks, ranks[against], side) for side in ("left", "right")]
    halves = np.full(2 * len(against), 0.5)
    twice = np.concatenate([against, against])
    return (
        _sums(np.concatenate(rows), twice, halves, len(marks) + 1, len(wanted)),
        _sums(own, np.flatnonzero(wanted), np.ones(len(own)), len(marks), len(wanted)),
    )


@functools.lru_cache(maxsize=8)
def calls(positive: bytes, score: bytes) -> tuple[csr_array, csr_array]:
    """For precision at each distinct score of a positive, the highest first: (sums, n) twice.

    Row g of the first are all cases called at the g-th score and not at the one before, of the
    second the positives of them. Arguments are the bytes of (n,) bool and float64.
    """
    true, ranks = np.frombuffer(positive, np.bool_), -np.frombuffer(score)
    marks, own = np.unique(ranks[true], return_inverse=True)
    rows = np.searchsorted(marks, ranks)
    called = np.flatnonzero(rows < len(marks))
    return (
        _sums(rows[called], called, np.ones(len(called)), len(marks), len(true)),
        _sums(own, np.flatnonzero(true), np.ones(len(own)), len(marks), len(true)),
    )


def _sums(
    rows: NDArray[np.int64], cases: NDArray[np.int64], share: Array, height: int, width: int
) -> csr_array:
    """Which sum each case goes into; the same case twice in one sum counts with both shares."""
    return csr_array((share, (rows, cases)), shape=(height, width))
