"""The permutation test of a paired difference: two models change places on whole units."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.statistics.resampling import Array, Measure

PERMUTATIONS = 9_999
MOST_EXACT = 2**12
"""Up to as many choices are all made: 12 units."""
_WEIGHTS_AT_ONCE = 2**18
_ROUNDING = 1e-12


def permutation(
    pairs: Sequence[Measure], units: NDArray[np.int64], *, seed: int = 0
) -> tuple[float, int | None]:
    """Two-sided p of a difference, and of how many random choices, None where all were made.

    pairs: one measure a seed, of the (2 n) cases as model `a` answers them and again as `b` does;
    weights of 1 and 0 choose between the two answers to a case. units: (n,) codes 0, 1, ...
    The difference is the mean over `pairs`; on the units that a choice names, the models change
    places in all of them. p is the share of choices, the one found among them, with a difference
    at least as large (Phipson and Smyth, 2010); an undefined one counts as large. NaN where the
    one found is undefined.
    """
    total = int(units.max()) + 1
    [found] = _differences(pairs, np.zeros((1, total), dtype=np.bool_), units)
    if np.isnan(found):
        return np.nan, None
    limit = abs(found) - _ROUNDING * max(1.0, abs(found))
    exact = 2**total <= MOST_EXACT
    reached = made = 0
    for swapped in _choices(total, exact, len(units), seed):
        differences = _differences(pairs, swapped, units)
        reached += int(np.count_nonzero(~(np.abs(differences) < limit)))
        made += len(swapped)
    if exact:
        return reached / made, None
    return (reached + 1) / (made + 1), made


def _choices(total: int, exact: bool, cases: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which units change places, (choices, units) at a time: every choice, or random ones."""
    step = max(16, _WEIGHTS_AT_ONCE // cases)
    rng = np.random.default_rng(seed)
    last = 2**total if exact else PERMUTATIONS
    for start in range(0, last, step):
        made = min(step, last - start)
        if exact:
            yield (np.arange(start, start + made)[:, None] >> np.arange(total)) % 2 == 1
        else:
            yield rng.random((made, total)) < 0.5


def _differences(
    pairs: Sequence[Measure], swapped: NDArray[np.bool_], units: NDArray[np.int64]
) -> Array:
    """(choices,) differences: the answers that a choice gives to `a`, against all others."""
    other = swapped.T.take(units, axis=0)
    a = np.concatenate([~other, other]).astype(np.float64).T
    by_pair = [measure(a) - measure(1 - a) for measure in pairs]
    mean: Array = np.mean(by_pair, axis=0)
    return mean
