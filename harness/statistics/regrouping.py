"""Random groups: how far a group is from the rest where membership means nothing."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.statistics.resampling import Array, Measure

_WEIGHTS_AT_ONCE = 2**18
_ROUNDING = 1e-12


def whole(member: NDArray[np.bool_], units: NDArray[np.int64]) -> bool:
    """Whether each unit is in the (n,) group with all of its cases, or with none."""
    inside = np.bincount(units, weights=member)
    return bool(((inside == 0) | (inside == np.bincount(units))).all())


def regrouped(
    measure: Measure, member: NDArray[np.bool_], units: NDArray[np.int64], draws: int, seed: int = 0
) -> tuple[Array, Array]:
    """(draws,) values of random groups of as many units as `member` has, and of their rests.

    member: (n,); units: (n,) codes 0, 1, ... Where a unit is only in part in the group, cases are
    drawn in place of units. NaN where undefined.
    """
    codes = units if whole(member, units) else np.arange(len(member))
    inside = np.zeros(int(codes.max()) + 1, dtype=np.bool_)
    inside[codes[member]] = True
    values = [(measure(drawn), measure(1 - drawn)) for drawn in _drawn(inside, codes, draws, seed)]
    groups, rests = (np.concatenate(each) for each in zip(*values, strict=True))
    return groups, rests


def summed(values: Array, size: int, draws: int, seed: int = 0) -> Array:
    """(draws,) sums of `size` of the (units,) values, taken at random and none of them twice.

    Where the values are how much each unit moves an estimate, they are about as far apart as random
    groups of that size: as fast for every metric.
    """
    if size > len(values) / 2:
        others: Array = values.sum() - summed(values, len(values) - size, draws, seed)
        return others
    rng, step = np.random.default_rng(seed), max(16, _WEIGHTS_AT_ONCE // len(values))
    found = np.zeros(draws)
    for start in range(0, draws if size else 0, step):
        keys = rng.random((min(step, draws - start), len(values)), dtype=np.float32)
        taken = np.argpartition(keys, size - 1, axis=1)[:, :size]
        found[start : start + step] = values[taken].sum(axis=1)
    return found


def p_of(effect: float, drawn: Array) -> float:
    """The share of effects, the one found among them, that are as far from the mean of `drawn`.

    An undefined one counts as far (Phipson and Smyth, 2010).
    """
    centre = np.nanmean(drawn)
    limit = abs(effect - centre) - _ROUNDING
    reached = int(np.count_nonzero(~(np.abs(drawn - centre) < limit)))
    return (reached + 1) / (len(drawn) + 1)


def _drawn(
    inside: NDArray[np.bool_], codes: NDArray[np.int64], draws: int, seed: int
) -> Iterator[Array]:
    """(draws, n) weights of 1 and 0, some at a time."""
    rng, step = np.random.default_rng(seed), max(16, _WEIGHTS_AT_ONCE // len(codes))
    for start in range(0, draws, step):
        made = min(step, draws - start)
        shuffled = rng.permuted(np.tile(inside, (made, 1)), axis=1)
        yield shuffled[:, codes].astype(np.float64)
