"""McNemar's test: scipy's exact values, whole subjects, and its level where images cluster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, permutation_test

from harness.statistics.mcnemar import mcnemar

quickly = settings(max_examples=40, deadline=None, derandomize=True)


def answers(seed: int, n: int, a: float = 0.8, b: float = 0.6) -> list[NDArray[np.bool_]]:
    """Whether two models are right, of n cases each."""
    rng = np.random.default_rng(seed)
    return [rng.random(n) < a, rng.random(n) < b]


@quickly
@given(seed=st.integers(0, 10**6), n=st.integers(1, 400), share=st.floats(0, 1))
def test_with_a_case_a_unit_it_is_scipys_binomial(seed: int, n: int, share: float) -> None:
    a, b = answers(seed, n, b=share)
    won, lost = int((a & ~b).sum()), int((b & ~a).sum())
    theirs = binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert mcnemar(a, b, np.arange(n)) == pytest.approx(theirs, rel=1e-9, abs=1e-15)


@quickly
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), units=st.integers(2, 9))
def test_with_several_it_is_every_choice_of_signs(seed: int, n: int, units: int) -> None:
    a, b = answers(seed, n)
    codes = np.random.default_rng(seed).integers(units, size=n)
    moved = np.bincount(codes, weights=a.astype(float) - b, minlength=units)
    theirs = permutation_test(
        (moved,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=False
    ).pvalue
    assert mcnemar(a, b, codes) == pytest.approx(theirs, rel=1e-9)


@quickly
@given(seed=st.integers(0, 10**6), n=st.integers(1, 80))
def test_sides_and_the_order_of_cases_do_not_matter(seed: int, n: int) -> None:
    a, b = answers(seed, n)
    rng = np.random.default_rng(seed)
    codes, order = rng.integers(5, size=n), rng.permutation(n)
    p = mcnemar(a, b, codes)
    assert mcnemar(b, a, codes) == pytest.approx(p, rel=1e-12)
    assert mcnemar(a[order], b[order], codes[order]) == pytest.approx(p, rel=1e-12)
    assert 0 < p <= 1


@pytest.mark.parametrize("n", [1, 2, 1_000])
def test_models_that_agree_are_alike(n: int) -> None:
    right = answers(0, n)[0]
    assert mcnemar(right, right, np.arange(n)) == 1.0


def test_one_subject_shows_nothing() -> None:
    ones = np.ones(50, dtype=np.bool_)
    assert mcnemar(ones, ~ones, np.zeros(50, dtype=np.int64)) == 1.0


def test_cases_of_ten_thousand_units_are_no_approximation() -> None:
    a, b = answers(1, 10_000, 0.80, 0.78)
    theirs = binomtest(int((a & ~b).sum()), int((a != b).sum())).pvalue
    assert mcnemar(a, b, np.arange(10_000)) == pytest.approx(theirs, rel=1e-9)


def test_images_of_a_subject_are_not_counted_as_if_they_were_alone() -> None:
    """Ten images a subject that share one fate, models alike: 5 % of tests may say otherwise."""
    rng, by_subject, by_image = np.random.default_rng(3), [], []
    codes = np.repeat(np.arange(40), 10)
    for _ in range(200):
        a, b = (rng.random((2, 40)) < 0.7)[:, codes]
        by_subject.append(mcnemar(a, b, codes))
        by_image.append(mcnemar(a, b, np.arange(400)))
    assert np.mean(np.array(by_subject) < 0.05) < 0.09
    assert np.mean(np.array(by_image) < 0.05) > 0.3
