"""Shifts of two samples: against scipy's exact values, brute force, and what must always hold."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from harness.statistics.shift import fewest, mann_whitney, noise, ratio, ratio_interval

sizes = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)
tied = st.lists(st.integers(1, 4), min_size=1, max_size=5)


def drawn(seed, m, n, shift=0.0):
    """(m,) and (n,) log-normal values without ties, the first times exp(shift)."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(shift, 0.3, m)), np.exp(rng.normal(0, 0.3, n))


@given(seeds, sizes, sizes, st.floats(-1, 1))
@settings(max_examples=80, deadline=None)
def test_p_is_scipys_exact_one(seed, m, n, shift):
    a, b = drawn(seed, m, n, shift)
    theirs = mannwhitneyu(a, b, alternative="greater", method="exact").pvalue
    assert mann_whitney(a, b) == pytest.approx(theirs, rel=1e-12)


@given(tied, tied)
@settings(max_examples=60, deadline=None)
def test_p_with_ties_is_the_share_of_all_permutations(a, b):
    everything, wins = a + b, lambda x, y: sum((i > j) + (i == j) / 2 for i in x for j in y)
    reached = wins(a, b)
    shares = []
    for chosen in itertools.combinations(range(len(everything)), len(a)):
        one = [everything[i] for i in chosen]
        other = [everything[i] for i in range(len(everything)) if i not in chosen]
        shares.append(wins(one, other) >= reached)
    assert mann_whitney(np.array(a, float), np.array(b, float)) == pytest.approx(np.mean(shares))


def test_p_of_large_samples_is_scipys():
    a, b = drawn(1, 60, 45, 0.1)
    theirs = mannwhitneyu(a, b, alternative="greater", method="exact").pvalue
    assert mann_whitney(a, b) == pytest.approx(theirs, rel=1e-9)


def test_nothing_but_ties_says_nothing():
    same = np.full(9, 0.25)
    assert mann_whitney(same, same) == 1
    assert ratio(same, same) == noise(same) == 1
    assert ratio_interval(same, same, 0.99) == (1, 1)


@given(seeds, sizes, sizes)
@settings(deadline=None)
def test_the_ratio_is_the_median_of_all_quotients(seed, m, n):
    a, b = drawn(seed, m, n)
    quotients = sorted(x / y for x in a for y in b)
    middle = quotients[(m * n - 1) // 2], quotients[m * n // 2]
    assert ratio(a, b) == pytest.approx(math.sqrt(middle[0] * middle[1]))


@given(seeds, sizes, sizes, st.floats(0.1, 10))
@settings(deadline=None)
def test_the_ratio_turns_round_and_scales(seed, m, n, factor):
    a, b = drawn(seed, m, n)
    assert ratio(b, a) == pytest.approx(1 / ratio(a, b))
    assert ratio(factor * a, b) == pytest.approx(factor * ratio(a, b))


@given(seeds, st.integers(2, 10), st.integers(2, 10), st.floats(-0.6, 0.6))
@settings(max_examples=80, deadline=None)
def test_interval_and_test_agree(seed, m, n, shift):
    a, b = drawn(seed, m, n, shift)
    for level in (0.9, 0.98, 0.99):
        found = ratio_interval(a, b, level)
        tail = (1 - level) / 2
        assert (found is None) == (1 / math.comb(m + n, m) > tail)
        if found is not None:
            assert found[0] <= ratio(a, b) <= found[1]
            assert (found[0] > 1) == (mann_whitney(a, b) <= tail)
            assert (found[1] < 1) == (mann_whitney(b, a) <= tail)


def test_the_interval_is_that_of_the_table():
    """Of nine a side P(U <= 11) is 0.0039 and P(U <= 12) 0.0053: k is 12 for tails of 0.005."""
    a, b = drawn(3, 9, 9)
    quotients = sorted(x / y for x in a for y in b)
    assert ratio_interval(a, b, 0.99) == pytest.approx((quotients[11], quotients[-12]))


def test_the_interval_covers_as_often_as_it_says():
    found = [ratio_interval(*drawn(seed, 9, 9, 0.2), 0.9) for seed in range(600)]
    share = np.mean([low <= math.exp(0.2) <= high for low, high in found])
    assert 0.87 <= share <= 0.95


@given(seeds, st.integers(2, 15))
@settings(deadline=None)
def test_noise_is_one_at_least_and_blind_to_which_half_is_slower(seed, n):
    values = drawn(seed, n, 1)[0]
    assert noise(values) >= 1
    assert noise(1 / values) == pytest.approx(noise(values))
    assert noise(5 * values) == pytest.approx(noise(values))


def test_noise_is_of_odd_against_even_values():
    assert noise(np.array([1.0, 3.0, 1.0, 3.0, 1.0])) == pytest.approx(3)
    assert noise(np.array([3.0, 1.0, 3.0, 1.0, 3.0])) == pytest.approx(3)
    assert noise(np.array([1.0, 1.0, 3.0, 3.0])) == 1


def test_five_a_side_are_enough_for_one_percent():
    assert fewest(0.01) == 5
    assert mann_whitney(np.arange(6.0, 11), np.arange(1.0, 6)) == pytest.approx(1 / 252)
    assert fewest(1 / math.comb(18, 9)) == 9
    assert fewest(1.0) == 1
