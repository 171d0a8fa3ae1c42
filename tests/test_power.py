"""What a difference can show: against scipy, and against the rule played many times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp

from harness.statistics.power import bound, chance, minimum_detectable_effect, p_below


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 50))
def test_p_is_that_of_the_paired_t_test(seed: int, n: int) -> None:
    apart = np.random.default_rng(seed).normal(size=n)
    error = apart.std(ddof=1) / np.sqrt(n)
    expected = ttest_1samp(apart, 0, alternative="less").pvalue
    assert p_below(apart.mean(), error, n - 1, n) == pytest.approx(expected, rel=1e-9)


def test_without_scatter_p_is_that_of_the_sign_test() -> None:
    assert p_below(-1.0, 0.0, 5, 6) == 0.5**6
    assert p_below(0.0, 0.0, 5, 6) == p_below(1.0, 0.0, 5, 6) == 1.0


def test_the_bound_is_where_p_is_the_level() -> None:
    effect, error, df = 0.02, 0.03, 40
    lower = bound(effect, error, df, 0.01)
    assert p_below(-(effect - lower), error, df, 41) == pytest.approx(0.01)


@settings(deadline=None)
@given(st.floats(0.001, 0.1), st.floats(0, 0.5), st.sampled_from([0.01, 0.001]))
def test_the_minimum_detectable_effect_is_seen_four_times_in_five(
    error: float, margin: float, level: float
) -> None:
    drop = minimum_detectable_effect(lambda drop: error * (1 + drop), 99, margin, level)
    assert drop is not None
    assert drop > margin
    assert chance(drop, error * (1 + drop), 99, margin, level) == pytest.approx(0.8, abs=1e-3)


def test_the_chance_is_that_of_the_rule_played() -> None:
    rng, error, df = np.random.default_rng(0), 0.02, 60
    effects = rng.normal(-0.06, error, 100_000)
    for margin in (0.0, 0.05, 0.06):
        called = (effects < -margin) & (effects / error < -t.ppf(0.99, df))
        assert chance(0.06, error, df, margin, 0.01) == pytest.approx(called.mean(), abs=0.005)


def test_no_drop_within_reach_is_none_and_without_error_all_are_seen() -> None:
    assert minimum_detectable_effect(lambda _: 0.3, 20, 0.0, 0.01, largest=0.5) is None
    assert chance(0.06, 0.0, 9, 0.05, 0.01) == 1.0
    assert chance(0.04, 0.0, 9, 0.05, 0.01) == 0.0
