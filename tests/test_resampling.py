"""Resampling: what is drawn, scipy's bootstrap and scikit-learn's AUC on the same resamples."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.metrics import average_precision_score, roc_auc_score
from test_compare import predictions

from harness.metrics import average_precision, roc_auc
from harness.statistics import resampling as module
from harness.statistics.resampling import (
    Array,
    Measure,
    percentile_interval,
    percentile_p,
    replicates,
    resample_weights,
)

quickly = settings(max_examples=30, deadline=None, derandomize=True)


def mean_of(cases: Array) -> Measure:
    """The weighted mean of a column of cases."""
    return lambda weights: np.asarray(weights @ cases / weights.sum(axis=1))


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


def test_weights_are_how_often_the_drawn_numbers_name_a_case() -> None:
    clusters = np.random.default_rng(0).permutation(np.arange(40) % 8)
    weights = resample_weights(clusters, 30, np.random.default_rng(9))
    drawn = np.random.default_rng(9).integers(8, size=(30, 8))
    assert (weights == (drawn[:, :, None] == clusters).sum(axis=1)).all()


@pytest.mark.parametrize("at_once", [1, 7_000, 10**9])
def test_pieces_change_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = np.random.default_rng(0).normal(size=60)
    whole = resample_weights(np.arange(60), 300, np.random.default_rng(5))
    monkeypatch.setattr(module, "_WEIGHTS_AT_ONCE", at_once)
    values = replicates([mean_of(cases), mean_of(-cases)], np.arange(60), 300, 5)
    assert values[0] == pytest.approx(whole @ cases / 60, rel=1e-12)
    assert values[1] == pytest.approx(-values[0], rel=1e-12)


@pytest.mark.parametrize("measure", [roc_auc.measure, average_precision.measure])
def test_memory_is_bounded(measure: Measure) -> None:
    """Of 1,000 resamples of 20,000 cases the weights alone would take 160 MB."""
    table = predictions(1, n=20_000)
    tracemalloc.start()
    replicates([partial(measure, table)], np.arange(20_000), 1_000, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def test_a_mean_is_scipys_bootstrap_on_the_same_resamples() -> None:
    cases = np.random.default_rng(2).normal(size=80)
    theirs = bootstrap(
        (cases,), np.mean, n_resamples=500, method="percentile", rng=np.random.default_rng(4)
    )
    [ours] = replicates([mean_of(cases)], np.arange(80), 500, seed=4)
    assert ours == pytest.approx(theirs.bootstrap_distribution, rel=1e-12, abs=1e-12)
    interval = theirs.confidence_interval
    assert percentile_interval(ours, 0.95) == pytest.approx((interval.low, interval.high))


@quickly
@given(
    seed=st.integers(0, 10**6),
    units=st.integers(3, 60),
    positives=st.sampled_from([1, 2, 20, 40, 58, 59]),
    levels=st.sampled_from([3, 10**6]),
)
def test_ranked_metrics_of_both_models_are_scikit_learns_on_the_same_resamples(
    seed: int, units: int, positives: int, levels: int
) -> None:
    """Few positives or many, ties or none, subjects of several images."""
    rng = np.random.default_rng(seed)
    codes, truth = rng.integers(units, size=60), rng.permutation(60) < positives
    codes[:units] = np.arange(units)
    scores = np.round(rng.random((2, 60)) * levels) / levels
    weights = resample_weights(codes, 8, np.random.default_rng(seed))
    pairs = (
        (roc_auc._area, roc_auc_score),
        (average_precision._area, average_precision_score),
    )
    for ours, theirs in pairs:
        measures = [partial(ours, truth, score) for score in scores]
        found = replicates(measures, codes, 8, seed)
        for k, row in enumerate(weights):
            there = np.unique(truth[row > 0])
            expected = [
                theirs(truth, score, sample_weight=row) if len(there) == 2 else np.nan
                for score in scores
            ]
            assert found[:, k] == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_percentiles_leave_equal_tails() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1_001.0))
    assert percentile_interval(values, 0.95) == pytest.approx((25, 975))
    assert percentile_interval(values, 0.5) == pytest.approx((250, 750))


@quickly
@given(seed=st.integers(0, 10**6), shift=st.floats(-4, 4), level=st.sampled_from([0.8, 0.95]))
def test_p_is_small_where_the_interval_leaves_0_out(seed: int, shift: float, level: float) -> None:
    values = np.random.default_rng(seed).normal(shift, size=2_000)
    low, high = percentile_interval(values, level)
    p = percentile_p(values)
    assert p == percentile_p(-values)
    if abs(p - (1 - level)) > 0.002:  # the two round differently
        assert (p < 1 - level) == (not low <= 0 <= high)


def test_p_is_never_0_and_1_where_nothing_moves() -> None:
    assert percentile_p(np.ones(999)) == 2 / 1_000
    assert percentile_p(np.zeros(999)) == 1.0
