"""Intervals: what is resampled, what is left out, and how often the truth is inside."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.statistics import intervals as module
from harness.statistics.intervals import (
    Interval,
    Measure,
    intervals,
    percentile_interval,
    replicates,
    resample_weights,
)

Array = NDArray[np.float64]


def mean_of(cases: Array) -> Measure:
    """The weighted mean of a column of cases."""
    return lambda weights: np.asarray(weights @ cases / weights.sum(axis=1))


def bounds(interval: Interval) -> tuple[float, float]:
    assert interval.ci is not None
    return interval.ci


def test_a_drawn_cluster_brings_all_its_cases() -> None:
    clusters = np.array([0, 1, 1, 2, 0, 3])
    weights = resample_weights(clusters, 5_000, np.random.default_rng(0))
    assert weights.shape == (5_000, 6)
    firsts = weights[:, [0, 1, 3, 5]]
    assert (weights == firsts[:, clusters]).all()
    assert (firsts.sum(axis=1) == 4).all()
    assert len(np.unique(firsts, axis=0)) == 35  # multisets of 4 from 4: all are drawn
    assert firsts.mean(axis=0) == pytest.approx(1, abs=0.05)


def test_multiplicities_are_multinomial() -> None:
    """A case is in a resample of n with probability 1 - (1 - 1/n)^n, with variance 1 - 1/n."""
    weights = resample_weights(np.arange(50), 4_000, np.random.default_rng(1))
    assert (weights > 0).mean() == pytest.approx(1 - (1 - 1 / 50) ** 50, abs=0.003)
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)


@pytest.mark.parametrize("at_once", [1, 7_000, 10**9])
def test_pieces_change_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = np.random.default_rng(0).normal(size=60)
    whole = resample_weights(np.arange(60), 300, np.random.default_rng(5))
    monkeypatch.setattr(module, "_WEIGHTS_AT_ONCE", at_once)
    values = replicates([mean_of(cases), mean_of(-cases)], np.arange(60), 300, 5)
    assert values[0] == pytest.approx(whole @ cases / 60, rel=1e-12)
    assert values[1] == pytest.approx(-values[0], rel=1e-12)


def test_memory_is_bounded() -> None:
    """Of 1,000 resamples of 20,000 cases the weights alone would take 160 MB."""
    cases = np.ones(20_000)
    tracemalloc.start()
    replicates([mean_of(cases)], np.arange(20_000), 1_000, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def test_same_seed_same_interval() -> None:
    measure = mean_of(np.random.default_rng(0).normal(size=40))
    first, again, other = (
        intervals([measure], np.arange(40), level=0.9, seed=seed)[0] for seed in (0, 0, 1)
    )
    assert first == again
    assert first.ci != other.ci


def test_percentiles_leave_equal_tails() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1_001.0))
    assert percentile_interval(values, 0.95) == pytest.approx((25, 975))
    assert percentile_interval(values, 0.5) == pytest.approx((250, 750))


def test_width_of_a_mean_is_the_textbooks() -> None:
    cases = np.random.default_rng(2).normal(size=400)
    [interval] = intervals([mean_of(cases)], np.arange(400), level=0.95, resamples=20_000)
    low, high = bounds(interval)
    assert high - low == pytest.approx(2 * 1.96 * cases.std() / 20, rel=0.03)
    assert interval.level == 0.95
    assert interval.method == "percentile bootstrap over images, 20000 resamples"


@pytest.mark.parametrize("units", [0, 1, 2, 3])
def test_too_few_units_have_no_interval(units: int) -> None:
    clusters = np.repeat(np.arange(units), 10)
    cases = np.random.default_rng(0).normal(size=len(clusters))
    [interval] = intervals([mean_of(cases)], clusters, level=0.95, over="subject")
    assert (interval.ci is None) == (interval.level is None) == (units < 3)
    if units < 3:
        assert interval.method == "no interval from fewer than 3 subjects"


@pytest.mark.parametrize(("undefined", "left"), [(0, True), (4, True), (5, False), (100, False)])
def test_undefined_replicates(undefined: int, left: bool) -> None:
    """Of 100: the first few undefined, the others 1, 2, 3 ..."""

    def measure(weights: Array) -> Array:
        values = np.arange(1.0, len(weights) + 1)
        values[:undefined] = np.nan
        return values

    [interval] = intervals([measure], np.arange(9), level=0.9, resamples=100)
    assert interval.undefined_share == undefined / 100
    if not left:
        assert interval.ci is None
        assert interval.method == f"no interval: {undefined:.1f}% of 100 resamples undefined"
        return
    assert interval.ci == percentile_interval(np.arange(undefined + 1.0, 101), 0.9)
    assert interval.method.endswith("4 of them undefined and left out") == (undefined == 4)


def coverage(per_subject: int, over_subjects: bool) -> float:
    """How often 95 % intervals hold the true 0.8, where all images of a subject share one fate."""
    rng = np.random.default_rng(11)
    subjects = np.repeat(np.arange(60), per_subject)
    clusters = subjects if over_subjects else np.arange(len(subjects))
    inside = 0
    for _ in range(250):
        right = (rng.random(60) < 0.8)[subjects].astype(np.float64)
        [interval] = intervals([mean_of(right)], clusters, level=0.95, resamples=400)
        low, high = bounds(interval)
        inside += low <= 0.8 <= high
    return inside / 250


def test_intervals_cover() -> None:
    assert 0.90 <= coverage(per_subject=1, over_subjects=False) <= 0.98


def test_intervals_over_subjects_cover_where_those_over_images_do_not() -> None:
    assert 0.90 <= coverage(per_subject=4, over_subjects=True) <= 0.98
    assert coverage(per_subject=4, over_subjects=False) < 0.75
