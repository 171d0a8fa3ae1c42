"""The permutation test: scipy's values, swapped tables, and what has nothing to show."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import permutation_test
from sklearn.metrics import roc_auc_score
from test_compare import predictions

from harness.metrics import roc_auc
from harness.predictions import Predictions
from harness.statistics import permutation as module
from harness.statistics.mcnemar import mcnemar
from harness.statistics.permutation import permutation
from harness.statistics.resampling import Array, Measure

quickly = settings(max_examples=25, deadline=None, derandomize=True)


def mean_of(a: Array, b: Array) -> Measure:
    """The mean over cases of what model `a`, and again model `b`, makes of them."""
    both = np.concatenate([a, b])
    return lambda weights: np.asarray(weights @ both / weights.sum(axis=1))


def auc_of(a: Predictions, b: Predictions) -> Measure:
    return partial(roc_auc.measure, Predictions.concatenated([a, b]))


@quickly
@given(seed=st.integers(0, 10**6), n=st.integers(2, 10))
def test_few_units_are_scipys_exact_test(seed: int, n: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, n))
    a += 0.5
    theirs = permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis), permutation_type="samples", vectorized=True
    )
    p, made = permutation([mean_of(a, b)], np.arange(n))
    assert (p, made) == (pytest.approx(theirs.pvalue), None)


def by_hand(a: Predictions, b: Predictions, units: NDArray[np.int64]) -> float:
    """Every choice of units, each a pair of swapped tables for scikit-learn."""
    total, found = int(units.max()) + 1, []
    for choice in range(2**total):
        swap = ((choice >> units) & 1).astype(bool)
        one = np.where(swap, b.probability[:, 1], a.probability[:, 1])
        other = np.where(swap, a.probability[:, 1], b.probability[:, 1])
        found.append(roc_auc_score(a.y_true, one) - roc_auc_score(a.y_true, other))
    return float(np.mean(np.abs(found) >= abs(found[0]) - 1e-12))


def test_an_auc_is_measured_again_of_tables_whose_subjects_are_swapped() -> None:
    a, b = predictions(1, n=24, shift=2.0), predictions(2, n=24)
    units = np.arange(24) // 4
    p, made = permutation([auc_of(a, b)], units)
    assert made is None
    assert p == pytest.approx(by_hand(a, b, units), rel=1e-12)
    assert p != permutation([auc_of(a, b)], np.arange(24) // 3)[0]


def test_of_many_units_random_choices_come_near_the_exact_test() -> None:
    """Of right and wrong answers McNemar's test is that test."""
    rng = np.random.default_rng(0)
    a, b = rng.random(150) < 0.8, rng.random(150) < 0.68
    p, made = permutation([mean_of(a.astype(float), b.astype(float))], np.arange(150))
    assert made == 9_999
    assert p == pytest.approx(mcnemar(a, b, np.arange(150)), abs=0.01)


def test_p_of_random_choices_is_never_0() -> None:
    a = np.random.default_rng(0).random(60) + 1
    assert permutation([mean_of(a, a - 1)], np.arange(60)) == (1 / 10_000, 9_999)


@pytest.mark.parametrize("units", [1, 5, 60])
def test_a_model_against_itself_is_alike(units: int) -> None:
    table = predictions(1, n=60)
    assert permutation([auc_of(table, table)], np.arange(60) % units)[0] == 1.0


def test_one_subject_shows_nothing() -> None:
    a, b = predictions(1, shift=4.0), predictions(2, shift=-4.0)
    assert permutation([auc_of(a, b)], np.zeros(120, dtype=np.int64)) == (1.0, None)


def test_constant_scores_are_alike() -> None:
    flat = np.full(30, 0.5)
    assert permutation([mean_of(flat, flat)], np.arange(30))[0] == 1.0


def test_what_is_undefined_has_no_p() -> None:
    benign = predictions(1).where(predictions(1).y_true == 0)
    p, made = permutation([auc_of(benign, benign)], np.arange(len(benign)))
    assert np.isnan(p)
    assert made is None


def test_a_choice_without_a_value_counts_as_large() -> None:
    """Of two units four choices: found, its mirror, and two that have no value."""

    def measure(weights: Array) -> Array:
        mixed = weights[:, 0] != weights[:, 1]
        return np.where(mixed, np.nan, weights[:, 0])

    assert permutation([measure], np.arange(2))[0] == 1.0


def test_seeds_change_places_together() -> None:
    """Two seeds that answer alike are one seed."""
    a, b = predictions(1, n=30, shift=1.5), predictions(2, n=30)
    units = np.arange(30) // 3
    assert permutation([auc_of(a, b)] * 2, units) == permutation([auc_of(a, b)], units)


@pytest.mark.parametrize("at_once", [1, 10**6])
def test_pieces_change_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = np.random.default_rng(5).normal(size=(2, 40))
    whole = permutation([mean_of(a, b)], np.arange(40))
    exact = permutation([mean_of(a, b)], np.arange(40) % 9)
    monkeypatch.setattr(module, "_WEIGHTS_AT_ONCE", at_once)
    assert permutation([mean_of(a, b)], np.arange(40)) == whole
    assert permutation([mean_of(a, b)], np.arange(40) % 9) == exact


def test_equal_models_are_told_apart_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(300):
        a, b = rng.normal(size=(2, 10))
        found.append(permutation([mean_of(a, b)], np.arange(10))[0])
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.09
